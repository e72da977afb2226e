"""Fine and Gray's model: how covariates move the share who ever leave by one cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal, NoReturn

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.duration.cox import (
    CoxFit,
    convergence_of,
    fit_cox,
    summed_sandwich,
)
from deepvalue_stats.models.duration.hazard_design import RELATIVE, no_mean, read_hazard
from deepvalue_stats.models.duration.partial_likelihood import Partial, maximise
from deepvalue_stats.models.duration.times import Roles, Spells, in_rows
from deepvalue_stats.models.fit import At, ModelFit, ModelSpec
from deepvalue_stats.tables import LEVEL, read_only

Convention = Literal["crr", "finegray"]
CONVENTIONS = ("crr", "finegray")


@dataclass(frozen=True)
class Weighted:
    """Risk sets in which those who left by another cause stay, with falling weights.

    Attributes
    ----------
    x : numpy.ndarray, shape (n, p)
        Centred columns with unit spread.
    centre, scale : numpy.ndarray, shape (p,)
    times : numpy.ndarray, shape (m,)
        Distinct times of exits by the cause.
    deaths : numpy.ndarray, shape (m,)
    last : numpy.ndarray of int, shape (n,)
        A row is at risk with weight 1 at event times before this one.
    died, other : numpy.ndarray of bool, shape (n,)
        Left by the cause, and by another.
    seen : numpy.ndarray, shape (n,)
        Chance of not being censored before the row's exit.
    seen_at : numpy.ndarray, shape (m,)
        And before each event time.
    """

    x: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    times: np.ndarray
    deaths: np.ndarray
    last: np.ndarray
    died: np.ndarray
    other: np.ndarray
    seen: np.ndarray
    seen_at: np.ndarray


@dataclass(frozen=True, kw_only=True)
class SubdistributionFit(ModelFit):
    """A fitted Fine-Gray model; it speaks of subdistribution hazard ratios.

    A ratio above 1 says that more leave by the cause; it is no ratio of rates or of risks. For
    the share itself see `incidence`.

    Attributes
    ----------
    cause : int
    naive : numpy.ndarray, shape (p, p)
        Inverse information, which takes the censoring weights as known.
    influence : numpy.ndarray, shape (n, p)
        Each row's part of the score, the estimation of the censoring weights included.
    loglik_null : float
    times, jumps : numpy.ndarray, shape (m,)
        Steps of the baseline's cumulative subdistribution hazard, for zero in every term.
    """

    cause: int
    naive: np.ndarray
    influence: np.ndarray
    loglik_null: float
    times: np.ndarray
    jumps: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """Each row's contribution to the estimating function, shape (n, p)."""
        return read_only(self.influence)

    def predict(self, newdata: pd.DataFrame | None = None, at: At = "population") -> NoReturn:  # noqa: ARG002
        """Refused: a model of hazards has no mean; see `incidence`."""
        raise no_mean("SubdistributionFit.incidence()")

    def hazard_ratios(self, level: float = LEVEL) -> pd.DataFrame:
        """By term: the subdistribution hazard ratio with its limits; missing if not sound."""
        found = self.conf_int(level).assign(estimate=self.params)
        found = found[["estimate", "conf_low", "conf_high"]].map(np.exp)
        return found if self.convergence.status == "ok" else found * np.nan

    def incidence(self, newdata: pd.DataFrame, times: Iterable[float] | float) -> np.ndarray:
        """Share of clients like these who leave by the cause by some times, (n_rows, n_times)."""
        if self.convergence.status != "ok":
            raise ModelError(
                "the fit is not sound", "SubdistributionFit.incidence", "see its convergence"
            )
        place = np.searchsorted(self.times, in_rows(times), side="right")
        hazard = np.r_[0.0, np.cumsum(self.jumps)][place]
        risk = np.exp(self.design.rebuild(newdata) @ self.params)
        return np.asarray(-np.expm1(-np.outer(risk, hazard)))


@dataclass(frozen=True)
class CompetingFits:
    """Both models of exits that compete: read neither without the other.

    Attributes
    ----------
    cause_specific : mapping of int to CoxFit
        Why: the rate of every exit among those still at risk.
    subdistribution : SubdistributionFit
        How many: the share who leave by the cause of interest.
    """

    cause_specific: Mapping[int, CoxFit]
    subdistribution: SubdistributionFit


def fit_subdistribution(
    formula: str,
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    cause: int = 1,
    cluster: str = "",
    convention: Convention = "crr",
    client: str = "client",
    practitioner: str = "practitioner",
) -> SubdistributionFit:
    """Fit Fine and Gray's model for the share of clients who leave by one cause.

    For how many, where exits compete. Not for why (an exposure that only keeps clients from
    dying raises this ratio for work too): put the cause-specific models beside it, as
    `fit_competing` does.

    Parameters
    ----------
    formula : str
        `event ~ terms`; the left side is the event's column. Terms must be fixed at the start.
    data : pandas.DataFrame
        Complete rows, one a client, all at risk from 0.
    duration, event : str
        Columns; event is 0 for censored, 1, 2, ... for the exit that happened.
    cause : int
    cluster : str
        Rows that may depend on each other: influences are summed by cluster, and intervals rest
        on t with clusters less one degrees of freedom.
    convention : str
        Whether those who leave at a time are still at risk of being censored then: crr (cmprsk in
        R) has it so, finegray (survival in R) not. Heavy ties move coefficients by a few per cent.
    client, practitioner : str
        Columns by which persons are counted, where the data have them.

    Returns
    -------
    SubdistributionFit
        With the robust covariance, as cmprsk's crr.

    Raises
    ------
    ModelError
        With faults of the columns; no exit by the cause; what a hazard's design refuses.

    Notes
    -----
    Breslow's partial likelihood in which a row that left by another cause at b stays at risk at
    t > b with weight G(t-) / G(b-), G the product-limit curve of censoring for all rows together:
    so censoring must not depend on the terms. Influence eta_i + psi_i, psi for the estimation of
    G.

    References
    ----------
    Fine and Gray (1999), Journal of the American Statistical Association 94, sections 3 and 4;
    Zhou, Fine, Latouche and Labopin (2012), Biostatistics 13, for clusters; Latouche et al.
    (2013) for showing both models.
    """
    if convention not in CONVENTIONS:
        raise ModelError(
            f"no convention called {convention!r}",
            "fit_subdistribution",
            f"use one of {', '.join(CONVENTIONS)}",
        )
    design, spells = read_hazard(formula, data, Roles(duration, event, "", cluster), cause)
    sets = weighted_sets(design.matrix, spells, cause, convention)
    found = maximise(partial(weighted_likelihood, sets), sets.scale, len(sets.x))
    beta = found.params * sets.scale
    own, drawn = weighted_influence(sets, beta, spells, convention)
    influence = (own + drawn) * sets.scale
    each = influence @ found.covariance
    covariance, dof, words = each.T @ each, np.inf, "robust"
    if spells.cluster is not None:
        covariance, dof = summed_sandwich(each, spells.cluster)
        words = f"cluster:{cluster}"
    n_clusters = {} if spells.cluster is None else {cluster: int(spells.cluster.max()) + 1}
    return SubdistributionFit(
        spec=ModelSpec(formula, "subdistribution", tuple(n_clusters), "subdistribution", words),
        terms=design.terms,
        params=read_only(found.params),
        covariance=read_only(covariance),
        dof=dof,
        link=RELATIVE,
        design=design,
        n_groups=n_clusters,
        ids={
            role: name
            for role, name in (("client", client), ("practitioner", practitioner))
            if name in data
        },
        convergence=convergence_of(found),
        loglik=found.loglik,
        slopes=read_only(sets.died - _risk(sets, beta)[0] * _spent(sets, beta)),
        speaks_of="hazards",
        cause=cause,
        naive=read_only(found.covariance),
        influence=read_only(influence),
        loglik_null=found.loglik_null,
        times=read_only(sets.times),
        jumps=read_only(_jumps(sets, beta)),
    )


def fit_competing(
    formula: str,
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    cause: int = 1,
    cluster: str = "",
    client: str = "client",
    practitioner: str = "practitioner",
) -> CompetingFits:
    """Fit the cause-specific model of every exit, and Fine and Gray's for the one of interest.

    Parameters
    ----------
    formula, data, duration, event, cause, cluster, client, practitioner
        As `fit_subdistribution`.

    Returns
    -------
    CompetingFits

    References
    ----------
    Lau, Cole and Gange (2009), American Journal of Epidemiology 170; Latouche et al. (2013),
    Journal of Clinical Epidemiology 66.
    """
    whole = fit_subdistribution(
        formula,
        data,
        duration=duration,
        event=event,
        cause=cause,
        cluster=cluster,
        client=client,
        practitioner=practitioner,
    )
    exits = sorted({int(code) for code in data[event].unique()} - {0})
    each = {
        one: fit_cox(
            formula,
            data,
            duration=duration,
            event=event,
            cause=one,
            cluster=cluster,
            robust=not cluster,
            client=client,
            practitioner=practitioner,
        )
        for one in exits
    }
    return CompetingFits(MappingProxyType(each), whole)


def weighted_sets(x: np.ndarray, spells: Spells, cause: int, convention: str) -> Weighted:
    """Risk sets of Fine and Gray's likelihood.

    Parameters
    ----------
    x : numpy.ndarray, shape (n, p)
    spells : Spells
        Nobody enters late.
    cause : int
    convention : str
        See `fit_subdistribution`.
    """
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    died = spells.cause == cause
    times, place = np.unique(spells.exit[died], return_inverse=True)
    moments, leaving, at_risk = _censoring(spells, convention)
    left = np.r_[1.0, np.cumprod(1 - leaving / at_risk)]
    return Weighted(
        x=(x - centre) / scale,
        centre=centre,
        scale=scale,
        times=times,
        deaths=np.bincount(place).astype("float64"),
        last=np.searchsorted(times, spells.exit, side="right"),
        died=died,
        other=(spells.cause > 0) & ~died,
        seen=left[np.searchsorted(moments, spells.exit, side="left")],
        seen_at=left[np.searchsorted(moments, times, side="left")],
    )


def _censoring(spells: Spells, convention: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct times of censoring, how many are censored at each, of how many."""
    censored = spells.cause == 0
    moments, leaving = np.unique(spells.exit[censored], return_counts=True)
    side: Literal["left", "right"] = "left" if convention == "crr" else "right"
    earlier = np.searchsorted(np.sort(spells.exit[~censored]), moments, side=side)
    earlier = earlier + np.searchsorted(np.sort(spells.exit[censored]), moments, side="left")
    return moments, leaving, len(spells.exit) - earlier


def _risk(sets: Weighted, beta: np.ndarray) -> tuple[np.ndarray, float]:
    eta = sets.x @ beta
    shift = float(eta.max())
    return np.exp(eta - shift), shift


def _totals(sets: Weighted, values: np.ndarray) -> np.ndarray:
    """Weighted sums of rows' values over each event time's risk set, shape (m, q)."""
    m = len(sets.times)
    result = np.zeros((m, values.shape[1]))
    kept = sets.other / sets.seen
    for column, one in enumerate(values.T):
        here = np.bincount(sets.last, weights=one, minlength=m + 1)
        gone = np.bincount(sets.last, weights=one * kept, minlength=m + 1)
        result[:, column] = np.cumsum(here[::-1])[::-1][1:]
        result[:, column] += sets.seen_at * np.cumsum(gone)[:m]
    return result


def _spread_to_rows(sets: Weighted, weight: np.ndarray) -> np.ndarray:
    """For each row, the sum over event times of its weight there times these, (n, q)."""
    running = np.vstack([np.zeros(weight.shape[1]), np.cumsum(weight, axis=0)])
    fading = np.cumsum((weight * sets.seen_at[:, None])[::-1], axis=0)[::-1]
    fading = np.vstack([fading, np.zeros(weight.shape[1])])
    kept = (sets.other / sets.seen)[:, None]
    return np.asarray(running[sets.last] + kept * fading[sets.last])


def _means(sets: Weighted, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Risks, risk sums (m,) and weighted means (m, p) at event times, and the shift."""
    risk, shift = _risk(sets, beta)
    total = _totals(sets, risk[:, None])[:, 0]
    return risk, total, _totals(sets, risk[:, None] * sets.x) / total[:, None], shift


def weighted_likelihood(sets: Weighted, beta: np.ndarray) -> Partial:
    """Fine and Gray's log partial likelihood at scaled coefficients, with two derivatives."""
    risk, total, mean, shift = _means(sets, beta)
    eta = sets.x[sets.died] @ beta - shift
    spent = risk * _spread_to_rows(sets, (sets.deaths / total)[:, None])[:, 0]
    return Partial(
        float(eta.sum() - sets.deaths @ np.log(total)),
        sets.x[sets.died].sum(axis=0) - sets.deaths @ mean,
        (sets.x * spent[:, None]).T @ sets.x - (mean * sets.deaths[:, None]).T @ mean,
    )


def _spent(sets: Weighted, beta: np.ndarray) -> np.ndarray:
    """Cumulative subdistribution hazard that each row was exposed to, over its risk."""
    total = _means(sets, beta)[1]
    return _spread_to_rows(sets, (sets.deaths / total)[:, None])[:, 0]


def _jumps(sets: Weighted, beta: np.ndarray) -> np.ndarray:
    """Of the baseline's cumulative hazard, for zero in every column."""
    _, total, _, shift = _means(sets, beta)
    return np.asarray(
        sets.deaths / total * np.exp(-shift - float(sets.centre @ (beta / sets.scale)))
    )


def weighted_influence(
    sets: Weighted, beta: np.ndarray, spells: Spells, convention: str
) -> tuple[np.ndarray, np.ndarray]:
    """Rows' parts of the score: eta with weights as known, psi for their estimation; (n, p) each.

    Notes
    -----
    With Y those still observed and c those censored at u, psi_i is q(X_i) / Y(X_i) for a censored
    row, less the sum over u <= X_i of q c / Y^2; q(u) is the sum, over rows that left by another
    cause before u and event times from u on, of their weighted distance from the mean.
    """
    risk, total, mean, _ = _means(sets, beta)
    hazard = sets.deaths / total
    spent = _spread_to_rows(sets, hazard[:, None])
    drawn = _spread_to_rows(sets, hazard[:, None] * mean)
    at = np.where(sets.died, sets.last - 1, 0)
    eta = np.where(sets.died[:, None], sets.x - mean[at], 0.0)
    eta = eta - risk[:, None] * (sets.x * spent - drawn)
    moments, leaving, at_risk = _censoring(spells, convention)
    if not len(moments):
        return eta, np.zeros_like(eta)
    order = np.argsort(spells.exit, kind="stable")
    kept = (risk * sets.other / sets.seen)[order]
    before = np.searchsorted(spells.exit[order], moments, side="left")
    zero = np.r_[0.0, np.cumsum(kept)][before]
    first = np.vstack([0 * beta, np.cumsum(kept[:, None] * sets.x[order], axis=0)])[before]
    later = np.searchsorted(sets.times, moments, side="left")
    fading = np.r_[np.cumsum((hazard * sets.seen_at)[::-1])[::-1], 0.0][later]
    faded = (hazard * sets.seen_at)[:, None] * mean
    faded = np.vstack([np.cumsum(faded[::-1], axis=0)[::-1], 0 * beta])[later]
    q = first * fading[:, None] - zero[:, None] * faded
    running = np.vstack([0 * beta, np.cumsum(q * (leaving / at_risk**2)[:, None], axis=0)])
    censored = spells.cause == 0
    until = np.searchsorted(moments, spells.exit, side="right")
    if convention == "finegray":
        until = np.where(censored, until, np.searchsorted(moments, spells.exit, side="left"))
    psi = -running[until]
    own = np.searchsorted(moments, spells.exit[censored])
    psi[censored] += q[own] / at_risk[own][:, None]
    return eta, psi
