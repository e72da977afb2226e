"""The further attributes of clients along which a plan compares effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.draft import Draft
from deepvalue_stats.plan.parts import Attribute, CovariatePlan, Equity

# the words by which tables tell groups apart
PARTED = (" minus ", ": ")


def attribute_faults(draft: Draft) -> Iterator[Fault]:
    """Every fault of the further attributes along which effects are compared."""
    equity: Equity | None = draft.one("equity")
    for name, attribute in equity.also.items() if equity else ():
        where = f"equity.also.{name}"
        covariate: CovariatePlan | None = draft.many("covariates").get(name)
        if covariate is None:
            known = ", ".join(draft.names("covariates")) or "(none is declared)"
            yield Fault(f"'{name}' is no covariate", where, f"use one of {known}")
            continue
        if covariate.at != "baseline":
            yield Fault(
                "an attribute after the start may be part of what the relationship does",
                where,
                'name a covariate with at = "baseline"',
            )
        yield from _groups(attribute, covariate, where)


def _groups(attribute: Attribute, covariate: CovariatePlan, where: str) -> Iterator[Fault]:
    """A category has its own groups; a number is cut into bands."""
    bands = attribute.bands
    if covariate.type == "category":
        if bands:
            yield Fault("a category has groups already", f"{where}.bands", "take the bands out")
        return
    if len(bands) < 2:
        fix = "name two bands or more, each with its lower bound"
        yield Fault("a number is compared in bands", f"{where}.bands", fix)
    elif attribute.reference not in bands:
        fix = f"use one of {', '.join(bands)}"
        yield Fault(f"no band '{attribute.reference}'", f"{where}.reference", fix)
    for band in bands:
        if not band or any(mark in band for mark in PARTED):
            fix = "use a name without ' minus ' and ': '"
            yield Fault(f"'{band}' cannot name a band", f"{where}.bands", fix)
    yield from rising(bands, f"{where}.bands")


def rising(bands: Mapping[str, float], where: str) -> Iterator[Fault]:
    """A fault if the lower bounds of bands do not rise."""
    if any(low >= high for low, high in pairwise(bands.values())):
        fix = "write the bands from the lowest lower bound to the highest"
        yield Fault("the bands' lower bounds do not rise", where, fix)
