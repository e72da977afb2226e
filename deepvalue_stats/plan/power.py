"""What the power section of a plan must be to itself and to the model that decides."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.draft import Draft
from deepvalue_stats.plan.optional import Power
from deepvalue_stats.plan.parts import ModelPlan

# with fewer no variance between practitioners can be told from none
FEWEST = 4
ABOUT_SCORES = ("exposure_icc", "reliability", "damage", "neutral_share")


def power_faults(draft: Draft) -> Iterator[Fault]:
    """Every fault of the power section, and between it and the primary model."""
    power: Power | None = draft.one("power")
    if power is None:
        return
    numbers = power.practitioners
    if min(numbers) < FEWEST:
        fix = f"give {FEWEST} or more, and rather 20"
        yield Fault("too few practitioners to compare", "power.practitioners", fix)
    elif list(numbers) != sorted(set(numbers)):
        fix = f"write {sorted(set(numbers))}"
        what = "the numbers of practitioners do not rise"
        yield Fault(what, "power.practitioners", fix)
    if power.exposure == "arms":
        for key in ABOUT_SCORES:
            if getattr(power, key) is not None:
                fix = 'leave it out, or set exposure = "score"'
                yield Fault(f"arms have no {key}", f"power.{key}", fix)
    primary = [m for m in draft.many("models").values() if m.role == "primary"]
    if len(primary) == 1:
        yield from _with_model(power, primary[0])


def _with_model(power: Power, model: ModelPlan) -> Iterator[Fault]:
    if "practitioner" not in model.groups and model.covariance != "cluster:practitioner":
        yield Fault(
            "power is worked out for the clients of practitioners, and the primary model does not "
            "group rows by practitioner",
            "power",
            "leave it out, or name the practitioner among the groups of the primary model",
        )
    if model.split_by not in (None, "practitioner"):
        fix = "leave it out, or split the exposure by practitioner"
        what = "power is worked out for one row a client, and the exposure is split by"
        yield Fault(f"{what} {model.split_by}", "power", fix)
    constant = power.exposure == "arms" or power.exposure_icc == 1
    if model.split_by == "practitioner" and constant:
        yield Fault(
            "nothing of the exposure is left within practitioners, and the verdict rests on that",
            "power.exposure" if power.exposure == "arms" else "power.exposure_icc",
            'take out split = "within_between", or let clients of a practitioner differ',
        )
