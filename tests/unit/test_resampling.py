"""Resampled and simulated intervals: near the delta method where it holds, and reproducible."""

import numpy as np
import pandas as pd
import pytest
from test_refitting import DATA, FITS

from deepvalue_stats.effects import Contrast, average_effect
from deepvalue_stats.effects.resampling import (
    _nested,
    _resampled,
    _rows_of,
    cluster_bootstrap,
    moved,
    simulated,
)
from deepvalue_stats.errors import ModelError


def effect(fit):
    return average_effect(fit, "x", contrast=Contrast("point", 1.0), scale="odds_ratio")


@pytest.mark.parametrize("name", ["logit", "gee", "multilevel"])
def test_simulation_agrees_with_the_delta_method_within_monte_carlo_error(name):
    fit, n = FITS[name](), 200
    delta, found = (
        effect(fit).frame,
        simulated(effect, fit, n=n, rng=np.random.default_rng(1)).frame,
    )
    np.testing.assert_array_equal(found["estimate"], delta["estimate"])
    # three Monte Carlo errors of an SD are 3 / sqrt(2n)
    np.testing.assert_allclose(found["std_error"], delta["std_error"], rtol=3 / np.sqrt(2 * n))
    # a percentile limit has a Monte Carlo error of sqrt(.025 x .975 / n) / phi(1.96) SDs
    near = 3 * np.sqrt(0.025 * 0.975 / n) / 0.0584
    for side in ("conf_low", "conf_high"):
        gap = np.log(found[side][1:] / delta[side][1:]) / delta["std_error"][1:]
        assert np.abs(gap).max() < near
    assert found["estimand"].str.endswith(f", simulation of {n} draws").all()


@pytest.mark.parametrize("name", ["logit", "gee"])
def test_the_bootstrap_agrees_with_the_clustered_delta_method(name):
    fit, n = FITS[name](), 99
    found = cluster_bootstrap(
        effect, fit, cluster="practitioner", n=n, rng=np.random.default_rng(2)
    ).frame
    # Monte Carlo error, and the sandwich's own error of about 1 / sqrt(2 x 40 clusters)
    near = 3 * np.sqrt(1 / (2 * n) + 1 / 80)
    np.testing.assert_allclose(found["std_error"], effect(fit).frame["std_error"], rtol=near)
    assert (found["conf_low"] < found["estimate"]).all()


def test_a_multilevel_fit_can_be_resampled_and_repeats_itself():
    fit = FITS["multilevel"]()
    one, two = (
        cluster_bootstrap(effect, fit, cluster="practitioner", n=4, rng=np.random.default_rng(3))
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.frame, two.frame)


def test_the_number_of_processes_moves_no_number():
    fit = FITS["logit"]()
    one, two = (
        cluster_bootstrap(
            effect, fit, cluster="practitioner", n=20, rng=np.random.default_rng(3), workers=workers
        )
        for workers in (1, 2)
    )
    pd.testing.assert_frame_equal(one.frame, two.frame)


def test_a_cluster_drawn_twice_is_two_and_so_are_the_groups_within_it():
    inside = _nested(DATA, ("service", "practitioner", "client"), "service")
    drawn = _resampled(DATA, _rows_of(DATA, "service"), inside, np.random.default_rng(4))
    assert inside == ("service", "practitioner", "client")
    assert drawn["service"].nunique() == 5
    assert drawn["practitioner"].nunique() == 40
    assert drawn["client"].is_unique


def test_groups_that_cross_the_clusters_keep_their_names():
    assert _nested(DATA, ("service", "practitioner"), "practitioner") == ("practitioner",)


@pytest.mark.parametrize("name", FITS)
def test_moving_a_fit_to_its_own_parameters_changes_nothing(name):
    fit = FITS[name]()
    still = moved(fit, np.concatenate([fit.theta, fit.params]))
    np.testing.assert_array_equal(still.predict(), fit.predict())


def test_too_many_draws_without_an_answer_are_refused():
    fit, calls = FITS["logit"](), iter(range(1000))

    def brittle(one):
        if next(calls) % 5 == 1:
            raise ModelError("no", "here", "none")
        return effect(one)

    with pytest.raises(ModelError, match="4 of 20 draws have no answer"):
        simulated(brittle, fit, n=20, rng=np.random.default_rng(5))


def test_a_number_needed_is_refused():
    fit = FITS["logit"]()
    with pytest.raises(ModelError, match="passes through infinity"):
        simulated(
            lambda one: average_effect(one, "x", scale="number_needed"),
            fit, n=2, rng=np.random.default_rng(6),
        )  # fmt: skip
