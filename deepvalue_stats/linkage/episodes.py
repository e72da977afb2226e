"""Episodes in SQL: built from contacts or read from a table, whose they are, how continuous."""

from __future__ import annotations

from deepvalue_stats.data import locate
from deepvalue_stats.linkage.sql import NEVER, Schemas, has, moment, quoted, table
from deepvalue_stats.plan.parts import Plan

IN_TIME = "PARTITION BY client ORDER BY day, line"
BEFORE = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"


def day_of(place: tuple[str, int], alias: str = "episodes") -> str:
    """The day of a place on the clock, as `Clock.place` gives it."""
    name, offset = place
    column = "start_day" if name == "episode_start" else "index_day"
    return f"{alias}.{column} + {offset}"


def episode_steps(plan: Plan, schemas: Schemas) -> list[str]:
    """Steps that end in `episodes`, one row each, and `spells`, their contacts if any are read.

    Columns of `episodes`: `unit` (the line that opens it), `client`, `episode` (1, 2, ... of a
    client), `start_day`, `index_day` (NULL where the episode has none), and those of
    `episode_columns`.
    """
    spec, _, _ = plan.clock.dated
    steps = _built(plan) if spec.built else _listed(plan, schemas)
    return [*steps, *_indexed(plan, schemas)]


def episode_columns(plan: Plan) -> list[str]:
    """What is kept of an episode: no more than is used, as every later step carries it."""
    spec, _, follow_up = plan.clock.dated
    names = ["unit", "client", "episode", "start_day"]
    if follow_up.next_episode:
        names.append("next_start")
    if spec.contact_date is not None:
        return [*names, "contacts"]
    return [*names, "practitioner", *(["service"] if plan.ids.service else [])]


def _roles(plan: Plan, schemas: Schemas | None = None, source: str = "") -> str:
    """The columns that say whom a row was with; NULL where it does not say."""
    selected = []
    for role in ("practitioner", "service"):
        declared = getattr(plan.ids, role)
        known = declared is not None and (schemas is None or has(schemas[source], declared.column))
        column = quoted(declared.column) if known else "CAST(NULL AS STRING)"
        selected.append(f"{column} AS {role}")
    return ", ".join(selected)


def _built(plan: Plan) -> list[str]:
    """Episodes as runs of contacts no further apart than the gap."""
    spec, _, _ = plan.clock.dated
    client, day = quoted(plan.ids.client.column), quoted((spec.date or "").split(".")[-1])
    so_far = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
    runs = f"""
met AS (
  SELECT {client} AS client, {day} AS day, line, {_roles(plan)}
  FROM {table(spec.source)} WHERE {day} IS NOT NULL AND {client} IS NOT NULL
), gaps AS (
  SELECT *, CASE WHEN day - LAG(day) OVER ({IN_TIME}) <= {spec.gap_days} THEN 0 ELSE 1 END AS opens
  FROM met
), runs AS (
  SELECT *, CAST(SUM(opens) OVER ({IN_TIME} {so_far}) AS BIGINT) AS run FROM gaps
)"""
    if spec.practitioner == "split":
        # the last whose name is known: a contact with nobody in particular changes nothing
        known = f"CASE WHEN practitioner IS NOT NULL THEN {moment('day', 'line')} END"
        runs += f""", known AS (
  SELECT client, day, line, practitioner, service, opens, MAX_BY(practitioner, {known})
    OVER (PARTITION BY client, run ORDER BY day, line {BEFORE}) AS earlier
  FROM runs
), changes AS (
  SELECT client, day, line, practitioner, service,
    CASE WHEN opens = 1 OR practitioner <> earlier THEN 1 ELSE 0 END AS opens
  FROM known
), numbered AS (
  SELECT *, CAST(SUM(opens) OVER ({IN_TIME} {so_far}) AS BIGINT) AS episode FROM changes
)"""
    else:
        runs += """, numbered AS (
  SELECT client, day, line, practitioner, service, run AS episode FROM runs
)"""
    return [
        f"""{runs}, lasting AS (
  SELECT client, episode, MIN(day) AS start_day, MAX(day) + {spec.gap_days} AS open_to,
    COUNT(*) AS contacts, MIN_BY(line, {moment("day", "line")}) AS unit
  FROM numbered GROUP BY client, episode
), ordered AS (
  SELECT *, LEAD(start_day) OVER (PARTITION BY client ORDER BY episode) AS next_start FROM lasting
), opened AS (
  SELECT *, LEAST(open_to, COALESCE(next_start, {NEVER}) - 1) AS end_day FROM ordered
), spells AS (
  SELECT opened.unit, numbered.day, numbered.line, numbered.practitioner, numbered.service
  FROM numbered JOIN opened ON opened.client = numbered.client
    AND opened.episode = numbered.episode
)"""
    ]


def _listed(plan: Plan, schemas: Schemas) -> list[str]:
    """Episodes as rows of a table, those that overlap handled by the plan's rule."""
    spec, _, _ = plan.clock.dated
    client = quoted(plan.ids.client.column)
    start = quoted(locate(spec.qualified(spec.start), schemas)[1])
    end = quoted(locate(spec.qualified(spec.end), schemas)[1])
    in_order = "PARTITION BY client ORDER BY start_day, line"
    ordered, kept, ends = "", "listed", "end_day"
    if spec.overlap == "keep_first":
        kept = "ordered WHERE runs_to IS NULL OR start_day >= runs_to"
        ordered = f""", ordered AS (
  SELECT *, MAX(COALESCE(end_day, {NEVER})) OVER ({in_order} {BEFORE}) AS runs_to FROM listed
)"""
    if spec.overlap == "split":
        ends = f"CASE WHEN next_start < COALESCE(end_day, {NEVER}) THEN next_start ELSE end_day END"
    steps = [
        f"""
listed AS (
  SELECT {client} AS client, {start} AS start_day, {end} AS end_day, line,
    {_roles(plan, schemas, spec.source)}
  FROM {table(spec.source)} WHERE {start} IS NOT NULL AND {client} IS NOT NULL
){ordered}, kept AS (
  SELECT client, start_day, end_day, line, practitioner, service,
    ROW_NUMBER() OVER ({in_order}) AS episode, LEAD(start_day) OVER ({in_order}) AS next_start
  FROM {kept}
), spans AS (
  SELECT client, episode, start_day, {ends} AS end_day, next_start, line AS unit,
    practitioner, service
  FROM kept
)"""
    ]
    if spec.contacts is None:
        return [
            *steps,
            """
opened AS (
  SELECT * FROM spans
)""",
        ]
    source, column = locate(spec.contacts, schemas)
    return [
        *steps,
        f"""
met AS (
  SELECT {client} AS client, {quoted(column)} AS day, line, {_roles(plan, schemas, source)}
  FROM {table(source)} WHERE {quoted(column)} IS NOT NULL
), spells AS (
  SELECT spans.unit, met.day, met.line, met.practitioner, met.service
  FROM spans JOIN met ON met.client = spans.client AND met.day >= spans.start_day
    AND met.day <= COALESCE(spans.end_day, {NEVER})
    AND met.day < COALESCE(spans.next_start, {NEVER})
), met_often AS (
  SELECT unit, COUNT(*) AS contacts FROM spells GROUP BY unit
), opened AS (
  SELECT spans.client, spans.episode, spans.start_day, spans.end_day, spans.next_start, spans.unit,
    COALESCE(met_often.contacts, 0) AS contacts
  FROM spans LEFT JOIN met_often ON met_often.unit = spans.unit
)""",
    ]


def _indexed(plan: Plan, schemas: Schemas) -> list[str]:
    """The day from which windows count."""
    clock = plan.clock
    columns = ", ".join(f"opened.{name}" for name in episode_columns(plan))
    if clock.index == "date":
        day = clock.index_day
        return [
            f"""
episodes AS (
  SELECT {columns}, CASE WHEN opened.start_day <= {day}
    AND COALESCE(opened.end_day, {NEVER}) >= {day} THEN {day} END AS index_day
  FROM opened
)"""
        ]
    if clock.index == "nth_rating":
        _, exposure, _ = plan.clock.dated
        source, column = locate(exposure.date, schemas)
        client, rated = quoted(plan.ids.client.column), f"ratings.{quoted(column)}"
        return [
            f"""
placed AS (
  SELECT opened.unit, {rated} AS day,
    ROW_NUMBER() OVER (PARTITION BY opened.unit ORDER BY {rated}, ratings.line) AS place
  FROM opened JOIN {table(source)} AS ratings ON ratings.{client} = opened.client
    AND {rated} >= opened.start_day AND {rated} < COALESCE(opened.next_start, {NEVER})
), episodes AS (
  SELECT {columns}, placed.day AS index_day
  FROM opened LEFT JOIN placed ON placed.unit = opened.unit AND placed.place = {clock.index_rating}
)"""
        ]
    return [f"\nepisodes AS (\n  SELECT {columns}, opened.start_day AS index_day FROM opened\n)"]


def without_index(plan: Plan) -> str:
    """Why an episode has no index."""
    clock = plan.clock
    if clock.index == "nth_rating":
        return f"fewer than {clock.index_rating} ratings in the episode"
    return f"no episode open on {clock.index_date}"


def member_steps(plan: Plan) -> list[str]:
    """Whose each episode is, and how continuous it was, from the contacts of its window only.

    Nothing from after the exposure window enters. `members` has the practitioner and service of a
    unit; `continuity` its contacts and practitioners, the largest practitioner's share (UPC), the
    chance that two of the contacts were with one practitioner (COC) and that two successive ones
    were (SECON), the indices from three contacts on.

    References
    ----------
    Bice and Boxerman (1977), Medical Care 15, for COC; Breslau and Reeb (1975), Journal of Medical
    Education 50, for UPC; Steinwachs (1979), Medical Care 17, for SECON.
    """
    spec, exposure, _ = plan.clock.dated
    if spec.contact_date is None:
        return []
    order = "n DESC, first_place" if spec.practitioner == "majority" else "first_place"
    last = day_of(plan.clock.place(exposure.end))
    roles = ["practitioner", *(["service"] if plan.ids.service else [])]
    columns = ", ".join(f"{role}_ranks.{role}" for role in roles)
    joins = "\n  ".join(
        f"LEFT JOIN {role}_ranks ON {role}_ranks.unit = episodes.unit AND {role}_ranks.place = 1"
        for role in roles
    )
    return [
        f"""
window_contacts AS (
  SELECT spells.*, ROW_NUMBER() OVER (PARTITION BY spells.unit
    ORDER BY spells.day, spells.line) AS place
  FROM spells JOIN episodes ON episodes.unit = spells.unit WHERE spells.day <= {last}
)""",
        *(_ranks(role, order) for role in roles),
        f"""
members AS (
  SELECT episodes.unit, {columns}
  FROM episodes
  {joins}
)""",
        _continuity(),
    ]


def _ranks(role: str, order: str) -> str:
    """Whom an episode belongs to, best first."""
    return f"""
{role}_counts AS (
  SELECT unit, {role}, COUNT(*) AS n, MIN(place) AS first_place
  FROM window_contacts WHERE {role} IS NOT NULL GROUP BY unit, {role}
), {role}_ranks AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY unit ORDER BY {order}) AS place
  FROM {role}_counts
)"""


def members(plan: Plan) -> str:
    """The step that holds whose each episode is."""
    return "episodes" if plan.clock.dated[0].contact_date is None else "members"


def _continuity() -> str:
    enough = "n >= 3"
    return f"""
successive AS (
  SELECT unit, CASE WHEN practitioner = LAG(practitioner) OVER (PARTITION BY unit ORDER BY place)
    THEN 1 ELSE 0 END AS same
  FROM window_contacts WHERE practitioner IS NOT NULL
), repeated AS (
  SELECT unit, CAST(SUM(same) AS BIGINT) AS same FROM successive GROUP BY unit
), met_by AS (
  SELECT unit, CAST(SUM(n) AS BIGINT) AS n, COUNT(*) AS practitioners, MAX(n) AS most,
    CAST(SUM(n * n) AS BIGINT) AS squares
  FROM practitioner_counts GROUP BY unit
), continuity AS (
  SELECT met_by.unit, n AS contacts_seen, practitioners AS practitioners_seen,
    CASE WHEN {enough} THEN CAST(most AS DOUBLE) / NULLIF(n, 0) END AS upc,
    CASE WHEN {enough} THEN CAST(squares - n AS DOUBLE) / NULLIF(n * (n - 1), 0) END AS coc,
    CASE WHEN {enough} THEN CAST(same AS DOUBLE) / NULLIF(n - 1, 0) END AS secon
  FROM met_by JOIN repeated ON repeated.unit = met_by.unit
)"""


CONTINUITY = ("contacts_seen", "practitioners_seen", "upc", "coc", "secon")


def continuity_columns(plan: Plan) -> list[str]:
    """The episode's contacts and the columns of `continuity`, where contacts are read."""
    spec, _, _ = plan.clock.dated
    if spec.contact_date is None:
        return []
    return ["episodes.contacts", *(f"continuity.{name}" for name in CONTINUITY)]
