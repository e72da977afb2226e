"""The design that a plan declares, completed from the data, and who said what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from deepvalue_stats.errors import DeepValueError, PlanError
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.optional import Power
from deepvalue_stats.power.existing import parameters_from
from deepvalue_stats.power.replicates import BANDS, DAMAGE, MAIN
from deepvalue_stats.simulate.cohort import Cohort, cohort_truth
from deepvalue_stats.study import prepare

# what a page calls each setting
LABELS: Mapping[str, str] = {
    "practitioners": "Numbers of practitioners tried",
    "exposure": "What is compared",
    "clients_per_practitioner": "Clients who start, a practitioner",
    "caseload_cv": "Spread of those numbers (SD / mean)",
    "base_rate": "Share of clients with the outcome",
    "icc": "Share of the outcome's variance between practitioners",
    "exposure_icc": "Share of the score's variance between practitioners",
    "reliability": "Share of the score's variance that is true",
    "attrition": "Share of clients without a usable row",
    "match_rate": "Share of outcomes that the link finds",
    "effect": "True effect (difference in risk)",
    "effect_low_minus_high": "True effect, lowest band less reference band",
    "damage": "True effect, below the neutral point less above it",
    "neutral_share": "Share of scores below the neutral point",
    "bands": "Shares of the bands",
    "smallest_worthwhile": "Smallest worthwhile difference in risk",
}
EXAMPLES = {
    "clients_per_practitioner": 25,
    "caseload_cv": 0.4,
    "base_rate": 0.25,
    "icc": 0.02,
    "exposure_icc": 0.1,
    "reliability": 0.9,
    "attrition": 0.2,
}
ONLY_SCORES = ("exposure_icc", "reliability", "damage", "neutral_share")
PLAN, DATA = "plan", "data"
NEUTRAL_SHARE = 0.2


@dataclass(frozen=True)
class Setting:
    """One number of a design, and where it was taken from.

    Attributes
    ----------
    name : str
    value : object
    source : str
        plan or data, and how, or what stands in for both.
    """

    name: str
    value: Any
    source: str

    @property
    def label(self) -> str:
        """What a page calls it."""
        return LABELS[self.name]

    @property
    def shown(self) -> str:
        """The value in words; no more digits than a design needs."""
        if isinstance(self.value, Mapping):
            return ", ".join(f"{name} {share:.2f}" for name, share in self.value.items())
        if isinstance(self.value, tuple):
            return ", ".join(map(str, self.value))
        return f"{self.value:.3g}" if isinstance(self.value, float) else str(self.value)


@dataclass(frozen=True)
class Design:
    """A plan's design, complete.

    Attributes
    ----------
    plan : Plan
    settings : tuple of Setting
        In the order of `LABELS`.
    """

    plan: Plan
    settings: tuple[Setting, ...]

    @property
    def practitioners(self) -> tuple[int, ...]:
        """The numbers to try, rising."""
        return tuple(self._values["practitioners"])

    @property
    def from_data(self) -> bool:
        """Whether any number was taken from the data."""
        return any(setting.source.startswith(DATA) for setting in self.settings)

    @property
    def truths(self) -> dict[str, float]:
        """What each question is held to: a unit of the recorded score and outcome."""
        cohort = self.cohort(self.practitioners[0])
        truth = cohort_truth(cohort)
        within = self.plan.models[self.plan.primary].split_by is not None
        main = truth.within if within else truth.effect
        bands = truth.within_low_minus_reference if within else truth.low_minus_reference
        found = {MAIN: main, BANDS: bands}
        return found if cohort.exposure == "arms" else {**found, DAMAGE: truth.damage}

    @property
    def _values(self) -> dict[str, Any]:
        return {setting.name: setting.value for setting in self.settings}

    def cohort(self, practitioners: int) -> Cohort:
        """What is drawn for a number of practitioners."""
        known = self._values
        taken = (
            "clients_per_practitioner", "caseload_cv", "base_rate", "icc", "effect", "attrition",
            "match_rate", "exposure", *ONLY_SCORES,
        )  # fmt: skip
        return Cohort(
            practitioners=practitioners,
            low_minus_reference=known["effect_low_minus_high"],
            bands=tuple(known["bands"].items()),
            reference=self.plan.equity.reference,
            **{name: known[name] for name in taken if name in known},
        )


def resolve_design(
    plan: Plan, *, folder: Path, frames: Mapping[str, pd.DataFrame] | None = None
) -> Design:
    """Complete the power section of a plan from its data.

    Parameters
    ----------
    plan : Plan
        With a power section.
    folder : Path
        What source paths are relative to.
    frames : mapping of str to pandas.DataFrame, optional
        Sources given as frames instead of files.

    Returns
    -------
    Design

    Raises
    ------
    PlanError
        If there is no power section, or it leaves out what the data do not tell either.
    """
    if plan.power is None:
        raise PlanError(
            "the plan has no power section",
            "power",
            "add [power] with practitioners = [20, 40, 80]; what it leaves out is taken from the "
            "data, or named",
        )
    declared = _declared(plan.power)
    wanted = [name for name in LABELS if name not in ("smallest_worthwhile", *declared)]
    wanted = [name for name in wanted if not _unused(plan.power, name)]
    wanted = [name for name in wanted if name not in ("effect", "effect_low_minus_high", "damage")]
    found, trouble = _found(plan, folder, frames) if wanted else ({}, "")
    found = _before_linking(declared, found)
    known = {**found, **declared}
    missing = [name for name in EXAMPLES if name not in known and not _unused(plan.power, name)]
    if missing:
        raise PlanError(
            f"nothing says {', '.join(missing)}: the power section leaves "
            f"{'it' if len(missing) == 1 else 'them'} out, and {trouble}",
            "power",
            "add " + ", ".join(f"{name} = {EXAMPLES[name]}" for name in missing) + " (with your "
            "own numbers), or put the data where the plan says",
        )
    known |= _stand_ins(plan, known)
    order = [name for name in LABELS if name in known and not _unused(plan.power, name)]
    return Design(plan, tuple(known[name] for name in order))


def _declared(power: Power) -> dict[str, Setting]:
    values = {name: getattr(power, name) for name in LABELS if name in Power.model_fields}
    return {n: Setting(n, value, PLAN) for n, value in values.items() if value is not None}


def _unused(power: Power, name: str) -> bool:
    return power.exposure == "arms" and name in ONLY_SCORES


def _found(
    plan: Plan, folder: Path, frames: Mapping[str, pd.DataFrame] | None
) -> tuple[dict[str, Setting], str]:
    """What the data tell, and why they do not tell more."""
    try:
        taken = parameters_from(prepare(plan, folder=folder, frames=frames))
    except DeepValueError as error:
        first = error.faults[0]
        return {}, f"the data cannot be read ({first.what}: {first.where})"
    found = {name: Setting(name, *value) for name, value in taken.items()}
    return found, "the data do not tell"


def _before_linking(
    declared: Mapping[str, Setting], found: dict[str, Setting]
) -> dict[str, Setting]:
    """Recorded outcomes have lost those that do not link; a declared rate is that of all."""
    rate = declared.get("match_rate")
    if rate is None or "base_rate" not in found:
        return found
    recorded = found["base_rate"]
    source = f"{recorded.source}, {recorded.shown} recorded / {rate.shown} linked"
    before = min(recorded.value / rate.value, 0.99)
    return {**found, "base_rate": replace(recorded, value=before, source=source)}


def _stand_ins(plan: Plan, known: Mapping[str, Setting]) -> dict[str, Setting]:
    """What neither plan nor data have to say."""
    worthwhile = plan.verdicts.smallest_worthwhile
    effect = known["effect"].value if "effect" in known else worthwhile
    names = tuple(plan.equity.bands)
    stand_ins: dict[str, tuple[Any, str]] = {
        "effect": (worthwhile, f"{PLAN}, the smallest worthwhile"),
        "effect_low_minus_high": (effect, f"{PLAN}, as large as the effect"),
        "damage": (effect, f"{PLAN}, as large as the effect"),
        "match_rate": (1.0, "nothing said: all"),
        "neutral_share": (NEUTRAL_SHARE, "nothing said: a fifth"),
        "bands": (dict.fromkeys(names, 1 / len(names)), "nothing said: equal"),
        "smallest_worthwhile": (worthwhile, PLAN),
    }
    return {n: Setting(n, *value) for n, value in stand_ins.items() if n not in known}
