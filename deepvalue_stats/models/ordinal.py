"""The proportional-odds logit: an ordinal response, with rows that may share a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit, logit

from deepvalue_stats.errors import Fault, ModelError

STEPS = 50
HALVINGS = 25
PRECISION = 1e-10
FAR = 15.0  # log odds: beyond, a response is settled by a covariate
SMALLEST = 1e-300


@dataclass(frozen=True)
class OrdinalFit:
    """A proportional-odds logit at its best fit.

    Attributes
    ----------
    thresholds : numpy.ndarray, shape (categories - 1,)
        Log odds of a response up to each category where the design is 0.
    coefficients : numpy.ndarray, shape (q,)
        Log odds of a higher response, by column of the design.
    vcov : numpy.ndarray, shape (categories - 1 + q, ...)
        Thresholds first; by the observed information.
    robust_vcov : numpy.ndarray
        The same with rows of one cluster free to go together (every row alone where no clusters
        were given), J / (J - 1) times.
    loglik : float
    n : int
    status : str
        ok; separated: a covariate settles a response, and estimates are without bound;
        not_converged.
    """

    thresholds: np.ndarray
    coefficients: np.ndarray
    vcov: np.ndarray
    robust_vcov: np.ndarray
    loglik: float
    n: int
    status: Literal["ok", "separated", "not_converged"]


def fit_ordinal(
    response: np.ndarray, design: np.ndarray, *, clusters: np.ndarray | None = None
) -> OrdinalFit:
    """Fit a proportional-odds logit by maximum likelihood.

    Parameters
    ----------
    response : numpy.ndarray, shape (n,)
        Any ordered values; those that occur are the categories.
    design : numpy.ndarray, shape (n, q)
        Without a constant.
    clusters : array, shape (n,), optional

    Returns
    -------
    OrdinalFit

    Raises
    ------
    ModelError
        If values are missing, the response has one value, a column does not vary, or there is one
        cluster only.

    Notes
    -----
    logit P(y <= c) = threshold_c - x'b; Newton steps with the exact second derivatives.

    References
    ----------
    McCullagh (1980), Journal of the Royal Statistical Society B 42.
    """
    codes, groups = _checked(response, design, clusters)
    shares = np.cumsum(np.bincount(codes))[:-1] / len(codes)
    thresholds = len(shares)
    theta = np.r_[logit(shares), np.zeros(design.shape[1])]
    value, score, information = _derivatives(theta, codes, design)
    converged = False
    for _ in range(STEPS):
        step = np.linalg.lstsq(information, score.sum(axis=0), rcond=None)[0]
        if float(score.sum(axis=0) @ step) < PRECISION:
            converged = True
            break
        for _ in range(HALVINGS):
            trial = theta + step
            new = _derivatives(trial, codes, design)
            if np.all(np.diff(trial[:thresholds]) > 0) and new[0] >= value - 1e-12:
                break
            step = step / 2
        theta, (value, score, information) = trial, new
    inverse = np.linalg.pinv(information)
    spread = np.abs(design - design.mean(axis=0)).max(axis=0) * np.abs(theta[thresholds:])
    separated = bool((spread > FAR).any())
    return OrdinalFit(
        thresholds=theta[:thresholds],
        coefficients=theta[thresholds:],
        vcov=inverse,
        robust_vcov=inverse @ _meat(score, groups) @ inverse,
        loglik=value,
        n=len(codes),
        status="separated" if separated else "ok" if converged else "not_converged",
    )


def _checked(
    response: np.ndarray, design: np.ndarray, clusters: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    faults = []
    if missing := int((np.isnan(response) | np.isnan(design).any(axis=1)).sum()):
        what = f"{missing} of {len(response)} rows lack a value"
        faults.append(Fault(what, "response, design", "leave them out, and say how many"))
    elif len(np.unique(response)) < 2:
        what = f"the response has the same value in all {len(response)} rows"
        faults.append(Fault(what, "response", "there is nothing to explain"))
    else:
        for column in np.flatnonzero(np.ptp(design, axis=0) == 0):
            fix = "leave it out: the thresholds hold it"
            faults.append(Fault(f"column {column + 1} does not vary", "design", fix))
    if clusters is not None and len(np.unique(clusters)) < 2:
        what = f"all {len(response)} rows belong to one cluster"
        faults.append(Fault(what, "clusters", "leave clusters out, and speak of this one only"))
    if faults:
        raise ModelError.of(faults)
    codes = np.unique(response, return_inverse=True)[1]
    groups = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
    return codes, groups


def _derivatives(
    theta: np.ndarray, codes: np.ndarray, design: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Log likelihood, score of every row (n, parameters) and the observed information."""
    count = int(codes.max())
    edges = np.r_[-np.inf, theta[:count], np.inf]
    along = design @ theta[count:]
    upper, lower = edges[codes + 1] - along, edges[codes] - along
    high, low = expit(upper), expit(lower)
    # on the right the complements keep the digits
    chance = np.where(lower > 0, expit(-lower) - expit(-upper), high - low)
    chance = np.maximum(chance, SMALLEST)
    dense_high, dense_low = high * expit(-upper), low * expit(-lower)
    up, down = dense_high / chance, dense_low / chance
    score = np.zeros((len(codes), len(theta)))
    rows = np.arange(len(codes))
    has_up, has_down = codes < count, codes > 0
    score[rows[has_up], codes[has_up]] = up[has_up]
    score[rows[has_down], codes[has_down] - 1] -= down[has_down]
    score[:, count:] = -(1 - high - low)[:, None] * design
    information = _information(codes, design, count, (up, down), (high, low, chance))
    return float(np.log(chance).sum()), score, information


def _information(
    codes: np.ndarray,
    design: np.ndarray,
    count: int,
    parts: tuple[np.ndarray, np.ndarray],
    chances: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Minus the second derivatives, category by category: thresholds meet their neighbours only."""
    (up, down), (high, low, chance) = parts, chances
    size = count + design.shape[1]
    total = np.zeros((size, size))
    # up and down hold densities over the chance: times it they are densities again
    weight = (up + down) * chance
    total[count:, count:] = (design * weight[:, None]).T @ design
    for c in range(count):
        here, above = codes == c, codes == c + 1
        total[c, c] -= (up[here] * (1 - 2 * high[here]) - up[here] ** 2).sum()
        total[c, c] -= (-down[above] * (1 - 2 * low[above]) - down[above] ** 2).sum()
        if c + 1 < count:
            cross = -(up[above] * down[above]).sum()
            total[c, c + 1] += cross
            total[c + 1, c] += cross
        slope = -(up[here] * chance[here]) @ design[here]
        slope -= (down[above] * chance[above]) @ design[above]
        total[c, count:] += slope
        total[count:, c] += slope
    return total


def _meat(score: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    if groups is None:
        return np.asarray(score.T @ score * len(score) / (len(score) - 1))
    sums = np.column_stack([np.bincount(groups, weights=one) for one in score.T])
    return np.asarray(sums.T @ sums * len(sums) / (len(sums) - 1))
