"""From coefficients to estimates with their joint covariance: arrays in, arrays out.

Notation: eta the linear predictor with derivative X in the coefficients b; v the variance of the
random part with derivative V in its parameters theta; m(eta, v) the mean with the random part
averaged out. A dot is the derivative in the exposure. Without random effects v and V are zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.effects.predictor import Predictor
from deepvalue_stats.models import Link
from deepvalue_stats.models.multilevel.averaging import average, fourth_derivative

FOURTH = 4


@dataclass(frozen=True)
class Estimates:
    """Estimates and how each moves with every parameter.

    Attributes
    ----------
    value : numpy.ndarray, shape (k,)
    jacobian : numpy.ndarray, shape (k, d)
        In the variance parameters, if there are any, and then the coefficients.
    """

    value: np.ndarray
    jacobian: np.ndarray

    def covariance(self, vcov: np.ndarray) -> np.ndarray:
        """Delta method: J V J', shape (k, k)."""
        return np.asarray(self.jacobian @ vcov @ self.jacobian.T)

    def combine(self, weights: np.ndarray) -> Estimates:
        """Linear combinations, for weights of shape (r, k): contrasts, changes of unit."""
        return Estimates(weights @ self.value, weights @ self.jacobian)

    def only(self, place: int) -> Estimates:
        """One of them."""
        return Estimates(self.value[place : place + 1], self.jacobian[place : place + 1])

    def logs(self) -> Estimates:
        """Natural logarithms, for ratios."""
        return Estimates(np.log(self.value), self.jacobian / self.value[:, None])

    def logits(self) -> Estimates:
        """Log odds of chances."""
        odds = self.value / (1 - self.value)
        return Estimates(np.log(odds), self.jacobian / (self.value * (1 - self.value))[:, None])


def average_derivative(link: Link, rows: Predictor, change: Predictor) -> Estimates:
    """The mean over rows of dm/dx, with the random part averaged out.

    Parameters
    ----------
    link : Link
    rows : Predictor
    change : Predictor
        The derivative of `rows` in the exposure; with random slopes on it the variance moves too.

    Returns
    -------
    Estimates
        One: the mean of m_eta eta. + m_v v.

    Notes
    -----
    The normal density solves the heat equation, so m_v = m_eta,eta / 2. Gradient in b: the mean
    of (m_eta,eta eta. + m_eta,v v.) X + m_eta X.; in theta: the mean of
    (m_eta,v eta. + m_v,v v.) V + m_v V..

    References
    ----------
    Bartus (2005), Stata Journal 5, equations 4 to 6, without random effects.
    """
    n, moves = len(rows.eta), bool(change.variance.any())
    random = bool(rows.variance.any())
    _, slope, curvature, *higher = _mean(link, rows, 2 + random + moves)
    value = slope @ change.eta
    by_predictor = curvature * change.eta
    by_theta = np.zeros(rows.variance_by_theta.shape[1])
    if random:
        by_variance = higher[0] * change.eta / 2
        if moves:
            value += curvature @ change.variance / 2
            by_predictor = by_predictor + higher[0] * change.variance / 2
            by_variance = by_variance + higher[1] * change.variance / 4
        by_theta = by_variance @ rows.variance_by_theta
        by_theta += curvature @ change.variance_by_theta / 2
    by_beta = rows.gradient(by_predictor) + change.gradient(slope)
    return Estimates(np.array([value / n]), np.concatenate([by_theta, by_beta])[None, :] / n)


def average_mean(link: Link, rows: Predictor) -> Estimates:
    """The mean over rows of m, with gradient mean of (m_v V, m_eta X); one estimate."""
    n, random = len(rows.eta), bool(rows.variance.any())
    mean, slope, *higher = _mean(link, rows, 1 + random)
    by_theta = np.zeros(rows.variance_by_theta.shape[1])
    if random:
        by_theta = higher[0] @ rows.variance_by_theta / 2
    gradient = np.concatenate([by_theta, rows.gradient(slope)])
    return Estimates(np.array([mean.sum() / n]), gradient[None, :] / n)


def row_means(link: Link, rows: Predictor) -> np.ndarray:
    """The mean m of every row, with the random part averaged out, shape (n,)."""
    return _mean(link, rows, 0)[0]


def together(parts: list[Estimates]) -> Estimates:
    """Several estimates from one fit, so that they have a joint covariance."""
    return Estimates(
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.jacobian for part in parts]),
    )


def _mean(link: Link, rows: Predictor, order: int) -> tuple[np.ndarray, ...]:
    """The mean m and so many derivatives in eta, each of shape (n,); beyond two only with v."""
    if not rows.variance.any():
        return link.derivatives(rows.eta, order)
    spread = np.sqrt(rows.variance)
    held = average(link, rows.eta, spread)
    known = (held.mean, held.d_eta, held.d2_eta, held.d3_eta)[: order + 1]
    return known if order < FOURTH else (*known, fourth_derivative(link, rows.eta, spread))
