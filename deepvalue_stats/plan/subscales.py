"""Subscales of a measure: which items they have, and the measures that they are by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from deepvalue_stats.errors import Fault
from deepvalue_stats.plan.draft import Draft, unknown
from deepvalue_stats.plan.measure import range_of, registered, reversed_of, subscales_of
from deepvalue_stats.plan.parts import MeasurePlan, ModelPlan

# a split exposure has columns of these names already
TAKEN = ("within", "between")


def subscale_columns(name: str, measure: MeasurePlan) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The subscales of a measure by the column that each would be: its name, and its items."""
    return {f"{name}_{part}": (part, items) for part, items in subscales_of(measure).items()}


def half_of(n_items: int) -> int:
    """Half of the items, rounded up: with fewer answers there is no score."""
    return (n_items + 1) // 2


def with_subscales(
    measures: Mapping[str, MeasurePlan], models: Mapping[str, ModelPlan]
) -> dict[str, MeasurePlan]:
    """Every measure, and behind each its subscales that are to be scored.

    Parameters
    ----------
    measures : mapping of str to MeasurePlan
    models : mapping of str to ModelPlan

    Returns
    -------
    dict of str to MeasurePlan
        A subscale is a measure of its own: `<measure>_<subscale>`, with the items, range, neutral
        point and rater of its measure, scored where half of its items are answered.

    Notes
    -----
    A measure that the plan declares under such a name stays what it is.
    """
    exposures = {model.exposure for model in models.values()}
    found = dict(measures)
    for name, measure in measures.items():
        for column, (_, items) in subscale_columns(name, measure).items():
            if measure.score_subscales or column in exposures:
                found.setdefault(column, _alone(measure, items))
    return found


def _alone(measure: MeasurePlan, items: tuple[str, ...]) -> MeasurePlan:
    turned = reversed_of(measure)
    return measure.model_copy(
        update={
            "items": items,
            "instrument": None,
            "range": range_of(measure),
            "reversed": tuple(item for item in items if item in turned),
            "minimum_items": half_of(len(items)),
            "subscales": {},
            "score_subscales": False,
            # both are of the whole scale: a part is shorter, and less reliable
            "error_correction": "none",
            "reliability": None,
        }
    )


def expanded(draft: Draft) -> tuple[Draft, dict[str, str]]:
    """The draft with its subscales as measures, and the measure of each of them.

    A measure whose scale is not known, or that has faulty subscales, adds none; an exposure that
    may be one of its subscales is then a name like that of any other faulty part.
    """
    measures = draft.many("measures")
    sound = {name: m for name, m in measures.items() if _sound(name, m)}
    every = with_subscales(sound, draft.many("models"))
    added = {column: measure for column, measure in every.items() if column not in sound}
    whose = {c: name for name, m in sound.items() for c in subscale_columns(name, m) if c in added}
    faulty = tuple(f"{name}_" for name in draft.names("measures") if name not in sound)
    exposures = [model.exposure for model in draft.many("models").values()]
    unsure = [exposure for exposure in exposures if exposure.startswith(faulty)]
    named = tuple(dict.fromkeys((*draft.names("measures"), *added, *unsure)))
    parts = {**draft.parts, "measures": {**measures, **added}}
    return replace(draft, parts=parts, named={**draft.named, "measures": named}), whose


def _sound(name: str, measure: MeasurePlan) -> bool:
    known = measure.instrument is None or registered(measure) is not None
    return known and range_of(measure) is not None and not list(_faults(name, measure))


def of_the_measure(faults: list[Fault], whose: Mapping[str, str]) -> list[Fault]:
    """Faults of a subscale as those of its measure, in whose lines they are mended."""
    told = []
    for fault in faults:
        section, _, rest = fault.where.partition(".")
        name, dot, key = rest.partition(".")
        if section == "measures" and dot and name in whose:
            if key.startswith("items["):
                continue  # the measure's own list of items has the same
            fault = replace(fault, where=f"measures.{whose[name]}.{key}")
        told.append(fault)
    return list(dict.fromkeys(told))


def subscale_faults(draft: Draft) -> Iterator[Fault]:
    """Every fault of the subscales that a plan declares."""
    measure: MeasurePlan
    for name, measure in draft.many("measures").items():
        yield from _faults(name, measure)
        if measure.score_subscales and not subscales_of(measure):
            yield Fault(
                f"'{name}' has no subscales to score",
                f"measures.{name}.score_subscales",
                f'declare them, as in measures.{name}.subscales = {{ bond = ["q01", "q02"] }}, '
                "or leave it out",
            )
        yield from _declared_twice(draft, name, measure)


def _faults(name: str, measure: MeasurePlan) -> Iterator[Fault]:
    where, seen = f"measures.{name}.subscales", dict[str, str]()
    for part, items in measure.subscales.items():
        here = f"{where}.{part}"
        if not f"{name}_{part}".isidentifier() or "__" in f"{name}_{part}" or part in TAKEN:
            fix = "use letters, digits and single _, and neither 'within' nor 'between'"
            yield Fault(f"'{part}' cannot name a subscale", here, fix)
        if not items:
            yield Fault("a subscale has items", here, "name one or more, or take it out")
        for i, item in enumerate(items):
            if item not in measure.items:
                yield unknown("item", item, f"{here}[{i}]", measure.items)
            elif item in seen:
                what = f"item '{item}' stands in '{seen[item]}' and in '{part}'"
                yield Fault(what, f"{here}[{i}]", "leave it in one of them")
            seen.setdefault(item, part)


def _declared_twice(draft: Draft, name: str, measure: MeasurePlan) -> Iterator[Fault]:
    """A measure under the name of another one's subscale is something else by the same name."""
    if not _sound(name, measure):
        return
    measures = draft.many("measures")
    made = with_subscales({name: measure}, draft.many("models"))
    for column in made:
        if column != name and column in measures and measures[column] != made[column]:
            yield Fault(
                f"'{column}' is a measure, and a subscale of '{name}'",
                f"measures.{column}",
                "give the measure or the subscale another name",
            )
