"""`fit_panel`: from a formula and the waves of clients to a fit."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.coding import used_columns
from deepvalue_stats.models.design import build_design
from deepvalue_stats.models.dynamics.nickell import flagged
from deepvalue_stats.models.fit import ModelFit
from deepvalue_stats.models.panel.estimators import (
    ConditionalLogit,
    Estimator,
    WithinBetween,
    as_estimator,
)
from deepvalue_stats.models.panel.layout import panel_layout
from deepvalue_stats.models.panel.least_squares import CORRECTIONS, Correction
from deepvalue_stats.models.panel.linear import Asked, fit_linear


def fit_panel(
    formula: str,
    data: pd.DataFrame,
    *,
    client: str = "client",
    time: str,
    estimator: str | Estimator,
    covariance: str | None = None,
    correction: Correction | None = None,
    missing: Literal["raise", "drop"] = "raise",
    practitioner: str = "practitioner",
) -> ModelFit:
    """Fit a model of clients who were seen in several waves.

    For whether a client does better when the relationship is better (within, first_difference,
    conditional_logit), whether clients with better relationships do better (between), or both side
    by side (within_between). Not for effects that carry over from one wave to the next, nor for
    the outcome of the wave before among the terms: within a few waves that is biased, and the fit's
    convergence says by how much (use `fit_dynamic`).

    Parameters
    ----------
    formula : str
        `outcome ~ terms`. A linear estimator of an outcome of 0 and 1 is a linear probability
        model: its coefficients are differences in risk.
    data : pandas.DataFrame
        One row for each client and wave.
    client, time : str
        Columns of clients and waves; time is a number, a date or an ordered category.
    estimator : str or Estimator
        pooled, within, between, first_difference, random, within_between or conditional_logit; or
        one of the classes of `panel.estimators`, as `Within(time_effects=True)`, for its options.
    covariance : str, optional
        cluster:<column>, or model (rows independent; the inverse information of a logit). When
        left out, clustered by client; of a conditional logit, model.
    correction : str, optional
        Small-sample factor of a clustered covariance of m transformed rows, p coefficients and G
        clusters: sss, G/(G-1) x (m-1)/(m-p), as Stata's xtreg and plm's "sss", the default; HC1,
        m/(m-p); HC0, none, as always of a conditional logit; HC3, none, but residuals divided by
        1 - leverage. Effects of clients and waves that were taken out are not counted in p (as in
        plm) where every client lies within one cluster, and are where some do not. A difference
        belongs to the cluster of its later wave.
    missing : str
        raise, or drop (counted in `design.dropped`).
    practitioner : str
        Column by which practitioners are counted, where the data have it.

    Returns
    -------
    ModelFit
        A `PanelFit`, with the layout of the panel, shares of clients for whom each variable
        changes, and what was left out; a `MultilevelFit` for within_between of an outcome of 0 and
        1, a logit. Intervals use t with G - 1 degrees of freedom if clustered, otherwise rows less
        coefficients and absorbed effects (within_between: clients less one); of a conditional
        logit with the covariance of the model, the normal distribution.

    Raises
    ------
    ModelError
        If a client has two rows at one time, time has no order, there is one wave only or nothing
        changes for any client where that is needed, a term is fixed for every client where clients'
        levels are taken out, a term cannot be told apart from others, or the client is a term.

    Notes
    -----
    With y_it = x_it b + a_i + e_it: within takes (y - ybar_i) on (x - xbar_i); first_difference
    y_t - y_(t-1), of adjacent waves of the schedule only, on the same of x, and an intercept is
    then the change that is everybody's; between ybar_i on xbar_i; random y - theta_i ybar_i with
    theta_i = 1 - [s2_e / (s2_e + T_i s2_a)]^1/2. Fixed levels assume that the exposure of a wave
    has nothing to do with the errors of any wave (strict exogeneity); random and between also that
    it has nothing to do with a_i. conditional_logit: P(y_i | sum_t y_it), which needs waves that
    are independent given a_i, and says nothing of clients whose outcome never changes. Clients with
    one wave are left out and counted by estimators that compare a client with itself.

    References
    ----------
    Baltagi (2021), Econometric Analysis of Panel Data, chapters 2 and 9; Arellano (1987), Oxford
    Bulletin of Economics and Statistics 49; Chamberlain (1980), Review of Economic Studies 47;
    Bell, Fairbrother and Jones (2019), Quality and Quantity 53, for the split; Wooldridge (2019),
    Journal of Econometrics 211, for clients' numbers of waves.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> rows = pd.DataFrame({"client": np.repeat(range(200), 3), "wave": np.tile([0, 1, 2], 200)})
    >>> level = rng.normal(size=200)[rows.client]
    >>> rows["rapport"] = level + rng.normal(size=600)
    >>> rows["hours"] = 20 + 2 * rows.rapport - 3 * level + rng.normal(size=600)
    >>> fit = fit_panel("hours ~ rapport", rows, time="wave", estimator="within")
    >>> round(float(fit.params[0]), 1), int(fit.dof)
    (2.0, 199)
    """
    chosen = as_estimator(estimator)
    _refuse_client_term(formula, client, chosen)
    asked_for = _covariance(covariance, client, chosen)
    cluster = asked_for.removeprefix("cluster:") if asked_for != "model" else client
    needed = tuple(dict.fromkeys((client, time, cluster)))
    design = build_design(formula, data, missing=missing, needed=needed)
    layout = panel_layout(design.frame, client=client, time=time)
    bare = design.without_constant()
    if not bare.terms:
        raise ModelError("the formula has no term", formula, "add the exposure")
    changing = layout.changing(np.column_stack([design.response, bare.matrix]))
    shares = map(float, layout.changers(changing))
    roles = {"client": client, "practitioner": practitioner}
    asked = Asked(
        formula=formula,
        design=design,
        layout=layout,
        covariance=asked_for,
        correction=_correction(correction, asked_for, chosen, design.response),
        ids={role: column for role, column in roles.items() if column in data},
        changers=dict(zip((design.outcome, *bare.terms), shares, strict=True)),
    )
    if isinstance(chosen, ConditionalLogit):
        # compiled loops load a compiler, which the other estimators have no use for
        from deepvalue_stats.models.panel.odds import fit_conditional

        return fit_conditional(asked, chosen)
    if isinstance(chosen, WithinBetween):
        from deepvalue_stats.models.panel.within_between import fit_within_between

        return fit_within_between(asked, chosen, practitioner)
    return flagged(fit_linear(asked, chosen))


def _covariance(covariance: str | None, client: str, estimator: Estimator) -> str:
    """What was asked for, or the estimator's own."""
    if covariance is None:
        return "model" if isinstance(estimator, ConditionalLogit) else f"cluster:{client}"
    if covariance != "model" and not covariance.startswith("cluster:"):
        raise ModelError(
            f"no covariance '{covariance}'", "covariance", "use model or cluster:<column>"
        )
    return covariance


def _correction(
    correction: Correction | None, covariance: str, estimator: Estimator, response: np.ndarray
) -> Correction:
    """The factor asked for, refused where it would be passed over."""
    if correction is None:
        return "sss"
    if correction not in CORRECTIONS:
        raise ModelError(
            f"no correction '{correction}'", "correction", f"use one of {', '.join(CORRECTIONS)}"
        )
    logit = isinstance(estimator, ConditionalLogit) or (
        isinstance(estimator, WithinBetween) and bool(np.isin(response, (0.0, 1.0)).all())
    )
    if covariance == "model" or logit:
        raise ModelError(
            "a correction is for the clustered covariance of a linear estimator",
            f"correction={correction!r}",
            "leave it out",
        )
    return correction


def _refuse_client_term(formula: str, client: str, estimator: Estimator) -> None:
    """Clients' own levels are the estimator's business, and as dummies of a logit they mislead."""
    if client not in used_columns(formula.partition("~")[2], formula):
        return
    raise ModelError(
        f"the client ('{client}') is a term of the formula",
        formula,
        f"take it out: '{estimator.name}' does with clients' levels what it says; use within for a "
        "linear model, and conditional_logit for odds, for dummies of clients in a logit make "
        "odds ratios too large (with two waves the log odds ratio is doubled)",
    )
