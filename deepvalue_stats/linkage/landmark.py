"""The join of a study of dates: ratings before a landmark, outcomes after it, on every row."""

from __future__ import annotations

from deepvalue_stats.data import locate
from deepvalue_stats.linkage.episodes import (
    continuity_columns,
    episode_steps,
    member_steps,
    members,
)
from deepvalue_stats.linkage.ratings import (
    clocked_steps,
    exposure_columns,
    fate_steps,
    rated_measures,
    rated_steps,
    rating_source,
)
from deepvalue_stats.linkage.records import (
    event_steps,
    followed_columns,
    followed_steps,
    outcome_columns,
)
from deepvalue_stats.linkage.sql import Schemas, covariate_columns, quoted, source_of, table
from deepvalue_stats.plan.parts import CovariatePlan, Plan


def landmark_sql(plan: Plan, schemas: Schemas) -> str:
    """One row for every episode: its ratings before the landmark, its outcomes after it.

    Parameters
    ----------
    plan : Plan
        With a clock of dates.
    schemas : mapping of str to TableSchema

    Returns
    -------
    str
        Columns `client`, `episode`, `practitioner`, `service`, `index_day` (NULL where the plan's
        index does not come), `contacts`, continuity, `observed_days` and `censored`, then every
        measure, outcome and covariate, each that can be missing with its `__why`.

    Notes
    -----
    Practitioner, service and continuity are of the contacts up to the end of the exposure window,
    so that nothing from after the landmark enters. A window from a to b holds both days; follow-up
    of d days from day f ends with day f + d - 1, which the record must reach.

    References
    ----------
    Anderson, Cain and Gelber (1983), Journal of Clinical Oncology 1, for the landmark.
    """
    steps = [
        *episode_steps(plan, schemas),
        *member_steps(plan),
        *clocked_steps(plan, schemas),
        *rated_steps(plan, schemas),
        *followed_steps(plan, schemas),
    ]
    whose = members(plan)
    selected = ["episodes.client", "episodes.episode", f"{whose}.practitioner"]
    if plan.ids.service:
        selected.append(f"{whose}.service")
    selected += ["episodes.index_day", *continuity_columns(plan)]
    selected += followed_columns(plan)
    joins = [_joined("rated")]
    if whose == "members":
        joins += [_joined("members"), _joined("continuity")]
    for name in rated_measures(plan):
        selected += exposure_columns(name, plan)
    for name in plan.outcomes:
        steps += event_steps(name, plan, schemas)
        joins.append(_joined(quoted(f"events_{name}")))
        selected += outcome_columns(name, plan, schemas)
    for name, measure in plan.measures.items():
        if measure.at == "baseline":
            alias = quoted(f"base_{source_of(name, plan, schemas)}")
            selected += [f"{alias}.{quoted(name)}", f"{alias}.{quoted(f'{name}__why')}"]
    for name, covariate in plan.covariates.items():
        if covariate.type == "share":
            steps.append(_share(name, covariate, schemas))
            alias = quoted(f"share_{name}")
            joins.append(f"LEFT JOIN {alias} ON {alias}.practitioner = members.practitioner")
            selected.append(f"{alias}.{quoted(name)}")
        else:
            selected += covariate_columns(name, covariate, "base", schemas)
    client = quoted(plan.ids.client.column)
    for source in baseline_sources(plan, schemas):
        alias = quoted(f"base_{source}")
        joins.append(f"LEFT JOIN {table(source)} AS {alias} ON {alias}.{client} = episodes.client")
    return (
        f"WITH {','.join(steps)}\nSELECT\n  "
        + ",\n  ".join(selected)
        + "\nFROM followed AS episodes\n"
        + "\n".join(joins)
        + "\nORDER BY client, episode"
    )


def fates_sql(plan: Plan, schemas: Schemas) -> str:
    """Where each rating falls on the clock: columns `line` and `fate`, an index into `FATES`."""
    return f"WITH {_fates(plan, schemas)}\nSELECT line, fate FROM fates ORDER BY line"


def fate_counts_sql(plan: Plan, schemas: Schemas) -> str:
    """How many ratings fall where: columns `fate`, `ratings`, and the first line of each."""
    return (
        f"WITH {_fates(plan, schemas)}\nSELECT fate, COUNT(*) AS ratings, MIN(line) AS first_line\n"
        "FROM fates GROUP BY fate ORDER BY fate"
    )


def fan_out_sql(plan: Plan, schemas: Schemas) -> str:
    """How many pairs of an episode and a rating the join meets: columns `pairs`, `ratings`."""
    source, _ = rating_source(plan, schemas)
    client = quoted(plan.ids.client.column)
    return f"""WITH {",".join(episode_steps(plan, schemas))},
episodes_of AS (
  SELECT client, COUNT(*) AS n FROM episodes GROUP BY client
), ratings_of AS (
  SELECT {client} AS client, COUNT(*) AS n FROM {table(source)} GROUP BY {client}
)
SELECT CAST(COALESCE(SUM(episodes_of.n * ratings_of.n), 0) AS BIGINT) AS pairs,
  CAST(COALESCE(SUM(ratings_of.n), 0) AS BIGINT) AS ratings
FROM ratings_of LEFT JOIN episodes_of ON episodes_of.client = ratings_of.client"""


def outside_sql(plan: Plan, schemas: Schemas) -> str:
    """Dated contacts that no episode of a table holds: columns `contacts`, `first_line`."""
    return f"""WITH {",".join(episode_steps(plan, schemas))}
SELECT COUNT(*) AS contacts, COALESCE(MIN(met.line), 0) AS first_line
FROM met LEFT JOIN spells ON spells.line = met.line WHERE spells.line IS NULL"""


def baseline_sources(plan: Plan, schemas: Schemas) -> tuple[str, ...]:
    """Sources that must have one row a client: they hold baseline values."""
    found = [
        source_of(name, plan, schemas)
        for name, measure in plan.measures.items()
        if measure.at == "baseline"
    ]
    found += [
        locate(covariate.column, schemas)[0]
        for covariate in plan.covariates.values()
        if covariate.at == "baseline"
    ]
    return tuple(dict.fromkeys(found))


def _fates(plan: Plan, schemas: Schemas) -> str:
    return ",".join(
        [*episode_steps(plan, schemas), *clocked_steps(plan, schemas), *fate_steps(plan, schemas)]
    )


def _joined(step: str) -> str:
    return f"LEFT JOIN {step} ON {step}.unit = episodes.unit"


def _share(name: str, covariate: CovariatePlan, schemas: Schemas) -> str:
    """A practitioner's share of flagged contacts, over the exposure windows of all clients."""
    source, column = locate(covariate.column, schemas)
    return f"""
{quoted(f"share_{name}")} AS (
  SELECT window_contacts.practitioner,
    CAST(SUM(CASE WHEN flags.{quoted(column)} = 1 THEN 1 ELSE 0 END) AS DOUBLE)
      / NULLIF(COUNT(flags.{quoted(column)}), 0) AS {quoted(name)}
  FROM window_contacts JOIN {table(source)} AS flags ON flags.line = window_contacts.line
  GROUP BY window_contacts.practitioner
)"""
