"""The outcome of a binomial model as successes out of trials, checked before anything is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError


@dataclass(frozen=True)
class Counts:
    """Rows of a binomial outcome; every array has shape (n,).

    Attributes
    ----------
    successes, trials : numpy.ndarray
    frequency : numpy.ndarray or None
        How many identical rows each row stands for.
    offset : numpy.ndarray or None
    """

    successes: np.ndarray
    trials: np.ndarray
    frequency: np.ndarray | None
    offset: np.ndarray | None


def read_counts(
    frame: pd.DataFrame,
    outcome: str,
    formula: str,
    *,
    failures: str | None = None,
    weights: str | None = None,
    frequency: str | None = None,
    offset: str | None = None,
) -> Counts:
    """Take the columns of a binomial outcome from complete rows.

    Parameters
    ----------
    frame : pandas.DataFrame
    outcome : str
        0 or 1; successes, where `failures` or `weights` (trials) name another column.
    formula : str
        For errors.
    failures, weights, frequency, offset : str, optional
        Columns.

    Raises
    ------
    ModelError
        With every fault: values that are not counts, more successes than trials, an outcome that
        is the same in all rows.
    """
    faults: list[Fault] = []
    own = frame[outcome].to_numpy(dtype="float64")
    trials = np.ones(len(own))
    if weights is not None and failures is not None:
        faults.append(
            Fault(
                "trials are given twice", f"weights={weights!r}", "use cbind or weights, not both"
            )
        )
    elif weights is not None:
        trials = _counts(frame, weights, "weights", faults)
    elif failures is not None:
        trials = own + _counts(frame, failures, formula, faults)
    times = None if frequency is None else _counts(frame, frequency, "frequency", faults)
    shift = None
    if offset is not None:
        shift = pd.to_numeric(frame[offset], errors="coerce").to_numpy(dtype="float64")
        if not np.isfinite(shift).all():
            faults.append(
                Fault(
                    f"'{offset}' is not a finite number in every row", "offset", "mend the column"
                )
            )
    faults += _outcome_faults(own, trials, outcome, formula, weights or failures)
    if faults:
        raise ModelError.of(faults)
    return Counts(own, trials, times, shift)


def _counts(frame: pd.DataFrame, name: str, where: str, faults: list[Fault]) -> np.ndarray:
    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype="float64")
    bad = ~np.isfinite(values) | (values < 0) | (values != np.round(values))
    if bad.any():
        faults.append(
            Fault(
                f"'{name}' is not a count in {int(bad.sum())} rows",
                where,
                "give whole numbers of 0 or more",
            )
        )
        return np.ones(len(values))
    return values


def _outcome_faults(
    own: np.ndarray, trials: np.ndarray, outcome: str, formula: str, of: str | None
) -> list[Fault]:
    if of is None and not np.isin(own, (0.0, 1.0)).all():
        return [
            Fault(
                f"'{outcome}' has {len(np.unique(own))} values and must be 0 or 1",
                formula,
                "define the outcome as true or false, or name the column of trials as weights",
            )
        ]
    bad = (own < 0) | (own > trials) | (own != np.round(own))
    if bad.any():
        return [
            Fault(
                f"'{outcome}' is no number of successes out of '{of}' in {int(bad.sum())} rows",
                formula,
                "give whole successes between 0 and the trials",
            )
        ]
    if not own.any() or not (trials - own).any():
        return [
            Fault(
                f"'{outcome}' is the same in all {len(own)} rows",
                formula,
                "there is nothing to explain: check the outcome's definition and the flow",
            )
        ]
    return []
