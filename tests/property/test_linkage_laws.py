"""The join of dates, against the same rules in plain loops, and what must not change it.

Cases are drawn to be awkward: most days lie on, before or after an end of a window, several rows
share a day, and dates, ids and scores are missing here and there.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from linkage_language import DATES, date, day_number, engine, plan_with

from deepvalue_stats.data import read_data
from deepvalue_stats.linkage import link, rating_fates
from deepvalue_stats.measures import score


@dataclass(frozen=True)
class Clock:
    """The settings of one case, in days."""

    gap: int
    start: int
    end: int
    landmark: int
    lag: int
    early: int | None
    minimum: int
    summary: str
    days: int
    washout: int
    sustained: int
    unlinked: str
    rule: str


@st.composite
def clocks(draw):
    start = draw(st.integers(0, 4))
    end = start + draw(st.integers(0, 15))
    return Clock(
        gap=draw(st.integers(1, 25)),
        start=start,
        end=end,
        landmark=end + draw(st.integers(1, 4)),
        lag=draw(st.integers(0, 8)),
        early=draw(st.sampled_from([None, 1, 2, 3])),
        minimum=draw(st.integers(1, 2)),
        summary=draw(st.sampled_from(["mean", "first", "last"])),
        days=draw(st.integers(1, 30)),
        washout=draw(st.integers(0, 6)),
        sustained=draw(st.integers(0, 6)),
        unlinked=draw(st.sampled_from(["no_event", "unknown"])),
        rule=draw(st.sampled_from(["first", "majority"])),
    )


seeds = st.integers(0, 2**32 - 1)
# a smaller seed is no simpler case: nothing is gained by looking for one
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
laws = settings(max_examples=8, deadline=None, phases=WITHOUT_SHRINKING)


def plan_of(clock):
    exposure = {
        "date": "ratings.day",
        "from": ["index", clock.start],
        "to": ["index", clock.end],
        "lag_days": clock.lag,
        "minimum_ratings": clock.minimum,
        "summary": clock.summary,
    }
    early = {"clock.exposure.early": clock.early} if clock.early else {}
    share = {"column": "contacts.flag", "type": "share", "at": "practitioner"}
    changes = {
        "links.outcomes.unlinked": clock.unlinked,
        "clock.episodes.gap_days": clock.gap,
        "clock.episodes.practitioner": clock.rule,
        "clock.exposure": exposure,
        **early,
        "clock.follow_up.from": ["index", clock.landmark],
        "clock.follow_up.days": clock.days,
        "outcomes.job.washout_days": clock.washout,
        "outcomes.job.end": "outcomes.end",
        "outcomes.job.sustained_days": clock.sustained,
        "covariates.share": share,
        "equity.bands": {"low": 1, "high": 3},
    }
    return plan_with(changes)


def tables_of(clock, seed, n_clients=40, tied=True):
    """Rows of an awkward service; without ties a client has one row a day in each source."""
    rng = np.random.default_rng(seed)
    c, last_day = clock, clock.landmark + clock.days
    edges = {
        "contacts": [0, 1, c.gap, c.gap + 1, 2 * c.gap + 2, c.end, c.end + 1, c.landmark],
        "ratings": [
            *(-1, 0, c.start - 1, c.start, c.end, c.end + 1, c.landmark),
            *(c.landmark - c.lag, c.landmark - c.lag + 1, 2),
        ],
        "outcomes": [
            *(-c.washout - 1, -c.washout, -1, 0, 3, c.landmark - 1, c.landmark),
            *(last_day - 1, last_day, c.start, c.end),
        ],
    }
    needed = last_day - 1 + c.sustained
    rows = {"contacts": [], "ratings": [], "outcomes": [], "clients": []}
    for i in range(n_clients):
        client, origin = f"c{i:03d}", int(rng.integers(0, 400))
        for source, days in edges.items():
            size = int(rng.integers(0, 9 if source == "ratings" else 6))
            offsets = rng.choice([*days, int(rng.integers(0, 40))], size=size, replace=True)
            offsets = offsets if tied else rng.permutation(np.unique(offsets))
            rows[source] += [{"client": client, "day": origin + int(o)} for o in offsets]
        if rng.random() < 0.95:
            end = [None, origin + needed, origin + needed - 1, origin + needed + 50]
            last = end[rng.choice(4, p=[0.05, 0.3, 0.15, 0.5])]
            rows["clients"].append({"client": client, "last": last, "conf": 2.0})
    shuffled = {k: [v[i] for i in rng.permutation(len(v))] for k, v in rows.items()}
    for row in shuffled["contacts"]:
        row["who"] = rng.choice(["P", "Q", "R", None], p=[0.4, 0.3, 0.2, 0.1])
        row["flag"] = rng.choice([0.0, 1.0, None], p=[0.6, 0.3, 0.1])
        row["day"] = row["day"] if rng.random() < 0.97 else None
    for k, row in enumerate(shuffled["ratings"]):
        row["score"] = None if rng.random() < 0.1 else float(rng.integers(1, 6))
        row["day"] = None if k < int(0.04 * len(shuffled["ratings"])) else row["day"]
    for row in shuffled["outcomes"]:
        row["start"] = row.pop("day")
        lasts = int(rng.choice([c.sustained - 1, c.sustained, 60]))
        row["end"] = None if rng.random() < 0.3 else row["start"] + max(lasts, 0)
    return shuffled


COLUMNS = {
    "contacts": ["client", "day", "who", "flag"],
    "ratings": ["client", "day", "score"],
    "outcomes": ["client", "start", "end"],
    "clients": ["client", "last", "conf"],
}


def frames_of(tables, shift=0):
    def text(name, value):
        if value is None:
            return ""
        if name in DATES:
            return date(value + shift)
        return f"{value:g}" if isinstance(value, float) else str(value)

    frames = {}
    for source, names in COLUMNS.items():
        cells = [[text(name, row[name]) for name in names] for row in tables[source]]
        frame = pd.DataFrame(cells, columns=names, dtype="str")
        frames[source] = frame.assign(n=[str(i) for i in range(len(frame))])
    return frames


def read(plan, tables, shift=0):
    return score(plan, read_data(plan, folder=Path(), frames=frames_of(tables, shift)))


def by_sql(clock, tables, shift=0):
    """What the package makes of the tables: one record a client, and the fate of every rating."""
    plan = plan_of(clock)
    data = read(plan, tables, shift)
    linked = link(plan, data, engine=engine())
    records = {}
    for row in linked.frame.itertuples():
        records[row.client] = {
            "practitioner": None if pd.isna(row.practitioner) else row.practitioner,
            "index": row.index_day - day_number(0) - shift,
            "rapport": value(row.rapport),
            "rapport_why": row.rapport__why,
            "ratings": row.rapport__ratings,
            "job": value(row.job),
            "job_why": row.job__why,
            "share": value(row.share),
        }
    return records, list(rating_fates(plan, data, engine=engine()))


def value(number):
    return None if number is None or math.isnan(number) else round(float(number), 9)


# --- the same rules in plain loops ---------------------------------------------------------------


def by_hand(clock, tables):
    contacts = list(enumerate(tables["contacts"]))
    episodes = {client: episodes_of(clock, client, contacts) for client in clients_of(tables)}
    shares = shares_of(clock, episodes)
    records, fates = {}, ["?"] * len(tables["ratings"])
    for i, rating in enumerate(tables["ratings"]):
        known = episodes.get(rating["client"])
        if rating["day"] is None:
            fates[i] = 5
        else:
            fates[i] = fate(clock, rating, tables, known[0]) if known else 4
    for client, spells in episodes.items():
        if not spells:
            continue
        index = spells[0][0][1]["day"]
        practitioner = practitioner_of(clock, spells[0])
        record = {"practitioner": practitioner, "index": index}
        record |= exposure_of(clock, client, tables, fates)
        record |= outcome_of(clock, client, tables, index)
        records[client] = {**record, "share": shares.get(practitioner)}
    return records, fates


def clients_of(tables):
    return sorted({row["client"] for rows in tables.values() for row in rows})


def episodes_of(clock, client, contacts):
    """Lists of (line, contact), each a run of contacts no further apart than the gap."""
    mine = [(n, c) for n, c in contacts if c["client"] == client and c["day"] is not None]
    spells = []
    for n, contact in sorted(mine, key=lambda one: (one[1]["day"], one[0])):
        if spells and contact["day"] - spells[-1][-1][1]["day"] <= clock.gap:
            spells[-1].append((n, contact))
        else:
            spells.append([(n, contact)])
    return spells


def window(clock, spell):
    return [c for _, c in spell if c["day"] <= spell[0][1]["day"] + clock.end]


def practitioner_of(clock, spell):
    order = [c["who"] for c in window(clock, spell) if c["who"] is not None]
    if not order:
        return None
    if clock.rule == "first":
        return order[0]
    return min(set(order), key=lambda who: (-order.count(who), order.index(who)))


def shares_of(clock, episodes):
    flags = {}
    for spells in episodes.values():
        for spell in spells:
            for contact in window(clock, spell):
                if contact["who"] is not None and contact["flag"] is not None:
                    flags.setdefault(contact["who"], []).append(contact["flag"])
    return {who: value(sum(given) / len(given)) for who, given in flags.items()}


def fate(clock, rating, tables, spell):
    index, day = spell[0][1]["day"], rating["day"]
    events = [
        o["start"]
        for o in tables["outcomes"]
        if o["client"] == rating["client"] and o["start"] >= index
    ]
    if day < index + clock.start:
        return 2
    if day > index + clock.end or index + clock.landmark - day < clock.lag:
        return 3
    return 1 if events and day >= min(events) else 0


def exposure_of(clock, client, tables, fates):
    rows = [
        (row["day"], n, row["score"])
        for n, row in enumerate(tables["ratings"])
        if row["client"] == client and fates[n] == 0
    ]
    given = [one for _, _, one in sorted(rows, key=lambda r: r[:2])][: clock.early]
    scored = [one for one in given if one is not None]
    record = {"ratings": len(scored), "rapport": None, "rapport_why": ""}
    if len(scored) >= clock.minimum:
        chosen = {"first": scored[0], "last": scored[-1], "mean": sum(scored) / len(scored)}
        return {**record, "rapport": value(chosen[clock.summary])}
    if not given:
        why = "no rating in the exposure window"
    elif not scored:
        why = "no rating in the exposure window with enough items of rapport"
    else:
        why = f"fewer than {clock.minimum} ratings in the exposure window"
    return {**record, "rapport_why": why}


def outcome_of(clock, client, tables, index):
    events = [o for o in tables["outcomes"] if o["client"] == client]
    known = [c for c in tables["clients"] if c["client"] == client]
    last = known[0]["last"] if known else None
    offsets = [o["start"] - index for o in events]
    until = clock.landmark + clock.days - 1
    if not events and clock.unlinked == "unknown":
        why = "no outcome record linked"
    elif any(-clock.washout <= o < 0 for o in offsets):
        why = f"outcome in the {clock.washout} days before the start"
    elif any(0 <= o < clock.landmark for o in offsets):
        why = "outcome before the landmark"
    elif last is None:
        why = "end of the outcome record not known"
    elif last < index + until + clock.sustained:
        why = "follow-up incomplete"
    else:
        lasting = [
            o["start"] - index
            for o in events
            if o["end"] is None or o["end"] - o["start"] >= clock.sustained
        ]
        happened = any(clock.landmark <= o <= until for o in lasting)
        return {"job": float(happened), "job_why": ""}
    return {"job": None, "job_why": why}


# --- laws ----------------------------------------------------------------------------------------


@settings(laws, max_examples=30)
@given(clock=clocks(), seed=seeds)
def test_the_sql_gives_what_plain_loops_over_the_same_rules_give(clock, seed):
    tables = tables_of(clock, seed)
    found, fates = by_sql(clock, tables)
    expected, expected_fates = by_hand(clock, tables)
    assert fates == expected_fates
    assert found == expected


def test_the_drawn_cases_reach_every_outcome_reason_and_fate():
    """The law above says something only as far as its cases go."""
    clock = Clock(10, 1, 9, 11, 2, 2, 2, "mean", 20, 4, 3, "unknown", "majority")
    records, fates = by_hand(clock, tables_of(clock, 7, n_clients=150))
    assert {record["job"] for record in records.values()} == {None, 0.0, 1.0}
    assert len({record["job_why"] for record in records.values()}) == 6
    assert len({record["rapport_why"] for record in records.values()}) == 4
    assert set(fates) == {0, 1, 2, 3, 4, 5}


@laws
@given(clock=clocks(), seed=seeds, order=seeds)
def test_without_ties_the_order_of_rows_is_no_matter(clock, seed, order):
    tables = tables_of(clock, seed, tied=False)
    rng = np.random.default_rng(order)
    places = {k: rng.permutation(len(v)) for k, v in tables.items()}
    shuffled = {k: [tables[k][i] for i in place] for k, place in places.items()}
    found, fates = by_sql(clock, tables)
    again, again_fates = by_sql(clock, shuffled)
    assert again == found
    assert again_fates == [fates[i] for i in places["ratings"]]


@laws
@given(clock=clocks(), seed=seeds, order=seeds)
def test_other_names_for_clients_and_practitioners_change_the_names_alone(clock, seed, order):
    tables = tables_of(clock, seed)
    rng = np.random.default_rng(order)
    names = {old: f"x{n}" for old, n in zip(clients_of(tables), rng.permutation(40), strict=False)}
    who = dict(zip("PQR", rng.permutation(["1", "2", "3"]), strict=True)) | {None: None}
    renamed = {k: [{**row, "client": names[row["client"]]} for row in v] for k, v in tables.items()}
    for row in renamed["contacts"]:
        row["who"] = who[row["who"]]
    found, fates = by_sql(clock, tables)
    again, again_fates = by_sql(clock, renamed)
    for record in found.values():
        record["practitioner"] = who[record["practitioner"]]
    assert again == {names[client]: record for client, record in found.items()}
    assert again_fates == fates


@laws
@given(clock=clocks(), seed=seeds, shift=st.integers(-5000, 5000))
def test_all_dates_moved_by_the_same_days_change_nothing(clock, seed, shift):
    tables = tables_of(clock, seed)
    assert by_sql(clock, tables, shift) == by_sql(clock, tables)


@laws
@given(clock=clocks(), seed=seeds)
def test_linking_gives_one_row_a_client_and_its_ledger_starts_with_the_episodes(clock, seed):
    tables = tables_of(clock, seed)
    plan = plan_of(clock)
    linked = link(plan, read(plan, tables), engine=engine())
    contacts = list(enumerate(tables["contacts"]))
    episodes = [episodes_of(clock, client, contacts) for client in clients_of(tables)]
    assert linked.attrition[0].rows == sum(len(spells) for spells in episodes)
    assert len(linked.frame) == sum(bool(spells) for spells in episodes)
    assert linked.frame["client"].is_unique
