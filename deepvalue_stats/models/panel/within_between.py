"""The split of an exposure into a client's mean and the distance from it, as a fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.design import Design, build_design
from deepvalue_stats.models.fit import Convergence, ModelFit, ModelSpec
from deepvalue_stats.models.link import IDENTITY
from deepvalue_stats.models.multilevel.fitting import fit_multilevel
from deepvalue_stats.models.panel.components import VarianceComponents
from deepvalue_stats.models.panel.estimators import WithinBetween
from deepvalue_stats.models.panel.fit import PanelFit
from deepvalue_stats.models.panel.layout import PanelLayout
from deepvalue_stats.models.panel.least_squares import least_squares
from deepvalue_stats.models.panel.linear import Asked, clustered
from deepvalue_stats.models.panel.transform import quasi_rows
from deepvalue_stats.tables import read_only

WAVES = "client_waves"
_TOKEN = re.compile(r"`[^`]+`|[A-Za-z_][\w.]*|.", re.DOTALL)


def fit_within_between(asked: Asked, estimator: WithinBetween, practitioner: str) -> ModelFit:
    """Split exposures at their clients' means, and fit random effects of clients."""
    frame, formula = _split(asked, estimator)
    binary = bool(np.isin(asked.design.response, (0.0, 1.0)).all())
    mixed = f"{formula} + (1 | {_quoted(asked.layout.client)})"
    fit = partial(fit_multilevel, client=asked.layout.client, practitioner=practitioner)
    if binary:
        points = estimator.quadrature_points
        return fit(mixed, frame, quadrature_points=points, covariance=asked.covariance)
    levels = fit(mixed, frame, family="gaussian")
    client, residual = (float(levels.theta[0]) * levels.sigma) ** 2, levels.sigma**2
    components = VarianceComponents("reml", client, residual, levels.convergence.singular)
    return _linear(asked, formula, build_design(formula, frame), components, levels.convergence)


def _linear(
    asked: Asked,
    formula: str,
    design: Design,
    components: VarianceComponents,
    convergence: Convergence,
) -> PanelFit:
    """Generalised least squares at variances that the restricted likelihood has found."""
    layout = asked.layout
    rows = quasi_rows(layout, design.response, design.matrix, components.shares(layout.rows))
    found = least_squares(rows.matrix, rows.response)
    fit = PanelFit(
        spec=ModelSpec(formula, "gaussian", (layout.client,), WithinBetween.name, asked.covariance),
        terms=design.terms,
        params=found.params,
        covariance=read_only(found.unscaled * components.residual),
        dof=float(layout.n_clients - 1),
        link=IDENTITY,
        design=design,
        n_groups={layout.client: layout.n_clients},
        ids=asked.ids,
        convergence=convergence,
        loglik=-convergence.objective,
        slopes=read_only(rows.back(found.residuals)),
        layout=layout,
        changers=asked.changers,
        residual_dof=float(len(rows.response) - len(design.terms)),
        rss=found.rss,
        components=components,
    )
    return fit if asked.covariance == "model" else clustered(fit, found, rows, asked)


def _split(asked: Asked, estimator: WithinBetween) -> tuple[pd.DataFrame, str]:
    """The rows with the new columns, and the formula in them."""
    frame, layout = asked.design.frame, asked.layout
    outcome, _, right = asked.formula.partition("~")
    names = _chosen(asked, estimator, right)
    columns, words = _new_columns(frame, layout, names, estimator.powers)
    count = not layout.balanced if estimator.wave_count is None else estimator.wave_count
    if count:
        columns[WAVES] = layout.rows[layout.clients].astype("float64")
    clash = [name for name in columns if name in frame]
    if clash:
        raise ModelError(
            f"the data have columns already that the split would make: {', '.join(clash)}",
            asked.formula,
            "rename them, or fit what is split already with fit_multilevel",
        )
    formula = f"{outcome.strip()} ~ {_rewritten(right.strip(), words, asked.formula)}"
    return frame.assign(**columns), formula + (f" + {WAVES}" if count else "")


def _chosen(asked: Asked, estimator: WithinBetween, right: str) -> tuple[str, ...]:
    frame, layout = asked.design.frame, asked.layout
    used = [token.strip("`") for token, inside in _tokens(right) if not inside]
    numbers = [
        name
        for name in dict.fromkeys(used)
        if name in frame and pd.api.types.is_numeric_dtype(frame[name]) and name != layout.time
    ]
    changes = {
        name: bool(layout.changing(frame[name].to_numpy(dtype="float64")[:, None]).any())
        for name in numbers
    }
    asked_for = tuple(estimator.split or [name for name in numbers if changes[name]])
    faults = [
        Fault(
            f"'{name}' cannot be split: it is no number of the formula that changes for a client",
            asked.formula,
            "name numeric columns that stand in the formula themselves",
        )
        for name in asked_for
        if not changes.get(name, False)
    ]
    if faults:
        raise ModelError.of(faults)
    if not asked_for:
        raise ModelError(
            "no number of the formula changes for any client, so there is nothing to split",
            asked.formula,
            "use estimator='between'",
        )
    return asked_for


def _new_columns(
    frame: pd.DataFrame, layout: PanelLayout, names: Sequence[str], powers: int
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Distances, means and their powers; and for each name the terms that take its place."""
    columns: dict[str, np.ndarray] = {}
    words = {}
    for name in names:
        values = frame[name].to_numpy(dtype="float64")
        mean = layout.means(values[:, None])[layout.clients, 0]
        made = {f"{name}_within": values - mean, f"{name}_between": mean}
        made |= {f"{name}_between_{power}": mean**power for power in range(2, powers + 1)}
        columns |= made
        words[name] = f"({' + '.join(_quoted(new) for new in made)})"
    return columns, words


def _rewritten(right: str, words: dict[str, str], formula: str) -> str:
    """The terms with each split column replaced; within a function it cannot be."""
    out = []
    for token, inside in _tokens(right):
        name = token.strip("`")
        if name in words and inside:
            raise ModelError(
                f"'{name}' stands within a function, which cannot be split",
                formula,
                "make the function's value a column of its own",
            )
        out.append(words.get(name, token))
    return "".join(out)


def _tokens(right: str) -> list[tuple[str, bool]]:
    """Pieces of a formula, and whether each lies within the brackets of a function."""
    found: list[tuple[str, bool]] = []
    calls: list[bool] = []
    before = ""
    for token in _TOKEN.findall(right):
        if token == "(":
            calls.append(bool(re.fullmatch(r"[A-Za-z_][\w.]*", before)))
        found.append((token, any(calls)))
        if token == ")" and calls:
            calls.pop()
        before = token
    return found


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"`{name}`"
