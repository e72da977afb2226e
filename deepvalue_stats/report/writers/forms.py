"""Which form a suffix stands for, what goes into it, and where it is put."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.findings import Findings
from deepvalue_stats.report import commissioner, technical
from deepvalue_stats.report.markup import Table
from deepvalue_stats.report.writers.document import Document, open_document
from deepvalue_stats.report.writers.extras import library
from deepvalue_stats.report.writers.latex import write_latex
from deepvalue_stats.report.writers.markdown import write_markdown
from deepvalue_stats.report.writers.separated import write_csv, write_schema
from deepvalue_stats.report.writers.sheet import write_sheet
from deepvalue_stats.report.writers.word import write_word

FORMS = {
    "docx": "the whole page as a Word document, with pictures of intervals",
    "xlsx": "its tables as a spreadsheet, one a sheet; of the technical report, every table",
    "tex": "its tables as a LaTeX fragment",
    "md": "the whole page as Markdown",
    "csv": "its table of effects as printed, and beside it a schema of the columns as JSON",
}
"""Suffixes beyond .html and .pdf, and what stands in each."""
NEEDS = {"docx": "docx", "xlsx": "gptables"}


def require_forms(names: Sequence[str], where: str) -> tuple[str, ...]:
    """Names of forms that can be written here, all faults told at once.

    Parameters
    ----------
    names : sequence of str
        Suffixes, with or without their dot.
    where : str
        What an error says of their place.

    Returns
    -------
    tuple of str
        Without dots, in small letters, each once.

    Raises
    ------
    DataError
        If a form is not known, or the library that writes it is not installed.
    """
    tidy = tuple(dict.fromkeys(name.strip().lstrip(".").lower() for name in names))
    faults: list[Fault] = []
    for name in tidy:
        if name not in FORMS:
            near = get_close_matches(name, FORMS, 1)
            guess = f"did you mean '{near[0]}'? The" if near else "the"
            faults.append(
                Fault(f"no page is written as '{name}'", where,
                      f"{guess} forms are {', '.join(FORMS)}")
            )  # fmt: skip
        elif name in NEEDS:
            try:
                library(NEEDS[name])
            except DataError as missing:
                faults += missing.faults
    if faults:
        raise DataError.of(faults)
    return tidy


def write_form(findings: Findings, kind: str, notebook: Path, output: Path) -> tuple[Path, ...]:
    """Write a page in the form that the suffix of its file names.

    Parameters
    ----------
    findings : Findings
    kind : str
        summary or technical.
    notebook : Path
        The page's parts and their order; it is read, not run.
    output : Path
        Its suffix is one of `FORMS`.

    Returns
    -------
    tuple of Path
        What was written. Equal findings give equal bytes in every form.

    Raises
    ------
    DataError
        If the form needs a library that is not installed, a cell of the notebook does more than
        show a part, or a CSV is asked for and there is no estimate.
    """
    form = output.suffix.removeprefix(".").lower()
    document = open_document(findings, kind, notebook)
    if form == "docx":
        return _write({output: write_word(document)})
    if form == "xlsx":
        return _write({output: write_sheet(document, every_table(findings, document))})
    if form == "tex":
        return _write({output: write_latex(document.tables).encode()})
    if form == "md":
        return _write({output: write_markdown(document).encode()})
    effects = _effects(findings, document)
    schema = output.with_suffix(".schema.json")
    return _write({output: write_csv(effects).encode(), schema: write_schema(effects).encode()})


def every_table(findings: Findings, document: Document) -> tuple[Table, ...]:
    """The tables of a page, each once; with a technical report's, those that it does not show.

    Parameters
    ----------
    findings : Findings
    document : Document

    Returns
    -------
    tuple of Table
    """
    tables = list(document.tables)
    if document.kind == "technical":
        filled = (found for found in findings.counts.values() if not found.frame.empty)
        tables += [replace(technical.count_table(found), source=document.source)
                   for found in filled]  # fmt: skip
    return tuple(dict.fromkeys(tables))


def _effects(findings: Findings, document: Document) -> Table:
    part = commissioner.effects if document.kind == "summary" else technical.all_effects
    found = part(findings).tables
    if not found:
        raise DataError(
            "these findings have no estimate of a difference, so there is no table of effects",
            str(findings.study.get("name") or "findings"),
            "write another form, as docx",
        )
    return replace(found[0], source=document.source)


def _write(contents: dict[Path, bytes]) -> tuple[Path, ...]:
    for place, content in contents.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        staged = place.with_name(f".{place.name}.part")
        staged.write_bytes(content)
        os.replace(staged, place)
    return tuple(contents)
