"""The small language of the linkage tests: tables as text, and days as numbers.

Cells stand two or more spaces apart, a point is an empty cell, and every date is a number of days
after one day 0. The clock is short, so that a window can be counted on the fingers: gap 30 days,
exposure window day 0 to 10, landmark day 11, follow-up of 20 days (day 11 to 30), washout 5 days.
"""

import datetime
import os
import re
import tomllib
from copy import deepcopy
from functools import cache
from pathlib import Path

import pandas as pd

from deepvalue_stats.data import read_data
from deepvalue_stats.linkage import DuckDB, Spark, link
from deepvalue_stats.measures import score
from deepvalue_stats.plan import parse_plan

DAY_0 = datetime.date(2020, 1, 1)
DATES = ("day", "start", "end", "last", "died")
TOP = """
plan_version = 1
seed = 1
study = { name = "small", area = "employment", question = "Does it?", status = "synthetic" }
reading = { on_fault = "exclude" }
"""
REST = """
[ids]
client = { column = "client" }
practitioner = { column = "who" }
pseudonyms = "none"

[measures.confidence]
items = ["conf"]
range = [1, 4]
minimum_items = 1
rater = "client"
at = "baseline"

[models.main]
role = "primary"
outcome = "job"
exposure = "rapport"
groups = ["practitioner"]
estimator = "gee"

[effects]
family = "exploratory"

[equity]
modifier = "confidence"
bands = { low = 1, mid = 2, high = 3 }
reference = "high"

[verdicts]
claims = ["C1"]
label = "exploratory"
smallest_worthwhile = 0.02

[disclosure]
profile = "open"
"""
PLAN = (
    TOP
    + """
[sources]
contacts = { path = "-", format = "csv", key = ["n"] }
ratings = { path = "-", format = "csv", key = ["n"] }
outcomes = { path = "-", format = "csv", key = ["n"] }
clients = { path = "-", format = "csv", key = ["n"] }

[links]
outcomes = { rule = "key", cardinality = "one_to_many", unlinked = "no_event" }

[clock]
kind = "dates"
design = "landmark"
index = "episode_start"
episodes = { source = "contacts", date = "day", gap_days = 30, practitioner = "majority" }
exposure = { date = "ratings.day", from = ["index", 0], to = ["index", 10], lag_days = 1 }
follow_up = { from = ["index", 11], days = 20, censor = ["clients.last"], incomplete = "exclude" }

[measures.rapport]
items = ["score"]
range = [1, 5]
minimum_items = 1
rater = "client"

[outcomes]
job = { kind = "event", date = "outcomes.start", washout_days = 5, reported_by = "administrative" }
"""
    + REST
)
ABSENT = {
    "contacts": "client  day  who\na  0  P",
    "ratings": "client  day  score\na  5  4",
    "outcomes": "client  start\na  -1000",
    "spells": "client  start  end  who\na  0  40  P",
}
# episodes read from a table instead of built from contacts
LISTED = {
    "sources.spells": {"path": "-", "format": "csv", "key": ["n"]},
    "clock.episodes": {"source": "spells", "start": "start", "end": "end"},
}


def table(text):
    """A text table as a list of rows, the header first."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return [re.split(r"\s{2,}", line) for line in lines if line]


def frame(text):
    """A text table as a source: all text, dates written out, numbered in column `n`."""
    header, *rows = table(text)
    cells = pd.DataFrame([["" if c == "." else c for c in row] for row in rows], columns=header)
    for name in set(header) & set(DATES):
        cells[name] = [date(int(day)) if day else "" for day in cells[name]]
    return cells.assign(n=[str(i) for i in range(1, len(cells) + 1)])


def date(day):
    return (DAY_0 + datetime.timedelta(days=day)).isoformat()


def plan_with(changes=(), text=PLAN):
    """The plan with settings changed, each named by its path."""
    raw = tomllib.loads(text)
    for path, value in deepcopy(dict(changes)).items():
        *parents, last = path.split(".")
        part = raw
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = value
    return parse_plan(raw)


def texts_of(plan, **tables):
    """The text of every source of a plan; one left out is that in `ABSENT`.

    Clients left out are all those with an episode, of middling confidence and long observed.
    """
    texts = {name: tables.get(name, ABSENT[name]) for name in plan.sources if name in ABSENT}
    opens = table(texts[plan.clock.episodes.source])
    known = sorted({row[opens[0].index("client")] for row in opens[1:]})
    everyone = "\n".join(["client  conf  last", *(f"{client}  2  1000" for client in known)])
    return {**texts, "clients": tables.get("clients", everyone)}


def study(changes=(), **tables):
    """A plan, and its sources read and scored."""
    plan = plan_with(changes)
    sources = {name: frame(text) for name, text in texts_of(plan, **tables).items()}
    return plan, score(plan, read_data(plan, folder=Path(), frames=sources))


def rows_of(text):
    """A text table as dictionaries of days and scores, the ids as text and a point as None."""
    header, *rows = table(text)
    ids = ("client", "who", "office")
    return [
        {
            name: None if cell == "." else cell if name in ids else number(cell)
            for name, cell in zip(header, row, strict=True)
        }
        for row in rows
    ]


def number(text):
    return float(text) if "." in text else int(text)


def linked(changes=(), **tables):
    return link(*study(changes, **tables), engine=engine())


@cache
def engine():
    """The engine that the cases run on: the embedded one, or what DEEPVALUE_TEST_ENGINE names."""
    if os.environ.get("DEEPVALUE_TEST_ENGINE", "duckdb") == "duckdb":
        return DuckDB()
    return Spark(spark_session())


@cache
def spark_session():
    """A local session that is as quick as a small case allows."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("deepvalue_stats tests")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.memory": "3g",
        # each text is compiled once and run once: compiling costs more than it saves
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def seen(dataset, columns):
    """Columns of a data set as a text table would have them; `index` is a number of days."""
    rows = dataset.frame.assign(index=dataset.frame["index_day"] - day_number(0))
    names = columns.split()
    return [names, *([cell(row[name]) for name in names] for _, row in rows.iterrows())]


def day_number(day):
    return (DAY_0 - datetime.date(1970, 1, 1)).days + day


def cell(value):
    if value is None or pd.isna(value) or value == "":
        return "."
    return f"{value:g}" if isinstance(value, float) else str(value)
