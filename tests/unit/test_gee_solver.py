"""Generalised estimating equations: rules, refusals, and the equations themselves."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_gee, fit_logit
from deepvalue_stats.models.gee import gee_logit, whitened

RNG = np.random.default_rng(3)


def rows(groups=60, most=7):
    sizes = RNG.integers(1, most, groups)
    who = np.repeat(np.arange(groups), sizes)
    x = RNG.standard_normal(len(who))
    eta = -0.3 + 0.5 * x + 0.9 * RNG.standard_normal(groups)[who]
    y = (RNG.random(len(who)) < expit(eta)).astype(float)
    wave = np.concatenate([np.sort(RNG.choice(10, size, replace=False)) for size in sizes])
    return pd.DataFrame({"y": y, "x": x, "client": who, "wave": wave})


DATA = rows()
MATRIX = np.column_stack([np.ones(len(DATA)), DATA["x"]])
CORRELATIONS = ("independence", "exchangeable", "ar1")


def working(correlation, alpha, wave):
    n = len(wave)
    if correlation == "ar1":
        return alpha ** np.abs(np.subtract.outer(wave, wave))
    return np.full((n, n), alpha) + (1 - alpha) * np.eye(n)


def solved(correlation, time=True):
    when = DATA["wave"].to_numpy() if time and correlation == "ar1" else None
    return gee_logit(
        MATRIX,
        DATA["y"].to_numpy(),
        DATA["client"].to_numpy(),
        correlation=correlation,
        time=when,
    )


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_the_equations_and_the_covariance_are_liang_and_zegers_written_out(correlation):
    found = solved(correlation)
    bread, meat, total = np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(2)
    for _, one in DATA.groupby("client"):
        matrix = np.column_stack([np.ones(len(one)), one["x"]])
        mean = expit(matrix @ found.params)
        spread = np.diag(np.sqrt(mean * (1 - mean)))
        inverse = np.linalg.inv(
            spread @ working(correlation, found.alpha, one["wave"].to_numpy()) @ spread
        )
        derivative = spread @ spread @ matrix
        score = derivative.T @ inverse @ (one["y"].to_numpy() - mean)
        bread += derivative.T @ inverse @ derivative
        meat += np.outer(score, score)
        total += score
    np.testing.assert_allclose(total, 0, atol=1e-8)
    inverse = np.linalg.inv(bread)
    np.testing.assert_allclose(found.covariance, inverse @ meat @ inverse, rtol=1e-9)
    np.testing.assert_allclose(MATRIX.T @ found.slopes, 0, atol=1e-8)


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_whitened_rows_have_the_information_and_the_score(correlation):
    found = solved(correlation)
    columns, residual = whitened(
        MATRIX,
        DATA["y"].to_numpy(),
        DATA["client"].to_numpy(),
        found.params,
        alpha=found.alpha,
        correlation=correlation,
        time=DATA["wave"].to_numpy(),
    )
    np.testing.assert_allclose(columns.T @ residual, 0, atol=1e-8)
    per_client = pd.DataFrame(columns * residual[:, None]).groupby(DATA["client"]).sum()
    bread = np.linalg.inv(columns.T @ columns)
    covariance = bread @ (per_client.T.to_numpy() @ per_client.to_numpy()) @ bread
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9)


def test_position_is_time_where_no_wave_is_left_out():
    numbered = DATA.assign(wave=DATA.groupby("client").cumcount())
    by_time = fit_gee("y ~ x", numbered, group="client", correlation="ar1", time="wave")
    by_row = fit_gee("y ~ x", numbered, group="client", correlation="ar1")
    np.testing.assert_allclose(by_time.params, by_row.params, rtol=1e-12)
    gaps = fit_gee("y ~ x", DATA, group="client", correlation="ar1", time="wave")
    assert np.abs(gaps.params / by_row.params - 1).max() > 1e-4


def test_waves_every_second_year_are_steps_of_one():
    one = DATA.assign(wave=DATA.groupby("client").cumcount())
    near = fit_gee("y ~ x", one, group="client", correlation="ar1", time="wave")
    far = fit_gee("y ~ x", one.assign(wave=2 * one["wave"]), group="client", correlation="ar1",
                  time="wave")  # fmt: skip
    np.testing.assert_allclose(far.params, near.params, rtol=1e-8)
    assert far.association["alpha"] == pytest.approx(near.association["alpha"], rel=1e-8)


def test_groups_of_one_row_have_no_correlation():
    alone = DATA.drop_duplicates("client")
    for correlation in ("exchangeable", "ar1"):
        fit = fit_gee("y ~ x", alone, group="client", correlation=correlation)
        assert fit.association["alpha"] == 0
        assert fit.convergence.status == "ok"


def test_a_correlation_that_cannot_be_is_held_and_told():
    """Of two rows each, one always has the outcome and the other never."""
    both = pd.DataFrame({"client": np.repeat(np.arange(30), 2), "y": np.tile([0.0, 1.0], 30)})
    both = both.assign(x=RNG.standard_normal(60))
    fit = fit_gee("y ~ x", both, group="client")
    assert fit.association["alpha"] == pytest.approx(-0.8)
    assert fit.convergence.status == "ok"
    assert fit.convergence.singular
    assert fit.convergence.message == (
        "the working correlation (exchangeable) was held at -0.800, beyond which there is none"
    )


def test_rows_that_never_differ_within_a_client_are_held_below_one():
    twice = pd.concat([DATA.drop_duplicates("client")] * 2)
    for correlation in ("exchangeable", "ar1"):
        fit = fit_gee("y ~ x", twice, group="client", correlation=correlation)
        assert fit.association["alpha"] == pytest.approx(0.999)
        once = fit_logit("y ~ x", DATA.drop_duplicates("client"), cluster="client")
        np.testing.assert_allclose(fit.params, once.params, rtol=1e-6)


def test_separated_data_end_without_a_warning_and_say_so():
    frame = DATA.assign(y=(DATA["x"] > 0).astype(float))
    for correlation in CORRELATIONS:
        fit = fit_gee("y ~ x", frame, group="client", correlation=correlation)
        assert fit.convergence.status == "not_converged"
        assert "predicts the outcome perfectly (separation)" in fit.convergence.message


def refused(**options):
    frame = options.pop("frame", DATA)
    with pytest.raises(ModelError) as raised:
        fit_gee("y ~ x", frame, **{"group": "client", "correlation": "ar1", **options})
    return str(raised.value)


def test_a_time_that_cannot_order_is_refused():
    assert refused(time="when") == (
        "ModelError: no column 'when' to order by\n  where: y ~ x\n  fix:   name one that there is"
    )
    assert refused(time="wave", correlation="exchangeable") == (
        "ModelError: a working correlation 'exchangeable' has no use for the time 'wave'\n"
        "  where: y ~ x\n"
        "  fix:   use correlation='ar1', or leave time out"
    )
    assert refused(correlation="toeplitz") == (
        "ModelError: no working correlation 'toeplitz'\n"
        "  where: y ~ x\n"
        "  fix:   use one of exchangeable, independence, ar1"
    )
    broken = DATA.assign(wave=DATA["wave"].astype(float))
    broken.iloc[[3, 5], -1] = np.nan
    broken.iloc[7, -1] = 1.5
    assert refused(time="wave", frame=broken) == (
        "ModelError: 'wave' is missing or not a whole number in 3 rows\n"
        "  where: y ~ x\n"
        "  fix:   number the waves 1, 2, 3, ... and leave out rows without one, with a reason"
    )
    twice = pd.concat([DATA, DATA.iloc[:2]])
    assert refused(time="wave", frame=twice) == (
        "ModelError: 4 rows share their 'wave' with another of the same client\n"
        "  where: y ~ x\n"
        "  fix:   keep one row a wave, or use correlation='exchangeable'"
    )
