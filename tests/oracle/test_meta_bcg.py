"""Random-effects means against the documented BCG example, and against R's own optimisers.

Expected values, calls, version and tolerances with their reason: expected/meta_bcg.json.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.effects.meta import random_effects

TOLD = json.loads((Path(__file__).parent / "expected" / "meta_bcg.json").read_text("utf-8"))
CLOSE = TOLD["tolerance"]


def bcg():
    """Log risk ratios of tuberculosis in 13 trials, and their standard errors."""
    exposed, exposed_not, control, control_not = np.array(TOLD["counts"], dtype="float64").T
    everyone, others = exposed + exposed_not, control + control_not
    ratios = np.log((exposed / everyone) / (control / others))
    return ratios, np.sqrt(1 / exposed - 1 / everyone + 1 / control - 1 / others)


def test_the_bcg_trials_give_what_metafor_prints():
    printed, found = TOLD["printed"], random_effects(*bcg())
    assert round(found.estimate, 4) == printed["estimate"]
    assert round(found.tau**2, 4) == printed["tau2"]
    assert round(100 * found.i_squared, 2) == printed["i_squared"]
    assert round(found.q, 4) == printed["q"]
    assert found.q_p_value < 0.0001
    weights = 1 / (bcg()[1] ** 2 + found.tau**2)
    assert round(float(weights.sum()) ** -0.5, 4) == printed["usual_std_error"]


@pytest.mark.parametrize("name", ["bcg", "four", "agree"])
def test_means_errors_and_intervals_are_rs(name):
    told = TOLD["results"][name]
    found = random_effects(np.array(told["estimates"]), np.array(told["std_errors"]))
    for one in ("estimate", "q", "q_p_value", "i_squared"):
        close = CLOSE["tau2"] if one == "i_squared" else CLOSE["relative"]
        assert getattr(found, one) == pytest.approx(told[one], rel=close), one
    assert found.tau**2 == pytest.approx(told["tau2"], rel=CLOSE["tau2"])
    # Hartung and Knapp's error, held to the usual one from below
    held = max(told["std_error"], told["usual_std_error"])
    assert found.std_error == pytest.approx(held, rel=CLOSE["tau2"])
    half = (told["conf"][1] - told["conf"][0]) / 2 * held / told["std_error"]
    ends = [told["estimate"] - half, told["estimate"] + half]
    assert [found.conf_low, found.conf_high] == pytest.approx(ends, rel=CLOSE["tau2"])
    assert (found.std_error > told["std_error"] * (1 + 1e-9)) == (name != "bcg")
    assert found.dof == len(told["estimates"]) - 1
    reach = (found.predict_low, found.predict_high)
    if told.get("predict"):
        assert reach == pytest.approx(told["predict"], rel=CLOSE["relative"])
    else:
        assert reach == (None, None)


def test_trials_taken_from_the_counts_are_those_that_r_was_given():
    for found, name in zip(bcg(), ("estimates", "std_errors"), strict=True):
        np.testing.assert_allclose(found, TOLD["results"]["bcg"][name], rtol=1e-13)
