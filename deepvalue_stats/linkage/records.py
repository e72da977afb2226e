"""Outcomes in SQL: which events count from the landmark on, and how long a client was seen."""

from __future__ import annotations

from deepvalue_stats.data import locate
from deepvalue_stats.linkage.episodes import day_of, episode_columns
from deepvalue_stats.linkage.sql import NEVER, Schemas, literal, quoted, table
from deepvalue_stats.plan.parts import OutcomePlan, Plan, at_baseline, days_to, exit_by

NO_RECORD = "no outcome record linked"


def outcome_source(outcome: OutcomePlan, schemas: Schemas) -> str:
    """The source of an event."""
    return locate(outcome.date or "", schemas)[0]


def censor_sources(plan: Plan, schemas: Schemas) -> tuple[str, ...]:
    """Sources that say how long a client was observed; one row a client."""
    _, _, follow_up = plan.clock.dated
    columns = [*follow_up.censor, *([follow_up.death] if follow_up.death else [])]
    return tuple(dict.fromkeys(locate(column, schemas)[0] for column in columns))


def followed_steps(plan: Plan, schemas: Schemas) -> list[str]:
    """Steps that end in `followed`: episodes, with the days on which their record may have ended.

    Columns of `episodes`, `recorded_to` (NULL where nobody says), `died` (NULL for the living) and
    `observed_days`, those of the follow-up that were seen.
    """
    _, _, follow_up = plan.clock.dated
    client = quoted(plan.ids.client.column)

    def days(columns: list[str]) -> str:
        return "\n  UNION ALL ".join(
            f"SELECT {client} AS client, {quoted(column)} AS day FROM {table(source)}"
            for source, column in (locate(column, schemas) for column in columns)
        )

    steps, joins = [], []
    recorded, died, again = f"{NEVER}", "CAST(NULL AS BIGINT)", f"{NEVER}"
    if follow_up.censor:
        recorded = "observed.last_day"
        steps.append(f"""
ends AS (
  {days(list(follow_up.censor))}
), observed AS (
  SELECT client, MIN(day) AS last_day FROM ends GROUP BY client
)""")
        joins.append("LEFT JOIN observed ON observed.client = episodes.client")
    if follow_up.death:
        died = "deaths.day"
        steps.append(f"""
died AS (
  {days([follow_up.death])}
), deaths AS (
  SELECT client, MIN(day) AS day FROM died GROUP BY client
)""")
        joins.append("LEFT JOIN deaths ON deaths.client = episodes.client")
    if follow_up.next_episode:
        again = f"COALESCE(episodes.next_start, {NEVER})"
    landmark = day_of(plan.clock.landmark)
    seen = f"LEAST({recorded}, COALESCE({died}, {NEVER}), {again} - 1) - ({landmark}) + 1"
    known = f"CASE WHEN {recorded} IS NOT NULL THEN GREATEST(LEAST({seen}, {follow_up.days}), 0)"
    lines = "\n  ".join(joins)
    kept = (*episode_columns(plan), "index_day")
    columns = ", ".join(f"episodes.{name}" for name in kept)
    return [
        *steps,
        f"""
followed AS (
  SELECT {columns}, {recorded} AS recorded_to, {died} AS died,
    {known} END AS observed_days
  FROM episodes
  {lines}
)""",
    ]


def followed_columns(plan: Plan) -> list[str]:
    """How many days of the follow-up were seen, and whether it ended before its time."""
    _, _, follow_up = plan.clock.dated
    return [
        "episodes.observed_days",
        f"CASE WHEN episodes.observed_days < {follow_up.days} THEN 1"
        " WHEN episodes.observed_days IS NOT NULL THEN 0 END AS censored",
    ]


def event_steps(name: str, plan: Plan, schemas: Schemas) -> list[str]:
    """One step, `events_<outcome>`: what a unit's events were, by where they fall on the clock."""
    outcome, (_, _, follow_up) = plan.outcomes[name], plan.clock.dated
    source, day = locate(outcome.date or "", schemas)
    client, event = quoted(plan.ids.client.column), f"records.{quoted(day)}"
    landmark = day_of(plan.clock.landmark)
    lasting = "TRUE"
    if outcome.end:
        end = f"records.{quoted(locate(outcome.end, schemas)[1])}"
        lasting = f"({end} IS NULL OR {end} - {event} >= {outcome.sustained_days})"
    earlier = (
        f"{event} >= episodes.start_day - {outcome.washout_days} AND {event} < episodes.start_day"
    )
    within = f"{event} >= {landmark} AND {event} < {landmark} + {follow_up.days} AND {lasting}"
    early = f"{event} >= episodes.start_day AND {event} < {landmark}"
    return [
        f"""
{quoted(f"events_{name}")} AS (
  SELECT episodes.unit,
    CAST(SUM(CASE WHEN {earlier} THEN 1 ELSE 0 END) AS BIGINT) AS in_washout,
    CAST(SUM(CASE WHEN {early} THEN 1 ELSE 0 END) AS BIGINT) AS before_landmark,
    CAST(SUM(CASE WHEN {within} THEN 1 ELSE 0 END) AS BIGINT) AS in_follow_up,
    MIN(CASE WHEN {within} THEN {event} END) AS first_day
  FROM episodes JOIN {table(source)} AS records ON records.{client} = episodes.client
  GROUP BY episodes.unit
)"""
    ]


def outcome_columns(name: str, plan: Plan, schemas: Schemas) -> list[str]:
    """An outcome as 1, 0 or NULL, why it is not known, and whether there was one before."""
    outcome = plan.outcomes[name]
    cases = [*_barred(name, plan, schemas), *_cut_short(outcome, plan)]
    columns = [
        f"CAST(CASE {_none(cases)} WHEN {_events(name)}.in_follow_up > 0 THEN 1 ELSE 0 END"
        f" AS DOUBLE) AS {quoted(name)}",
        f"{_why(cases)} AS {quoted(f'{name}__why')}",
    ]
    if outcome.prior == "flag":
        flag = f"CASE WHEN {_events(name)}.in_washout > 0 THEN 1 ELSE 0 END"
        columns.append(f"CAST({flag} AS DOUBLE) AS {quoted(at_baseline(name))}")
    if name in timed_outcomes(plan):
        columns += _duration_columns(name, plan, schemas)
    return columns


def timed_outcomes(plan: Plan) -> tuple[str, ...]:
    """The outcomes whose time is modelled."""
    timed = (model.outcome for model in plan.models.values() if model.estimator == "hazard")
    return tuple(dict.fromkeys(timed))


def _duration_columns(name: str, plan: Plan, schemas: Schemas) -> list[str]:
    """Days from the landmark, its own day being the first, to the outcome, a death or the end.

    A sustained outcome is dated by its first day, and nobody is seen to be without one on a day
    from which the record does not reach as far as the outcome has to last.
    """
    outcome, (_, _, follow_up) = plan.outcomes[name], plan.clock.dated
    landmark = day_of(plan.clock.landmark)
    died = f"COALESCE(episodes.died, {NEVER})"
    ends = [died]
    if follow_up.censor:
        ends.append("episodes.recorded_to")
    lasting = ", ".join(f"{end} - {outcome.sustained_days}" for end in ends)
    if follow_up.next_episode:
        lasting += f", COALESCE(episodes.next_start, {NEVER}) - 1"
    seen = f"GREATEST(LEAST({lasting}, {landmark} + {follow_up.days} - 1) - ({landmark}) + 1, 0)"
    event = f"{_events(name)}.first_day - ({landmark}) + 1"
    cases = _barred(name, plan, schemas)
    if follow_up.incomplete == "exclude":
        cases += _cut_short(outcome, plan)
    else:
        cases.append((f"{seen} < 1", "no day of the follow-up seen"))
    death = f"{died} - {outcome.sustained_days} - ({landmark}) + 1 <= {seen}"
    none = _none(cases)
    return [
        f"CAST(CASE {none} WHEN {event} <= {seen} THEN {event} ELSE {seen} END AS BIGINT)"
        f" AS {quoted(days_to(name))}",
        f"{_why(cases)} AS {quoted(f'{days_to(name)}__why')}",
        f"CAST(CASE {none} WHEN {event} <= {seen} THEN 1 WHEN {death} THEN 2 ELSE 0 END AS BIGINT)"
        f" AS {quoted(exit_by(name))}",
    ]


def _events(name: str) -> str:
    return quoted(f"events_{name}")


def _none(cases: list[tuple[str, str]]) -> str:
    return " ".join(f"WHEN {test} THEN NULL" for test, _ in cases)


def _why(cases: list[tuple[str, str]]) -> str:
    whens = "\n    ".join(f"WHEN {test} THEN {literal(why)}" for test, why in cases)
    return f"CASE\n    {whens}\n    ELSE '' END"


def _barred(name: str, plan: Plan, schemas: Schemas) -> list[tuple[str, str]]:
    """Who cannot have the outcome from the landmark on, or of whom nobody knows: tests, reasons."""
    outcome, alias = plan.outcomes[name], _events(name)
    cases = []
    if plan.links[outcome_source(outcome, schemas)].unlinked != "no_event":
        cases.append((f"{alias}.unit IS NULL", NO_RECORD))
    if outcome.prior == "exclude":
        washed = f"outcome in the {outcome.washout_days} days before the start"
        cases.append((f"{alias}.in_washout > 0", washed))
    cases.append((f"{alias}.before_landmark > 0", "outcome before the landmark"))
    if plan.clock.dated[2].censor:
        cases.append(("episodes.recorded_to IS NULL", "end of the outcome record not known"))
    return cases


def _cut_short(outcome: OutcomePlan, plan: Plan) -> list[tuple[str, str]]:
    """Who was not seen to the end of the follow-up: tests, reasons."""
    follow_up = plan.clock.dated[2]
    # the last day that must be seen
    base, offset = plan.clock.landmark
    last = day_of((base, offset + follow_up.days - 1))
    needed = day_of((base, offset + follow_up.days - 1 + outcome.sustained_days))
    cases = []
    if follow_up.censor:
        cases.append((f"episodes.recorded_to < {needed}", "follow-up incomplete"))
    if follow_up.death:
        cases.append((f"episodes.died < {needed}", "died before the end of follow-up"))
    if follow_up.next_episode:
        why = "a new episode before the end of follow-up"
        cases.append((f"episodes.next_start <= {last}", why))
    return cases
