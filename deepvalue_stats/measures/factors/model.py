"""Confirmatory factor analysis: `factor_model`, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.measures.factors.fitting import (
    Solution,
    fit_least_squares,
    fit_likelihood,
)
from deepvalue_stats.measures.factors.layout import (
    Equality,
    Layout,
    Scaling,
    continuous_layout,
    ordinal_layout,
)
from deepvalue_stats.measures.factors.moments import (
    Moments,
    continuous_moments,
    ordinal_moments,
)
from deepvalue_stats.measures.factors.polychoric import pairs
from deepvalue_stats.measures.factors.structure import Structure
from deepvalue_stats.measures.factors.testing import (
    FitIndices,
    ModelTest,
    fit_indices,
    model_test,
)
from deepvalue_stats.models.blas import one_thread

Items = Literal["continuous", "ordinal"]
FEW_CLUSTERS = 40
SLIGHT = 1e-5


@dataclass(frozen=True)
class FactorFit:
    """A factor model at its best fit.

    Attributes
    ----------
    structure : Structure
    equality : Equality
        What is equal across groups.
    moments : Moments
    layout : Layout
    solution : Solution
    test : ModelTest
    indices : FitIndices
    status : tuple of str
        What speaks against trusting the numbers; empty where nothing does.
    notes : tuple of str
        What a reader should know besides.
    """

    structure: Structure
    equality: Equality
    moments: Moments = field(repr=False)
    layout: Layout = field(repr=False)
    solution: Solution = field(repr=False)
    test: ModelTest
    indices: FitIndices
    status: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def vcov(self) -> np.ndarray:
        """Covariance of the parameters that holds without normality and with clusters, (q, q)."""
        inverse = np.linalg.pinv(self.solution.bread)
        return np.asarray(inverse @ self.solution.meat @ inverse / self.moments.rows.sum())

    @property
    def expected_vcov(self) -> np.ndarray:
        """Covariance of the parameters of normal items and independent rows, (q, q)."""
        information = self.solution.jacobian.T @ self.solution.weight @ self.solution.jacobian
        return np.asarray(np.linalg.pinv(information) / self.moments.rows.sum())

    @property
    def parameters(self) -> pd.DataFrame:
        """Estimate, std_error, conf_low, conf_high and p_value by parameter."""
        error = np.sqrt(np.maximum(np.diag(self.vcov), 0.0))
        theta, reach = self.solution.theta, norm.ppf(0.975)
        with np.errstate(divide="ignore", invalid="ignore"):
            p_value = 2 * norm.sf(np.abs(theta / error))
        return pd.DataFrame(
            {
                "estimate": theta,
                "std_error": error,
                "conf_low": theta - reach * error,
                "conf_high": theta + reach * error,
                "p_value": p_value,
            },
            index=pd.Index(self.layout.names, name="parameter"),
        )

    @property
    def loadings(self) -> np.ndarray:
        """Standardised loadings by group, shape (groups, p, m)."""
        return _standard_loadings(self.layout.fill(self.solution.theta), self.moments)

    @property
    def loading_errors(self) -> np.ndarray:
        """Standard errors of the standardised loadings, shape (groups, p, m)."""
        theta, spread = self.solution.theta, self.vcov
        shape = self.loadings.shape
        slopes = np.empty((np.prod(shape), len(theta)))
        for j in range(len(theta)):
            step = np.zeros(len(theta))
            step[j] = SLIGHT
            up, down = (
                _standard_loadings(self.layout.fill(theta + way * step), self.moments)
                for way in (1, -1)
            )
            slopes[:, j] = (up - down).ravel() / (2 * SLIGHT)
        return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", slopes, spread, slopes)).reshape(shape))

    @property
    def factor_correlations(self) -> np.ndarray:
        """By group, shape (groups, m, m)."""
        cov = self.layout.fill(self.solution.theta)["factor_cov"]
        root = np.sqrt(np.diagonal(cov, axis1=1, axis2=2))
        return np.asarray(cov / (root[:, :, None] * root[:, None, :]))

    @property
    def fits_well(self) -> bool:
        """Whether it meets CFI .95, RMSEA .06 and SRMR .08 (Hu and Bentler 1999)."""
        own = self.indices
        cfi = own.cfi_scaled if np.isfinite(own.cfi_scaled) else own.cfi
        rmsea = own.rmsea_scaled if np.isfinite(own.rmsea_scaled) else 0.0
        return bool(cfi >= 0.95 and rmsea <= 0.06 and own.srmr <= 0.08)


def factor_model(
    items: np.ndarray,
    structure: Structure,
    *,
    kind: Items = "continuous",
    groups: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
    scaling: Scaling = "unit_variance",
    equality: Equality | None = None,
) -> FactorFit:
    """Fit a confirmatory factor model.

    Use it to ask whether the items of a scale measure one thing or several. It says nothing about
    whether that thing is a good relationship.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, p)
        Complete responses, in the order of the structure's items, reversed items turned.
    structure : Structure
        From `one_factor`, `correlated_factors` or `bifactor`.
    kind : str
        continuous: maximum likelihood with robust chi-squared and standard errors; right enough
        with five categories or more. ordinal: polychoric correlations by diagonally weighted least
        squares with a mean-and-variance adjusted test.
    groups : array, shape (n,), optional
        A model of several groups, in sorted order; means and variances are told beside the first's.
    clusters : array, shape (n,), optional
        What rows share, as a practitioner. Clusters may reach over groups.
    scaling : str
        unit_variance or marker.
    equality : Equality, optional
        What is equal across groups; nothing by default.

    Returns
    -------
    FactorFit

    Raises
    ------
    DataError
        If items are missing or do not vary, a group is too small, or the columns do not fit the
        structure.

    References
    ----------
    Jöreskog (1969), Psychometrika 34; Muthén, du Toit and Spisic (1997); Yuan and Bentler (2000).
    """
    check_items(items, structure)
    make = ordinal_moments if kind == "ordinal" else continuous_moments
    with one_thread():
        moments = make(items, groups, clusters)
        return fit_structure(moments, structure, scaling, equality or Equality())


def check_items(items: np.ndarray, structure: Structure) -> None:
    """Refuse what no factor model can take."""
    faults = []
    if items.ndim != 2 or items.shape[1] != len(structure.items):
        shape = " x ".join(str(size) for size in items.shape)
        what = f"the items are {shape}, and the structure has {len(structure.items)}"
        raise DataError(what, "items", "give one column for each item of the structure")
    if missing := int(np.isnan(items).any(axis=1).sum()):
        what = f"{missing} of {len(items)} rows lack a response"
        faults.append(Fault(what, "items", "leave them out, and say how many"))
    if faults:
        raise DataError.of(faults)


def fit_structure(
    moments: Moments, structure: Structure, scaling: Scaling, equality: Equality
) -> FactorFit:
    """Fit a structure to moments: what `factor_model` does once it has them."""
    layout, solution = _solve(moments, structure, scaling, equality)
    model = model_test(moments, solution)
    bare = _solve(moments, structure.baseline, scaling, Equality())[1]
    indices = fit_indices(moments, model, model_test(moments, bare), _srmr(moments, solution))
    filled = layout.fill(solution.theta)
    return FactorFit(
        structure=structure,
        equality=equality,
        moments=moments,
        layout=layout,
        solution=solution,
        test=model,
        indices=indices,
        status=_status(moments, solution, filled, layout),
        notes=_notes(moments, model),
    )


def _solve(
    moments: Moments, structure: Structure, scaling: Scaling, equality: Equality
) -> tuple[Layout, Solution]:
    p = moments.items
    if moments.ordinal:
        correlations = np.array([_square(one.vector, p) for one in moments.groups])
        layout = ordinal_layout(
            structure, moments.thresholds, correlations, scaling=scaling, equality=equality
        )
        alike = np.array([equality.holds("residuals", item) for item in structure.items])
        return layout, fit_least_squares(moments, layout, alike)
    means = np.array([one.vector[:p] for one in moments.groups])
    covariances = np.array([_lower(one.vector[p:], p) for one in moments.groups])
    layout = continuous_layout(structure, means, covariances, scaling=scaling, equality=equality)
    return layout, fit_likelihood(moments, layout)


def _square(vector: np.ndarray, p: int) -> np.ndarray:
    matrix = np.eye(p)
    rows, columns = pairs(p)
    matrix[rows, columns] = matrix[columns, rows] = vector[len(vector) - len(rows) :]
    return matrix


def _lower(vector: np.ndarray, p: int) -> np.ndarray:
    matrix = np.empty((p, p))
    rows, columns = np.tril_indices(p)
    matrix[rows, columns] = matrix[columns, rows] = vector
    return matrix


def _srmr(moments: Moments, found: Solution) -> float:
    """Standardised root mean square residual; means count where there are several groups."""
    p, starts, total = moments.items, moments.starts, 0.0
    low = np.tril_indices(p)
    for g, (share, one) in enumerate(zip(moments.shares, moments.groups, strict=True)):
        gap = found.residual[starts[g] : starts[g + 1]]
        if moments.ordinal:
            count = p * (p - 1) // 2
            total += share * np.sqrt((gap[-count:] ** 2).sum() / (count + p))
            continue
        sd = np.sqrt(np.diag(_lower(one.vector[p:], p)))
        parts = [gap[p:] / (sd[low[0]] * sd[low[1]])]
        if len(moments.groups) > 1:
            parts.append(gap[:p] / sd)
        total += share * np.sqrt((np.concatenate(parts) ** 2).mean())
    return float(total)


def _standard_loadings(filled: dict[str, np.ndarray], moments: Moments) -> np.ndarray:
    loadings, factor_cov = filled["loadings"], filled["factor_cov"]
    factor_sd = np.sqrt(np.diagonal(factor_cov, axis1=1, axis2=2))
    if moments.ordinal:
        item_sd = filled["scales"]
    else:
        common = np.einsum("gik,gkl,gil->gi", loadings, factor_cov, loadings)
        item_sd = np.sqrt(common + filled["residuals"])
    return np.asarray(loadings * factor_sd[:, None, :] / item_sd[:, :, None])


def _status(
    moments: Moments, found: Solution, filled: dict[str, np.ndarray], layout: Layout
) -> tuple[str, ...]:
    troubles = []
    if not found.converged:
        troubles.append("the fit did not converge")
    if moments.ordinal:
        common = np.einsum(
            "gik,gkl,gil->gi", filled["loadings"], filled["factor_cov"], filled["loadings"]
        )
        left = (filled["scales"] ** 2 - common).min(initial=np.inf)
    else:
        left = filled["residuals"].min(initial=np.inf)
    if left <= 0:
        troubles.append("an item has no residual variance left (a Heywood case)")
    smallest = min(np.linalg.eigvalsh(one).min(initial=np.inf) for one in filled["factor_cov"])
    if smallest <= 1e-10:
        troubles.append("factors are correlated by 1 or more: there are fewer of them")
    sizes = np.linalg.eigvalsh(found.bread)
    if len(layout.names) and sizes[0] < 1e-9 * sizes[-1]:
        troubles.append("the data do not tell all parameters apart")
    return tuple(troubles)


def _notes(moments: Moments, model: ModelTest) -> tuple[str, ...]:
    notes = []
    if moments.ordinal:
        smallest = min(
            np.linalg.eigvalsh(_square(one.vector, moments.items))[0] for one in moments.groups
        )
        if smallest <= 0:
            notes.append(
                "The matrix of polychoric correlations is not positive definite; the fit rests on "
                "its entries one by one and is possible all the same."
            )
    if model.plain.df <= 0:
        notes.append("The model has as many parameters as moments: it fits whatever the data say.")
    clusters = moments.n_clusters
    if clusters < moments.n and clusters < FEW_CLUSTERS:
        notes.append(f"Only {clusters} practitioners: tests that allow for them are rough.")
    return tuple(notes)
