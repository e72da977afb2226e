"""The bias of a lagged outcome: its formula, its limits, and who is told of it."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import FirstDifference, Within, fit_panel, nickell_bias, nickell_warning
from deepvalue_stats.models.dynamics.nickell import persistence_of


def autoregression(rho, waves, clients=4000, seed=3):
    """Outcomes with levels, long under way, and the outcome of the wave before."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=clients)
    y = [level / (1 - rho) + rng.normal(size=clients) / np.sqrt(1 - rho**2)]
    for _ in range(waves - 1):
        y.append(rho * y[-1] + level + rng.normal(size=clients))
    y = np.array(y)
    frame = {
        "client": np.tile(np.arange(clients), waves - 1),
        "wave": np.repeat(np.arange(1, waves), clients),
        "y": y[1:].ravel(),
        "before": y[:-1].ravel(),
        "x": rng.normal(size=clients * (waves - 1)),
    }
    return pd.DataFrame(frame)


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.4, 0.9])
def test_with_three_waves_it_is_half_of_one_and_rho(rho):
    assert nickell_bias(rho, 3) == pytest.approx(-(1 + rho) / 2, rel=1e-12)


def test_it_vanishes_and_the_approximation_gets_better_with_waves():
    ratio = [nickell_bias(0.5, w) / nickell_bias(0.5, w, exact=False) for w in (4, 10, 1000)]
    assert ratio[0] < ratio[1] < ratio[2] == pytest.approx(1.0, abs=0.01)
    assert abs(nickell_bias(0.5, 1000)) < 0.002


def test_nothing_jumps_at_no_persistence():
    assert nickell_bias(0.0, 6) == pytest.approx(nickell_bias(1e-7, 6), abs=1e-6) == -0.2


@pytest.mark.parametrize(("rho", "waves"), [(0.5, 4), (0.2, 6)])
def test_within_estimates_are_off_by_as_much(rho, waves):
    fit = fit_panel("y ~ before", autoregression(rho, waves), time="wave", estimator="within")
    assert fit.params[0] - rho == pytest.approx(nickell_bias(rho, waves), abs=4 * fit.bse[0])


def test_the_true_persistence_is_found_back():
    assert persistence_of(0.5 + nickell_bias(0.5, 5), 5) == pytest.approx(0.5, abs=1e-9)
    assert persistence_of(-2.0, 5) == -0.999
    assert persistence_of(2.0, 5) == 0.999


def test_what_cannot_be_is_refused_all_at_once():
    with pytest.raises(ModelError) as told:
        nickell_bias(1.0, 2)
    assert str(told.value) == (
        "ModelError: 2 problems\n"
        "1. not between -1 and 1\n"
        "     where: rho\n"
        "     fix:   an outcome must not run away\n"
        "2. fewer than 3 waves\n"
        "     where: waves\n"
        "     fix:   with two nothing is known within clients"
    )


@pytest.mark.parametrize(
    ("estimator", "waves"),
    [
        ("within", 5),
        (Within(time_effects=True), 5),
        ("first_difference", 3),
        (FirstDifference(), 3),
    ],
)
def test_a_lagged_outcome_is_found_whatever_its_name_and_said(estimator, waves):
    fit = fit_panel("y ~ x + before", autoregression(0.5, 5), time="wave", estimator=estimator)
    found = nickell_warning(fit)
    assert found.term == "before"
    assert found.waves == waves
    assert found.exceeds
    assert found.share == abs(found.bias) / fit.bse[-1]
    assert found.persistence == pytest.approx(0.5, abs=0.06)
    assert fit.convergence.status == "ok"
    assert fit.convergence.message == found.message
    assert found.message == (
        f"'before' is the outcome of the wave before, which a model without clients' own levels "
        f"gets wrong by about {found.bias:.2f} ({found.share:.1f} standard errors), and other "
        "terms with it: use fit_dynamic"
    )


def test_few_clients_hide_it_and_the_allowance_is_ones_own():
    fit = fit_panel("y ~ before", autoregression(-0.5, 9, clients=12), time="wave",
                    estimator="within")  # fmt: skip
    assert nickell_warning(fit, allowed=50.0).exceeds is False
    assert nickell_warning(fit, allowed=0.0).exceeds is True


@pytest.mark.parametrize("estimator", ["pooled", "between", "random", "within_between"])
def test_who_keeps_levels_is_not_spoken_of(estimator):
    rows = autoregression(0.5, 5, clients=200)
    fit = fit_panel("y ~ before", rows, time="wave", estimator=estimator)
    assert nickell_warning(fit) is None


def test_a_model_without_a_lag_has_no_such_doubt():
    fit = fit_panel("y ~ x", autoregression(0.5, 5, clients=50), time="wave", estimator="within")
    assert nickell_warning(fit) is None
    assert fit.convergence.message == ""
