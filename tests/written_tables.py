"""Read tables back from every form, so that tests compare what a reader would see.

A table is a list of rows, the headings first; a row that names a group has one cell.
"""

import re
from io import BytesIO

import docx
import openpyxl
from bs4 import BeautifulSoup
from docx.oxml.ns import qn
from markdown_it import MarkdownIt

from deepvalue_stats.report.markup import Group, plain
from deepvalue_stats.report.writers.latex import SPECIAL, pictured
from deepvalue_stats.report.writers.printed import flat, number, shorthand


def described(table, *, pictures=True):
    """What the description says."""
    shown = [i for i, _ in enumerate(table.columns) if pictures or not pictured(table, i)]
    rows = [
        [plain(row.name)] if isinstance(row, Group) else [plain(row[i]) for i in shown]
        for row in table.rows
    ]
    return [[" ".join(table.columns[i].heading.split()) for i in shown], *rows]


def tidy(text):
    return " ".join(text.split())


def html_tables(markup):
    tables = BeautifulSoup(markup, "html.parser").find_all("table")
    return [
        [[tidy(cell.get_text(" ")) for cell in row.find_all(["th", "td"])]
         for row in table.find_all("tr")]
        for table in tables
    ]  # fmt: skip


def word_tables(packed):
    """Cells of each table; a merged row is one cell."""
    return [
        [[tidy(cell.text) for cell in _once(row.cells)] for row in table.rows]
        for table in docx.Document(BytesIO(packed)).tables
    ]


def _once(cells):
    seen = []
    return [c for c in cells if not any(c._tc is s for s in seen) and not seen.append(c._tc)]


def word_alts(packed):
    """The words of the pictures, in order."""
    body = docx.Document(BytesIO(packed)).element.body
    return [about.get("descr") for about in body.iter(qn("wp:docPr"))]


def sheet_tables(packed):
    """The cells of each named table, numbers as numbers; without contents and notes."""
    book = openpyxl.load_workbook(BytesIO(packed))
    return [
        [[cell.value for cell in row] for row in sheet[table.ref]]
        for sheet in book
        for table in sheet.tables.values()
        if table.name.startswith("table_")
    ]


def as_sheet(table):
    """What a spreadsheet has to say of a table."""
    one = flat(table)
    heads = [f"{head}\n({unit})" if unit else head
             for head, unit in zip(one.headings, one.units, strict=True)]  # fmt: skip
    rows = [[_as_cell(text) for text in row] for row in one.rows]
    return [heads, *(rows or [["[z]"] * len(heads)])]


def _as_cell(text):
    found = number(text)
    return shorthand(text) if found is None else found.value


def markdown_tables(text):
    rendered = html_tables(MarkdownIt("commonmark").enable("table").render(text))
    return [[_group_of(row) for row in table] for table in rendered]


def _group_of(row):
    return row[:1] if len(row) > 1 and row[0] and not any(row[1:]) else row


def latex_tables(text):
    """Rows between the rules, with escapes undone."""
    tables = []
    for body in re.findall(r"\\begin\{longtable\}(.*?)\\end\{longtable\}", text, re.DOTALL):
        head = re.search(r"\\toprule (.*?) \\\\ \\midrule \\endfirsthead", body, re.DOTALL)[1]
        rows = body.split("\\endfoot\n", 1)[1].splitlines()
        tables.append([_latex_row(row) for row in (head + r" \\", *rows)])
    return tables


def _latex_row(line):
    line = line.removesuffix(r" \\")
    group = re.fullmatch(r"\\multicolumn\{\d+\}\{l\}\{\\textbf\{(.*)\}\}", line)
    cells = [group[1]] if group else re.split(r"(?<!\\)&", line)
    return [tidy(_unescaped(re.sub(r"^\\textbf\{(.*)\}$", r"\1", cell.strip()))) for cell in cells]


def _unescaped(text):
    known = sorted(SPECIAL.items(), key=lambda item: -len(item[1]))
    out, at = "", 0
    while at < len(text):
        for letter, written in [*known, ("-", "-{}")]:
            if text.startswith(written, at):
                out, at = out + letter, at + len(written)
                break
        else:
            out, at = out + text[at], at + 1
    return out
