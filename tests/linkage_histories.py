"""Awkward histories of a service: settings of a clock, and tables to try them on.

Most days lie on, before or after an end of a window, several rows share a day, and dates, ids and
scores are missing here and there.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import Phase
from hypothesis import strategies as st
from linkage_language import DATES, LISTED, date, day_number

from deepvalue_stats.data import read_data
from deepvalue_stats.measures import score

seeds = st.integers(0, 2**32 - 1)
# a smaller seed is no simpler case: nothing is gained by looking for one
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
SHARE = {"column": "contacts.flag", "type": "share", "at": "practitioner"}

TIME = {
    "role": "secondary",
    "outcome": "job",
    "exposure": "rapport",
    "estimator": "hazard",
    "period_days": 1,
}


@st.composite
def clocks(draw):
    """Settings of a plan: every kind of episode, index, window, summary and end of a record."""
    whose = draw(st.sampled_from(["first", "majority", "split"]))
    contacts = {
        "clock.episodes.gap_days": draw(st.integers(1, 25)),
        "clock.episodes.practitioner": whose,
    }
    overlap = {"clock.episodes.overlap": draw(st.sampled_from(["keep_first", "split"]))}
    beside = {
        "clock.episodes.contacts": "contacts.day",
        "clock.episodes.practitioner": "first" if whose == "first" else "majority",
    }
    episodes = draw(
        st.sampled_from([contacts, contacts, LISTED | overlap, LISTED | overlap | beside])
    )
    start = draw(st.integers(0, 4))
    end, index = (
        start + draw(st.integers(0, 15)),
        draw(st.sampled_from(["start", "rating", "date"])),
    )
    changes = {"clock.index": "episode_start"}
    if index == "rating":
        changes = {"clock.index": "nth_rating", "clock.index_rating": draw(st.integers(1, 3))}
        start, end = draw(st.sampled_from([(-start, 0), (start, end), (-end, -start)]))
    if index == "date":
        changes = {"clock.index": "date", "clock.index_date": date(draw(st.integers(10, 60)))}
        start, end = draw(st.sampled_from([(-start, 0), (start, end)]))
    since = ["index", start]
    if index != "start" and end >= 0:
        since = draw(st.sampled_from([since, ["episode_start", 0]]))
    pause = draw(st.integers(1, 4))
    opens = draw(st.sampled_from([["index", end + pause], ["exposure_end", pause]]))
    summary = draw(st.sampled_from(["mean", "first", "last", "slope", "sd"]))
    least = 2 if summary in ("slope", "sd") else draw(st.integers(1, 2))
    early = draw(st.sampled_from([None, 1, 2, 3]))
    exposure = {
        "date": "ratings.day",
        "from": since,
        "to": ["index", end],
        "lag_days": draw(st.integers(0, 8)),
        "minimum_ratings": least,
        "summary": summary,
        "also": ["first", "last", "mean", "slope", "sd"] if least == 2 else ["last"],
        **({"early": early} if early else {}),
    }
    follow_up = {
        "from": opens,
        "days": draw(st.integers(1, 30)),
        "censor": draw(st.sampled_from([["clients.last"], ["clients.last"], []])),
        "incomplete": draw(st.sampled_from(["exclude", "hazard"])),
        "next_episode": draw(st.booleans()),
        **({"death": "clients.died"} if draw(st.booleans()) else {}),
    }
    reads_contacts = "clock.episodes.start" not in episodes and (
        "clock.episodes" not in episodes or "clock.episodes.contacts" in episodes
    )
    return {
        "links.outcomes.unlinked": draw(st.sampled_from(["no_event", "unknown"])),
        **episodes,
        **changes,
        "clock.exposure": exposure,
        "clock.follow_up": follow_up,
        "outcomes.job.washout_days": draw(st.integers(1, 6)),
        "outcomes.job.prior": draw(st.sampled_from(["exclude", "flag"])),
        "outcomes.job.end": "outcomes.end",
        "outcomes.job.sustained_days": draw(st.integers(0, 6)),
        **({"covariates.share": SHARE} if reads_contacts else {}),
        "equity.bands": {"low": 1, "high": 3},
        "models.time": TIME,
    }


def tables_of(plan, seed, n_clients=40, tied=True):
    """Rows of an awkward service; without ties a client has one row a day in each source."""
    rng = np.random.default_rng(seed)
    clock, (_, exposure, after) = plan.clock, plan.clock.dated
    start, end = exposure.start[1], exposure.end[1]
    landmark = clock.place(after.start)[1]
    gap, lag = clock.episodes.gap_days or 9, exposure.lag_days
    washout, sustained = plan.outcomes["job"].washout_days, plan.outcomes["job"].sustained_days
    last_day = landmark + after.days
    edges = {
        "contacts": [0, 1, gap, gap + 1, 2 * gap + 2, end, end + 1, landmark],
        "spells": [0, 1, 5, end, landmark, last_day - 1, last_day, 40],
        "ratings": [
            *(-1, 0, start - 1, start, end, end + 1, landmark),
            *(landmark - lag, landmark - lag + 1, 2),
        ],
        "outcomes": [
            *(-washout - 1, -washout, -1, 0, 3, landmark - 1, landmark),
            *(last_day - 1, last_day, start, end),
        ],
    }
    needed = last_day - 1 + sustained
    rows = {**{name: [] for name in edges}, "clients": []}
    for i in range(n_clients):
        client = f"c{i:03d}"
        # around the one date that an index may be, and elsewhere
        base = clock.index_day - day_number(0) if clock.index == "date" else 200
        origin = base - int(rng.integers(0, 40 if clock.index == "date" else 200))
        for source, days in edges.items():
            size = int(rng.integers(0, {"ratings": 9, "spells": 4}.get(source, 6)))
            offsets = rng.choice([*days, int(rng.integers(0, 40))], size=size, replace=True)
            offsets = offsets if tied else rng.permutation(np.unique(offsets))
            rows[source] += [{"client": client, "day": origin + int(o)} for o in offsets]
        if rng.random() < 0.95:
            ends = [None, origin + needed, origin + needed - 1, origin + needed + 50]
            last = ends[rng.choice(4, p=[0.05, 0.3, 0.15, 0.5])]
            died = ends[rng.choice(4, p=[0.7, 0.1, 0.1, 0.1])]
            rows["clients"].append({"client": client, "last": last, "died": died, "conf": 2.0})
    shuffled = {k: [v[i] for i in rng.permutation(len(v))] for k, v in rows.items()}
    who = (["P", "Q", "R", None], [0.4, 0.3, 0.2, 0.1])
    for row in shuffled["contacts"]:
        row["who"] = rng.choice(who[0], p=who[1])
        row["flag"] = rng.choice([0.0, 1.0, None], p=[0.6, 0.3, 0.1])
        row["day"] = row["day"] if rng.random() < 0.97 else None
    for row in shuffled["spells"]:
        row["start"], row["who"] = row.pop("day"), rng.choice(who[0], p=who[1])
        row["end"] = None if rng.random() < 0.2 else row["start"] + int(rng.choice([0, 1, 5, 30]))
        row["start"] = row["start"] if rng.random() < 0.97 else None
    for k, row in enumerate(shuffled["ratings"]):
        row["score"] = None if rng.random() < 0.1 else float(rng.integers(1, 6))
        row["day"] = None if k < int(0.04 * len(shuffled["ratings"])) else row["day"]
    for row in shuffled["outcomes"]:
        row["start"] = row.pop("day")
        lasts = int(rng.choice([sustained - 1, sustained, 60]))
        row["end"] = None if rng.random() < 0.3 else row["start"] + max(lasts, 0)
    return {name: shuffled[name] for name in plan.sources}


COLUMNS = {
    "contacts": ["client", "day", "who", "flag"],
    "spells": ["client", "start", "end", "who"],
    "ratings": ["client", "day", "score"],
    "outcomes": ["client", "start", "end"],
    "clients": ["client", "last", "died", "conf"],
}


def frames_of(tables, shift=0):
    def text(name, value):
        if value is None:
            return ""
        if name in DATES:
            return date(value + shift)
        return f"{value:g}" if isinstance(value, float) else str(value)

    frames = {}
    for source in tables:
        names = COLUMNS[source]
        cells = [[text(name, row[name]) for name in names] for row in tables[source]]
        frame = pd.DataFrame(cells, columns=names, dtype="str")
        frames[source] = frame.assign(n=[str(i) for i in range(len(frame))])
    return frames


def read(plan, tables, shift=0):
    return score(plan, read_data(plan, folder=Path(), frames=frames_of(tables, shift)))
