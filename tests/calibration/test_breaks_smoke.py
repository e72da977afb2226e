"""A short run of the bench of breaks: honest where effects grow, where the plain regression is not.

Bands of three Monte Carlo standard errors; the full table is kept with the reports.
"""

import numpy as np
import pytest

from deepvalue_stats.bench.breaks import BAND, OVERALL, TESTED, Cell, page, run, truth

PANELS = 150
WIDE = 3 * np.sqrt(0.05 * 0.95 / PANELS)
TWO_WAY = "two-way fixed effects"


@pytest.fixture(scope="module")
def hurt():
    return run((Cell("breaks_hurt", 24, ""),), PANELS).set_index(["method", "target"])


def test_effects_that_grow_are_found_and_their_intervals_are_honest(hurt):
    for target in ("0", "1", "2", "3", OVERALL):
        row = hurt.loc[("clustered", target)]
        assert abs(row["bias"]) <= 3 * row["spread"] / np.sqrt(PANELS)
        assert row["missed"] <= 0.05 + WIDE
    for target in (BAND, TESTED):
        assert hurt.loc[("clustered", target), "missed"] <= 0.05 + WIDE


def test_the_two_way_regression_finds_too_little_of_them(hurt):
    row = hurt.loc[(TWO_WAY, OVERALL)]
    assert row["bias"] > 0.15 * abs(row["truth"])
    assert row["missed"] > 0.05 + WIDE
    assert 0 < hurt.loc[(TWO_WAY, "forbidden"), "mean"] < 0.3


def test_nothing_is_found_where_nothing_is():
    table = run((Cell("null", 24, "service"),), PANELS).set_index(["method", "target"])
    for target in (OVERALL, BAND, TESTED):
        assert table.loc[("clustered", target), "missed"] <= 0.05 + WIDE
    assert abs(truth("null")[OVERALL]) < 0.003


def test_the_page_has_a_row_for_each_method_and_target():
    table = run((Cell("null", 6, ""),), 4)
    assert page(table).count("\n| null |") == len(table)
