"""A measure with nothing left open: the plan's words joined with the instrument's facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from deepvalue_stats.plan.instrument import Instrument
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
        The items of each subscale.
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
    subscales: Mapping[str, tuple[str, ...]]


def registered(plan: MeasurePlan) -> Instrument | None:
    """The instrument that a measure names, where the register has it."""
    return INSTRUMENTS.get(plan.instrument or "")


def range_of(plan: MeasurePlan) -> tuple[int, int] | None:
    """Lowest and highest response: the plan's, or else the instrument's."""
    instrument = registered(plan)
    return plan.range or (instrument.response_range if instrument else None)


def reversed_of(plan: MeasurePlan) -> tuple[str, ...]:
    """Items whose high response means a poor relationship."""
    whole = _whole(plan)
    return plan.reversed or (_at(plan, whole.reversed_items or ()) if whole else ())


def subscales_of(plan: MeasurePlan) -> dict[str, tuple[str, ...]]:
    """The items of each subscale: the plan's own, or else those of a whole instrument."""
    whole = _whole(plan)
    if plan.subscales or whole is None:
        return dict(plan.subscales)
    return {part: _at(plan, positions) for part, positions in whole.subscales.items()}


def minimum_of(plan: MeasurePlan) -> int | None:
    """How many answers make a score: the plan's number, or else the rule of a whole instrument."""
    whole = _whole(plan)
    return plan.minimum_items or (whole.minimum_items if whole else None)


def _reference(plan: MeasurePlan) -> str:
    instrument = registered(plan)
    if instrument is None:
        return "items declared in the plan"
    short = f"; shortened to {len(plan.items)} of its {instrument.n_items} items"
    return instrument.reference + (short if _whole(plan) is None else "")


def _whole(plan: MeasurePlan) -> Instrument | None:
    """The instrument, where all its items are used: positions and rules are those of all."""
    instrument = registered(plan)
    return instrument if instrument and len(plan.items) == instrument.n_items else None


def _at(plan: MeasurePlan, positions: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(plan.items[i - 1] for i in positions)


def resolve_measure(name: str, plan: MeasurePlan) -> Measure:
    """Join a measure's plan with its instrument, where it names one."""
    response_range, minimum_items = range_of(plan), minimum_of(plan)
    if response_range is None or minimum_items is None:  # a plan from `read_plan` cannot get here
        raise ValueError(f"measure {name} has no range, or no number of items that make a score")
    return Measure(
        name=name,
        items=plan.items,
        response_range=response_range,
        reversed_items=reversed_of(plan),
        not_applicable=plan.not_applicable,
        minimum_items=minimum_items,
        rater=plan.rater,
        baseline=plan.at == "baseline",
        absent_means=plan.absent_means or f"no answer to any item of {name}",
        reference=_reference(plan),
        subscales=MappingProxyType(subscales_of(plan)),
    )
