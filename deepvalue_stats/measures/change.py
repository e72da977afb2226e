"""Whether a person's score moved further than its error of measurement lets it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.tables import LEVEL


@dataclass(frozen=True)
class ReliableChange:
    """Changes of n persons in units of the error of a change.

    Attributes
    ----------
    index : numpy.ndarray, shape (n,)
        NaN where a score is missing.
    better, worse : float
        Shares of the persons with both scores whose index is above 1.96, and below -1.96; NaN
        without such a person.
    n : int
        Persons with both scores.
    """

    index: np.ndarray
    better: float
    worse: float
    n: int


def reliable_change(
    before: np.ndarray, after: np.ndarray, std_dev: float, reliability: float
) -> ReliableChange:
    """Divide each change by the standard error of a difference of two scores.

    Parameters
    ----------
    before, after : numpy.ndarray, shape (n,)
        Scores of the same persons, in the same units; NaN where there is none.
    std_dev : float
        Standard deviation of the score between persons before, in the same units.
    reliability : float
        Of one score, above 0 and below 1; of test and retest rather than alpha.

    Returns
    -------
    ReliableChange

    Raises
    ------
    DataError
        With every fault of the arguments.

    Notes
    -----
    RCI = (after - before) / (std_dev sqrt(2) sqrt(1 - reliability)). Where nobody changed 2.5% are
    beyond 1.96 on either side: shares have to be read beside that. Scores that regress to the mean
    change as well.

    References
    ----------
    Jacobson and Truax (1991), Journal of Consulting and Clinical Psychology 59.
    """
    faults = []
    if before.shape != after.shape or before.ndim != 1:
        fix = "give one number for each person, in the same order"
        faults.append(Fault("the scores before and after are not in pairs", "before, after", fix))
    if not 0 < reliability < 1:
        fix = "give one above 0 and below 1"
        faults.append(Fault("no usable reliability", "reliability", fix))
    if not (std_dev > 0 and np.isfinite(std_dev)):
        fix = "give that of the scores before, above 0"
        faults.append(Fault("no usable standard deviation", "std_dev", fix))
    if faults:
        raise DataError.of(faults)
    index = (after - before) / (std_dev * np.sqrt(2) * np.sqrt(1 - reliability))
    known, limit = index[~np.isnan(index)], float(stats.norm.ppf((1 + LEVEL) / 2))
    shares = [
        float(side.mean()) if len(known) else np.nan for side in (known > limit, known < -limit)
    ]
    return ReliableChange(index, shares[0], shares[1], len(known))
