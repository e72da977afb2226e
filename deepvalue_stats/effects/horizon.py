"""What an exposure comes to by a horizon: chances of an event, and the time gained.

Notation: of a client's path, h_kt(u) is the chance of an event of cause k in period t at random
effects u, q_t = 1 - sum_k h_kt, S_t = q_1 ... q_t. A target is sum_t c_t S_t-1 h_kt, averaged over
u: c_t = 1 up to the horizon T for the chance of the event, c_t = T - t + 1/2 for the time after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from scipy.linalg import block_diag

from deepvalue_stats.effects.contrast import POINT, Levels, Step, per_sd
from deepvalue_stats.effects.delta import Estimates, together
from deepvalue_stats.effects.estimate import group_masks
from deepvalue_stats.effects.inference import Inference, cells, counts_of
from deepvalue_stats.effects.predictor import predictor_of
from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models import HazardRecord, ModelFit
from deepvalue_stats.models.multilevel.averaging import DIGITS, normal_rule
from deepvalue_stats.tables import KINDS, EffectTable, Series, effect_rows

Fits = ModelFit | Mapping[int, ModelFit]
# cells of paths x periods x nodes that are worked on at once
BLOCK_CELLS = 2_000_000
# minus the log of what a rule may miss when it is used once for every cause
DIGITS_OF_SEVERAL = 20.0


def effect_by_horizon(
    fit: Fits,
    exposure: str,
    *,
    horizon: float,
    contrast: Step | Levels | Literal["sd", "point"] = "sd",
    by: str | None = None,
) -> EffectTable:
    """What a change in the exposure comes to by a horizon: more events, and sooner.

    Use it to read a hazard model: 'six more of 100 in work within a year, and eleven days earlier'.
    The change is made in every period of every client's path; other covariates stay as they were
    in the first. Not for an effect at one moment: that is the hazard ratio.

    Parameters
    ----------
    fit : ModelFit, or mapping of int to ModelFit
        Of `fit_hazard`. Where spells end by several causes, a fit for each, by its code, of the
        same spells.
    exposure : str
        A numeric column of the fit's rows.
    horizon : float
        In days where the fit's periods have a length in days, otherwise in periods; a whole number
        of periods.
    contrast : Step, Levels, "sd" or "point"
        "sd" is one SD of the exposure at the start of the spells, everybody higher by so much;
        "point" one point.
    by : str, optional
        A column of groups: one pair of rows a group, averaged over the group's own paths.

    Returns
    -------
    EffectTable
        For each cause and group a `risk_difference`, in the chance of the event by the horizon,
        and a `time_gained`: by how much longer, within the horizon, the time after the event is
        (the area between the two curves of cumulative incidence). Paths begin in period 1, also
        those of spells that came under observation later. `n_obs` counts spells.

    Raises
    ------
    ModelError
        If the fit is no hazard, the horizon is not within what was observed or no whole number of
        periods, causes are missing or of other spells, a random slope differs between periods, or
        the exposure is not there or does not vary.

    Notes
    -----
    Random effects stay the same over all periods of a path, so the whole path is averaged over
    them, never one period by itself: trapezium rule over the normal, for every cause (whose random
    effects are taken to be independent). An event is taken to fall in the middle of its period.
    Intervals are by the delta method with exact derivatives, from the joint covariance of variance
    parameters and coefficients; fits of different causes are taken to be independent, as their
    likelihoods are separate. Covariates are held fixed.

    References
    ----------
    Royston and Parmar (2013), BMC Medical Research Methodology 13: restricted mean time. Andersen
    (2013), Statistics in Medicine 32: time lost to a cause, with competing ones.
    """
    asked = _asked(fit, exposure, horizon)
    if by is not None and by not in asked.start:
        raise ModelError(f"no column '{by}' in the fit", f"by={by!r}", "name one of its data")
    change = _change(asked.start[exposure], contrast)
    values = asked.start[exposure].to_numpy(dtype="float64")
    settings = change.settings(values)
    masks = group_masks(asked.start, by)
    rows = []
    for cause in asked.fits:
        both = [asked.targets(cause, one, asked.totals, list(masks.values())) for one in settings]
        difference = np.hstack([np.eye(2 * len(masks)), -np.eye(2 * len(masks))])
        found = asked.infer(together([part.estimates for part in both]).combine(difference), both)
        for place, (group, mask) in enumerate(masks.items()):
            for kind, scale in enumerate(("risk_difference", "time_gained")):
                about = _about(asked, cause, scale, change)
                numbers = cells(found, 2 * place + kind, scale)
                rows.append({**about, "group": group, **numbers, **asked.counts(cause, mask)})
    return effect_rows(rows)


def curve_by_horizon(
    fit: Fits, exposure: str, settings: Sequence[float], *, horizon: float, cause: int | None = None
) -> Series:
    """The chance of the event by the end of each period, with everybody's exposure at given values.

    Parameters
    ----------
    fit, exposure, horizon
        As of `effect_by_horizon`.
    settings : sequence of float
        In the exposure's own points.
    cause : int, optional
        Of several causes; the first when left out.

    Returns
    -------
    Series
        A group a setting; x in days, or periods. Intervals are symmetric on the logit scale.

    Raises
    ------
    ModelError
        As `effect_by_horizon`.
    """
    asked = _asked(fit, exposure, horizon)
    cause = next(iter(asked.fits)) if cause is None else cause
    everybody = np.ones(len(asked.start), dtype=bool)
    counts = asked.counts(cause, everybody)
    rows = []
    for value in settings:
        part = asked.targets(
            cause, np.full(len(asked.start), float(value)), asked.cumulative, [everybody]
        )
        found = asked.infer(part.estimates, [part, part], everything=True)
        for period in range(asked.last):
            held = cells(found, period, "risk")
            rows.append(
                {
                    "group": f"{exposure} at {value:.4g}",
                    "x": (period + 1) * asked.length,
                    "y": held.get("estimate", np.nan),
                    "low": held.get("conf_low", np.nan),
                    "high": held.get("conf_high", np.nan),
                    "n_clients": counts["n_clients"],
                }
            )
    frame = pd.DataFrame(rows)
    evidence = pd.DataFrame({name: counts[name] for name in ("events", "non_events")}, frame.index)
    return Series(
        f"{exposure}_by_horizon",
        f"Chance of {asked.fits[cause].design.outcome} over time, by {exposure}",
        frame,
        asked.unit,
        "chance",
        evidence,
    )


@dataclass(frozen=True)
class _Part:
    """Targets with their slopes in all parameters, and the terms that stand in them by fit."""

    estimates: Estimates
    matrices: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class _Asked:
    """The fits of all causes, and up to which period they are asked."""

    fits: Mapping[int, ModelFit]
    records: Mapping[int, HazardRecord]
    exposure: str
    last: int

    @property
    def length(self) -> float:
        held = next(iter(self.records.values())).period_days
        return 1.0 if held is None else float(held)

    @property
    def unit(self) -> str:
        return "periods" if next(iter(self.records.values())).period_days is None else "days"

    @cached_property
    def start(self) -> pd.DataFrame:
        """The first row of every path."""
        return self._starts(next(iter(self.fits)))

    def _starts(self, cause: int) -> pd.DataFrame:
        return self.fits[cause].design.frame.iloc[self.records[cause].starts]

    @property
    def totals(self) -> np.ndarray:
        """Weights of the periods in the chance of the event, and in the time after it."""
        left = self.last - np.arange(self.last) - 0.5
        return np.array([np.ones(self.last), self.length * left])

    @property
    def cumulative(self) -> np.ndarray:
        """Weights in the chance by the end of each period."""
        return np.tril(np.ones((self.last, self.last)))

    def targets(
        self, cause: int, values: np.ndarray, weights: np.ndarray, masks: list[np.ndarray]
    ) -> _Part:
        """Targets averaged over groups of paths, group by group."""
        n, width = len(values), len(weights)
        total = [np.zeros(width) for _ in masks]
        slopes = [np.zeros((width, self._size)) for _ in masks]
        kept: tuple[np.ndarray, ...] = ()
        for rows in self._blocks(n):
            sides = [self._side(own, rows, values[rows]) for own in self.fits]
            kept = kept or tuple(side.matrix for side in sides)
            place = list(self.fits).index(cause)
            value, by_path = _average_paths(sides, place, weights)
            for group, mask in enumerate(masks):
                some = mask[rows]
                total[group] += value[:, some].sum(axis=1)
                slopes[group] += by_path(some)
        counts = [mask.sum() for mask in masks]
        parts = [
            Estimates(one / count, slope / count)
            for one, slope, count in zip(total, slopes, counts, strict=True)
        ]
        return _Part(together(parts), kept)

    @property
    def _size(self) -> int:
        return sum(len(fit.theta) + len(fit.params) for fit in self.fits.values())

    def _blocks(self, n: int) -> Iterator[np.ndarray]:
        nodes = 1 if all(fit.random is None for fit in self.fits.values()) else 60
        step = max(1, BLOCK_CELLS // (self.last * nodes ** len(self.fits)))
        for first in range(0, n, step):
            yield np.arange(first, min(first + step, n))

    def _side(self, cause: int, rows: np.ndarray, values: np.ndarray) -> _Side:
        """Every period of some paths, on the latent scale of one fit."""
        fit, record = self.fits[cause], self.records[cause]
        start = self._starts(cause).iloc[rows].assign(**{self.exposure: values})
        periods = np.tile(np.arange(1, self.last + 1), len(rows))
        frame = start.iloc[np.repeat(np.arange(len(rows)), self.last)].reset_index(drop=True)
        placed = predictor_of(fit, record.placed(frame, periods))
        variance = placed.variance.reshape(len(rows), self.last)
        if np.ptp(variance, axis=1).max(initial=0) > 1e-9 * (1 + variance.max(initial=0)):
            raise ModelError(
                "a random slope differs between the periods of a path",
                fit.spec.formula,
                "take the slope of time, or of what changes with it, out of the random part",
            )
        by_theta = placed.variance_by_theta.reshape(len(rows), self.last, -1)[:, 0]
        return _Side(
            fit,
            placed.eta.reshape(len(rows), self.last),
            placed.matrix,
            np.sqrt(variance[:, 0]),
            by_theta,
        )

    def infer(
        self, estimates: Estimates, parts: list[_Part], everything: bool = False
    ) -> Inference | None:
        """Standard errors from all fits together; None where one of them is not sound."""
        fits = list(self.fits.values())
        if any(fit.convergence.status != "ok" for fit in fits):
            return None
        covariance = estimates.covariance(block_diag(*[fit.interval_joint for fit in fits]))
        dof = [
            fit.degrees_of(
                np.ones(one.shape[1], bool) if everything else (one != other).any(axis=0)
            )
            for fit, one, other in zip(fits, parts[0].matrices, parts[1].matrices, strict=True)
        ]
        return Inference(estimates.value, np.sqrt(np.diag(covariance)), min(dof))

    def counts(self, cause: int, mask: np.ndarray) -> dict[str, object]:
        """Spells, clients and practitioners, and the clients with the event by the horizon."""
        fit, record = self.fits[cause], self.records[cause]
        rows = mask[record.paths] & (fit.design.frame["period"].to_numpy() <= self.last)
        counted = counts_of(fit, rows)
        n_clients, events = counted["n_clients"], counted["events"]
        assert isinstance(n_clients, int)
        assert isinstance(events, int)
        return {**counted, "n_obs": int(mask.sum()), "non_events": n_clients - events}


@dataclass(frozen=True)
class _Side:
    """Some paths on the latent scale of one fit.

    `eta` is (n, T); `matrix` (n T, p), its rows path by path; `sd` (n,) that of the random part,
    the same in all periods, and `by_theta` (n, k) the derivative of its square.
    """

    fit: ModelFit
    eta: np.ndarray
    matrix: np.ndarray
    sd: np.ndarray
    by_theta: np.ndarray


def _average_paths(
    sides: list[_Side], place: int, weights: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Targets of every path, shape (m, n), and a function from some paths to summed slopes."""
    n, last = sides[0].eta.shape
    grids = [_rule(side, len(sides)) for side in sides]
    z = [axis.ravel() for axis in np.meshgrid(*[nodes for nodes, _ in grids], indexing="ij")]
    chance = np.ones(1)
    for _, share in grids:
        chance = np.multiply.outer(chance, share).ravel()
    hazards, slopes = [], []
    for side, own in zip(sides, z, strict=True):
        eta = side.eta.T[:, None, :] + np.multiply.outer(own, side.sd)
        mean, slope = side.fit.link.derivatives(eta, 1)
        hazards.append(mean)
        slopes.append(slope)
    # causes are fitted one by one, so that far out their chances may come to more than one
    left = 1 - np.sum(hazards, axis=0)
    stay, ends = np.maximum(left, 0.0), left <= 0
    before = np.ones((last, len(chance), n))
    np.cumprod(stay[:-1], axis=0, out=before[1:])
    value = np.empty((len(weights), n))
    by_eta = [np.empty((len(weights), n, last)) for _ in sides]
    by_sd = [np.zeros((len(weights), n)) for _ in sides]
    for m, counted in enumerate(weights):
        # what a path that has come so far may still expect
        ahead = np.zeros((len(chance), n))
        for t in range(last - 1, -1, -1):
            for k, slope in enumerate(slopes):
                gain = (counted[t] if k == place else 0.0) - np.where(ends[t], 0.0, ahead)
                held = before[t] * slope[t] * gain
                by_eta[k][m, :, t] = chance @ held
                by_sd[k][m] += (chance * z[k]) @ held
            ahead = hazards[place][t] * counted[t] + stay[t] * ahead
        value[m] = chance @ ahead

    def summed(some: np.ndarray) -> np.ndarray:
        parts = []
        for k, side in enumerate(sides):
            # the variance moves the nodes: du / dv = z / (2 sd); at zero no parameter moves it
            share = np.divide(by_sd[k], 2 * side.sd, out=np.zeros_like(by_sd[k]), where=side.sd > 0)
            width = side.matrix.shape[1]
            rows = side.matrix.reshape(n, last, width)[some].reshape(-1, width)
            parts.append(share[:, some] @ side.by_theta[some])
            parts.append(by_eta[k][:, some].reshape(len(weights), -1) @ rows)
        return np.hstack(parts)

    return value, summed


def _rule(side: _Side, n_causes: int) -> tuple[np.ndarray, np.ndarray]:
    digits = DIGITS if n_causes == 1 else DIGITS_OF_SEVERAL
    return normal_rule(float(side.sd.max(initial=0)), side.fit.link, digits)


def _asked(fit: Fits, exposure: str, horizon: float) -> _Asked:
    """Read and check what is asked."""
    fits = dict(fit) if isinstance(fit, Mapping) else {0: fit}
    where = "effect_by_horizon"
    records = {cause: one.hazard for cause, one in fits.items() if one.hazard is not None}
    if len(records) < len(fits) or not fits:
        raise ModelError("not a hazard fit", where, "use fits of fit_hazard")
    if not isinstance(fit, Mapping):
        fits = {records[0].cause: fit}
        records = {records[0].cause: records[0]}
    faults = [
        Fault(f"no column '{exposure}' in the fit", one.spec.formula, "name a column of its data")
        for one in fits.values()
        if exposure not in one.design.frame
    ]
    if not faults:
        column = next(iter(fits.values())).design.frame[exposure]
        if not pd.api.types.is_numeric_dtype(column):
            faults.append(Fault(f"'{exposure}' is no number", where, "code it as an amount"))
    faults += _cause_faults(records, where)
    first = next(iter(records.values()))
    length = 1.0 if first.period_days is None else float(first.period_days)
    last = round(horizon / length)
    seen = min(record.n_periods for record in records.values())
    if abs(last - horizon / length) > 1e-9 or not 1 <= last <= seen:
        faults.append(
            Fault(
                "the horizon is no whole number of periods in which somebody was at risk",
                f"horizon={horizon:g}",
                f"use a multiple of {length:g} up to {seen * length:g}",
            )
        )
    elif (first.at_risk[:last] == 0).any():
        empty = int((first.at_risk[:last] == 0).sum())
        faults.append(
            Fault(
                f"nobody was at risk in {empty} of {last} periods up to the horizon",
                f"horizon={horizon:g}",
                "paths begin in period 1: start the clock where observation starts",
            )
        )
    if faults:
        raise ModelError.of(faults)
    return _Asked(fits, records, exposure, last)


def _change(values: pd.Series, contrast: Step | Levels | Literal["sd", "point"]) -> Step | Levels:
    if contrast == "sd":
        return per_sd(values).step
    return POINT.step if contrast == "point" else contrast


def _cause_faults(records: Mapping[int, HazardRecord], where: str) -> list[Fault]:
    faults = []
    first = next(iter(records.values()))
    wrong = [cause for cause, record in records.items() if record.cause != cause]
    if wrong:
        told = ", ".join(str(cause) for cause in wrong)
        faults.append(Fault(f"the fit given for cause {told} explains another", where, "swap them"))
    missing = sorted(set(first.causes) - {record.cause for record in records.values()})
    if missing:
        told = ", ".join(str(cause) for cause in missing)
        faults.append(
            Fault(
                f"spells also end by cause {told}, for which there is no fit",
                where,
                "give a mapping of every cause to its fit: chances by a horizon that count other "
                "exits as if they were still at risk are too high",
            )
        )
    for record in records.values():
        same = np.array_equal(record.paths, first.paths)
        if not same or record.period_days != first.period_days:
            faults.append(
                Fault(
                    "the fits are not of the same spells and periods",
                    where,
                    "fit every cause to the same data, with the same clock",
                )
            )
            break
    return faults


def _about(asked: _Asked, cause: int, scale: str, change: Step | Levels) -> dict[str, object]:
    fit, kind = asked.fits[cause], KINDS[scale]
    reach = f"{asked.last * asked.length:g} {asked.unit}"
    what = "chance of the event" if scale == "risk_difference" else "time after the event"
    outcome = fit.design.outcome
    return {
        "outcome": outcome if len(asked.fits) == 1 else f"{outcome}, cause {cause}",
        "exposure": asked.exposure,
        "estimand": f"{what} within {reach}: {change.estimand}",
        "scale": scale,
        "contrast": change.name,
        "null_value": kind.null_value,
        "unit": asked.unit if scale == "time_gained" else kind.unit,
    }
