"""How large the error in a score is, and how well that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.data import Dataset
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures.scoring import measure_items, turn_items
from deepvalue_stats.plan import Plan, resolve_measure

FEWEST_ROWS = 3


@dataclass(frozen=True)
class ScoreError:
    """The error variance of the score of one questionnaire.

    Attributes
    ----------
    variance : float
        In squared points of the score.
    std_error : float
        0 for an error that is taken as known.
    reliability : float
        Share of the variance of single scores that is not error.
    """

    variance: float
    std_error: float
    reliability: float

    def __post_init__(self) -> None:
        if not self.variance > 0:
            raise ModelError(
                "the items of the score never disagree, so that no error can be seen in it",
                "error_correction",
                'look at how the items were filled in, or set error_correction = "none"',
            )
        if not self.reliability > 0:
            raise ModelError(
                "the items of the score agree no more than by chance: there is no true score "
                "to bring back",
                "error_correction",
                "check which items are reversed; without agreement take another measure",
            )

    def draws(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Error variances that the data leave possible, shape (n,): normal on the log scale.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator
        """
        return np.asarray(
            self.variance * np.exp(self.std_error / self.variance * rng.standard_normal(n))
        )


def item_error(
    items: np.ndarray,
    clusters: np.ndarray,
    *,
    answered: np.ndarray | None = None,
    scores: np.ndarray | None = None,
) -> ScoreError:
    """The error in a mean of items, from how far the items of one questionnaire disagree.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, k)
        Complete rows, reversed items already turned; k is 2 or more.
    clusters : numpy.ndarray, shape (n,)
        Whose rows may be alike: practitioners, or clients.
    answered : numpy.ndarray, shape (r,), optional
        How many items were answered in each questionnaire that has a score; all k if left out.
    scores : numpy.ndarray, shape (r,), optional
        The scores of those questionnaires; the means of the complete rows if left out.

    Returns
    -------
    ScoreError
        Its standard error is of the complete rows, robust to their clusters.

    Raises
    ------
    ModelError
        If there are fewer than three rows, two items or two clusters; if items never disagree, or
        agree no more than by chance.

    Notes
    -----
    Error variance of a mean of m items: (mean variance of an item - mean covariance of two) / m,
    averaged over the m of the scores. It is the one that Cronbach's alpha has: (1 - alpha) times
    the variance of the mean of k items. Row i's share of it is, with d its distances from the
    items' means, [mean(d^2) - (sum(d)^2 - sum(d^2)) / (k (k - 1))] / k; the variance is that of
    the sums of these shares over clusters.

    References
    ----------
    Cronbach (1951), Psychometrika 16; Maydeu-Olivares, Coffman and Hartmann (2007), Psychological
    Methods 12, for standard errors from each row's share.
    """
    n, k = items.shape
    labels, distinct = pd.factorize(clusters)
    if n < FEWEST_ROWS or k < 2 or len(distinct) < 2:
        raise ModelError(
            f"the error of a score cannot be told from {n} complete questionnaires of {k} items "
            f"in {len(distinct)} groups",
            "error_correction",
            "state the reliability of the measure and its source, or leave the correction out",
        )
    shares = _shares(items - items.mean(axis=0))
    whole = float(shares.sum() / (n - 1))
    sums = np.bincount(labels, weights=shares - shares.mean())
    groups = len(distinct)
    std_error = float(np.sqrt(groups / (groups - 1) * (sums**2).sum())) / n
    # fewer answers, more error: in proportion to the mean of 1 / answered
    more = 1.0 if answered is None else k * float(np.mean(1 / answered))
    spread = np.var(items.mean(axis=1) if scores is None else scores, ddof=1)
    variance = whole * more
    return ScoreError(variance, std_error * more, _reliability(variance, float(spread)))


def _shares(d: np.ndarray) -> np.ndarray:
    """What each row adds to the error variance of the mean of its items, shape (n,)."""
    k, squares = d.shape[1], (d**2).sum(axis=1)
    return np.asarray((squares / k - (d.sum(axis=1) ** 2 - squares) / (k * (k - 1))) / k)


def stated_error(reliability: float, scores: np.ndarray) -> ScoreError:
    """The error in a score whose reliability is stated, as in a manual.

    Parameters
    ----------
    reliability : float
        Above 0 and below 1.
    scores : numpy.ndarray, shape (r,)

    Returns
    -------
    ScoreError
        Taken as known.
    """
    variance = (1 - reliability) * float(np.var(scores, ddof=1))
    return ScoreError(variance, 0.0, reliability)


def _reliability(variance: float, spread: float) -> float:
    return 1 - variance / spread if spread > 0 else 0.0


def score_error(
    plan: Plan, name: str, data: Mapping[str, Dataset], practitioners: pd.Series
) -> ScoreError:
    """The error in a measure of a plan: from its items, or as the plan states its reliability.

    Parameters
    ----------
    plan : Plan
    name : str
        The measure.
    data : mapping of str to Dataset
        Scored.
    practitioners : pandas.Series
        By client, where they are known; all others are groups of their own.

    Returns
    -------
    ScoreError

    Raises
    ------
    ModelError
        As `item_error`.
    """
    measure, stated = resolve_measure(name, plan.measures[name]), plan.measures[name].reliability
    source, columns = measure_items(measure, data)
    frame = data[source].frame
    if plan.clock.wave and plan.clock.wave in frame:
        frame = frame[frame[plan.clock.wave] != plan.clock.baseline]
    frame = frame[frame[name].notna()]
    scores = frame[name].to_numpy(dtype="float64")
    if stated is not None:
        return stated_error(stated.value, scores)
    items = turn_items(
        frame[columns].to_numpy(dtype="float64"),
        measure.response_range,
        np.isin(measure.items, measure.reversed_items),
        measure.not_applicable,
    )
    answered = (~np.isnan(items)).sum(axis=1)
    whole = answered == items.shape[1]
    clients = frame[plan.ids.client.column]
    groups = clients.map(practitioners).astype("object")
    clusters = groups.where(groups.notna(), "client " + clients.astype("str"))
    return item_error(items[whole], clusters.to_numpy()[whole], answered=answered, scores=scores)
