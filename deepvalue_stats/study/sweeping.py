"""The study worked out again with other least weights for its links."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from deepvalue_stats.effects import average_effect
from deepvalue_stats.errors import LinkageError, ModelError
from deepvalue_stats.linkage import linkage_table, with_minimum
from deepvalue_stats.measures import BAND
from deepvalue_stats.plan import Plan
from deepvalue_stats.study.estimating import primary_sd
from deepvalue_stats.study.fitting import Fitted, fit_model
from deepvalue_stats.study.preparing import Prepared, prepared_from
from deepvalue_stats.tables import CountTable, Rule

ALL = "all"


def sweep(prepared: Prepared, minimums: Sequence[float] = ()) -> CountTable:
    """Work the primary effect out again for each least weight of a link, for all and by band.

    A high minimum looks safe and is not: false links are rare, and the links that it leaves out
    are those of the clients with the worst identifiers, whose outcomes then count as none. What
    the effect does as the minimum rises is what the link contributes to it.

    Parameters
    ----------
    prepared : Prepared
        Of a plan whose primary outcome is linked by a table.
    minimums : sequence of float
        Those of the plan when left out: its own and `try_also`.

    Returns
    -------
    CountTable
        Named `sweep`: for each minimum and group the clients, those with a record, the difference
        per 100 clients for one standard deviation of the exposure with its interval, and what is
        in the way where there is none.

    Raises
    ------
    LinkageError
        If the primary outcome is not linked by a table.
    """
    plan = prepared.plan
    source = linked_source(plan)
    if source is None:
        raise LinkageError(
            "the primary outcome is not linked by a table of candidates",
            "links",
            'set rule = "table" and name the table, or link by key, which has no weight to try',
        )
    table = plan.links[source].table
    own = () if table is None else (table.minimum, *table.try_also)
    rows: list[dict[str, object]] = []
    for minimum in sorted(set(minimums or own)):
        rows += _tried(prepared, source, float(minimum))
    # an effect rests on those analysed, fewer than those with a record at any time
    evidence = pd.DataFrame([(row.pop("with"), row.pop("without")) for row in rows])
    rules: dict[str, Rule] = {
        "minimum_weight": "label",
        "group": "label",
        "clients": "count",
        "with_record": "outcome_count",
        "share": "share",
        "difference": "statistic",
        "low": "statistic",
        "high": "statistic",
        "doubt": "label",
    }
    frame = pd.DataFrame(rows, columns=list(rules)).astype(
        {"clients": "Int64", "with_record": "Int64"}
        | dict.fromkeys(("share", "difference", "low", "high"), "float64")
    )
    return CountTable(
        name="sweep",
        caption="The effect with other least weights for a link",
        frame=frame,
        rules=rules,
        total="clients",
        notes=(
            "Difference: per 100 clients, for one standard deviation, by the primary model fitted "
            "anew. Where missing records count as no event, a higher minimum hides outcomes, and "
            "most where identifiers are worst.",
        ),
        evidence=evidence.set_axis(["with", "without"], axis=1).astype("int64"),
    )


def linked_source(plan: Plan) -> str | None:
    """The source of the primary outcome, if it is linked by a table."""
    outcome = plan.outcomes[plan.models[plan.primary].outcome]
    source = (outcome.date or "").partition(".")[0]
    return source if source in plan.links and plan.links[source].table is not None else None


def _tried(prepared: Prepared, source: str, minimum: float) -> list[dict[str, object]]:
    """One line for all clients, and one for each band."""
    plan = with_minimum(prepared.plan, source, minimum)
    name, bands = f"{minimum:g}", list(plan.equity.bands)
    tried = prepared_from(plan, prepared.typed)
    modifier = plan.equity.modifier.replace("_", " ")
    found = linkage_table(plan, tried.data, tried.linked, tried.bands).frame
    shares = {ALL: found.iloc[0]} | {
        str(row["group"]): row for _, row in found.iterrows() if row["characteristic"] == modifier
    }
    effects: dict[str, tuple[float, float, float]] = {}
    behind: dict[str, tuple[int, int]] = {}
    doubt = ""
    try:
        exposure = plan.models[plan.primary].exposure
        fit = fit_model(tried, plan.primary)
        banded = fit_model(tried, plan.primary, banded=True)
        unit = primary_sd(plan, Fitted({plan.primary: fit}, banded, {}))
        tables = [
            average_effect(fit, exposure, contrast=unit),
            average_effect(banded, exposure, contrast=unit, by=BAND),
        ]
        for table in tables:
            counted = pd.concat([table.frame, table.evidence], axis=1)
            for _, row in counted[counted["status"] == "ok"].iterrows():
                ends = (row[key] for key in ("estimate", "conf_low", "conf_high"))
                effects[str(row["group"])] = tuple(100 * float(end) for end in ends)  # type: ignore[assignment]
                behind[str(row["group"])] = int(row["events"]), int(row["non_events"])
    except ModelError:
        doubt = "the model could not be fitted"
    lines = []
    for group in (ALL, *bands):
        if group not in shares:
            continue
        value, low, high = effects.get(group, (float("nan"),) * 3)
        clients, recorded = int(shares[group]["clients"]), int(shares[group]["with_record"])
        events, others = behind.get(group, (recorded, clients - recorded))
        lines.append(
            {
                "minimum_weight": name,
                "group": group,
                "clients": clients,
                "with_record": recorded,
                "share": shares[group]["share"],
                "difference": value,
                "low": low,
                "high": high,
                "doubt": doubt or ("" if group in effects else "no answer"),
                "with": min(events, recorded),
                "without": min(others, clients - recorded),
            }
        )
    return lines
