"""The conditional logit of a panel, as a fit."""

from __future__ import annotations

import numpy as np

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.design import dependent_columns
from deepvalue_stats.models.fit import Convergence, ModelSpec
from deepvalue_stats.models.link import LOGIT
from deepvalue_stats.models.multilevel.separation import separated_terms
from deepvalue_stats.models.panel.conditional import (
    ConditionalLogit,
    Strata,
    build_strata,
    conditional_logit,
)
from deepvalue_stats.models.panel.estimators import ConditionalLogit as Conditional
from deepvalue_stats.models.panel.fit import LeftOut, PanelFit
from deepvalue_stats.models.panel.layout import client_sums, panel_layout, refuse_unchanging
from deepvalue_stats.models.panel.linear import Asked, cluster_labels
from deepvalue_stats.tables import read_only

NAME = "conditional_logit"
NOTHING = 1e-9
# a linear predictor that differs so much within a client makes separation likely enough to look
SUSPECT = 14.0
# pairs of waves that the search for separation may look at
MOST_PAIRS = 1_000_000


def fit_conditional(asked: Asked, estimator: Conditional) -> PanelFit:
    """The conditional logit of clients whose outcome changes."""
    bare = asked.design.without_constant()
    _refuse_not_binary(asked)
    refuse_unchanging(asked.layout, asked.changers, bare.outcome, NAME)
    strata = build_strata(bare.matrix, bare.response, asked.layout.clients)
    _refuse_dependent(asked, strata, bare.terms)
    kept = np.zeros(len(bare.response), dtype=bool)
    kept[strata.used] = True
    design = bare.where(kept)
    found = conditional_logit(strata)
    layout = panel_layout(design.frame, client=asked.layout.client, time=asked.layout.time)
    residuals = found.residuals[np.argsort(strata.used)]
    covariance, dof = _covariance(asked, strata, found)
    lost = asked.layout.n_clients - layout.n_clients
    return PanelFit(
        spec=ModelSpec(asked.formula, "binomial", (layout.client,), NAME, asked.covariance),
        terms=design.terms,
        params=found.params,
        covariance=read_only(covariance),
        dof=dof,
        link=LOGIT,
        design=design,
        n_groups={layout.client: layout.n_clients},
        ids=asked.ids,
        convergence=_ended(found, strata, design.terms),
        loglik=found.loglik,
        slopes=read_only(residuals),
        speaks_of="odds",
        layout=layout,
        changers=asked.changers,
        left_out=LeftOut(
            lost, int((~kept).sum()), "clients whose outcome never changes" if lost else ""
        ),
        null_loglik=found.null_loglik,
        estimator=estimator,
    )


def _covariance(asked: Asked, strata: Strata, found: ConditionalLogit) -> tuple[np.ndarray, float]:
    """Inverse information, or the sandwich without a factor; and degrees of freedom.

    Where a client has rows in several clusters, rows' scores are those of covariates centred at
    the client's mean, which sum to the client's own score.
    """
    if asked.covariance == "model":
        return found.covariance, np.inf
    labels = cluster_labels(asked)[strata.used]
    scores = strata.centred * found.residuals[:, None]
    known, labels = np.unique(labels, return_inverse=True)
    if len(known) < 2:
        raise ModelError(
            "all clients whose outcome changes belong to one cluster",
            asked.covariance,
            "cluster by the client",
        )
    summed = client_sums(labels, scores, len(known))
    half = found.covariance @ summed.T
    return half @ half.T, float(len(known) - 1)


def _ended(found: ConditionalLogit, strata: Strata, terms: tuple[str, ...]) -> Convergence:
    status, message = ("ok", "") if found.solved else ("not_converged", "Newton's steps ran out")
    if not found.solved or found.spread > SUSPECT:
        names = _separated(strata, terms)
        if names is None:
            message = message or "linear predictors differ by more than data support"
            status = "not_converged"
        elif names:
            status = "separated"
            message = f"{', '.join(names)} tells perfectly which waves had the outcome (separation)"
    return Convergence(
        status=status,  # type: ignore[arg-type]
        evaluations=found.steps,
        objective=-found.loglik,
        gradient_norm=found.gradient,
        singular=False,
        message=message,
    )


def _separated(strata: Strata, terms: tuple[str, ...]) -> tuple[str, ...] | None:
    """Terms along which every wave with the outcome lies beyond all without; None if too many.

    The likelihood rises for ever along b just where (x_s - x_t) b >= 0 for all waves s with and t
    without the outcome of one client: separation of a logit on these differences.
    """
    sizes = np.diff(strata.starts)
    if (strata.chosen * (sizes - strata.chosen)).sum() > MOST_PAIRS:
        return None
    pieces = []
    for first, last in zip(strata.starts[:-1], strata.starts[1:], strict=True):
        rows = strata.centred[first:last] * strata.sign[first]
        with_it = strata.response[first:last] == 1
        differences = rows[with_it][:, None, :] - rows[~with_it][None, :, :]
        pieces.append(differences.reshape(-1, rows.shape[1]))
    differences = np.concatenate(pieces)
    ones = np.ones(len(differences))
    return separated_terms(differences, ones, ones, terms)


def _refuse_not_binary(asked: Asked) -> None:
    design = asked.design
    values = np.unique(design.response)
    if not np.isin(values, (0.0, 1.0)).all():
        raise ModelError(
            f"'{design.outcome}' has {len(values)} values and must be 0 or 1",
            asked.formula,
            "define the outcome so that it is true or false, or use estimator='within'",
        )


def _refuse_dependent(asked: Asked, strata: Strata, terms: tuple[str, ...]) -> None:
    """A term that changes only for clients whose outcome does not has no odds ratio."""
    size = np.sqrt(np.mean(asked.design.matrix**2, axis=0))[-len(terms) :]
    nothing = np.sqrt(np.mean(strata.centred**2, axis=0)) <= NOTHING * size
    found = nothing | dependent_columns(np.where(nothing, 0.0, strata.centred))
    names = [term for term, hit in zip(terms, found, strict=True) if hit]
    if names:
        raise ModelError(
            f"{', '.join(names)} does not vary by itself within the {len(strata.chosen)} clients "
            "whose outcome changes",
            asked.formula,
            "take it out",
        )
