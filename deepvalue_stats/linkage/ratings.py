"""Ratings in SQL: which of them come before the landmark and the outcome, and what they say."""

from __future__ import annotations

from deepvalue_stats.data import locate
from deepvalue_stats.linkage.episodes import day_of
from deepvalue_stats.linkage.sql import NEVER, Schemas, literal, moment, quoted, table
from deepvalue_stats.plan.parts import Plan

# scores are summed as whole billionths of a point: exact, and in any order
GRAIN = 1_000_000_000
SLOPE_DAYS = 30
FATES = (
    "rated in the exposure window",
    "rated on or after the outcome, inside the exposure window",
    "rated before the exposure window",
    "rated after the exposure window",
    "rated by a client without an episode",
    "rating without a date",
)


def rating_source(plan: Plan, schemas: Schemas) -> tuple[str, str]:
    """The source and column of the ratings' dates."""
    return locate(plan.clock.dated[1].date, schemas)


def rated_measures(plan: Plan) -> list[str]:
    """Measures that are repeated on the clock."""
    return [name for name, measure in plan.measures.items() if measure.at != "baseline"]


def clocked_steps(plan: Plan, schemas: Schemas) -> list[str]:
    """Steps that end in `clocked`: each episode with the days between which a rating counts.

    Columns `unit`, `client`, `episode`, `index_day`, `from_day` and `to_day` (both within), and
    `first_event`, that of any outcome on or after the episode's start. `to_day` is before the
    first event, whatever the plan says.
    """
    _, exposure, follow_up = plan.clock.dated
    first, last = plan.clock.place(exposure.start), plan.clock.place(exposure.end)
    landmark = plan.clock.place(follow_up.start)
    # a rating so close to the landmark may already know what comes
    last = (last[0], min(last[1], landmark[1] - exposure.lag_days))
    return [
        _first_events(plan, schemas),
        f"""
clocked AS (
  SELECT episodes.unit, episodes.client, episodes.episode, episodes.index_day,
    GREATEST({day_of(first)}, episodes.start_day) AS from_day,
    {day_of(last)} AS last_day, first_events.day AS first_event,
    LEAST({day_of(last)}, COALESCE(first_events.day, {NEVER}) - 1) AS to_day
  FROM episodes LEFT JOIN first_events ON first_events.unit = episodes.unit
  WHERE episodes.index_day IS NOT NULL
)""",
    ]


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
  SELECT episodes.unit, MIN(events.day) AS day
  FROM episodes JOIN events ON events.client = episodes.client
    AND events.day >= episodes.start_day
  GROUP BY episodes.unit
)"""


def rated_steps(plan: Plan, schemas: Schemas) -> list[str]:
    """Steps that end in `rated`: the ratings of each episode's window and what they say.

    Columns `unit`, `offered` (ratings in the window) and, for each measure, `<name>__n` (those
    with a score) and `<name>__<summary>`.
    """
    _, exposure, _ = plan.clock.dated
    source, day = rating_source(plan, schemas)
    client, rated = quoted(plan.ids.client.column), f"ratings.{quoted(day)}"
    names = rated_measures(plan)
    scores = "".join(f", ratings.{quoted(name)}" for name in names)
    in_window = (
        f"FROM clocked JOIN {table(source)} AS ratings ON ratings.{client} = clocked.client\n"
        f"    AND {rated} >= clocked.from_day AND {rated} <= clocked.to_day"
    )
    place, early = "", ""
    if exposure.early:
        place = (
            f",\n    ROW_NUMBER() OVER (PARTITION BY clocked.unit ORDER BY {rated}, ratings.line)"
            " AS place"
        )
        early = f"\n  WHERE place <= {exposure.early}"
    wanted = dict.fromkeys((exposure.summary, *exposure.also))
    columns = [f"COUNT({quoted(name)}) AS {quoted(f'{name}__n')}" for name in names]
    columns += [
        f"{_summary(one, quoted(name))} AS {quoted(f'{name}__{one}')}"
        for name in names
        for one in wanted
        if one != "n"
    ]
    return [
        f"""
offered AS (
  SELECT clocked.unit, {rated} - clocked.index_day AS day,
    {moment(rated, "ratings.line")} AS moment{scores}{place}
  {in_window}
), rated AS (
  SELECT unit, COUNT(*) AS offered,
    {f",{chr(10)}    ".join(columns)}
  FROM offered{early} GROUP BY unit
)"""
    ]


def _summary(kind: str, score: str) -> str:
    """One number of an episode's scores; sums are of whole numbers, and divided once, last."""
    whole = f"CAST(ROUND({score} * {GRAIN}) AS BIGINT)"
    when = f"CASE WHEN {score} IS NOT NULL THEN moment END"
    if kind in ("first", "last"):
        return f"{'MIN_BY' if kind == 'first' else 'MAX_BY'}({score}, {when})"
    if kind == "mean":
        return f"CAST(SUM({whole}) AS DOUBLE) / NULLIF(COUNT({score}), 0) / {GRAIN}.0e0"
    x = f"CASE WHEN {score} IS NOT NULL THEN day END"
    if kind == "slope":
        above, below = _moments(score, x, whole), _moments(score, x, x)
        return (
            f"{SLOPE_DAYS}.0e0 * CAST({above} AS DOUBLE)"
            f" / NULLIF(CAST({below} AS DOUBLE), 0.0e0) / {GRAIN}.0e0"
        )
    count = f"COUNT({score})"
    return (
        f"SQRT(CAST({_moments(score, whole, whole)} AS DOUBLE)"
        f" / NULLIF(CAST({count} * ({count} - 1) AS DOUBLE), 0.0e0)) / {GRAIN}.0e0"
    )


def _moments(score: str, left: str, right: str) -> str:
    """N times the sum of products less the product of sums: n squared times the covariance."""

    def exact(number: str) -> str:
        return f"CAST({number} AS DECIMAL(38, 0))"

    return (
        f"{exact(f'COUNT({score})')} * SUM({exact(left)} * {exact(right)})"
        f" - {exact(f'SUM({left})')} * {exact(f'SUM({right})')}"
    )


def exposure_columns(name: str, plan: Plan) -> list[str]:
    """A measure's score, why there is none, its number of ratings, and further summaries."""
    _, exposure, _ = plan.clock.dated
    n = f"COALESCE(rated.{quoted(f'{name}__n')}, 0)"
    enough = f"{n} >= {exposure.minimum_ratings}"
    few = f"fewer than {exposure.minimum_ratings} ratings in the exposure window"
    none = "no rating in the exposure window"
    unscored = f"no rating in the exposure window with enough items of {name}"
    score = f"rated.{quoted(f'{name}__{exposure.summary}')}"
    further = [
        f"CASE WHEN {enough} THEN rated.{quoted(f'{name}__{one}')} END"
        f" AS {quoted(f'{name}__{one}')}"
        for one in dict.fromkeys(exposure.also)
        if one != "n"
    ]
    return [
        f"CASE WHEN {enough} THEN {score} END AS {quoted(name)}",
        f"""CASE WHEN {enough} AND {score} IS NOT NULL THEN ''
    WHEN {enough} THEN {literal("all ratings in the exposure window on one day")}
    WHEN COALESCE(rated.offered, 0) = 0 THEN {literal(none)}
    WHEN {n} = 0 THEN {literal(unscored)}
    ELSE {literal(few)} END AS {quoted(f"{name}__why")}""",
        f"{n} AS {quoted(f'{name}__ratings')}",
        *further,
    ]


def fate_steps(plan: Plan, schemas: Schemas) -> list[str]:
    """Steps that end in `fates`: columns `line` and `fate`, an index into `FATES`.

    The clock is that of the episode that is analysed, the client's first with an index.
    """
    source, column = rating_source(plan, schemas)
    client, day = quoted(plan.ids.client.column), f"ratings.{quoted(column)}"
    return [
        f"""
analysed AS (
  SELECT clocked.*, ROW_NUMBER() OVER (PARTITION BY client ORDER BY episode) AS place
  FROM clocked
), fates AS (
  SELECT ratings.line, CASE WHEN {day} IS NULL THEN 5
    WHEN analysed.unit IS NULL THEN 4
    WHEN {day} < analysed.from_day THEN 2
    WHEN {day} > analysed.last_day THEN 3
    WHEN {day} >= analysed.first_event THEN 1
    ELSE 0 END AS fate
  FROM {table(source)} AS ratings LEFT JOIN analysed ON analysed.client = ratings.{client}
    AND analysed.place = 1
)"""
    ]
