"""What a board paper may say of each claim, by its answer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepvalue_stats.tables import Evidence, Phrase, more_or_fewer, plausible_range
from deepvalue_stats.verdicts.needed import needed, times_in_words
from deepvalue_stats.verdicts.rules import PROVISOS, Interval, apart
from deepvalue_stats.verdicts.verdict import Answer

TOO_SMALL = "too small to matter by the plan's own measure"
NO_RELATIONSHIP = (
    "Whether it is worse than having no relationship at all cannot be told from these data."
)


def why_not(claim: str, evidence: Evidence) -> str:
    """Why a claim cannot be tested on these data, without a full stop; empty where it can."""
    if claim == "C3" and evidence.neutral is None and claim not in evidence.claims:
        return "no neutral point was declared before the data were seen"
    return evidence.claims.get(claim, "").strip().rstrip(".")


def cannot_say_whether(claim: str, evidence: Evidence) -> str:
    """The sentence of a claim that cannot be tested, with the reason where one is known."""
    why = why_not(claim, evidence)
    return f"These data cannot say whether {whether(claim, evidence)}{f': {why}' if why else ''}."


def whether(claim: str, evidence: Evidence) -> str:
    """What a claim asks, as the rest of a sentence that begins with 'whether'."""
    return {
        "C1": "better relationships go with better outcomes",
        "C2": f"the difference is larger {_among(evidence)}",
        "C3": "worse relationships below the neutral point go with worse outcomes",
        "C4": "the difference is alike across service areas",
        "C5": "effective relationships rest on five working conditions",
        "C6": "knowledge shared and the human bond both matter",
        "C7": "reforms that break the link between client and practitioner undermine their aims",
        "C8": "effective relationships are value for money",
    }[claim]


def say(
    claim: str,
    found: Answer,
    rows: pd.DataFrame,
    evidence: Evidence,
    verb: str,
    worthwhile: float,
) -> Phrase:
    """The sentence of a claim that was tested.

    Parameters
    ----------
    claim : str
        C1 to C4.
    found : str
        The answer.
    rows : pandas.DataFrame
        What it rests on: one row, or every pair of areas for C4.
    evidence : Evidence
    verb : str
        The strongest that is allowed.
    worthwhile : float
        D, the smallest worthwhile difference.

    Returns
    -------
    Phrase
        With counts where a size is said.
    """
    if found == "cannot be tested here":
        return Phrase(cannot_say_whether(claim, evidence))
    if claim == "C4":
        return Phrase(_say_c4(found, rows, worthwhile))
    row = rows.iloc[0]
    if claim == "C2":
        sentence = _say_c2(found, row, evidence)
    else:
        sentence = {"C1": _say_c1, "C3": _say_c3}[claim](found, row, evidence, verb)
    if found != "inconclusive":
        return Phrase(sentence)
    text, counts = _to_tell(row, worthwhile)
    return Phrase(f"{sentence} {text}", counts)


def _say_c1(found: Answer, row: pd.Series, evidence: Evidence, verb: str) -> str:
    exposure, outcome = evidence.exposure, evidence.outcome
    per_sd = f"for a {exposure} one standard deviation better"
    per_sd += " in the same client" if evidence.same_client else ""
    amount = _amount(row)
    better = f"{_begin(evidence, 'a')} better {exposure} {verb}"
    return {
        "supported": f"{better} a higher chance of {outcome}: {amount}, {per_sd}.",
        "harm": f"{better} a lower chance of {outcome}: {amount}, {per_sd}.",
        "no worthwhile effect": f"Any difference in the chance of {outcome} is {TOO_SMALL}: "
        f"{amount}, {per_sd}.",
        "not supported": f"A worthwhile gain in the chance of {outcome} is ruled out, and a loss "
        f"is not: {amount}, {per_sd}.",
        "inconclusive": f"Whether{_aside(evidence)} a better {exposure} {verb} a higher chance of "
        f"{outcome} stays open: {amount}, {per_sd}.",
    }[found]


def _say_c2(found: Answer, row: pd.Series, evidence: Evidence) -> str:
    low, reference, modifier = evidence.low, evidence.reference, evidence.modifier
    among, amount = _among(evidence), _amount(row)
    smaller = float(row["conf_high"]) < 0
    return {
        "supported": f"The difference is larger {among}: {amount}.",
        "no worthwhile effect": f"The difference is about as large among clients with {low} "
        f"{modifier} as among those with {reference} {modifier}: {amount}.",
        "not supported": (
            f"The difference is smaller {among}: {amount}."
            if smaller
            else f"That the difference is larger by a worthwhile amount {among} is ruled out: "
            f"{amount}."
        ),
        "inconclusive": f"Whether the difference is larger {among} stays open: {amount}.",
    }[found]


def _say_c3(found: Answer, row: pd.Series, evidence: Evidence, verb: str) -> str:
    """Of a worse relationship, so that the estimate for a better one is turned round."""
    exposure, outcome = evidence.exposure, evidence.outcome
    among = "among clients below the neutral point"
    worse = f"a worse {exposure} {verb}"
    said = f"{_amount(row, turned=True)}, for a {exposure} one standard deviation worse"
    sentence = {
        "supported": f"{_begin(evidence, among)} {worse} a lower chance of {outcome}: {said}.",
        "no worthwhile effect": f"{_begin(evidence, among)} any difference in the chance of "
        f"{outcome} is {TOO_SMALL}: {said}.",
        "not supported": (
            f"{_begin(evidence, among)} {worse} a higher chance of {outcome}: {said}."
            if float(row["conf_high"]) < 0
            else f"{_begin(evidence, among)} a worthwhile loss in the chance of {outcome} is ruled "
            f"out: {said}."
        ),
        "inconclusive": f"Whether{_aside(evidence)} {among} {worse} a lower chance of {outcome} "
        f"stays open: {said}.",
    }[found]
    return f"{sentence} {NO_RELATIONSHIP}"


def _say_c4(found: Answer, pairs: pd.DataFrame, worthwhile: float) -> str:
    if found == "not supported":
        differ = pairs[apart(intervals_of(pairs), p_values_of(pairs), worthwhile)]
        clearest = differ.iloc[int((differ["estimate"] / differ["std_error"]).abs().argmax())]
        more, fewer, amount = _pair(clearest)
        return (
            "The difference is not alike across service areas: it is larger in "
            f"{more} than in {fewer}, {amount}."
        )
    more, fewer, amount = _pair(pairs.iloc[int(pairs["estimate"].abs().argmax())])
    widest = f"the widest gap is {amount}, in {more} than in {fewer}"
    if found == "supported":
        return (
            "The difference is alike across service areas, to within what the plan calls "
            f"worthwhile: {widest}."
        )
    return f"Whether the difference is alike across service areas stays open: {widest}."


def intervals_of(rows: pd.DataFrame) -> list[Interval]:
    """The interval of each row."""
    numbers = rows[["estimate", "std_error", "dof"]].to_numpy(dtype="float64")
    return [Interval(*map(float, row)) for row in numbers]


def p_values_of(rows: pd.DataFrame) -> np.ndarray:
    """The p-value of each row, adjusted where it was."""
    values = rows["p_adjusted"].fillna(rows["p_value"])
    return np.asarray(values.to_numpy(dtype="float64"))


def _pair(row: pd.Series) -> tuple[str, str, str]:
    """Where the difference is larger, where smaller, and by how much."""
    first, second = str(row["group"]).replace("_", " ").split(" minus ")
    if float(row["estimate"]) < 0:
        return second, first, _amount(row, turned=True)
    return first, second, _amount(row)


def _to_tell(row: pd.Series, worthwhile: float) -> tuple[str, dict[str, int]]:
    """How large a study that tells would be."""
    size = needed(row, worthwhile)
    counts = {"clients": size.clients}
    who = "{clients} clients"
    if size.practitioners is not None:
        counts = {"practitioners": size.practitioners, **counts}
        who = "{practitioners} practitioners with {clients} clients"
    text = (
        f"To find a worthwhile difference takes about {who}, {times_in_words(size.times)}; to rule "
        "one out, about a tenth more."
    )
    return text, counts


def _amount(row: pd.Series, *, turned: bool = False) -> str:
    value, low, high = (100 * float(row[key]) for key in ("estimate", "conf_low", "conf_high"))
    if turned:
        value, low, high = -value, -high, -low
    return f"{more_or_fewer(value)} per 100 clients, plausible range {plausible_range(low, high)}"


def _among(evidence: Evidence) -> str:
    low, reference, modifier = evidence.low, evidence.reference, evidence.modifier
    return f"among clients with {low} {modifier} than among those with {reference} {modifier}"


def _begin(evidence: Evidence, text: str) -> str:
    proviso = PROVISOS[evidence.design]
    whole = f"{proviso}, {text}" if proviso else text
    return whole[0].upper() + whole[1:]


def _aside(evidence: Evidence) -> str:
    proviso = PROVISOS[evidence.design]
    return f", {proviso}," if proviso else ""
