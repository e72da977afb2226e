"""A measure with nothing left open: the plan's words joined with the instrument's facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from deepvalue_stats.plan.parts import MeasurePlan
from deepvalue_stats.plan.register import INSTRUMENTS


@dataclass(frozen=True)
class Measure:
    """A scale ready to be scored.

    Attributes
    ----------
    name : str
        The plan's name for the measure; the score stands in a column of that name.
    items : tuple of str
        Column names as the plan writes them.
    response_range : tuple of int
        Lowest and highest response of an item.
    reversed_items : tuple of str
        Items scored as low + high - response.
    not_applicable : tuple of int
        Responses that mean "does not apply": counted as not answered.
    minimum_items : int
        Fewer answered items than this give no score.
    rater : str
        Who answers: client, practitioner or observer.
    baseline : bool
        One value a client, taken before the index.
    absent_means : str
        The reason printed where no item at all was answered.
    reference : str
        Where the scale comes from.
    subscales : mapping of str to tuple of str
        Items of each, in the plan's column names; empty where the scale has none.
    """

    name: str
    items: tuple[str, ...]
    response_range: tuple[int, int]
    reversed_items: tuple[str, ...]
    not_applicable: tuple[int, ...]
    minimum_items: int
    rater: str
    baseline: bool
    absent_means: str
    reference: str
    subscales: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


def resolve_measure(name: str, plan: MeasurePlan) -> Measure:
    """Join a measure's plan with its instrument, where it names one."""
    instrument = INSTRUMENTS[plan.instrument] if plan.instrument else None
    response_range = plan.range or (instrument.response_range if instrument else None)
    if response_range is None:  # a plan from `read_plan` cannot get here
        raise ValueError(f"measure {name} has neither a range nor an instrument")
    registered = instrument.reversed_items if instrument else ()
    reversed_items = plan.reversed or tuple(plan.items[i - 1] for i in registered)
    return Measure(
        name=name,
        items=plan.items,
        response_range=response_range,
        reversed_items=reversed_items,
        not_applicable=plan.not_applicable,
        minimum_items=plan.minimum_items,
        rater=plan.rater,
        baseline=plan.at == "baseline",
        absent_means=plan.absent_means or f"no answer to any item of {name}",
        reference=instrument.reference if instrument else "items declared in the plan",
    )
