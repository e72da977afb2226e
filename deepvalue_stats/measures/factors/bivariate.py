"""The bivariate normal distribution, over many limits at once."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)
FAR = 38.0  # beyond this many standard deviations the normal density is 0 in double precision


def density(a: np.ndarray, b: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """The standard bivariate normal density; 0 where a or b is infinite."""
    a, b = np.clip(a, -FAR, FAR), np.clip(b, -FAR, FAR)
    left = 1.0 - rho**2
    return np.asarray(
        np.exp(-(a**2 - 2 * rho * a * b + b**2) / (2 * left)) / (2 * np.pi * np.sqrt(left))
    )


def density_slope(a: np.ndarray, b: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """The derivative of `density` with respect to the correlation."""
    a, b = np.clip(a, -FAR, FAR), np.clip(b, -FAR, FAR)
    left = 1.0 - rho**2
    slope = rho * left + a * b * (1 + rho**2) - rho * (a**2 + b**2)
    return np.asarray(density(a, b, rho) * slope / left**2)


def cumulative(a: np.ndarray, b: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """P(X <= a, Y <= b) for standard normal X, Y with correlation rho; limits may be infinite.

    Parameters
    ----------
    a, b, rho : numpy.ndarray
        Of shapes that broadcast; |rho| < 1.

    Returns
    -------
    numpy.ndarray

    Notes
    -----
    Phi(a) Phi(b) plus the integral of the density over the correlation from 0 to rho, which with
    r = sin t is smooth and taken by 64 Gauss-Legendre points (1e-14 for |rho| < .95, 1e-7 at .999).

    References
    ----------
    Drezner and Wesolowsky (1990), Journal of Statistical Computation and Simulation 35, eq. 3.
    """
    a, b = np.clip(a, -FAR, FAR), np.clip(b, -FAR, FAR)
    half = np.arcsin(rho) / 2
    total = np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b), np.shape(rho)))
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        angle = half * (node + 1)
        sine, cosine = np.sin(angle), np.cos(angle)
        total += weight * np.exp(-(a**2 - 2 * a * b * sine + b**2) / (2 * cosine**2))
    return np.asarray(ndtr(a) * ndtr(b) + total * half / (2 * np.pi))
