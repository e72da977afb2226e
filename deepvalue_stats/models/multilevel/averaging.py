"""The mean of an inverse link over normal random effects, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.link import CLOGLOG, LOGIT, Link

# beyond this many standard deviations the normal density carries less than 1e-13
REACH = 7.5
# minus the log of the discretisation error that the step is chosen for
DIGITS = 32.0
# no data support more: the odds of two groups would differ by a factor of e^50
LARGEST_SD = 50.0
# a block of nodes by rows that stays in the processor's cache
BLOCK_CELLS = 100_000
# so many rows with one standard deviation are worth a table
TABULATED = 20_000
# the curve is 0 or 1 to all digits beyond
STEEPEST_MEAN = 40.0
# exp() of more overflows
STEEPEST = 700.0
# how far off the real axis an inverse link and its derivatives stay bounded
STRIP = {LOGIT.name: np.pi, CLOGLOG.name: 0.8 * np.pi / 2}
# derivatives held at each grid point of a table, so that four of them are right to 1e-10 anywhere
# in a cell: the series converges as fast as within the strip
TERMS = {LOGIT.name: 8, CLOGLOG.name: 12}


@dataclass(frozen=True)
class Averaged:
    """E m(eta + s Z), m an inverse link and Z standard normal; every array has shape (n,).

    Attributes
    ----------
    mean : numpy.ndarray
        The probability with the random effects averaged out.
    d_eta, d2_eta, d3_eta : numpy.ndarray
        Its first three derivatives with respect to the linear predictor.
    """

    mean: np.ndarray
    d_eta: np.ndarray
    d2_eta: np.ndarray
    d3_eta: np.ndarray

    @property
    def d_variance(self) -> np.ndarray:
        """Derivative of the mean with respect to s^2; finite at s = 0."""
        return self.d2_eta / 2

    @property
    def d_eta_d_variance(self) -> np.ndarray:
        """Derivative of `d_eta` with respect to s^2; finite at s = 0."""
        return self.d3_eta / 2


def average_expit(eta: np.ndarray, sd: np.ndarray | float) -> Averaged:
    """Average the logistic curve over a normal random part.

    For the chance of an outcome in a population of practitioners, or of any other groups, from
    a model that is linear given the group. Not for a given group: that is `expit` itself.

    Parameters
    ----------
    eta : numpy.ndarray, shape (n,)
        Linear predictors at random effects of zero.
    sd : numpy.ndarray, shape (n,), or float
        Standard deviation s of the random part on the latent scale; with random slopes each
        row has its own.

    Returns
    -------
    Averaged

    Raises
    ------
    ModelError
        If a standard deviation is negative, not a number, or beyond 50.

    Notes
    -----
    Trapezium rule over Z, whose error falls exponentially with the inverse of the step for
    integrands that are analytic in a strip (Trefethen and Weideman 2014, theorem 5.1); the poles
    of expit lie pi/s off the axis and set the step. Absolute errors are below 1e-11 for the mean
    and 1e-10 for the derivatives. Many rows with one s are read off Taylor series about a fixed
    grid of linear predictors, to the same digits. The normal density solves the heat equation, so
    the derivative with respect to s^2 is half the second derivative with respect to eta.

    References
    ----------
    Trefethen LN, Weideman JAC (2014). The exponentially convergent trapezoidal rule. SIAM Review
    56: 385-458. Zeger SL, Liang KY, Albert PS (1988). Models for longitudinal data: a generalized
    estimating equation approach. Biometrics 44: 1049-1060, section 3.

    Examples
    --------
    >>> average_expit(np.array([0.0, 1.0]), 1.0).mean.round(4)
    array([0.5   , 0.6967])
    """
    return average(LOGIT, eta, sd)


def average(link: Link, eta: np.ndarray, sd: np.ndarray | float) -> Averaged:
    """Average an inverse link over a normal random part: as `average_expit`, for any link.

    Parameters
    ----------
    link : Link
        Logit or complementary log-log.
    eta : numpy.ndarray, shape (n,)
    sd : numpy.ndarray, shape (n,), or float

    Returns
    -------
    Averaged

    Raises
    ------
    ModelError
        As `average_expit`.

    Notes
    -----
    1 - exp(-exp(x)) has no poles but is bounded only where the imaginary part of x is below pi/2,
    its derivatives below that: 0.8 of it sets the step.

    Examples
    --------
    >>> average(CLOGLOG, np.array([-3.0, 0.0]), 1.0).mean.round(4)
    array([0.0743, 0.6182])
    """
    eta = np.asarray(eta, dtype="float64")
    spread = np.broadcast_to(np.asarray(sd, dtype="float64"), eta.shape)
    largest = _largest(spread, link)
    nodes, weights = normal_rule(largest, link)
    if len(eta) >= TABULATED and largest > 0 and spread.min() == largest:
        return Averaged(*_tabulated(link, eta, largest, nodes, weights))
    out = np.empty((4, len(eta)))
    step = max(1, BLOCK_CELLS // len(nodes))
    for start in range(0, len(eta), step):
        rows = slice(start, start + step)
        out[:, rows] = _average(link, eta[rows], spread[rows], nodes, weights)
    return Averaged(*out)


def fourth_derivative(link: Link, eta: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """The fourth derivative of the averaged mean in eta, which few have a use for, shape (n,)."""
    nodes, weights = normal_rule(float(sd.max()), link)
    out = np.empty_like(eta)
    step = max(1, BLOCK_CELLS // len(nodes))
    for start in range(0, len(eta), step):
        rows = slice(start, start + step)
        x = np.multiply.outer(nodes, sd[rows]) + eta[rows]
        out[rows] = weights @ link.derivatives(x, 4)[4]
    return out


def normal_rule(
    sd: float, link: Link = LOGIT, digits: float = DIGITS
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for the mean of an inverse link of steepness `sd` over a normal.

    Parameters
    ----------
    sd : float
        The largest standard deviation on the latent scale that the rule has to serve.
    link : Link
    digits : float
        Minus the log of the discretisation error.

    Returns
    -------
    nodes, weights : numpy.ndarray, shape (k,)
        Standard normal deviates and weights of sum one; a single node at zero when `sd` is zero.
    """
    if sd == 0:
        return np.zeros(1), np.ones(1)
    half = int(np.ceil(REACH / _step(STRIP[link.name] / sd, digits)))
    nodes = np.linspace(-REACH, REACH, 2 * half + 1)
    weights = np.exp(-(nodes**2) / 2)
    return nodes, weights / weights.sum()


def _step(strip: float, digits: float) -> float:
    """The widest step whose aliasing error is exp(-digits), by shifting the line of integration."""
    smooth = np.pi * np.sqrt(2 / digits)
    if strip >= 2 * np.pi / smooth:
        return float(smooth)
    return float(2 * np.pi * strip / (digits + strip**2 / 2))


def _average(
    link: Link, eta: np.ndarray, sd: np.ndarray, nodes: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, ...]:
    x = np.multiply.outer(nodes, sd)
    x += eta
    if link.name != LOGIT.name:
        return tuple(weights @ curve for curve in link.derivatives(x, 3))
    p = 1 / (1 + np.exp(np.minimum(-x, STEEPEST)))
    slope = p * (1 - p)
    bend = slope * (1 - 2 * p)
    third = slope * (1 - 6 * slope)
    return weights @ p, weights @ slope, weights @ bend, weights @ third


def _tabulated(
    link: Link, eta: np.ndarray, sd: float, nodes: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Of rows with one standard deviation: a function of eta alone, known by its Taylor series."""
    # compiled code is loaded where there are rows enough for it
    from deepvalue_stats.models.multilevel.tabulating import (
        CELL,
        derivatives_of,
        from_grid,
    )

    far = STEEPEST_MEAN + REACH * sd
    held = np.clip(eta, -far, far)
    first, last = (int(np.rint(end / CELL)) for end in (held.min(), held.max()))
    points = CELL * np.arange(first, last + 1)
    terms = TERMS[link.name]
    factorials = np.cumprod([1.0, *range(1, terms)])
    grid = np.empty((len(points), terms))
    step = max(1, BLOCK_CELLS // len(nodes))
    for start in range(0, len(points), step):
        rows = slice(start, start + step)
        curves = derivatives_of(link, terms, np.add.outer(nodes * sd, points[rows]))
        grid[rows] = np.einsum("j,kjn->nk", weights, curves) / factorials
    return np.asarray(from_grid(held, first, grid))


def _largest(sd: np.ndarray, link: Link) -> float:
    if not len(sd):
        return 0.0
    if not sd.min() >= 0:
        raise ModelError(
            "a standard deviation of random effects is negative or not a number",
            "average over random effects",
            "look at the convergence of the fit before using it",
        )
    largest = float(sd.max())
    if largest > LARGEST_SD:
        raise ModelError(
            f"random effects with a standard deviation beyond {LARGEST_SD:g} on the {link.name} "
            "scale",
            "average over random effects",
            "look for groups or terms that separate the outcomes, and for slopes of columns "
            "that are far from their centre",
        )
    return largest
