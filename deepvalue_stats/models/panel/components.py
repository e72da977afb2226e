"""How much clients' levels vary, and rows about them: variance components from sums of squares.

Notation: Q takes the distances from clients' means, P = I - Q the means; Z has the intercept, T_i
waves a client, n clients, N rows. Two quadratic forms of residuals are set equal to what they are
expected to be, which is linear in the two variances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.design import dependent_columns
from deepvalue_stats.models.panel.estimators import Components
from deepvalue_stats.models.panel.layout import PanelLayout
from deepvalue_stats.models.panel.least_squares import least_squares


@dataclass(frozen=True)
class VarianceComponents:
    """Variances of clients' levels and of rows about them.

    Attributes
    ----------
    method : str
    client, residual : float
    at_zero : bool
        Whether the clients' variance came out at zero or below, and was set to zero.
    """

    method: str
    client: float
    residual: float
    at_zero: bool = False

    def shares(self, rows: np.ndarray) -> np.ndarray:
        """Share of a client's mean that quasi-differences take off, for so many waves (n,)."""
        return np.asarray(1 - np.sqrt(self.residual / (self.residual + rows * self.client)))


def variance_components(
    layout: PanelLayout, response: np.ndarray, matrix: np.ndarray, method: Components
) -> VarianceComponents:
    """Estimate the variance components of random effects of clients.

    Parameters
    ----------
    layout : PanelLayout
    response : numpy.ndarray, shape (N,)
    matrix : numpy.ndarray, shape (N, p)
        With its intercept.
    method : str
        swamy_arora: from residuals within and between clients; wallace_hussain: from those of
        least squares on all rows; amemiya: from those of the coefficients within clients.

    Notes
    -----
    Unbalanced panels have exact traces in the place of degrees of freedom. In balanced ones
    wallace_hussain and amemiya divide by n(T - 1) and n as their authors did. All as R's plm.

    References
    ----------
    Swamy and Arora (1972), Econometrica 40; Wallace and Hussain (1969), Econometrica 37; Amemiya
    (1971), International Economic Review 12; Baltagi and Chang (1994), Journal of Econometrics 62,
    for unbalanced panels.
    """
    panel = _Panel(layout, response, matrix)
    forms = {
        "swamy_arora": _swamy_arora,
        "wallace_hussain": _wallace_hussain,
        "amemiya": _amemiya,
    }
    found, expected = forms[method](panel)
    residual, client = np.linalg.solve(expected, found)
    return VarianceComponents(method, max(float(client), 0.0), float(residual), not client > 0)


class _Panel:
    """Cross products that the methods share."""

    def __init__(self, layout: PanelLayout, response: np.ndarray, matrix: np.ndarray) -> None:
        self.layout, self.y, self.z = layout, response, matrix
        self.times = layout.rows
        self.big_n, self.n = len(response), layout.n_clients
        self.y_mean = layout.means(response[:, None])[:, 0]
        self.z_mean = layout.means(matrix)
        z_within = matrix - self.z_mean[layout.clients]
        spread = np.sqrt(np.mean(z_within**2, axis=0))
        self.varies = spread > 1e-9 * np.sqrt(np.mean(matrix**2, axis=0))
        self.z_within = z_within[:, self.varies]
        self.y_within = response - self.y_mean[layout.clients]
        self.fit_within = least_squares(self.z_within, self.y_within)
        # Z'PZ, and Z'(SS')Z with S the dummies of clients
        self.zpz = self.z_mean.T @ (self.z_mean * self.times[:, None])
        self.zssz = self.z_mean.T @ (self.z_mean * self.times[:, None] ** 2)

    def of_residuals(self, u: np.ndarray) -> np.ndarray:
        """u'Qu and u'Pu."""
        means = self.layout.means(u[:, None])[:, 0]
        total = float(means**2 @ self.times)
        return np.array([float(u @ u) - total, total])


def _swamy_arora(panel: _Panel) -> tuple[np.ndarray, np.ndarray]:
    weight = np.sqrt(panel.times)
    z = panel.z_mean * weight[:, None]
    kept = ~dependent_columns(z)
    between = least_squares(z[:, kept], panel.y_mean * weight)
    shrunk = np.linalg.solve(panel.zpz[np.ix_(kept, kept)], panel.zssz[np.ix_(kept, kept)])
    expected = np.array(
        [
            [panel.big_n - panel.n - panel.varies.sum(), 0.0],
            [panel.n - kept.sum(), panel.big_n - np.trace(shrunk)],
        ]
    )
    return np.array([panel.fit_within.rss, between.rss]), expected


def _wallace_hussain(panel: _Panel) -> tuple[np.ndarray, np.ndarray]:
    fit = least_squares(panel.z, panel.y)
    found = panel.of_residuals(fit.residuals)
    if panel.layout.balanced:
        return found, _of_balanced(panel)
    c = fit.unscaled
    cp, cs = c @ panel.zpz, c @ panel.zssz
    cq = np.eye(len(c)) - cp
    expected = np.array(
        [
            [panel.big_n - panel.n - np.trace(cq), np.trace(cq @ cs)],
            [panel.n - np.trace(cp), panel.big_n - 2 * np.trace(cs) + np.trace(cp @ cs)],
        ]
    )
    return found, expected


def _amemiya(panel: _Panel) -> tuple[np.ndarray, np.ndarray]:
    x = panel.z[:, panel.varies]
    u = panel.y - x @ panel.fit_within.params
    u = u - u.mean()
    found = np.array([panel.fit_within.rss, panel.of_residuals(u)[1]])
    if panel.layout.balanced:
        return found, _of_balanced(panel)
    centred = panel.z_mean[:, panel.varies] - x.mean(axis=0)
    spread = centred.T @ (centred * panel.times[:, None])
    expected = np.array(
        [
            [panel.big_n - panel.n - panel.varies.sum(), 0.0],
            [
                panel.n - 1 + np.trace(panel.fit_within.unscaled @ spread),
                panel.big_n - float(panel.times @ panel.times) / panel.big_n,
            ],
        ]
    )
    return found, expected


def _of_balanced(panel: _Panel) -> np.ndarray:
    return np.array([[panel.big_n - panel.n, 0.0], [panel.n, float(panel.big_n)]])
