"""The mean of an outcome as a function of the linear predictor, with its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Derivatives = Callable[[np.ndarray, int], tuple[np.ndarray, ...]]
Likelihood = Callable[
    [np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]
]
# exp() of more overflows
STEEPEST = 700.0
# a complementary log-log beyond is one in all digits, and its squares are still numbers
CERTAIN = 300.0


@dataclass(frozen=True)
class Link:
    """An inverse link; every function maps an array of linear predictors to one of its shape.

    Attributes
    ----------
    name : str
    derivatives : callable
        Of linear predictors and an order of at most 4: the mean and that many derivatives.
    likelihood : callable, optional
        Of linear predictors, successes and trials: a row's binomial log-likelihood without its
        constant, its slope in the predictor, and minus its second derivative (the observed
        information); none for a link of no chances.
    """

    name: str
    derivatives: Derivatives
    likelihood: Likelihood | None = None

    def mean(self, eta: np.ndarray) -> np.ndarray:
        """The mean."""
        return self.derivatives(eta, 0)[0]

    def slope(self, eta: np.ndarray) -> np.ndarray:
        """Its first derivative."""
        return self.derivatives(eta, 1)[1]

    def curvature(self, eta: np.ndarray) -> np.ndarray:
        """Its second derivative."""
        return self.derivatives(eta, 2)[2]

    def working(
        self, eta: np.ndarray, successes: np.ndarray, trials: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Slopes and observed information of the rows of a binomial likelihood, shapes (n,)."""
        if self.likelihood is None:
            raise TypeError(f"the link {self.name} has no chances")
        return self.likelihood(eta, successes, trials)[1:]


def _logistic(eta: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
    p = 1 / (1 + np.exp(np.minimum(-np.asarray(eta, dtype="float64"), STEEPEST)))
    if order == 0:
        return (p,)
    slope = p * (1 - p)
    if order == 1:
        return (p, slope)
    curvature = slope * (1 - 2 * p)
    if order == 2:
        return (p, slope, curvature)
    return (p, slope, curvature, slope * (1 - 6 * slope), curvature * (1 - 12 * slope))[: order + 1]


def _logistic_rows(
    eta: np.ndarray, successes: np.ndarray, trials: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p = _logistic(eta, 0)[0]
    loglik = successes * eta - trials * np.logaddexp(0, eta)
    return loglik, successes - trials * p, trials * p * (1 - p)


def _cloglog(eta: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
    """1 - exp(-h), h = exp(eta); every derivative is exp(-h) times a polynomial in h."""
    h = np.exp(np.minimum(np.asarray(eta, dtype="float64"), CERTAIN))
    out = [-np.expm1(-h)]
    if order:
        held = np.minimum(h, STEEPEST)
        left = np.exp(-held) * held
        out += [left * _touchard(power, held) for power in range(order)]
    return tuple(out)


def _touchard(power: int, h: np.ndarray) -> np.ndarray:
    """Of derivative `power` + 1, the polynomial beside h exp(-h)."""
    curve = TOUCHARD[power]
    return np.asarray(np.polynomial.polynomial.polyval(h, curve))


def _touchards(orders: int) -> tuple[np.ndarray, ...]:
    """If a derivative is h q(h) exp(-h), the next is h (q + h q' - h q) exp(-h)."""
    h = np.polynomial.Polynomial([0.0, 1.0])
    curves = [np.polynomial.Polynomial([1.0])]
    for _ in range(orders - 1):
        last = curves[-1]
        curves.append(last + h * last.deriv() - h * last)
    return tuple(curve.coef for curve in curves)


def _cloglog_rows(
    eta: np.ndarray, successes: np.ndarray, trials: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """With a = h / (exp(h) - 1) and k = 1 - a - h the slope of log(1 - exp(-h)) is a, then a k."""
    eta = np.clip(eta, -STEEPEST, CERTAIN)
    h = np.exp(eta)
    a = np.where(h < STEEPEST, h / np.expm1(np.minimum(h, STEEPEST)), 0.0)
    near = np.minimum(h, SMALL)
    k = np.where(h > SMALL, 1 - a - h, -near * (0.5 + near * (1 - near**2 / 60) / 12))
    won = successes * (eta + np.log(-np.expm1(-h) / h))
    lost = (trials - successes) * h
    return won - lost, successes * a - lost, lost - successes * a * k


# derivatives known of a complementary log-log, and where the difference 1 - a - h loses digits
TOUCHARD = _touchards(11)
SMALL = 0.02


def _identity(eta: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
    eta = np.asarray(eta, dtype="float64")
    return (eta, np.ones_like(eta), *[np.zeros_like(eta)] * 3)[: order + 1]


LOGIT = Link("logit", _logistic, _logistic_rows)
CLOGLOG = Link("cloglog", _cloglog, _cloglog_rows)
LINKS = {link.name: link for link in (LOGIT, CLOGLOG)}
IDENTITY = Link("identity", _identity)
