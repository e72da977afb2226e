"""The panel as its owner sends it: text, clean or with the faults of real files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deepvalue_stats.simulate.extracts import as_text
from deepvalue_stats.simulate.families.draw import streams
from deepvalue_stats.simulate.families.panel import Families
from deepvalue_stats.simulate.files import TRUTH, csv_bytes, json_bytes, write_together
from deepvalue_stats.simulate.spoiling import (
    SUPPRESSED,
    Rows,
    spoilt_ratings,
    with_text,
    without_zeros,
)

FAMILY_FILES = ("interviews", "families", "advisers")
# what planting in ratings calls the columns of an interview
_AS_RATINGS = {"family_id": "client_id", "interviewed_on": "rated_on"}
_AS_INTERVIEWS = {own: name for name, own in _AS_RATINGS.items()}

FAMILY_FAULTS: Mapping[str, str] = {
    "dates_day_first": "rows with interviewed_on as dd/mm/yyyy, all with a day above 12",
    "lost_leading_zeros_interviews": "rows of interviews with the family_id written as a number",
    "missing_tokens": "rows with an unanswered item written as 99, NA or n/a",
    "date_typos": "rows with an interviewed_on that is no date",
    "items_out_of_range": "rows with one item of 7",
    "duplicated_interviews": (
        "rows added to interviews: the family and wave of another row, with other content"
    ),
    "repeated_rows": "rows added to interviews: exact copies of another row",
    "lost_leading_zeros_families": "rows of families with the family_id written as a number",
    "suppressed": "rows of families with * for the creditors",
}
_COUNTED_AS = {
    "lost_leading_zeros_interviews": "lost_leading_zeros_ratings",
    "duplicated_interviews": "duplicated_rating_ids",
}


@dataclass(frozen=True)
class FamilyExtracts:
    """The files of a panel before they are written; every cell is the text that stands there."""

    frames: Mapping[str, pd.DataFrame]
    planted: Mapping[str, int]


def family_extracts(panel: Families, *, faults: bool) -> FamilyExtracts:
    """Turn the records of a panel into its files.

    Parameters
    ----------
    panel : Families
    faults : bool
        Plant the faults of real files, in known numbers, in interviews after wave 0 and in the
        families' own file. No row has two.

    Returns
    -------
    FamilyExtracts
    """
    text = {name: _as_text(frame) for name, frame in panel.frames.items()}
    if not faults:
        return FamilyExtracts(text, {})
    rng = streams(int(str(panel.truth["seed"])))["files"]
    before_advice = np.asarray(text["interviews"]["wave"] == "0", dtype=np.bool_)
    rated = text["interviews"].rename(columns=_AS_RATINGS)
    spoilt, counts = spoilt_ratings(rated, before_advice, rng)
    homes, lost = without_zeros(text["families"].rename(columns=_AS_RATINGS), rng)
    homes, hidden = _without_needs(homes, rng)
    counts |= {"lost_leading_zeros_families": lost, "suppressed": hidden}
    frames = {
        **text,
        "interviews": spoilt.rename(columns=_AS_INTERVIEWS),
        "families": homes.rename(columns=_AS_INTERVIEWS),
    }
    return FamilyExtracts(
        frames, {name: counts[_COUNTED_AS.get(name, name)] for name in FAMILY_FAULTS}
    )


def write_families(
    panel: Families, folder: Path, *, faults: bool = True, replace: bool = False
) -> tuple[Path, ...]:
    """Write the files of a panel, and what is true of it.

    The files are written beside the folder first and moved into it when all are complete.

    Parameters
    ----------
    panel : Families
        What `simulate_families` returned.
    folder : Path
        Made if it does not exist.
    faults : bool
        Plant the faults of real files.
    replace : bool
        Write over files of an earlier panel.

    Returns
    -------
    tuple of Path
        The files, and last truth.json: parameters, planted effects with their definitions, rows,
        and planted faults.

    Raises
    ------
    DataError
        A file exists and `replace` is false, or the folder is a file.
    """
    made = family_extracts(panel, faults=faults)
    truth = {
        **panel.truth,
        "extracts": {
            "rows": {name: len(frame) for name, frame in made.frames.items()},
            "planted_faults": dict(made.planted),
        },
        "fault_definitions": dict(FAMILY_FAULTS) if faults else {},
    }
    contents = {f"{name}.csv": csv_bytes(made.frames[name]) for name in FAMILY_FILES}
    return write_together({**contents, TRUTH: json_bytes(truth)}, folder, replace)


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    columns = [str(name) for name in frame]
    return as_text(frame, dict(zip(columns, columns, strict=True)))


def _without_needs(homes: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, int]:
    """Hide some numbers of creditors, as an owner hides small counts, in rows without a fault."""
    rows = Rows(rng.permutation(len(homes)))
    whole = np.asarray(homes["client_id"].str.len() == homes["client_id"].str.len().max())
    hidden = rows.take(SUPPRESSED, whole.astype(np.bool_))
    cells = homes["creditors"].to_numpy(dtype=object).copy()
    cells[hidden] = "*"
    return with_text(homes, "creditors", cells), len(hidden)
