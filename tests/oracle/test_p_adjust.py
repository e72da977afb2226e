"""Holm's and Benjamini and Hochberg's adjustments against stats::p.adjust in R.

Expected values, call, version and tolerance with its reason: expected/p_adjust.json.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.effects import adjust, benjamini_hochberg, holm
from deepvalue_stats.tables import effect_rows

TOLD = json.loads(
    (Path(__file__).parent / "expected" / "p_adjust.json").read_text(encoding="utf-8")
)
METHODS = {"holm": holm, "BH": benjamini_hochberg}
FAMILIES = {"holm": "confirmatory", "BH": "exploratory"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_adjusted_p_values_are_rs_in_any_order(method, seed):
    results = TOLD["results"]
    order = np.random.default_rng(seed).permutation(len(results["p"]))
    found = METHODS[method](np.array(results["p"])[order])
    expected = np.array(results[method])[order]
    np.testing.assert_allclose(found, expected, rtol=TOLD["tolerance"]["relative"])


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_p_value_is_no_member_of_the_family(method):
    told = TOLD["results"]["with_NA"]
    rows = [
        {"status": "ok", "p_value": p, "n_obs": 9, "n_clients": 9, "events": 4, "non_events": 5}
        for p in told["p"]
    ]
    table = adjust(effect_rows(rows), FAMILIES[method], np.ones(len(rows), dtype=bool)).frame
    expected = np.array([np.nan if p is None else p for p in told[method]])
    np.testing.assert_allclose(table["p_adjusted"], expected, rtol=TOLD["tolerance"]["relative"])
    counted = [one is not None for one in told["p"]]
    assert [text.endswith("over 4") for text in table["family"]] == counted
