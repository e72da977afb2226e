"""A page as Markdown, with its tables as pipe tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from deepvalue_stats.report.markup import Group, Table, plain
from deepvalue_stats.report.writers.document import Document, Heading, Paragraph
from deepvalue_stats.report.writers.latex import pictured
from deepvalue_stats.report.writers.printed import notes

LETTERS = re.compile(r"([\\`*_{}<>|#~$&])")
LINK = re.compile(r"\](?=[(\[:])")
START = re.compile(r"^(\s*)([-+=]|\d+[.)])(?=\s|$|[-=])")


def markdown(text: str) -> str:
    r"""Words for Markdown, which prints them as they are.

    Examples
    --------
    >>> print(markdown("a|b *c* [c] <d>"))
    a\|b \*c\* [c] \<d\>
    """
    text = LINK.sub(r"]\\", LETTERS.sub(r"\\\1", " ".join(text.split())))
    return START.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", text)


def write_markdown(document: Document) -> str:
    """A page as Markdown.

    Parameters
    ----------
    document : Document

    Returns
    -------
    str
        Tables keep their groups, as bold rows, and their notes. Columns of pictures are left
        out: their numbers stand beside them.
    """
    said: list[str] = []
    number = 0
    for block in document.blocks:
        if isinstance(block, Heading):
            said.append(f"{'#' * block.level} {markdown(block.text)}")
        elif isinstance(block, Paragraph):
            said.append(_paragraph(block))
        else:
            number += 1
            said.append(_table(block, f"Table {number}: "))
    return "\n\n".join(said) + "\n"


def write_markdown_tables(tables: Sequence[Table]) -> str:
    """Tables as Markdown, without the rest of the page."""
    numbered = enumerate(tables, 1)
    return "\n\n".join(_table(one, f"Table {place}: ") for place, one in numbered) + "\n"


def _paragraph(block: Paragraph) -> str:
    if block.style == "code":
        return f"    {block.text}"
    lines = []
    for line in _lines(block):
        words = [
            f"**{markdown(text.strip())}**" if bold else markdown(text)
            for text, bold in line
            if text.strip()
        ]
        lines.append(" ".join(words))
    prefix = "- " if block.style == "point" else "> " if block.style == "status" else ""
    joiner = "\\\n" + (" " * len(prefix) if prefix == "- " else prefix)
    return prefix + joiner.join(lines)


def _lines(block: Paragraph) -> list[list[tuple[str, bool]]]:
    lines: list[list[tuple[str, bool]]] = [[]]
    for run in block.runs:
        for place, piece in enumerate(run.text.split("\n")):
            if place:
                lines.append([])
            lines[-1].append((piece, run.bold))
    return [line for line in lines if any(text.strip() for text, _ in line)]


def _table(table: Table, number: str) -> str:
    shown = [i for i, _ in enumerate(table.columns) if not pictured(table, i)]
    head = [markdown(table.columns[i].heading) for i in shown]
    ruler = ["---:" if table.columns[i].numeric else ":---" for i in shown]
    lines = [_row(head), _row(ruler)]
    for row in table.rows:
        if isinstance(row, Group):
            lines.append(_row([f"**{markdown(row.name)}**", *[""] * (len(shown) - 1)]))
        else:
            lines.append(_row([markdown(plain(row[i])) for i in shown]))
    title = f"**{number}{markdown(table.caption)}**"
    if table.explained:
        title += f"\\\n{markdown(table.explained)}"
    source = [f"Source: {table.source}"] if table.source else []
    under = [markdown(note) for note in [*notes(table), *source]]
    return "\n\n".join([title, "\n".join(lines), *under])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
