"""Words for numbers: what a commissioner reads is chosen by rule."""

import math

import pytest

from deepvalue_stats.report.numbers import (
    HIGHER,
    LOWER,
    MINUS,
    SMALL,
    UNCERTAIN,
    Estimate,
    between_bands,
    cell,
    decimal,
    interval,
    probability,
    reading,
    signed,
)


def estimate(low, high, *, status="ok", dof=math.inf):
    return Estimate("All clients", (low + high) / 2, low, high, dof, "282", "565", "61", status)


@pytest.mark.parametrize(
    ("low", "high", "read"),
    [
        (1.4, 10.0, HIGHER),
        (-10.0, -1.4, LOWER),
        (-2.0, 10.0, UNCERTAIN),
        (-10.0, 2.0, UNCERTAIN),
        (-2.9, 2.9, SMALL),  # inside plus and minus 3
        (0.2, 2.4, SMALL),  # a difference, and not one worth having
        (0.1, 3.2, SMALL),  # the 90% interval, 0.35 to 2.95, is inside
        (0.1, 3.4, HIGHER),  # the 90% interval, 0.37 to 3.13, is not
        (-3.4, 3.4, SMALL),  # it is the 90% interval that counts: -2.85 to 2.85
        (-3.8, 3.8, UNCERTAIN),
        (0.0, 8.0, UNCERTAIN),
    ],
)
def test_a_reading_follows_from_interval_and_smallest_worthwhile_difference(low, high, read):
    assert reading(estimate(low, high), 3.0) == read


def test_few_degrees_of_freedom_widen_what_counts_as_small_by_their_own_distribution():
    # t(4): 90% is 2.132 / 2.776 = 0.768 of the 95% interval; normal: 0.839
    assert reading(estimate(-3.8, 3.8, dof=4.0), 3.0) == SMALL
    assert reading(estimate(-3.8, 3.8), 3.0) == UNCERTAIN


@pytest.mark.parametrize(
    ("status", "read"),
    [
        ("suppressed", "Suppressed"),
        ("not_converged", "Not estimated"),
        ("failed_gate", "Not shown"),
    ],
)
def test_without_a_number_the_reading_is_the_reason(status, read):
    assert reading(estimate(math.nan, math.nan, status=status), 3.0) == read


def test_between_bands_more_means_a_larger_difference():
    assert between_bands(HIGHER) == "Likely larger"
    assert between_bands(LOWER) == "Likely smaller"
    assert between_bands(SMALL) == SMALL


def test_signs_are_true_minus_signs_and_zero_has_none():
    assert signed(-5.66) == f"{MINUS}5.7"
    assert signed(0.04) == "0.0"
    assert signed(-0.04) == "0.0"
    assert decimal(-0.2) == f"{MINUS}0.2"
    assert interval(-10.84, -1.38) == f"{MINUS}10.8 to {MINUS}1.4"


@pytest.mark.parametrize(
    ("text", "share", "shown"),
    [
        ("[c]", False, "[c]"),
        ("", False, ""),
        ("12345", False, "12,345"),
        ("0.91234", False, "0.912"),
        ("0.5", True, "50.0%"),
        ("1", True, "100.0%"),
        ("inf", False, "none"),
        ("2026-01-31", False, "2026-01-31"),
    ],
)
def test_cells_of_cleared_tables(text, share, shown):
    assert cell(text, share=share) == shown


def test_small_p_values_are_not_zero():
    assert probability(1e-12) == "<0.001"
    assert probability(0.04999) == "0.050"
