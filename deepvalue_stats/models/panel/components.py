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
from deepvalue_stats.models.panel.least_squares import LeastSquares, least_squares

# a column shorter than this share of itself, once clients' means are out, is nothing but rounding
NOTHING = 1e-9


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
    panel = _panel(layout, response, matrix)
    forms = {
        "swamy_arora": _swamy_arora,
        "wallace_hussain": _wallace_hussain,
        "amemiya": _amemiya,
    }
    found, expected = forms[method](panel)
    residual, client = np.linalg.solve(expected, found)
    return VarianceComponents(method, max(float(client), 0.0), float(residual), not client > 0)


@dataclass(frozen=True)
class _Panel:
    """Rows, clients' means of them, and the cross products that the methods share.

    `varies` marks the columns that vary within clients; `zpz` is Z'PZ, `zssz` is Z'SS'Z with S
    the dummies of clients.
    """

    layout: PanelLayout
    y: np.ndarray
    z: np.ndarray
    z_mean: np.ndarray
    y_mean: np.ndarray
    varies: np.ndarray
    fit_within: LeastSquares
    zpz: np.ndarray
    zssz: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """Waves of each client."""
        return self.layout.rows

    @property
    def n(self) -> int:
        """Clients."""
        return self.layout.n_clients

    @property
    def big_n(self) -> int:
        """Rows."""
        return len(self.y)

    def of_residuals(self, u: np.ndarray) -> np.ndarray:
        """The two forms of some residuals u: u'Qu and u'Pu."""
        means = self.layout.means(u[:, None])[:, 0]
        total = float(means**2 @ self.times)
        return np.array([float(u @ u) - total, total])


def _panel(layout: PanelLayout, response: np.ndarray, matrix: np.ndarray) -> _Panel:
    both = np.column_stack([response, matrix])
    means = layout.means(both)
    within = both - means[layout.clients]
    spread = np.sqrt(np.mean(within[:, 1:] ** 2, axis=0))
    varies = spread > NOTHING * np.sqrt(np.mean(matrix**2, axis=0))
    z_mean, times = means[:, 1:], layout.rows[:, None]
    return _Panel(
        layout=layout,
        y=response,
        z=matrix,
        z_mean=z_mean,
        y_mean=means[:, 0],
        varies=varies,
        fit_within=least_squares(within[:, 1:][:, varies], within[:, 0]),
        zpz=z_mean.T @ (z_mean * times),
        zssz=z_mean.T @ (z_mean * times**2),
    )


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
