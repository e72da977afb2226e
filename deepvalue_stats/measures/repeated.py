"""The table of two ratings of the same client with the same practitioner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from deepvalue_stats.measures.answers import Answers
from deepvalue_stats.measures.retest import Retest, retest_agreement, retest_in_words
from deepvalue_stats.plan import Plan
from deepvalue_stats.tables import CountTable, Rule

FEWEST_PAIRS = 30
FEW = f"fewer than {FEWEST_PAIRS} clients have two ratings with one practitioner"
UNTIMED = "no date or wave says which rating came first"
NUMBERS = (
    "days", "icc", "icc_low", "icc_high", "pearson", "change", "change_low", "change_high",
    "measurement_error", "smallest_change",
)  # fmt: skip
RULES: dict[str, Rule] = {
    "measure": "label",
    "taken_from": "label",
    "clients": "count",
    **dict.fromkeys(NUMBERS, "statistic"),
    "reading": "statistic",
}


@dataclass(frozen=True)
class Pairs:
    """First and second rating of n clients, each client once.

    Attributes
    ----------
    first, second : numpy.ndarray, shape (n,)
        Scores.
    apart : numpy.ndarray, shape (n,)
        Time between the two, in days or waves.
    timed : bool
        Whether ratings have a time at all.
    """

    first: np.ndarray = field(repr=False)
    second: np.ndarray = field(repr=False)
    apart: np.ndarray = field(repr=False)
    timed: bool

    def __len__(self) -> int:
        return len(self.first)


def repeated_pairs(answered: Answers) -> Pairs:
    """The first two ratings of each client with the same practitioner.

    Parameters
    ----------
    answered : Answers

    Returns
    -------
    Pairs
        Of a client with several practitioners the pair that began first. Of ratings at one time
        the first line counts: nothing says which of them came second.
    """
    whom = ["client", "practitioner"]
    known = answered.known[answered.known["time"].notna()]
    known = known.drop_duplicates([*whom, "time"])
    place = known.groupby(whom, sort=False, observed=True).cumcount()
    columns = [*whom, "score", "time"]
    both = known.loc[place == 0, columns].merge(
        known.loc[place == 1, columns], on=whom, suffixes=("", "_second")
    )
    both = both.drop_duplicates("client")
    apart = (both["time_second"] - both["time"]).to_numpy(dtype="float64")
    return Pairs(
        first=both["score"].to_numpy(dtype="float64"),
        second=both["score_second"].to_numpy(dtype="float64"),
        apart=apart,
        timed=bool(answered.frame["time"].notna().any()) or answered.frame.empty,
    )


def retest_table(plan: Plan, answered: Sequence[Answers]) -> CountTable:
    """How far two ratings of the same client with the same practitioner agree.

    Parameters
    ----------
    plan : Plan
    answered : sequence of Answers
        As `answers` gives them, with the linked rows.

    Returns
    -------
    CountTable
        Named `retest`, a row for each measure that is repeated on the clock. With fewer than 30
        pairs it has no numbers, and `reading` says why. Empty where the plan does not know
        practitioners.
    """
    rows = []
    if plan.ids.practitioner is not None:
        for one in answered:
            if not one.measure.baseline:
                labels = {"measure": one.measure.name, "taken_from": one.taken_from}
                rows.append(labels | _row(repeated_pairs(one), plan.clock.kind == "dates"))
    frame = pd.DataFrame(rows, columns=list(RULES))
    return CountTable(
        name="retest",
        caption="Two ratings of the same client with the same practitioner",
        frame=frame.astype({"clients": "int64"} | dict.fromkeys(NUMBERS, "float64")),
        rules=RULES,
        notes=(
            "The first two ratings of each client with one practitioner, each client once. What "
            "changed between them may be real: the ICC is a lower bound of how steady the score "
            "is, and the error of measurement an upper one.",
            "ICC: absolute agreement of single ratings, ICC(A,1), with its 95% interval. Change: "
            "mean of second less first. Smallest change: that of one client which is more than "
            "chance, 1.96 * sqrt(2) times the error of measurement. Intervals take clients as "
            "independent.",
            "Days: the median between the two; not known between the waves of interviews.",
        ),
    )


def _row(pairs: Pairs, dated: bool) -> dict[str, object]:
    """What is said of the pairs; too few of them have no numbers."""
    line: dict[str, object] = {"clients": len(pairs)} | dict.fromkeys(NUMBERS, np.nan)
    if not pairs.timed:
        return line | {"reading": f"not computable: {UNTIMED}"}
    if len(pairs) < FEWEST_PAIRS:
        return line | {"reading": f"not computable: {FEW}"}
    found = retest_agreement(pairs.first, pairs.second, days=pairs.apart if dated else None)
    return line | _numbers(found) | {"reading": retest_in_words(found)}


def _numbers(found: Retest) -> dict[str, float]:
    return {name: getattr(found, name) for name in NUMBERS}
