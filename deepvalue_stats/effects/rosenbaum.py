"""Matched pairs: how far from a coin's toss exposure may have been before a finding is lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from deepvalue_stats.errors import ModelError
from deepvalue_stats.tables import LEVEL

# one-sided, so that it answers to the limit of a two-sided interval
ALPHA = (1 - LEVEL) / 2


@dataclass(frozen=True)
class Bounds:
    """One-sided p-values that matched pairs may have under hidden bias.

    Attributes
    ----------
    gamma : numpy.ndarray, shape (g,)
        By how much the odds of exposure may differ within a pair.
    p_low, p_high : numpy.ndarray, shape (g,)
        The least and the greatest p-value that bias of that size allows.
    tipping_gamma : float
        The gamma at which the greatest p-value is 0.025; 1 where it is that large without bias.
    """

    gamma: np.ndarray
    p_low: np.ndarray
    p_high: np.ndarray
    tipping_gamma: float


def binary_pairs_bounds(exposed_only: int, other_only: int, gamma: np.ndarray) -> Bounds:
    """Bounds for pairs with a binary outcome, from the pairs whose two outcomes differ.

    Use it where every exposed client is matched to one unexposed. The alternative is that exposure
    makes the outcome more frequent; for less frequent swap the two counts.

    Parameters
    ----------
    exposed_only, other_only : int
        Pairs in which only the exposed, and only the other client had the outcome.
    gamma : numpy.ndarray, shape (g,)
        1 or more; 1 is McNemar's exact test.

    Returns
    -------
    Bounds

    Raises
    ------
    ModelError
        If no pair differs or a gamma is below 1.

    Notes
    -----
    p_high = P(Binomial(b + c, gamma / (1 + gamma)) >= b), and p_low with 1 / (1 + gamma).

    References
    ----------
    Rosenbaum (2002), Observational Studies, section 4.3.

    Examples
    --------
    >>> found = binary_pairs_bounds(110, 63, np.array([1.0, 1.5]))
    >>> found.p_high.round(4).tolist(), round(found.tipping_gamma, 2)
    ([0.0002, 0.1885], 1.27)
    """
    _refuse(gamma, exposed_only + other_only)
    total = exposed_only + other_only
    low, high = (stats.binom.sf(exposed_only - 1, total, share) for share in _shares(gamma))
    # the binomial's upper tail is the distribution function of a beta, so its quantile tips it
    share = float(stats.beta.ppf(ALPHA, exposed_only, other_only + 1)) if exposed_only else 0.0
    return Bounds(gamma, low, high, max(1.0, share / (1 - share)))


def signed_rank_bounds(differences: np.ndarray, gamma: np.ndarray) -> Bounds:
    """Bounds for pairs with a numeric outcome, by Wilcoxon's signed ranks in large samples.

    Use it from about 20 pairs on. The alternative is that exposure raises the outcome.

    Parameters
    ----------
    differences : numpy.ndarray, shape (n,)
        Outcome of the exposed client less that of the other; pairs without a difference are left
        out, and ties have the mean of their ranks.
    gamma : numpy.ndarray, shape (g,)
        1 or more.

    Returns
    -------
    Bounds

    Raises
    ------
    ModelError
        If no pair differs, a difference is missing or a gamma is below 1.

    Notes
    -----
    The sum of the ranks above zero is referred to a normal distribution with mean s sum(r) and
    variance s (1 - s) sum(r^2), s = gamma / (1 + gamma) or 1 / (1 + gamma), without a correction
    for continuity.

    References
    ----------
    Rosenbaum (2002), Observational Studies, section 4.3.
    """
    if not np.isfinite(differences).all():
        raise ModelError("a pair without a difference", "signed ranks", "leave such pairs out")
    apart = differences[differences != 0]
    _refuse(gamma, len(apart))
    ranks = stats.rankdata(np.abs(apart))
    found, whole, squares = ranks[apart > 0].sum(), ranks.sum(), (ranks**2).sum()
    low, high = (
        stats.norm.sf((found - share * whole) / np.sqrt(share * (1 - share) * squares))
        for share in _shares(gamma)
    )
    # (T - s R)^2 = z^2 s (1 - s) Q in s, of whose roots the smaller has T above its mean
    spread = float(stats.norm.isf(ALPHA)) ** 2 * squares
    roots = np.roots([whole**2 + spread, -2 * found * whole - spread, found**2])
    share = float(roots.real.min())
    return Bounds(gamma, low, high, max(1.0, share / (1 - share)))


def _shares(gamma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 1 / (1 + gamma), gamma / (1 + gamma)


def _refuse(gamma: np.ndarray, pairs: int) -> None:
    if pairs < 1:
        raise ModelError(
            "no pair whose two outcomes differ", "matched pairs", "there is nothing to test"
        )
    if not ((gamma >= 1) & np.isfinite(gamma)).all():
        raise ModelError("a gamma below 1", "matched pairs", "give ratios of odds of 1 or more")
