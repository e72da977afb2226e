"""The join of dates, against the same rules in plain loops, and what must not change it.

Cases are drawn to be awkward: most days lie on, before or after an end of a window, several rows
share a day, and dates, ids and scores are missing here and there.
"""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from linkage_histories import SHARE, WITHOUT_SHRINKING, clocks, read, seeds, tables_of
from linkage_language import date, day_number, engine, plan_with
from linkage_reference import analysed, by_hand, day_of, events_of, every_episode

from deepvalue_stats.linkage import link, model_rows, rating_fates

laws = settings(max_examples=8, deadline=None, phases=WITHOUT_SHRINKING)


def by_sql(plan, tables, shift=0):
    """What the package makes of the tables: rows by client, fates of ratings, rows at each step."""
    data = read(plan, tables, shift)
    linked = link(plan, data, engine=engine())
    frame = linked.frame.assign(index=linked.frame["index_day"] - day_number(0) - shift)
    absent = ("index_day", "service", "confidence", "confidence__why")
    frame = frame[[name for name in frame if name not in absent]]
    rows = {
        row["client"]: {k: plain(v) for k, v in row.items()} for row in frame.to_dict("records")
    }
    left = {"episodes": linked.attrition[0].rows, "first": len(linked.frame)}
    if plan.clock.index != "episode_start":
        left["index"] = linked.attrition[1].rows
    return rows, list(rating_fates(plan, data, engine=engine())), left, linked.fates


def plain_row(row):
    return {name: plain(value) for name, value in row.items()}


def plain(value):
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, str) else round(float(value), 7)


def by_loops(plan, tables):
    rows, fates, left = by_hand(plan, tables, day_0=day_number(0))
    return {client: plain_row(row) for client, row in rows.items()}, fates, left


@settings(laws, max_examples=40)
@given(changes=clocks(), seed=seeds)
def test_the_sql_gives_what_plain_loops_over_the_same_rules_give(changes, seed):
    plan = plan_with(changes)
    tables = tables_of(plan, seed)
    found, fates, left, counts = by_sql(plan, tables)
    expected, expected_fates, expected_left = by_loops(plan, tables)
    assert fates == expected_fates
    assert found == expected
    assert left == {name: expected_left[name] for name in left}
    assert counts == tuple(Counter(expected_fates)[i] for i in range(6))


def test_a_listed_episode_names_its_practitioner_also_where_the_window_ends_before_it():
    """Two days before the first rating, which may be on the first day."""
    plan = plan_with(
        {
            "sources.spells": {"path": "-", "format": "csv", "key": ["n"]},
            "clock.episodes": {"source": "spells", "start": "start", "end": "end"},
            "clock.episodes.overlap": "split",
            "clock.index": "nth_rating",
            "clock.index_rating": 1,
            "clock.exposure": {"date": "ratings.day", "from": ["index", -4], "to": ["index", -2],
                               "lag_days": 2},
            "clock.follow_up": {"from": ["index", -1], "days": 11, "incomplete": "exclude"},
        }
    )  # fmt: skip
    tables = tables_of(plan, 1)
    found, expected = by_sql(plan, tables)[0], by_loops(plan, tables)[0]
    assert found == expected
    early = [row for row in tables["spells"] if row["client"] == "c003"]
    assert found["c003"]["practitioner"] == min(early, key=lambda row: row["start"])["who"]


def test_the_drawn_cases_reach_every_outcome_reason_and_fate():
    """The law above says something only as far as its cases go."""
    plan = plan_with(
        {
            "links.outcomes.unlinked": "unknown",
            "clock.episodes.gap_days": 10,
            "clock.exposure": {"date": "ratings.day", "from": ["index", 1], "to": ["index", 9],
                               "lag_days": 2, "early": 2, "minimum_ratings": 2},
            "clock.follow_up.death": "clients.died",
            "clock.follow_up.next_episode": True,
            "outcomes.job.end": "outcomes.end",
            "outcomes.job.sustained_days": 3,
            "covariates.share": SHARE,
            "equity.bands": {"low": 1, "high": 3},
        }
    )  # fmt: skip
    rows, fates, _ = by_loops(plan, tables_of(plan, 7, n_clients=300))
    assert {row["job"] for row in rows.values()} == {None, 0.0, 1.0}
    assert len({row["job__why"] for row in rows.values()}) == 8
    assert len({row["rapport__why"] for row in rows.values()}) == 4
    assert set(fates) == {0, 1, 2, 3, 4, 5}


@settings(laws, max_examples=25)
@given(changes=clocks(), seed=seeds)
def test_a_rating_before_baseline_or_from_the_outcome_on_never_reaches_a_model(changes, seed):
    """Nor the analysis table, whatever else a plan says: what such a rating scores is no matter."""
    plan = plan_with(changes)
    tables = tables_of(plan, seed)
    episodes = analysed(every_episode(plan, tables, day_number(0)))
    barred = [not allowed(plan, one, tables, episodes) for one in tables["ratings"]]
    assert any(barred)
    tables_seen, models_seen = zip(
        *(tables_and_models(plan, tables, barred, score) for score in (1.0, 5.0)), strict=True
    )
    pd.testing.assert_frame_equal(*tables_seen)
    pd.testing.assert_frame_equal(*models_seen)


def allowed(plan, rating, tables, episodes):
    """Dated on or after the start of the episode, before the landmark and before any outcome."""
    episode = episodes.get(rating["client"])
    if episode is None or rating["day"] is None:
        return False
    landmark = day_of(plan, plan.clock.follow_up.start, episode)
    events = events_of(rating["client"], tables, episode["start"])
    return episode["start"] <= rating["day"] < min([landmark, *events])


def tables_and_models(plan, tables, barred, score):
    """The analysis table and the model's rows where every rating that is barred scores the same."""
    ratings = [
        {**row, "score": score} if out else row
        for row, out in zip(tables["ratings"], barred, strict=True)
    ]
    linked = link(plan, read(plan, {**tables, "ratings": ratings}), engine=engine())
    return linked.frame, model_rows(plan, plan.models["main"], linked).frame


@laws
@given(changes=clocks(), seed=seeds, order=seeds)
def test_without_ties_the_order_of_rows_is_no_matter(changes, seed, order):
    plan = plan_with(changes)
    tables = tables_of(plan, seed, tied=False)
    rng = np.random.default_rng(order)
    places = {k: rng.permutation(len(v)) for k, v in tables.items()}
    shuffled = {k: [tables[k][i] for i in place] for k, place in places.items()}
    found, fates, *rest = by_sql(plan, tables)
    again, again_fates, *again_rest = by_sql(plan, shuffled)
    assert again == found
    assert again_fates == [fates[i] for i in places["ratings"]]
    assert again_rest == rest


@laws
@given(changes=clocks(), seed=seeds, order=seeds)
def test_other_names_for_clients_and_practitioners_change_the_names_alone(changes, seed, order):
    plan = plan_with(changes)
    tables = tables_of(plan, seed)
    rng = np.random.default_rng(order)
    clients = sorted({row["client"] for rows in tables.values() for row in rows})
    names = {old: f"x{n}" for old, n in zip(clients, rng.permutation(40), strict=False)}
    who = dict(zip("PQR", rng.permutation(["1", "2", "3"]), strict=True)) | {None: None}
    renamed = {k: [{**row, "client": names[row["client"]]} for row in v] for k, v in tables.items()}
    for rows in renamed.values():
        for row in rows:
            row |= {"who": who[row["who"]]} if "who" in row else {}
    found, *rest = by_sql(plan, tables)
    again, *again_rest = by_sql(plan, renamed)
    for record in found.values():
        record |= {"practitioner": who[record["practitioner"]], "client": names[record["client"]]}
    assert again == {names[client]: record for client, record in found.items()}
    assert again_rest == rest


@laws
@given(changes=clocks(), seed=seeds, shift=st.integers(-5000, 5000))
def test_all_dates_moved_by_the_same_days_change_nothing(changes, seed, shift):
    plan = plan_with(changes)
    tables = tables_of(plan, seed)
    later = changes
    if "clock.index_date" in changes:
        days = plan.clock.index_day - day_number(0) + shift
        later = {**changes, "clock.index_date": date(days)}
    assert by_sql(plan_with(later), tables, shift) == by_sql(plan, tables)


@laws
@given(changes=clocks(), seed=seeds)
def test_linking_gives_one_row_a_client_and_its_ledger_adds_up(changes, seed):
    plan = plan_with(changes)
    tables = tables_of(plan, seed)
    linked = link(plan, read(plan, tables), engine=engine())
    assert linked.frame["client"].is_unique
    steps = linked.attrition
    for before, after in pairwise(steps):
        assert before.rows == after.rows + after.left
    assert steps[-1].rows == len(linked.frame)
