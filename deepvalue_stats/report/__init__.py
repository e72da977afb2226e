"""Two pages of every study: for who decides and for who checks, from cleared findings alone."""

from deepvalue_stats.report.browser import chromium, print_pdf
from deepvalue_stats.report.markup import Figure, Html
from deepvalue_stats.report.page import Page, open_page
from deepvalue_stats.report.rendering import render

__all__ = ["Figure", "Html", "Page", "chromium", "open_page", "print_pdf", "render"]
