"""A synthetic service as files: the same service gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from deepvalue_stats.errors import DataError
from deepvalue_stats.simulate.service import Service

FILES = ("ratings.csv", "contacts.csv", "outcomes.csv", "clients.csv", "truth.json")


def write_service(service: Service, folder: Path, *, replace: bool = False) -> tuple[Path, ...]:
    """Write the four CSV files and truth.json into a folder.

    The files are written beside the folder first and moved into it when all are complete.

    Parameters
    ----------
    service : Service
        What `simulate_service` returned.
    folder : Path
        Made if it does not exist.
    replace : bool
        Write over files of an earlier service.

    Returns
    -------
    tuple of Path
        The files: ratings, contacts, outcomes, clients, truth.

    Raises
    ------
    DataError
        A file of the service exists and `replace` is false, or the folder is a file.
    """
    _refuse_to_overwrite(folder, replace)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".simulated-") as temporary:
        staged = Path(temporary)
        for name, text in _texts(service).items():
            (staged / name).write_bytes(text.encode("utf-8"))
        folder.mkdir(exist_ok=True)
        return tuple((staged / name).replace(folder / name) for name in FILES)


def _texts(service: Service) -> Mapping[str, str]:
    frames = {
        f"{name}.csv": frame.to_csv(index=False, lineterminator="\n")
        for name, frame in service.frames.items()
    }
    truth = json.dumps(service.truth, indent=2, ensure_ascii=False, allow_nan=False)
    return {**frames, "truth.json": truth + "\n"}


def _refuse_to_overwrite(folder: Path, replace: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError("the output is a file, not a folder", str(folder), "name a folder")
    present = [name for name in FILES if (folder / name).exists()]
    if present and not replace:
        raise DataError(
            f"the folder holds files of a synthetic service: {', '.join(present)}",
            str(folder),
            "name another folder, or ask for the files to be replaced",
        )
