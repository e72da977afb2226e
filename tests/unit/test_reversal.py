"""Two lines and the search for a threshold: planted shapes, size, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from deepvalue_stats.effects.reversal import Lines, broken_lines, threshold_test, two_lines
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_gee, fit_logit


def drawn(shape, seed=1, practitioners=60, each=20, spread=0.3):
    rng = np.random.default_rng(seed)
    n = practitioners * each
    x = rng.normal(0, 1, n)
    eta = -0.3 + shape(x) + np.repeat(spread * rng.standard_normal(practitioners), each)
    return pd.DataFrame(
        {
            "x": x,
            "y": (rng.random(n) < expit(eta)).astype(float),
            "practitioner": np.repeat(np.arange(practitioners), each).astype(str),
        }
    )


def lines_of(frame):
    """Two lines by a logit whose errors know the practitioners."""
    curve = fit_logit("y ~ x + I(x**2) + I(x**3)", frame, cluster="practitioner")
    matrix = curve.design.matrix
    error = np.sqrt(np.einsum("ij,jk,ik->i", matrix, curve.covariance, matrix))

    def lines(at):
        fit = fit_logit(f"y ~ {broken_lines('x', at)}", frame, cluster="practitioner")
        return Lines(tuple(fit.params[1:3]), tuple(fit.bse[1:3]), fit.dof)

    return two_lines(frame["x"].to_numpy(), matrix @ curve.params, error, lines)


def test_a_hill_and_a_valley_are_reversals():
    for sign in (1, -1):
        found = lines_of(drawn(lambda x, s=sign: -0.8 * s * x**2))
        assert found.found
        assert np.sign(found.lines.slopes[0]) == sign
        assert abs(found.at) < 0.5


def test_a_curve_that_only_flattens_is_none():
    """Which a square term would take for one."""
    frame = drawn(lambda x: np.minimum(1.2 * x, 0.3))
    square = fit_logit("y ~ x + I(x**2)", frame, cluster="practitioner")
    assert abs(square.params[2] / square.bse[2]) > 1.96
    assert not lines_of(frame).found


def test_a_straight_line_is_none():
    assert not lines_of(drawn(lambda x: 0.8 * x)).found


def test_two_groups_have_no_lines():
    with pytest.raises(ModelError, match="three values or more"):
        two_lines(np.array([0.0, 1.0]), np.zeros(2), np.ones(2), None)


CANDIDATES = np.linspace(-1, 1, 21)


def searched(frame, seed=3):
    fit = fit_logit("y ~ x", frame, cluster="practitioner")
    labels = frame["practitioner"].to_numpy()
    rng = np.random.default_rng(seed)
    return threshold_test(fit, "x", CANDIDATES, clusters=labels, rng=rng, n=499)


def test_a_planted_threshold_is_found_near_its_place():
    found = searched(drawn(lambda x: 1.5 * np.minimum(x + 0.4, 0)))
    assert found.p_value < 0.01
    assert abs(found.at + 0.4) < 0.4
    assert found.candidates == 21


def test_the_search_is_paid_for():
    """On a straight line the smallest p-value of many candidates is below 5% one time in twenty."""
    rejected = [searched(drawn(lambda x: 0.5 * x, seed)).p_value < 0.05 for seed in range(200)]
    assert np.mean(rejected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(rejected) > 0.05 - 3 * np.sqrt(0.05 * 0.95 / 200)


def test_the_statistic_of_one_candidate_is_the_robust_score_test():
    frame = drawn(lambda x: 0.5 * x)
    fit = fit_logit("y ~ x", frame, cluster="practitioner")
    rng = np.random.default_rng(1)
    labels = frame["practitioner"].to_numpy()
    found = threshold_test(fit, "x", np.array([0.2]), clusters=labels, rng=rng)
    full = fit_logit("y ~ x + I((x - 0.2) * (x > 0.2))", frame, cluster="practitioner")
    wald = (full.params[2] / full.bse[2]) ** 2
    # score and Wald statistics agree to first order
    assert found.statistic == pytest.approx(wald, rel=0.15, abs=0.05)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 1), abs=0.05)


def test_what_the_search_cannot_do_is_refused():
    frame = drawn(lambda x: 0.5 * x)
    labels, rng = frame["practitioner"].to_numpy(), np.random.default_rng(1)
    gee = fit_gee("y ~ x", frame, group="practitioner", correlation="exchangeable")
    with pytest.raises(ModelError, match="rows that are independent given the model"):
        threshold_test(gee, "x", CANDIDATES, clusters=labels, rng=rng)
    fit = fit_logit("y ~ x", frame, cluster="practitioner")
    with pytest.raises(ModelError, match="only 5 clusters"):
        threshold_test(fit, "x", CANDIDATES, clusters=np.arange(len(frame)) % 5, rng=rng)
    with pytest.raises(ModelError, match="nobody on one side"):
        threshold_test(fit, "x", np.array([99.0]), clusters=labels, rng=rng)
