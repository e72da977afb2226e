"""The join of a study of dates: ratings before a landmark, outcomes after it, on every row."""

from __future__ import annotations

from deepvalue_stats.data import locate
from deepvalue_stats.linkage.sql import (
    Schemas,
    covariate_columns,
    literal,
    quoted,
    source_of,
    table,
)
from deepvalue_stats.plan.parts import CovariatePlan, OutcomePlan, Plan

# scores are summed as whole billionths of a point: exact, and in any order
GRAIN = 1_000_000_000
FATES = (
    "rated in the exposure window",
    "rated on or after the outcome, inside the exposure window",
    "rated before the exposure window",
    "rated after the exposure window",
    "rated by a client without an episode",
    "rating without a date",
)
NO_RECORD = "no outcome record linked"


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
        Columns `client`, `episode`, `practitioner`, `service`, `index_day`, then every measure,
        outcome and covariate, each that can be missing with its `__why`.

    Notes
    -----
    An episode is a run of contacts no further apart than `gap_days`. Its practitioner and service
    are chosen from the contacts of the exposure window only, so that nothing from after the
    landmark enters. A window from a to b holds both days; follow-up of d days from day f ends with
    day f + d - 1, which the record must reach.
    """
    parts = [_episodes(plan), _members(plan), _first_events(plan, schemas), _pairs(plan, schemas)]
    selected = ["episodes.client", "episodes.episode", "members.practitioner"]
    if plan.ids.service:
        selected.append("members.service")
    selected += ["episodes.index_day", "episodes.contacts"]
    joins = ["JOIN members USING (client, episode)"]
    parts += [_exposure(name, plan, schemas) for name in _rated(plan)]
    for name in _rated(plan):
        alias = quoted(f"rated_{name}")
        joins.append(f"LEFT JOIN {alias} USING (client, episode)")
        selected += _exposure_columns(name, plan, alias)
    parts.append(_observed(plan, schemas))
    joins.append("LEFT JOIN observed USING (client)")
    for name in plan.outcomes:
        parts.append(_events(name, plan, schemas))
        joins.append(f"LEFT JOIN {quoted(f'events_{name}')} USING (client, episode)")
        selected += _outcome_columns(name, plan, schemas)
    for name, measure in plan.measures.items():
        if measure.at == "baseline":
            alias = quoted(f"base_{source_of(name, plan, schemas)}")
            selected += [f"{alias}.{quoted(name)}", f"{alias}.{quoted(f'{name}__why')}"]
    for name, covariate in plan.covariates.items():
        if covariate.type == "share":
            parts.append(_share(name, covariate, schemas))
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
        f"WITH {','.join(parts)}\nSELECT\n  "
        + ",\n  ".join(selected)
        + "\nFROM episodes\n"
        + "\n".join(joins)
        + "\nORDER BY episodes.client, episodes.episode"
    )


def baseline_sources(plan: Plan, schemas: Schemas) -> tuple[str, ...]:
    """Sources that must have one row a client: they hold baseline values or record ends."""
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


def censor_sources(plan: Plan, schemas: Schemas) -> tuple[str, ...]:
    """Sources that say how long a client was observed; one row a client."""
    censor = plan.clock.dated[2].censor
    return tuple(dict.fromkeys(locate(column, schemas)[0] for column in censor))


def rating_source(plan: Plan, schemas: Schemas) -> tuple[str, str]:
    """The source and column of the ratings' dates."""
    return locate(plan.clock.dated[1].date, schemas)


def outcome_source(outcome: OutcomePlan, schemas: Schemas) -> str:
    """The source of an event."""
    return locate(outcome.date or "", schemas)[0]


def _rated(plan: Plan) -> list[str]:
    return [name for name, measure in plan.measures.items() if measure.at != "baseline"]


def _episodes(plan: Plan) -> str:
    spec, _, _ = plan.clock.dated
    client, day = quoted(plan.ids.client.column), quoted(spec.date.split(".")[-1])
    service = quoted(plan.ids.service.column) if plan.ids.service else "NULL"
    practitioner = quoted(plan.ids.practitioner.column) if plan.ids.practitioner else "NULL"
    return f"""
contacts AS (
  SELECT {client} AS client, {day} AS day, line, {practitioner} AS practitioner,
    {service} AS service
  FROM {table(spec.source)} WHERE {day} IS NOT NULL
), gaps AS (
  SELECT *, CASE WHEN day - LAG(day) OVER (PARTITION BY client ORDER BY day, line)
    <= {spec.gap_days} THEN 0 ELSE 1 END AS opens
  FROM contacts
), spells AS (
  SELECT *, SUM(opens) OVER (PARTITION BY client ORDER BY day, line
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS episode
  FROM gaps
), episodes AS (
  SELECT client, episode, MIN(day) AS index_day, COUNT(*) AS contacts
  FROM spells GROUP BY client, episode
)"""


def _members(plan: Plan) -> str:
    """The practitioner (and service) of each episode, from the contacts of its window."""
    spec, exposure, _ = plan.clock.dated
    order = "n DESC, first_place" if spec.practitioner == "majority" else "first_place"
    roles = ["practitioner", *(["service"] if plan.ids.service else [])]
    columns = ", ".join(f"{role}_ranks.{role}" for role in roles)
    joins = "\n  ".join(
        f"LEFT JOIN {role}_ranks ON {role}_ranks.client = episodes.client "
        f"AND {role}_ranks.episode = episodes.episode AND {role}_ranks.place = 1"
        for role in roles
    )
    return f"""
window_contacts AS (
  SELECT spells.*, ROW_NUMBER() OVER (PARTITION BY spells.client, spells.episode
    ORDER BY spells.day, spells.line) AS place
  FROM spells JOIN episodes USING (client, episode)
  WHERE spells.day <= episodes.index_day + {exposure.end[1]}
),{",".join(_ranks(role, order) for role in roles)},
members AS (
  SELECT episodes.client, episodes.episode, {columns}
  FROM episodes
  {joins}
)"""


def _ranks(role: str, order: str) -> str:
    """Whom an episode belongs to, best first."""
    return f"""
{role}_counts AS (
  SELECT client, episode, {role}, COUNT(*) AS n, MIN(place) AS first_place
  FROM window_contacts WHERE {role} IS NOT NULL GROUP BY client, episode, {role}
), {role}_ranks AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY client, episode ORDER BY {order}) AS place
  FROM {role}_counts
)"""


def _first_events(plan: Plan, schemas: Schemas) -> str:
    """The first event of any outcome on or after each episode's start."""
    client = quoted(plan.ids.client.column)
    places = dict.fromkeys(locate(o.date or "", schemas) for o in plan.outcomes.values())
    events = "\n  UNION ALL ".join(
        f"SELECT {client} AS client, {quoted(day)} AS day FROM {table(source)}"
        for source, day in places
    )
    return f"""
events AS (
  {events}
), first_events AS (
  SELECT episodes.client, episodes.episode, MIN(events.day) AS day
  FROM episodes JOIN events ON events.client = episodes.client
    AND events.day >= episodes.index_day
  GROUP BY episodes.client, episodes.episode
)"""


def _pairs(plan: Plan, schemas: Schemas) -> str:
    """Every rating beside every episode of its client, and where it falls on the clock."""
    _, exposure, follow_up = plan.clock.dated
    source, day = rating_source(plan, schemas)
    client, rated = quoted(plan.ids.client.column), f"ratings.{quoted(day)}"
    # a rating so close to the landmark may already know what comes
    last = min(exposure.end[1], follow_up.start[1] - exposure.lag_days)
    return f"""
pairs AS (
  SELECT episodes.client, episodes.episode, ratings.line, {rated} AS day,
    CASE WHEN {rated} < episodes.index_day + {exposure.start[1]} THEN 2
      WHEN {rated} > episodes.index_day + {last} THEN 3
      WHEN {rated} >= first_events.day THEN 1
      ELSE 0 END AS fate
  FROM episodes JOIN {table(source)} AS ratings ON ratings.{client} = episodes.client
  LEFT JOIN first_events ON first_events.client = episodes.client
    AND first_events.episode = episodes.episode
  WHERE {rated} IS NOT NULL
)"""


def fates_sql(plan: Plan, schemas: Schemas) -> str:
    """Where each rating falls on the clock: columns `line` and `fate`, an index into `FATES`.

    The clock is that of the client's first episode, the one that is analysed.
    """
    source, day = rating_source(plan, schemas)
    parts = [_episodes(plan), _first_events(plan, schemas), _pairs(plan, schemas)]
    return f"""WITH {",".join(parts)}
SELECT ratings.line, CASE WHEN ratings.{quoted(day)} IS NULL THEN 5
  ELSE COALESCE(MIN(pairs.fate), 4) END AS fate
FROM {table(source)} AS ratings LEFT JOIN pairs ON pairs.line = ratings.line
  AND pairs.episode = 1
GROUP BY ratings.line, ratings.{quoted(day)}
ORDER BY ratings.line"""


def _exposure(name: str, plan: Plan, schemas: Schemas) -> str:
    """The ratings of one measure in the window, early ones first, and their summary."""
    _, exposure, _ = plan.clock.dated
    source, _ = rating_source(plan, schemas)
    score = quoted(name)
    early = f"WHERE place <= {exposure.early}" if exposure.early else ""
    whole = f"CAST(ROUND({score} * {GRAIN}) AS BIGINT)"
    summary = {
        "mean": f"CAST(SUM({whole}) AS DOUBLE) / NULLIF(COUNT({score}), 0) / {GRAIN}.0e0",
        "first": f"MIN_BY({score}, CASE WHEN {score} IS NOT NULL THEN place END)",
        "last": f"MAX_BY({score}, CASE WHEN {score} IS NOT NULL THEN place END)",
    }[exposure.summary]
    ranked, rated = quoted(f"ranked_{name}"), quoted(f"rated_{name}")
    return f"""
{ranked} AS (
  SELECT pairs.client, pairs.episode, ratings.{score},
    ROW_NUMBER() OVER (PARTITION BY pairs.client, pairs.episode
      ORDER BY pairs.day, pairs.line) AS place
  FROM pairs JOIN {table(source)} AS ratings ON ratings.line = pairs.line
  WHERE pairs.fate = 0
), {rated} AS (
  SELECT client, episode, COUNT(*) AS offered, COUNT({score}) AS ratings,
    {summary} AS score
  FROM {ranked} {early} GROUP BY client, episode
)"""


def _exposure_columns(name: str, plan: Plan, alias: str) -> list[str]:
    _, exposure, _ = plan.clock.dated
    enough = f"COALESCE({alias}.ratings, 0) >= {exposure.minimum_ratings}"
    few = f"fewer than {exposure.minimum_ratings} ratings in the exposure window"
    none = "no rating in the exposure window"
    unscored = f"no rating in the exposure window with enough items of {name}"
    return [
        f"CASE WHEN {enough} THEN {alias}.score END AS {quoted(name)}",
        f"""CASE WHEN {enough} THEN ''
    WHEN COALESCE({alias}.offered, 0) = 0 THEN {literal(none)}
    WHEN {alias}.ratings = 0 THEN {literal(unscored)}
    ELSE {literal(few)} END AS {quoted(f"{name}__why")}""",
        f"COALESCE({alias}.ratings, 0) AS {quoted(f'{name}__ratings')}",
    ]


def _observed(plan: Plan, schemas: Schemas) -> str:
    """The last day on which each client's outcome could be seen; NULL where nobody says."""
    _, _, follow_up = plan.clock.dated
    places = [locate(column, schemas) for column in follow_up.censor]
    client = quoted(plan.ids.client.column)
    ends = "\n  UNION ALL ".join(
        f"SELECT {client} AS client, {quoted(column)} AS day FROM {table(source)}"
        for source, column in places
    )
    if not places:
        ends = "SELECT client, 2147483647 AS day FROM episodes"
    return f"""
ends AS (
  {ends}
), observed AS (
  SELECT client, MIN(day) AS last_day FROM ends GROUP BY client
)"""


def _events(name: str, plan: Plan, schemas: Schemas) -> str:
    """What each episode's events were, by where they fall on the clock."""
    outcome, (_, _, follow_up) = plan.outcomes[name], plan.clock.dated
    source, day = locate(outcome.date or "", schemas)
    client = quoted(plan.ids.client.column)
    start = f"(episodes.index_day + {follow_up.start[1]})"
    event = f"records.{quoted(day)}"
    lasting = "TRUE"
    if outcome.end:
        end = f"records.{quoted(locate(outcome.end, schemas)[1])}"
        lasting = f"({end} IS NULL OR {end} - {event} >= {outcome.sustained_days})"
    washout = (
        f"{event} >= episodes.index_day - {outcome.washout_days} AND {event} < episodes.index_day"
    )
    within = f"{event} >= {start} AND {event} < {start} + {follow_up.days} AND {lasting}"
    early = f"{event} >= episodes.index_day AND {event} < {start}"
    return f"""
{quoted(f"events_{name}")} AS (
  SELECT episodes.client, episodes.episode,
    COUNT(records.{client}) AS n_records,
    SUM(CASE WHEN {washout} THEN 1 ELSE 0 END) AS in_washout,
    SUM(CASE WHEN {early} THEN 1 ELSE 0 END) AS before_landmark,
    SUM(CASE WHEN {within} THEN 1 ELSE 0 END) AS in_follow_up
  FROM episodes LEFT JOIN {table(source)} AS records ON records.{client} = episodes.client
  GROUP BY episodes.client, episodes.episode
)"""


def _outcome_columns(name: str, plan: Plan, schemas: Schemas) -> list[str]:
    outcome, (_, _, follow_up) = plan.outcomes[name], plan.clock.dated
    alias = quoted(f"events_{name}")
    unlinked = plan.links[outcome_source(outcome, schemas)].unlinked
    needed = follow_up.start[1] + follow_up.days - 1 + outcome.sustained_days
    cases = []
    if unlinked != "no_event":
        cases.append((f"{alias}.n_records = 0", NO_RECORD))
    cases += [
        (f"{alias}.in_washout > 0", f"outcome in the {outcome.washout_days} days before the start"),
        (f"{alias}.before_landmark > 0", "outcome before the landmark"),
        ("observed.last_day IS NULL", "end of the outcome record not known"),
        (f"observed.last_day < episodes.index_day + {needed}", "follow-up incomplete"),
    ]
    whens = "\n    ".join(f"WHEN {test} THEN {literal(why)}" for test, why in cases)
    none = " ".join(f"WHEN {test} THEN NULL" for test, _ in cases)
    return [
        f"CAST(CASE {none} WHEN {alias}.in_follow_up > 0 THEN 1 ELSE 0 END AS DOUBLE)"
        f" AS {quoted(name)}",
        f"CASE\n    {whens}\n    ELSE '' END AS {quoted(f'{name}__why')}",
    ]


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
