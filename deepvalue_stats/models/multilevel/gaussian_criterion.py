"""The deviance of a linear mixed model as a function of theta alone, from sums by cell.

Coefficients and the residual standard deviation are profiled out; after one pass over the rows
nothing depends on how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import solve_triangular

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.multilevel.crossed_engine import CrossedEngine
from deepvalue_stats.models.multilevel.engine import Engine, NestedEngine
from deepvalue_stats.models.multilevel.gram import cell_sums
from deepvalue_stats.models.multilevel.lambdas import as_lambdas
from deepvalue_stats.models.multilevel.random import Factor

# share of a column, or of the outcome, that is rounding
ROUNDING = 1e-11


@dataclass(frozen=True)
class Sums:
    """What a fit needs of the rows, for orthonormal columns Q, X = Q R.

    Attributes
    ----------
    engine : Engine
    factors : tuple of Factor
    info, product : numpy.ndarray, shapes (n_cells, m, m) and (n_cells, m, p + 1)
        Z'WZ and Z'W[Q e] of every cell; e are residuals of least squares over their length.
    total : numpy.ndarray, shape (p + 1, p + 1)
        [Q e]'W[Q e].
    triangle : numpy.ndarray, shape (p, p)
        R.
    plain : numpy.ndarray, shape (p,)
        Coefficients of Q by least squares.
    length : float
        Of the residuals of least squares.
    constant : float
        What minus twice the log-likelihood adds to the criterion, sigma apart.
    rows : int
    reml : bool
    start : numpy.ndarray, shape (k,)
        Theta by the method of moments.
    unit : numpy.ndarray, shape (k,)
        How far each entry of theta must be from zero to be told from it, about.
    groups : numpy.ndarray, shape (k,)
        Groups of each entry's factor.
    diagonal : numpy.ndarray of bool, shape (k,)
    """

    engine: Engine
    factors: tuple[Factor, ...]
    info: np.ndarray
    product: np.ndarray
    total: np.ndarray
    triangle: np.ndarray
    plain: np.ndarray
    length: float
    constant: float
    rows: int
    reml: bool
    start: np.ndarray
    unit: np.ndarray
    groups: np.ndarray
    diagonal: np.ndarray

    @property
    def free_rows(self) -> int:
        """Rows that inform sigma."""
        return self.rows - len(self.plain) if self.reml else self.rows


@dataclass(frozen=True)
class Point:
    """Half the profiled deviance without constants, and what it was made of."""

    value: float
    log_rss: float
    root: np.ndarray

    def inverse(self) -> np.ndarray:
        """(Q'V^-1Q)^-1, shape (p, p)."""
        p = len(self.root) - 1
        half = solve_triangular(self.root[:p, :p], np.eye(p), lower=True)
        return np.asarray(half.T @ half)


@dataclass
class Criterion:
    """The profiled deviance as a function of theta; counts how often it was asked."""

    data: Sums
    evaluations: int = field(default=0)

    def __call__(self, theta: np.ndarray) -> Point:
        """The deviance at theta; infinite where it cannot be computed."""
        self.evaluations += 1
        data = self.data
        p = len(data.plain)
        lambdas = as_lambdas(data.factors, theta)
        try:
            logdet, taken = data.engine.gram_of(data.info, data.product, lambdas)
            root = np.linalg.cholesky(data.total - taken)
        except np.linalg.LinAlgError:
            return Point(np.inf, np.nan, np.full((p + 1, p + 1), np.nan))
        log_rss = 2 * float(np.log(root[p, p]))
        value = 0.5 * (logdet + data.free_rows * log_rss)
        if data.reml:
            value += float(np.log(np.diag(root)[:p]).sum())
        return Point(value, log_rss, root)


def refuse_unusable(factors: tuple[Factor, ...], x: np.ndarray, weight: np.ndarray) -> None:
    """Refuse rows and effects from which a residual variance cannot be told.

    Raises
    ------
    ModelError
        If there are no more rows than coefficients, weights are not above zero, or a factor has
        as many effects as there are rows.
    """
    n, p = x.shape
    if n <= p:
        raise ModelError(
            f"{n} rows cannot tell {p} coefficients and a residual apart",
            "the fixed part",
            "use fewer terms, or more rows",
        )
    if not (weight > 0).all():
        raise ModelError(
            "not every weight is above zero", "weights", "leave rows without weight out"
        )
    for factor in factors:
        if len(factor.levels) * len(factor.columns) >= n:
            raise ModelError(
                f"{len(factor.levels)} groups with {len(factor.columns)} effects each cannot be "
                f"told apart from the residuals of {n} rows",
                f"random effects of {factor.name}",
                "leave effects out, or use a coarser grouping",
            )


def sum_rows(
    engine: Engine,
    factors: tuple[Factor, ...],
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    reml: bool,
) -> Sums:
    """The only pass over the rows; arguments as of `gaussian.fit_linear`.

    Raises
    ------
    ModelError
        If columns of x are linearly dependent, or the fixed part leaves nothing to explain.
    """
    n, p = x.shape
    matrix = np.empty((p + 1, n))
    triangle = _orthonormal(x, weight, matrix)
    weighted = weight * y
    size = float(weighted @ y)
    plain = matrix[:p] @ weighted
    residual = y - plain @ matrix[:p]
    again = matrix[:p] @ (weight * residual)
    np.subtract(residual, again @ matrix[:p], out=matrix[p])
    pull = weight * matrix[p]
    left = float(pull @ matrix[p])
    if left <= ROUNDING**2 * size:
        raise ModelError(
            "the fixed part explains the outcome without error",
            "the outcome",
            "use an outcome that is not a function of the terms",
        )
    length = float(np.sqrt(left))
    matrix[p] /= length
    pull /= length
    total = np.eye(p + 1)
    total[:p, p] = total[p, :p] = matrix[:p] @ pull
    info, product = cell_sums(_cells(engine), engine.effect_columns, weight, matrix)
    start, unit, groups = _moments(engine, factors, pull, weight, 1 / (n - p))
    constant = n * np.log(2 * np.pi) if not reml else (n - p) * np.log(2 * np.pi)
    constant -= float(np.log(weight).sum())
    if reml:
        constant += 2 * float(np.log(np.abs(np.diag(triangle))).sum())
    diagonal = np.array([row == column for factor in factors for row, column in factor.free])
    return Sums(
        engine, factors, info, product, total, triangle, plain + again, length, float(constant), n,
        reml, start, unit, groups, diagonal,
    )  # fmt: skip


def _cells(engine: Engine) -> np.ndarray:
    """First row of every cell, one more at the end."""
    if isinstance(engine, NestedEngine):
        return np.asarray(engine.layout.tree.rows)
    if isinstance(engine, CrossedEngine):
        return np.asarray(engine.layout.net.rows)
    raise NotImplementedError(engine.name)


def _orthonormal(x: np.ndarray, weight: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Fill the first p rows of `out` with Q', Q'WQ = I; return R, X = Q R.

    Two rounds of Cholesky's factor of Q'WQ are as exact as Householder's reflections, and faster,
    unless columns are nearly dependent.
    """
    p = x.shape[1]
    scale = np.sqrt(np.einsum("ij,ij,i->j", x, x, weight))
    if not (scale > 0).all():
        raise _dependent()
    q = x.T / scale[:, None]
    triangle = np.diag(scale)
    try:
        for _ in range(2):
            lower = np.linalg.cholesky((q * weight) @ q.T)
            if np.diag(lower).min(initial=1) < 1e-6:
                raise np.linalg.LinAlgError("nearly dependent")
            q = solve_triangular(lower, np.eye(p), lower=True) @ q
            triangle = lower.T @ triangle
    except np.linalg.LinAlgError:
        root = np.sqrt(weight)
        reflected, right = np.linalg.qr((x / scale) * root[:, None])
        if np.abs(np.diag(right)).min() < ROUNDING:
            raise _dependent() from None
        q, triangle = (reflected / root[:, None]).T, right * scale
    out[:p] = q
    return np.asarray(triangle)


def _dependent() -> ModelError:
    return ModelError(
        "some columns are linear combinations of others",
        "the fixed part",
        "take one of them out",
    )


def _moments(
    engine: Engine,
    factors: tuple[Factor, ...],
    pull: np.ndarray,
    weight: np.ndarray,
    variance: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, unit and number of groups for every free entry.

    For effect z of group j with residuals r, the sum of z w r has variance s^2 (i + i^2 t^2), where
    i = sum z^2 w. The unit is the t at which t^2 is one standard error from zero.
    """
    parts, units, total = [], [], 0.0
    order = engine.order
    for factor in factors:
        codes = (factor.codes if factor.codes.ndim == 1 else factor.codes[:, 0])[order]
        known = codes >= 0
        for column in factor.columns:
            z = engine.effect_columns[column]
            summed = np.bincount(codes[known], weights=(z * pull)[known])
            held = np.bincount(codes[known], weights=(z * z * weight)[known])
            square = float((held**2).sum())
            parts.append(max(float((summed**2 / variance - held).sum()) / square, 0.0))
            units.append((2.0 / square) ** 0.25)
            total += parts[-1] * float(held.sum()) / len(weight)
    # `variance` is that of residual and groups together
    rest = max(1 - total, 0.1)
    start, unit, groups, first = [], [], [], 0
    for factor in factors:
        for row, column in factor.free:
            small = units[first + row]
            moment = np.sqrt(max(parts[first + row] / rest, (2 * small) ** 2))
            start.append(moment if row == column else 0.0)
            unit.append(small)
            groups.append(len(factor.levels))
        first += len(factor.columns)
    return np.array(start), np.array(unit), np.array(groups, dtype="float64")
