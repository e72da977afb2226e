"""A study to begin from: a commented plan with made-up extracts and notebooks beside it."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from deepvalue_stats.errors import DataError, PlanError
from deepvalue_stats.folders import staged
from deepvalue_stats.simulate.files import write_service
from deepvalue_stats.simulate.worked import SEEDS, worked_service


def write_starter(area: str, folder: Path, *, seed: int | None = None) -> tuple[Path, ...]:
    """Write a starter study, complete or not at all.

    Parameters
    ----------
    area : str
        employment, debt or health.
    folder : Path
        Made; it must not exist, or be empty.
    seed : int, optional
        Seed of the extracts; the area's own unless given.

    Returns
    -------
    tuple of Path

    Raises
    ------
    PlanError
        For an area that there is no starter of.
    DataError
        If the folder holds something already.
    """
    _require_area(area)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            "this folder holds something already", str(folder), "name a new or empty one"
        )
    with staged(folder) as fresh:
        _fill(fresh, area, seed)
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))


def _require_area(area: str) -> None:
    if area in SEEDS:
        return
    close = get_close_matches(area, SEEDS, n=1)
    meant = f"did you mean '{close[0]}'? " if close else ""
    raise PlanError(f"there is no starter for '{area}'", "init", f"{meant}use {', '.join(SEEDS)}")


def _fill(folder: Path, area: str, seed: int | None) -> None:
    package = files("deepvalue_stats")
    plan = package.joinpath("plan", "templates", f"{area}.toml").read_text(encoding="utf-8")
    (folder / "plan.toml").write_text(plan, encoding="utf-8", newline="\n")
    for kind in ("summary", "technical"):
        notebook = package.joinpath("report", "notebooks", f"{kind}.py").read_text("utf-8")
        (folder / f"{kind}.py").write_text(notebook, encoding="utf-8", newline="\n")
    write_service(worked_service(area, seed=seed), folder / "data")
