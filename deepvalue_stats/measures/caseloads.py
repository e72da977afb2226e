"""Ratings by practitioner: the sums that everything about their means rests on, and refusals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.tables import read_only

WHERE = "ratings of practitioners"
# differences of this many units in the last place are rounding
ROUNDING = 8 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class Caseload:
    """How many ratings practitioners have: the quantiles over practitioners."""

    smallest: float
    lower_quartile: float
    median: float
    upper_quartile: float
    largest: float


@dataclass(frozen=True)
class GroupedRatings:
    """Sufficient sums of a one-way model, by practitioner.

    Attributes
    ----------
    labels : numpy.ndarray, shape (G,)
        Practitioners, in order of appearance.
    n : numpy.ndarray of float, shape (G,)
        Ratings of each.
    mean : numpy.ndarray, shape (G,)
    within : float
        Sum of squares of ratings about their practitioner's mean; exactly 0 where no more than
        rounding.
    total : int
        Ratings.
    """

    labels: np.ndarray
    n: np.ndarray
    mean: np.ndarray
    within: float
    total: int

    @property
    def average_caseload(self) -> float:
        """k0 = (N - sum n_j^2 / N) / (G - 1)."""
        return float((self.total - (self.n**2).sum() / self.total) / (len(self.n) - 1))

    @property
    def caseload(self) -> Caseload:
        """Quantiles of the caseloads."""
        return Caseload(*(float(q) for q in np.quantile(self.n, (0, 0.25, 0.5, 0.75, 1))))


def group_ratings(ratings: np.ndarray, practitioners: np.ndarray) -> GroupedRatings:
    """Sum ratings by practitioner, in one pass over the rows.

    Parameters
    ----------
    ratings : numpy.ndarray of float, shape (n,)
    practitioners : array, shape (n,)
        Ids of any type.

    Returns
    -------
    GroupedRatings

    Raises
    ------
    ModelError
        If lengths differ, a rating or an id is missing, there are fewer than two practitioners,
        nobody has two ratings, or no rating differs from another.
    """
    values = np.asarray(ratings, dtype="float64")
    same_length({"ratings": len(values), "practitioners": len(practitioners)})
    codes, labels = pd.factorize(np.asarray(practitioners))
    faults = [*_missing(~np.isfinite(values), "rating"), *_missing(codes < 0, "practitioner")]
    if faults:
        raise ModelError.of(faults)
    grouped = _sums(values, codes, np.asarray(labels))
    fault = unusable(grouped)
    if fault:
        raise ModelError.of([fault])
    return grouped


def unusable(grouped: GroupedRatings) -> Fault | None:
    """Why nothing can be said of how far practitioners differ, if nothing can."""
    if len(grouped.n) < 2:
        found = "no practitioner" if not len(grouped.n) else "one practitioner only"
        return Fault(found, WHERE, "how far practitioners differ needs two or more")
    if grouped.total == len(grouped.n):
        fix = "clients of one practitioner have to be compared: give two ratings or more of some"
        return Fault("every practitioner has one rating", WHERE, fix)
    if grouped.within == 0 and np.ptp(grouped.mean) <= _noise(grouped.mean):
        return Fault("no rating differs from another", WHERE, "leave the measure out")
    return None


def same_length(lengths: dict[str, int]) -> None:
    """Refuse arrays that are not row for row."""
    if len(set(lengths.values())) > 1:
        counts = " and ".join(f"{number} {name}" for name, number in lengths.items())
        raise ModelError(f"{counts} are not row for row", WHERE, "give one of each for every row")


def _missing(absent: np.ndarray, what: str) -> list[Fault]:
    count = int(absent.sum())
    if not count:
        return []
    fix = "drop these rows beforehand, and count them"
    return [Fault(f"{count} of {len(absent)} rows have no {what}", WHERE, fix)]


def _sums(values: np.ndarray, codes: np.ndarray, labels: np.ndarray) -> GroupedRatings:
    n = np.bincount(codes, minlength=len(labels)).astype("float64")
    # about the grand mean first: sums of large numbers lose the digits that differ
    centre = values.mean() if len(values) else 0.0
    offset = np.bincount(codes, values - centre, minlength=len(labels)) / n
    apart = values - centre - offset[codes]
    within = float(apart @ apart)
    if within <= len(values) * _noise(values) ** 2:
        within = 0.0
    return GroupedRatings(labels, read_only(n), read_only(centre + offset), within, len(values))


def _noise(values: np.ndarray) -> float:
    return float(ROUNDING * np.abs(values).max()) if len(values) else 0.0
