"""What replicates add up to, each share and mean with its Monte Carlo error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from deepvalue_stats.power.design import Design
from deepvalue_stats.power.formula import (
    POWER,
    TO_EXCLUDE,
    TO_FIND,
    interpolated,
    power_of_arms,
    power_of_score,
    power_within,
    practitioners_needed,
)
from deepvalue_stats.power.replicates import MAIN, NO_ANSWER
from deepvalue_stats.simulate.cohort import Cohort
from deepvalue_stats.tables import LEVEL, Series

ANSWERS = {
    "supported": "supported",
    "no worthwhile effect": "no_worthwhile_effect",
    "not supported": "not_supported",
    "harm": "harm",
    "inconclusive": "inconclusive",
    NO_ANSWER: "no_answer",
}
_WIDE = float(norm.ppf((1 + LEVEL) / 2))


@dataclass(frozen=True)
class PowerTable:
    """Power and precision of a design.

    Attributes
    ----------
    design : Design
    seed, replicates : int
    frame : pandas.DataFrame
        One row for every number of practitioners and question (effect, low_minus_high, damage):
        clients in the analysis, the truth, `power` (two-sided at 5 %), `half_width` of the 95 %
        interval, `std_error`, `estimate` and `coverage`, and the share of each verdict, each
        with its Monte Carlo error beside it; `equivalence`, the share of studies that would
        have shown that there is no worthwhile effect had there been none; `formula`, the power by
        the closed form, of the first question only.
    """

    design: Design
    seed: int
    replicates: int
    frame: pd.DataFrame

    @property
    def needed(self) -> pd.DataFrame:
        """Practitioners needed for a power of 80 %, and to show equivalence as often.

        One row a question: `simulated` is read off the simulated curve (infinite where the
        largest number tried is not enough, minus infinite where the smallest is), `by_error` is J
        (2.80 SE / effect)^2, for equivalence J (2.93 SE / worthwhile)^2, with the standard error
        at the largest number tried.
        """
        worthwhile = self.design.plan.verdicts.smallest_worthwhile
        rows = []
        for question, members in self.frame.groupby("question", sort=False):
            last = members.iloc[-1]
            tried = members["practitioners"].to_numpy()
            number, error = int(last["practitioners"]), float(last["std_error"])
            rows.append(
                {
                    "question": question,
                    "simulated": interpolated(tried, members["power"].to_numpy()),
                    "by_error": practitioners_needed(number, error, last["truth"], TO_FIND),
                    "equivalence": interpolated(tried, members["equivalence"].to_numpy()),
                    "equivalence_by_error": practitioners_needed(
                        number, error, worthwhile, TO_EXCLUDE
                    ),
                }
            )
        return pd.DataFrame(rows)

    @property
    def curve(self) -> Series:
        """Power over the number of practitioners, for a figure, with Wilson's 95 % bands."""
        frame = self.frame
        low, high = wilson(frame["power"].to_numpy(), np.full(len(frame), self.replicates))
        return Series(
            name="power",
            caption="Power over the number of practitioners",
            frame=pd.DataFrame(
                {
                    "group": frame["question"],
                    "x": frame["practitioners"].astype("float64"),
                    "y": frame["power"],
                    "low": low,
                    "high": high,
                    "n_clients": frame["clients"].round().astype("int64"),
                }
            ),
            x_label="Practitioners",
            y_label=f"Studies of 100 that find it (dotted: {100 * POWER:.0f})",
        )


def wilson(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a share of n draws; of none or all it is not empty.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22.

    Examples
    --------
    >>> low, high = wilson(np.array([0.0, 0.8]), np.array([100, 1000]))
    >>> low.round(3), high.round(3)
    (array([0.   , 0.774]), array([0.037, 0.824]))
    """
    square = _WIDE**2
    center = (share + square / (2 * n)) / (1 + square / n)
    half = _WIDE / (1 + square / n) * np.sqrt(share * (1 - share) / n + square / (4 * n**2))
    return np.maximum(center - half, 0), np.minimum(center + half, 1)


def summarised(design: Design, draws: pd.DataFrame) -> pd.DataFrame:
    """One row for every number of practitioners and question.

    Parameters
    ----------
    design : Design
    draws : pandas.DataFrame
        As `run_block` gives them, with `practitioners`.

    Returns
    -------
    pandas.DataFrame
        See `PowerTable`. A study whose model could not be fitted has found nothing, and is left
        out of means and coverage.
    """
    rows = [
        {
            "practitioners": number,
            "question": question,
            **_summary(members[members["question"] == question], truth),
            "formula": _formula(design, number, truth) if question == MAIN else np.nan,
        }
        for number in design.practitioners
        for members in [draws[draws["practitioners"] == number]]
        for question, truth in design.truths.items()
    ]
    return pd.DataFrame(rows)


def _summary(members: pd.DataFrame, truth: float) -> dict[str, float]:
    found = members[members["std_error"].notna()]
    half = t.ppf((1 + LEVEL) / 2, found["dof"]) * found["std_error"]
    covered = (found["estimate"] - truth).abs() <= half
    said = members["answer"].map(ANSWERS)
    held = {
        "clients": float(members["clients"].mean()),
        "fitted": len(found),
        "unfitted": len(members) - len(found),
        "truth": truth,
        **_with_error("power", members["p_value"] < 1 - LEVEL),
        **_with_error("half_width", half),
        **_with_error("std_error", found["std_error"]),
        **_with_error("estimate", found["estimate"]),
        **_with_error("coverage", covered),
    }
    for name in ANSWERS.values():
        held |= _with_error(name, said == name)
    return held | _with_error("equivalence", members["answer_if_none"] == "no worthwhile effect")


def _with_error(name: str, values: pd.Series) -> dict[str, float]:
    """A mean over replicates and its Monte Carlo standard error."""
    numbers = values.to_numpy(dtype="float64")
    if not len(numbers):
        return {name: np.nan, f"{name}_mc": np.nan}
    return {name: float(numbers.mean()), f"{name}_mc": float(numbers.std() / len(numbers) ** 0.5)}


def _formula(design: Design, number: int, truth: float) -> float:
    within = design.plan.models[design.plan.primary].split_by is not None
    return closed_form(design.cohort(number), truth, within=within)


def closed_form(cohort: Cohort, truth: float, *, within: bool = False) -> float:
    """Power of the first question by the closed forms, for score and outcome as recorded.

    Parameters
    ----------
    cohort : Cohort
    truth : float
        What the analysis aims at.
    within : bool
        Whether it rests on the part of the score within practitioners.
    """
    kept = 1 - cohort.attrition
    clients = cohort.clients_per_practitioner * kept
    # clients who leave at random make caseloads a little more unequal
    spread = float(np.sqrt(cohort.caseload_cv**2 + cohort.attrition / clients))
    rate = cohort.base_rate * cohort.match_rate
    icc = cohort.icc * cohort.match_rate * (1 - cohort.base_rate) / (1 - rate)
    if cohort.exposure == "arms":
        return power_of_arms(cohort.practitioners, clients, spread, icc, rate, truth)
    if within:
        return power_within(cohort.practitioners, clients, icc, cohort.exposure_icc, rate, truth)
    return power_of_score(
        cohort.practitioners, clients, spread, icc, cohort.exposure_icc, rate, truth
    )
