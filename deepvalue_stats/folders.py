"""Folders that are complete or not there at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Fill a temporary folder that takes the place of `folder` when the block ends well.

    Parameters
    ----------
    folder : Path
        Made with its parents. What it held is gone afterwards; on an error it is untouched.

    Yields
    ------
    Path
        An empty folder beside it.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        yield fresh
        fresh.chmod(0o755)
        if folder.exists() and not any(folder.iterdir()):
            # perhaps the very folder that the user stands in: fill it, do not replace it
            for path in fresh.iterdir():
                path.rename(folder / path.name)
        else:
            _exchange(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(fresh: Path, folder: Path) -> None:
    """Put a folder in the place of another, which is deleted only when that is done."""
    old = fresh.with_name(f"{fresh.name}.old")
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def staged_text(place: Path, text: str) -> None:
    """Write a text whole or not at all."""
    fresh = place.with_name(f".{place.name}.part")
    fresh.write_text(text, encoding="utf-8", newline="\n")
    os.replace(fresh, place)
