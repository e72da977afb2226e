"""Claims judged: estimates and gates in, verdicts out; and what a block takes away."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from deepvalue_stats.plan import Plan
from deepvalue_stats.tables import NUMERIC, EffectTable, Evidence, Phrase
from deepvalue_stats.verdicts.gates import gates_of
from deepvalue_stats.verdicts.precision import Basis
from deepvalue_stats.verdicts.rules import (
    PROVISOS,
    STATEMENTS,
    alike,
    answer,
    confirmed,
    one_sided,
    strongest_verb,
)
from deepvalue_stats.verdicts.sentences import (
    cannot_say_whether,
    intervals_of,
    p_values_of,
    say,
    why_not,
)
from deepvalue_stats.verdicts.verdict import Answer, Verdict

ONE_ROW = ("model", "outcome", "exposure", "scale", "contrast", "group")


def judge(plan: Plan, effects: EffectTable, evidence: Evidence) -> tuple[Verdict, ...]:
    """Answer every claim of the plan.

    Parameters
    ----------
    plan : Plan
    effects : EffectTable
        With exactly one row for each of C1 to C3, per SD on the risk difference scale, and one for
        every pair of areas for C4; none for a claim of which `evidence` says why it cannot be
        tested.
    evidence : Evidence

    Returns
    -------
    tuple of Verdict
        In the order of the plan.

    Raises
    ------
    KeyError
        If the rows of a claim are not as said.
    """
    return tuple(_judge(plan, claim, effects, evidence) for claim in plan.verdicts.claims)


def withhold(
    effects: EffectTable,
    verdicts: Iterable[Verdict],
    *,
    too_few: Collection[str] = (),
    alike_in_bands: str = "",
) -> EffectTable:
    """Take the numbers out of every row whose model a gate has blocked.

    Parameters
    ----------
    effects : EffectTable
    verdicts : iterable of Verdict
    too_few : collection of str
        Further models with fewer than `FEWEST_GROUPS` groups, on which no verdict rests.
    alike_in_bands : str
        As in `Evidence`: where mean scores of bands may not be compared, the parts of the gap
        that compare them go.

    Returns
    -------
    EffectTable
    """
    blocked = {
        verdict.rests_on["model"]
        for verdict in verdicts
        if any(gate.outcome == "block" and gate.name != "convergence" for gate in verdict.gates)
    } | set(too_few)
    frame = effects.frame.copy()
    gone = frame["model"].isin(blocked)
    if alike_in_bands in ("slopes", "nothing"):
        gone |= (frame["scale"] == "gap") & (frame["contrast"] != "gap")
    lost = (gone & (frame["status"] == "ok")).to_numpy()
    frame.loc[lost, list(NUMERIC)] = np.nan
    frame.loc[lost, "status"] = "failed_gate"
    return EffectTable(frame, effects.evidence)


def _judge(plan: Plan, claim: str, effects: EffectTable, evidence: Evidence) -> Verdict:
    if why_not(claim, evidence):
        return _untested(claim, evidence)
    rows = _rows(claim, effects)
    first = rows.iloc[0]
    numbers = _answer(plan, claim, rows)
    gates = gates_of(claim, evidence, Basis(str(first["model"]), str(first["exposure"]), numbers))
    blocked = any(gate.outcome == "block" for gate in gates)
    found: Answer = "cannot be tested here" if blocked else numbers
    keys = ("claim", "model") if claim == "C4" else ONE_ROW
    verb = strongest_verb(evidence.design, gates)
    return Verdict(
        claim=claim,
        statement=STATEMENTS[claim],
        answer=found,
        verb=_with_proviso(found, verb, evidence),
        sentence=say(claim, found, rows, evidence, verb, plan.verdicts.smallest_worthwhile),
        gates=gates,
        rests_on={key: str(first[key]) for key in keys},
    )


def _untested(claim: str, evidence: Evidence) -> Verdict:
    return Verdict(
        claim=claim,
        statement=STATEMENTS[claim],
        answer="cannot be tested here",
        verb="",
        sentence=Phrase(cannot_say_whether(claim, evidence)),
        gates=(),
    )


def _rows(claim: str, effects: EffectTable) -> pd.DataFrame:
    rows = effects.where(claim=claim).frame
    if len(rows) != 1 and (claim != "C4" or rows.empty):
        raise KeyError(f"{len(rows)} rows fit claim {claim}")
    return rows


def _answer(plan: Plan, claim: str, rows: pd.DataFrame) -> Answer:
    if (rows["status"] != "ok").any():
        return "cannot be tested here"
    worthwhile, intervals = plan.verdicts.smallest_worthwhile, intervals_of(rows)
    if claim == "C4":
        return alike(intervals, p_values_of(rows), worthwhile)
    adjusted = float(rows["p_adjusted"].iloc[0])
    found = confirmed(answer(intervals[0], worthwhile), adjusted, plan.verdicts.label)
    # less difference at low confidence, or more outcomes after a worse rating, harms nobody
    return found if claim == "C1" else one_sided(found)


def _with_proviso(found: Answer, verb: str, evidence: Evidence) -> str:
    if found == "cannot be tested here":
        return ""
    proviso = PROVISOS[evidence.design]
    return f"{verb}, {proviso}" if proviso else verb
