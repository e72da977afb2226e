"""A page that is made of parts, without a notebook, in the further forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepvalue_stats.report.markup import Html
from deepvalue_stats.report.writers.document import Document, blocks_of
from deepvalue_stats.report.writers.latex import write_latex
from deepvalue_stats.report.writers.markdown import write_markdown
from deepvalue_stats.report.writers.separated import write_csv, write_schema
from deepvalue_stats.report.writers.sheet import write_sheet
from deepvalue_stats.report.writers.word import write_word


def write_parts(title: str, parts: Sequence[Html], source: str, output: Path) -> tuple[Path, ...]:
    """Write parts in the form that the suffix of the file names.

    Parameters
    ----------
    title : str
    parts : sequence of Html
    source : str
        Where all numbers come from, in one line.
    output : Path
        Its suffix is one of `FORMS`; a CSV holds the longest table.

    Returns
    -------
    tuple of Path
    """
    blocks = tuple(block for part in parts for block in blocks_of(part, source))
    document = Document(title, "technical", blocks, source)
    form = output.suffix.removeprefix(".")
    if form == "csv":
        longest = max(document.tables, key=lambda one: len(one.rows))
        schema = output.with_suffix(".schema.json")
        output.write_text(write_csv(longest), encoding="utf-8", newline="\n")
        schema.write_text(write_schema(longest), encoding="utf-8", newline="\n")
        return output, schema
    made = {
        "docx": lambda: write_word(document),
        "xlsx": lambda: write_sheet(document, document.tables),
        "tex": lambda: write_latex(document.tables).encode(),
        "md": lambda: write_markdown(document).encode(),
    }
    output.write_bytes(made[form]())
    return (output,)
