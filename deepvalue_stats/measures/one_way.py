"""One-way random effects with unequal caseloads: restricted likelihood in one dimension.

All depends on the ratio of the variance between practitioners to that within, and on the data by
sums over practitioners of equal caseload: neither rows nor practitioners are gone through again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

from deepvalue_stats.measures.caseloads import GroupedRatings

# ratios of the variances at which the likelihood is looked at before its roots are found
GRID = np.concatenate([[0.0], np.geomspace(1e-9, 1e32, 329)])
EXACT = 4 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class OneWay:
    """The restricted likelihood of y_ij = mu + u_j + e_ij as a function of lam = var(u) / var(e).

    Attributes
    ----------
    n, count : numpy.ndarray, shape (C,)
        The caseloads that occur, and how many practitioners have each.
    mean, between : numpy.ndarray, shape (C,)
        Mean of these practitioners' means, and the sum of squares about it.
    within : float
        Sum of squares within practitioners.
    """

    n: np.ndarray
    count: np.ndarray
    mean: np.ndarray
    between: np.ndarray
    within: float

    @property
    def degrees(self) -> float:
        """Ratings less the one mean."""
        return float(self.n @ self.count) - 1

    def weights(self, lam: np.ndarray) -> np.ndarray:
        """Precision of a practitioner's mean in units of 1 / var(e), by ratio and caseload."""
        return np.asarray(self.n / (1 + self.n * np.asarray(lam)[..., None]))

    def grand_mean(self, lam: float) -> float:
        """Of generalised least squares."""
        weight = self.weights(np.asarray(lam)) * self.count
        return float(weight @ self.mean / weight.sum())

    def residual_variance(self, lam: float) -> float:
        """Var(e) at its best for a ratio."""
        squares, _ = self._squares(np.asarray(lam))
        return float(squares / self.degrees)

    def deviance(self, lam: np.ndarray | float) -> np.ndarray:
        """Minus twice the restricted log-likelihood, constants included, mean and var(e) out."""
        ratio = np.asarray(lam, dtype="float64")
        squares, _ = self._squares(ratio)
        spread = np.log1p(self.n * ratio[..., None]) @ self.count
        constant = self.degrees * (1 + np.log(2 * np.pi / self.degrees))
        known = np.log(self.weights(ratio) @ self.count)
        return np.asarray(self.degrees * np.log(squares) + spread + known + constant)

    def slope(self, lam: np.ndarray | float) -> np.ndarray:
        """The deviance's exact first derivative in the ratio."""
        ratio = np.asarray(lam, dtype="float64")
        squares, falling = self._squares(ratio)
        weight = self.weights(ratio)
        once, twice = weight @ self.count, weight**2 @ self.count
        return np.asarray(-self.degrees * falling / squares + once - twice / once)

    def _squares(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q = within + sum w_j (mean_j - mu)^2, and sum w_j^2 (mean_j - mu)^2 = -dQ/dlam."""
        weight = self.weights(ratio)
        mu = (weight * self.count) @ self.mean / (weight @ self.count)
        about = self.between + self.count * (self.mean - mu[..., None]) ** 2
        return self.within + (weight * about).sum(-1), (weight**2 * about).sum(-1)


def one_way(grouped: GroupedRatings) -> OneWay:
    """The likelihood of grouped ratings."""
    n, place = np.unique(grouped.n, return_inverse=True)
    count = np.bincount(place).astype("float64")
    centre = float(grouped.n @ grouped.mean) / grouped.total
    apart = grouped.mean - centre
    mean = np.bincount(place, apart) / count
    between = np.bincount(place, (apart - mean[place]) ** 2)
    return OneWay(n, count, centre + mean, between, grouped.within)


def best_ratio(model: OneWay) -> float:
    """The ratio of least deviance: 0 on the boundary, infinite without variance within.

    Every minimum between points of the grid is found by its derivative; the lowest is taken.
    """
    if model.within == 0:
        return float("inf")
    slopes = model.slope(GRID)
    down, up = slopes[:-1] < 0, slopes[1:] >= 0
    found = [_root(model.slope, int(i)) for i in np.nonzero(down & up)[0]]
    candidates = np.array([0.0, *found])
    return float(candidates[np.argmin(model.deviance(candidates))])


def ratio_interval(model: OneWay, best: float, level: float) -> tuple[float, float]:
    """Ratios whose deviance is not above the least by more than chi-squared allows.

    The outermost crossings, so that a second minimum is inside. The lower limit is 0 where 0
    itself is not rejected by chi-squared of one degree of freedom: there the test is cautious, as
    half of its reference lies at nought.
    """
    ceiling = float(model.deviance(best)) + float(chi2.ppf(level, 1))

    def above(lam: np.ndarray | float) -> np.ndarray:
        return model.deviance(lam) - ceiling

    points = np.unique(np.append(GRID, best))
    inside = np.nonzero(above(points) <= 0)[0]
    first, last = int(inside[0]), int(inside[-1])
    low = 0.0 if first == 0 else _root(above, first - 1, points)
    high = float("inf") if last == len(points) - 1 else _root(above, last, points)
    return low, high


def _root(function: Callable[[float], np.ndarray], left: int, points: np.ndarray = GRID) -> float:
    low, high = points[left], points[left + 1]
    return float(brentq(function, low, high, xtol=1e-14 * high, rtol=EXACT))
