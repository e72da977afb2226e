"""One way of joining ratings, episodes and outcomes, measured in a process of its own.

Reads Parquet, writes Parquet; tells CPU seconds (user and system, all threads) after imports, and
the peak memory of the whole process.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from measured import peak_memory, tell

PLAN = """
plan_version = 1
seed = 1
study = { name = "joined", area = "employment", question = "How fast?", status = "synthetic" }
reading = { on_fault = "exclude" }
equity = { modifier = "confidence", bands = { low = 1, high = 3 }, reference = "high" }
verdicts = { claims = ["C1"], label = "exploratory", smallest_worthwhile = 0.02 }
disclosure = { profile = "open" }
effects = { family = "exploratory" }

[sources]
spells = { path = "-", format = "csv", key = ["n"] }
ratings = { path = "-", format = "csv", key = ["n"] }
outcomes = { path = "-", format = "csv", key = ["n"] }
clients = { path = "-", format = "csv", key = ["n"] }

[ids]
client = { column = "client" }
practitioner = { column = "who" }
pseudonyms = "none"

[links]
outcomes = { rule = "key", cardinality = "one_to_many", unlinked = "no_event" }

[clock]
kind = "dates"
design = "landmark"
index = "episode_start"
episodes = { source = "spells", start = "start", end = "end" }
exposure = { date = "ratings.day", from = ["index", 0], to = ["index", 90] }
follow_up = { from = ["index", 91], days = 365, censor = ["clients.last"], incomplete = "exclude" }

[measures.rapport]
items = ["ratings.q"]
range = [1, 5]
minimum_items = 1
rater = "client"

[measures.confidence]
items = ["conf"]
range = [1, 4]
minimum_items = 1
rater = "client"
at = "baseline"

[outcomes]
job = { kind = "event", date = "outcomes.day", washout_days = 30, reported_by = "administrative" }

[models.main]
role = "primary"
outcome = "job"
exposure = "rapport"
groups = ["practitioner"]
estimator = "gee"
"""

BY_HAND = """
WITH events AS (
  SELECT s.line AS unit,
    MIN(o.day) FILTER (WHERE o.day >= s.start) AS first_event,
    COUNT(*) FILTER (WHERE o.day >= s.start - 30 AND o.day < s.start) AS washed,
    COUNT(*) FILTER (WHERE o.day >= s.start AND o.day < s.start + 91) AS early,
    COUNT(*) FILTER (WHERE o.day >= s.start + 91 AND o.day < s.start + 456) AS found
  FROM source_spells s JOIN source_outcomes o ON o.client = s.client GROUP BY s.line
), rated AS (
  SELECT s.line AS unit, COUNT(*) AS offered, COUNT(r.rapport) AS n, AVG(r.rapport) AS rapport
  FROM source_spells s LEFT JOIN events e ON e.unit = s.line
  JOIN source_ratings r ON r.client = s.client AND r.day >= s.start
    AND r.day <= LEAST(s.start + 90, COALESCE(e.first_event, 2147483647) - 1)
  GROUP BY s.line
)
SELECT s.client, ROW_NUMBER() OVER (PARTITION BY s.client ORDER BY s.start, s.line) AS episode,
  s.who AS practitioner, s.start AS index_day, c.confidence, c.confidence__why,
  CASE WHEN c.last IS NOT NULL THEN GREATEST(LEAST(c.last - s.start - 90, 365), 0) END
    AS observed_days,
  rated.rapport, COALESCE(rated.n, 0) AS rapport__ratings,
  CASE WHEN rated.n >= 1 THEN '' WHEN COALESCE(rated.offered, 0) = 0 THEN 'none in the window'
    ELSE 'none with enough items' END AS rapport__why,
  CASE WHEN e.washed > 0 OR e.early > 0 OR c.last IS NULL OR c.last < s.start + 455 THEN NULL
    WHEN e.found > 0 THEN 1.0 ELSE 0.0 END AS job,
  CASE WHEN e.washed > 0 THEN 'before the start' WHEN e.early > 0 THEN 'before the landmark'
    WHEN c.last IS NULL THEN 'not known' WHEN c.last < s.start + 455 THEN 'incomplete'
    ELSE '' END AS job__why
FROM source_spells s
LEFT JOIN events e ON e.unit = s.line
LEFT JOIN rated ON rated.unit = s.line
LEFT JOIN source_clients c ON c.client = s.client
ORDER BY s.client, episode
"""
SOURCES = ("spells", "ratings", "outcomes", "clients")


def by_package(folder: Path, output: Path, memory: str | None) -> float:
    """The package's text, on the package's engine."""
    import tomllib

    from deepvalue_stats.data import Column, TableSchema
    from deepvalue_stats.linkage import DuckDB
    from deepvalue_stats.linkage.landmark import landmark_sql
    from deepvalue_stats.plan import parse_plan

    columns = {
        "spells": ("client", "who", "start", "end"),
        "ratings": ("client", "day", "q"),
        "outcomes": ("client", "day"),
        "clients": ("client", "last", "conf"),
    }
    schemas = {
        name: TableSchema(name, ("n",), tuple(Column(c, "id", "key", name) for c in columns[name]))
        for name in SOURCES
    }
    began = time.process_time()
    text = landmark_sql(parse_plan(tomllib.loads(PLAN)), schemas)
    engine = DuckDB(memory_limit=memory, threads=2)
    engine.write(text, {name: folder / f"{name}.parquet" for name in SOURCES}, output)
    return time.process_time() - began


def by_hand(folder: Path, output: Path, memory: str | None) -> float:
    """A text written for this one task, on the same engine with the same settings."""
    import duckdb

    began = time.process_time()
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false; SET threads = 2")
        if memory:
            connection.execute(f"SET memory_limit = '{memory}'")
        for name in SOURCES:
            file = folder / f"{name}.parquet"
            connection.execute(f"CREATE VIEW source_{name} AS SELECT * FROM read_parquet('{file}')")
        connection.execute(f"COPY ({BY_HAND}) TO '{output}' (FORMAT parquet)")
    return time.process_time() - began


def by_pandas(folder: Path, output: Path, _memory: str | None) -> float:
    """Merge, filter and groupby, with no column that is not needed."""
    import numpy as np
    import pandas as pd

    began = time.process_time()
    spells, ratings, outcomes, clients = (
        pd.read_parquet(folder / f"{name}.parquet") for name in SOURCES
    )
    spells = spells.rename(columns={"line": "unit"})
    met = spells[["unit", "client", "start"]].merge(outcomes[["client", "day"]], on="client")
    offset = met["day"] - met["start"]
    flags = pd.DataFrame(
        {
            "unit": met["unit"],
            "first_event": met["day"].where(offset >= 0),
            "washed": (offset >= -30) & (offset < 0),
            "early": (offset >= 0) & (offset < 91),
            "found": (offset >= 91) & (offset < 456),
        }
    )
    events = flags.groupby("unit").agg(
        {"first_event": "min", "washed": "any", "early": "any", "found": "any"}
    )
    spells = spells.join(events, on="unit")
    pairs = ratings[["client", "day", "rapport"]].merge(
        spells[["unit", "client", "start", "first_event"]], on="client"
    )
    inside = (pairs["day"] >= pairs["start"]) & (pairs["day"] <= pairs["start"] + 90)
    inside &= ~(pairs["day"] >= pairs["first_event"])
    rated = pairs[inside].groupby("unit")["rapport"].agg(["mean", "count", "size"])
    found = spells.join(rated, on="unit").merge(clients, on="client", how="left")
    found = found.sort_values(["client", "start", "unit"])
    found["episode"] = found.groupby("client").cumcount() + 1
    unknown = found["washed"].eq(True) | found["early"].eq(True)
    unknown |= found["last"].isna() | (found["last"] < found["start"] + 455)
    found["job"] = np.where(unknown, np.nan, found["found"].eq(True).astype("float64"))
    found["observed_days"] = (found["last"] - found["start"] - 90).clip(0, 365)
    found = found.rename(columns={"mean": "rapport", "count": "rapport__ratings"})
    found["rapport__ratings"] = found["rapport__ratings"].fillna(0).astype("int64")
    kept = ["client", "episode", "who", "start", "observed_days", "rapport", "rapport__ratings",
            "job", "confidence"]  # fmt: skip
    found[kept].to_parquet(output)
    return time.process_time() - began


WAYS = {"package": by_package, "hand": by_hand, "pandas": by_pandas}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--memory")
    wanted = parser.parse_args()
    wall = time.perf_counter()
    cpu = WAYS[wanted.way](wanted.folder, wanted.output, wanted.memory)
    tell(cpu=cpu, wall=time.perf_counter() - wall, peak=peak_memory())


if __name__ == "__main__":
    main()
