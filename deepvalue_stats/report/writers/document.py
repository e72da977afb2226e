"""A page as blocks that every writer understands: headings, paragraphs, tables, words of figures.

The blocks are made from the same notebook and the same parts as the HTML page, so that no form
says what another does not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

from deepvalue_stats.errors import DataError
from deepvalue_stats.findings import Findings
from deepvalue_stats.report import heading
from deepvalue_stats.report.execute import read_notebook
from deepvalue_stats.report.markup import Html, Table
from deepvalue_stats.report.numbers import words
from deepvalue_stats.report.page import Page

LANGUAGE = "en-GB"
STRONG = {"strong", "b", "th"}
EMPHASISED = {"mark", "big"}
"""Classes whose words a page sets off by a box or by size; other forms print them bold."""


@dataclass(frozen=True)
class Run:
    """Words of one weight; a line break is a newline."""

    text: str
    bold: bool = False


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title of the page."""

    text: str
    level: int


@dataclass(frozen=True)
class Paragraph:
    """Words in a row.

    Attributes
    ----------
    runs : tuple of Run
    style : str
        text, point (of a list), status, note, code or figure (words that stand for a drawing).
    """

    runs: tuple[Run, ...]
    style: str = "text"

    @property
    def text(self) -> str:
        """The words alone."""
        return "".join(run.text for run in self.runs)


Block = Heading | Paragraph | Table


@dataclass(frozen=True)
class Document:
    """A page in blocks.

    Attributes
    ----------
    title : str
        The question and the kind of page.
    kind : str
        summary or technical.
    blocks : tuple of Block
    source : str
        Where all numbers come from, in one line.
    language : str
    """

    title: str
    kind: str
    blocks: tuple[Block, ...]
    source: str
    language: str = LANGUAGE

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables in it, in order."""
        return tuple(block for block in self.blocks if isinstance(block, Table))


def open_document(findings: Findings, kind: str, notebook: Path) -> Document:
    """A page of findings in blocks, part by part as its notebook has them.

    Parameters
    ----------
    findings : Findings
    kind : str
        summary or technical.
    notebook : Path
        A py:percent file whose cells each show one part of the page; it is read, not run.

    Returns
    -------
    Document

    Raises
    ------
    DataError
        If a cell does more than show a part.
    """
    read = read_notebook(notebook)
    source = source_line(findings)
    blocks: list[Block] = []
    for number, cell in enumerate(read.cells, 1):
        if cell.cell_type == "markdown":
            blocks += _said_in(cell.source)
        elif cell.cell_type == "code":
            for part in _parts(cell.source, Page(findings), f"{notebook.name}, cell {number}"):
                blocks += blocks_of(part, source)
    name = str(read.metadata.get("title") or kind)
    return Document(f"{findings.study['question']} \u2013 {name}", kind, tuple(blocks), source)


def source_line(findings: Findings) -> str:
    """Where the numbers come from: study, version, and the digest of the plan."""
    provenance = findings.provenance
    plan = str(provenance.get("plan") or "")
    parts = [
        f"study {words(str(findings.study.get('name') or ''))}",
        str(provenance.get("package") or ""),
        f"plan {heading.short(plan)}" if plan else "",
    ]
    return ", ".join(part for part in parts if part)


def _parts(source: str, page: Page, where: str) -> Iterator[Html]:
    """The parts that a cell shows; a cell that imports or opens the page shows none."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.Assign):
            continue
        name, arguments = _call(statement, where)
        part = getattr(page, name, None)
        if part is None:
            raise _beyond(f"a page has no part '{name}'", where)
        yield part(*arguments)


def _call(statement: ast.stmt, where: str) -> tuple[str, list[Any]]:
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and not call.keywords:
        given = [one.value for one in call.args if isinstance(one, ast.Constant)]
        if len(given) == len(call.args) and isinstance(call.func.value, ast.Name):
            return call.func.attr, given
    raise _beyond("a cell does more than show a part of the page", where)


def _beyond(what: str, where: str) -> DataError:
    return DataError(
        what, where, "write one part a cell, as page.effects(), or render HTML, which runs cells"
    )


def _said_in(markdown: str) -> Iterator[Block]:
    """Headings and paragraphs of a cell of text."""
    for piece in re.split(r"\n\s*\n|\n(?=#)", markdown.strip()):
        found = re.match(r"(#+)\s+(.*)", piece)
        if found:
            yield Heading(found[2].strip(), len(found[1]))
        elif piece.strip():
            yield Paragraph((Run(" ".join(piece.split())),))


def blocks_of(part: Html, source: str) -> list[Block]:
    """A part of a page in blocks, its tables among them."""
    tables = iter(part.tables)
    soup = BeautifulSoup(part.text, "html.parser")
    made = list(_walk(soup, tables, source))
    left = sum(1 for _ in tables)
    if left:
        raise ValueError(f"{left} tables of a part are not in its markup")
    return made


def _walk(node: Tag, tables: Iterator[Table], source: str) -> Iterator[Block]:
    for child in node.children:
        if not isinstance(child, Tag):
            continue
        classes = child.get_attribute_list("class")
        if child.name == "div" and "table" in classes:
            yield replace(next(tables), source=source)
        elif re.fullmatch(r"h[1-6]", child.name):
            yield Heading(" ".join(child.get_text().split()), int(child.name[1]))
        elif child.name == "figure":
            yield _figure(child)
        elif child.name in ("p", "li", "pre") or "box" in classes:
            yield _paragraph(child, classes)
        else:
            yield from _walk(child, tables, source)


def _figure(figure: Tag) -> Paragraph:
    caption, image = figure.find("figcaption"), figure.find("img")
    title = caption.get_text(" ", strip=True) if isinstance(caption, Tag) else ""
    alt = str(image.get("alt")) if isinstance(image, Tag) else ""
    return Paragraph((Run(f"Figure: {title}. ", bold=True), Run(alt)), "figure")


def _paragraph(node: Tag, classes: list[Any]) -> Paragraph:
    styles = {"li": "point", "pre": "code"}
    style = next((name for name in ("status", "note", "made") if name in classes), "text")
    runs = _tidied(list(_runs(node, bold=False)))
    return Paragraph(runs, styles.get(node.name, "note" if style == "made" else style))


def _runs(node: Tag, *, bold: bool) -> Iterator[Run]:
    for child in node.children:
        if isinstance(child, NavigableString):
            yield Run(re.sub(r"\s+", " ", str(child)), bold)
        elif isinstance(child, Tag) and child.name == "br":
            yield Run("\n")
        elif isinstance(child, Tag):
            strong = child.name in STRONG or bool(
                EMPHASISED & set(child.get_attribute_list("class"))
            )
            yield from _runs(child, bold=bold or strong)
            if child.name == "p":
                yield Run("\n")


def _tidied(runs: list[Run]) -> tuple[Run, ...]:
    """Runs of one weight put together, without spaces at the ends and around line breaks."""
    joined: list[Run] = []
    for run in runs:
        if joined and (joined[-1].bold == run.bold or not run.text.strip()):
            joined[-1] = Run(joined[-1].text + run.text, joined[-1].bold)
        else:
            joined.append(run)
    clean: list[Run] = []
    for run in joined:
        text = re.sub(r" *\n[ \n]*", "\n", re.sub(r" {2,}", " ", run.text))
        if not clean or clean[-1].text.endswith(("\n", " ")):
            text = text.lstrip()
        if text:
            clean.append(Run(text, run.bold))
    if clean:
        clean[-1] = Run(clean[-1].text.rstrip(), clean[-1].bold)
    return tuple(run for run in clean if run.text)
