"""A binomial model of one trial a row, without random effects, for any link: maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.link import Link

MOST_STEPS = 60
SOLVED = 1e-18  # squared length of the last step, in standard errors
# no step moves a predictor's standardised column by more
LONGEST_STEP = 2.0


@dataclass(frozen=True)
class Plain:
    """What was found; `found` is False where the search did not end.

    Attributes
    ----------
    params : numpy.ndarray, shape (p,)
    slopes : numpy.ndarray, shape (n,)
        Of each row's log-likelihood in its predictor.
    bread : numpy.ndarray, shape (p, p)
        Inverse of the expected information.
    loglik : float
    steps : int
    found : bool
    """

    params: np.ndarray
    slopes: np.ndarray
    bread: np.ndarray
    loglik: float
    steps: int
    found: bool


def fit_plain(matrix: np.ndarray, response: np.ndarray, link: Link) -> Plain:
    """Newton's method with halving on the concave log-likelihood of rows of 0 and 1.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
    response : numpy.ndarray, shape (n,)
    link : Link
        Logit or complementary log-log.
    """
    assert link.likelihood is not None
    scale = np.sqrt(np.mean(matrix**2, axis=0))
    x, ones = matrix / scale, np.ones(len(response))
    share = response.mean()
    at = np.log(-np.log1p(-share)) if link.name == "cloglog" else np.log(share / (1 - share))
    beta = np.linalg.lstsq(x.T @ x, x.T @ np.full(len(x), at), rcond=None)[0]
    value, slopes, weight = link.likelihood(x @ beta, response, ones)
    found, steps = False, 0
    while not found and steps < MOST_STEPS:
        steps += 1
        pull = x.T @ slopes
        step = np.linalg.lstsq(x.T @ (weight[:, None] * x), pull, rcond=None)[0]
        found = float(step @ pull) < SOLVED
        step /= max(1.0, np.abs(step).max() / LONGEST_STEP)
        before = value.sum()
        for _ in range(40):
            value, slopes, weight = link.likelihood(x @ (beta + step), response, ones)
            if value.sum() >= before - 1e-9 * (1 + abs(before)):
                break
            step = step / 2
        beta = beta + step
    mean, slope = link.derivatives(x @ beta, 1)
    spread = mean * (1 - mean)
    expected = np.divide(slope**2, spread, out=np.zeros_like(slope), where=spread > 0)
    bread = np.linalg.pinv(x.T @ (expected[:, None] * x), hermitian=True)
    params = beta / scale
    return Plain(params, slopes, bread / np.outer(scale, scale), float(value.sum()), steps, found)


def clustered(
    plain: Plain, matrix: np.ndarray, labels: np.ndarray, small_sample: bool = True
) -> np.ndarray:
    """Bread, meat and bread over clusters, shape (p, p); times G/(G-1) (n-1)/(n-p) unless not."""
    n_clusters = int(labels.max()) + 1
    scores = np.column_stack(
        [np.bincount(labels, column * plain.slopes, minlength=n_clusters) for column in matrix.T]
    )
    held = scores @ plain.bread
    n, p = matrix.shape
    factor = n_clusters / (n_clusters - 1) * (n - 1) / (n - p) if small_sample else 1.0
    return np.asarray(held.T @ held * factor)
