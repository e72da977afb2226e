"""What a plan's measures must be: to their instrument, to themselves, and to one another."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.draft import Draft, unknown
from deepvalue_stats.plan.instrument import Instrument
from deepvalue_stats.plan.measure import minimum_of, registered
from deepvalue_stats.plan.parts import MeasurePlan
from deepvalue_stats.plan.register import INSTRUMENTS
from deepvalue_stats.plan.subscales import half_of, subscale_faults


def measure_faults(draft: Draft) -> Iterator[Fault]:
    """Every fault of the measures of a plan."""
    measure: MeasurePlan
    for name, measure in draft.many("measures").items():
        where, instrument = f"measures.{name}", registered(measure)
        if measure.instrument and instrument is None:
            yield unknown("instrument", measure.instrument, f"{where}.instrument", INSTRUMENTS)
        elif instrument is not None:
            yield from _against(instrument, measure, where)
        elif measure.range is None:
            yield Fault(
                "a measure needs a range or an instrument", where, "add range = [1, 5], say"
            )
        if measure.range and measure.range[0] >= measure.range[1]:
            yield Fault("the range runs backwards", f"{where}.range", "write [lowest, highest]")
        yield from _minimum(measure, where)
        if len(set(measure.items)) < len(measure.items):
            yield Fault("an item stands twice", f"{where}.items", "name each item once")
        for item in set(measure.reversed) - set(measure.items):
            yield unknown("item", item, f"{where}.reversed", measure.items)
    yield from subscale_faults(draft)
    yield from _two_raters(draft)


def _against(instrument: Instrument, measure: MeasurePlan, where: str) -> Iterator[Fault]:
    """What the register knows better than the plan, or does not know at all."""
    yield from _length(instrument, measure, where)
    if measure.range and measure.range != instrument.response_range:
        low, high = instrument.response_range
        fix = f"leave it out, the instrument's is {low} to {high}"
        yield Fault("the range is not the instrument's", f"{where}.range", fix)
    if measure.rater not in instrument.raters:
        yield Fault(
            f"{instrument.name} has no form for a {measure.rater}",
            f"{where}.rater",
            f"use {' or '.join(instrument.raters)}, or leave `instrument` out and give `range`",
        )
    if instrument.reversed_items is None and not measure.reversed:
        yield Fault(
            f"some items of {instrument.name} are reversed, and the register does not know which",
            f"{where}.reversed",
            "name them from the form itself",
        )


def _length(instrument: Instrument, measure: MeasurePlan, where: str) -> Iterator[Fault]:
    """A shortened form is a scale of its own: what holds of the whole one need not hold of it."""
    missing = instrument.n_items - len(measure.items)
    own = "reversed" in measure.model_fields_set and measure.minimum_items is not None
    if missing == 0 or (missing > 0 and own):
        return
    ways = ["name every item in its order"]
    ways += ["say `reversed` (or []) and `minimum_items` of a shortened form"] * (missing > 0)
    yield Fault(
        f"{instrument.name} has {instrument.n_items} items, the plan {len(measure.items)}",
        f"{where}.items",
        f"{', '.join(ways)}, or leave `instrument` out and give `range`",
    )


def _minimum(measure: MeasurePlan, where: str) -> Iterator[Fault]:
    """How many answers make a score is stated, where no instrument has a rule of its own."""
    n_items = len(measure.items)
    instrument = registered(measure)
    # of a form of another length that is said already
    whole = instrument is None or n_items == instrument.n_items
    if minimum_of(measure) is None and whole:
        fix = f"say how many answers make a score; half of the items would be {half_of(n_items)}"
        what = "'minimum_items' is missing and has no default"
        yield Fault(what, f"{where}.minimum_items", fix)
    elif (measure.minimum_items or 0) > n_items:
        yield Fault(
            "more items needed than there are", f"{where}.minimum_items", f"at most {n_items}"
        )


def _two_raters(draft: Draft) -> Iterator[Fault]:
    """An item is answered by one rater: what two of them say is never put into one number."""
    said: dict[str, tuple[str, str]] = {}
    for name, measure in draft.many("measures").items():
        for i, item in enumerate(measure.items):
            first, rater = said.setdefault(item, (name, measure.rater))
            if rater != measure.rater:
                yield Fault(
                    f"item '{item}' is answered by the {measure.rater}, and in '{first}' by the "
                    f"{rater}",
                    f"measures.{name}.items[{i}]",
                    "keep the raters apart: one measure for each, of their own answers",
                )
