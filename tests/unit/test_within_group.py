"""r_wg(j), by hand and against the published variances of answers without agreement."""

import numpy as np
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import null_variance, within_group_agreement
from deepvalue_stats.measures.within_group import SKEWED

GONE = np.nan
ITEMS = np.array([[4.0, 5], [4, 4], [3, 5], [1, 5], [5, 1], [2, 2], [3, GONE], [3, 3]])
WHOSE = np.array(list("aaabbcdd"))


def test_each_practitioner_by_hand():
    """Of a the items vary by 1/3 each: q = 1/6, and 2 (5/6) / (2 (5/6) + 1/6) = 10/11."""
    found = within_group_agreement(ITEMS, WHOSE, 5)
    np.testing.assert_allclose(found.value, [10 / 11, 0, GONE, GONE])
    np.testing.assert_array_equal(found.practitioner, ["a", "b", "c", "d"])
    np.testing.assert_array_equal(found.ratings, [3, 2, 1, 1])
    assert (found.known, found.unknown) == (2, 2)
    assert found.median == pytest.approx(5 / 11)
    assert found.share == 0.5


def test_less_agreement_than_none_is_none_and_never_more_than_whole():
    """With twelve items the bare formula turns round at q = 12 / 11, and then exceeds 1."""
    items = np.tile([[1.0], [5.0]], 12)
    q = 8 / 2
    assert 12 * (1 - q) / (12 * (1 - q) + q) > 1
    assert within_group_agreement(items, np.array(["a", "a"]), 5).value[0] == 0


def test_full_agreement_is_one():
    assert within_group_agreement(np.full((3, 4), 4.0), np.array(list("aaa")), 5).value[0] == 1


def test_a_single_item_is_one_less_the_share_of_variance():
    found = within_group_agreement(np.array([[3.0], [4.0]]), np.array(["a", "a"]), 5)
    assert found.value[0] == pytest.approx(1 - 0.5 / 2)


def test_a_skewed_null_claims_less():
    even = within_group_agreement(ITEMS, WHOSE, 5)
    slight = within_group_agreement(ITEMS, WHOSE, 5, "slightly_skewed")
    moderate = within_group_agreement(ITEMS, WHOSE, 5, "moderately_skewed")
    q = 1 / 3 / 1.34
    assert slight.value[0] == pytest.approx(2 * (1 - q) / (2 * (1 - q) + q))
    assert even.value[0] > slight.value[0] > moderate.value[0]
    assert (slight.null, slight.null_variance) == ("slightly_skewed", 1.34)


@pytest.mark.parametrize(
    ("null", "shares"),
    [("slightly_skewed", [5, 15, 20, 35, 25]), ("moderately_skewed", [0, 10, 15, 40, 35])],
)
def test_the_table_for_five_answers_is_the_variance_of_its_shares(null, shares):
    answers = np.repeat(np.arange(1, 6), shares)
    assert len(answers) == 100
    assert null_variance(5, null) == pytest.approx(answers.var(), rel=1e-12)


@pytest.mark.parametrize("n_categories", [2, 5, 7, 11])
def test_the_uniform_null_is_the_variance_of_a_fair_die(n_categories):
    assert null_variance(n_categories) == pytest.approx(np.arange(n_categories).var())


def test_leaning_answers_vary_less_than_even_ones():
    for known in SKEWED.values():
        assert sorted(known.values()) == list(known.values())
        assert all(variance < null_variance(n) for n, variance in known.items())
    slight, moderate = SKEWED["slightly_skewed"], SKEWED["moderately_skewed"]
    assert all(moderate[n] < slight[n] for n in slight)


def test_nobody_with_two_complete_ratings_leaves_nothing_to_sum_up():
    found = within_group_agreement(np.array([[1.0], [2.0], [GONE]]), np.array(list("aba")), 5)
    assert (found.known, found.unknown) == (0, 2)
    assert np.isnan([found.median, found.share]).all()


def test_practitioners_are_not_shown():
    assert "'a'" not in repr(within_group_agreement(ITEMS, WHOSE, 5))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            (ITEMS, WHOSE, 4, "slightly_skewed"),
            "the variance of a slightly skewed null is not known for 4 categories\n"
            "  where: null\n  fix:   use uniform, or 5 to 11 categories",
        ),
        (
            (ITEMS, WHOSE, 5, "normal"),
            "no null 'normal'\n  where: null\n"
            "  fix:   use uniform, slightly_skewed or moderately_skewed",
        ),
        (
            (ITEMS, WHOSE, 1),
            "1 categories\n  where: n_categories\n  fix:   give two or more",
        ),
        (
            (ITEMS, WHOSE[:3], 5),
            "8 rows of items and 3 practitioners are not row for row\n"
            "  where: ratings of practitioners\n  fix:   give one of each for every row",
        ),
        (
            (ITEMS[:, :0], WHOSE, 5),
            "items are no table of columns\n"
            "  where: ratings of practitioners\n  fix:   give one column an item",
        ),
        (
            (ITEMS, np.array([*WHOSE[:7], None], dtype=object), 5),
            "1 of 8 rows have no practitioner\n  where: ratings of practitioners\n"
            "  fix:   drop these rows beforehand, and count them",
        ),
    ],
    ids=["unknown skew", "no such null", "one category", "lengths", "no items", "nobody"],
)
def test_refusals(arguments, words):
    with pytest.raises(ModelError) as refused:
        within_group_agreement(*arguments)
    assert str(refused.value) == f"ModelError: {words}"
