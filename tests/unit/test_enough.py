"""How many ratings are enough: the formula, its interval turned round, and planted variances."""

import math

import numpy as np
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import (
    Facets,
    agreement,
    enough_ratings,
    generalisability,
    mean_reliability,
    ratings_needed,
    shown_ratings,
)


@pytest.mark.parametrize(("target", "whole"), [(0.70, "45"), (0.80, "76"), (0.90, "171")])
def test_an_icc_of_a_twentieth_needs_so_many(target, whole):
    """0.8 x 0.95 / (0.2 x 0.05) is 76; the machine has a little more, and 77 would be wrong."""
    needed = ratings_needed(0.05, target)
    assert needed == pytest.approx(target * 0.95 / ((1 - target) * 0.05), rel=1e-15)
    assert shown_ratings(needed) == whole
    assert mean_reliability(0.05, needed) == pytest.approx(target, rel=1e-12)


def test_without_differences_no_number_is_enough():
    assert ratings_needed(0.0, 0.7) == ratings_needed(-0.1, 0.7) == math.inf
    assert shown_ratings(math.inf) == "cannot be reached"


def test_one_rating_is_enough_where_all_agree():
    assert ratings_needed(1.0, 0.7) == 0
    assert shown_ratings(0.0) == shown_ratings(0.3) == "1"
    assert shown_ratings(math.nan) == shown_ratings(ratings_needed(math.nan, 0.7)) == "not known"


@pytest.mark.parametrize("target", [0.0, 1.0, 70.0])
def test_a_target_that_is_no_reliability_is_refused(target):
    with pytest.raises(ModelError) as refused:
        ratings_needed(0.1, target)
    assert str(refused.value) == (
        f"ModelError: a reliability of {target:g}\n  where: target\n"
        "  fix:   give one between 0 and 1"
    )


def test_limits_change_sides():
    rng = np.random.default_rng(3)
    whose = np.repeat(np.arange(40), rng.integers(5, 30, 40))
    found = agreement(rng.normal(size=40)[whose] * 0.5 + rng.normal(size=len(whose)), whose)
    seventy, eighty, ninety = enough_ratings(found)
    assert [one.target for one in (seventy, eighty, ninety)] == [0.7, 0.8, 0.9]
    assert seventy.low < seventy.ratings < seventy.high < math.inf
    assert seventy.low == ratings_needed(found.icc1_high, 0.7)
    assert seventy.high == ratings_needed(found.icc1_low, 0.7)
    assert seventy.ratings < eighty.ratings < ninety.ratings
    whole = [math.ceil(x) for x in (seventy.ratings, seventy.low, seventy.high)]
    assert seventy.text == f"{whole[0]} ({whole[1]} to {whole[2]})"


def test_an_icc_of_nought_cannot_reach_any_target_and_its_upper_limit_might():
    found = agreement(np.array([1.0, 3, 1, 3, 1, 4]), np.array(list("aabbcc")))
    first, *_ = enough_ratings(found)
    assert first.ratings == first.high == math.inf
    least = shown_ratings(ratings_needed(found.icc1_high, 0.7))
    assert first.text == f"cannot be reached ({least} to cannot be reached)"


# --- two facets ----------------------------------------------------------------------------------


def repeated(practitioners, clients, ratings, seed=1):
    """Ratings with variances 0.25, 0.5 and 1, clients numbered anew for each practitioner."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(practitioners * clients), ratings)
    whose = client // clients
    score = 0.5 * rng.normal(size=practitioners)[whose] + rng.normal(size=len(client))
    score += np.sqrt(0.5) * rng.normal(size=practitioners * clients)[client]
    return score, whose, client % clients


def test_planted_variances_are_found():
    found = generalisability(*repeated(400, 6, 3))
    assert found.practitioner == pytest.approx(0.25, abs=0.06)
    assert found.client == pytest.approx(0.5, abs=0.06)
    assert found.rating == pytest.approx(1, abs=0.05)
    assert (found.practitioners, found.clients, found.ratings) == (400, 2400, 7200)
    assert not found.singular


def test_equal_numbers_are_the_mean_squares_of_the_nested_design():
    """EMS: e; e + m c; e + m c + n m p."""
    score, whose, client = repeated(30, 5, 4, seed=2)
    found = generalisability(score, whose, client)
    cells = score.reshape(30, 5, 4)
    by_client, by_whom = cells.mean(axis=2), cells.mean(axis=(1, 2))
    rating = ((cells - by_client[..., None]) ** 2).sum() / (30 * 5 * 3)
    within = 4 * ((by_client - by_whom[:, None]) ** 2).sum() / (30 * 4)
    between = 20 * ((by_whom - by_whom.mean()) ** 2).sum() / 29
    assert found.rating == pytest.approx(rating, rel=1e-6)
    assert found.client == pytest.approx((within - rating) / 4, rel=1e-5)
    assert found.practitioner == pytest.approx((between - within) / 20, rel=1e-5)


def test_more_ratings_of_few_clients_do_not_replace_clients():
    facets = Facets(0.25, 0.5, 1.0, 10, 100, 1000, False)
    assert facets.reliability(1, 1) == pytest.approx(0.25 / 1.75)
    assert facets.reliability(5, 4) == pytest.approx(0.25 / (0.25 + 0.1 + 0.05))
    assert facets.reliability(20, 1) > facets.reliability(5, 4) > facets.reliability(4, 5)
    assert facets.reliability(1, 1e9) < 0.34


WHERE = "\n  where: ratings of practitioners\n  fix:   "


@pytest.mark.parametrize(
    ("ratings", "whose", "clients", "words"),
    [
        (
            [1.0, 2, 3],
            [1, 1, 2],
            [1, 2, 3],
            f"no client rated the same practitioner twice{WHERE}take ICC(1): client and rating are "
            "one",
        ),
        (
            [1.0, 2, 3],
            [1, 1, 2],
            [1, 1, 2],
            f"every practitioner has one client{WHERE}clients of one practitioner have to be "
            "compared",
        ),
        ([1.0, math.nan], [1, 1], [1, 1], f"1 of 2 rows have no rating{WHERE}drop and count them"),
        (
            [1.0, 2],
            [1, 1],
            [1],
            f"2 ratings and 2 practitioners and 1 clients are not row for row{WHERE}give one of "
            "each for every row",
        ),
    ],
    ids=["once", "one client each", "missing", "lengths"],
)
def test_refusals(ratings, whose, clients, words):
    with pytest.raises(ModelError) as refused:
        generalisability(np.array(ratings), np.array(whose), np.array(clients))
    assert str(refused.value) == f"ModelError: {words}"
