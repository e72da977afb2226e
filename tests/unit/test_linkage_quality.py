"""Match rates: whom they count, how they are spread, and what they cannot tell."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from linkage_language import study
from statsmodels.stats.proportion import proportion_confint

from deepvalue_stats.linkage import link, linkage_table
from deepvalue_stats.linkage.quality import (
    ALSO_OTHERS,
    ONLY_EVENTS,
    standardised_difference,
    wilson,
)
from deepvalue_stats.measures import client_bands

TABLES = {
    "contacts": """
        client  day  who
        a       0    P
        b       0    P
        c       0    Q
        d       0    Q
        d       90   Q
        e       0    Q
    """,
    "ratings": "client  day  score\na  5  4",
    "outcomes": """
        client  start
        a       3
        a       60
        d       20
        z       20
    """,
    "clients": """
        client  conf  last
        a       1     1000
        b       1     1000
        c       3     1000
        d       3     1000
        e       .     1000
    """,
}


def table_of(changes=(), **tables):
    plan, data = study(changes, **(TABLES | tables))
    return linkage_table(plan, data, link(plan, data), client_bands(plan, data))


def cells(found):
    frame = found.frame
    return [
        (row["characteristic"], row["group"], int(row["clients"]), int(row["with_record"]))
        for _, row in frame.iterrows()
    ]


def test_every_client_with_an_episode_counts_once_and_no_other():
    assert cells(table_of()) == [
        ("all clients", "", 5, 2),
        ("confidence", "low", 2, 1),
        ("confidence", "high", 2, 1),
        ("confidence", "unknown", 1, 0),
    ]


def test_clients_whom_the_plan_leaves_out_for_want_of_a_record_are_still_counted():
    found = table_of({"links.outcomes.unlinked": "exclude"})
    assert cells(found)[0] == ("all clients", "", 5, 2)


@pytest.mark.parametrize(("start", "note"), [("20", ONLY_EVENTS), (".", ALSO_OTHERS)])
def test_what_a_missing_record_may_mean_is_said(start, note):
    outcomes = f"client  start\na  3\nb  {start}"
    assert table_of(outcomes=outcomes).notes[0] == note


def test_shares_have_wilson_intervals():
    frame = table_of().frame
    low, high = proportion_confint(2, 5, method="wilson")
    assert frame.loc[0, ["share", "low", "high"]].tolist() == pytest.approx([0.4, low, high])


@given(n=st.integers(1, 10_000), data=st.data())
def test_the_interval_is_that_of_statsmodels(n, data):
    k = data.draw(st.integers(0, n))
    assert wilson(k, n) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)


def test_nobody_has_no_share():
    assert np.isnan(wilson(0, 0)).all()


def test_two_groups_differ_by_the_usual_standardised_difference():
    groups = pd.Series(["n"] * 30 + ["y"] * 20 + ["n"] * 10 + ["y"] * 40)
    found = pd.Series([True] * 50 + [False] * 50)
    p, q = 0.4, 0.8
    expected = (p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert standardised_difference(groups, found) == pytest.approx(expected)


def test_three_groups_differ_by_mahalanobis_distance_whatever_their_order():
    rng = np.random.default_rng(1)
    found = pd.Series(rng.random(400) < 0.5)
    shares = {True: [0.2, 0.3, 0.5], False: [0.4, 0.4, 0.2]}
    drawn = [rng.choice(["a", "b", "c"], p=shares[one]) for one in found]
    values = [
        standardised_difference(pd.Series(pd.Categorical(drawn, categories=order)), found)
        for order in (["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"])
    ]
    assert values[0] > 0.3
    assert values == pytest.approx([values[0]] * 3)


def test_where_everybody_is_found_nothing_differs():
    groups = pd.Series(["a", "b", "a", "b"])
    assert np.isnan(standardised_difference(groups, pd.Series([True] * 4)))
    assert np.isnan(standardised_difference(pd.Series(["a"] * 4), pd.Series([True, False] * 2)))


def test_services_and_practitioners_are_never_named():
    contacts = "client  day  who\n" + "\n".join(
        f"c{k}  0  practitioner{k % 12}" for k in range(240)
    )
    clients = "client  conf  last\n" + "\n".join(f"c{k}  {1 + k % 3}  1000" for k in range(240))
    outcomes = "client  start\n" + "\n".join(f"c{k}  20" for k in range(0, 240, 2))
    frame = table_of(contacts=contacts, clients=clients, outcomes=outcomes).frame
    told = frame.set_index("characteristic").loc["practitioners"]
    assert told["group"] == "12 with 10 clients or more: their middle 80%"
    assert (told["clients"], told["with_record"], told["share"]) == (240, 120, 0.5)
    # even practitioners have all of theirs, odd ones none
    assert (told["low"], told["high"]) == (0.0, 1.0)
    assert not frame["group"].str.contains("practitioner").any()


def test_few_practitioners_have_no_line():
    assert "practitioners" not in set(table_of().frame["characteristic"])
