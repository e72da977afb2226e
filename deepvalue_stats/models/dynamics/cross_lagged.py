"""`fit_cross_lagged`: which of two things comes first, within clients, over three waves or more."""

from __future__ import annotations

from collections.abc import Mapping
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
from deepvalue_stats.models.dynamics.maximum import Maximum, highest, maximise
from deepvalue_stats.models.dynamics.path_tables import (
    Told,
    improper_parts,
    level_table,
    path_table,
    standardised_table,
)
from deepvalue_stats.models.dynamics.patterns import read_patterns
from deepvalue_stats.models.dynamics.structure import (
    cross_lagged,
    independent,
    places,
    saturated,
)
from deepvalue_stats.models.dynamics.waves import ONE_WAY, numbers, one_way
from deepvalue_stats.models.fit import Convergence
from deepvalue_stats.models.panel.layout import PanelLayout, panel_layout

Errors = Literal["robust", "model"]
FEWEST_WAVES = 3
LINEAR = (
    "The outcome is 0 or 1 and is treated as a number: a path to it is a difference in its chance, "
    "alike at every chance, and the likelihood is that of a normal outcome; take the robust errors."
)
NO_OTHER = "Paths free over waves, or equal, could not be fitted, so the two are not compared."
NO_FULL = "The model in which all moments are free could not be fitted, so there are no indices."
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
    other, full, none = (
        highest(patterns, structure)
        for structure in (
            cross_lagged(where[not equal], means, variances),
            saturated(means, variances),
            independent(means, variances),
        )
    )
    own = found.loglik if found.solved else np.nan
    both = {equal: own, not equal: other}
    moments = waves * (2 * waves + 1)
    freed = len(where[False].names) - len(where[True].names)
    df = 2 * waves + moments - len(where[equal].names)
    names = (relationship, outcome)
    improper = improper_parts(where[equal], found, layout.schedule, names) if found.solved else ()
    told = Told(where[equal], found, unit, errors, names, layout.schedule)
    return CrossLaggedFit(
        relationship=relationship,
        outcome=outcome,
        waves=layout.schedule,
        equal=equal,
        paths=path_table(told),
        standardised=standardised_table(told),
        levels=level_table(told),
        indices=fit_indices(
            chi_square(full, own, df),
            chi_square(full, none, moments - 2 * waves),
            len(wide),
        ),
        equality=chi_square(both[False], both[True], freed),
        errors=errors,
        convergence=_ended(found, improper),
        improper=improper,
        notes=_notes(data, time, wide, waves) + _unknown(own + other, full),
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
    _refuse_absorbing(layout, data, (relationship, outcome))
    n_waves = len(layout.schedule)
    wide = np.full((layout.n_clients, 2 * n_waves), np.nan)
    for place, name in enumerate((relationship, outcome)):
        wide[layout.clients, layout.waves + place * n_waves] = numbers(data[name])
    seen = np.isfinite(wide).any(axis=1)
    lost = {NOTHING_SEEN: int((~seen).sum())} if not seen.all() else {}
    return layout, wide[seen], lost


def _refuse_absorbing(layout: PanelLayout, data: pd.DataFrame, names: tuple[str, str]) -> None:
    faults = []
    for name in names:
        found = one_way(layout, numbers(data[name]))
        if found:
            what = f"'{name}' changes one way only in these data: {ONE_WAY[found]}"
            fix = "use a clock (fit_hazard) with the exposure before each period"
            faults.append(Fault(what, name, fix))
    if faults:
        raise ModelError.of(faults)


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


def _unknown(other: float, full: float) -> tuple[str, ...]:
    """What is missing because a model that this one is compared with has no maximum."""
    told = {NO_OTHER: other, NO_FULL: full}
    return tuple(note for note, value in told.items() if not np.isfinite(value))
