"""The table of practitioners: which ratings are counted, whose they are, and what is said."""

from pathlib import Path

import numpy as np
import pytest
from linkage_language import study
from test_disclosure import ACRO, NOTHING
from test_linkage_waves import TALKS, WAVES, frame, plan_with

from deepvalue_stats.data import read_data
from deepvalue_stats.disclosure import protect
from deepvalue_stats.linkage import link
from deepvalue_stats.measures import (
    agreement,
    answers,
    enough_ratings,
    practitioner_means,
    practitioner_table,
    score,
)
from deepvalue_stats.measures.by_practitioner import reading_of

CONTACTS = """
    client  day  who
    a       0    P
    b       0    P
    c       0    Q
    d       0    Q
    e       0    R
    f       0    .
"""
# c is rated again after the window of ten days, f met nobody in particular
RATINGS = """
    client  day  score
    a       2    5
    a       5    3
    b       3    5
    c       4    2
    c       20   5
    d       1    1
    e       9    4
    f       5    4
"""


def told(plan, data):
    return practitioner_table(plan, answers(plan, data, link(plan, data)))


def small(**tables):
    return told(*study(**{"contacts": CONTACTS, "ratings": RATINGS, **tables}))


def test_a_client_counts_once_with_the_mean_of_the_ratings_in_the_window():
    """P: 4 and 5. Q: 2 and 1. R: 4. Seven ratings are in the window, of six it is known whose."""
    table = small()
    row = table.frame.iloc[0]
    scores, whose = np.array([4.0, 5, 2, 1, 4]), np.array(list("PPQQR"))
    found = agreement(scores, whose)
    assert list(table.frame["measure"]) == ["rapport"]
    assert row["taken_from"] == "ratings in the exposure window, of whom the episode is"
    assert list(row[["practitioners", "clients", "ratings"]]) == [3, 5, 6]
    assert row["practitioner_known"] == pytest.approx(6 / 7)
    assert row["caseload"] == 2
    # the caseload of the practitioner with the fewest or the most clients is a small cell
    assert not {"smallest", "largest"} & set(table.frame)
    assert row["icc1"] == pytest.approx(found.icc1, rel=1e-12)
    assert (row["low"], row["high"]) == pytest.approx((found.icc1_low, found.icc1_high))
    assert row["estimator"] == "restricted likelihood, profile interval"
    assert row["icc2"] == pytest.approx(found.icc2, rel=1e-12)
    reliability = practitioner_means(scores, whose).reliability
    assert row["reliable"] == (reliability >= 0.7).mean()
    assert [row["needed_70"], row["needed_80"]] == [e.text for e in enough_ratings(found)[:2]]
    assert list(table.evidence["ratings"]) == [5]


def test_agreement_within_practitioners_rests_on_each_clients_first_rating():
    """P: 5 and 5; Q: 2 and 1, a variance of 1/2 against 2, or against 1.34; R has one."""
    row = small().frame.iloc[0]
    assert row["rwg_uniform"] == pytest.approx((1 + 0.75) / 2)
    assert row["rwg_skewed"] == pytest.approx((1 + 1 - 0.5 / 1.34) / 2)


def test_first_is_by_the_date_and_not_by_the_line():
    turned = """
        client  day  score
        a       5    1
        a       2    5
        b       3    5
    """
    assert small(ratings=turned).frame["rwg_uniform"].iloc[0] == 1


def test_ratings_that_name_their_practitioner_need_no_link():
    """All are counted, in the window or not; a client of two practitioners counts with each."""
    ratings = """
        client  day  score  who
        a       2    5      P
        a       5    3      P
        a       25   1      Q
        b       30   4      P
        c       3    2      Q
        c       4    2      .
    """
    row = small(ratings=ratings).frame.iloc[0]
    found = agreement(np.array([4.0, 4, 1, 2]), np.array(list("PPQQ")))
    assert row["taken_from"] == "each rating says of whom it is"
    assert list(row[["practitioners", "clients", "ratings"]]) == [2, 3, 5]
    assert row["practitioner_known"] == pytest.approx(5 / 6)
    assert row["icc1"] == pytest.approx(found.icc1, rel=1e-12)


def waves(text):
    plan = plan_with({}, WAVES)
    return told(plan, score(plan, read_data(plan, folder=Path(), frames={"talks": frame(text)})))


def test_interviews_at_baseline_are_no_ratings():
    text = """
        client  wave  who  r1  r2  conf  working  debt  fines  does  age
        a       0     P    1   1   3     0        1     1      2     40
        a       6     P    4   5   1     1        0     0      1     41
        b       6     P    4   4   2     0        5     0      .     30
        c       6     Q    2   1   2     0        5     0      .     30
        c       12    Q    1   1   2     0        5     0      .     30
        d       6     Q    2   2   2     0        5     0      .     30
    """
    row = waves(text).frame.iloc[0]
    assert list(row[["practitioners", "clients", "ratings"]]) == [2, 4, 5]
    found = agreement(np.array([4.5, 4, 1.25, 2]), np.array(list("PPQQ")))
    assert row["icc1"] == pytest.approx(found.icc1, rel=1e-12)


def test_interviews_are_linked_to_the_practitioner_of_their_wave():
    """The scores stand in a file of their own, and b changed to Q between the waves."""
    talks = """
        client  wave  who  conf  working  debt  fines  does  age
        a       6     P    1     1        0     0      1     41
        b       6     P    1     1        0     0      1     41
        b       12    Q    1     1        0     0      1     41
        c       6     Q    1     1        0     0      1     41
    """
    forms = """
        client  wave  r1  r2
        a       6     5   5
        b       6     4   4
        b       12    1   2
        c       6     2   2
        d       6     2   2
    """
    form = {"path": "-", "format": "csv", "key": ["client", "wave"]}
    named = {"covariates.wave_now.column": "talks.wave"}
    plan = plan_with({"sources.forms": form, **named}, WAVES)
    frames = {"talks": frame(talks), "forms": frame(forms)}
    row = told(plan, score(plan, read_data(plan, folder=Path(), frames=frames))).frame.iloc[0]
    assert row["taken_from"] == "interviews, linked to the practitioner of their wave"
    found = agreement(np.array([5.0, 4, 1.5, 2]), np.array(list("PPQQ")))
    assert list(row[["practitioners", "clients", "ratings"]]) == [2, 3, 4]
    assert row["practitioner_known"] == 0.8
    assert row["icc1"] == pytest.approx(found.icc1, rel=1e-12)


def test_scores_without_a_wave_belong_to_whom_the_client_met_first():
    talks = """
        client  wave  who  conf  working  debt  fines  does  age
        a       6     P    1     1        0     0      1     41
        a       12    Q    1     1        0     0      1     41
        b       6     P    1     1        0     0      1     41
        c       6     Q    1     1        0     0      1     41
    """
    form = {"path": "-", "format": "csv", "key": ["client"]}
    plan = plan_with({"sources.forms": form}, WAVES)
    forms = frame("client  r1  r2\na  5  5\nb  4  4\nc  1  2")
    data = read_data(plan, folder=Path(), frames={"talks": frame(talks), "forms": forms})
    row = told(plan, score(plan, data)).frame.iloc[0]
    found = agreement(np.array([5.0, 4, 1.5]), np.array(list("PPQ")))
    assert row["icc1"] == pytest.approx(found.icc1, rel=1e-12)


def test_an_answer_that_does_not_apply_is_no_category():
    """Of five answers 1 is no answer: four are left, whose even null is 15 / 12."""
    changes = {"measures.rapport.not_applicable": [1]}
    ratings = "client  day  score\na  1  4\nb  1  5\nc  1  3\nd  1  1"
    row = told(*study(changes, contacts=CONTACTS, ratings=ratings)).frame.iloc[0]
    assert row["ratings"] == 3
    assert row["rwg_uniform"] == pytest.approx(1 - 0.5 / 1.25)
    assert np.isnan(row["rwg_skewed"])


def test_what_cannot_be_computed_says_why_and_has_no_numbers():
    row = waves(TALKS).frame.iloc[0]
    assert row["reading"] == "not computable: one practitioner only"
    assert list(row[["practitioners", "clients", "ratings"]]) == [1, 1, 1]
    assert row[["icc1", "low", "high", "icc2", "reliable", "rwg_uniform"]].isna().all()
    assert row["needed_70"] == ""


def test_no_rating_at_all_is_said_as_well():
    row = small(ratings="client  day  score\na  5  .").frame.iloc[0]
    assert row["reading"] == "not computable: no practitioner"
    assert row["ratings"] == 0
    assert np.isnan(row["practitioner_known"])


def test_a_study_that_does_not_know_practitioners_has_an_empty_table():
    plan = plan_with({"models.main.groups": ["client"]}, WAVES)
    ids = plan.ids.model_copy(update={"practitioner": None})
    plan = plan.model_copy(update={"ids": ids})
    data = score(plan, read_data(plan, folder=Path(), frames={"talks": frame(TALKS)}))
    assert told(plan, data).frame.empty


def test_nobody_is_named():
    table = small()
    cells = {str(cell) for cell in table.frame.to_numpy().ravel()}
    assert not cells & set("PQRabcdef")


def many(practitioners, clients, spread):
    """Ratings of so many practitioners, who differ by `spread`, on a scale of five."""
    rng = np.random.default_rng(5)
    contacts, ratings = ["client  day  who"], ["client  day  score"]
    for whom in range(practitioners):
        level = 3 + spread * rng.normal()
        for client in range(clients):
            value = int(np.clip(round(level + rng.normal()), 1, 5))
            contacts.append(f"c{whom}x{client}  0  P{whom}")
            ratings.append(f"c{whom}x{client}  5  {value}")
    return {"contacts": "\n".join(contacts), "ratings": "\n".join(ratings)}


@pytest.mark.parametrize(
    ("spread", "clients", "reading"),
    [
        (0.4, 5, "differences between practitioners are not well known"),
        (
            1.0,
            8,
            "differences between practitioners are known well enough to compare groups of them",
        ),
    ],
)
def test_the_reading_turns_at_a_reliability_of_seventy(spread, clients, reading):
    row = small(**many(15, clients, spread)).frame.iloc[0]
    assert (row["icc2"] < 0.7) == reading.endswith("not well known")
    assert row["reading"] == reading


def test_readings_of_the_two_boundaries():
    none = agreement(np.array([1.0, 3, 1, 3, 1, 4]), np.array(list("aabbcc")))
    assert reading_of(none) == "practitioners do not differ by more than chance"
    whole = agreement(np.array([1.0, 1, 3, 3]), np.array(list("aabb")))
    assert reading_of(whole) == (
        "no client differs from another of the same practitioner: check the source"
    )


def test_with_few_practitioners_nothing_leaves_the_room():
    """Nine practitioners are fewer than ten, though their clients are many."""
    for practitioners, hidden in ((9, True), (12, False)):
        table = small(**many(practitioners, 8, 1.0))
        cleared, _ = protect(ACRO, effects=NOTHING, counts=(table,), series=())
        row = cleared.counts[0].frame.iloc[0]
        assert (row["practitioners"] == "[c]") == hidden
        assert (row["icc1"] == "[c]") == (row["reading"] == "[c]") == hidden
        assert row["clients"] == ("70" if hidden else "95")
