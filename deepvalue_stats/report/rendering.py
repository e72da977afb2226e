"""From a folder of findings to a page: run the notebook, export it, finish it, write it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output

from deepvalue_stats.errors import DataError
from deepvalue_stats.findings import read_findings
from deepvalue_stats.report.browser import chromium, print_pdf
from deepvalue_stats.report.execute import execute, read_notebook
from deepvalue_stats.report.finish import finish
from deepvalue_stats.report.markup import Html
from deepvalue_stats.report.writers import FORMS, write_form

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE / "notebooks"
Kind = Literal["summary", "technical", "teaching"]


def render(
    findings_folder: Path,
    kind: Literal["summary", "technical"],
    output: Path,
    *,
    notebook: Path | None = None,
) -> tuple[Path, ...]:
    """Make a page from findings, in the form that the suffix of its file names.

    Parameters
    ----------
    findings_folder : Path
        Written by `write_findings`. The notebook runs in a copy of it and sees nothing else.
    kind : str
        summary, for a commissioner, on two printed pages; technical, for an evaluator, with a
        list of contents.
    output : Path
        By its suffix: .html, a page that fetches nothing, and a PDF beside it where a Chromium is
        present; .pdf, that PDF alone; .docx, the page as a Word document; .xlsx, its tables as a
        spreadsheet (of a technical report, every table of the findings); .md, the page as
        Markdown; .tex, its tables as a LaTeX fragment; .csv, its table of effects as printed,
        with `<name>.schema.json`. Any other path is the folder for `<kind>.html`.
    notebook : Path, optional
        A py:percent file in place of the packaged one of that kind. HTML and PDF run it; the
        other forms read which parts it shows.

    Returns
    -------
    tuple of Path
        What was written. Equal findings give equal bytes; but a PDF holds the time of its making.

    Raises
    ------
    DataError
        If there are no sound findings, a cell fails, a cell shows what is no part of a page, the
        page could not be read by everyone, or what writes the form is not installed.
    """
    findings = read_findings(findings_folder)
    source = notebook or NOTEBOOKS / f"{kind}.py"
    if output.suffix.removeprefix(".").lower() in FORMS:
        return write_form(findings, kind, source, output)
    if output.suffix == ".pdf":
        return _print_alone(source, findings_folder, output, kind)
    html = output if output.suffix == ".html" else output / f"{kind}.html"
    return render_notebook(source, findings_folder, html, kind=kind)


def _print_alone(source: Path, folder: Path, pdf: Path, kind: Kind) -> tuple[Path, ...]:
    if chromium() is None:
        raise DataError(
            "a PDF is printed by Chromium, which is not here",
            pdf.name,
            "install Chromium, or write .html or .docx",
        )
    with tempfile.TemporaryDirectory(prefix="deepvalue_print_") as place:
        _, printed = render_notebook(source, folder, Path(place) / f"{pdf.stem}.html", kind=kind)
        pdf.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(printed, pdf)
    return (pdf,)


def render_notebook(source: Path, folder: Path, html: Path, *, kind: Kind) -> tuple[Path, ...]:
    """Make a page by running a notebook in a copy of a folder, which is all that it sees.

    Parameters
    ----------
    source : Path
        A py:percent file.
    folder : Path
        Results that may be shown, as a folder of findings or the scoreboard's.
    html : Path
        The page to write.
    kind : str
        summary, technical or teaching: how the page is laid out.

    Returns
    -------
    tuple of Path
        The HTML file, and the PDF beside it if one was made.

    Raises
    ------
    DataError
        As `render`, but for the findings.
    """
    made = _run(source, folder)
    text = finish(_export(made, kind), name=source.name, kind=kind)
    _write(text, html)
    if chromium() is None:
        return (html,)
    return html, print_pdf(html, html.with_suffix(".pdf"))


def render_parts(title: str, parts: Sequence[Html], html: Path) -> Path:
    """Make a page of parts that are there already, in the look of the technical report.

    Parameters
    ----------
    title : str
        What the browser calls the page, after its heading.
    parts : sequence of Html
        With one first-level heading among them.
    html : Path
        The page to write. Equal parts give equal bytes.

    Returns
    -------
    Path
    """
    shown = [new_output("display_data", data={"text/html": part.text}) for part in parts]
    cells = [new_code_cell(outputs=[one], id=f"cell-{n}") for n, one in enumerate(shown, 1)]
    notebook = new_notebook(cells=cells, metadata={"title": title})
    _write(finish(_export(notebook, "technical"), name=html.name, kind="technical"), html)
    return html


def _run(source: Path, folder: Path) -> Any:
    with tempfile.TemporaryDirectory(prefix="deepvalue_page_") as place:
        copied, scratch = Path(place) / "findings", Path(place) / "kernel"
        shutil.copytree(folder, copied)
        scratch.mkdir()
        made = execute(read_notebook(source), source.name, copied, scratch)
    for number, cell in enumerate(made.cells, 1):
        for output in cell.get("outputs", ()):
            if "data" in output and "text/html" not in output["data"]:
                raise DataError(
                    "a cell shows something that is no part of a page",
                    f"{source.name}, cell {number}",
                    "end the cell with a part, as page.effects(), or with nothing",
                )
    return made


def _export(notebook: Any, kind: str) -> str:
    exporter = HTMLExporter(
        template_name="template",
        extra_template_basedirs=[str(HERE)],
        exclude_anchor_links=True,
        require_js_url="",
        mathjax_url="",
        jquery_url="",
        mermaid_js_url="",
    )
    text, _ = exporter.from_notebook_node(notebook, resources={"kind": kind})
    return str(text)


def _write(text: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    staged = place.with_name(f".{place.name}.part")
    staged.write_text(text, encoding="utf-8", newline="\n")
    os.replace(staged, place)
