"""`fit_cross_lagged`: which of two things comes first, within clients, over three waves or more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.dynamics.indices import (
    ChiSquare,
    FitIndices,
    chi_square,
    fit_indices,
)
from deepvalue_stats.models.dynamics.maximum import Maximum, climb, maximise
from deepvalue_stats.models.dynamics.patterns import read_patterns
from deepvalue_stats.models.dynamics.structure import (
    Places,
    cross_lagged,
    independent,
    matrices,
    places,
    saturated,
    within_cov,
)
from deepvalue_stats.models.fit import Convergence
from deepvalue_stats.models.panel.layout import PanelLayout, panel_layout
from deepvalue_stats.models.student import t_quantile, two_sided
from deepvalue_stats.tables import LEVEL

Errors = Literal["robust", "model"]
FEWEST_WAVES = 3
# a share of the largest variance below which one is nothing but rounding
NOTHING = 1e-8
STEP = 1e-5
LINEAR = (
    "The outcome is 0 or 1 and is treated as a number: a path to it is a difference in its chance, "
    "alike at every chance, and the likelihood is that of a normal outcome; take the robust errors."
)
UNEVEN = (
    "The waves are not equally far apart, so a path that is equal over waves is one of unequal "
    "spans of time."
)
NOTHING_SEEN = "clients without any value of either"


@dataclass(frozen=True)
class CrossLaggedFit:
    """A random intercept cross-lagged panel model, fitted.

    Attributes
    ----------
    relationship, outcome : str
    waves : tuple of str
    equal : bool
        Whether each path is one over all waves.
    paths : pandas.DataFrame
        A row a path: kind (carry_over or cross), to, from, wave (`all`, or the wave that it leads
        to), estimate, std_error, model_error, robust_error, statistic, p_value, conf_low,
        conf_high. In points of `to` for a point of `from`, both as deviations from the client's
        own level. Without errors where the fit did not converge.
    standardised : pandas.DataFrame
        A row a path and wave: kind, to, from, wave, estimate, std_error, conf_low, conf_high; in
        standard deviations of the deviations at each wave.
    levels : pandas.DataFrame
        Variances of the clients' levels, their covariance and their correlation: term, estimate,
        std_error, conf_low, conf_high.
    indices : FitIndices
    equality : ChiSquare
        Likelihood ratio of paths equal over waves against free ones.
    errors : str
        Which of the two errors `std_error` is: robust, or model.
    convergence : Convergence
        `singular` where the solution is improper.
    improper : tuple of str
        What cannot be: variances below nought and correlations beyond one.
    notes : tuple of str
        What a reader must know, in sentences.
    loglik : float
    n_clients, n_rows : int
    n_patterns : int
        Ways in which values are missing, with the way in which none is.
    lost : mapping of str to int
        Clients left out, by reason.
    """

    relationship: str
    outcome: str
    waves: tuple[str, ...]
    equal: bool
    paths: pd.DataFrame
    standardised: pd.DataFrame
    levels: pd.DataFrame
    indices: FitIndices
    equality: ChiSquare
    errors: str
    convergence: Convergence
    improper: tuple[str, ...]
    notes: tuple[str, ...]
    loglik: float
    n_clients: int
    n_rows: int
    n_patterns: int
    lost: Mapping[str, int]

    @property
    def proper(self) -> bool:
        """Whether it converged to something that can be."""
        return self.convergence.status == "ok" and not self.improper

    def summary(self) -> str:
        """The paths as a plain text, with fit and doubts."""
        fit = self.indices
        lines = [
            f"random intercept cross-lagged panel model: {self.relationship}, {self.outcome}",
            f"{self.n_clients} clients, {len(self.waves)} waves",
            self.paths.to_string(index=False, float_format="%.4f"),
            f"chi2 {fit.chi2:.2f} on {fit.df}, p {fit.p_value:.3f}; RMSEA {fit.rmsea:.3f}, "
            f"CFI {fit.cfi:.3f}",
            f"paths equal over waves: chi2 {self.equality.statistic:.2f} on {self.equality.df}, "
            f"p {self.equality.p_value:.3f}",
        ]
        doubt = self.convergence.message
        return "\n".join([*lines, *([doubt] if doubt else []), *self.notes])


def fit_cross_lagged(
    relationship: str,
    outcome: str,
    data: pd.DataFrame,
    *,
    client: str = "client",
    time: str,
    equal: bool = True,
    errors: Errors = "robust",
) -> CrossLaggedFit:
    """Fit how two things move each other from wave to wave, apart from what clients are like.

    For which comes first: whether a client whose relationship is better than the client's own
    usual has a better outcome at the next wave, and the other way round. Three waves at least of
    both, better four or more with some hundreds of clients. Not for outcomes that are there for
    good once they have happened, and no stand-in for a design in which the rating comes first.

    Parameters
    ----------
    relationship, outcome : str
        Numeric columns.
    data : pandas.DataFrame
        One row for each client and wave; missing values and missing rows are kept, as far as the
        client has any value.
    client, time : str
        Columns of clients and waves.
    equal : bool
        Whether each of the four paths is one over all waves; either way both are fitted, and
        `equality` compares them.
    errors : str
        robust: the sandwich, as lavaan's MLR. model: the observed information.

    Returns
    -------
    CrossLaggedFit
        A solution that did not converge, or is improper, is one whose fields say so.

    Raises
    ------
    ModelError
        If a column is no number, there are fewer than three waves, a variable has no value or one
        value only at a wave, two were never seen of the same client, or clients are too few.

    Notes
    -----
    x_it = m_t + L_i + x*_it, y_it likewise; x*_it = a x*_i,t-1 + c y*_i,t-1 + u_it and
    y*_it = d x*_i,t-1 + b y*_i,t-1 + v_it. Levels L are latent: to subtract observed means in their
    place would bring Nickell's bias back. Means and residual covariances are free at every wave.
    Full-information maximum likelihood over the patterns of missing values, which are assumed to be
    missing at random given what was seen; Fisher scoring; standard errors from the observed
    information, or with the sums of squared scores of clients between two of its inverses. Limits
    are normal. Causal words need more: that nothing else moves both from wave to wave, that the
    span between waves is that of the effect, and that relations are straight lines.

    References
    ----------
    Hamaker, Kuiper and Grasman (2015), Psychological Methods 20; Mulder and Hamaker (2021),
    Structural Equation Modeling 28; Arbuckle (1996) in Marcoulides and Schumacker, Advanced
    Structural Equation Modeling, for missing values; Yuan and Bentler (2000), Sociological
    Methodology 30, for the sandwich.

    Examples
    --------
    >>> from deepvalue_stats.simulate import draw_families
    >>> rows = draw_families("claim_true", 1)
    >>> fit = fit_cross_lagged("relationship", "worries", rows[rows.wave > 0], time="wave")
    >>> fit.convergence.status, fit.indices.df
    ('ok', 33)
    """
    if errors not in ("robust", "model"):
        raise ModelError(f"no errors '{errors}'", "errors", "use robust or model")
    layout, wide, lost = _wide(relationship, outcome, data, client, time)
    _refuse_unfit(wide, layout, (relationship, outcome))
    shift, unit = _units(wide)
    patterns = read_patterns((wide - shift) / unit)
    means, variances = _moments((wide - shift) / unit)
    waves = len(layout.schedule)
    where = {kind: places(waves, equal=kind) for kind in (True, False)}
    found = maximise(patterns, cross_lagged(where[equal], means, variances))
    other = climb(patterns, cross_lagged(where[not equal], means, variances))[1]
    full, none = (climb(patterns, make(means, variances))[1] for make in (saturated, independent))
    both = {equal: found.loglik, not equal: other}
    moments = waves * (2 * waves + 1)
    freed = len(where[False].names) - len(where[True].names)
    df = 2 * waves + moments - len(where[equal].names)
    names = (relationship, outcome)
    improper = _improper(where[equal], found, layout.schedule, names) if found.solved else ()
    told = _Told(where[equal], found, unit, errors, names, layout.schedule)
    return CrossLaggedFit(
        relationship=relationship,
        outcome=outcome,
        waves=layout.schedule,
        equal=equal,
        paths=_paths(told),
        standardised=_standardised(told),
        levels=_levels(told),
        indices=fit_indices(
            chi_square(full, found.loglik, df),
            chi_square(full, none, moments - 2 * waves),
            len(wide),
        ),
        equality=chi_square(both[False], both[True], freed),
        errors=errors,
        convergence=_ended(found, improper),
        improper=improper,
        notes=_notes(data, time, wide, waves),
        loglik=found.loglik - float((np.isfinite(wide).sum(axis=0) * np.log(unit)).sum()),
        n_clients=len(wide),
        n_rows=int((np.isfinite(wide[:, :waves]) | np.isfinite(wide[:, waves:])).sum()),
        n_patterns=len(patterns),
        lost=lost,
    )


def _wide(
    relationship: str, outcome: str, data: pd.DataFrame, client: str, time: str
) -> tuple[PanelLayout, np.ndarray, dict[str, int]]:
    """A row a client, the relationship at all waves and then the outcome; and who is left out."""
    faults = []
    if relationship == outcome:
        faults.append(Fault("relationship and outcome are one column", outcome, "name two"))
    for name in dict.fromkeys((relationship, outcome)):
        if name not in data:
            faults.append(Fault(f"no column '{name}'", name, "name a column of the data"))
        elif not pd.api.types.is_numeric_dtype(data[name]):
            faults.append(Fault(f"'{name}' is not a number", name, "code it as 0 and 1, or points"))
    if faults:
        raise ModelError.of(faults)
    layout = panel_layout(data, client=client, time=time)
    n_waves = len(layout.schedule)
    wide = np.full((layout.n_clients, 2 * n_waves), np.nan)
    for place, name in enumerate((relationship, outcome)):
        values = data[name].to_numpy(dtype="float64", na_value=np.nan)
        wide[layout.clients, layout.waves + place * n_waves] = values
    seen = np.isfinite(wide).any(axis=1)
    lost = {NOTHING_SEEN: int((~seen).sum())} if not seen.all() else {}
    return layout, wide[seen], lost


def _refuse_unfit(wide: np.ndarray, layout: PanelLayout, names: tuple[str, str]) -> None:
    waves = len(layout.schedule)
    if waves < FEWEST_WAVES:
        raise ModelError(
            f"{waves} waves, and levels cannot be told from what carries over with fewer than 3",
            layout.time,
            "add waves, or fit a model of one outcome given the wave before",
        )
    seen = np.isfinite(wide)
    count = seen.sum(axis=0)
    labels = [f"{name} at {layout.time} {t}" for name in names for t in layout.schedule]
    faults = []
    unseen = [label for label, n in zip(labels, count, strict=True) if n < 2]
    if unseen:
        fix = "leave out waves at which not both were asked"
        faults.append(Fault(f"no values of {', '.join(unseen)}", "data", fix))
    spread = [np.ptp(column[np.isfinite(column)], axis=0) if n else 1.0
              for column, n in zip(wide.T, count, strict=True)]  # fmt: skip
    same = [
        label
        for label, n, width in zip(labels, count, spread, strict=True)
        if n >= 2 and not width > 0
    ]
    if same:
        fix = "leave those waves out"
        faults.append(Fault(f"the same value for everybody: {', '.join(same)}", "data", fix))
    together = seen.T.astype("int64") @ seen
    apart = int((together[np.ix_(count > 1, count > 1)] == 0).sum()) // 2
    if apart:
        what = f"{apart} pairs of variables and waves were never seen of the same client"
        faults.append(Fault(what, "data", "leave out waves, or take designs that overlap"))
    if len(wide) <= 2 * waves:
        what = f"{len(wide)} clients are too few for {2 * waves} variables"
        faults.append(Fault(what, "data", "take fewer waves, or more clients"))
    if faults:
        raise ModelError.of(faults)


def _units(wide: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each of the two, over all waves, a column each."""
    half = wide.shape[1] // 2
    blocks = (wide[:, :half], wide[:, half:])
    shift = np.repeat([np.nanmean(block) for block in blocks], half)
    unit = np.repeat([np.nanstd(block) for block in blocks], half)
    return shift, unit


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.nanmean(values, axis=0), np.nanvar(values, axis=0)


@dataclass(frozen=True)
class _Told:
    """A maximum and what its numbers are called."""

    where: Places
    found: Maximum
    unit: np.ndarray
    errors: str
    names: tuple[str, str]
    schedule: tuple[str, ...]

    @property
    def covariances(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the observed information, and robust; not numbers without a maximum."""
        if not self.found.solved:
            none = np.full_like(self.found.observed, np.nan)
            return none, none
        return self.found.covariance, self.found.robust

    @property
    def covariance(self) -> np.ndarray:
        """That asked for."""
        return self.covariances[self.errors == "robust"]

    def ends(self, to: int, source: int) -> dict[str, str]:
        """What a path leads to and from."""
        waves = self.where.waves
        names = self.names[to // waves], self.names[source // waves]
        kind = "carry_over" if names[0] == names[1] else "cross"
        return {"kind": kind, "to": names[0], "from": names[1]}


def _with_limits(estimate: np.ndarray, error: np.ndarray) -> dict[str, np.ndarray]:
    half = float(t_quantile((1 + LEVEL) / 2, np.inf)) * error
    return {"conf_low": estimate - half, "conf_high": estimate + half}


def _paths(told: _Told) -> pd.DataFrame:
    where, theta = told.where, told.found.theta
    at, first = np.unique(where.paths[:, 2], return_index=True)
    equal = len(at) < len(where.paths)
    to, source = where.paths[first, :2].T
    scale = told.unit[to] / told.unit[source]
    estimate = theta[at] * scale
    model, robust = (np.sqrt(np.diag(one)[at]) * scale for one in told.covariances)
    error = robust if told.errors == "robust" else model
    waves = ["all" if equal else told.schedule[one % where.waves] for one in to]
    frame = pd.DataFrame([told.ends(*ends) for ends in zip(to, source, strict=True)])
    return frame.assign(
        wave=waves,
        estimate=estimate,
        std_error=error,
        model_error=model,
        robust_error=robust,
        statistic=estimate / error,
        p_value=two_sided(estimate / error, np.inf),
        **_with_limits(estimate, error),
    )


def _standardised(told: _Told) -> pd.DataFrame:
    where = told.where
    to, source, at = where.paths.T

    def in_deviations(theta: np.ndarray) -> np.ndarray:
        variance = np.diag(within_cov(where, theta))
        ratio = variance[source] / variance[to]
        return np.asarray(theta[at] * np.sqrt(np.where(ratio > 0, ratio, np.nan)))

    estimate, error = _delta(told, in_deviations)
    frame = pd.DataFrame([told.ends(*ends) for ends in zip(to, source, strict=True)])
    return frame.assign(
        wave=[told.schedule[one % where.waves] for one in to],
        estimate=estimate,
        std_error=error,
        **_with_limits(estimate, error),
    )


def _levels(told: _Told) -> pd.DataFrame:
    at = told.where.levels[:, 2]
    x, y = told.unit[0], told.unit[-1]
    scale = np.array([x * x, x * y, y * y])

    def terms(theta: np.ndarray) -> np.ndarray:
        psi = theta[at]
        product = psi[0] * psi[2]
        correlation = psi[1] / np.sqrt(product) if psi[0] > 0 and psi[2] > 0 else np.nan
        return np.append(psi * scale, correlation)

    estimate, error = _delta(told, terms)
    first, second = told.names
    names = [
        f"variance of the clients' level of {first}",
        "covariance of the levels",
        f"variance of the clients' level of {second}",
        "correlation of the levels",
    ]
    frame = pd.DataFrame({"term": names, "estimate": estimate, "std_error": error})
    return frame.assign(**_with_limits(estimate, error))


def _delta(
    told: _Told, function: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """A function of the parameters and its standard errors, by the delta method."""
    theta = np.asarray(told.found.theta)
    columns = []
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = STEP * max(1.0, abs(theta[place]))
        columns.append((function(theta + step) - function(theta - step)) / (2 * step[place]))
    jacobian = np.array(columns).T
    variance = np.einsum("ka,ab,kb->k", jacobian, told.covariance, jacobian)
    return function(theta), np.sqrt(variance)


def _improper(
    where: Places, found: Maximum, schedule: tuple[str, ...], names: tuple[str, str]
) -> tuple[str, ...]:
    """Variances below nought, and correlations beyond one, of levels and of residuals."""
    psi, residual, _ = matrices(where, found.theta)
    waves = where.waves
    doubts = _impossible(psi, "the clients' levels", names)
    for t, wave in enumerate(schedule):
        block = residual[np.ix_([t, waves + t], [t, waves + t])]
        doubts += _impossible(block, f"what is new at wave {wave}", names)
    return tuple(doubts)


def _impossible(cov: np.ndarray, what: str, names: tuple[str, str]) -> list[str]:
    below = [name for name, value in zip(names, np.diag(cov), strict=True) if value < 0]
    if below:
        return [f"the variance of {what} of {name} is below nought" for name in below]
    if np.linalg.eigvalsh(cov)[0] < -NOTHING * np.abs(cov).max():
        return [f"the correlation of {what} is beyond one"]
    return []


def _ended(found: Maximum, improper: tuple[str, ...]) -> Convergence:
    said = f"improper solution: {'; '.join(improper)}" if improper else ""
    return Convergence(
        status="ok" if found.solved else "not_converged",
        evaluations=found.steps,
        objective=-found.loglik,
        gradient_norm=found.gradient,
        singular=bool(improper),
        message=found.message or said,
    )


def _notes(data: pd.DataFrame, time: str, wide: np.ndarray, waves: int) -> tuple[str, ...]:
    outcomes = wide[:, waves:]
    notes = []
    if np.isin(outcomes[np.isfinite(outcomes)], (0.0, 1.0)).all():
        notes.append(LINEAR)
    column = data[time]
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        spans = np.diff(np.unique(column.to_numpy().astype("float64")))
        if np.ptp(spans) > 1e-9 * spans.max():
            notes.append(UNEVEN)
    return tuple(notes)
