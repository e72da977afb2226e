"""The likelihood of a linear mixed model around its maximum, in the coordinates of a profile.

Coordinates are the entries of every Lambda relative to the fitted residual standard deviation, the
coefficients, and the logarithm of the residual standard deviation relative to the fitted one.
"""

from __future__ import annotations

import numpy as np

from deepvalue_stats.models.multilevel.gaussian import LinearSolution, fit_linear
from deepvalue_stats.models.multilevel.gaussian_criterion import sum_rows
from deepvalue_stats.models.multilevel.lambdas import as_lambdas
from deepvalue_stats.models.multilevel.optimise import DIFFERENCE, difference_hessian
from deepvalue_stats.models.multilevel.problem import LONGEST_THETA
from deepvalue_stats.models.multilevel.profile import Surface, Target, deviations, on_diagonal
from deepvalue_stats.models.multilevel.refit import LinearRows

# span of the central differences in theta, in standard errors
SPAN = 1e-2
# no step moves a coefficient by more standard errors
LONGEST = 5.0


class _Deviance:
    """Minus the log-likelihood, constants left out, with its gradient."""

    def __init__(self, rows: LinearRows, solution: LinearSolution, spans: np.ndarray) -> None:
        self.data = sum_rows(rows.engine, rows.factors, rows.x, rows.y, rows.weight, False)
        self.sigma = solution.sigma
        self.spans = spans

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        k = len(self.spans)
        value, pull = self._at(point)
        gradient = np.empty_like(point)
        for place, span in enumerate(self.spans):
            gradient[place] = self._slope(point, place, span)
        gradient[k:-1] = pull
        gradient[-1] = self._slope(point, len(point) - 1, SPAN / np.sqrt(2 * self.data.rows))
        return value, gradient

    def _slope(self, point: np.ndarray, place: int, span: float) -> float:
        """By central differences of fourth order."""
        values = []
        for step in (-2, -1, 1, 2):
            moved = point.copy()
            moved[place] += step * span
            values.append(self._at(moved)[0])
        return float(np.dot([1, -8, 8, -1], values) / (12 * span))

    def _at(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """The value, and its slopes in the coefficients."""
        data, k = self.data, len(self.spans)
        ratio, p = float(np.exp(point[-1])), len(self.data.plain)
        lambdas = as_lambdas(data.factors, point[:k] / ratio)
        try:
            logdet, taken = data.engine.gram_of(data.info, data.product, lambdas)
        except np.linalg.LinAlgError:
            return np.inf, np.full(p, np.nan)
        variance = (self.sigma * ratio) ** 2
        left = np.append(data.plain - data.triangle @ point[k:-1], data.length)
        held = (data.total - taken) @ left / variance
        value = 0.5 * (logdet + float(left @ held)) + data.rows * float(point[-1])
        return value, -data.triangle.T @ held[:p]


def linear_surface(rows: LinearRows, theta: np.ndarray, terms: tuple[str, ...]) -> Surface:
    """The likelihood (never the restricted one) of a linear mixed model around its maximum.

    Parameters
    ----------
    rows : LinearRows
    theta : numpy.ndarray, shape (k,)
        Where to look for the maximum, in the units of the data.
    terms : tuple of str
        Names of the coefficients.
    """
    start = theta * rows.theta_scale
    found = fit_linear(rows.engine, rows.factors, rows.x, rows.y, rows.weight, False, start)
    k, p = len(theta), len(terms)
    spread = np.sqrt(np.diag(found.covariance)[:k])
    spread = np.where(spread > 0, spread, np.median(spread[spread > 0]) if spread.any() else 0.1)
    errors = np.concatenate([spread, np.sqrt(np.diag(found.vcov)), [1 / np.sqrt(2 * len(rows.y))]])
    objective = _Deviance(rows, found, SPAN * spread)
    point = np.concatenate([found.theta, found.params, [0.0]])
    targets = (
        *(Target(name, np.array([k + place]), 1.0, False) for place, name in enumerate(terms)),
        *deviations(rows.factors, rows.theta_scale / found.sigma),
        Target("Residual sd", np.array([k + p]), 1 / found.sigma, False, logarithm=True),
    )
    longest = np.concatenate([np.full(k, LONGEST_THETA), LONGEST * errors[k:-1], [0.5]])
    return Surface(
        objective=objective,
        point=point,
        value=objective(point)[0],
        hessian=difference_hessian(objective, point, 10 * DIFFERENCE * errors),
        longest=longest,
        diagonal=np.concatenate([on_diagonal(rows.factors), np.zeros(p + 1, dtype=bool)]),
        targets=targets,
    )
