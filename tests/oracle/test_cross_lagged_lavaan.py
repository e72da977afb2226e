"""The random intercept cross-lagged panel model against R's lavaan, complete and with gaps.

data/cross_lagged.csv was drawn for this test: 300 clients over four waves, heavy-tailed, of which
`_seen` marks what is there in the cases with gaps (clients drop out by their last rating, and miss
waves and answers by chance). Case `turned` has the waves in a wrong order, so that the model fits
badly. Call, versions and values: expected/cross_lagged_lavaan.json. lavaan's optimiser stops at
about six digits of an estimate; 1e-4 and 1e-3 leave room for it.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.models import fit_cross_lagged

HERE = Path(__file__).parent
TOLD = json.loads((HERE / "expected" / "cross_lagged_lavaan.json").read_text(encoding="utf-8"))
LATENT = {"relationship": "wx", "outcome": "wy"}
TURNED = {3: 1, 1: 2, 4: 3, 2: 4}


def data_of(case):
    rows = pd.read_csv(HERE / "data" / "cross_lagged.csv")
    if not case.startswith("complete"):
        for name in LATENT:
            rows[name] = rows[name].where(rows[f"{name}_seen"] == 1)
    if case.startswith("turned"):
        rows["wave"] = rows["wave"].map(TURNED)
    return rows


@pytest.fixture(scope="module", params=list(TOLD["results"]))
def case(request):
    told = TOLD["results"][request.param]
    equal = request.param.endswith("equal")
    fit = fit_cross_lagged("relationship", "outcome", data_of(request.param), time="wave",
                           equal=equal)  # fmt: skip
    return fit, {one["term"]: one for one in told["parameters"]}, told["measures"]


def term(row, wave):
    return f"{LATENT[row['to']]}{wave} ~ {LATENT[row['from']]}{int(wave) - 1}"


def close(found, expected, kind):
    tolerance = TOLD["tolerance"][kind]
    assert found == pytest.approx(expected, rel=tolerance, abs=tolerance)


def test_paths_with_both_errors(case):
    fit, told, _ = case
    for _, row in fit.paths.iterrows():
        expected = told[term(row, "2" if row["wave"] == "all" else row["wave"])]
        close(row["estimate"], expected["estimate"], "estimate")
        close(row["model_error"], expected["se"], "se")
        close(row["robust_error"], expected["se_robust"], "se")


def test_standardised_paths(case):
    fit, told, _ = case
    assert len(fit.standardised) == 12
    for _, row in fit.standardised.iterrows():
        expected = told[term(row, row["wave"])]
        close(row["estimate"], expected["std"], "estimate")
        close(row["std_error"], expected["std_se_robust"], "se")


def test_levels_and_their_correlation(case):
    fit, told, _ = case
    expected = [told[name] for name in ("RX ~~ RX", "RX ~~ RY", "RY ~~ RY")]
    close(fit.levels["estimate"].tolist()[:3], [one["estimate"] for one in expected], "estimate")
    close(fit.levels["std_error"].tolist()[:3], [one["se_robust"] for one in expected], "se")
    close(fit.levels["estimate"][3], told["RX ~~ RY"]["std"], "estimate")
    close(fit.levels["std_error"][3], told["RX ~~ RY"]["std_se_robust"], "se")


def test_likelihood_and_indices(case):
    fit, _, told = case
    names = {
        "chisq": "chi2", "df": "df", "pvalue": "p_value", "rmsea": "rmsea", "cfi": "cfi",
        "rmsea.ci.lower": "rmsea_low", "rmsea.ci.upper": "rmsea_high",
    }  # fmt: skip
    assert fit.loglik == pytest.approx(told["logl"], rel=1e-8)
    for theirs, ours in names.items():
        assert getattr(fit.indices, ours) == pytest.approx(told[theirs], abs=1e-5)


@pytest.mark.parametrize("kind", ["complete", "missing", "turned"])
def test_equal_paths_against_free_ones(kind):
    chi2 = [TOLD["results"][f"{kind}_{one}"]["measures"]["chisq"] for one in ("equal", "free")]
    fit = fit_cross_lagged("relationship", "outcome", data_of(kind), time="wave")
    assert fit.equality.statistic == pytest.approx(chi2[0] - chi2[1], abs=1e-4)
    assert fit.equality.df == 8
    assert np.isfinite(fit.equality.p_value)
