"""What a Cox fit rests on: proportional hazards, order of risks, and the baseline hazard."""

from __future__ import annotations

import numpy as np

from deepvalue_stats.models.duration.partial_likelihood import (
    RiskSets,
    information_of,
    terms_at,
)


def proportionality_scores(
    sets: RiskSets, beta: np.ndarray, clock: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Score test that coefficients do not change with a function of time.

    Parameters
    ----------
    sets : RiskSets
    beta : numpy.ndarray, shape (p,)
        Of the scaled columns.
    clock : numpy.ndarray, shape (m,)
        The function at each event time.

    Returns
    -------
    statistic : numpy.ndarray, shape (p + 1,)
        Chi-squared of each column's interaction with time, and of all together.
    score : numpy.ndarray, shape (p,)
        Negative where a coefficient falls with time.

    References
    ----------
    Grambsch and Therneau (1994), Biometrika 81; as the exact score test of survival from
    version 3 on, which does not take the variance of residuals as constant.
    """
    terms, place = terms_at(sets, beta), sets.term_time
    g = clock[place] - clock[place].mean()
    deaths = np.zeros_like(terms.mean)
    np.add.at(deaths, _terms_of_deaths(sets), sets.x[sets.died])
    score = (g[:, None] * (deaths - terms.mean)).sum(axis=0)
    plain = information_of(sets, terms, np.ones(len(g)))
    mixed, square = information_of(sets, terms, g), information_of(sets, terms, g**2)
    spread = square - mixed @ np.linalg.pinv(plain, hermitian=True) @ mixed.T
    whole = float(score @ np.linalg.pinv(spread, hermitian=True) @ score)
    return np.r_[score**2 / np.diag(spread), whole], score


def _terms_of_deaths(sets: RiskSets) -> np.ndarray:
    """A term for each row that died: tied deaths share theirs, in any order."""
    order = np.argsort(sets.at[sets.died], kind="stable")
    place = np.empty(len(order), dtype="int64")
    place[order] = np.arange(len(order))
    return np.asarray(place)


def survival_before(entry: np.ndarray, exit_: np.ndarray, died: np.ndarray) -> np.ndarray:
    """One less the product-limit curve just before each distinct event time: R's km clock."""
    times = np.unique(exit_[died])
    at_risk = np.searchsorted(np.sort(entry), times) - np.searchsorted(np.sort(exit_), times)
    deaths = np.bincount(np.searchsorted(times, exit_[died]), minlength=len(times))
    survival = np.cumprod(1 - deaths / at_risk)
    return np.asarray(1 - np.r_[1.0, survival[:-1]])


def concordant_share(
    risk: np.ndarray, entry: np.ndarray, exit_: np.ndarray, died: np.ndarray, stratum: np.ndarray
) -> float:
    """Harrell's C: of two clients whose order is known, how often the higher risk left first.

    Parameters
    ----------
    risk, entry, exit_ : numpy.ndarray, shape (n,)
    died : numpy.ndarray of bool, shape (n,)
    stratum : numpy.ndarray of int, shape (n,)

    Notes
    -----
    Pairs within a stratum, one of whom has the event while the other is at risk and does not have
    it then; equal risks count a half. NaN without any such pair.
    """
    won, pairs = 0.0, 0
    for one in range(int(stratum.max()) + 1):
        rows = stratum == one
        score, begun, end, dead = risk[rows], entry[rows], exit_[rows], died[rows]
        for time in np.unique(end[dead]):
            own = score[dead & (end == time)]
            still = np.sort(score[(begun < time) & ((end > time) | ((end == time) & ~dead))])
            below = np.searchsorted(still, own, side="left")
            level = np.searchsorted(still, own, side="right") - below
            won += float((below + level / 2).sum())
            pairs += len(own) * len(still)
    return won / pairs if pairs else float("nan")


def baseline_hazard(sets: RiskSets, beta: np.ndarray) -> np.ndarray:
    """Cumulative hazard of somebody with zero in every column, at each event time, shape (m,)."""
    terms = terms_at(sets, beta)
    jumps = np.bincount(sets.term_time, weights=1 / terms.total, minlength=len(sets.times))
    # from the centre of the columns back to zero
    jumps = jumps * np.exp(-terms.log_shift - float(sets.centre @ (beta / sets.scale)))
    found = np.zeros(len(jumps))
    for one in np.unique(sets.stratum):
        rows = sets.stratum == one
        found[rows] = np.cumsum(jumps[rows])
    return found
