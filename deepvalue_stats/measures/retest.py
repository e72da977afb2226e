"""How steady a score is: two ratings of the same client with the same practitioner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.tables import LEVEL

# an ICC from this on is steady enough to compare groups (Terwee et al. 2007)
STEADY = 0.70
FEWEST = 3
SLIGHT = 1e-12


@dataclass(frozen=True)
class Retest:
    """Two ratings of n clients.

    Attributes
    ----------
    n : int
        Pairs.
    icc, icc_low, icc_high : float
        ICC(A,1), with its interval: the share of the variance of one rating that two ratings have
        in common. A lower bound of how steady the score is: a client may really have changed.
    pearson : float
        As the ICC, but blind to a change that all clients share, and to one of the spread.
    change, change_low, change_high : float
        Mean of second less first, in the score's units, with its interval.
    measurement_error : float
        Standard error of measurement of one rating, in the score's units.
    smallest_change : float
        Smallest detectable change of one client: less than this may be chance.
    days : float
        Median time between the two; not a number where it is not known.
    why : str
        What could not be computed, and why; empty where all could.
    """

    n: int
    icc: float
    icc_low: float
    icc_high: float
    pearson: float
    change: float
    change_low: float
    change_high: float
    measurement_error: float
    smallest_change: float
    days: float
    why: str = ""


def retest_agreement(
    first: np.ndarray,
    second: np.ndarray,
    *,
    days: np.ndarray | None = None,
    level: float = LEVEL,
) -> Retest:
    """How far two ratings of the same clients agree.

    Use it to see how much of a score would be there again. It cannot tell a score that is unsteady
    from a relationship that changed: what it gives is a lower bound.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (n,)
        Scores of the same clients in the same order, none missing.
    days : numpy.ndarray, shape (n,), optional
        Days between the two.
    level : float
        Of the intervals, which take clients as independent.

    Returns
    -------
    Retest
        Numbers are missing, and `why` says so, with fewer than three pairs, where no rating
        differs from another, or where none differs from the client's other one.

    Raises
    ------
    DataError
        If lengths differ, or a score is missing.

    Notes
    -----
    measurement_error^2 = MSE + (MSC - MSE) / n, the variance between and beside the two occasions;
    smallest_change = 1.96 sqrt(2) measurement_error.

    References
    ----------
    McGraw and Wong (1996), Psychological Methods 1, tables 4 and 7, case 2; de Vet, Terwee, Knol
    and Bouter (2006), Journal of Clinical Epidemiology 59, for the two last.
    """
    _refuse_unpaired(first, second, days)
    between = float(np.median(days)) if days is not None and len(days) else np.nan
    n = len(first)
    if n < FEWEST:
        return _nothing(n, between, f"{n} pairs")
    pairs = np.column_stack([first, second])
    if np.ptp(pairs) == 0:
        return _nothing(n, between, "no rating differs from another")
    icc, low, high = agreement_of_occasions(pairs, level=level)
    squares = mean_squares(pairs)
    error = float(np.sqrt(squares.residual + (squares.columns - squares.residual) / n))
    change = second - first
    reach = t_distribution.ppf((1 + level) / 2, n - 1) * change.std(ddof=1) / np.sqrt(n)
    varies = min(np.ptp(first), np.ptp(second)) > 0
    return Retest(
        n=n,
        icc=icc,
        icc_low=low,
        icc_high=high,
        pearson=float(np.corrcoef(first, second)[0, 1]) if varies else np.nan,
        change=float(change.mean()),
        change_low=float(change.mean() - reach),
        change_high=float(change.mean() + reach),
        measurement_error=error,
        smallest_change=float(1.96 * np.sqrt(2) * error),
        days=between,
        why=""
        if np.ptp(change) or change[0]
        else "no client's second rating differs from the first",
    )


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of a table of clients by occasions, one rating a cell."""

    rows: float
    columns: float
    residual: float


def mean_squares(ratings: np.ndarray) -> MeanSquares:
    """Two-way analysis of variance without replication.

    Parameters
    ----------
    ratings : numpy.ndarray, shape (n, k)
        Clients by occasions, none missing.
    """
    n, k = ratings.shape
    grand = ratings.mean()
    by_row, by_column = ratings.mean(axis=1) - grand, ratings.mean(axis=0) - grand
    left = ratings - grand - by_row[:, None] - by_column
    return MeanSquares(
        rows=float(k * (by_row**2).sum() / (n - 1)),
        columns=float(n * (by_column**2).sum() / (k - 1)),
        residual=float((left**2).sum() / ((n - 1) * (k - 1))),
    )


def agreement_of_occasions(
    ratings: np.ndarray, *, level: float = LEVEL
) -> tuple[float, float, float]:
    """ICC(A,1): two-way, absolute agreement, of a single rating, with its interval.

    Parameters
    ----------
    ratings : numpy.ndarray, shape (n, k)
        Clients by occasions, none missing; n of three or more, k of two or more.
    level : float

    Returns
    -------
    icc, low, high : float
        Without limits where no rating differs from the client's others.

    Notes
    -----
    ICC = (MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n); below 0 it stands as it is.

    References
    ----------
    McGraw and Wong (1996), Psychological Methods 1, tables 4 and 7, with the degrees of freedom
    of Satterthwaite.
    """
    n, k = ratings.shape
    squares = mean_squares(ratings)
    rows, columns, residual = squares.rows, squares.columns, squares.residual
    icc = (rows - residual) / (rows + (k - 1) * residual + k * (columns - residual) / n)
    if columns + residual <= SLIGHT * rows:
        return 1.0, np.nan, np.nan
    # table 7 has a = k icc / (n (1 - icc)), b = 1 + (n - 1) a; times n (1 - icc) they stay finite
    a = k * icc
    b = n * (1 - icc) + (n - 1) * a
    within = (a * columns) ** 2 / (k - 1) + (b * residual) ** 2 / ((n - 1) * (k - 1))
    degrees = (a * columns + b * residual) ** 2 / within
    tail = (1 + level) / 2
    upper = f_distribution.ppf(tail, n - 1, degrees)
    lower = f_distribution.ppf(tail, degrees, n - 1)
    noise = k * columns + (k * n - k - n) * residual
    low = n * (rows - upper * residual) / (upper * noise + n * rows)
    high = n * (lower * rows - residual) / (noise + n * lower * rows)
    return float(icc), float(low), float(high)


def retest_in_words(found: Retest) -> str:
    """What two ratings of the same clients say of the score.

    Parameters
    ----------
    found : Retest

    Returns
    -------
    str
        Without a number of its own, so that it may stand beside what disclosure control leaves.
    """
    if np.isnan(found.icc):
        return f"not computable: {found.why}"
    if found.why:
        return f"{found.why}: check the source"
    if found.icc >= STEADY:
        return "steady enough to compare groups: a lower bound, as a relationship may have changed"
    return (
        "a lower bound: the score is unsteady, or relationships changed; which of the two, these "
        "ratings cannot tell"
    )


def _nothing(n: int, days: float, why: str) -> Retest:
    return Retest(n, *(np.nan,) * 9, days, why)


def _refuse_unpaired(first: np.ndarray, second: np.ndarray, days: np.ndarray | None) -> None:
    """All faults of the pairs at once."""
    faults = []
    if len(first) != len(second):
        what = f"{len(first)} first ratings and {len(second)} second ones"
        faults.append(Fault(what, "first, second", "give both ratings of every client"))
    if days is not None and len(days) != len(first):
        what = f"{len(first)} first ratings and {len(days)} numbers of days"
        faults.append(Fault(what, "days", "give the days of every pair"))
    for name, values in (("first", first), ("second", second)):
        if missing := int(np.isnan(values).sum()):
            what = f"{missing} of {len(values)} scores are missing"
            faults.append(Fault(what, name, "leave these clients out, and say how many"))
    if faults:
        raise DataError.of(faults)
