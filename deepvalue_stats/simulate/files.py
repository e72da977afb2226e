"""A synthetic service as files: the same service gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from deepvalue_stats.errors import DataError
from deepvalue_stats.simulate.extracts import PLAIN, Extracts, Form, extracts
from deepvalue_stats.simulate.service import Service
from deepvalue_stats.simulate.spoiling import FAULT_DEFINITIONS

TRUTH = "truth.json"


def write_service(
    service: Service, folder: Path, *, faults: bool = True, replace: bool = False
) -> tuple[Path, ...]:
    """Write the extracts of a service, and what is true of it.

    The files are written beside the folder first and moved into it when all are complete.

    Parameters
    ----------
    service : Service
        What `simulate_service` returned.
    folder : Path
        Made if it does not exist. The extracts of several areas stand in a folder each.
    faults : bool
        Plant the faults of real extracts.
    replace : bool
        Write over files of an earlier service.

    Returns
    -------
    tuple of Path
        The extracts area by area, and last truth.json: parameters, planted effects with their
        definitions, rows, and planted faults.

    Raises
    ------
    DataError
        A file of the service exists and `replace` is false, or the folder is a file.
    """
    made = extracts(service, faults=faults)
    return write_together({**_contents(made), TRUTH: _truth(service, made)}, folder, replace)


def write_together(contents: Mapping[str, bytes], folder: Path, replace: bool) -> tuple[Path, ...]:
    """Write files into a folder, all of them or none."""
    _refuse_to_overwrite(folder, contents, replace)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".simulated-") as temporary:
        staged = Path(temporary)
        for name, content in contents.items():
            (staged / name).parent.mkdir(exist_ok=True)
            (staged / name).write_bytes(content)
        for name in contents:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        return tuple((staged / name).replace(folder / name) for name in contents)


def _contents(made: Extracts) -> dict[str, bytes]:
    """Give every extract as bytes, by its path inside the folder."""
    several = len(made.frames) > 1
    return {
        f"{area}/{file}.csv" if several else f"{file}.csv": csv_bytes(frame, made.forms[area][file])
        for area, frames in made.frames.items()
        for file, frame in frames.items()
    }


def csv_bytes(frame: pd.DataFrame, form: Form = PLAIN) -> bytes:
    """Write a frame of text in the form of its file."""
    text = frame.to_csv(index=False, sep=form.delimiter, lineterminator=form.line_end)
    return text.encode(form.encoding)


def _truth(service: Service, made: Extracts) -> bytes:
    described = {area: _described(made, area) for area in made.frames}
    planted = any(made.planted.values())
    truth: dict[str, object] = {**service.truth, "extracts": described}
    truth["fault_definitions"] = dict(FAULT_DEFINITIONS) if planted else {}
    return json_bytes(truth)


def json_bytes(truth: Mapping[str, object]) -> bytes:
    """Write what is true as JSON; a number that is none is refused."""
    return (json.dumps(truth, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _described(made: Extracts, area: str) -> dict[str, Mapping[str, object]]:
    """Say what the files of an area hold, and how those that are not plain are written."""
    return {
        "rows": {file: len(frame) for file, frame in made.frames[area].items()},
        "planted_faults": dict(made.planted[area]),
        "written": {file: asdict(form) for file, form in made.forms[area].items() if form != PLAIN},
    }


def _refuse_to_overwrite(folder: Path, names: Mapping[str, bytes], replace: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError("the output is a file, not a folder", str(folder), "name a folder")
    present = [name for name in names if (folder / name).exists()]
    if present and not replace:
        raise DataError(
            f"the folder holds files of a synthetic service: {', '.join(present)}",
            str(folder),
            "name another folder, or ask for the files to be replaced",
        )
