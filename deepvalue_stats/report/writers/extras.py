"""Libraries that only some forms need, and what to say where one is absent."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

from deepvalue_stats.errors import DataError

NEEDED = {
    "docx": ("a Word document", "python-docx", "word", ("docx.enum.section", "docx.enum.table",
                                                       "docx.enum.text", "docx.oxml.ns")),
    "gptables": ("a spreadsheet", "gptables", "sheet", ()),
}  # fmt: skip


def library(name: str) -> Any:
    """An optional library; it is loaded only when a form is written that needs it.

    Parameters
    ----------
    name : str
        docx or gptables.

    Returns
    -------
    module

    Raises
    ------
    DataError
        If it is not installed, with the extra that brings it.
    """
    form, package, extra, parts = NEEDED[name]
    try:
        with warnings.catch_warnings():
            # gptables leaves a file of its own open while it is loaded
            warnings.simplefilter("ignore", ResourceWarning)
            for part in (name, *parts):
                import_module(part)
    except ModuleNotFoundError as fault:
        if fault.name != name:
            raise
        raise DataError(
            f"{form} is written with {package}, which is not installed",
            f"python package {package}",
            f"install the extra: pip install 'deepvalue-stats[{extra}]'",
        ) from None
    return import_module(name)
