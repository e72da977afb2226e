"""How often the interval of an ICC holds the one that was planted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.measures import agreement
from deepvalue_stats.tables import LEVEL


@dataclass(frozen=True)
class IccCoverage:
    """What `agreement` says of many draws with one ICC.

    Attributes
    ----------
    icc : float
        Planted.
    draws : int
    mean : float
        Of the estimates.
    zeros, below, above : int
        Draws with an estimate of 0, and with an interval wholly below the planted value or wholly
        above it.
    """

    icc: float
    draws: int
    mean: float
    zeros: int
    below: int
    above: int

    @property
    def coverage(self) -> float:
        """The share of draws whose interval holds the planted value."""
        return 1 - (self.below + self.above) / self.draws

    @property
    def noise(self) -> float:
        """Standard error of a coverage that is what it should be."""
        return float(np.sqrt(LEVEL * (1 - LEVEL) / self.draws))


def icc_coverage(
    icc: float, caseloads: np.ndarray, draws: int, *, rng: np.random.Generator
) -> IccCoverage:
    """Draw normal ratings with an ICC, and estimate it from each draw by restricted likelihood.

    Parameters
    ----------
    icc : float
        From 0 to below 1.
    caseloads : numpy.ndarray of int, shape (G,)
        Ratings of each practitioner.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    IccCoverage
    """
    whose = np.repeat(np.arange(len(caseloads)), caseloads)
    found = []
    for _ in range(draws):
        between = np.sqrt(icc) * rng.standard_normal(len(caseloads))
        ratings = between[whose] + np.sqrt(1 - icc) * rng.standard_normal(len(whose))
        one = agreement(ratings, whose)
        found.append((one.icc1, one.icc1_low, one.icc1_high))
    estimate, low, high = np.array(found).T
    return IccCoverage(
        icc=icc,
        draws=draws,
        mean=float(estimate.mean()),
        zeros=int((estimate == 0).sum()),
        below=int((high < icc).sum()),
        above=int((low > icc).sum()),
    )
