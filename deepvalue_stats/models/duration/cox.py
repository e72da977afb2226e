"""Cox regression: hazard ratios with robust and clustered covariances, and their checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NoReturn, cast

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.duration.hazard_checks import (
    baseline_hazard,
    concordant_share,
    proportionality_scores,
    survival_before,
)
from deepvalue_stats.models.duration.hazard_design import RELATIVE, no_mean, read_hazard
from deepvalue_stats.models.duration.partial_likelihood import (
    Maximum,
    RiskSets,
    dependent_at_null,
    exact_likelihood,
    maximise,
    partial_likelihood,
    risk_sets,
    score_residuals,
)
from deepvalue_stats.models.duration.times import Roles, Spells, in_rows
from deepvalue_stats.models.fit import At, Convergence, ModelFit, ModelSpec, Status
from deepvalue_stats.tables import LEVEL, read_only

Ties = Literal["efron", "breslow", "exact"]
TIES = ("efron", "breslow", "exact")
CLOCKS = ("km", "identity", "rank", "log")
# rows times the largest number of tied deaths that the exact rule takes on
EXACT_WORK = 500_000
# tied deaths beyond which the number of sets of that size overflows
EXACT_DEATHS = 100


@dataclass(frozen=True)
class Timeline:
    """When each row of a fit was at risk, and whether it had the event.

    Attributes
    ----------
    entry, exit : numpy.ndarray, shape (n,)
    died : numpy.ndarray of bool, shape (n,)
    stratum : numpy.ndarray of int, shape (n,)
    strata : tuple of str
    """

    entry: np.ndarray
    exit: np.ndarray
    died: np.ndarray
    stratum: np.ndarray
    strata: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CoxFit(ModelFit):
    """A fitted Cox model; it speaks of hazard ratios, never of risks.

    Attributes
    ----------
    naive : numpy.ndarray, shape (p, p)
        Inverse information, whatever `covariance` is.
    residuals : numpy.ndarray, shape (n, p)
        Each row's part of the score; missing, as `slopes` is, with exact ties.
    loglik_null : float
        With all coefficients zero.
    score_test, wald : float
        Chi-squared of all coefficients together, from the naive covariance.
    ties : str
    timeline : Timeline
    """

    naive: np.ndarray
    residuals: np.ndarray
    loglik_null: float
    score_test: float
    wald: float
    ties: str
    timeline: Timeline
    sets: RiskSets

    @property
    def scores(self) -> np.ndarray:
        """Each row's contribution to the estimating function, shape (n, p)."""
        return read_only(self.residuals)

    @property
    def dfbeta(self) -> np.ndarray:
        """About how much each row moves each coefficient, shape (n, p)."""
        return read_only(self.residuals @ self.naive)

    @property
    def likelihood_ratio(self) -> float:
        """Chi-squared of all coefficients together."""
        return 2 * (self.loglik - self.loglik_null)

    def predict(self, newdata: pd.DataFrame | None = None, at: At = "population") -> NoReturn:  # noqa: ARG002
        """Refused: a model of hazards has no mean; see `survival`."""
        raise no_mean("CoxFit.survival()")

    def hazard_ratios(self, level: float = LEVEL) -> pd.DataFrame:
        """By term: the hazard ratio with its limits; missing where the fit is not sound."""
        if self.convergence.status != "ok":
            blank = np.full(len(self.terms), np.nan)
            columns = {"estimate": blank, "conf_low": blank, "conf_high": blank}
            return pd.DataFrame(columns, index=self.terms)
        bounds = self.conf_int(level)
        return bounds.assign(estimate=self.params)[["estimate", "conf_low", "conf_high"]].map(
            np.exp
        )

    def baseline(self) -> pd.DataFrame:
        """Cumulative hazard of a client with zero in every term, by stratum and event time."""
        hazard = self._hazard()
        names = np.array(self.timeline.strata)[self.sets.stratum]
        return pd.DataFrame({"stratum": names, "time": self.sets.times, "hazard": hazard})

    def survival(
        self, newdata: pd.DataFrame, times: Iterable[float] | float, *, stratum: str = ""
    ) -> np.ndarray:
        """Chance that clients have not had the event by some times, shape (n_rows, n_times).

        Of a cause-specific model it is the chance if no other exit existed: do not show it.
        """
        strata = self.timeline.strata
        stratum = stratum or (strata[0] if len(strata) == 1 else "")
        if stratum not in strata:
            raise ModelError(
                f"no stratum called {stratum!r}" if stratum else "no stratum named",
                "CoxFit.survival",
                f"use one of {', '.join(strata)}",
            )
        own = self.sets.stratum == strata.index(stratum)
        hazard = self._hazard()[own]
        place = np.searchsorted(self.sets.times[own], in_rows(times), side="right")
        risk = np.exp(self.design.rebuild(newdata) @ self.params)
        return np.asarray(np.exp(-np.outer(risk, np.r_[0.0, hazard][place])))

    def _hazard(self) -> np.ndarray:
        if self.ties == "exact" or self.convergence.status != "ok":
            raise ModelError(
                "a baseline hazard needs a sound fit with ties by Efron or Breslow",
                "CoxFit.baseline",
                "fit with ties='efron'",
            )
        return baseline_hazard(self.sets, self.params * self.sets.scale)

    def concordance(self) -> float:
        """Of two clients, how often the one with the higher hazard left first (Harrell's C)."""
        when = self.timeline
        risk = self.design.matrix @ self.params
        return concordant_share(risk, when.entry, when.exit, when.died, when.stratum)

    def proportional_hazards(self, clock: str = "km") -> pd.DataFrame:
        """Test of each term, and of all, that hazards are proportional.

        Parameters
        ----------
        clock : str
            The function of time that a coefficient may change with: km (one less the curve),
            identity, rank or log.

        Returns
        -------
        pandas.DataFrame
            By term, and `all`: statistic, dof, p_value, and `trend`, the sign of the change.
        """
        if clock not in CLOCKS:
            raise ModelError(
                f"no clock called {clock!r}",
                "proportional_hazards",
                f"use one of {', '.join(CLOCKS)}",
            )
        if self.ties == "exact" or self.convergence.status != "ok":
            raise ModelError(
                "the test needs a sound fit with ties by Efron or Breslow",
                "proportional_hazards",
                "fit with ties='efron'",
            )
        statistic, score = proportionality_scores(
            self.sets, self.params * self.sets.scale, self._clock(clock)
        )
        dof = np.r_[np.ones(len(self.terms)), len(self.terms)]
        return pd.DataFrame(
            {
                "statistic": statistic,
                "dof": dof.astype("int64"),
                "p_value": chdtrc(dof, statistic),
                "trend": np.r_[np.sign(score), np.nan],
            },
            index=(*self.terms, "all"),
        )

    def _clock(self, clock: str) -> np.ndarray:
        """The function of time at each event time."""
        when, times = self.timeline, self.sets.times
        if clock == "identity":
            return times
        if clock == "log":
            return np.asarray(np.log(times))
        distinct = np.unique(when.exit[when.died])
        if clock == "km":
            values = survival_before(when.entry, when.exit, when.died)
        else:
            ordered = np.sort(when.exit)
            # mean place among all rows, those censored too
            values = (
                np.searchsorted(ordered, distinct, side="left")
                + np.searchsorted(ordered, distinct, side="right")
                + 1
            ) / 2
        return np.asarray(values[np.searchsorted(distinct, times)])


def fit_cox(
    formula: str,
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    cause: int = 1,
    ties: Ties = "efron",
    entry: str = "",
    strata: str = "",
    cluster: str = "",
    robust: bool = False,
    client: str = "client",
    practitioner: str = "practitioner",
) -> CoxFit:
    """Fit a Cox model for the rate of an exit among those still at risk.

    A second opinion beside a discrete-time hazard, and the model for why clients leave by one
    door when there are several. Not for how many leave: see `fit_subdistribution` and
    `cumulative_incidence`; always show both.

    Parameters
    ----------
    formula : str
        `event ~ terms`; the left side is the event's column.
    data : pandas.DataFrame
        Complete rows, one a client; or one a piece of time, with `entry`, where an exposure
        changes (the value holds from `entry` to `duration`).
    duration, event : str
        Columns; event is 0 for censored, 1, 2, ... for the exit that happened.
    cause : int
        The exit of interest; those who leave by another are censored then (cause-specific).
    ties : str
        efron; breslow; exact (tied events in any order of a discrete scale: the conditional
        logit), which is refused where events tied by the hundred make it unworkable.
    entry : str
        Time after which a row is at risk; all from 0 where left out.
    strata : str
        Column of groups with a baseline each.
    cluster : str
        Rows that may depend on each other: covariance from dfbeta residuals summed by cluster,
        intervals from t with clusters less one degrees of freedom.
    robust : bool
        Without clusters: Lin and Wei's covariance, each row by itself.
    client, practitioner : str
        Columns by which persons are counted, where the data have them.

    Returns
    -------
    CoxFit
        Its status is `separated` where the likelihood rises without end.

    Raises
    ------
    ModelError
        With faults of the columns; no event of the cause; terms that do not vary among those at
        risk; an intercept left out; exact ties with late entry, robust covariance or too much
        work.

    Notes
    -----
    Maximises sum over events of x b - log sum over the risk set of exp(x b). Assumes that hazard
    ratios hold at all times: see `CoxFit.proportional_hazards`. Robust covariance D'D with D the
    dfbeta residuals, by cluster summed, without small-sample factor.

    References
    ----------
    Cox (1972), Journal of the Royal Statistical Society B 34; Efron (1977); Lin and Wei (1989),
    Journal of the American Statistical Association 84; Therneau and Grambsch (2000).
    """
    faults_of_options(ties, cluster, robust, entry)
    roles = Roles(duration, event, "", cluster, entry, strata)
    design, spells = read_hazard(formula, data, roles, cause)
    when = _timeline(data, spells, cause, strata)
    sets = risk_sets(
        design.matrix, when.entry, when.exit, when.died, when.stratum, efron=ties == "efron"
    )
    _refuse_flat(sets, design.terms, formula)
    if ties == "exact":
        _refuse_exact(sets, formula)
    likelihood = exact_likelihood if ties == "exact" else partial_likelihood
    found = maximise(partial(likelihood, sets), sets.scale, len(sets.x))
    residual, martingale = score_residuals(sets, found.params * sets.scale)
    residual = residual * sets.scale
    if ties == "exact":
        # those of Breslow's rule are no parts of this likelihood's score
        residual, martingale = residual * np.nan, martingale * np.nan
    covariance, dof, words = _covariance(found, residual, spells, cluster, robust)
    return CoxFit(
        spec=ModelSpec(formula, "cox", (cluster,) if cluster else (), "cox", words),
        terms=design.terms,
        params=read_only(found.params),
        covariance=read_only(covariance),
        dof=dof,
        link=RELATIVE,
        design=design,
        n_groups={cluster: int(_n_clusters(spells))} if cluster else {},
        ids={
            role: name
            for role, name in (("client", client), ("practitioner", practitioner))
            if name in data
        },
        convergence=convergence_of(found),
        loglik=found.loglik,
        slopes=read_only(martingale),
        speaks_of="hazards",
        naive=read_only(found.covariance),
        residuals=read_only(residual),
        loglik_null=found.loglik_null,
        score_test=found.score_test,
        wald=found.wald,
        ties=ties,
        timeline=when,
        sets=sets,
    )


def faults_of_options(ties: str, cluster: str, robust: bool, entry: str) -> None:
    """Refuse options that do not go together."""
    if ties not in TIES:
        raise ModelError(f"no rule for ties called {ties!r}", "fit_cox", f"use {', '.join(TIES)}")
    if ties == "exact" and (cluster or robust or entry):
        raise ModelError(
            "exact ties allow neither a robust covariance nor late entry",
            "fit_cox(ties='exact')",
            "use ties='efron', which is as good unless ties are very heavy",
        )


def _timeline(data: pd.DataFrame, spells: Spells, cause: int, strata: str) -> Timeline:
    stratum, names = np.zeros(len(data), dtype="int64"), pd.Index(["all"])
    if strata:
        stratum, names = pd.factorize(data[strata], sort=True)
        stratum = stratum.astype("int64")
    return Timeline(
        spells.entry,
        spells.exit,
        read_only(spells.cause == cause),
        read_only(stratum),
        tuple(map(str, names)),
    )


def _refuse_flat(sets: RiskSets, terms: tuple[str, ...], formula: str) -> None:
    flat = dependent_at_null(sets)
    if flat.any():
        names = [name for name, one in zip(terms, flat, strict=True) if one]
        raise ModelError(
            f"{', '.join(names)} cannot be told apart among those at risk when events happen",
            formula,
            "take out what is constant within strata, or what the other terms explain",
        )


def _refuse_exact(sets: RiskSets, formula: str) -> None:
    tied = int(np.bincount(sets.term_time).max())
    work = tied * len(sets.x)
    if tied > EXACT_DEATHS or work > EXACT_WORK:
        raise ModelError(
            f"exact ties of {tied} events among {len(sets.x)} rows are too much work",
            formula,
            "use ties='efron', or a discrete-time hazard",
        )


def _n_clusters(spells: Spells) -> int:
    return 0 if spells.cluster is None else int(spells.cluster.max()) + 1


def _covariance(
    found: Maximum, residual: np.ndarray, spells: Spells, cluster: str, robust: bool
) -> tuple[np.ndarray, float, str]:
    """The covariance that was asked for, its degrees of freedom, and its name."""
    if spells.cluster is not None:
        return (*summed_sandwich(residual @ found.covariance, spells.cluster), f"cluster:{cluster}")
    if robust:
        each = residual @ found.covariance
        return each.T @ each, np.inf, "robust"
    return found.covariance, np.inf, "model"


def summed_sandwich(influence: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, float]:
    """Covariance from influences summed by cluster, and clusters less one."""
    n_clusters = int(cluster.max()) + 1
    if n_clusters < 2:
        raise ModelError(
            "all rows belong to one cluster, so nothing can be said across them",
            "cluster",
            "name a column that has more than one",
        )
    summed = np.zeros((n_clusters, influence.shape[1]))
    np.add.at(summed, cluster, influence)
    return summed.T @ summed, float(n_clusters - 1)


def convergence_of(found: Maximum) -> Convergence:
    """How Newton's method ended, as a fit keeps it."""
    return Convergence(
        status=cast(Status, found.status),
        evaluations=found.evaluations,
        objective=-found.loglik,
        gradient_norm=found.gradient,
        singular=False,
        message=found.message,
    )
