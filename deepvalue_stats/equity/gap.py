"""The gap in outcomes between two groups: who gets the relationships, and what they return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.effects import (
    Estimates,
    Movable,
    average_mean,
    movable,
    row_means,
    together,
)
from deepvalue_stats.effects.estimate import Averaged, group_masks, refuse_unaveraged
from deepvalue_stats.effects.inference import cells, clusters_of, counts_of, infer
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import KINDS, EffectTable, effect_rows

# a distribution of scores is held as so many equally likely values, each the mean of its bin
BINS = 50

# what each part of the gap is, as a sum of the five means: high, high at neutral, low, low with
# the relationships of high, low at neutral
PARTS = {
    "gap": ("{high} less {low}, as they are", (1, 0, -1, 0, 0)),
    "access": (
        "what {low} would gain with the relationships of {high}",
        (0, 0, -1, 1, 0),
    ),
    "left": ("the gap if {low} had the relationships of {high}", (1, 0, 0, -1, 0)),
    "returns": (
        "what the same relationships return to {high} more than to {low}, from {neutral:.4g} on",
        (1, -1, 0, -1, 1),
    ),
    "rest": ("the gap with everybody at {neutral:.4g}", (0, 1, 0, 0, -1)),
}


def explain_gap(
    fit: ModelFit,
    exposure: str,
    modifier: str,
    *,
    low: str,
    high: str,
    neutral: float,
    at: Averaged = "population",
) -> EffectTable:
    """Split the gap in outcomes between two groups by the part that relationships have in it.

    The gap in the chance of the outcome, high less low, is the sum of `access` (the low group has
    other relationships than the high one), `returns` (the same relationships return something
    else to it) and `rest` (what would remain with everybody at a neutral relationship); `left` is
    the gap less access.

    Parameters
    ----------
    fit : ModelFit
        With the exposure free to differ by the modifier.
    exposure, modifier : str
        Columns; the modifier holds groups.
    low, high : str
        Groups.
    neutral : float
        The relationship from which returns are measured: with another one `returns` and `rest`
        share differently, and `access` does not move.
    at : str
        As in `average_effect`.

    Returns
    -------
    EffectTable
        Scale `gap`, one row a part, named in `contrast`. Intervals count the fit's covariance and,
        as relationships and covariates of the groups are themselves a sample, theirs, summed by
        practitioner.

    Raises
    ------
    ModelError
        If a group has no row in the fit.

    Notes
    -----
    With M_b(F) the mean chance in group b over relationships drawn from F: gap = M_h(F_h) -
    M_l(F_l), access = M_l(F_h) - M_l(F_l), returns = [M_h(F_h) - M_h(c)] - [M_l(F_h) - M_l(c)],
    rest = M_h(c) - M_l(c). F_h is the high group's own distribution, whatever the other
    characteristics of its clients, held as 50 equally likely values.

    References
    ----------
    Jackson and VanderWeele (2018), Epidemiology 29: 825-835, for access and what is left; Oaxaca
    and Ransom (1999), Review of Economics and Statistics 81, for the choice of a zero.
    """
    refuse_unaveraged(fit, at)
    frame = fit.design.frame
    masks = group_masks(frame, modifier)
    absent = [name for name in (low, high) if name not in masks]
    if absent:
        raise ModelError(
            f"no row of the fit is in the group {' or '.join(absent)}",
            modifier,
            f"use two of {', '.join(masks)}",
        )
    words = {"low": low, "high": high, "neutral": neutral}
    weights = np.array([part for _, part in PARTS.values()], dtype="float64")
    found = None
    if fit.convergence.status == "ok":
        means = _means(fit, exposure, masks[low], masks[high], neutral, at)
        sampling = weights @ means.sampling(clusters_of(fit)) @ weights.T
        terms = np.ones(len(fit.params), dtype=bool)
        found = infer(means.estimates.combine(weights), fit, terms, sampling)
    both = masks[low] | masks[high]
    return effect_rows(
        {
            "outcome": fit.design.outcome,
            "exposure": exposure,
            "estimand": says.format(**words),
            "scale": "gap",
            "contrast": name,
            "group": f"{high} minus {low}",
            "null_value": KINDS["gap"].null_value,
            "unit": KINDS["gap"].unit,
            **cells(found, place, "gap"),
            **counts_of(fit, both),
        }
        for place, (name, (says, _)) in enumerate(PARTS.items())
    )


@dataclass(frozen=True)
class _Means:
    """The five means, and what each row of the fit adds to their own sampling.

    `influence` has shape (5, n): rows outside of a mean's group are nought, but for those from
    whom its relationships are drawn.
    """

    estimates: Estimates
    influence: np.ndarray

    def sampling(self, clusters: np.ndarray) -> np.ndarray:
        """Covariance of the five through who happens to be in the sample, shape (5, 5)."""
        n_clusters = int(clusters.max()) + 1
        sums = np.zeros((n_clusters, len(self.influence)))
        np.add.at(sums, clusters, self.influence.T)
        return np.asarray(n_clusters / (n_clusters - 1) * sums.T @ sums)


def _means(
    fit: ModelFit,
    exposure: str,
    low: np.ndarray,
    high: np.ndarray,
    neutral: float,
    at: Averaged,
) -> _Means:
    frame = fit.design.frame
    scores = frame[exposure].to_numpy(dtype="float64")
    rows = movable(fit, exposure, at)
    theirs, ours = rows.where(high), rows.where(low)
    bins = _bins(scores[high])
    lent, chances = _lent(ours, bins.values)
    parts = [
        (high, theirs.as_is),
        (high, theirs.set_to(neutral)),
        (low, ours.as_is),
        (low, None),
        (low, ours.set_to(neutral)),
    ]
    influence = np.zeros((len(parts), len(frame)))
    estimates = []
    for place, (mask, placed) in enumerate(parts):
        if placed is None:
            estimates.append(lent)
            own = chances.mean(axis=0)
            # who in the other group has which relationship is a matter of the sample as well
            by_bin = chances.mean(axis=1)
            apart = by_bin[bins.of] - by_bin[bins.of].mean()
            influence[place, high] += apart / high.sum()
        else:
            estimates.append(average_mean(fit.link, placed))
            own = row_means(fit.link, placed)
        influence[place, mask] += (own - own.mean()) / mask.sum()
    return _Means(together(estimates), influence)


def _lent(members: Movable, values: np.ndarray) -> tuple[Estimates, np.ndarray]:
    """The mean over members and values of the chance, and each one's chances, (values, members)."""
    link = members.fit.link
    placed = (members.set_to(value) for value in values)
    known = [(average_mean(link, rows), row_means(link, rows)) for rows in placed]
    weights = np.full((1, len(values)), 1 / len(values))
    parts, chances = zip(*known, strict=True)
    return together(list(parts)).combine(weights), np.stack(chances)


@dataclass(frozen=True)
class _Bins:
    """Equally likely values in the place of a distribution, and the value of each member."""

    values: np.ndarray
    of: np.ndarray


def _bins(scores: np.ndarray) -> _Bins:
    count = min(BINS, len(scores))
    order = np.argsort(scores, kind="stable")
    of = np.empty(len(scores), dtype="int64")
    of[order] = np.arange(len(scores)) * count // len(scores)
    ends = np.linspace(0, len(scores), count + 1)
    # the mean of the quantile function over each bin, ties and uneven bins included
    total = np.concatenate([[0.0], np.cumsum(scores[order])])
    values = np.diff(np.interp(ends, np.arange(len(scores) + 1), total)) * count / len(scores)
    return _Bins(values, of)
