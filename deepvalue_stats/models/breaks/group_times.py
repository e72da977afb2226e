"""Average effects of a change by group and time, from sums over practitioners and strata.

In the notation of Callaway and Sant'Anna (2021): a group g is who had the first change at wave g,
and ATT(g, t) the average effect on them at wave t. Everything needed is additive over clients, so
that sums by practitioner within a stratum give the estimate, its influences, and what the estimate
would be without any one practitioner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from deepvalue_stats.models.breaks.history import BreakPanel
from deepvalue_stats.tables import read_only

Control = Literal["not_yet", "never"]
Covariance = Literal["clustered", "influence", "jackknife"]
# the wave that all differences are taken from: the last one before the change
BASE = -1
EVERY = (-(1 << 31), 1 << 31)
# a covariate whose spread among controls is below this part of the largest one explains nothing
FLAT = 1e-10


@dataclass(frozen=True)
class Counted:
    """How many are behind each of K estimates.

    Attributes
    ----------
    clients, practitioners : numpy.ndarray of int, shape (K,)
        Who changed, and whom they lost.
    controls, control_practitioners : numpy.ndarray of int, shape (K,)
    events : numpy.ndarray, shape (K,)
        Sum of the outcome of those who changed, at that wave.
    """

    clients: np.ndarray
    practitioners: np.ndarray
    controls: np.ndarray
    control_practitioners: np.ndarray
    events: np.ndarray


@dataclass(frozen=True)
class Effects:
    """K estimates with what each of J practitioners contributes to them.

    Attributes
    ----------
    band, event_time : numpy.ndarray of int, shape (K,)
    estimates : numpy.ndarray, shape (K,)
    contributions : numpy.ndarray, shape (J, K)
        The covariance is their sum of squares and products.
    counted : Counted
    """

    band: np.ndarray
    event_time: np.ndarray
    estimates: np.ndarray
    contributions: np.ndarray
    counted: Counted

    @property
    def covariance(self) -> np.ndarray:
        """Of the estimates, shape (K, K)."""
        return np.asarray(self.contributions.T @ self.contributions)


@dataclass(frozen=True)
class Groups:
    """ATT(g, t), one element each.

    Attributes
    ----------
    change, wave : numpy.ndarray of int
        Places of g and t in the schedule.
    estimates, std_errors : numpy.ndarray
    clients, practitioners, controls : numpy.ndarray of int
    """

    change: np.ndarray
    wave: np.ndarray
    estimates: np.ndarray
    std_errors: np.ndarray
    clients: np.ndarray
    practitioners: np.ndarray
    controls: np.ndarray


@dataclass(frozen=True)
class Lost:
    """Who of those that changed is in no comparison.

    Attributes
    ----------
    no_base : int
        Clients without an outcome at the wave before the change.
    no_controls : int
        Client-waves after the change without a control.
    compared : int
        Clients in a comparison after the change.
    """

    no_base: int
    no_controls: int
    compared: int


@dataclass(frozen=True)
class _Sums:
    """Of one group, by pair of stratum and practitioner (P) and wave (T); v is (outcome, x)."""

    treated: np.ndarray  # (P, T)
    controls: np.ndarray  # (P, T)
    treated_v: np.ndarray  # (P, T, m)
    controls_v: np.ndarray  # (P, T, m)
    controls_vv: np.ndarray  # (P, T, m, m), empty without covariates


@dataclass(frozen=True)
class _Pairs:
    """Clients sorted by stratum and practitioner."""

    order: np.ndarray
    starts: np.ndarray
    stratum: np.ndarray
    stratum_starts: np.ndarray
    practitioner: np.ndarray
    band: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over clients, (n, ...) to (P, ...)."""
        return np.asarray(np.add.reduceat(values[self.order], self.starts, axis=0))

    def by_stratum(self, values: np.ndarray) -> np.ndarray:
        """Sums over pairs, (P, ...) to (S, ...)."""
        return np.asarray(np.add.reduceat(values, self.stratum_starts, axis=0))


def group_times(
    panel: BreakPanel,
    *,
    control: Control = "not_yet",
    covariance: Covariance = "clustered",
    window: tuple[int, int] = EVERY,
) -> tuple[Effects, Effects, Groups, Lost]:
    """Estimate the effects of the first change, by wave since the change and by group and time.

    Parameters
    ----------
    panel : BreakPanel
    control : str
    covariance : str
    window : tuple of int
        The first and the last event time of the estimates.

    Returns
    -------
    Effects
        Averages over all who changed, by band and waves since the change (0 the first wave after),
        the wave before it left out.
    Effects
        Averages over all waves after the change, by band.
    Groups
    Lost

    Notes
    -----
    With base b = g - 1, d_it = y_it - y_ib, and in stratum s controls C (not changed by t nor by
    b, other than g), treated are compared with m_s = mean of d over C. Adjusted for x,
    (d, x) is taken from its means over C, and beta is the slope within strata over C:
    ATT(g, t) = sum over treated of [d - m_s - (x - xbar_s)' beta] / n. An average by e = t - g is
    over all clients with that e. Contributions: sums of the influence function, times [L/(L-1)]^1/2
    for L practitioners who left (clustered) or as they are (influence); or [(J-1)/J]^1/2 times
    what leaving a practitioner out changes (jackknife).
    """
    pairs = _pair(panel)
    waves = panel.outcome.shape[1]
    clusters, bands = int(panel.practitioner.max()) + 1, len(panel.bands)
    tally = _Tally(panel, pairs, clusters, bands, waves)
    for change in np.unique(panel.change[panel.change < waves]):
        if change > 0:
            tally.add(int(change), *_masks(panel, int(change), control))
    return *tally.effects(covariance, window), tally.groups(covariance), tally.lost()


def _masks(panel: BreakPanel, change: int, control: Control) -> tuple[np.ndarray, ...]:
    """Differences from the wave before the change (n, T), and who is treated and who control."""
    waves = panel.outcome.shape[1]
    gaps = panel.outcome - panel.outcome[:, [change - 1]]
    known = ~np.isnan(gaps)
    treated = known & (panel.change == change)[:, None]
    if control == "never":
        free = np.broadcast_to(panel.never[:, None], known.shape)
    else:
        free = panel.change[:, None] > np.maximum(np.arange(waves), change - 1)
    controls = known & free & (panel.change != change)[:, None]
    return np.where(known, gaps, 0.0), treated, controls


def _pair(panel: BreakPanel) -> _Pairs:
    order = np.lexsort((panel.practitioner, panel.strata))
    stratum, practitioner = panel.strata[order], panel.practitioner[order]
    fresh = np.r_[True, (np.diff(stratum) != 0) | (np.diff(practitioner) != 0)]
    starts = np.flatnonzero(fresh)
    of_pair = stratum[starts]
    first = np.r_[True, np.diff(of_pair) != 0]
    return _Pairs(
        order=order,
        starts=starts,
        stratum=np.cumsum(first) - 1,
        stratum_starts=np.flatnonzero(first),
        practitioner=practitioner[starts],
        band=panel.band[order][starts],
    )


@dataclass(frozen=True)
class _Slopes:
    """Of covariates among the controls of a group: by wave, and without each practitioner."""

    own: np.ndarray  # (T, q)
    without: np.ndarray  # (J, T, q)
    bread: np.ndarray  # (T, q, q)


class _Tally:
    """Sums over groups: of the estimates, and of the estimates without each practitioner."""

    def __init__(
        self, panel: BreakPanel, pairs: _Pairs, clusters: int, bands: int, waves: int
    ) -> None:
        self.panel, self.pairs = panel, pairs
        self.clusters, self.waves = clusters, waves
        self.stratum = np.empty(len(panel.change), dtype="int64")
        sizes = np.diff(np.r_[pairs.starts, len(panel.change)])
        self.stratum[pairs.order] = np.repeat(pairs.stratum, sizes)
        self.stratum_band = pairs.band[pairs.stratum_starts]
        # the place of an event time in the arrays: the first is 1 - waves
        shape = (bands, 2 * waves - 1)
        self.total, self.count, self.events = (np.zeros(shape) for _ in range(3))
        self.moved, self.fewer, self.score, self.lost_clients, self.helped = (
            np.zeros((clusters, *shape)) for _ in range(5)
        )
        self.controls = np.zeros((len(panel.change), shape[1]), dtype=bool)
        self.compared = np.zeros(len(panel.change), dtype=bool)
        self.no_base = self.no_controls = 0
        self.rows: list[tuple[Any, ...]] = []

    def add(self, change: int, gaps: np.ndarray, treated: np.ndarray, controls: np.ndarray) -> None:
        """Add a group: differences from its base (n, T), who is treated and who control."""
        panel, pairs, waves = self.panel, self.pairs, self.waves
        of_pair = _group_sums(pairs, gaps, treated, controls, panel.covariates)
        of_stratum = _Sums(**{name: pairs.by_stratum(v) for name, v in vars(of_pair).items()})
        usable = (of_stratum.treated > 0) & (of_stratum.controls > 0)
        slopes = self._slopes(of_pair, of_stratum)
        gained = _gained(of_stratum)  # (S, T, m)
        by_band = _into(gained, self.stratum_band, len(self.total))
        number = _into(
            np.where(usable, of_stratum.treated, 0.0), self.stratum_band, len(self.total)
        )
        value = _adjusted(by_band, slopes.own)
        # without a practitioner: what changes in each stratum with clients of theirs
        rest = _rest(of_stratum, of_pair, pairs.stratum)
        still = np.where((rest.treated > 0) & (rest.controls > 0), rest.treated, 0.0)
        fewer = self._by_practitioner(
            still - np.where(usable, of_stratum.treated, 0.0)[pairs.stratum]
        )
        other = self._by_practitioner(_gained(rest) - gained[pairs.stratum])
        moved = _adjusted(by_band + other, slopes.without[:, None]) - value
        score = self._score(of_pair, of_stratum, slopes, by_band, usable)
        mine = self._by_practitioner(np.where(usable[pairs.stratum], of_pair.treated, 0.0))
        helps = self._by_practitioner(np.where(usable[pairs.stratum], of_pair.controls, 0.0))
        here = slice(waves - 1 - change, 2 * waves - 1 - change)
        for store, new in (
            (self.total, value), (self.count, number), (self.moved, moved), (self.fewer, fewer),
            (self.score, score), (self.lost_clients, mine), (self.helped, helps),
        ):  # fmt: skip
            store[..., here] += new
        self._count(change, here, treated, controls, usable)
        sums = [x.sum(axis=-2) for x in (value, number, moved, fewer, score, mine)]
        used = (controls & usable[self.stratum]).sum(axis=0)
        self.rows.append((change, used, *sums))

    def _by_practitioner(self, values: np.ndarray) -> np.ndarray:
        """Sums over pairs, (P, T, ...) to (J, bands, T, ...)."""
        out = np.zeros((self.clusters, len(self.total), *values.shape[1:]))
        np.add.at(out, (self.pairs.practitioner, self.pairs.band), values)
        return out

    def _slopes(self, of_pair: _Sums, of_stratum: _Sums) -> _Slopes:
        waves, clusters = self.waves, self.clusters
        q = self.panel.covariates.shape[1]
        if q == 0:
            nothing = np.empty((waves, 0))
            return _Slopes(nothing, np.empty((clusters, waves, 0)), np.empty((waves, 0, 0)))
        within = _within(of_stratum)
        rest = _rest(of_stratum, of_pair, self.pairs.stratum)
        other = self._by_practitioner(_within(rest) - within[self.pairs.stratum]).sum(axis=1)
        whole = within.sum(axis=0)
        bread, own = _solve(whole)
        return _Slopes(own, _solve(whole + other)[1], bread)

    def _score(
        self,
        of_pair: _Sums,
        of_stratum: _Sums,
        slopes: _Slopes,
        by_band: np.ndarray,
        usable: np.ndarray,
    ) -> np.ndarray:
        """Sums of influences by practitioner, but for the estimate's own part, (J, bands, T)."""
        place = self.pairs.stratum
        size = np.maximum(of_stratum.controls, 1.0)
        mean_v = (of_stratum.controls_v / size[..., None])[place]
        mean = _adjusted(mean_v, slopes.own)
        weight = np.where(usable, of_stratum.treated / size, 0.0)[place]
        treated = _adjusted(of_pair.treated_v, slopes.own) - of_pair.treated * mean
        control = _adjusted(of_pair.controls_v, slopes.own) - of_pair.controls * mean
        score = self._by_practitioner(np.where(usable[place], treated, 0.0) - weight * control)
        if slopes.own.shape[1]:
            across = np.einsum("pti,ptj->ptij", of_pair.controls_v, mean_v)
            squares = np.einsum("pt,pti,ptj->ptij", of_pair.controls, mean_v, mean_v)
            around = of_pair.controls_vv - across - np.swapaxes(across, 2, 3) + squares
            left = around[..., 1:, 0] - np.einsum("ptij,tj->pti", around[..., 1:, 1:], slopes.own)
            told = self._by_practitioner(left).sum(axis=1)
            score -= np.einsum("bti,tij,ctj->cbt", by_band[..., 1:], slopes.bread, told)
        return score

    def _count(
        self,
        change: int,
        here: slice,
        treated: np.ndarray,
        controls: np.ndarray,
        usable: np.ndarray,
    ) -> None:
        panel, mine = self.panel, self.panel.change == change
        used = usable[self.stratum]
        after = np.arange(self.waves) >= change
        outcome = np.where(treated & used, np.nan_to_num(panel.outcome), 0.0)
        self.events[:, here] += _into(outcome, panel.band, len(self.total))
        self.controls[:, here] |= controls & used
        self.compared |= (treated & used & after).any(axis=1)
        self.no_base += int((mine & np.isnan(panel.outcome[:, change - 1])).sum())
        self.no_controls += int((treated & ~used & after).sum())

    def effects(self, covariance: Covariance, window: tuple[int, int]) -> tuple[Effects, Effects]:
        """By band and event time, but for the base; and by band over all times after the change."""
        times = np.arange(self.count.shape[1]) - self.waves + 1
        inside = (times >= window[0]) & (times <= window[1])
        keep = (self.count > 0) & inside & (times != BASE)
        band, place = np.nonzero(keep)
        after = inside & (times >= 0)
        some = np.flatnonzero(self.count[:, after].sum(axis=1) > 0)
        stores = (self.total, self.count, self.moved, self.fewer, self.score, self.lost_clients)
        by_time = [store[..., keep] for store in stores]
        over_all = [store[..., after].sum(axis=-1)[..., some] for store in stores]
        clients, used = np.nonzero(self.controls)
        controls = np.zeros_like(self.count)
        np.add.at(controls, (self.panel.band[clients], used), 1)
        n_bands = len(self.total)
        ever = np.bincount(self.panel.band[self.controls[:, after].any(axis=1)], minlength=n_bands)
        compared = np.bincount(self.panel.band[self.compared], minlength=n_bands)
        curve = _estimated(band, times[place], by_time, covariance, Counted(
            clients=read_only(by_time[1].astype("int64")),
            practitioners=read_only((by_time[5] > 0).sum(axis=0)),
            controls=read_only(controls[keep].astype("int64")),
            control_practitioners=read_only((self.helped[:, keep] > 0).sum(axis=0)),
            events=read_only(self.events[keep]),
        ))  # fmt: skip
        overall = _estimated(some, np.zeros_like(some), over_all, covariance, Counted(
            clients=read_only(compared[some]),
            practitioners=read_only((over_all[5] > 0).sum(axis=0)),
            controls=read_only(ever[some]),
            control_practitioners=read_only(
                (self.helped[..., after].sum(axis=-1)[:, some] > 0).sum(axis=0)
            ),
            events=read_only(self.events[:, after].sum(axis=1)[some]),
        ))  # fmt: skip
        return curve, overall

    def groups(self, covariance: Covariance) -> Groups:
        """ATT(g, t), bands together, but for the base."""
        parts: dict[str, list[np.ndarray]] = {name: [] for name in Groups.__annotations__}
        for change, used, value, number, *sums in self.rows:
            wave = np.flatnonzero(number > 0)
            wave = wave[wave != change - 1]
            total, count = value[wave], number[wave]
            told = contributions(covariance, total, count, *(x[:, wave] for x in sums))
            columns = (
                np.full(len(wave), change), wave, total / count,
                np.sqrt((told**2).sum(axis=0)), count.astype("int64"),
                (sums[-1][:, wave] > 0).sum(axis=0), used[wave],
            )  # fmt: skip
            for name, column in zip(parts, columns, strict=True):
                parts[name].append(column)
        return Groups(
            **{name: read_only(np.concatenate([[], *v]) if not v else np.concatenate(v))
               for name, v in parts.items()}
        )  # fmt: skip

    def lost(self) -> Lost:
        """Who is in no comparison."""
        return Lost(self.no_base, self.no_controls, int(self.compared.sum()))


def _estimated(
    band: np.ndarray,
    event_time: np.ndarray,
    sums: list[np.ndarray],
    covariance: Covariance,
    counted: Counted,
) -> Effects:
    return Effects(
        band=read_only(band),
        event_time=read_only(event_time),
        estimates=read_only(sums[0] / sums[1]),
        contributions=read_only(contributions(covariance, *sums)),
        counted=counted,
    )


def contributions(
    covariance: Covariance,
    total: np.ndarray,
    count: np.ndarray,
    moved: np.ndarray,
    fewer: np.ndarray,
    score: np.ndarray,
    mine: np.ndarray,
) -> np.ndarray:
    """What each practitioner contributes to K means, shape (J, K); not a number for one alone.

    Parameters
    ----------
    covariance : str
    total, count : numpy.ndarray, shape (K,)
        Sums of effects, and of clients.
    moved, fewer : numpy.ndarray, shape (J, K)
        By how much those are other without a practitioner.
    score, mine : numpy.ndarray, shape (J, K)
        Sums of influences on the total, and clients who changed.
    """
    means = total / count
    if covariance != "jackknife":
        told = (score - means * mine) / count
        left = (mine > 0).sum(axis=0)
        # nothing is known of how practitioners differ where one left
        factor = np.where(left > 1, left / np.maximum(left - 1, 1), np.nan)
        return np.asarray(told * np.sqrt(factor if covariance == "clustered" else 1.0))
    left = count + fewer
    without = np.where(left > 0, total + moved, np.nan) / np.where(left > 0, left, 1.0)
    clusters = max(int(((mine != 0) | (moved != 0)).any(axis=1).sum()), 2)
    return np.asarray(np.sqrt((clusters - 1) / clusters) * (without - means))


def _group_sums(
    pairs: _Pairs,
    gaps: np.ndarray,
    treated: np.ndarray,
    controls: np.ndarray,
    covariates: np.ndarray,
) -> _Sums:
    shape = (*gaps.shape, covariates.shape[1])
    v = np.concatenate([gaps[..., None], np.broadcast_to(covariates[:, None], shape)], axis=2)
    of_controls = v * controls[..., None]
    m = v.shape[2]
    squares = np.zeros((len(pairs.starts), gaps.shape[1], 0, 0))
    if m > 1:
        squares = pairs.sums(of_controls[..., :, None] * v[..., None, :])
    return _Sums(
        treated=pairs.sums(treated.astype("float64")),
        controls=pairs.sums(controls.astype("float64")),
        treated_v=pairs.sums(v * treated[..., None]),
        controls_v=pairs.sums(of_controls),
        controls_vv=squares,
    )


def _rest(of_stratum: _Sums, of_pair: _Sums, stratum: np.ndarray) -> _Sums:
    """What is left of each pair's stratum without the pair."""
    names = _Sums.__annotations__
    return _Sums(
        **{name: getattr(of_stratum, name)[stratum] - getattr(of_pair, name) for name in names}
    )


def _gained(sums: _Sums) -> np.ndarray:
    """Sums over the treated less as many controls' mean; 0 where one side is empty."""
    size = np.maximum(sums.controls, 1.0)
    gained = sums.treated_v - (sums.treated / size)[..., None] * sums.controls_v
    usable = (sums.treated > 0) & (sums.controls > 0)
    return np.where(usable[..., None], gained, 0.0)


def _within(sums: _Sums) -> np.ndarray:
    """Squares and products of the controls about their means."""
    size = np.maximum(sums.controls, 1.0)[..., None, None]
    outer = sums.controls_v[..., :, None] * sums.controls_v[..., None, :]
    return np.asarray(sums.controls_vv - outer / size)


def _solve(squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of the covariates' part, and slopes; what does not vary has a slope of 0."""
    bread = np.linalg.pinv(squares[..., 1:, 1:], rcond=FLAT, hermitian=True)
    return bread, np.einsum("...ij,...j->...i", bread, squares[..., 1:, 0])


def _adjusted(v: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """The outcome's part of v less what the covariates explain."""
    return np.asarray(v[..., 0] - (v[..., 1:] * slopes).sum(axis=-1))


def _into(values: np.ndarray, codes: np.ndarray, n: int) -> np.ndarray:
    """Sums over the first axis by code."""
    out = np.zeros((n, *values.shape[1:]))
    np.add.at(out, codes, values)
    return out
