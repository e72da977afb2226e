"""What moved between two runs of a study, and what may have moved it: cleared numbers alone."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepvalue_stats.errors import DataError
from deepvalue_stats.findings import Findings, read_findings
from deepvalue_stats.report import facts
from deepvalue_stats.report.heading import short, status
from deepvalue_stats.report.markup import Column, Html, Row, Table, bullets, join, table, tag
from deepvalue_stats.report.numbers import (
    HIDDEN,
    Estimate,
    cell,
    decimal,
    interval,
    reading,
    sentence,
    signed,
    words,
)
from deepvalue_stats.report.rendering import render_parts
from deepvalue_stats.report.writers.comparison import write_parts

KEYS = ["model", "outcome", "exposure", "scale", "contrast", "group"]
SHOWN = ["estimate", "conf_low", "conf_high", "status"]
CAUSES = ("data", "plan", "code", "seed")
"""What a run is recorded to depend on, and what may so have moved a number."""
TITLE = "What moved between two runs"
ABSENT = "not set"


@dataclass(frozen=True)
class Change:
    """One recorded thing that differs between two runs, as text."""

    cause: str
    what: str
    earlier: str
    later: str


@dataclass(frozen=True)
class Moved:
    """An effect of either run; a run that does not have it has None."""

    name: str
    earlier: Estimate | None
    later: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """Two runs of one study, side by side.

    Attributes
    ----------
    study : str
    verdicts : tuple of (claim, earlier answer, later answer)
        All of them; a claim that a run does not judge has "not judged".
    effects : tuple of Moved
        Differences in risk that are not equal in both runs.
    elsewhere : int
        Estimates on other scales that are not equal.
    changes : tuple of Change
    rows : tuple of (table row, earlier, later)
        Cleared counts of the sources that differ.
    """

    study: str
    verdicts: tuple[tuple[str, str, str], ...]
    effects: tuple[Moved, ...]
    elsewhere: int
    changes: tuple[Change, ...]
    rows: tuple[tuple[str, str, str], ...]

    @property
    def causes(self) -> tuple[str, ...]:
        """What changed, of `CAUSES`."""
        found = {change.cause for change in self.changes}
        return tuple(cause for cause in CAUSES if cause in found)

    @property
    def moved(self) -> bool:
        """Whether any verdict or effect is another one."""
        return bool(self.effects or self.elsewhere) or any(a != b for _, a, b in self.verdicts)


def compare(earlier: Findings, later: Findings) -> Comparison:
    """Put two runs of one study side by side.

    Both hold cleared numbers alone. Two runs that are published one after the other may still
    tell by subtraction what neither tells: that is judged before a later run is released.

    Parameters
    ----------
    earlier, later : Findings

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        If the two are not of one study.
    """
    names = [str(run.study.get("name")) for run in (earlier, later)]
    if names[0] != names[1]:
        raise DataError(
            f"these are two studies, '{names[0]}' and '{names[1]}'",
            "compare",
            "name two runs of one study",
        )
    both = _side_by_side(earlier.effects.frame, later.effects.frame)
    risks = both[both["scale"] == "risk_difference"]
    return Comparison(
        study=names[0],
        verdicts=_verdicts(earlier, later),
        effects=tuple(_moved(later, row) for _, row in risks.iterrows()),
        elsewhere=len(both) - len(risks),
        changes=(*_data(earlier, later), *_plan(earlier, later), *_code(earlier, later)),
        rows=_rows(earlier, later),
    )


def write_comparison(
    earlier: Path, later: Path, output: Path, *, also: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Write the page that compares two runs, and further forms of it.

    Parameters
    ----------
    earlier, later : Path
        Folders written by `write_findings`; nothing beside them is read.
    output : Path
        The HTML page.
    also : sequence of str
        Forms of `report.writers.FORMS`, written beside it.

    Returns
    -------
    tuple of Path

    Raises
    ------
    DataError
        If there are no sound findings, or they are of two studies.
    """
    runs = read_findings(earlier), read_findings(later)
    parts = comparison_parts(compare(*runs), *runs)
    html = output if output.suffix == ".html" else output / "comparison.html"
    made = [render_parts("Comparison of two runs", parts, html)]
    source = f"study {words(str(runs[0].study['name']))}, two runs"
    with tempfile.TemporaryDirectory(prefix="deepvalue_forms_") as place:
        for form in also:
            fresh = write_parts(TITLE, parts, source, Path(place) / f"{html.stem}.{form}")
            made += [Path(shutil.copy(path, html.with_name(path.name))) for path in fresh]
    return tuple(made)


def comparison_parts(found: Comparison, earlier: Findings, later: Findings) -> tuple[Html, ...]:
    """The parts of the page, in their order."""
    head = [
        tag("p", "Comparison of two runs", class_="kicker"),
        tag("h1", f"{TITLE}: {words(found.study)}"),
        tag("p", str(later.study.get("question") or ""), class_="field"),
    ]
    small = facts.worthwhile(later)
    return (
        join([tag("header", join(head)), status(later)]),
        join([tag("h2", "In short"), bullets(in_short(found))]),
        join([tag("h2", "Verdicts"), _verdict_table(found)]),
        join([tag("h2", "Effects"), *_effect_parts(found, small)]),
        join([tag("h2", "What may have moved them"), tag("p", why(found)), *_cause_parts(found)]),
        join([tag("h2", "The two runs"), _runs_table(earlier, later)]),
    )


def in_short(found: Comparison) -> list[str]:
    """How many verdicts and effects moved, and why, in sentences."""
    if not found.moved and not found.changes:
        return ["Nothing changed: data, plan, code and seed are the same, and so is every figure."]
    turned = [f"{claim} from {a} to {b}" for claim, a, b in found.verdicts if a != b]
    number = len(found.effects)
    moved = "1 difference in risk is" if number == 1 else f"{number} differences in risk are"
    return [
        f"Verdicts that moved: {', '.join(turned)}." if turned else "No verdict moved.",
        f"{moved} not the same.{_largest(found)}" if number else "No difference in risk moved.",
        why(found),
    ]


def _largest(found: Comparison) -> str:
    """The effect that moved furthest, where both runs have it."""
    both = [(abs(m.later.value - m.earlier.value), m) for m in found.effects
            if m.earlier and m.later and m.earlier.ok and m.later.ok]  # fmt: skip
    if not both:
        return ""
    furthest = max(both, key=lambda one: one[0])[1]
    return f" The furthest: {furthest.name}, {step(furthest)}."


def why(found: Comparison) -> str:
    """What may have moved the numbers; several causes at once cannot be told apart.

    Parameters
    ----------
    found : Comparison

    Returns
    -------
    str
    """
    names = [{"code": "the code or a library", "seed": "the seed"}.get(c, f"the {c}")
             for c in found.causes]  # fmt: skip
    listed = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
    if not found.moved:
        return f"Only what is recorded changed ({listed}): no figure moved." if names else (
            "Nothing that is recorded changed."
        )  # fmt: skip
    if not names:
        return (
            "Nothing that is recorded changed, and yet figures moved: run both again on one "
            "machine before either is used."
        )
    if len(names) == 1:
        return f"Of what is recorded, only {listed} changed: what moved comes from there."
    return (
        f"{sentence(listed)} changed at once: which of them moved a figure cannot be told "
        "apart. Run the study again with one of them changed at a time."
    )


def step(moved: Moved) -> str:
    """One effect in words: from where to where, per 100 clients.

    Parameters
    ----------
    moved : Moved

    Returns
    -------
    str
    """
    one, other = moved.earlier, moved.later
    if one is None or other is None:
        return "only in the later run" if one is None else "only in the earlier run"
    if not (one.ok and other.ok):
        gone = "no longer published or estimated" if one.ok else "published now"
        return gone if one.ok or other.ok else "in neither run"
    difference = other.value - one.value
    if decimal(abs(difference)) == "0.0":
        return "moved by less than 0.1 per 100 clients"
    way = "higher" if difference > 0 else "lower"
    inside = one.low <= other.value <= one.high
    where = "inside" if inside else "outside"
    return f"{decimal(abs(difference))} {way} per 100 clients, {where} the earlier interval"


def _side_by_side(earlier: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Rows that are not equal in both, in the order of the later run, then those that are gone."""
    both = later.merge(earlier, on=KEYS, how="outer", suffixes=("_later", "_earlier"),
                       sort=False, indicator="stands")  # fmt: skip
    order = {tuple(row): n for n, row in enumerate(
        [*later[KEYS].to_numpy().tolist(), *earlier[KEYS].to_numpy().tolist()][::-1])}  # fmt: skip
    place = [-order[tuple(row)] for row in both[KEYS].to_numpy().tolist()]
    both = both.iloc[sorted(range(len(both)), key=place.__getitem__)]
    differ = both["stands"] != "both"
    for name in SHOWN:
        one, other = both[f"{name}_earlier"], both[f"{name}_later"]
        differ |= (one != other) & ~(one.isna() & other.isna())
    return both[differ]


def _moved(later: Findings, row: pd.Series) -> Moved:
    group = "all clients" if row["group"] == "all" else facts.band_words(later, str(row["group"]))
    per = {"sd": "per SD", "point": "per point"}.get(str(row["contrast"]), words(row["contrast"]))
    name = f"{words(str(row['model']))}, {words(str(row['exposure']))}, {group}, {per}"
    return Moved(
        name=sentence(name),
        earlier=None if row["stands"] == "left_only" else _estimate(row, "earlier"),
        later=None if row["stands"] == "right_only" else _estimate(row, "later"),
    )


def _estimate(row: pd.Series, run: str) -> Estimate:
    named = {str(key).removesuffix(f"_{run}"): value for key, value in row.items()
             if str(key).endswith(f"_{run}")}  # fmt: skip
    return facts.estimate(pd.Series(named), str(row["group"]))


def _verdicts(earlier: Findings, later: Findings) -> tuple[tuple[str, str, str], ...]:
    one, other = ({v.claim: v.answer for v in run.verdicts} for run in (earlier, later))
    claims = dict.fromkeys((*one, *other))
    return tuple((c, one.get(c, "not judged"), other.get(c, "not judged")) for c in claims)


def _data(earlier: Findings, later: Findings) -> list[Change]:
    one, other = (dict(run.provenance.get("data") or {}) for run in (earlier, later))
    return _differing("data", one, other)


def _plan(earlier: Findings, later: Findings) -> list[Change]:
    """Settings that differ; where findings do not hold them, the digest alone."""
    one, other = (dict(run.study.get("settings") or {}) for run in (earlier, later))
    digests = [str(run.provenance.get("plan")) for run in (earlier, later)]
    seeds = [str(run.provenance.get("seed")) for run in (earlier, later)]
    seed = [Change("seed", "seed", *seeds)] if seeds[0] != seeds[1] else []
    for settings in (one, other):
        settings.pop("seed", None)
    found = _differing("plan", one, other)
    if not found and digests[0] != digests[1] and not (seed and one and other):
        found = [Change("plan", "digest of the plan", *digests)]
    return found + seed


def _code(earlier: Findings, later: Findings) -> list[Change]:
    one, other = (
        {"package": run.provenance.get("package"), **(run.provenance.get("versions") or {})}
        for run in (earlier, later)
    )
    return _differing("code", one, other)


def _differing(cause: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Change]:
    names = dict.fromkeys((*one, *other))
    return [
        Change(cause, name, _text(one.get(name)), _text(other.get(name)))
        for name in names
        if one.get(name) != other.get(name)
    ]


def _text(value: object) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _rows(earlier: Findings, later: Findings) -> tuple[tuple[str, str, str], ...]:
    one, other = (_source_counts(run) for run in (earlier, later))
    names = dict.fromkeys((*one, *other))
    return tuple(
        (name, one.get(name, ABSENT), other.get(name, ABSENT))
        for name in names
        if one.get(name) != other.get(name)
    )


def _source_counts(findings: Findings) -> dict[str, str]:
    """The cleared counts of the table of sources, each named by its row and column."""
    found = findings.counts.get("sources")
    if found is None:
        return {}
    labels = [name for name, rule in found.rules.items() if rule == "label"]
    counts = [name for name, rule in found.rules.items() if rule == "count"]
    return {
        f"{', '.join(words(str(row[n])) for n in labels if row[n])}: {words(name)}": str(row[name])
        for _, row in found.frame.iterrows()
        for name in counts
    }


def _verdict_table(found: Comparison) -> Table:
    rows: list[Row] = [
        [claim, words(a), words(b), "the same" if a == b else "moved"]
        for claim, a, b in found.verdicts
    ]
    columns = [Column(name) for name in ("Claim", "Earlier run", "Later run", "Moved?")]
    return table("Verdicts of the two runs", columns, rows)


def _effect_parts(found: Comparison, small: float) -> list[Html]:
    parts: list[Html] = []
    if found.effects:
        columns = [
            Column("Effect"),
            Column("Earlier run (95% interval)", numeric=True, unit="per 100 clients"),
            Column("Later run (95% interval)", numeric=True, unit="per 100 clients"),
            Column("What moved"),
            Column("Reading"),
        ]
        rows: list[Row] = [
            [m.name, _printed(m.earlier), _printed(m.later), step(m), _readings(m, small)]
            for m in found.effects
        ]
        parts.append(table("Differences in risk that moved", columns, rows,
                           explained="per 100 clients", class_="wide"))  # fmt: skip
    else:
        parts.append(tag("p", "Every difference in risk is the same in both runs."))
    if found.elsewhere:
        says = f"Estimates on other scales that are not the same: {found.elsewhere}."
        parts.append(tag("p", says, class_="note"))
    return parts


def _printed(one: Estimate | None) -> str:
    if one is None:
        return ""
    if not one.ok:
        return HIDDEN if one.status == "suppressed" else reading(one, 0.0)
    return f"{signed(one.value)} ({interval(one.low, one.high)})"


def _readings(moved: Moved, small: float) -> str:
    one, other = (None if e is None else reading(e, small) for e in (moved.earlier, moved.later))
    if one == other:
        return f"{one}, as before"
    return " \u2192 ".join(word for word in (one, other) if word)


def _cause_parts(found: Comparison) -> list[Html]:
    titles = {"data": "Data", "plan": "Settings of the plan", "code": "Code and libraries",
              "seed": "Seed"}  # fmt: skip
    parts: list[Html] = []
    runs = (Column("Earlier run"), Column("Later run"))
    for cause in found.causes:
        rows: list[Row] = [
            [tag("code", one.what), *(short(text) if cause == "data" else text
                                      for text in (one.earlier, one.later))]
            for one in found.changes
            if one.cause == cause
        ]  # fmt: skip
        parts.append(table(f"{titles[cause]}: what changed", [Column("What"), *runs], rows))
    if "data" in found.causes:
        parts.append(tag("p", "Where digests are keyed, another key changes them as other data "
                              "would.", class_="note"))  # fmt: skip
    if found.rows:
        counted: list[Row] = [[name, cell(one), cell(other)] for name, one, other in found.rows]
        parts.append(table("Rows of the sources that changed", [Column("What"), *(
            Column(c.heading, numeric=True) for c in runs)], counted))  # fmt: skip
    return parts


def _runs_table(earlier: Findings, later: Findings) -> Table:
    rows: list[Row] = [
        [name, *(tag("code", str(run.provenance.get(key) or "")) for run in (earlier, later))]
        for name, key in (("Package", "package"), ("Plan", "plan"), ("Seed", "seed"))
    ]
    return table("What the two runs were made from",
                 [Column("What"), Column("Earlier run"), Column("Later run")], rows,
                 class_="manifest")  # fmt: skip
