"""Fits: what they refuse, what they keep, and what their numbers must be to one another."""

import numpy as np
import pandas as pd
import pytest
from linkage_language import plan_with
from scipy.special import expit, logit

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import build_design, build_formula, exposure_columns, fit_gee, fit_logit

FITS = {
    "gee": lambda formula, data: fit_gee(formula, data, group="client"),
    "gee independence": lambda formula, data: fit_gee(
        formula, data, group="client", correlation="independence"
    ),
    "logit": lambda formula, data: fit_logit(formula, data, cluster="client"),
}
every_estimator = pytest.mark.parametrize("fit", FITS.values(), ids=FITS)


def people(n_clients=60, waves=4, seed=5):
    """Interviews of clients with something of their own; clients differ in how many they have."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(n_clients), waves)[: n_clients * waves - 7]
    own = rng.normal(size=n_clients)[client]
    x = rng.normal(size=len(client)) + 0.5 * own
    area = rng.choice(["east", "north", "west"], size=len(client))
    frame = pd.DataFrame({"client": client.astype("str"), "x": x, "area": area})
    frame["age"] = rng.normal(40, 12, size=len(client))
    odds = -0.3 + 0.6 * x + 0.4 * (area == "west") + own
    return frame.assign(y=(rng.random(len(client)) < expit(odds)).astype(float))


DATA = people()
FORMULA = "y ~ x + area + age"


def said(error):
    (fault,) = error.value.faults
    return fault.what


# --- refusals ------------------------------------------------------------------------------------


@every_estimator
def test_one_group_only_is_refused(fit):
    with pytest.raises(ModelError) as error:
        fit("y ~ x", DATA.assign(client="the only one"))
    assert said(error) == (
        "all 233 rows belong to one client, so nothing can be said across them"
    )  # fmt: skip
    assert error.value.exit_code == 13


@every_estimator
def test_an_outcome_that_is_the_same_in_all_rows_is_refused(fit):
    with pytest.raises(ModelError) as error:
        fit("y ~ x", DATA.assign(y=1.0))
    assert said(error) == "'y' is the same in all 233 rows"


@every_estimator
@pytest.mark.parametrize("values", [[0.0, 1.0, 2.0], [1.0, 2.0], [0.0, 0.5]])
def test_an_outcome_that_is_not_zero_or_one_is_refused(fit, values):
    y = np.resize(values, len(DATA))
    with pytest.raises(ModelError) as error:
        fit("y ~ x", DATA.assign(y=y))
    assert said(error) == f"'y' has {len(values)} values and must be 0 or 1"


@every_estimator
@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("y", "'y' is missing in 1 rows"),
        ("x", "a variable of the formula has missing values"),
        ("area", "a variable of the formula has missing values"),
        ("client", "'client' is missing in 1 rows"),
    ],
)
def test_a_missing_value_is_refused_and_never_dropped(fit, column, told):
    gap = DATA.assign(**{column: DATA[column].where(DATA.index != 11)})
    with pytest.raises(ModelError) as error:
        fit("y ~ x + area", gap)
    assert said(error) == told


@every_estimator
def test_a_column_that_others_explain_is_refused_by_name(fit):
    with pytest.raises(ModelError) as error:
        fit("y ~ x + age + twice", DATA.assign(twice=2 * DATA["x"] + 1))
    assert said(error) == "twice cannot be told apart from the terms before it"


@every_estimator
@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("y ~ x + nothing", "the formula cannot be read on these columns"),
        ("nothing ~ x", "no column 'nothing'"),
        ("y", "not a formula"),
        ("y ~ ", "not a formula"),
    ],
)
def test_a_formula_that_names_nothing_is_refused(fit, formula, told):
    with pytest.raises(ModelError) as error:
        fit(formula, DATA)
    assert said(error) == told


@every_estimator
def test_no_row_and_no_group_column_are_refused(fit):
    with pytest.raises(ModelError) as error:
        fit("y ~ x", DATA[:0])
    assert said(error) == "no row is left to fit"
    with pytest.raises(ModelError) as error:
        fit("y ~ x", DATA.drop(columns="client"))
    assert said(error) == "no column 'client' to group by"


# --- separation ----------------------------------------------------------------------------------

SEPARATED = {
    "complete": DATA.assign(y=(DATA["x"] > 0).astype(float)),
    "of one category": DATA.assign(y=DATA["y"].where(DATA["area"] != "west", 1.0)),
}


@every_estimator
@pytest.mark.parametrize("kind", SEPARATED)
def test_separation_gives_no_p_value_and_no_interval_and_says_why(fit, kind):
    found = fit("y ~ x + area", SEPARATED[kind])
    assert found.convergence.status == "not_converged"
    assert "predicts the outcome perfectly (separation)" in found.convergence.message
    table = found.coefficients
    assert (
        table[["std_error", "statistic", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    )
    assert "not_converged" in found.summary()


@every_estimator
def test_a_sound_fit_has_all_its_numbers_and_no_doubt(fit):
    found = fit(FORMULA, DATA)
    assert found.convergence.status == "ok"
    assert found.convergence.message == ""
    assert found.convergence.gradient_norm < 1e-8
    assert found.coefficients.notna().all(axis=None)


# --- units ---------------------------------------------------------------------------------------


@every_estimator
@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_an_unusual_unit_of_measurement_spoils_nothing_and_warns_of_nothing(fit, unit):
    """Pounds a year beside a share of a share: the equations are solved on scaled columns."""
    plain = fit("y ~ x + age", DATA)
    other = fit("y ~ x + age", DATA.assign(x=unit * DATA["x"] + 3 * unit))
    assert other.convergence.status == "ok"
    assert other.convergence.evaluations < 30
    assert other.params[1] * unit == pytest.approx(plain.params[1], rel=1e-6)
    np.testing.assert_allclose(other.bse[1] * unit, plain.bse[1], rtol=1e-6)
    np.testing.assert_allclose(other.predict(), plain.predict(), rtol=1e-6)


# --- the parts of a fit --------------------------------------------------------------------------


@every_estimator
def test_the_names_of_the_ecosystem_and_our_own_give_the_same_numbers(fit):
    found = fit(FORMULA, DATA)
    table, vcov = found.coefficients, found.vcov
    assert list(table.index) == list(vcov.index) == list(vcov.columns) == list(found.terms)
    np.testing.assert_array_equal(table["estimate"], found.params)
    np.testing.assert_array_equal(table["std_error"], found.bse)
    np.testing.assert_allclose(found.bse**2, np.diag(vcov))
    pd.testing.assert_frame_equal(found.cov_params(), vcov)
    z = 1.959963984540054
    np.testing.assert_allclose(table["conf_low"], found.params - z * found.bse, rtol=1e-12)
    np.testing.assert_allclose(table["conf_high"], found.params + z * found.bse, rtol=1e-12)
    narrow, wide = found.conf_int(0.5), found.conf_int(0.99)
    assert (wide["conf_low"] < narrow["conf_low"]).all()
    assert (found.n_obs, found.n_groups) == (233, {"client": 59})


@every_estimator
def test_predictions_for_the_rows_of_the_fit_are_the_fitted_means(fit):
    found = fit(FORMULA, DATA)
    np.testing.assert_allclose(found.predict(DATA), found.predict(), rtol=1e-12)
    np.testing.assert_allclose(found.predict(), expit(found.design.matrix @ found.params))


@every_estimator
def test_new_rows_are_coded_as_the_fitted_ones_were(fit):
    """A single row, all `west`: by itself it would be its own first level."""
    found = fit(FORMULA, DATA)
    place = int(np.flatnonzero(DATA["area"] == "west")[0])
    one = DATA.iloc[[place]]
    np.testing.assert_allclose(found.predict(one), found.predict()[place], rtol=1e-12)


@every_estimator
@pytest.mark.parametrize("at", ["typical", "conditional"])
def test_a_marginal_fit_knows_the_population_only(fit, at):
    with pytest.raises(ModelError) as error:
        fit("y ~ x", DATA).predict(at=at)
    assert "has no random effects to hold at a value" in said(error)


def test_information_criteria_count_the_coefficients_and_a_gee_has_none():
    logit_fit = FITS["logit"](FORMULA, DATA)
    p = expit(logit_fit.design.matrix @ logit_fit.params)
    loglik = np.sum(np.where(DATA["y"] == 1, np.log(p), np.log1p(-p)))
    assert logit_fit.llf == pytest.approx(loglik, rel=1e-12)
    assert logit_fit.aic == pytest.approx(-2 * loglik + 2 * 5)
    assert logit_fit.bic == pytest.approx(-2 * loglik + 5 * np.log(233))
    gee = FITS["gee"](FORMULA, DATA)
    assert np.isnan([gee.loglik, gee.aic, gee.bic]).all()


def test_a_fit_and_its_arrays_cannot_be_written_to():
    found = FITS["logit"]("y ~ x", DATA)
    for array in (found.params, found.covariance, found.scores, found.design.matrix):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        found.params = found.params


def test_the_fit_of_an_intercept_alone_is_the_log_odds_of_the_mean():
    for name in ("logit", "gee independence"):
        found = FITS[name]("y ~ 1", DATA)
        assert found.params[0] == pytest.approx(logit(DATA["y"].mean()), rel=1e-9)


# --- the sandwich, by hand -----------------------------------------------------------------------


def summed_by_client(scores):
    return pd.DataFrame(scores).groupby(DATA["client"].to_numpy()).sum().to_numpy()


@every_estimator
def test_scores_sum_to_zero_at_the_estimate(fit):
    found = fit(FORMULA, DATA)
    assert found.scores.shape == (233, 5)
    scale = np.abs(found.scores).sum(axis=0)
    np.testing.assert_allclose(found.scores.sum(axis=0) / scale, 0, atol=1e-9)


def test_the_outer_product_of_a_logits_scores_gives_its_covariance():
    found = FITS["logit"](FORMULA, DATA)
    matrix = found.design.matrix
    p = found.predict()
    bread = np.linalg.inv(matrix.T @ (matrix * (p * (1 - p))[:, None]))
    summed = summed_by_client(found.scores)
    factor = 59 / 58 * 232 / (233 - 5)
    np.testing.assert_allclose(
        found.covariance, factor * bread @ summed.T @ summed @ bread, rtol=1e-9
    )


@pytest.mark.parametrize("name", ["gee", "gee independence"])
def test_a_gees_scores_and_covariance_are_liang_and_zegers_client_by_client(name):
    """D' V^-1 (y - mu) and H^-1 (sum s s') H^-1 with V = A^1/2 R A^1/2, all written out."""
    found = FITS[name](FORMULA, DATA)
    alpha, matrix, p = found.association["alpha"], found.design.matrix, found.predict()
    clients = DATA["client"].to_numpy()
    information, meat = np.zeros((5, 5)), np.zeros((5, 5))
    for client in np.unique(clients):
        mine = clients == client
        spread = np.sqrt(p[mine] * (1 - p[mine]))
        correlation = np.full((mine.sum(), mine.sum()), alpha)
        np.fill_diagonal(correlation, 1.0)
        inverse = np.linalg.inv(correlation * np.outer(spread, spread))
        derivative = matrix[mine] * (spread**2)[:, None]
        information += derivative.T @ inverse @ derivative
        score = derivative.T @ inverse @ (DATA["y"].to_numpy()[mine] - p[mine])
        np.testing.assert_allclose(found.scores[mine].sum(axis=0), score, rtol=1e-7, atol=1e-9)
        meat += np.outer(score, score)
    inverse = np.linalg.inv(information)
    np.testing.assert_allclose(found.covariance, inverse @ meat @ inverse, rtol=1e-6)
    assert (alpha == 0) == (name == "gee independence")


def test_a_planned_formula_names_exposure_bands_and_covariates_and_can_be_fitted():
    """A spline beside the intercept must not contain the constant."""
    covariates = {
        "age": {"column": "clients.age", "type": "number", "at": "baseline", "form": "spline"},
        "area": {"column": "clients.area", "type": "category", "at": "baseline"},
    }
    plan = plan_with({"covariates": covariates, "models.main.covariates": ["age", "area"]})
    formula = build_formula(plan, plan.models["main"], modifier="C(band)")
    spline = "cr(age, df=4, constraints='center')"
    assert formula == f"job ~ rapport * C(band) + {spline} + C(area)"
    data = DATA.rename(columns={"x": "rapport", "y": "job"})
    data["band"] = np.resize(["low", "high"], len(data))
    found = FITS["gee"](formula, data)
    assert found.convergence.status == "ok"
    assert len(found.terms) == 4 + 4 + 2
    split = plan_with({"models.main.split": "within_between", "models.main.split_by": "client"})
    assert exposure_columns(split.models["main"]) == ("rapport_within", "rapport_between")
    assert build_formula(split, split.models["main"]) == "job ~ rapport_within + rapport_between"


def test_a_design_keeps_its_coding_and_its_rows():
    design = build_design("y ~ x * C(area)", DATA)
    np.testing.assert_array_equal(design.rebuild(DATA), design.matrix)
    assert design.terms[0] == "Intercept"
    assert len(design.frame) == len(design.response) == 233
