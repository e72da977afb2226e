"""Rubin's rules against mice and mitools in R, on fits to five imputations.

Expected values, calls, versions and tolerances with their reason: expected/pooling_*.json.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.effects.pooling import pool, pool_tables, pooled_wald
from deepvalue_stats.tables import effect_rows

EXPECTED = Path(__file__).parent / "expected"
CASES = {
    name: json.loads((EXPECTED / f"pooling_{name}.json").read_text(encoding="utf-8"))
    for name in ("nhanes2_linear", "bfi_logistic")
}
CLOSE = {"dof": "dof", "missing": "missing"}


@pytest.fixture(params=CASES)
def told(request):
    return CASES[request.param]


def arrays(told):
    results = told["results"]
    return np.array(results["estimates"]), np.array(results["variances"])


def column(told, name):
    return [told["results"]["pooled"][term][name] for term in told["results"]["names"]]


NAMES = ("estimate", "std_error", "within", "between", "dof", "increase", "missing")


@pytest.mark.parametrize("name", NAMES)
def test_pooled_numbers_are_those_of_mice(told, name):
    found = pool(*arrays(told), told["results"]["complete_dof"])
    close = told["tolerance"][CLOSE.get(name, "pooled")]
    np.testing.assert_allclose(getattr(found, name), column(told, name), rtol=close)


def test_with_unlimited_data_the_degrees_of_freedom_are_those_of_mitools(told):
    expected = [told["results"]["dof_unlimited"][term] for term in told["results"]["names"]]
    np.testing.assert_allclose(pool(*arrays(told)).dof, expected, rtol=told["tolerance"]["dof"])


def test_a_joint_test_is_that_of_mice(told):
    joint, close = told["results"]["joint"], told["tolerance"]
    found = pooled_wald(
        np.array(joint["estimates"]),
        np.array(joint["covariances"]),
        told["results"]["complete_dof"],
    )
    assert found.statistic == pytest.approx(joint["statistic"], rel=close["pooled"])
    assert found.increase == pytest.approx(joint["increase"], rel=close["pooled"])
    assert found.numerator == joint["numerator"]
    assert found.denominator == pytest.approx(joint["denominator"], rel=close["dof"])
    assert found.p_value == pytest.approx(joint["p_value"], rel=close["dof"])


def test_tables_have_the_intervals_and_p_values_of_mice(told):
    estimates, variances = arrays(told)
    names, dof = told["results"]["names"], told["results"]["complete_dof"]
    tables = [
        effect_rows(
            {
                "exposure": term,
                "scale": "log_odds",
                "estimate": value,
                "std_error": np.sqrt(variance),
                "dof": dof,
                "p_value": 0.5,
                "n_obs": 20,
                "events": 9,
                "non_events": 11,
                "status": "ok",
            }
            for term, value, variance in zip(names, *rows, strict=True)
        )
        for rows in zip(estimates, variances, strict=True)
    ]
    frame = pool_tables(tables).frame
    for name in ("estimate", "std_error", "conf_low", "conf_high", "p_value", "dof"):
        close = told["tolerance"]["pooled" if name in ("estimate", "std_error") else "dof"]
        np.testing.assert_allclose(frame[name], column(told, name), rtol=close, err_msg=name)
