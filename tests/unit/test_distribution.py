"""Items one by one, scores at the ends of their range, and bins: from arrays a person can read."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepvalue_stats.errors import DataError
from deepvalue_stats.measures import (
    ceiling,
    ends_in_words,
    histogram,
    item_statistics,
    score_bins,
)
from deepvalue_stats.measures.distribution import trouble_of

GONE = np.nan


def items(rows):
    return np.array(rows, dtype="float64")


def test_each_item_by_hand():
    """Item 1 of complete rows: 1 2 3 against rests 3 6 9; alpha of 1 2 3 and 2 4 6 is 8 / 9."""
    found = item_statistics(items([[1, 1, 2], [2, 2, 4], [3, 3, 6], [6, GONE, GONE]]), (1, 6))
    assert (found.rows, found.complete) == (4, 3)
    np.testing.assert_array_equal(found.answered, [4, 3, 3])
    np.testing.assert_array_equal(found.missing, [0, 0.25, 0.25])
    np.testing.assert_array_equal(found.mean, [3, 2, 4])
    assert found.std_dev == pytest.approx([np.sqrt(14 / 3), 1, 2])
    assert found.at_lowest == pytest.approx([1 / 4, 1 / 3, 0])
    assert found.at_highest == pytest.approx([1 / 4, 0, 1 / 3])
    assert found.item_rest == pytest.approx([1, 1, 1])
    assert found.alpha_without == pytest.approx([8 / 9, 8 / 9, 1])
    assert found.trouble == ("", "", "")


def test_the_rest_is_without_the_item():
    """Items 2 and 3 mirror each other, 1 is at right angles to both: 2 goes against 1 + 3."""
    found = item_statistics(items([[1, 1, 5], [1, 5, 1], [5, 1, 5], [5, 5, 1]]), (1, 5))
    # the sum of 2 and 3 does not vary, so item 1 has nothing to go with
    assert np.isnan(found.item_rest[0])
    assert found.item_rest[1:] == pytest.approx([-np.sqrt(0.5), -np.sqrt(0.5)])
    wrong = "goes against the others: probably not turned round"
    assert found.trouble == ("", wrong, wrong)


def test_an_item_that_was_not_turned_stands_out():
    rng = np.random.default_rng(7)
    level = rng.normal(size=500)
    answers = np.clip(np.round(3 + level[:, None] + rng.normal(size=(500, 6))), 1, 5)
    answers[:, 3] = 6 - answers[:, 3]
    found = item_statistics(answers, (1, 5))
    assert [bool(said) for said in found.trouble] == [False] * 3 + [True] + [False] * 2
    assert np.argmax(found.alpha_without) == 3
    turned = answers.copy()
    turned[:, 3] = 6 - turned[:, 3]
    assert item_statistics(turned, (1, 5)).trouble == ("",) * 6


@pytest.mark.parametrize(
    ("answered", "constant", "item_rest", "at_highest", "said"),
    [
        (9, False, 0.20, 0.80, ""),
        (9, False, 0.19, 0.80, "hardly goes with the others"),
        (9, False, -0.01, 0.1, "goes against the others: probably not turned round"),
        (9, False, 0.50, 0.81, "at its ceiling"),
        (9, False, 0.10, 0.81, "hardly goes with the others; at its ceiling"),
        (9, False, GONE, 0.81, "at its ceiling"),
        (9, True, GONE, 1.0, "does not vary"),
        (0, False, GONE, GONE, "nobody answered it"),
    ],
)
def test_trouble_by_rule(answered, constant, item_rest, at_highest, said):
    assert trouble_of(answered, constant, item_rest, at_highest) == said


def test_a_constant_item_has_no_correlation_and_leaves_alpha_to_the_others():
    found = item_statistics(items([[1, 2, 3], [2, 3, 3], [4, 5, 3]]), (1, 5))
    np.testing.assert_array_equal(np.isnan(found.item_rest), [False, False, True])
    assert found.item_rest[:2] == pytest.approx([1, 1])
    assert found.alpha_without == pytest.approx([0, 0, 1])
    assert found.trouble == ("", "", "does not vary")


def test_constant_items_only():
    found = item_statistics(np.full((4, 3), 5.0), (1, 5))
    assert np.isnan(found.item_rest).all()
    assert np.isnan(found.alpha_without).all()
    np.testing.assert_array_equal(found.std_dev, [0, 0, 0])
    assert found.trouble == ("does not vary",) * 3


def test_one_item_has_no_others():
    found = item_statistics(items([[1], [5], [5]]), (1, 5))
    assert np.isnan([found.item_rest[0], found.alpha_without[0]]).all()
    assert found.at_highest == pytest.approx([2 / 3])
    assert found.trouble == ("",)


def test_two_items_have_a_correlation_and_no_alpha_without_one():
    found = item_statistics(items([[1, 2], [2, 1], [4, 5], [5, 4]]), (1, 5))
    assert found.item_rest == pytest.approx([0.8, 0.8])
    assert np.isnan(found.alpha_without).all()


@pytest.mark.parametrize("rows", [0, 2])
def test_too_few_rows_have_no_correlations(rows):
    found = item_statistics(items([[1, 2, 3], [4, 4, 5]])[:rows], (1, 5))
    assert found.rows == rows
    assert np.isnan(found.item_rest).all()
    assert found.trouble == (("",) * 3 if rows else ("nobody answered it",) * 3)


def test_an_item_that_nobody_answered():
    found = item_statistics(items([[1, GONE], [2, GONE], [4, GONE]]), (1, 5))
    assert found.complete == 0
    assert found.missing[1] == 1
    assert np.isnan([found.mean[1], found.std_dev[1], found.at_highest[1]]).all()
    assert found.trouble == ("", "nobody answered it")


def test_items_outside_their_range_are_refused_together():
    with pytest.raises(DataError) as refused:
        item_statistics(items([[1, 0, 9], [2, 3, 9], [9, 4, 5]]), (1, 5))
    assert str(refused.value) == (
        "DataError: 3 problems\n"
        "1. 1 of 3 values are outside 1 to 5\n"
        "     where: item 1\n"
        "     fix:   correct the range, or read the code as missing or not applicable\n"
        "2. 1 of 3 values are outside 1 to 5\n"
        "     where: item 2\n"
        "     fix:   correct the range, or read the code as missing or not applicable\n"
        "3. 2 of 3 values are outside 1 to 5\n"
        "     where: item 3\n"
        "     fix:   correct the range, or read the code as missing or not applicable"
    )


def test_the_ends_by_hand():
    """A tenth of 1 to 5 is 0.4, its edge included; 4.6 is one of its floats, or one beside."""
    scores = np.array([1, 1.4, 1.41, 3, 23 / 5, 4.59, 5, 5, GONE])
    found = ceiling(scores, (1, 5))
    assert found.n == 8
    assert (found.at_lowest, found.bottom_tenth) == (1, 2)
    assert (found.top_tenth, found.at_highest) == (3, 2)
    assert found.mean == pytest.approx(np.nanmean(scores))
    assert found.ceiling
    assert not found.floor


@pytest.mark.parametrize(("there", "flagged"), [(15, False), (16, True)])
def test_more_than_fifteen_in_a_hundred_are_a_ceiling_or_a_floor(there, flagged):
    scores = np.full(100, 3.0)
    scores[:there] = 5
    assert ceiling(scores, (1, 5)).ceiling == flagged
    assert ceiling(6 - scores, (1, 5)).floor == flagged
    assert not ceiling(scores, (1, 5)).floor


def test_skewness_is_turned_with_the_scale():
    scores = np.array([2.0, 4, 5, 5, 5])
    assert ceiling(scores, (1, 5)).skewness < 0
    assert ceiling(6 - scores, (1, 5)).skewness == pytest.approx(-ceiling(scores, (1, 5)).skewness)
    assert np.isnan(ceiling(np.full(4, 2.0), (1, 5)).skewness)


@pytest.mark.parametrize("scores", [[], [GONE, GONE]])
def test_no_scores_at_all(scores):
    found = ceiling(np.array(scores), (1, 5))
    assert (found.n, found.at_highest, found.why) == (0, 0, "no scores")
    assert np.isnan([found.mean, found.std_dev, found.skewness]).all()
    assert not found.ceiling
    assert not found.floor


def test_a_score_outside_its_range_is_refused():
    with pytest.raises(DataError) as refused:
        ceiling(np.array([0.5, 3, 6, GONE]), (1, 5))
    assert str(refused.value) == (
        "DataError: 2 of 4 values are outside 1 to 5\n"
        "  where: the score\n"
        "  fix:   correct the range, or read the code as missing or not applicable"
    )


def test_words_of_an_end():
    assert ends_in_words(0.15, "highest") == "15% of the ratings have the highest possible score."
    assert ends_in_words(0.16, "lowest") == (
        "16% of the ratings have the lowest possible score: differences among them cannot be seen."
    )


SCALES = st.tuples(st.integers(0, 3), st.integers(1, 10), st.integers(1, 30))


@given(scale=SCALES)
def test_no_bin_is_empty_by_construction(scale):
    """Of all scores of a full questionnaire each bin but the lowest holds the same number."""
    low, width, k = scale
    edges = score_bins((low, low + width), k)
    assert len(edges) - 1 <= 20
    assert np.diff(edges) == pytest.approx(edges[1] - edges[0])
    possible = low + np.arange(k * width + 1) / k
    held = np.bincount(histogram(possible, edges), minlength=len(edges) - 1)
    assert held.sum() == len(possible)
    assert set(held[1:]) <= {held[-1]}
    assert 1 <= held[0] <= held[-1]


def test_bins_of_twelve_items_of_five_answers():
    """49 possible scores, three to a bin: 17 bins, the highest of 4.83, 4.92 and 5."""
    edges = score_bins((1, 5), 12)
    assert len(edges) == 18
    assert edges[-2:] == pytest.approx([5 - 2.5 / 12, 5 + 0.5 / 12])
    places = histogram(np.array([5, 59 / 12, 58 / 12, 57 / 12, 1, GONE]), edges)
    np.testing.assert_array_equal(places, [16, 16, 16, 15, 0, -1])


@given(scale=SCALES)
def test_scores_of_some_answers_are_counted_as_in_exact_fractions(scale):
    """Of three items two answered may lie on an edge: it belongs to the upper bin."""
    low, width, k = scale
    edges = score_bins((low, low + width), k)
    step = Fraction(-(-(k * width + 1) // 20), k)
    top = low + width + Fraction(1, 2 * k)
    for answered in range(1, k + 1):
        sums = np.arange(low * answered, (low + width) * answered + 1)
        exact = [len(edges) - 2 - (top - Fraction(int(n), answered)) // step for n in sums]
        on_edge = [(top - Fraction(int(n), answered)) % step == 0 for n in sums]
        expected = np.array(exact, dtype=int) + np.array(on_edge)
        np.testing.assert_array_equal(histogram(sums / answered, edges), expected)


def test_a_score_beyond_the_bins_is_refused():
    with pytest.raises(DataError, match=r"1 of 2 values are outside 0\.5 to 5\.5"):
        histogram(np.array([7.0, 3]), score_bins((1, 5), 1))
