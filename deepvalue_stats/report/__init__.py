"""Two pages of every study: for who decides and for who checks, from cleared findings alone."""

from deepvalue_stats.report.browser import chromium, print_pdf
from deepvalue_stats.report.markup import Figure, Html, Table
from deepvalue_stats.report.page import Page, open_page
from deepvalue_stats.report.rendering import render, render_notebook
from deepvalue_stats.report.zoo import Zoo, open_zoo

__all__ = [
    "Figure",
    "Html",
    "Page",
    "Table",
    "Zoo",
    "chromium",
    "open_page",
    "open_zoo",
    "print_pdf",
    "render",
    "render_notebook",
]
