"""Power as a page of plain text, a table for other programs, and a picture."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from deepvalue_stats.errors import DataError
from deepvalue_stats.folders import staged
from deepvalue_stats.power.design import Design
from deepvalue_stats.power.formula import POWER, design_effect
from deepvalue_stats.power.replicates import BANDS, DAMAGE, MAIN
from deepvalue_stats.power.result import ANSWERS, PowerTable
from deepvalue_stats.report.power_figure import power_figure
from deepvalue_stats.verdicts import FEWEST_GROUPS

FILES = ("power.csv", "power.md", "power.svg")
ROOM = (
    "Some of these numbers were taken from the data and have not passed disclosure control: for "
    "the room only."
)


def describe_settings(design: Design) -> list[str]:
    """A line for every setting of the design: what it is, its value and who said so."""
    width = max(len(setting.label) for setting in design.settings)
    lines = [f"{s.label:<{width}}  {s.shown}  ({s.source})" for s in design.settings]
    return [*lines, ROOM] if design.from_data else lines


def describe_power(table: PowerTable) -> list[str]:
    """What came out, as lines of text that are Markdown as well."""
    return [
        *_results(table),
        "",
        *(f"- {line}" for line in _clusters(table.design)),
        "",
        *_needed(table),
        "",
        *(f"- {line}" for line in _notes(table)),
    ]


def require_power_folder(folder: Path) -> None:
    """Refuse, before anything is run, a folder that could not be made or holds something else.

    Raises
    ------
    DataError
    """
    taken = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if taken.exists() and not taken.is_dir():
        fix = "name another folder"
        raise DataError("this is a file, and the results are a folder", str(taken), fix)
    if folder.exists() and any(path.name not in FILES for path in folder.iterdir()):
        raise DataError(
            "this folder holds something that no earlier run of power wrote",
            str(folder),
            "name an empty folder, or one of an earlier run",
        )


def write_power(table: PowerTable, folder: Path) -> tuple[Path, ...]:
    """Write the table, the page and the picture, all or none.

    Parameters
    ----------
    table : PowerTable
    folder : Path
        What an earlier run left there is replaced.

    Returns
    -------
    tuple of Path

    Raises
    ------
    DataError
        If the folder holds something else.
    """
    require_power_folder(folder)
    figure = power_figure(table.curve, question_labels(table.design))
    with staged(folder) as fresh:
        table.frame.to_csv(
            fresh / "power.csv", index=False, lineterminator="\n", float_format="%.6g"
        )
        for name, text in (("power.md", _page(table, figure.alt)), ("power.svg", figure.svg)):
            (fresh / name).write_text(text, encoding="utf-8", newline="\n")
    return tuple(folder / name for name in FILES)


def question_labels(design: Design) -> dict[str, str]:
    """What a page calls the questions that were asked."""
    low, reference = next(iter(design.plan.equity.bands)), design.plan.equity.reference
    labels = {MAIN: "Effect", BANDS: f"{low.capitalize()} less {reference}", DAMAGE: "Damage"}
    return {name: labels[name] for name in design.truths}


def _page(table: PowerTable, alt: str) -> str:
    design = table.design
    settings = _grid(
        ("Setting", "Value", "Taken from"),
        [(s.label, s.shown, s.source) for s in design.settings],
    )
    parts = [
        f"# Power and precision: {design.plan.study.name}",
        "",
        f"{table.replicates} made-up studies for each number of practitioners, seed {table.seed}, "
        f"plan {design.plan.digest[:12]}.",
        *(["", ROOM] if design.from_data else []),
        "",
        "## The design",
        "",
        *settings,
        "",
        "## What such studies would find",
        "",
        *describe_power(table),
        "",
        f"![{alt}](power.svg)",
        "",
    ]
    return "\n".join(parts)


def _results(table: PowerTable) -> list[str]:
    labels = question_labels(table.design)
    said = [name for name, column in ANSWERS.items() if table.frame[column].any()]
    head = (
        "Practitioners", "Clients", "Question", "Aimed at per 100", "Power", "Half-width per 100",
        "Coverage", *(answer.capitalize() for answer in said), "Unfitted",
    )  # fmt: skip
    rows = [
        (
            f"{row['practitioners']}",
            f"{row['clients']:.0f}",
            labels[row["question"]],
            f"{100 * row['truth']:.1f}",
            _share(row, "power"),
            f"{100 * row['half_width']:.1f}",
            _share(row, "coverage"),
            *(f"{100 * row[ANSWERS[answer]]:.0f}%" for answer in said),
            f"{row['unfitted']}",
        )
        for row in table.frame.to_dict("records")
    ]
    return _grid(head, rows)


def _share(row: Mapping[Hashable, float], name: str) -> str:
    return f"{100 * row[name]:.0f}% (±{100 * row[f'{name}_mc']:.1f})"


def _clusters(design: Design) -> list[str]:
    """What it costs that clients share practitioners, in numbers of clients."""
    cohort = design.cohort(design.practitioners[0])
    clients = cohort.clients_per_practitioner * (1 - cohort.attrition)
    lines = [
        _worth(clients, cohort.caseload_cv, cohort.icc, 1.0)
        + " about whatever is the same for all of them"
    ]
    if cohort.exposure == "score" and cohort.exposure_icc < 1:
        worth = _worth(clients, cohort.caseload_cv, cohort.icc, cohort.exposure_icc)
        lines.append(f"{worth} about a relationship that differs between them as declared")
    return [f"{line}." for line in lines]


def _worth(clients: float, caseload_cv: float, icc: float, exposure_icc: float) -> str:
    effect = design_effect(clients, caseload_cv, icc, exposure_icc)
    return (
        f"{clients:.0f} clients of a practitioner tell as much as {clients / effect:.0f} "
        f"independent ones (design effect {effect:.2f})"
    )


def _needed(table: PowerTable) -> list[str]:
    labels, tried = question_labels(table.design), table.design.practitioners
    rows = [
        (
            labels[row["question"]],
            _number(row["simulated"], tried),
            _number(row["by_error"], ()),
            _number(row["equivalence"], tried),
            _number(row["equivalence_by_error"], ()),
        )
        for row in table.needed.to_dict("records")
    ]
    return _grid(
        (
            "Practitioners needed",
            f"For {POWER:.0%} power, simulated",
            "By formula",
            "To show no worthwhile effect, simulated",
            "By formula",
        ),
        rows,
    )


def _number(value: float, tried: Sequence[int]) -> str:
    if np.isnan(value):
        return "not known"
    if np.isneginf(value):
        return f"{tried[0]} or fewer"
    if np.isposinf(value):
        return f"more than {tried[-1]}" if tried else "no number"
    return f"{np.ceil(value):.0f}"


def _notes(table: PowerTable) -> Iterable[str]:
    design = table.design
    model = design.plan.models[design.plan.primary]
    first = table.frame[table.frame["question"] == MAIN]
    formula = ", ".join(
        f"{row['formula']:.0%} with {row['practitioners']}" for row in first.to_dict("records")
    )
    yield (
        "Power: share of studies whose two-sided test at 5% finds a difference; in brackets the "
        f"Monte Carlo standard error. By closed form, for the effect: {formula}."
    )
    yield (
        "Aimed at: what endless rows would show, per SD of the score and of outcomes as linked; "
        "error in the score and outcomes lost in linking make it smaller than the true effect."
        if "reliability" in {s.name for s in design.settings}
        else "Aimed at: the difference between the arms, of outcomes as linked."
    )
    yield (
        "To show no worthwhile effect: that the 90% interval lies within the smallest worthwhile "
        f"difference, in {POWER:.0%} of studies in which there is no effect at all."
    )
    yield (
        f"Each study is analysed as the plan's primary model ({model.estimator}), with clients "
        "grouped by practitioner. "
        "Covariates, services and slopes of the plan are not drawn: covariates that explain the "
        "outcome add power, confounders and slopes that vary take some away."
    )
    if design.plan.verdicts.label == "confirmatory":
        yield "The plan is confirmatory: its p-values pay for all its claims, and these do not."
    if design.practitioners[0] < FEWEST_GROUPS:
        yield (
            f"With fewer than {FEWEST_GROUPS} practitioners a study gives no verdict, whatever its "
            "power."
        )


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, padded so that it reads as plain text."""
    cells = pd.DataFrame([head, *rows]).astype(str)
    widths = [int(cells[name].str.len().max()) for name in cells]

    def line(row: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return [line(head), rule, *(line(row) for row in rows)]
