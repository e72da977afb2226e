"""Two ratings of the same client: agreement by hand and with planted truth, and which pairs."""

from pathlib import Path

import numpy as np
import pytest
from linkage_language import study
from test_disclosure import ACRO, NOTHING
from test_linkage_waves import WAVES, frame, plan_with

from deepvalue_stats.data import read_data
from deepvalue_stats.disclosure import protect
from deepvalue_stats.errors import DataError
from deepvalue_stats.linkage import link
from deepvalue_stats.measures import (
    agreement_of_occasions,
    answers,
    repeated_pairs,
    retest_agreement,
    retest_table,
    score,
)
from deepvalue_stats.measures.retest import Retest, mean_squares, retest_in_words

GONE = np.nan
STEADY = "steady enough to compare groups: a lower bound, as a relationship may have changed"
UNSTEADY = (
    "a lower bound: the score is unsteady, or relationships changed; which of the two, these "
    "ratings cannot tell"
)
FEW = "not computable: fewer than 30 clients have two ratings with one practitioner"


def test_mean_squares_by_hand():
    """Row means 1.5 2.5 5 about 3, column means 2 and 4, residuals 0.5 0.5 -1 and their mirror."""
    squares = mean_squares(np.array([[1.0, 2], [2, 3], [3, 7]]))
    assert squares.rows == pytest.approx(2 * (1.5**2 + 0.5**2 + 2**2) / 2)
    assert squares.columns == pytest.approx(3 * 2)
    assert squares.residual == pytest.approx(2 * (0.5**2 + 0.5**2 + 1) / 2)


def test_agreement_by_hand():
    """(6.5 - 1.5) / (6.5 + 1.5 + 2 (6 - 1.5) / 3) and an error of 1.5 + (6 - 1.5) / 3."""
    first, second = np.array([1.0, 2, 3]), np.array([2.0, 3, 7])
    found = retest_agreement(first, second, days=np.array([10, 30, 14]))
    assert found.n == 3
    assert found.icc == pytest.approx(5 / 11)
    assert found.change == pytest.approx(2)
    assert found.measurement_error == pytest.approx(np.sqrt(3))
    assert found.smallest_change == pytest.approx(1.96 * np.sqrt(6))
    assert found.days == 14
    assert np.isnan(retest_agreement(first, second).days)


def two_ratings(rng, n, icc, shift=0.0):
    level = np.sqrt(icc) * rng.normal(size=n)
    first, second = level + np.sqrt(1 - icc) * rng.normal(size=(2, n))
    return first, second + shift


@pytest.mark.parametrize("icc", [0.2, 0.5, 0.8])
def test_a_planted_icc_is_found_and_its_error_with_it(icc):
    found = retest_agreement(*two_ratings(np.random.default_rng(3), 20_000, icc))
    assert found.icc == pytest.approx(icc, abs=0.015)
    assert found.pearson == pytest.approx(icc, abs=0.015)
    assert found.measurement_error == pytest.approx(np.sqrt(1 - icc), abs=0.01)
    assert found.icc_low < icc < found.icc_high


def test_the_interval_holds_a_planted_icc_19_times_in_20():
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(1000):
        found = retest_agreement(*two_ratings(rng, 40, 0.6))
        held += found.icc_low <= 0.6 <= found.icc_high
    # three standard errors of a share of 0.95 are 0.021
    assert held / 1000 == pytest.approx(0.95, abs=0.021)


def test_a_change_of_all_lowers_agreement_and_not_the_correlation():
    """A shift d adds d^2 / 2 to the variance between occasions: 0.6 / (1 + 1 / 2) = 0.4."""
    rng = np.random.default_rng(5)
    first, second = two_ratings(rng, 20_000, 0.6, shift=1.0)
    found = retest_agreement(first, second)
    assert found.icc == pytest.approx(0.4, abs=0.015)
    assert found.pearson == pytest.approx(0.6, abs=0.015)
    assert found.change_low < 1.0 < found.change_high


def test_agreement_has_no_unit_and_no_first():
    rng = np.random.default_rng(6)
    first, second = two_ratings(rng, 50, 0.5, shift=0.4)
    found, turned = retest_agreement(first, second), retest_agreement(second, first)
    scaled = retest_agreement(10 - 3 * first, 10 - 3 * second)
    for other in (turned, scaled):
        told = (other.icc, other.icc_low, other.icc_high, other.pearson)
        assert told == pytest.approx((found.icc, found.icc_low, found.icc_high, found.pearson))
    assert turned.change == pytest.approx(-found.change)
    assert scaled.smallest_change == pytest.approx(3 * found.smallest_change)


def test_the_error_is_the_part_of_the_variance_that_ratings_do_not_share():
    pairs = np.random.default_rng(8).normal(size=(30, 2)) + np.array([0, 0.5])
    found, squares = retest_agreement(*pairs.T), mean_squares(pairs)
    shared = (squares.rows - squares.residual) / 2
    assert found.measurement_error**2 == pytest.approx(shared * (1 / found.icc - 1))


def test_no_second_rating_differs():
    first = np.array([1.0, 2, 4, 5])
    found = retest_agreement(first, first)
    assert (found.icc, found.pearson, found.measurement_error) == pytest.approx((1, 1, 0))
    assert np.isnan([found.icc_low, found.icc_high]).all()
    assert found.why == "no client's second rating differs from the first"


def test_the_same_change_of_everybody_is_no_noise():
    """Mean squares 10 / 3, 2 and 0: 10 / 3 / (10 / 3 + 1)."""
    found = retest_agreement(np.array([1.0, 2, 3, 4]), np.array([2.0, 3, 4, 5]))
    assert found.icc == pytest.approx(10 / 13)
    assert found.icc_low < found.icc < found.icc_high
    assert found.why == ""


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ([], [], "0 pairs"),
        ([1, 2], [2, 1], "2 pairs"),
        ([4, 4, 4], [4, 4, 4], "no rating differs from another"),
    ],
)
def test_what_cannot_be_computed_says_why(first, second, why):
    found = retest_agreement(np.array(first, dtype=float), np.array(second, dtype=float))
    assert found.why == why
    assert np.isnan([found.icc, found.icc_low, found.change, found.smallest_change]).all()


def test_one_occasion_that_does_not_vary_has_no_correlation():
    found = retest_agreement(np.array([3.0, 3, 3]), np.array([1.0, 2, 6]))
    assert found.icc == pytest.approx(0)
    assert np.isnan(found.pearson)


def test_all_faults_of_pairs_are_told_at_once():
    with pytest.raises(DataError) as refused:
        retest_agreement(np.array([1, GONE, 3]), np.array([1.0, 2]), days=np.array([1.0]))
    assert str(refused.value) == (
        "DataError: 3 problems\n"
        "1. 3 first ratings and 2 second ones\n"
        "     where: first, second\n"
        "     fix:   give both ratings of every client\n"
        "2. 3 first ratings and 1 numbers of days\n"
        "     where: days\n"
        "     fix:   give the days of every pair\n"
        "3. 1 of 3 scores are missing\n"
        "     where: first\n"
        "     fix:   leave these clients out, and say how many"
    )


@pytest.mark.parametrize(
    ("icc", "why", "said"),
    [
        (0.70, "", STEADY),
        (0.69, "", UNSTEADY),
        (GONE, "2 pairs", "not computable: 2 pairs"),
        (1.0, "none differs", "none differs: check the source"),
    ],
)
def test_words(icc, why, said):
    assert retest_in_words(Retest(40, icc, *(0.5,) * 9, why)) == said


CONTACTS = """
    client  day  who
    a       0    P
    b       0    P
    c       0    Q
    d       0    Q
    e       0    .
"""
# e met nobody in particular, c has one rating in the window, and d two on one day
RATINGS = """
    client  day  score
    a       5    3
    a       2    5
    a       9    1
    b       1    4
    b       4    4
    c       4    2
    c       20   5
    d       3    1
    d       3    5
    d       6    2
    e       2    5
    e       3    4
"""


def pairs_of(plan, data):
    found = {one.measure.name: one for one in answers(plan, data, link(plan, data))}
    return repeated_pairs(found["rapport"])


def test_pairs_are_the_first_two_ratings_in_the_window_by_date():
    """Of a those of days 2 and 5; of d the first line of day 3, and day 6."""
    pairs = pairs_of(*study(contacts=CONTACTS, ratings=RATINGS))
    rows = sorted(zip(pairs.first, pairs.second, pairs.apart, strict=True))
    assert rows == [(1, 2, 3), (4, 4, 3), (5, 3, 3)]


def test_pairs_are_with_one_practitioner_and_each_client_has_one():
    """a sees P, Q, P, Q: the pair with P began first. b saw two, once each."""
    ratings = """
        client  day  score  who
        a       2    5      P
        a       3    1      Q
        a       4    4      P
        a       25   2      Q
        b       1    4      P
        b       2    3      Q
        c       4    2      .
        c       6    2      .
    """
    pairs = pairs_of(*study(contacts=CONTACTS, ratings=ratings))
    assert (list(pairs.first), list(pairs.second), list(pairs.apart)) == ([5], [4], [2])


def told(plan, data):
    return retest_table(plan, answers(plan, data, link(plan, data)))


def test_too_few_pairs_have_no_numbers_and_say_why():
    table = told(*study(contacts=CONTACTS, ratings=RATINGS))
    row = table.frame.iloc[0]
    assert list(table.frame["measure"]) == ["rapport"]
    assert row["taken_from"] == "ratings in the exposure window, of whom the episode is"
    assert row["clients"] == 3
    assert row["reading"] == FEW
    assert row[["days", "icc", "icc_low", "change", "smallest_change"]].isna().all()


def many(clients):
    """Two ratings of each client a week apart, and what they say."""
    rng = np.random.default_rng(2)
    contacts, ratings, scores = ["client  day  who"], ["client  day  score"], []
    for client in range(clients):
        level = rng.normal()
        both = np.clip(np.round(3 + level + 0.7 * rng.normal(size=2)), 1, 5).astype(int)
        contacts.append(f"c{client}  0  P{client % 5}")
        ratings += [f"c{client}  1  {both[0]}", f"c{client}  8  {both[1]}"]
        scores.append(both)
    texts = {"contacts": "\n".join(contacts), "ratings": "\n".join(ratings)}
    return texts, np.array(scores, dtype="float64")


@pytest.mark.parametrize(("clients", "computed"), [(29, False), (30, True)])
def test_thirty_pairs_are_enough(clients, computed):
    texts, scores = many(clients)
    row = told(*study(**texts)).frame.iloc[0]
    assert row["clients"] == clients
    assert (row["reading"] == FEW) != computed
    if computed:
        found = retest_agreement(*scores.T)
        limits = agreement_of_occasions(scores)
        assert tuple(row[["icc", "icc_low", "icc_high"]]) == pytest.approx(limits)
        assert row["smallest_change"] == pytest.approx(found.smallest_change)
        assert row["days"] == 7


def test_with_few_clients_nothing_of_the_ratings_leaves_the_room():
    for clients, hidden in ((9, True), (40, False)):
        table = told(*study(**many(clients)[0]))
        cleared, _ = protect(ACRO, effects=NOTHING, counts=(table,), series=())
        row = cleared.counts[0].frame.iloc[0]
        assert row["clients"] == ("[c]" if hidden else "40")
        assert (row["icc"] == "[c]") == (row["reading"] == "[c]") == hidden


def waves(text, **changes):
    plan = plan_with(changes, WAVES)
    return plan, score(plan, read_data(plan, folder=Path(), frames={"talks": frame(text)}))


INTERVIEWS = """
    client  wave  who  r1  r2  conf  working  debt  fines  does  age
    a       0     P    1   1   3     0        1     1      2     40
    a       6     P    4   5   1     1        0     0      1     41
    a       12    P    4   4   1     1        0     0      1     41
    b       6     P    4   4   2     0        5     0      .     30
    b       12    Q    1   1   2     0        5     0      .     30
"""


def test_interviews_at_baseline_are_none_and_waves_have_no_days():
    pairs = pairs_of(*waves(INTERVIEWS))
    assert (list(pairs.first), list(pairs.second), list(pairs.apart)) == ([4.5], [4], [6])
    assert np.isnan(told(*waves(INTERVIEWS)).frame["days"].iloc[0])


def test_without_a_time_nothing_says_which_came_first():
    """The scores stand in a file of their own, without a wave."""
    form = {"path": "-", "format": "csv", "key": ["client"]}
    plan = plan_with({"sources.forms": form}, WAVES)
    talks = frame(INTERVIEWS).drop(columns=["r1", "r2"])
    forms = frame("client  r1  r2\na  5  5\nb  4  4")
    data = read_data(plan, folder=Path(), frames={"talks": talks, "forms": forms})
    row = told(plan, score(plan, data)).frame.iloc[0]
    assert row["reading"] == "not computable: no date or wave says which rating came first"
    assert row["clients"] == 0


def test_a_study_that_does_not_know_practitioners_has_an_empty_table():
    plan, data = waves(INTERVIEWS, **{"models.main.groups": ["client"]})
    ids = plan.ids.model_copy(update={"practitioner": None})
    plan = plan.model_copy(update={"ids": ids})
    assert told(plan, data).frame.empty
