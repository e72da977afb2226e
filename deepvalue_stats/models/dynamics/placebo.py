"""Whether the next wave's exposure goes with this wave's outcome: the lead placebo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.clusters.adjusted import adjusted_covariance, cluster_sums
from deepvalue_stats.models.coding import columns_in_words, used_columns
from deepvalue_stats.models.design import Design, build_design, dependent_columns, sides
from deepvalue_stats.models.dynamics.waves import ONE_WAY, at_wave, numbers, one_way
from deepvalue_stats.models.panel.fitting import fit_panel
from deepvalue_stats.models.panel.layout import PanelLayout, panel_layout
from deepvalue_stats.models.panel.least_squares import least_squares
from deepvalue_stats.models.student import t_quantile, two_sided
from deepvalue_stats.tables import LEVEL

PlaceboEstimator = Literal["within", "conditional_logit"]
ESTIMATORS = ("within", "conditional_logit")
# a column shorter than this share of itself, once clients' means are out, is nothing but rounding
NOTHING = 1e-9
NO_BEFORE = "no wave directly before with the exposure"
NO_AFTER = "no wave directly after with the exposure"
INCOMPLETE = "outcome, exposure or a covariate missing"
ALONE = "the client's only row that is left"


@dataclass(frozen=True)
class LeadPlacebo:
    """What the next wave's exposure has to do with this wave's outcome, within clients.

    Attributes
    ----------
    outcome, exposure : str
    estimator : str
        within: a difference in the outcome (of one of 0 and 1, in its chance) for one point of the
        exposure. conditional_logit: a difference in log odds.
    estimate, std_error, statistic, df, p_value : float
        Of the exposure at the wave after; `df` is infinite for the normal distribution.
    conf_low, conf_high : float
        95%.
    now, previous : float
        Coefficients of the exposure at the same wave, and at the wave before.
    asymmetry, asymmetry_p : float
        The estimate less `previous`, and the p-value of no difference. Error in ratings makes both
        neighbours in time stand in for the wave itself, and alike; an outcome that moves the next
        rating does not.
    n_rows, n_clients : int
    n_with, n_without : int or None
        Clients with the outcome, and without it, at some of these rows; None unless it is of 0
        and 1.
    lost : mapping of str to int
        Rows lost, by reason, in the order in which they were looked for.
    absorbed : tuple of str
        Terms that what was taken out explains, such as those fixed for every client.
    """

    outcome: str
    exposure: str
    estimator: str
    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    conf_low: float
    conf_high: float
    now: float
    previous: float
    asymmetry: float
    asymmetry_p: float
    n_rows: int
    n_clients: int
    n_with: int | None
    n_without: int | None
    lost: Mapping[str, int]
    absorbed: tuple[str, ...] = ()

    @property
    def row(self) -> dict[str, object]:
        """The numbers as one row of a table."""
        names = (
            "outcome", "exposure", "estimator", "estimate", "std_error", "statistic", "df",
            "p_value", "conf_low", "conf_high", "now", "previous", "asymmetry", "asymmetry_p",
            "n_rows", "n_clients", "n_with", "n_without",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


def lead_placebo(
    formula: str,
    data: pd.DataFrame,
    *,
    exposure: str,
    client: str = "client",
    time: str,
    cluster: str | None = None,
    estimator: PlaceboEstimator = "within",
) -> LeadPlacebo:
    """Ask whether a rating that came too late to matter goes with the outcome all the same.

    For outcomes that can come and go, with three waves or more. If the next wave's rating goes
    with this wave's outcome, given the ratings of this wave and the one before, then outcomes move
    ratings, or something moves both, and no estimate within clients is free of it. Not for
    outcomes that happen once: after those there is no next wave that could be compared.

    Parameters
    ----------
    formula : str
        `outcome ~ exposure + covariates`. Waves' own effects are added.
    data : pandas.DataFrame
        One row for each client and wave; missing values are rows lost, and counted.
    exposure : str
        A numeric column, a term of the formula.
    client, time : str
        Columns of clients and waves.
    cluster : str, optional
        Column within which rows may depend on each other; every client lies within one. The
        client when left out.
    estimator : str
        within: linear, clients' and waves' effects taken out. conditional_logit: log odds, of the
        clients whose outcome changes.

    Returns
    -------
    LeadPlacebo

    Raises
    ------
    ModelError
        If the outcome, once reached or left, never changes again; if no row has a wave before and
        after; or if the exposure of the next wave cannot be told apart from what is taken out.

    Notes
    -----
    y_it = b1 x_i,t+1 + b0 x_it + b-1 x_i,t-1 + z_it g + a_i + w_t + e_it, and b1 = 0 is tested. By
    least squares with a covariance clustered by client, corrected for the leverage of clusters
    (CR2) and with Satterthwaite's degrees of freedom; a linear model of chances needs no
    distribution of a_i, and its test has the size it says (see `bench.lead_placebo`). Leaving out
    x_it takes what persists in ratings for what is wrong; leaving out a_i takes differences
    between clients for it. b1 below 0 is what an outcome that moves the rating of its own wave
    makes, above 0 what one that moves the next rating makes; either way ratings are not strictly
    exogenous. A rating with error leaves some of the effect to its neighbours in time, so with a
    strong effect, many waves and many clients the test fires more often than it should; the
    neighbours then are alike, and `asymmetry_p` is not small.

    References
    ----------
    Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, section 10.7.1, for
    the test of strict exogeneity; Granger (1969), Econometrica 37; Pustejovsky and Tipton (2018),
    Journal of Business and Economic Statistics 36, for the covariance and degrees of freedom.

    Examples
    --------
    >>> from deepvalue_stats.simulate import draw_families
    >>> found = lead_placebo("outcome ~ relationship", draw_families("reverse_caused", 1),
    ...                      exposure="relationship", time="wave")
    >>> found.p_value < 0.001, found.n_clients
    (True, 827)
    """
    if estimator not in ESTIMATORS:
        raise ModelError(
            f"no estimator '{estimator}'", "estimator", f"use one of {', '.join(ESTIMATORS)}"
        )
    rows = _rows(formula, data, exposure, client, time, cluster)
    if estimator == "conditional_logit":
        return _by_odds(rows, exposure)
    return _within(rows, exposure)


@dataclass(frozen=True)
class _Rows:
    """Complete rows with the exposure of three waves, and what was lost on the way."""

    formula: str
    design: Design
    layout: PanelLayout
    exposures: np.ndarray
    cluster: str
    lost: Mapping[str, int]


def _rows(
    formula: str, data: pd.DataFrame, exposure: str, client: str, time: str, cluster: str | None
) -> _Rows:
    outcome, right = sides(formula)
    used = used_columns(right, formula)
    _refuse_terms(formula, (outcome, *used, *([cluster] if cluster else [])), data)
    _refuse_exposure(formula, used, data, exposure, client)
    whole = panel_layout(data, client=client, time=time)
    _refuse_absorbing(whole, data, outcome)
    values = numbers(data[exposure])
    waves = np.column_stack([at_wave(whole, values, step) for step in (1, 0, -1)])
    needed = [outcome, *used, *([cluster] if cluster else [])]
    reasons = {
        NO_BEFORE: np.isnan(waves[:, 2]),
        NO_AFTER: np.isnan(waves[:, 0]),
        INCOMPLETE: data[needed].isna().any(axis=1).to_numpy(),
    }
    kept = np.ones(len(data), dtype=bool)
    lost = {}
    for reason, missing in reasons.items():
        lost[reason] = int((kept & missing).sum())
        kept &= ~missing
    alone = kept & (np.bincount(whole.clients, weights=kept)[whole.clients] < 2)
    lost[ALONE] = int(alone.sum())
    kept &= ~alone
    if not kept.any():
        raise ModelError(
            "no client has two rows with the exposure at the wave before, the same and the next",
            formula,
            "this needs four waves of ratings or more of the same clients",
        )
    frame = data[kept].reset_index(drop=True)
    return _Rows(
        formula=formula,
        design=build_design(formula, frame),
        layout=panel_layout(frame, client=client, time=time),
        exposures=waves[kept],
        cluster=cluster or client,
        lost=lost,
    )


def _refuse_terms(formula: str, names: tuple[str, ...], data: pd.DataFrame) -> None:
    absent = ", ".join(f"'{name}'" for name in dict.fromkeys(names) if name not in data)
    if absent:
        raise ModelError(f"no column {absent}", formula, f"use {columns_in_words(data)}")


def _refuse_exposure(
    formula: str, used: tuple[str, ...], data: pd.DataFrame, exposure: str, client: str
) -> None:
    if exposure not in used:
        raise ModelError(
            f"the exposure '{exposure}' is no term of the formula",
            formula,
            "without its value at the same wave the next wave's stands in for it: add it",
        )
    if not pd.api.types.is_numeric_dtype(data[exposure]):
        raise ModelError(f"the exposure '{exposure}' is not a number", formula, "give a score")
    if client in used:
        raise ModelError(
            f"the client ('{client}') is a term of the formula",
            formula,
            "take it out: clients' own levels are taken out already",
        )


def _refuse_absorbing(layout: PanelLayout, data: pd.DataFrame, outcome: str) -> None:
    """Raise a ModelError for an outcome of 0 and 1 that changes one way only."""
    if not pd.api.types.is_numeric_dtype(data[outcome]):
        return
    found = one_way(layout, numbers(data[outcome]))
    if not found:
        return
    raise ModelError(
        f"'{outcome}' changes one way only in these data: {ONE_WAY[found]}, so there is no later "
        "rating that could be compared",
        outcome,
        "use a clock (fit_hazard) with the exposure before each period, and as a placebo an "
        "outcome that came before the first rating",
    )


def _within(rows: _Rows, exposure: str) -> LeadPlacebo:
    """Least squares of distances from clients' means, waves as dummies."""
    layout, design = rows.layout, rows.design
    columns, names = _columns(rows, exposure)
    distances = columns - layout.means(columns)[layout.clients]
    y = design.response - layout.means(design.response[:, None])[layout.clients, 0]
    nothing = np.sqrt(np.mean(distances**2, axis=0)) <= NOTHING * np.sqrt(
        np.mean(columns**2, axis=0)
    )
    out = nothing | dependent_columns(np.where(nothing, 0.0, distances))
    _refuse_still(rows, exposure, out, y)
    matrix = distances[:, ~out]
    found = least_squares(matrix, y)
    labels = _cluster_labels(rows)
    told = adjusted_covariance(cluster_sums(matrix, found.residuals, labels), "kauermann_carroll")
    contrasts = np.zeros((2, matrix.shape[1]))
    contrasts[:, 0], contrasts[1, 2] = 1.0, -1.0
    errors = np.sqrt(np.einsum("kp,pq,kq->k", contrasts, told.covariance, contrasts))
    degrees = told.degrees(contrasts)
    if not errors[0] > 0 or not np.isfinite(degrees[0]):
        raise ModelError(
            f"'{exposure}' of the next wave is told by one {rows.cluster} alone",
            rows.formula,
            "there are too few clients for this question",
        )
    fixed = tuple(
        name for name, gone in zip(names, out, strict=True) if gone and not name.startswith("wave ")
    )
    return _result(rows, exposure, "within", found.params[:3], errors, degrees, fixed)


def _columns(rows: _Rows, exposure: str) -> tuple[np.ndarray, list[str]]:
    """Next, same and last exposure, waves but the first, and the formula's other terms."""
    layout, design = rows.layout, rows.design
    waves = (layout.waves[:, None] == np.arange(1, len(layout.schedule))).astype("float64")
    others = [i for i, term in enumerate(design.terms) if term not in ("Intercept", exposure)]
    names = [f"{exposure} of the next wave", exposure, f"{exposure} of the wave before"]
    names += [f"wave {place}" for place in range(1, len(layout.schedule))]
    names += [design.terms[i] for i in others]
    return np.column_stack([rows.exposures, waves, design.matrix[:, others]]), names


def _refuse_still(rows: _Rows, exposure: str, out: np.ndarray, y: np.ndarray) -> None:
    if not np.abs(y).max() > NOTHING * np.abs(rows.design.response).max():
        raise ModelError(
            f"'{rows.design.outcome}' never changes for any client",
            rows.formula,
            "nothing within clients can be asked of it",
        )
    if out[:3].any():
        raise ModelError(
            f"'{exposure}' of three waves cannot be told apart within clients",
            rows.formula,
            "it changes too little, or for too few clients",
        )


def _cluster_labels(rows: _Rows) -> np.ndarray:
    labels = rows.design.codes(rows.cluster)
    first = np.empty(rows.layout.n_clients, dtype=labels.dtype)
    first[rows.layout.clients] = labels
    if (first[rows.layout.clients] != labels).any():
        raise ModelError(
            f"some clients have rows in more than one {rows.cluster}",
            f"cluster={rows.cluster!r}",
            "cluster by the client, or by a column that is fixed for each client",
        )
    if labels.max() < 1:
        raise ModelError(
            f"all rows belong to one {rows.cluster}, so nothing can be said across them",
            f"cluster={rows.cluster!r}",
            "cluster by a column with more than one value",
        )
    return labels


def _by_odds(rows: _Rows, exposure: str) -> LeadPlacebo:
    """The conditional logit, with fit_panel's own refusals."""
    layout = rows.layout
    later, before = f"{exposure}__next", f"{exposure}__previous"
    added = {later: rows.exposures[:, 0], before: rows.exposures[:, 2]}
    frame = rows.design.frame.assign(**added)
    timed = layout.time in used_columns(rows.formula.partition("~")[2], rows.formula)
    formula = f"{rows.formula} + `{later}` + `{before}`" + (
        "" if timed else f" + C(`{layout.time}`)"
    )
    fit = fit_panel(
        formula,
        frame,
        client=layout.client,
        time=layout.time,
        estimator="conditional_logit",
        covariance=f"cluster:{rows.cluster}",
    )
    if fit.convergence.status != "ok":
        raise ModelError(
            f"the conditional logit has no answer: {fit.convergence.message}",
            rows.formula,
            'use estimator="within"',
        )
    at = [fit.terms.index(name) for name in (later, exposure, before)]
    lost = {**rows.lost, "the client's outcome never changes": len(frame) - fit.n_obs}
    own = fit.covariance[np.ix_(at, at)]
    errors = np.sqrt([own[0, 0], own[0, 0] + own[2, 2] - 2 * own[0, 2]])
    degrees = np.full(2, fit.dof)
    told = _result(rows, exposure, "conditional_logit", fit.params[at], errors, degrees, ())
    return replace(told, n_rows=fit.n_obs, n_clients=fit.n_groups[layout.client], lost=lost)


def _sides(rows: _Rows) -> tuple[int, int] | tuple[None, None]:
    """Clients with and without an outcome of 0 and 1."""
    response, clients = rows.design.response, rows.layout.clients
    if not np.isin(response, (0.0, 1.0)).all():
        return None, None
    had, had_not = (len(np.unique(clients[response == value])) for value in (1.0, 0.0))
    return had, had_not


def _result(
    rows: _Rows,
    exposure: str,
    estimator: str,
    params: np.ndarray,
    errors: np.ndarray,
    degrees: np.ndarray,
    absorbed: tuple[str, ...],
) -> LeadPlacebo:
    """Of the next wave's exposure, and of how it differs from that of the wave before."""
    later, now, before = map(float, params)
    statistics = np.array([later, later - before]) / errors
    p_value, asymmetry_p = map(float, two_sided(statistics, degrees))
    error, df = float(errors[0]), float(degrees[0])
    half = float(t_quantile((1 + LEVEL) / 2, df)) * error
    had, had_not = _sides(rows)
    return LeadPlacebo(
        outcome=rows.design.outcome,
        exposure=exposure,
        estimator=estimator,
        estimate=later,
        std_error=error,
        statistic=float(statistics[0]),
        df=df,
        p_value=p_value,
        conf_low=later - half,
        conf_high=later + half,
        now=now,
        previous=before,
        asymmetry=later - before,
        asymmetry_p=asymmetry_p,
        n_rows=len(rows.design.response),
        n_clients=rows.layout.n_clients,
        n_with=had,
        n_without=had_not,
        lost=rows.lost,
        absorbed=absorbed,
    )
