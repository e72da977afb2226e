"""Sums over clients by stratum and practitioner, of which group-time effects are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.breaks.history import BreakPanel

# a covariate whose spread among controls is below this part of the largest one explains nothing
FLAT = 1e-8


@dataclass(frozen=True)
class Sums:
    """Of one group, by pair of stratum and practitioner (P) and wave (T); v is (outcome, x)."""

    treated: np.ndarray  # (P, T)
    controls: np.ndarray  # (P, T)
    treated_v: np.ndarray  # (P, T, m)
    controls_v: np.ndarray  # (P, T, m)
    controls_vv: np.ndarray  # (P, T, m, m), empty without covariates


@dataclass(frozen=True)
class Pairs:
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


def pair_up(panel: BreakPanel) -> Pairs:
    """Sort clients by stratum and practitioner.

    Parameters
    ----------
    panel : BreakPanel
    """
    order = np.lexsort((panel.practitioner, panel.strata))
    stratum, practitioner = panel.strata[order], panel.practitioner[order]
    fresh = np.r_[True, (np.diff(stratum) != 0) | (np.diff(practitioner) != 0)]
    starts = np.flatnonzero(fresh)
    of_pair = stratum[starts]
    first = np.r_[True, np.diff(of_pair) != 0]
    return Pairs(
        order=order,
        starts=starts,
        stratum=np.cumsum(first) - 1,
        stratum_starts=np.flatnonzero(first),
        practitioner=practitioner[starts],
        band=panel.band[order][starts],
    )


def group_sums(
    pairs: Pairs,
    gaps: np.ndarray,
    treated: np.ndarray,
    controls: np.ndarray,
    covariates: np.ndarray,
) -> Sums:
    """Sum over the clients of each pair, for one group.

    Parameters
    ----------
    pairs : Pairs
    gaps : numpy.ndarray, shape (n, T)
        Differences of the outcome from the base.
    treated, controls : numpy.ndarray of bool, shape (n, T)
    covariates : numpy.ndarray, shape (n, q)
    """
    shape = (*gaps.shape, covariates.shape[1])
    v = np.concatenate([gaps[..., None], np.broadcast_to(covariates[:, None], shape)], axis=2)
    of_controls = v * controls[..., None]
    m = v.shape[2]
    squares = np.zeros((len(pairs.starts), gaps.shape[1], 0, 0))
    if m > 1:
        squares = pairs.sums(of_controls[..., :, None] * v[..., None, :])
    return Sums(
        treated=pairs.sums(treated.astype("float64")),
        controls=pairs.sums(controls.astype("float64")),
        treated_v=pairs.sums(v * treated[..., None]),
        controls_v=pairs.sums(of_controls),
        controls_vv=squares,
    )


def rest_of(of_stratum: Sums, of_pair: Sums, stratum: np.ndarray) -> Sums:
    """What is left of each pair's stratum without the pair."""
    names = Sums.__annotations__
    return Sums(
        **{name: getattr(of_stratum, name)[stratum] - getattr(of_pair, name) for name in names}
    )


def gained_by(sums: Sums) -> np.ndarray:
    """Sums over the treated less as many controls' mean; 0 where one side is empty."""
    size = np.maximum(sums.controls, 1.0)
    gained = sums.treated_v - (sums.treated / size)[..., None] * sums.controls_v
    usable = (sums.treated > 0) & (sums.controls > 0)
    return np.where(usable[..., None], gained, 0.0)


def within_controls(sums: Sums) -> np.ndarray:
    """Squares and products of the controls about their means."""
    size = np.maximum(sums.controls, 1.0)[..., None, None]
    outer = sums.controls_v[..., :, None] * sums.controls_v[..., None, :]
    return np.asarray(sums.controls_vv - outer / size)


def slopes_of(squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of the covariates' part, and slopes; what does not vary has a slope of 0."""
    bread = np.linalg.pinv(squares[..., 1:, 1:], rcond=FLAT, hermitian=True)
    return bread, np.einsum("...ij,...j->...i", bread, squares[..., 1:, 0])


def adjusted(v: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """The outcome's part of v less what the covariates explain."""
    return np.asarray(v[..., 0] - (v[..., 1:] * slopes).sum(axis=-1))


def standardised(covariates: np.ndarray) -> np.ndarray:
    """Covariates about their means, in standard deviations, so that no unit is small beside others.

    Parameters
    ----------
    covariates : numpy.ndarray, shape (n, q)
    """
    spread = covariates.std(axis=0)
    return np.asarray((covariates - covariates.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def sums_into(values: np.ndarray, codes: np.ndarray, n: int) -> np.ndarray:
    """Sums over the first axis by code."""
    out = np.zeros((n, *values.shape[1:]))
    np.add.at(out, codes, values)
    return out
