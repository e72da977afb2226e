"""`fit_dynamic`: an outcome given the one before it, with the initial condition held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.coding import record_coding, used_columns
from deepvalue_stats.models.design import Design, build_design, dependent_columns, sides
from deepvalue_stats.models.dynamics.initial import (
    Gaps,
    InitialCondition,
    initial_condition,
    levels_of,
)
from deepvalue_stats.models.dynamics.waves import ONE_WAY, one_way
from deepvalue_stats.models.fit import ModelFit
from deepvalue_stats.models.multilevel.fitting import fit_multilevel
from deepvalue_stats.models.panel.layout import PanelLayout, panel_layout

# points of the quadrature over clients
POINTS = 15


@dataclass(frozen=True)
class DynamicFit:
    """A model of an outcome given the one before it.

    Attributes
    ----------
    fit : ModelFit
        A random intercept of clients; `average_effect(fit, exposure)` is the effect within
        clients, given the outcome before.
    exposure : str
    previous, initial : str
        Columns of the outcome of the wave before, and of the client's first wave.
    levels : tuple of str
        Columns of the first wave and of the mean of the later ones, of all that changes.
    left_out : tuple of str
        Such columns that the other terms explain, which are no terms.
    not_levelled : tuple of str
        Categories that change for some client: they stand in the model as they are.
    lost : mapping of str to int
        Rows that are not in the fit, by reason.
    seen_once : int
        Clients with one wave only, of whom nothing can be said here.
    rows_a_client : float
    """

    fit: ModelFit
    exposure: str
    previous: str
    initial: str
    levels: tuple[str, ...]
    left_out: tuple[str, ...]
    not_levelled: tuple[str, ...]
    lost: Mapping[str, int]
    seen_once: int
    rows_a_client: float

    @property
    def table(self) -> pd.DataFrame:
        """The exposure, the outcome before and the first outcome, on the link scale.

        Columns: term, what, and those of `coefficients`.
        """
        told = {
            self.exposure: "exposure, within the client and given the outcome before",
            self.previous: "outcome of the wave before (state dependence)",
            self.initial: "outcome of the first wave (initial condition)",
        }
        known = [term for term in told if term in self.fit.terms]
        rows = self.fit.coefficients.loc[known].rename_axis("term").reset_index()
        rows.insert(1, "what", [told[term] for term in known])
        return rows


def fit_dynamic(
    formula: str,
    data: pd.DataFrame,
    *,
    exposure: str,
    client: str = "client",
    time: str,
    gaps: Gaps = "skip",
    covariance: str = "model",
    quadrature_points: int = POINTS,
    missing: Literal["raise", "drop"] = "raise",
    practitioner: str = "practitioner",
) -> DynamicFit:
    """Fit an outcome given the same client's outcome at the wave before.

    For whether the relationship still goes with the outcome once what the client already had is
    held: an outcome that lasts makes yesterday's good relationship look like today's. Three waves
    of the same clients at least. Not for outcomes that are there for good once they have happened:
    those have a clock (`fit_hazard`).

    Parameters
    ----------
    formula : str
        `outcome ~ exposure + covariates`, without anything of other waves: the terms that a
        dynamic model needs are added. An outcome of 0 and 1 gets a logit, a number a linear model.
    data : pandas.DataFrame
        One row for each client and wave.
    exposure : str
        A numeric column of the formula that changes for clients.
    client, time : str
        Columns of clients and waves; time is a number, a date or an ordered category.
    gaps : str
        The outcome before is that of the wave of the schedule directly before, and of no other.
        skip: only the row straight after a missed wave is lost. stop: all the client's rows after
        it are, for what then begins again has an initial condition that is not held.
    covariance : str
        model, or cluster:<column> for the sandwich (of a logit).
    quadrature_points : int
        Of the logit, over clients.
    missing : str
        raise, or drop; a wave with a missing value is then a missed wave.
    practitioner : str
        Column by which practitioners are counted, where the data have it.

    Returns
    -------
    DynamicFit

    Raises
    ------
    ModelError
        If the exposure is no number of the formula or changes for nobody, columns of the names to
        be made are there already, no client has three waves on end, the outcome never changes from
        one wave to the next, or the client is a term; and as `fit_multilevel`.

    Notes
    -----
    g(E y_it) = x_it b + rho y_i,t-1 + a_0 y_i0 + x_i0 c_0 + xbar_i c_1 + u_i with u_i normal: the
    client's own level is taken apart into the first outcome, the first wave's covariates and the
    means of the later ones, and what is left of it. b is then what goes with a change of the
    exposure within a client, given the outcome before, and rho the state dependence. It assumes
    that the exposure of any wave has nothing to do with what the outcome of another wave left
    unexplained (see `lead_placebo`), that what is left of the level is normal and has nothing to do
    with the exposures, and that only the wave directly before carries over. Means are over the
    rows of the fit.

    References
    ----------
    Wooldridge (2005), Journal of Applied Econometrics 20, equations 9 and 10; Rabe-Hesketh and
    Skrondal (2013), Economics Letters 120, for the first wave's covariates beside the means of the
    later ones, without which short panels are biased.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> rows = pd.DataFrame({"client": np.repeat(range(300), 4), "wave": np.tile(range(4), 300)})
    >>> rows["rapport"] = rng.normal(size=1200)
    >>> rows["hours"] = 2 * rows.rapport + rng.normal(size=300)[rows.client] + rng.normal(size=1200)
    >>> found = fit_dynamic("hours ~ rapport", rows, exposure="rapport", time="wave")
    >>> round(float(found.table["estimate"][0]), 1), found.lost
    (2.0, {'first wave, used up as the initial condition': 300})
    """
    _refuse_options(formula, exposure, client, gaps)
    right = sides(formula)[1]
    used = used_columns(right, formula)
    design = build_design(formula, data, missing=missing, needed=(client, time))
    layout = panel_layout(design.frame, client=client, time=time)
    start = initial_condition(layout, design.response, gaps)
    numbers, categories = _changing(design, layout, [name for name in used if name != time])
    _refuse_unfit(formula, exposure, numbers, design, layout, start)
    columns = _columns(design, layout, start, numbers)
    clash = [name for name in columns if name in design.frame]
    if clash:
        raise ModelError(
            f"the data have columns already that a dynamic model makes: {', '.join(clash)}",
            formula,
            "rename them, or take them out",
        )
    frame = design.frame.assign(**columns)[start.kept].reset_index(drop=True)
    previous, initial, *levels = columns
    left_out = _explained(f"{right} + {_quoted(previous)} + {_quoted(initial)}", levels, frame)
    kept = [name for name in levels if name not in left_out]
    added = " + ".join(_quoted(name) for name in (previous, initial, *kept))
    binary = bool(np.isin(design.response, (0.0, 1.0)).all())
    options = (
        {"quadrature_points": quadrature_points, "covariance": covariance}
        if binary
        else {"family": "gaussian", "covariance": covariance}
    )
    fit = fit_multilevel(
        f"{formula.strip()} + {added} + (1 | {_quoted(client)})",
        frame,
        client=client,
        practitioner=practitioner,
        **options,
    )
    return DynamicFit(
        fit=fit,
        exposure=exposure,
        previous=previous,
        initial=initial,
        levels=tuple(kept),
        left_out=tuple(left_out),
        not_levelled=tuple(categories),
        lost=start.lost,
        seen_once=start.seen_once,
        rows_a_client=len(frame) / frame[client].nunique(),
    )


def _refuse_options(formula: str, exposure: str, client: str, gaps: str) -> None:
    used = used_columns(sides(formula)[1], formula)
    faults = []
    if gaps not in get_args(Gaps):
        faults.append(Fault(f"no way '{gaps}' with gaps", "gaps", "use skip or stop"))
    if client in used:
        fix = "take it out: clients have an intercept of their own already"
        faults.append(Fault(f"the client ('{client}') is a term of the formula", formula, fix))
    if exposure not in used:
        faults.append(
            Fault(f"the exposure '{exposure}' is no term of the formula", formula, "add it")
        )
    if faults:
        raise ModelError.of(faults)


def _changing(
    design: Design, layout: PanelLayout, used: list[str]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Numbers that change for some client, with their values, and categories that do."""
    numbers, categories = {}, []
    for name in used:
        column = design.frame[name]
        numeric = pd.api.types.is_numeric_dtype(column)
        values = (
            column.to_numpy(dtype="float64")
            if numeric
            else pd.factorize(column)[0].astype("float64")
        )
        if not layout.changing(values[:, None]).any():
            continue
        if numeric:
            numbers[name] = values
        else:
            categories.append(name)
    return numbers, categories


def _refuse_unfit(
    formula: str,
    exposure: str,
    numbers: Mapping[str, np.ndarray],
    design: Design,
    layout: PanelLayout,
    start: InitialCondition,
) -> None:
    faults = []
    if exposure not in numbers:
        what = f"the exposure '{exposure}' is not a number that changes for some client"
        fix = "give a score that is taken at every wave; of what is fixed use fit_multilevel"
        faults.append(Fault(what, formula, fix))
    kept = layout.clients[start.kept]
    if np.bincount(kept, minlength=1).max(initial=0) < 2:
        faults.append(
            Fault(
                "no client has three waves on end, so what lasts cannot be told from what a client "
                "is like",
                f"{layout.client}, {layout.time}",
                "add waves, or put waves together that are close",
            )
        )
    found = one_way(layout, design.response)
    if found:
        what = f"'{design.outcome}' changes one way only in these data: {ONE_WAY[found]}"
        fix = "use a clock (fit_hazard) with the exposure before each period"
        faults.append(Fault(what, formula, fix))
    elif (design.response[start.kept] == start.previous[start.kept]).all():
        faults.append(
            Fault(
                f"'{design.outcome}' never changes from one wave to the next",
                formula,
                "there is nothing to explain beside the outcome before",
            )
        )
    if faults:
        raise ModelError.of(faults)


def _columns(
    design: Design,
    layout: PanelLayout,
    start: InitialCondition,
    numbers: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Outcome before and first, then of each number the first wave and the mean of the later."""
    columns = {
        f"{design.outcome}_previous": start.previous,
        f"{design.outcome}_initial": start.initial,
    }
    for name, values in numbers.items():
        first, later = levels_of(layout, values, start.kept)
        columns |= {f"{name}_initial": first, f"{name}_later": later}
    return columns


def _explained(terms: str, levels: list[str], frame: pd.DataFrame) -> list[str]:
    """Levels that the terms before them explain, as an age that everybody's wave tells."""
    matrix = record_coding(terms, frame, terms)[1]
    found = dependent_columns(np.column_stack([matrix, frame[levels].to_numpy(dtype="float64")]))
    return [name for name, hit in zip(levels, found[matrix.shape[1] :], strict=True) if hit]


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"`{name}`"
