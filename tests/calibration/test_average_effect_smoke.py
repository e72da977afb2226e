"""Are the intervals honest? A few hundred made-up studies whose truth is known exactly.

Clients of a practitioner share a random intercept with the bridge distribution (Wang and Louis
2003, Biometrika 90), for which a logit given the practitioner is exactly a logit over the
population: coefficients shrink by phi, and nothing is approximated in the truth. The exposure
differs between and within practitioners, and its effect between two bands of confidence. The truth
is the average derivative times the exposure's SD, by numerical integration.

Every test allows three Monte Carlo standard errors, as its own formula has them. Seeds are fixed,
so a test that passes always does.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepvalue_stats.effects import Contrast, average_effect
from deepvalue_stats.models import fit_gee, fit_logit

STUDIES = 120
PRACTITIONERS, CASELOAD = 80, 10
PHI = 0.85  # intercepts with an SD of pi sqrt(1 / phi^2 - 1) / sqrt 3, about 1.1
BETWEEN = 0.3  # share of the exposure's variance that lies between practitioners
SHARES = {"high": 0.4, "low": 0.6}
FORMULA = "y ~ x * C(band)"
# population log odds: intercept, x, low, x and low; the second has no effect at all
COEFFICIENTS = {"planted": (-0.6, 0.25, -0.4, 0.35), "null": (-0.6, 0.0, -0.4, 0.0)}
PER_SD = Contrast("sd", 1.0)  # the exposure has SD 1 in the population


def bridge(rng, size):
    """Random intercepts over which a logit stays a logit, by inversion."""
    p = rng.random(size)
    return np.log(np.sin(PHI * np.pi * p) / np.sin(PHI * np.pi * (1 - p))) / PHI


def study(coefficients, seed):
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(PRACTITIONERS), CASELOAD)
    x = np.sqrt(BETWEEN) * rng.standard_normal(PRACTITIONERS)[who]
    x += np.sqrt(1 - BETWEEN) * rng.standard_normal(len(who))
    low = rng.random(len(who)) < SHARES["low"]
    b0, bx, bl, bxl = coefficients
    odds = b0 + bx * x + bl * low + bxl * x * low
    y = rng.random(len(who)) < expit(odds / PHI + bridge(rng, PRACTITIONERS)[who])
    frame = pd.DataFrame({"practitioner": who.astype("str"), "x": x, "y": y.astype(float)})
    return frame.assign(band=np.where(low, "low", "high"), client=np.arange(len(who)).astype("str"))


def truth(coefficients):
    """Average derivative at the clients' own exposures, which are standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    b0, bx, bl, bxl = coefficients
    odds = {"low": b0 + bl + (bx + bxl) * nodes, "high": b0 + bx * nodes}
    p = {name: expit(one) for name, one in odds.items()}
    slope = {"low": bx + bxl, "high": bx}
    effect = {name: float(weights @ (q * (1 - q))) * slope[name] for name, q in p.items()}
    effect["all"] = sum(SHARES[name] * effect[name] for name in SHARES)
    effect["low minus high"] = effect["low"] - effect["high"]
    return effect


@dataclass(frozen=True)
class Replicates:
    """Estimates, errors and intervals of all studies, one column a group."""

    estimate: pd.DataFrame
    error: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    p_value: pd.DataFrame


ESTIMATORS = {
    "gee": lambda data: fit_gee(FORMULA, data, group="practitioner"),
    "logit": lambda data: fit_logit(FORMULA, data, cluster="practitioner"),
}


def rows_of(fit):
    assert fit.convergence.status == "ok"
    overall = average_effect(fit, "x", contrast=PER_SD).frame
    bands = average_effect(fit, "x", contrast=PER_SD, by="band", reference="high").frame
    return pd.concat([overall, bands]).set_index("group")


def replicates(estimator, coefficients):
    tables = [rows_of(ESTIMATORS[estimator](study(coefficients, s))) for s in range(STUDIES)]
    columns = ("estimate", "std_error", "conf_low", "conf_high", "p_value")
    stacked = [pd.DataFrame([t[name] for t in tables]).reset_index(drop=True) for name in columns]
    return Replicates(*stacked)


@pytest.fixture(scope="module", params=ESTIMATORS)
def planted(request):
    return replicates(request.param, COEFFICIENTS["planted"]), truth(COEFFICIENTS["planted"])


@pytest.fixture(scope="module", params=ESTIMATORS)
def null(request):
    return replicates(request.param, COEFFICIENTS["null"])


GROUPS = ("all", "low", "high", "low minus high")
every_group = pytest.mark.parametrize("group", GROUPS)
SHARE_ERROR = np.sqrt(0.95 * 0.05 / STUDIES)


def test_the_truth_is_that_of_a_large_draw_with_the_intercepts_in_it():
    """The bridge keeps its promise: chances given the practitioner, averaged, are the logit."""
    coefficients, shift = COEFFICIENTS["planted"], 0.01
    rng = np.random.default_rng(0)
    n = 1_000_000
    x, low, own = rng.standard_normal(n), rng.random(n) < SHARES["low"], bridge(rng, n)
    b0, bx, bl, bxl = coefficients

    def chance(moved):
        return expit((b0 + bx * moved + bl * low + bxl * moved * low) / PHI + own)

    slopes = (chance(x + shift) - chance(x - shift)) / (2 * shift)
    expected = truth(coefficients)
    for name, mine in (("low", low), ("high", ~low), ("all", np.ones(n, dtype=bool))):
        error = slopes[mine].std() / np.sqrt(mine.sum())
        assert abs(slopes[mine].mean() - expected[name]) < 3 * error + 1e-6


@every_group
def test_intervals_hold_the_truth_as_often_as_they_say(planted, group):
    found, true = planted
    inside = (found.low[group] <= true[group]) & (true[group] <= found.high[group])
    assert abs(inside.mean() - 0.95) < 3 * SHARE_ERROR


@every_group
def test_estimates_are_right_on_average(planted, group):
    found, true = planted
    error = found.estimate[group].std() / np.sqrt(STUDIES)
    assert abs(found.estimate[group].mean() - true[group]) < 3 * error
    assert 3 * error < 0.01, "the test can see a bias of one in a hundred clients"


@every_group
def test_standard_errors_are_as_large_as_the_spread_of_the_estimates(planted, group):
    found, _ = planted
    ratio = found.error[group].mean() / found.estimate[group].std()
    assert abs(ratio - 1) < 3 / np.sqrt(2 * (STUDIES - 1))


@every_group
def test_a_null_effect_is_called_significant_one_time_in_twenty(null, group):
    rejected = (null.p_value[group] < 0.05).mean()
    assert abs(rejected - 0.05) < 3 * SHARE_ERROR
    outside = (null.low[group] > 0) | (null.high[group] < 0)
    assert outside.mean() == rejected


def test_a_real_difference_of_the_bands_is_found_more_often_than_chance_would(planted):
    """The tests above would also hold for intervals from one end to the other."""
    found, true = planted
    assert true["low minus high"] > 0.05
    assert (found.p_value["low minus high"] < 0.05).mean() > 0.3
    assert (found.p_value["all"] < 0.05).mean() > 0.9
