"""Whether an item means the same in all groups, given the rest of its scale: ordinal-logit DIF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import expit
from scipy.stats import chi2

from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.models.ordinal import OrdinalFit, fit_ordinal

LEAST, SMALL = 100, 200  # rows of a group: fewer are refused; fewer are doubtful
ROUNDS = 10
LEVEL = 0.05
MODERATE, LARGE = 0.035, 0.070
Size = Literal["negligible", "moderate", "large"]


@dataclass(frozen=True)
class ItemFunction:
    """One item across groups, at the same level of the other items.

    Attributes
    ----------
    item : str
    uniform_p, non_uniform_p, p_value, p_adjusted : float
        Wald tests that groups answer at one height, along one slope, and both; the last one also
        adjusted over the items by Holm.
    r_squared : float
        By how much groups raise Nagelkerke's R squared.
    size : str
        negligible, moderate (from .035) or large (from .070).
    shift : numpy.ndarray, shape (groups - 1,)
        How many points each further group answers higher than the first at the same level of the
        other items, averaged over all clients.
    status : str
        ok, or what is wrong with a fit.
    """

    item: str
    uniform_p: float
    non_uniform_p: float
    p_value: float
    p_adjusted: float
    r_squared: float
    size: Size
    shift: np.ndarray
    status: str

    @property
    def differs(self) -> bool:
        """Whether a difference is found that is more than negligible."""
        return bool(self.p_adjusted < LEVEL and self.size != "negligible")


@dataclass(frozen=True)
class ItemFunctions:
    """All items of a scale across groups.

    Attributes
    ----------
    items : tuple of ItemFunction
    anchors : tuple of str
        Items whose sum stands for the level: those that were not found to differ.
    doubtful : bool
        Whether a group has fewer than 200 rows.
    """

    items: tuple[ItemFunction, ...]
    anchors: tuple[str, ...]
    doubtful: bool


def item_function(
    items: np.ndarray,
    groups: np.ndarray,
    names: Sequence[str],
    *,
    clusters: np.ndarray | None = None,
) -> ItemFunctions:
    """Test every item for differential functioning by nested proportional-odds logits.

    Use it to see which items groups answer differently although the rest of the scale says that
    they should not, and by how many points. It cannot see what shifts all items alike.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
        Complete responses, reversed items turned.
    groups : array, shape (n,)
        The first in sorted order is what others are compared with.
    names : sequence of str, length k
    clusters : array, shape (n,), optional
        What rows share, as a practitioner: tests allow for it.

    Returns
    -------
    ItemFunctions

    Raises
    ------
    DataError
        If rows are incomplete, an item does not vary, there are fewer than three items or two
        groups, or a group has fewer than 100 rows.

    Notes
    -----
    The level is the mean of the other anchor items, standardised. Items that differ leave the
    anchors and all are tested again, up to ten times. The models are item ~ level, + group,
    + group x level; R squared is that of the last less that of the first.

    References
    ----------
    Zumbo (1999), A handbook on the theory and methods of differential item functioning; Jodoin and
    Gierl (2001), Applied Measurement in Education 14, for the sizes; Scott et al. (2009), Journal
    of Clinical Epidemiology 62, for the rows that are needed.
    """
    groups = np.unique(groups, return_inverse=True)[1]
    _check(items, groups, names, clusters)
    found: tuple[ItemFunction, ...] = ()
    anchors = np.ones(len(names), dtype=bool)
    for _ in range(ROUNDS):
        found = _adjusted(
            [_one(items, groups, i, anchors, names[i], clusters) for i in range(len(names))]
        )
        kept = np.array([not one.differs for one in found])
        if kept.sum() < 2 or (kept == anchors).all():
            break
        anchors = kept
    sizes = np.bincount(groups)
    named = tuple(name for name, keep in zip(names, anchors, strict=True) if keep)
    return ItemFunctions(found, named, bool(sizes.min() < SMALL))


def _check(
    items: np.ndarray, groups: np.ndarray, names: Sequence[str], clusters: np.ndarray | None
) -> None:
    faults = []
    if missing := int(np.isnan(items).any(axis=1).sum()):
        what = f"{missing} of {len(items)} rows lack a response"
        faults.append(Fault(what, "items", "leave them out, and say how many"))
    if items.shape[1] < 3:
        what = f"{items.shape[1]} items: too few to tell one from the others"
        faults.append(Fault(what, "items", "three items are needed"))
    for name, column in zip(names, items.T, strict=True):
        if np.ptp(column) == 0:
            what = f"item '{name}' has the same response in all {len(items)} rows"
            faults.append(Fault(what, "items", "leave it out: it tells nobody apart"))
    sizes = np.bincount(groups)
    if len(sizes) < 2:
        faults.append(Fault("all rows are in one group", "groups", "there is nothing to compare"))
    for g in np.flatnonzero(sizes < LEAST):
        what = f"group {g + 1} has {sizes[g]} rows, and {LEAST} are needed"
        faults.append(Fault(what, "groups", "join groups, or leave it out"))
    if clusters is not None and len(np.unique(clusters)) < 2:
        what = f"all {len(items)} rows belong to one practitioner"
        fix = "leave clusters out, and speak of this practitioner only"
        faults.append(Fault(what, "clusters", fix))
    if faults:
        raise DataError.of(faults)


def _one(
    items: np.ndarray,
    groups: np.ndarray,
    i: int,
    anchors: np.ndarray,
    name: str,
    clusters: np.ndarray | None,
) -> ItemFunction:
    others = anchors.copy()
    others[i] = False
    level = items[:, others].mean(axis=1)
    if level.std() == 0:
        return _without(name, len(np.unique(groups)), "the other items do not vary")
    level = (level - level.mean()) / level.std()
    member = (groups[:, None] == np.unique(groups)[None, 1:]).astype(float)
    designs = (
        level[:, None],
        np.column_stack([level, member]),
        np.column_stack([level, member, member * level[:, None]]),
    )
    fits = [fit_ordinal(items[:, i], design, clusters=clusters) for design in designs]
    trouble = next((fit.status for fit in fits if fit.status != "ok"), "")
    if trouble:
        return _without(name, member.shape[1] + 1, trouble.replace("_", " "))
    gain = _nagelkerke(fits[2], items[:, i]) - _nagelkerke(fits[0], items[:, i])
    count = member.shape[1]
    size: Size = "negligible" if gain < MODERATE else "moderate" if gain < LARGE else "large"
    return ItemFunction(
        item=name,
        uniform_p=_wald(fits[1], count),
        non_uniform_p=_wald(fits[2], count),
        p_value=_wald(fits[2], 2 * count),
        p_adjusted=np.nan,
        r_squared=gain,
        size=size,
        shift=_shift(fits[2], items[:, i], level, count),
        status="ok",
    )


def _without(name: str, groups: int, why: str) -> ItemFunction:
    return ItemFunction(
        item=name,
        uniform_p=np.nan,
        non_uniform_p=np.nan,
        p_value=np.nan,
        p_adjusted=np.nan,
        r_squared=np.nan,
        size="negligible",
        shift=np.full(groups - 1, np.nan),
        status=why,
    )


def _wald(fit: OrdinalFit, last: int) -> float:
    """The test that the last coefficients are 0, with rows of one cluster going together."""
    at = slice(len(fit.thresholds) + len(fit.coefficients) - last, None)
    found = fit.coefficients[-last:]
    statistic = float(found @ np.linalg.lstsq(fit.robust_vcov[at, at], found, rcond=None)[0])
    return float(chi2.sf(statistic, last))


def _nagelkerke(fit: OrdinalFit, response: np.ndarray) -> float:
    counts = np.unique(response, return_counts=True)[1]
    bare = float((counts * np.log(counts / fit.n)).sum())
    gained = 1 - np.exp(2 * (bare - fit.loglik) / fit.n)
    return float(gained / (1 - np.exp(2 * bare / fit.n)))


def _shift(fit: OrdinalFit, response: np.ndarray, level: np.ndarray, count: int) -> np.ndarray:
    """Expected points of each further group less those of the first, over everybody's level."""
    values = np.unique(response)
    slope, heights, slopes = (
        fit.coefficients[0], fit.coefficients[1 : 1 + count], fit.coefficients[1 + count :]
    )  # fmt: skip

    def points(along: np.ndarray) -> float:
        below = expit(fit.thresholds[None, :] - along[:, None])
        return float((values[-1] - below @ np.diff(values)).mean())

    first = points(slope * level)
    return np.array(
        [points(h + (slope + s) * level) - first for h, s in zip(heights, slopes, strict=True)]
    )


def _adjusted(found: Sequence[ItemFunction]) -> tuple[ItemFunction, ...]:
    """Holm's adjustment over the items that have a test."""
    p_values = np.array([one.p_value for one in found])
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    adjusted = np.full(len(found), np.nan)
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return tuple(replace(one, p_adjusted=float(p)) for one, p in zip(found, adjusted, strict=True))
