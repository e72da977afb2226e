"""Chromium as a printer: a page of HTML to a tagged PDF on A4, with nothing fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from deepvalue_stats.errors import DataError

VARIABLE = "DEEPVALUE_CHROMIUM"
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
OFFLINE = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-first-run",
    "--no-default-browser-check",
    "--metrics-recording-only",
)
SECONDS = 120


def chromium() -> Path | None:
    """Where a Chromium is, or None.

    Returns
    -------
    Path or None
        What the environment variable DEEPVALUE_CHROMIUM names (set and empty: none is used), else
        the first of Chromium, Chrome and Edge on the search path.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        found = shutil.which(named) if named else None
        return Path(found) if found else None
    return next((Path(path) for name in NAMES if (path := shutil.which(name))), None)


def print_pdf(html: Path, pdf: Path) -> Path:
    """Print a page to PDF.

    Parameters
    ----------
    html : Path
        A page that needs nothing from a network: none is offered to it.
    pdf : Path
        Written whole or not at all. Two prints of one page differ in bytes, by their time.

    Returns
    -------
    Path
        `pdf`.

    Raises
    ------
    DataError
        If there is no Chromium, or it printed nothing.
    """
    program = chromium()
    if program is None:
        raise DataError(
            "there is no Chromium to print with",
            html.name,
            f"install Chromium, Chrome or Edge, or name one in {VARIABLE}; the HTML page is whole",
        )
    with tempfile.TemporaryDirectory(prefix="deepvalue_print_") as folder:
        printed = Path(folder) / "page.pdf"
        _run(_command(program, html, printed, Path(folder) / "profile"), html, Path(folder))
        if not printed.exists():
            raise _no_pdf(html)
        _put(printed, pdf)
    return pdf


def _command(program: Path, html: Path, pdf: Path, profile: Path) -> list[str]:
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        str(program),
        *OFFLINE,
        *(["--no-sandbox"] if root else []),
        f"--user-data-dir={profile}",
        "--no-pdf-header-footer",
        "--generate-pdf-document-outline",
        f"--print-to-pdf={pdf}",
        html.resolve().as_uri(),
    ]


def _run(command: list[str], html: Path, home: Path) -> None:
    try:
        subprocess.run(command, check=True, timeout=SECONDS, capture_output=True, cwd=home)
    except (subprocess.SubprocessError, OSError) as fault:
        raise _no_pdf(html) from fault


def _no_pdf(html: Path) -> DataError:
    return DataError(
        "Chromium printed no PDF of this page",
        html.name,
        f"print the page from a browser by hand, or name another Chromium in {VARIABLE}",
    )


def _put(made: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    staged = place.with_name(f".{place.name}.part")
    shutil.copyfile(made, staged)
    os.replace(staged, place)
