"""Tables as LaTeX, to be put into a report: booktabs rules, headings that repeat, notes below."""

from __future__ import annotations

import re
from collections.abc import Sequence

from deepvalue_stats.report.markup import Group, Table, plain
from deepvalue_stats.report.strips import Picture
from deepvalue_stats.report.writers.printed import notes

HEAD = "% Needs: \\usepackage[T1]{fontenc} and \\usepackage{booktabs,longtable,array}.\n"
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",
    "]": "{]}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "\u2212": r"\ensuremath{-}",
    "\u2013": r"\textendash{}",
    "\u2026": r"\ldots{}",
    "\u00d7": r"\ensuremath{\times}",
    "\u2264": r"\ensuremath{\leq}",
    "\u2265": r"\ensuremath{\geq}",
    "\u2248": r"\ensuremath{\approx}",
    "\u2260": r"\ensuremath{\neq}",
}
"""Brackets are set apart because one after a line's end would be read as a length."""
LONG = 28
"""Characters above which a column of words is set as a paragraph."""
ACROSS, SMALL = 88, 125


def latex(text: str) -> str:
    r"""Words for LaTeX.

    Examples
    --------
    >>> print(latex("5% & [c] of a_b"))
    5\% \& {[}c{]} of a\_b
    """
    text = re.sub(r"-(?=-)", "-\u200b", text)
    escaped = "".join(SPECIAL.get(letter, letter) for letter in text)
    return escaped.replace("\u200b", "{}")


def write_latex(tables: Sequence[Table]) -> str:
    """Tables as a LaTeX fragment to be put in with input.

    Parameters
    ----------
    tables : sequence of Table

    Returns
    -------
    str
        One longtable each, with caption and label. Columns of pictures are left out: their
        numbers stand beside them.
    """
    return HEAD + "".join(_table(table, place) for place, table in enumerate(tables, 1))


def _table(table: Table, place: int) -> str:
    shown = [i for i, _ in enumerate(table.columns) if not pictured(table, i)]
    columns = [table.columns[i] for i in shown]
    explained = rf"\\ \normalsize {latex(table.explained)}" if table.explained else ""
    head = _line([rf"\textbf{{{latex(column.heading)}}}" for column in columns])
    layout, small = _layout(table, shown)
    lines = [
        "",
        *([r"{\footnotesize\setlength{\tabcolsep}{3pt}"] if small else []),
        rf"\begin{{longtable}}{{{layout}}}",
        rf"\caption[{latex(table.caption)}]{{{latex(table.caption)}{explained}}}"
        rf"\label{{tab:{place}}}\\",
        rf"\toprule {head} \midrule \endfirsthead",
        rf"\toprule {head} \midrule \endhead",
        r"\bottomrule \endfoot",
    ]
    for row in table.rows:
        if isinstance(row, Group):
            lines.append(
                rf"\multicolumn{{{len(shown)}}}{{l}}{{\textbf{{{latex(plain(row.name))}}}}} \\"
            )
        else:
            lines.append(_line([latex(plain(row[i])) for i in shown]))
    lines.append(r"\end{longtable}" + ("}" if small else ""))
    said = [*notes(table), *([f"Source: {table.source}"] if table.source else [])]
    lines += [rf"{{\footnotesize\noindent {latex(note)}\par}}" for note in said]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _layout(table: Table, shown: list[int]) -> tuple[str, bool]:
    """The columns, long words as paragraphs that share the room, and whether all fit at full size.

    A line of A4 holds about `ACROSS` letters, or `SMALL` of the smaller print.
    """
    longest = {i: _longest(table, i) for i in shown}
    words = [i for i in shown if not table.columns[i].numeric and longest[i] > LONG]
    fixed = sum(longest[i] + 2.5 for i in shown if i not in words)
    small = fixed + LONG * len(words) > ACROSS
    room = max(0.97 - fixed / (SMALL if small else ACROSS) - 0.025 * len(words), 0.25)
    layout = "".join(
        "r" if table.columns[i].numeric else
        rf">{{\raggedright\arraybackslash}}p{{{room / len(words):.2f}\linewidth}}"
        if i in words else "l"
        for i in shown
    )  # fmt: skip
    return layout, small


def _longest(table: Table, place: int) -> float:
    cells = [len(plain(row[place])) for row in table.rows if not isinstance(row, Group)]
    return max([1.1 * len(table.columns[place].heading), *cells])


def pictured(table: Table, place: int) -> bool:
    """Whether a column holds pictures, which stand beside their numbers."""
    rows = (row for row in table.rows if not isinstance(row, Group))
    return table.columns[place].class_ == "picture" or any(
        isinstance(row[place], Picture) for row in rows
    )
