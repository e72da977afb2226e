"""Do the panel's estimators say the truth? A few made-up studies whose truth is known.

Clients' levels go with their exposure, so that rows pooled are wrong and comparisons within a
client right. Every test allows three Monte Carlo standard errors. Seeds are fixed.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepvalue_stats.effects import average_effect
from deepvalue_stats.models import WithinBetween, fit_panel, hausman_test

STUDIES = 200


def study(seed, clients=60, waves=4, contextual=1.0, slope=0.5):
    """An exposure that varies between and within clients; errors of a client hang together."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(clients), waves)
    own = rng.normal(size=clients)[client]
    x = own + rng.normal(size=len(client))
    mean = np.bincount(client, x)[client] / waves
    drift = (np.tile(np.arange(waves), clients) - 1.5) * rng.normal(size=clients)[client]
    eta = slope * x + contextual * mean
    rows = pd.DataFrame({"client": client, "wave": np.tile(np.arange(waves), clients), "x": x})
    return rows.assign(
        y=eta + rng.normal(size=clients)[client] + 0.5 * drift + rng.normal(size=len(client)),
        good=(rng.random(len(client)) < expit(eta + rng.normal(size=clients)[client])) * 1.0,
    )


def coverage(estimator, outcome, **options):
    hits, estimates, errors = [], [], []
    for seed in range(STUDIES):
        fit = fit_panel(f"{outcome} ~ x", study(seed, **options), time="wave", estimator=estimator)
        row = fit.coefficients.iloc[-1]
        hits.append(row["conf_low"] <= 0.5 <= row["conf_high"])
        estimates.append(row["estimate"])
        errors.append(row["std_error"])
    return np.mean(hits), np.array(estimates), np.array(errors)


@pytest.mark.parametrize("estimator", ["within", "first_difference", "conditional_logit"])
def test_within_clients_the_truth_is_met_and_covered(estimator):
    outcome = "good" if estimator == "conditional_logit" else "y"
    clients = 150 if estimator == "conditional_logit" else 60
    covered, estimates, errors = coverage(estimator, outcome, clients=clients)
    band = 3 * np.sqrt(0.95 * 0.05 / STUDIES)
    assert abs(covered - 0.95) < band
    assert abs(estimates.mean() - 0.5) < 3 * estimates.std() / np.sqrt(STUDIES) + 0.015
    assert errors.mean() / estimates.std() == pytest.approx(1, abs=3 / np.sqrt(2 * STUDIES))


def test_rows_pooled_are_wrong_where_levels_go_with_the_exposure():
    covered, estimates, _ = coverage("pooled", "y")
    assert covered < 0.05
    assert estimates.mean() > 1


def test_the_robust_hausman_test_has_its_size_and_power():
    def rejected(contextual):
        p = [
            hausman_test(
                fit_panel(
                    "y ~ x",
                    study(seed, contextual=contextual),
                    time="wave",
                    estimator="within_between",
                )
            ).p_value
            for seed in range(STUDIES)
        ]
        return np.mean(np.array(p) < 0.05)

    assert rejected(0.0) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES) + 0.01
    assert rejected(1.0) > 0.9


def test_two_dummies_of_a_client_would_double_the_log_odds():
    """Why they are refused: at two waves the estimate is twice the conditional one."""
    rows = study(1, clients=400, waves=2)
    fit = fit_panel("good ~ x", rows, time="wave", estimator="conditional_logit")
    changed = fit.design.frame
    dummies = pd.get_dummies(changed["client"], dtype=float).to_numpy()
    matrix = np.column_stack([changed["x"], dummies])
    b = np.zeros(matrix.shape[1])
    for _ in range(60):
        p = expit(matrix @ b)
        b += np.linalg.solve(
            matrix.T @ (matrix * (p * (1 - p))[:, None]), matrix.T @ (changed["good"] - p)
        )
    assert b[0] == pytest.approx(2 * fit.params[0], rel=1e-6)


def test_the_average_effect_within_clients_is_that_of_the_population():
    """The truth by the simulated clients' own levels: the mean of b p (1 - p)."""
    rng = np.random.default_rng(7)
    clients, waves, b, contextual, sd = 6000, 4, 0.8, 0.6, 1.5
    client = np.repeat(np.arange(clients), waves)
    x = rng.normal(size=clients)[client] + rng.normal(size=len(client))
    mean = np.bincount(client, x)[client] / waves
    p = expit(-0.5 + b * x + contextual * mean + sd * rng.normal(size=clients)[client])
    rows = pd.DataFrame({"client": client, "wave": np.tile(np.arange(waves), clients), "x": x})
    rows = rows.assign(good=(rng.random(len(p)) < p).astype(float))
    truth = b * np.mean(p * (1 - p))
    fit = fit_panel("good ~ x", rows, time="wave", estimator=WithinBetween(quadrature_points=9))
    row = average_effect(fit, "x_within", contrast="point").frame.iloc[0]
    assert abs(row["estimate"] - truth) < 3 * row["std_error"]
    assert row["std_error"] < 0.03 * truth
    typical = average_effect(fit, "x_within", contrast="point", at="typical").frame.iloc[0]
    assert abs(typical["estimate"] - truth) > 5 * row["std_error"]
