"""The register as a page that a person can read: docs/instruments.md is this text."""

from __future__ import annotations

from collections.abc import Iterator

from deepvalue_stats.plan.instrument import Instrument
from deepvalue_stats.plan.register import INSTRUMENTS

_OPENING = """\
# Instruments

What the register knows of each scale. A plan names one with `instrument`, lists the columns of its
items in the order of the form, and then need not repeat what stands here. This page is written by
the program from the register.

- The score of the package is the mean of the answered items, after reversal, in the items' own
  units. Where the authors add the items up, their total is that mean times the number of items.
- With fewer answers than `minimum_items` there is no score. The plan's number wins over the
  instrument's. Where neither is known the plan has to say it: half of the items, rounded up, is
  the usual rule, and the one by which subscales are scored.
- A shortened form keeps the name and the range of its instrument, and nothing else: the plan says
  `reversed` and `minimum_items` itself.
- Subscales are scored with `score_subscales = true`, each into a column
  `<measure>_<subscale>`, or where a model names that column as its exposure.
- No item of another author's is printed here or shipped. What could not be checked against a source
  is said to be unverified: look it up before it is relied upon.
"""
_TABLE = """\
| instrument | items | responses | total | raters | answers needed | reversed |
|---|---|---|---|---|---|---|
"""


def instruments_page() -> str:
    """The whole page, as Markdown."""
    rows = "".join(_row(one) for one in INSTRUMENTS.values())
    parts = ["\n".join(_section(one)) for one in INSTRUMENTS.values()]
    return "\n".join([_OPENING, _TABLE + rows, *parts])


def _row(one: Instrument) -> str:
    (low, high), (least, most) = one.response_range, one.total_range
    cells = [
        f"[`{one.name}`](#{one.name})",
        str(one.n_items),
        f"{low} to {high}",
        f"{least} to {most}",
        ", ".join(one.raters),
        str(one.minimum_items or "the plan says"),
        _reversed(one),
    ]
    return f"| {' | '.join(cells)} |\n"


def _reversed(one: Instrument) -> str:
    if one.reversed_items is None:
        return "the plan says"
    return ", ".join(str(place) for place in one.reversed_items) or "none"


def _section(one: Instrument) -> Iterator[str]:
    yield from (f"## {one.name}", "", f"{one.title}.", "")
    yield f"- Source: {one.reference}."
    yield f"- Terms of use: {one.licence}."
    yield f"- {one.direction[:1].upper()}{one.direction[1:]}. Scored as a {one.scoring}."
    yield f"- Unanswered items: {one.missing_rule}."
    for name, places in one.subscales.items():
        yield f"- Subscale `{name}`: items {', '.join(str(place) for place in places)}."
    yield from (f"- {note}" for note in one.notes)
    yield from (f"- Unverified: {fact}." for fact in one.unverified)
    for rater, items in one.wording.items():
        yield from ("", f"For a {rater}:", "")
        yield from (f"{place}. {item}" for place, item in enumerate(items, start=1))
    if one.responses:
        low = one.response_range[0]
        named = [f"{place} {word}" for place, word in enumerate(one.responses, start=low)]
        yield from ("", f"Responses: {', '.join(named)}.")
    yield ""
