"""The join of a study of waves: every interview with its client's baseline."""

from __future__ import annotations

from deepvalue_stats.data import locate
from deepvalue_stats.linkage.sql import Schemas, covariate_columns, has, quoted, source_of, table
from deepvalue_stats.plan.parts import OutcomePlan, Plan, at_baseline, at_next_wave


def waves_sql(plan: Plan, schemas: Schemas) -> str:
    """One row for every client and wave, with its values at that wave and at baseline.

    Parameters
    ----------
    plan : Plan
        With a clock of waves.
    schemas : mapping of str to TableSchema

    Returns
    -------
    str
        Columns `client`, `wave_number`, the other ids, then every measure, outcome and covariate.
        An outcome stands three times: at the wave, at baseline, and at the next wave of the
        study's schedule (not the client's next interview, which may be years later).
    """
    client, wave = quoted(plan.ids.client.column), quoted(plan.clock.wave or "")
    waved = [name for name, schema in schemas.items() if has(schema, plan.clock.wave)]
    rows = "\n  UNION\n  ".join(
        f"SELECT {client} AS client, {wave} AS wave_number FROM {table(name)}" for name in waved
    )
    joins = "\n".join(_wave_join(name, name in waved, plan) for name in schemas)
    columns = ",\n  ".join(_wave_columns(plan, schemas))
    return (
        f"WITH units AS (\n  {rows}\n), schedule AS (\n"
        "  SELECT wave_number, LEAD(wave_number) OVER (ORDER BY wave_number) AS next_wave\n"
        "  FROM (SELECT DISTINCT wave_number FROM units) AS waves\n)\n"
        f"SELECT\n  units.client,\n  units.wave_number,\n  {columns}\n"
        f"FROM units\nJOIN schedule ON schedule.wave_number = units.wave_number\n{joins}\n"
        "ORDER BY client, wave_number"
    )


def _wave_join(source: str, waved: bool, plan: Plan) -> str:
    client, wave = quoted(plan.ids.client.column), quoted(plan.clock.wave or "")
    lines = []
    moments = {"now": "units.wave_number", "base": str(plan.clock.baseline)}
    if waved:
        moments["next"] = "schedule.next_wave"
    for moment, at in moments.items():
        alias = quoted(f"{moment}_{source}")
        also = f" AND {alias}.{wave} = {at}" if waved else ""
        lines.append(
            f"LEFT JOIN {table(source)} AS {alias} ON {alias}.{client} = units.client{also}"
        )
    return "\n".join(lines)


def _wave_columns(plan: Plan, schemas: Schemas) -> list[str]:
    columns = []
    exposure = source_of(plan.models[plan.primary].exposure, plan, schemas)
    for role in ("practitioner", "service"):
        declared = getattr(plan.ids, role)
        if declared is not None:
            holders = [name for name in schemas if has(schemas[name], declared.column)]
            source = exposure if exposure in holders else holders[0]
            columns.append(f"{quoted(f'now_{source}')}.{quoted(declared.column)} AS {role}")
    for name, measure in plan.measures.items():
        moment = "base" if measure.at == "baseline" else "now"
        alias = quoted(f"{moment}_{source_of(name, plan, schemas)}")
        columns += [f"{alias}.{quoted(name)}", f"{alias}.{quoted(f'{name}__why')}"]
    for name, outcome in plan.outcomes.items():
        columns += [
            f"{_status(outcome, 'now', schemas)} AS {quoted(name)}",
            f"{_status(outcome, 'base', schemas)} AS {quoted(at_baseline(name))}",
            f"{_status(outcome, 'next', schemas)} AS {quoted(at_next_wave(name))}",
        ]
    for name, covariate in plan.covariates.items():
        moment = "base" if covariate.at == "baseline" else "now"
        columns += covariate_columns(name, covariate, moment, schemas)
    return columns


def _status(outcome: OutcomePlan, moment: str, schemas: Schemas) -> str:
    """True, false or missing, as 1, 0 or NULL."""
    if outcome.all_equal:
        cells = [_at(moment, column, schemas) for column in outcome.all_equal.columns]
        missing = " OR ".join(f"{cell} IS NULL" for cell in cells)
        true = " AND ".join(f"{cell} = {outcome.all_equal.value}" for cell in cells)
    elif outcome.any_of:
        cell = _at(moment, outcome.any_of.column, schemas)
        missing = f"{cell} IS NULL"
        true = f"{cell} IN ({', '.join(str(value) for value in outcome.any_of.values)})"
    else:
        cell = _at(moment, outcome.column or "", schemas)
        missing, true = f"{cell} IS NULL", f"{cell} = 1"
    return f"CAST(CASE WHEN {missing} THEN NULL WHEN {true} THEN 1 ELSE 0 END AS DOUBLE)"


def _at(moment: str, column: str, schemas: Schemas) -> str:
    source, name = locate(column, schemas)
    return f"{quoted(f'{moment}_{source}')}.{quoted(name)}"
