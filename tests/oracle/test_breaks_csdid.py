"""Group-time effects against csdid, a Python port of the R package did.

Numbers, versions and call are in expected/breaks_csdid.json; every client is a cluster there.
Tolerance 1e-10: both are the same closed form. Averages are kept in single precision there.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.models import break_effects

FOUND = json.loads((Path(__file__).parent / "expected" / "breaks_csdid.json").read_text())
CONTROL = {"nevertreated": "never", "notyettreated": "not_yet"}


def panel():
    group, x, y = (np.array(FOUND[name]) for name in ("group", "x", "y"))
    n, waves = y.shape
    wave = np.arange(1, waves + 1)
    after = (group[:, None] > 0) & (wave >= group[:, None])
    return pd.DataFrame(
        {
            "client": np.repeat(np.arange(n), waves),
            "wave": np.tile(wave, n),
            "x": np.repeat(x, waves),
            "y": y.ravel(),
            "practitioner": (np.arange(n)[:, None] + 1000 * after).ravel(),
            "reason": np.where((wave == group[:, None]).ravel(), "left", "none"),
        }
    )


@pytest.mark.parametrize("case", FOUND["cases"], ids=lambda c: f"{c['control']} {c['formula']}")
def test_effects_and_errors_are_those_of_csdid(case):
    found = break_effects(
        panel(),
        outcome="y",
        client="client",
        time="wave",
        practitioner="practitioner",
        reason="reason",
        outside=["left"],
        control=CONTROL[case["control"]],
        covariates=["x"] if case["formula"] == "y~x" else (),
        covariance="influence",
    )
    ours = {(int(row.change), int(row.wave)): row for row in found.groups}
    theirs = [row for row in case["groups"] if row[1] != row[0] - 1]
    assert len(ours) == len(theirs)
    for change, wave, estimate, std_error in theirs:
        row = ours[change, wave]
        assert row.estimate == pytest.approx(estimate, abs=1e-10)
        assert row.std_error == pytest.approx(std_error, abs=1e-10)
    times = [int(time) for time in case["event_time"]]
    for time, estimate, std_error in zip(times, case["estimates"], case["std_errors"], strict=True):
        if time != -1:
            assert found.at(time).estimate == pytest.approx(estimate, abs=1e-10)
            assert found.at(time).std_error == pytest.approx(std_error, abs=1e-10)
    equal = found.average([0, 1, 2, 3])
    assert [equal.estimate, equal.std_error] == pytest.approx(case["dynamic"], abs=1e-6)
    whole = [found.overall.estimate, found.overall.std_error]
    assert whole == pytest.approx(case["simple"], abs=1e-6)
