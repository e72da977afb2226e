"""What a plan leaves unsaid, and what then holds."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.plan.base import Part
from deepvalue_stats.plan.measure import minimum_of
from deepvalue_stats.plan.parts import Plan


def defaults_in_force(plan: Plan) -> list[str]:
    """Every setting that the file leaves out and a default fills, as `path = value`.

    What an instrument's own rule fills is named with it.
    """
    rules = [
        f"measures.{name}.minimum_items = {minimum_of(measure)} ({measure.instrument})"
        for name, measure in plan.measures.items()
        if measure.minimum_items is None
    ]
    return [*_defaults(plan, ""), *rules]


def _defaults(part: Part, path: str) -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        value, where = getattr(part, name), f"{path}{field.alias or name}"
        if name not in part.model_fields_set:
            if isinstance(value, Part):
                yield from _defaults(value, f"{where}.")
            elif value is not None and value is not False and value not in ((), {}):
                yield f"{where} = {list(value) if isinstance(value, tuple) else value}"
        elif isinstance(value, Part):
            yield from _defaults(value, f"{where}.")
        elif isinstance(value, dict):
            for key, entry in value.items():
                if isinstance(entry, Part):
                    yield from _defaults(entry, f"{where}.{key}.")
