"""The linear estimators of a panel, as fits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.design import Design, dependent_columns
from deepvalue_stats.models.fit import Convergence, ModelSpec, SpeaksOf
from deepvalue_stats.models.link import IDENTITY
from deepvalue_stats.models.panel.components import VarianceComponents, variance_components
from deepvalue_stats.models.panel.estimators import (
    Between,
    FirstDifference,
    Pooled,
    Random,
    Within,
)
from deepvalue_stats.models.panel.fit import LeftOut, PanelFit
from deepvalue_stats.models.panel.layout import PanelLayout, panel_layout, refuse_unchanging
from deepvalue_stats.models.panel.least_squares import Correction, LeastSquares, least_squares
from deepvalue_stats.models.panel.transform import (
    Transformed,
    between_rows,
    difference_rows,
    pairs_of,
    pooled_rows,
    quasi_rows,
    within_rows,
)
from deepvalue_stats.tables import read_only

# a transformed column shorter than this share of the column itself is nothing but rounding
NOTHING = 1e-9


@dataclass(frozen=True)
class Asked:
    """What all estimators need to know.

    Attributes
    ----------
    formula : str
    design : Design
        Of all complete rows, with its intercept.
    layout : PanelLayout
        Of the same rows.
    covariance : str
        model, or cluster:<column>.
    correction : str
    ids : dict of str to str
    changers : dict of str to float
    """

    formula: str
    design: Design
    layout: PanelLayout
    covariance: str
    correction: Correction
    ids: dict[str, str]
    changers: dict[str, float]


Linear = Pooled | Within | Between | FirstDifference | Random


def fit_linear(asked: Asked, estimator: Linear) -> PanelFit:
    """Least squares of a panel's rows, transformed as the estimator asks for."""
    if np.ptp(asked.design.response) == 0:
        raise ModelError(
            f"'{asked.design.outcome}' is the same in all {len(asked.design.response)} rows",
            asked.formula,
            "there is nothing to explain: check the outcome's definition and the flow",
        )
    if isinstance(estimator, Within | FirstDifference):
        asked, left_out, pairs = _rows_within(asked, estimator)
    else:
        left_out, pairs = LeftOut(), None
    design, layout = asked.design, asked.layout
    y, x = design.response, design.matrix
    components = None
    if isinstance(estimator, Within):
        rows = within_rows(layout, y, x, time_effects=estimator.time_effects)
    elif isinstance(estimator, FirstDifference) and pairs is not None:
        constant = design.terms.index("Intercept") if "Intercept" in design.terms else -1
        rows = difference_rows(y, x, pairs, constant)
    elif isinstance(estimator, Between):
        rows = between_rows(layout, y, x)
    elif isinstance(estimator, Random):
        components = _components(asked, estimator)
        rows = quasi_rows(layout, y, x, components.shares(layout.rows))
    else:
        rows = pooled_rows(layout, y, x)
    return linear_fit(asked, rows, estimator, left_out, components)


def linear_fit(
    asked: Asked,
    rows: Transformed,
    estimator: Linear,
    left_out: LeftOut,
    components: VarianceComponents | None,
) -> PanelFit:
    """Least squares of transformed rows, with the covariance asked for."""
    dof = len(rows.response) - rows.matrix.shape[1] - rows.absorbed
    _refuse_dependent(asked, rows, estimator, dof)
    found = least_squares(rows.matrix, rows.response)
    name = estimator.name
    if isinstance(estimator, Within) and estimator.time_effects:
        name = "within two-way"
    knows_levels = not isinstance(estimator, Within | FirstDifference)
    fit = PanelFit(
        spec=ModelSpec(
            asked.formula, _family(asked.design), (asked.layout.client,), name, asked.covariance
        ),
        terms=asked.design.terms,
        params=found.params,
        covariance=read_only(found.classical(dof)),
        dof=float(dof),
        link=IDENTITY,
        design=asked.design,
        n_groups={asked.layout.client: asked.layout.n_clients},
        ids=asked.ids,
        convergence=_solved(components, found),
        loglik=np.nan,
        slopes=read_only(rows.back(found.residuals)),
        speaks_of=_speaks(knows_levels),
        layout=asked.layout,
        changers=asked.changers,
        left_out=left_out,
        residual_dof=float(dof),
        rss=found.rss,
        components=components,
        estimator=estimator,
        correction=asked.correction,
    )
    if asked.covariance == "model":
        return fit
    return clustered(fit, found, rows, asked, one_row=isinstance(estimator, Between))


def clustered(
    fit: PanelFit, found: LeastSquares, rows: Transformed, asked: Asked, *, one_row: bool = False
) -> PanelFit:
    """The same fit with a covariance for rows that depend on each other within clusters."""
    each = cluster_labels(asked, one_row=one_row)
    across = rows.absorbed > 0 and _spread_over(asked, each)
    labels, known = pd.factorize(each[rows.rows])
    absorbed = rows.absorbed if across else 0
    return replace(
        fit,
        covariance=read_only(found.clustered(labels, asked.correction, absorbed)),
        dof=float(len(known) - 1),
    )


def cluster_labels(asked: Asked, *, one_row: bool = False) -> np.ndarray:
    """Each row's cluster as integers from 0, refused where there is one only."""
    column = asked.covariance.removeprefix("cluster:")
    labels = asked.design.codes(column)
    if labels.max() < 1:
        raise ModelError(
            f"all rows belong to one {column}, so nothing can be said across them",
            asked.covariance,
            "cluster by a column with more than one value",
        )
    if one_row and _spread_over(asked, labels):
        raise ModelError(
            f"some clients have rows in more than one {column}, and here a client is one row",
            asked.covariance,
            "cluster by a column that is fixed for each client",
        )
    return labels


def _spread_over(asked: Asked, labels: np.ndarray) -> bool:
    """Whether some client has rows in more than one cluster."""
    first = np.empty(asked.layout.n_clients, dtype=labels.dtype)
    first[asked.layout.clients] = labels
    return bool((first[asked.layout.clients] != labels).any())


def _rows_within(
    asked: Asked, estimator: Within | FirstDifference
) -> tuple[Asked, LeftOut, np.ndarray | None]:
    """Rows of which something is known within clients, and for differences the pairs."""
    design, layout = asked.design, asked.layout
    refuse_unchanging(layout, asked.changers, design.outcome, estimator.name)
    if isinstance(estimator, Within):
        kept = layout.rows[layout.clients] > 1
        bare = design.without_constant()
        return _restricted(asked, bare, kept, "clients with one wave only", 0)
    spanned = estimator.gaps == "span"
    pairs = pairs_of(layout, spanned=spanned)
    if not len(pairs):
        raise ModelError(
            "no client has two adjacent waves of the schedule",
            f"{layout.client}, {layout.time}",
            'use FirstDifference(gaps="span"), or estimator="within"',
        )
    kept = np.zeros(len(layout.clients), dtype=bool)
    kept[pairs] = True
    lost = 0 if spanned else layout.gaps
    moved = np.cumsum(kept) - 1
    restricted, left_out, _ = _restricted(asked, design, kept, "rows in no pair of waves", lost)
    return restricted, left_out, moved[pairs]


def _restricted(
    asked: Asked, design: Design, kept: np.ndarray, reason: str, gaps: int
) -> tuple[Asked, LeftOut, None]:
    layout, before = asked.layout, asked.layout.n_clients
    design = design.where(kept)
    if not kept.all():
        layout = panel_layout(design.frame, client=layout.client, time=layout.time)
    rows = int((~kept).sum())
    left_out = LeftOut(before - layout.n_clients, rows, reason if rows else "", gaps)
    return replace(asked, design=design, layout=layout), left_out, None


def _components(asked: Asked, estimator: Random) -> VarianceComponents:
    design, layout = asked.design, asked.layout
    where = f"estimator {estimator.name}, {estimator.components}"
    if layout.rows.max() < 2:
        raise ModelError(
            "no client has more than one wave, so levels cannot be told from errors",
            where,
            "fit a model of one wave, as fit_logit, or add waves",
        )
    varies = [asked.changers[term] > 0 for term in design.terms if term != "Intercept"]
    if not any(varies):
        raise ModelError(
            "no term varies within clients", where, "use estimator='between', or fit_multilevel"
        )
    if estimator.components == "amemiya" and not all(varies):
        raise ModelError(
            "terms that are fixed for each client would be counted as differences between clients",
            where,
            "use swamy_arora, or leave out the fixed terms",
        )
    needed = design.matrix.shape[1]
    if layout.n_clients <= needed:
        raise ModelError(
            f"{layout.n_clients} clients are too few for {needed} coefficients between them",
            where,
            "use fewer terms",
        )
    return variance_components(layout, design.response, design.matrix, estimator.components)


def _refuse_dependent(asked: Asked, rows: Transformed, estimator: Linear, dof: int) -> None:
    size = np.sqrt(np.mean(asked.design.matrix**2, axis=0))
    nothing = np.sqrt(np.mean(rows.matrix**2, axis=0)) <= NOTHING * size
    found = nothing | dependent_columns(np.where(nothing, 0.0, rows.matrix))
    names = [term for term, hit in zip(asked.design.terms, found, strict=True) if hit]
    if names:
        raise ModelError(
            f"{', '.join(names)} cannot be told apart from the terms before it and what "
            f"'{estimator.name}' takes out",
            asked.formula,
            "take it out",
        )
    if dof < 1:
        raise ModelError(
            f"{len(rows.response)} rows leave no degree of freedom",
            asked.formula,
            "use fewer terms, or more rows",
        )


def _family(design: Design) -> str:
    """A linear model of an outcome of 0 and 1 is one of chances."""
    return "binomial" if np.isin(design.response, (0.0, 1.0)).all() else "gaussian"


def _speaks(knows_levels: bool) -> SpeaksOf:
    return "means" if knows_levels else "differences"


def _solved(components: VarianceComponents | None, found: LeastSquares) -> Convergence:
    at_zero = components is not None and components.at_zero
    message = "no variance between clients beyond that of their rows" if at_zero else ""
    return Convergence("ok", 1, found.rss, 0.0, at_zero, message)
