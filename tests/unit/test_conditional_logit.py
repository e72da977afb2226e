"""The conditional logit: against enumeration, in hard cases, and in what it can speak of."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from statsmodels.discrete.discrete_model import Logit

from deepvalue_stats.effects import average_effect, average_risk
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_panel
from deepvalue_stats.models.panel.conditional import build_strata, conditional_logit


def panel(clients=200, waves=5, seed=1, slope=0.7):
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(clients), waves)
    level = rng.normal(size=clients)[client]
    x, z = level + rng.normal(size=len(client)), rng.normal(size=len(client))
    eta = slope * x - 0.3 * z - level
    return pd.DataFrame(
        {
            "client": client,
            "wave": np.tile(np.arange(waves), clients),
            "x": x,
            "z": z,
            "good": (rng.random(len(client)) < 1 / (1 + np.exp(-eta))).astype(float),
            "practitioner": client // 8,
            "mixed": rng.integers(0, 25, len(client)),
        }
    )


DATA = panel()


def fitted(formula="good ~ x + z", data=DATA, **options):
    return fit_panel(formula, data, time="wave", estimator="conditional_logit", **options)


def enumerated(x, y, groups, b):
    """Log-likelihood, score and information by listing every choice of rows."""
    p = x.shape[1]
    loglik, score, information = 0.0, np.zeros(p), np.zeros((p, p))
    for g in np.unique(groups):
        rows, k = x[groups == g], int(y[groups == g].sum())
        sums = np.array([rows[list(c)].sum(axis=0) for c in combinations(range(len(rows)), k)])
        weight = np.exp(sums @ b)
        share = weight / weight.sum()
        mean = share @ sums
        mine = rows[y[groups == g] == 1].sum(axis=0)
        loglik += mine @ b - np.log(weight.sum())
        score += mine - mean
        information += (sums - mean).T @ ((sums - mean) * share[:, None])
    return loglik, score, information


def test_the_maximum_is_that_of_listing_every_choice():
    few = DATA[DATA["client"] < 60]
    x, y = few[["x", "z"]].to_numpy(), few["good"].to_numpy()
    groups = few["client"].to_numpy()
    found = conditional_logit(build_strata(x, y, groups))
    loglik, score, information = enumerated(x, y, groups, found.params)
    assert found.loglik == pytest.approx(loglik, rel=1e-12)
    np.testing.assert_allclose(score, 0, atol=1e-10)
    np.testing.assert_allclose(found.covariance, np.linalg.inv(information), rtol=1e-10)
    assert found.null_loglik == pytest.approx(enumerated(x, y, groups, np.zeros(2))[0], rel=1e-12)


def test_turning_the_outcome_turns_the_coefficients():
    turned = fitted(data=DATA.assign(good=1 - DATA["good"]))
    fit = fitted()
    np.testing.assert_allclose(turned.params, -fit.params, rtol=1e-10)
    assert turned.loglik == pytest.approx(fit.loglik, rel=1e-12)


def test_two_waves_are_a_logit_of_the_change():
    """Which of two waves had the outcome, by how much covariates differ, without a level."""
    two = DATA[DATA["wave"] < 2]
    wide = two.pivot(index="client", columns="wave", values=["x", "z", "good"])
    moved = wide[wide["good", 0] != wide["good", 1]]
    change = np.column_stack([moved[name, 1] - moved[name, 0] for name in ("x", "z")])
    peer = Logit(moved["good", 1].to_numpy(), change).fit(disp=0, tol=1e-12)
    fit = fitted(data=two)
    np.testing.assert_allclose(fit.params, peer.params, rtol=1e-9)
    np.testing.assert_allclose(fit.bse, peer.bse, rtol=1e-8)
    assert fit.loglik == pytest.approx(peer.llf, rel=1e-10)


@pytest.mark.parametrize("shift", [0.0, 5_000.0])
def test_hundreds_of_waves_do_not_overflow(shift):
    long = panel(clients=6, waves=700, seed=2)
    found = fitted(data=long.assign(x=300 * long["x"] + shift))
    plain = fitted(data=long)
    assert found.convergence.status == "ok"
    assert found.params[0] * 300 == pytest.approx(plain.params[0], rel=1e-8)
    assert found.loglik == pytest.approx(plain.loglik, rel=1e-10)


def test_a_wide_range_of_odds_within_a_client_is_no_trouble():
    """Chances from 1e-200 to 1: sums of odds of 460 units of the log range."""
    x = np.array([[0.0], [1.0], [2.0], [460.0], [0.5], [0.1], [3.0], [1.5]])
    y = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0])
    strata = build_strata(x, y, np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    found = conditional_logit(strata)
    loglik, score, _ = enumerated(x, y, np.repeat([0, 1], 4), found.params)
    assert found.loglik == pytest.approx(loglik, rel=1e-9)
    np.testing.assert_allclose(score, 0, atol=1e-6)


def test_clients_whose_outcome_never_changes_are_left_out_and_counted():
    changes = DATA.groupby("client")["good"].nunique() == 2
    fit = fitted()
    assert fit.n_groups == {"client": int(changes.sum())}
    assert fit.left_out.clients == int((~changes).sum())
    assert fit.left_out.rows == 5 * fit.left_out.clients
    assert fit.left_out.reason == "clients whose outcome never changes"
    assert fit.changers["good"] == pytest.approx(changes.mean())
    assert set(fit.design.frame["client"]) == set(changes[changes].index)


def test_scores_and_the_covariance_by_client():
    fit = fitted(covariance="cluster:client")
    plain = fitted()
    assert (fit.dof, plain.dof) == (fit.layout.n_clients - 1, np.inf)
    np.testing.assert_allclose(fit.scores.sum(axis=0), 0, atol=1e-8)
    summed = pd.DataFrame(fit.scores).groupby(fit.design.frame["client"].to_numpy()).sum()
    meat = summed.to_numpy().T @ summed.to_numpy()
    by_hand = plain.covariance @ meat @ plain.covariance
    np.testing.assert_allclose(fit.covariance, by_hand, rtol=1e-9)


def test_the_covariance_by_practitioner_with_all_a_clients_waves_or_not():
    nested = fitted(covariance="cluster:practitioner")
    summed = pd.DataFrame(nested.scores).groupby(nested.design.frame["practitioner"].to_numpy())
    meat = summed.sum().to_numpy().T @ summed.sum().to_numpy()
    plain = fitted().covariance
    np.testing.assert_allclose(nested.covariance, plain @ meat @ plain, rtol=1e-9)
    mixed = fitted(covariance="cluster:mixed")
    assert mixed.dof == 24
    np.testing.assert_allclose(mixed.bse, fitted().bse, rtol=0.5)


def test_separation_within_clients_is_found_and_named():
    """Within each client the waves with the outcome are those of the larger x."""
    rank = DATA.groupby("client")["x"].rank()
    fit = fitted(data=DATA.assign(good=(rank > 3).astype(float)))
    assert fit.convergence.status == "separated"
    assert fit.convergence.message == ("x tells perfectly which waves had the outcome (separation)")
    assert fit.coefficients["p_value"].isna().all()
    row = average_effect(fit, "x", scale="log_odds").frame.iloc[0]
    assert row["status"] == "not_converged"


def test_it_knows_log_odds():
    fit = fitted()
    row = average_effect(fit, "x", scale="log_odds", contrast="point").frame.iloc[0]
    assert row["estimate"] == pytest.approx(fit.params[0], rel=1e-12)
    assert row["std_error"] == pytest.approx(fit.bse[0], rel=1e-12)
    assert row["estimand"] == (
        "average derivative x 1 point, for a given client whose outcome changes"
    )
    assert row["n_clients"] == fit.layout.n_clients


@pytest.mark.parametrize("scale", ["risk_difference", "risk_ratio", "odds_ratio", "number_needed"])
def test_it_knows_no_chances(scale):
    with pytest.raises(ModelError) as told:
        average_effect(fitted(), "x", scale=scale)
    named = "risk ratio" if scale == "risk_ratio" else "risk difference"
    assert str(told.value) == (
        "ModelError: a conditional logit knows no chances\n"
        f"  where: conditional_logit, scale {named}\n"
        '  fix:   use scale="log_odds"; for per 100 clients fit the within-between logit'
    )


def test_it_predicts_nothing():
    with pytest.raises(ModelError, match="a conditional logit knows no chances"):
        average_risk(fitted(), "x", [0.0])
    with pytest.raises(ModelError, match="knows odds only, and no level"):
        fitted().predict()


def test_an_amount_is_refused():
    with pytest.raises(ModelError) as told:
        fitted("x ~ z")
    assert str(told.value) == (
        "ModelError: 'x' has 1000 values and must be 0 or 1\n"
        "  where: x ~ z\n"
        "  fix:   define the outcome so that it is true or false, or use estimator='within'"
    )


def test_a_term_that_moves_only_where_the_outcome_does_not_is_refused():
    stays = DATA.groupby("client")["good"].transform("nunique") == 1
    n = DATA.loc[~stays, "client"].nunique()
    with pytest.raises(ModelError) as told:
        fitted("good ~ x + odd", DATA.assign(odd=DATA["z"].where(stays, 0.0)))
    assert str(told.value) == (
        f"ModelError: odd does not vary by itself within the {n} clients whose outcome changes\n"
        "  where: good ~ x + odd\n"
        "  fix:   take it out"
    )


def test_a_correction_is_refused():
    with pytest.raises(ModelError, match="for the clustered covariance of a linear estimator"):
        fitted(covariance="cluster:client", correction="sss")
