"""How far clients of one practitioner give the same answers, against answers without agreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.measures.caseloads import WHERE, same_length
from deepvalue_stats.tables import read_only

Null = Literal["uniform", "slightly_skewed", "moderately_skewed"]
ENOUGH = 0.70
FEWEST = 2
# variance of one answer that agrees with nobody's, by number of categories: LeBreton and Senter
# (2008), table 2; those of five are of the shares .05 .15 .20 .35 .25 and 0 .10 .15 .40 .35
SKEWED: Mapping[str, Mapping[int, float]] = MappingProxyType(
    {
        "slightly_skewed": MappingProxyType(
            {5: 1.34, 6: 1.85, 7: 2.90, 8: 3.47, 9: 5.66, 10: 6.30, 11: 7.31}
        ),
        "moderately_skewed": MappingProxyType(
            {5: 0.90, 6: 1.26, 7: 2.14, 8: 2.79, 9: 4.73, 10: 5.09, 11: 6.32}
        ),
    }
)


@dataclass(frozen=True)
class WithinGroup:
    """Agreement of the clients of each practitioner.

    Attributes
    ----------
    practitioner : numpy.ndarray, shape (G,)
        Ids, in order of appearance; they stay in the room.
    ratings : numpy.ndarray of int, shape (G,)
        Complete ratings of each.
    value : numpy.ndarray, shape (G,)
        r_wg(j), between 0 and 1; NaN with fewer than two complete ratings.
    null : str
    null_variance : float
    known, unknown : int
        Practitioners with a value, and without.
    median, share : float
        Over practitioners with a value: their median, and the share of .70 or more.
    """

    practitioner: np.ndarray = field(repr=False)
    ratings: np.ndarray = field(repr=False)
    value: np.ndarray = field(repr=False)
    null: Null
    null_variance: float
    known: int
    unknown: int
    median: float
    share: float


def within_group_agreement(
    items: np.ndarray,
    practitioners: np.ndarray,
    n_categories: int,
    null: Null = "uniform",
) -> WithinGroup:
    """r_wg(j) of every practitioner.

    Parameters
    ----------
    items : numpy.ndarray of float, shape (n, k)
        One row a rating, NaN where an item was not answered; rows with one are left out.
    practitioners : array, shape (n,)
        Whom each rating is of.
    n_categories : int
        Answers that an item offers.
    null : str
        What answers without agreement look like: uniform over the categories, or slightly or
        moderately skewed to one end, as leniency makes them; skewed ones are known for five to
        eleven categories.

    Returns
    -------
    WithinGroup

    Raises
    ------
    ModelError
        If lengths differ, there is no item, a practitioner is missing, or the variance of the null
        is not known for so many categories.

    Notes
    -----
    k (1 - q) / (k (1 - q) + q), q the mean variance of the items (n - 1 below) over that of the
    null, (A^2 - 1) / 12 for a uniform one of A categories. 0 where q is 1 or more.

    References
    ----------
    James, Demaree and Wolf (1984), Journal of Applied Psychology 69, equation 2; LeBreton and
    Senter (2008), Organizational Research Methods 11, table 2.

    Examples
    --------
    >>> answers = np.array([[4.0, 5], [4, 4], [1, 5], [5, 1]])
    >>> within_group_agreement(answers, np.array(list("aabb")), 5).value.round(3)
    array([0.933, 0.   ])
    """
    values = np.asarray(items, dtype="float64")
    same_length({"rows of items": len(values), "practitioners": len(practitioners)})
    codes, labels = pd.factorize(np.asarray(practitioners))
    faults = _faults(values, codes)
    if faults:
        raise ModelError.of(faults)
    variance = null_variance(n_categories, null)
    whole = ~np.isnan(values).any(axis=1)
    counts = np.bincount(codes[whole], minlength=len(labels))
    value = _agreement(_item_variance(values[whole], codes[whole], counts) / variance, values.shape)
    value = np.where(counts < FEWEST, np.nan, value)
    known = value[counts >= FEWEST]
    return WithinGroup(
        practitioner=read_only(np.asarray(labels)),
        ratings=read_only(counts),
        value=read_only(value),
        null=null,
        null_variance=variance,
        known=len(known),
        unknown=len(value) - len(known),
        median=float(np.median(known)) if len(known) else np.nan,
        share=float((known >= ENOUGH).mean()) if len(known) else np.nan,
    )


def null_variance(n_categories: int, null: Null = "uniform") -> float:
    """Variance of one answer where clients do not agree; see `within_group_agreement`.

    Examples
    --------
    >>> null_variance(5), null_variance(7, "slightly_skewed")
    (2.0, 2.9)
    """
    if n_categories < 2:
        raise ModelError(f"{n_categories} categories", "n_categories", "give two or more")
    if null == "uniform":
        return (n_categories**2 - 1) / 12
    if null not in SKEWED:
        raise ModelError(f"no null '{null}'", "null", f"use uniform, {' or '.join(SKEWED)}")
    known = SKEWED[null]
    if n_categories not in known:
        raise ModelError(
            f"the variance of a {null.replace('_', ' ')} null is not known for {n_categories} "
            "categories",
            "null",
            f"use uniform, or {min(known)} to {max(known)} categories",
        )
    return known[n_categories]


def _faults(items: np.ndarray, codes: np.ndarray) -> list[Fault]:
    faults = []
    if items.ndim != 2 or items.shape[1] == 0:
        faults.append(Fault("items are no table of columns", WHERE, "give one column an item"))
    absent = int((codes < 0).sum())
    if absent:
        fix = "drop these rows beforehand, and count them"
        faults.append(Fault(f"{absent} of {len(codes)} rows have no practitioner", WHERE, fix))
    return faults


def _item_variance(items: np.ndarray, codes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean over items of the variance within each practitioner, shape (G,)."""
    total = np.zeros(len(counts))
    size = np.maximum(counts, 1)
    for column in items.T:
        mean = np.bincount(codes, column, minlength=len(counts)) / size
        total += np.bincount(codes, (column - mean[codes]) ** 2, minlength=len(counts))
    return np.asarray(total / items.shape[1] / np.maximum(counts - 1, 1))


def _agreement(q: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    # cut at q: far above 1 the formula itself turns round and exceeds 1
    apart = shape[1] * (1 - np.minimum(q, 1.0))
    return np.asarray(apart / (apart + np.minimum(q, 1.0)))
