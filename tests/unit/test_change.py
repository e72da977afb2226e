"""Percent of the maximum, reliable change, and what a score refuses."""

import numpy as np
import pytest

from deepvalue_stats.errors import DataError
from deepvalue_stats.measures import percent_of_maximum, reliable_change, score_items

GONE = np.nan


def test_responses_outside_the_range_are_refused_by_row_and_item_and_never_by_value():
    items = np.array([[1, 77, 5], [2, 3, GONE], [9, 88, 5], [9, 1, 1]], dtype="float64")
    with pytest.raises(DataError) as refused:
        score_items(
            items,
            response_range=(1, 5),
            is_reversed=np.zeros(3, dtype=bool),
            not_applicable=(9,),
            minimum_items=1,
        )
    assert str(refused.value) == (
        "DataError: 2 rows have responses outside 1 to 5\n"
        "  where: items at positions 2\n"
        "  fix:   mend them or set them missing, or name the code in `not_applicable`"
    )


def test_two_of_ten_that_do_not_apply_take_the_persons_mean_and_three_leave_no_score():
    """The rule of the CARE measure: 8 answers of 10, and a total of 10 times the mean."""
    items = np.full((2, 10), 4.0)
    items[0, :2] = items[1, :3] = 6
    found = score_items(
        items,
        response_range=(1, 5),
        is_reversed=np.zeros(10, dtype=bool),
        not_applicable=(6,),
        minimum_items=8,
    )
    np.testing.assert_array_equal(10 * found.value, [40, GONE])


def test_percent_of_maximum_is_the_same_for_a_mean_and_its_sum():
    means = np.array([1.0, 2.2, GONE, 5.0])
    found = percent_of_maximum(means, (1, 5))
    np.testing.assert_allclose(found, [0, 30, GONE, 100])
    np.testing.assert_allclose(percent_of_maximum(10 * means, (10, 50)), found)


@pytest.mark.parametrize(
    ("response_range", "what"),
    [((1, 4), "1 scores lie outside 1 to 4"), ((5, 1), "the range of the score does not rise")],
)
def test_a_score_that_the_range_does_not_hold_has_no_percent(response_range, what):
    with pytest.raises(DataError) as refused:
        percent_of_maximum(np.array([1.0, 4.5]), response_range)
    assert str(refused.value) == (
        f"DataError: {what}\n"
        "  where: percent_of_maximum, response_range\n"
        "  fix:   give the lowest and the highest score of this kind, a mean or a sum"
    )


def test_reliable_change_by_hand():
    """The error of a change is 10 sqrt(2) sqrt(1 - .92) = 4: changes of 8, -8, 7 and 0 points."""
    before = np.array([20.0, 30, 20, 20, GONE])
    found = reliable_change(before, before + np.array([8.0, -8, 7, 0, 9]), 10, 0.92)
    np.testing.assert_allclose(found.index, [2, -2, 1.75, 0, GONE])
    assert (found.better, found.worse, found.n) == (0.25, 0.25, 4)


def test_where_nobody_changed_one_in_forty_is_reliably_better_and_as_many_worse():
    rng, n, reliability = np.random.default_rng(4), 200_000, 0.8
    true = rng.normal(scale=np.sqrt(reliability), size=n)
    noise = rng.normal(scale=np.sqrt(1 - reliability), size=(2, n))
    found = reliable_change(true + noise[0], true + noise[1], 1.0, reliability)
    assert abs(found.better - 0.025) < 0.0015
    assert abs(found.worse - 0.025) < 0.0015


def test_nobody_with_two_scores_has_no_shares():
    found = reliable_change(np.array([GONE]), np.array([1.0]), 1, 0.5)
    assert found.n == 0
    assert np.isnan([found.better, found.worse]).all()


@pytest.mark.parametrize("reliability", [0, 1, -0.2, 1.1, GONE])
@pytest.mark.parametrize("std_dev", [0, -1, GONE, np.inf])
def test_reliable_change_refuses_everything_that_makes_no_error_at_once(reliability, std_dev):
    with pytest.raises(DataError) as refused:
        reliable_change(np.zeros(2), np.zeros(3), std_dev, reliability)
    assert str(refused.value) == (
        "DataError: 3 problems\n"
        "1. the scores before and after are not in pairs\n"
        "     where: before, after\n"
        "     fix:   give one number for each person, in the same order\n"
        "2. no usable reliability\n"
        "     where: reliability\n"
        "     fix:   give one above 0 and below 1\n"
        "3. no usable standard deviation\n"
        "     where: std_dev\n"
        "     fix:   give that of the scores before, above 0"
    )
