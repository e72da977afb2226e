"""A gap between two groups taken apart: who has what, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import Link

Reference = Literal["group0", "group1", "pooled", "pooled_with_group"]


@dataclass(frozen=True)
class Kitagawa:
    """The gap of group 1 from group 0 over levels of a factor; the parts sum to it.

    Attributes
    ----------
    gap : float
        Rate of group 0 less rate of group 1.
    access : float
        Because the groups are spread otherwise over the levels.
    returns : float
        Because the same level has another rate in each group.
    """

    gap: float
    access: float
    returns: float


def kitagawa(
    shares0: np.ndarray, rates0: np.ndarray, shares1: np.ndarray, rates1: np.ndarray
) -> Kitagawa:
    """Split a difference between two rates by the levels of a factor, as of the relationship.

    Parameters
    ----------
    shares0, shares1 : numpy.ndarray, shape (k,)
        Share of each group at each level; each sums to 1.
    rates0, rates1 : numpy.ndarray, shape (k,)
        Rate of the outcome at each level.

    Returns
    -------
    Kitagawa

    Raises
    ------
    ModelError
        If shares do not sum to 1.

    Notes
    -----
    access = sum (w0 - w1)(r0 + r1) / 2, returns = sum (r0 - r1)(w0 + w1) / 2.

    References
    ----------
    Kitagawa (1955), Journal of the American Statistical Association 50.

    Examples
    --------
    >>> found = kitagawa(np.array([0.8, 0.2]), np.array([0.5, 0.3]),
    ...                  np.array([0.5, 0.5]), np.array([0.5, 0.3]))
    >>> round(found.gap, 3), round(found.access, 3), round(found.returns, 3)
    (0.06, 0.06, 0.0)
    """
    if not np.allclose([shares0.sum(), shares1.sum()], 1.0):
        raise ModelError("shares do not sum to 1", "kitagawa", "divide counts by their total")
    access = float((shares0 - shares1) @ (rates0 + rates1)) / 2
    returns = float((rates0 - rates1) @ (shares0 + shares1)) / 2
    return Kitagawa(float(shares0 @ rates0 - shares1 @ rates1), access, returns)


@dataclass(frozen=True)
class OaxacaBlinder:
    """The gap of group 1 from group 0 by linear regressions in each.

    Attributes
    ----------
    gap, explained, unexplained : float
        Mean of group 0 less mean of group 1, and its two parts.
    explained_by, unexplained_by : numpy.ndarray, shape (p,)
        Part of each column; those of the second depend on where each column has its zero.
    explained_error, unexplained_error : float
        Standard errors with the columns' means counted as a sample; not a number for pooled
        coefficients.
    explained_fixed_error, unexplained_fixed_error : float
        With those means taken as known.
    coefficients : numpy.ndarray, shape (2, p)
        Of either group.
    means : numpy.ndarray, shape (2, p)
    """

    gap: float
    explained: float
    unexplained: float
    explained_by: np.ndarray
    unexplained_by: np.ndarray
    explained_error: float
    unexplained_error: float
    explained_fixed_error: float
    unexplained_fixed_error: float
    coefficients: np.ndarray
    means: np.ndarray


def oaxaca_blinder(
    outcome: np.ndarray, matrix: np.ndarray, group: np.ndarray, *, reference: Reference = "group0"
) -> OaxacaBlinder:
    """Split a difference between two means into what the groups have and what it returns.

    For a first look on the scale of the outcome. For chances with clients in practitioners, and
    an interval that knows it, use `explain_gap`.

    Parameters
    ----------
    outcome : numpy.ndarray, shape (n,)
    matrix : numpy.ndarray, shape (n, p)
        Columns, the constant among them.
    group : numpy.ndarray of 0 and 1, shape (n,)
    reference : str
        Whose coefficients say what a column is worth: group0, group1, pooled (both together, as
        Neumark), pooled_with_group (with an indicator of the group, as Jann).

    Returns
    -------
    OaxacaBlinder

    Raises
    ------
    ModelError
        If a group has no more rows than there are columns.

    Notes
    -----
    explained = (m0 - m1)' b, unexplained = m0'(b0 - b) + m1'(b - b1). Var(m'b) = m' V(b) m + b'
    V(m) b + tr(V(m) V(b)) would add a term of second order, which is left out as in Jann.

    References
    ----------
    Oaxaca (1973), International Economic Review 14; Blinder (1973), Journal of Human Resources 8;
    Neumark (1988), Journal of Human Resources 23; Jann (2008), Stata Journal 8.
    """
    parts = [group == 0, group == 1]
    p = matrix.shape[1]
    if min(int(part.sum()) for part in parts) <= p:
        raise ModelError(
            "a group has too few rows for a regression of its own",
            "oaxaca_blinder",
            f"each group needs more than {p} rows",
        )
    means = np.array([matrix[part].mean(axis=0) for part in parts])
    fits = [_least_squares(outcome[part], matrix[part]) for part in parts]
    coefficients = np.array([b for b, _ in fits])
    worth = _worth(outcome, matrix, group, coefficients, reference)
    apart = means[0] - means[1]
    explained_by = apart * worth
    unexplained_by = means[0] * (coefficients[0] - worth) + means[1] * (worth - coefficients[1])
    errors = _errors(matrix, parts, means, fits, reference)
    return OaxacaBlinder(
        float(outcome[parts[0]].mean() - outcome[parts[1]].mean()),
        float(explained_by.sum()),
        float(unexplained_by.sum()),
        explained_by,
        unexplained_by,
        *errors,
        coefficients,
        means,
    )


def _least_squares(outcome: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and their classical covariance."""
    inverse = np.linalg.inv(matrix.T @ matrix)
    b = inverse @ (matrix.T @ outcome)
    left = outcome - matrix @ b
    return b, inverse * float(left @ left) / (len(outcome) - matrix.shape[1])


def _worth(
    outcome: np.ndarray,
    matrix: np.ndarray,
    group: np.ndarray,
    coefficients: np.ndarray,
    reference: Reference,
) -> np.ndarray:
    if reference in ("group0", "group1"):
        return np.asarray(coefficients[int(reference[-1])])
    both = matrix if reference == "pooled" else np.column_stack([matrix, group])
    return _least_squares(outcome, both)[0][: matrix.shape[1]]


def _errors(
    matrix: np.ndarray,
    parts: list[np.ndarray],
    means: np.ndarray,
    fits: list[tuple[np.ndarray, np.ndarray]],
    reference: Reference,
) -> tuple[float, float, float, float]:
    """Of the explained and the unexplained part, the means a sample; and the means known."""
    if reference not in ("group0", "group1"):
        return (float("nan"),) * 4
    worth, other = int(reference[-1]), 1 - int(reference[-1])
    (b, known), (_, known_other) = fits[worth], fits[other]
    apart, between = means[0] - means[1], fits[0][0] - fits[1][0]
    spread = [np.cov(matrix[part], rowvar=False) / part.sum() for part in parts]
    explained = float(apart @ known @ apart)
    # what the other group has, at the difference of the two prices
    unexplained = float(means[other] @ (known + known_other) @ means[other])
    sampled = float(b @ (spread[0] + spread[1]) @ b)
    sampled_other = float(between @ spread[other] @ between)
    return (
        float(np.sqrt(explained + sampled)),
        float(np.sqrt(unexplained + sampled_other)),
        float(np.sqrt(explained)),
        float(np.sqrt(unexplained)),
    )


@dataclass(frozen=True)
class Fairlie:
    """The gap in predicted chances of group 1 from group 0.

    Attributes
    ----------
    explained : float
        Because the groups have other characteristics.
    unexplained : float
        Because the same characteristics go with other chances.
    """

    explained: float
    unexplained: float


def fairlie(
    link: Link,
    matrices: tuple[np.ndarray, np.ndarray],
    coefficients: tuple[np.ndarray, np.ndarray],
    *,
    reference: Literal["group0", "group1"] = "group0",
) -> Fairlie:
    """Split a gap in chances by a model of them in each group.

    The aggregate split only: parts of single columns depend on an order of matching.

    Parameters
    ----------
    link : Link
    matrices : tuple of numpy.ndarray, shapes (n0, p) and (n1, p)
        Of either group.
    coefficients : tuple of numpy.ndarray, shape (p,)
        Of a fit in each.
    reference : str
        Whose coefficients say what characteristics are worth.

    Returns
    -------
    Fairlie

    References
    ----------
    Fairlie (2005), Journal of Economic and Social Measurement 30.
    """
    mean = [[float(link.mean(matrix @ b).mean()) for b in coefficients] for matrix in matrices]
    worth = int(reference[-1])
    explained = mean[0][worth] - mean[1][worth]
    return Fairlie(explained, mean[0][0] - mean[1][1] - explained)
