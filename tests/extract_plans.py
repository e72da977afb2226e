"""Small plans to read extracts under: one table of waves, or tables of dates, each with changes."""

import tomllib

STUDY = """
plan_version = 1
seed = 1
study = { name = "s", area = "employment", question = "?", status = "synthetic" }
reading = { on_fault = "refuse" }
effects.family = "exploratory"
equity = { modifier = "confidence", bands = { low = 1, high = 3 }, reference = "high" }
verdicts = { claims = ["C1"], label = "exploratory", smallest_worthwhile = 0.02 }
disclosure.profile = "open"
[measures.trust]
items = ["q1"]
range = [1, 5]
minimum_items = 1
rater = "client"
[measures.confidence]
items = ["q1"]
range = [1, 5]
minimum_items = 1
rater = "client"
at = "baseline"
[models.main]
role = "primary"
outcome = "job"
exposure = "trust"
groups = ["client"]
estimator = "gee"
"""
WAVES = """
sources.visits = { path = "visits.csv", format = "csv", key = ["id", "wave"] }
ids = { client = { column = "id" }, pseudonyms = "none" }
clock = { kind = "waves", design = "same_wave", wave = "wave", baseline = 0 }
[outcomes]
job = { kind = "status", column = "job", reported_by = "client" }
[covariates]
town = { column = "town", type = "category" }
"""
# the sources, the days of the clock and the covariates are for the test to add
DATES = """
measures.trust.not_applicable = [9]
measures.confidence.range = [0, 3]
models.main.groups = ["practitioner"]
[ids]
client = { column = "client", pad_to = 4 }
practitioner = { column = "adviser" }
pseudonyms = "none"
[links.jobs]
rule = "key"
cardinality = "one_to_many"
unlinked = "no_event"
[clock]
kind = "dates"
design = "landmark"
episodes = { date = "met_on", gap_days = 90, practitioner = "majority" }
index = "episode_start"
exposure = { from = ["index", 0], to = ["index", 90] }
follow_up = { from = ["index", 91], days = 365, incomplete = "exclude" }
[outcomes]
job = { kind = "event", date = "jobs.start", reported_by = "administrative" }
"""


def waves_tables(changes="", **source):
    """The tables of a plan with one source, `visits`, its settings given by name."""
    tables = merged(*map(tomllib.loads, (STUDY, WAVES, changes)))
    tables["sources"]["visits"] |= source
    return tables


def dates_tables(changes):
    """The tables of a plan with dates; the changes give it its sources."""
    return merged(*map(tomllib.loads, (STUDY, DATES, changes)))


def merged(first, *others):
    """Tables laid over one another, setting by setting."""
    for other in others:
        for name, value in other.items():
            within = isinstance(value, dict) and name in first
            first[name] = merged(first[name], value) if within else value
    return first
