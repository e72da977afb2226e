"""Other forms of the two pages: Word, spreadsheet, LaTeX, Markdown and CSV.

Each form is written from the same parts as the HTML page: tables as descriptions
(`report.markup.Table`), headings and sentences as blocks (`writers.document`). None adds a word of
its own, apart from what explains its shorthand.
"""

from deepvalue_stats.report.writers.document import Document, open_document
from deepvalue_stats.report.writers.forms import FORMS, require_forms, write_form

__all__ = ["FORMS", "Document", "open_document", "require_forms", "write_form"]
