"""Every trouble a multilevel logit can meet has its own status and words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_multilevel


def made(sd: float = 0.6, n: int = 600, groups: int = 30, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    x = rng.normal(size=n)
    chance = 1 / (1 + np.exp(0.2 - 0.5 * x - sd * rng.normal(size=groups)[group]))
    job = (rng.random(n) < chance).astype(float)
    return pd.DataFrame({"job": job, "x": x, "w": rng.normal(size=n), "adviser": group})


def numbers(fit) -> np.ndarray:
    return fit.coefficients.drop(columns="dof").to_numpy()


def refusal(formula: str, data: pd.DataFrame, **options) -> str:
    with pytest.raises(ModelError) as caught:
        fit_multilevel(formula, data, **options)
    return str(caught.value)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return made()


def test_a_sound_fit_has_nothing_to_say(rows):
    fit = fit_multilevel("job ~ x + (1 | adviser)", rows)
    assert fit.convergence.status == "ok"
    assert fit.convergence.message == ""
    assert not fit.convergence.singular
    assert fit.convergence.gradient_norm < 1e-8
    assert np.isfinite(numbers(fit)).all()


def test_a_variance_of_zero_is_an_answer():
    rng = np.random.default_rng(8)
    rows = made(sd=0.0).assign(adviser=rng.permutation(np.repeat(np.arange(30), 20)))
    # every adviser has the same share of jobs: less spread than chance alone would give
    rows = rows.sort_values("adviser").assign(job=np.tile([0.0, 1.0], 300))
    fit = fit_multilevel("job ~ x + (1 | adviser)", rows)
    assert fit.convergence.status == "ok"
    assert fit.convergence.singular
    assert fit.convergence.message == ("no detectable variance between groups of adviser")
    assert fit.theta.tolist() == [0.0]
    assert fit.variance_components["std_dev"].tolist() == [0.0]
    np.testing.assert_allclose(fit.predict(), fit.predict(at="typical"))


def test_a_flat_criterion_near_a_variance_of_zero_is_no_failure():
    """Twenty practitioners of twenty-five, half of them in an arm: short steps without end."""
    arm = [0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1]
    jobs = [11, 12, 5, 10, 8, 7, 13, 8, 6, 8, 7, 12, 10, 11, 9, 8, 7, 9, 5, 5]
    frame = pd.DataFrame({"adviser": np.repeat(range(20), 25), "arm": np.repeat(arm, 25) * 1.0})
    frame["job"] = [float(place < found) for found in jobs for place in range(25)]
    fit = fit_multilevel("job ~ arm + (1 | adviser)", frame)
    assert fit.convergence.status == "ok"
    assert fit.variance_components["std_dev"].iloc[0] < 0.01
    shares = frame.groupby("arm")["job"].mean()
    odds = np.log(shares / (1 - shares)).to_list()
    np.testing.assert_allclose(fit.params, [odds[0], odds[1] - odds[0]], atol=1e-4)


def test_standard_errors_of_a_singular_fit_are_those_without_the_effect():
    rows = made(sd=0.0).sort_values("adviser").assign(job=np.tile([0.0, 1.0], 300))
    fit = fit_multilevel("job ~ x + (1 | adviser)", rows)
    matrix = fit.design.matrix
    p = 1 / (1 + np.exp(-matrix @ fit.params))
    plain = np.linalg.inv(matrix.T @ (matrix * (p * (1 - p))[:, None]))
    np.testing.assert_allclose(fit.covariance, plain, rtol=1e-5)


def test_effects_that_cannot_be_told_apart_are_named(rows):
    fit = fit_multilevel("job ~ x + (1 + x | adviser)", rows)
    assert fit.convergence.singular
    assert fit.convergence.message == (
        "the effects Intercept, x of adviser are perfectly correlated in the fit: the data cannot "
        "tell them apart"
    )
    assert abs(fit.variance_components["correlation"].iloc[-1]) == pytest.approx(1)


def test_separation_names_the_culprit_and_gives_no_number(rows):
    seen = rows.assign(badge=(rows["job"] == 1) & (rows["x"] > 1))
    fit = fit_multilevel("job ~ w + badge + (1 | adviser)", seen)
    assert fit.convergence.status == "separated"
    assert fit.convergence.message == (
        "badge predicts the outcome perfectly in some rows (separation), so there is no finite "
        "estimate: take it out, join categories, or set prior_sd to shrink coefficients"
    )
    assert np.isnan(numbers(fit)).all()
    assert np.isnan(fit.loglik)


def test_a_penalty_is_offered_and_works_only_when_asked_for(rows):
    seen = rows.assign(badge=((rows["job"] == 1) & (rows["x"] > 1)).astype(float))
    fit = fit_multilevel("job ~ w + badge + (1 | adviser)", seen, prior_sd=2.5)
    assert fit.convergence.status == "ok"
    assert np.isfinite(numbers(fit)).all()


def test_groups_with_one_outcome_each_have_no_finite_variance(rows):
    fit = fit_multilevel("job ~ x + (1 | adviser)", rows.assign(job=rows["adviser"] % 2))
    assert fit.convergence.status == "separated"
    assert fit.convergence.message == (
        "no group of adviser has both outcomes, so the variance between them has no finite "
        "estimate: take the factor out, or describe the groups instead"
    )
    assert np.isnan(numbers(fit)).all()


def test_few_groups_are_said(rows):
    fit = fit_multilevel("job ~ x + (1 | half)", rows.assign(half=rows["adviser"] % 2))
    assert fit.convergence.status == "ok"
    assert "fewer than 5 groups of half: their variance is hardly known" in fit.convergence.message
    assert fit.coefficients.loc["Intercept", "dof"] == 1


def test_an_optimum_that_is_not_found_gives_no_number(rows):
    fit = fit_multilevel("job ~ x + (1 | adviser)", rows.assign(far=1e6), offset="far")
    assert fit.convergence.status == "not_converged"
    assert fit.convergence.message == (
        "the search for the maximum did not end at one: look for a variance that the data cannot "
        "tell, or simplify the random part"
    )
    assert np.isnan(numbers(fit)).all()
    assert np.isnan(fit.theta).all()
    assert fit.variance_components[["std_dev", "variance"]].isna().all(axis=None)


def test_few_rows_a_client_make_laplace_doubtful_and_say_by_how_much():
    rng = np.random.default_rng(3)
    client = np.repeat(np.arange(300), 3)
    x = rng.normal(size=900)
    chance = 1 / (1 + np.exp(-0.4 * x - 2.4 * rng.normal(size=300)[client]))
    rows = pd.DataFrame({"job": rng.random(900) < chance, "x": x, "client": client})
    fit = fit_multilevel("job ~ x + (1 | client)", rows)
    assert fit.laplace.doubtful
    assert set(fit.laplace.loglik) == {1, 7, 15}
    assert fit.convergence.message.startswith(
        "the Laplace approximation is doubtful with 3.0 trials a group and a latent SD of"
    )
    better = fit_multilevel("job ~ x + (1 | client)", rows, quadrature_points=15)
    assert not better.laplace.doubtful
    moved = np.abs((better.params - fit.params) / fit.bse).max()
    assert moved == pytest.approx(fit.laplace.shift[15], rel=0.5)


@pytest.mark.parametrize(
    ("formula", "change", "said"),
    [
        ("job ~ x + (1 | one)", {"one": 1}, "all 600 rows belong to one one"),
        ("job ~ x + I(2 * x) + (1 | adviser)", {}, "cannot be told apart from the terms before it"),
        ("job ~ x + (1 | adviser)", {"job": 1.0}, "'job' is the same in all 600 rows"),
        ("job ~ x + (1 | adviser)", {"job": 0.5}, "'job' has 1 values and must be 0 or 1"),
        ("job ~ x + (1 | adviser) + (1 | adviser)", {}, "Intercept varies twice over adviser"),
        ("job ~ x + (1 | nobody)", {}, "nobody"),
        ("job ~ x", {}, "fit_logit"),
    ],
)
def test_refusals(rows, formula, change, said):
    assert said in refusal(formula, rows.assign(**change))


def test_a_group_for_every_row_is_refused(rows):
    said = refusal("job ~ x + (1 | row)", rows.assign(row=np.arange(600)))
    assert "each of the 600 rows is a group of row of its own" in said


def test_two_factors_with_the_same_groups_are_refused(rows):
    data = rows.assign(desk=rows["adviser"] + 100)
    said = refusal("job ~ x + (1 | adviser) + (1 | desk)", data)
    assert "adviser and desk put the same rows together" in said


def test_missing_values_are_refused_or_counted_by_choice(rows):
    holed = rows.assign(x=rows["x"].where(rows["x"] > -2))
    absent = int(holed["x"].isna().sum())
    assert f"'x' in {absent} rows" in refusal("job ~ x + (1 | adviser)", holed)
    fit = fit_multilevel("job ~ x + (1 | adviser)", holed, missing="drop")
    assert fit.n_obs == 600 - absent
    assert fit.design.dropped == {"x": absent}


def test_all_faulty_options_are_told_at_once(rows):
    said = refusal(
        "job ~ x + (1 | adviser)", rows, quadrature_points=0, inference="p", covariance="robust",
        family="poisson", prior_sd=-1,
    )  # fmt: skip
    for word in ("quadrature_points", "inference", "covariance", "family", "prior_sd"):
        assert word in said


def test_quadrature_for_a_structure_without_one_is_refused(rows):
    crossed = rows.assign(site=np.arange(600) % 7)
    said = refusal("job ~ x + (1 | adviser) + (1 | site)", crossed, quadrature_points=7)
    assert "no quadrature is known for adviser, site" in said


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_units_do_not_matter(rows, scale):
    fit = fit_multilevel("job ~ x + (1 | adviser)", rows)
    other = fit_multilevel("job ~ x + (1 | adviser)", rows.assign(x=rows["x"] * scale))
    np.testing.assert_allclose(other.params * [1, scale], fit.params, rtol=1e-6)
    np.testing.assert_allclose(other.bse * [1, scale], fit.bse, rtol=1e-6)
    assert other.loglik == pytest.approx(fit.loglik, abs=1e-8)


def test_counts_that_are_none_are_refused(rows):
    data = rows.assign(trials=0.5, often=-1)
    said = refusal("job ~ x + (1 | adviser)", data, weights="trials", frequency="often")
    assert "'trials' is not a count in 600 rows" in said
    assert "'often' is not a count in 600 rows" in said
    said = refusal("x ~ w + (1 | adviser)", rows.assign(trials=3), weights="trials")
    assert "'x' is no number of successes out of 'trials'" in said
