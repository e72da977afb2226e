"""Do groups differ in when, or whether, an event happens? Rank tests of whole curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.duration.curves import refuse_absent_cause
from deepvalue_stats.models.duration.times import Roles, Spells, read_spells

Test = Literal["log-rank", "peto-peto", "gray"]
TESTS = ("log-rank", "peto-peto", "gray")
WHERE = "compare_curves"


@dataclass(frozen=True)
class Score:
    """A score for every group but the last, with its covariance.

    Attributes
    ----------
    score : numpy.ndarray, shape (g - 1,)
        Observed less expected, weighted.
    covariance : numpy.ndarray, shape (g - 1, g - 1)
    observed, expected : numpy.ndarray, shape (g,)
        Weighted numbers of events in every group.
    """

    score: np.ndarray
    covariance: np.ndarray
    observed: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True)
class GroupTest:
    """A test that groups have one curve.

    Attributes
    ----------
    test : str
    reference : str
        independent rows, clusters (a covariance of scores summed by cluster) or permutations.
    statistic : float
        Chi-squared; missing where the scores do not vary.
    dof : int
    p_value : float
    observed, expected : mapping of str to float
        Numbers of events by group, weighted as the test weights them.
    n_clusters : int
        0 where rows are taken as independent.
    permutations : int
        How many were drawn; 0 for none.
    """

    test: str
    reference: str
    statistic: float
    dof: int
    p_value: float
    observed: Mapping[str, float]
    expected: Mapping[str, float]
    n_clusters: int = 0
    permutations: int = 0


def compare_curves(
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    by: str,
    test: Test = "log-rank",
    cause: int = 1,
    entry: str = "",
    cluster: str = "",
    permutations: int = 0,
    rng: np.random.Generator | None = None,
) -> GroupTest:
    """Test whether groups differ in an event's rate, or in how many ever have it.

    The log-rank and Peto-Peto tests compare the rate of a cause among those still at risk; Gray's
    compares the cumulative incidence, so how many. Where practitioners carry the exposure, their
    clients are alike and the plain tests reject too often: name the `cluster`.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a client, or a client's piece of time.
    duration, event, by : str
        Columns; event is 0 for censored, 1, 2, ... for the exit that happened.
    test : str
        log-rank is best where rates are proportional; peto-peto weights early differences; gray.
    cause : int
        Whose rate or incidence; exits by other causes are censored in the first two tests.
    entry : str
        Day from which a client was under observation.
    cluster : str
        Rows that depend on each other. Without permutations the scores are summed by cluster
        (for log-rank and Peto-Peto), which wants some 30 clusters or more.
    permutations : int
        Draw this many reassignments of whole clusters to groups. Valid with few clusters, where
        every cluster lies in one group and clusters are exchangeable if groups do not differ.
    rng : numpy.random.Generator
        Needed for permutations.

    Returns
    -------
    GroupTest

    Raises
    ------
    ModelError
        With faults of the columns; one group only; no event of the cause; Gray's test with late
        entries, or with clusters but no permutations; permutations where a cluster lies in
        several groups, without clusters or without a generator.

    Notes
    -----
    Scores sum w (d_g - d Y_g / Y) with the hypergeometric variance, w = 1 or S(t-) of all groups
    together; Gray's with weights Y_g (1 - F_g(t-)) / S_g(t-). The p-value of permutations counts
    the drawn statistics at least as large, and the observed one.

    References
    ----------
    Harrington and Fleming (1982), Biometrika 69; Gray (1988), Annals of Statistics 16; Lin and Wei
    (1989) for clusters; Phipson and Smyth (2010) for the p-value of permutations.
    """
    _refuse(test, cluster, permutations, rng)
    spells = read_spells(data, Roles(duration, event, by, cluster, entry))
    _refuse_groups(spells, by, test, permutations)
    refuse_absent_cause(spells, cause)
    compute = _scorer(test, cause)
    found = compute(spells)
    statistic, dof = chi_squared(found)
    p_value, reference = float(chdtrc(dof, statistic)) if dof else np.nan, "independent rows"
    if permutations and rng is not None:
        p_value = _permuted(spells, compute, statistic, permutations, rng)
        reference = "permutations"
    elif spells.cluster is not None:
        shares = rank_shares(spells, cause, test)
        statistic, dof = chi_squared(clustered(found, shares, spells.cluster))
        p_value, reference = float(chdtrc(dof, statistic)) if dof else np.nan, "clusters"
    names = spells.groups
    return GroupTest(
        test=test,
        reference=reference,
        statistic=statistic,
        dof=dof,
        p_value=p_value,
        observed=MappingProxyType(dict(zip(names, map(float, found.observed), strict=True))),
        expected=MappingProxyType(dict(zip(names, map(float, found.expected), strict=True))),
        n_clusters=0 if spells.cluster is None else int(spells.cluster.max()) + 1,
        permutations=permutations,
    )


def _refuse(test: str, cluster: str, permutations: int, rng: np.random.Generator | None) -> None:
    faults = []
    if test not in TESTS:
        faults.append(Fault(f"no test called {test!r}", WHERE, f"use one of {', '.join(TESTS)}"))
    if permutations and not cluster:
        faults.append(
            Fault("no cluster to permute", WHERE, "name the column of those who carry the exposure")
        )
    if permutations and rng is None:
        faults.append(
            Fault("permutations need a generator", WHERE, "rng=np.random.default_rng(seed)")
        )
    if test == "gray" and cluster and not permutations:
        faults.append(
            Fault(
                "Gray's covariance takes every row as independent",
                WHERE,
                "permute the clusters (permutations=999, rng=...), or use test='log-rank'",
            )
        )
    if faults:
        raise ModelError.of(faults)


def _refuse_groups(spells: Spells, by: str, test: str, permutations: int) -> None:
    if len(spells.groups) < 2:
        raise ModelError(f"'{by}' has one group only", WHERE, "compare by what has two or more")
    if test == "gray" and spells.delayed:
        raise ModelError(
            "Gray's test is not defined where clients come under observation late",
            WHERE,
            "use test='log-rank', or start the clock anew with landmark()",
        )
    if spells.cluster is None:
        return
    if spells.cluster.max() < 1:
        raise ModelError("all rows belong to one cluster", WHERE, "name one that has more")
    pairs = np.unique(np.column_stack([spells.cluster, spells.group]), axis=0)
    straddling = len(pairs) - (int(spells.cluster.max()) + 1)
    if permutations and straddling:
        raise ModelError(
            f"{straddling} clusters too many: some have clients in several groups",
            WHERE,
            "permute only what lies in one group, or leave permutations out",
        )


def _scorer(test: str, cause: int) -> Callable[[Spells], Score]:
    if test == "gray":
        return lambda spells: gray_score(spells, cause)
    return lambda spells: rank_score(spells, cause, test)


def chi_squared(found: Score) -> tuple[float, int]:
    """The quadratic form of a score, and the rank of its covariance."""
    scale = np.sqrt(np.diag(found.covariance))
    moves = scale > 0
    if not moves.any():
        return np.nan, 0
    scaled = found.covariance[np.ix_(moves, moves)] / np.outer(scale[moves], scale[moves])
    score = found.score[moves] / scale[moves]
    value = float(score @ np.linalg.pinv(scaled, hermitian=True) @ score)
    return value, int(np.linalg.matrix_rank(scaled, hermitian=True))


def _tables(spells: Spells, cause: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct times of exit; by time and group those at risk, and exits of the cause."""
    times = np.unique(spells.exit)
    size = (len(times), len(spells.groups))
    at_risk, events = np.zeros(size), np.zeros(size)
    for place in range(len(spells.groups)):
        own = spells.group == place
        entered, left = np.sort(spells.entry[own]), np.sort(spells.exit[own])
        at_risk[:, place] = np.searchsorted(entered, times) - np.searchsorted(left, times)
        happened = np.searchsorted(times, spells.exit[own & (spells.cause == cause)])
        events[:, place] = np.bincount(happened, minlength=len(times))
    return times, at_risk, events


def _rank_weights(at_risk: np.ndarray, events: np.ndarray, test: str) -> np.ndarray:
    """1, or the pooled curve just before each time."""
    if test == "log-rank":
        return np.ones(len(events))
    total, d = at_risk.sum(axis=1), events.sum(axis=1)
    survival = np.cumprod(np.where(total > 0, 1 - d / np.where(total > 0, total, 1), 1))
    return np.asarray(np.r_[1.0, survival[:-1]])


def rank_score(spells: Spells, cause: int, test: str) -> Score:
    """Weighted log-rank scores with the hypergeometric covariance."""
    _, at_risk, events = _tables(spells, cause)
    weight = _rank_weights(at_risk, events, test)
    y, d = at_risk.sum(axis=1), events.sum(axis=1)
    share = at_risk / np.where(y > 0, y, 1)[:, None]
    observed = (weight[:, None] * events).sum(axis=0)
    expected = ((weight * d)[:, None] * share).sum(axis=0)
    spread = weight**2 * d * np.where(y > 1, (y - d) / np.where(y > 1, y - 1, 1), 0)
    covariance = np.diag(spread @ share) - (share * spread[:, None]).T @ share
    return Score((observed - expected)[:-1], covariance[:-1, :-1], observed, expected)


def rank_shares(spells: Spells, cause: int, test: str) -> np.ndarray:
    """Each row's share in the scores of all groups but the last, shape (n, g - 1).

    Notes
    -----
    The integral of w (1{row in g} - Y_g / Y) against the row's own martingale.
    """
    times, at_risk, events = _tables(spells, cause)
    weight = _rank_weights(at_risk, events, test)
    y, d = at_risk.sum(axis=1), events.sum(axis=1)
    hazard = weight * d / np.where(y > 0, y, 1)
    share = at_risk / np.where(y > 0, y, 1)[:, None]
    last = np.searchsorted(times, spells.exit)
    first = np.searchsorted(times, spells.entry, side="right")
    plain = np.r_[0.0, np.cumsum(hazard)]
    mixed = np.vstack([np.zeros(share.shape[1]), np.cumsum(hazard[:, None] * share, axis=0)])
    member = spells.group[:, None] == np.arange(len(spells.groups))[None, :]
    event = (spells.cause == cause) * weight[last]
    gained = event[:, None] * (member - share[last])
    lost = member * (plain[last + 1] - plain[first])[:, None] - (mixed[last + 1] - mixed[first])
    return np.asarray((gained - lost)[:, :-1])


def clustered(found: Score, shares: np.ndarray, cluster: np.ndarray) -> Score:
    """The same scores with a covariance from shares summed by cluster."""
    summed = np.zeros((int(cluster.max()) + 1, shares.shape[1]))
    np.add.at(summed, cluster, shares)
    return Score(found.score, summed.T @ summed, found.observed, found.expected)


def gray_score(spells: Spells, cause: int) -> Score:
    """Gray's scores for one cause's cumulative incidence, with their covariance.

    Notes
    -----
    By group r: h_r = Y_r / S_r(t-), R_r = h_r (1 - F_r(t-)); the pooled subdistribution jumps by
    d / sum h. In the paper's section 2 with its weight K = 1, ties as hypergeometric draws.
    """
    times, at_risk, own = _tables(spells, cause)
    several, marked = len(spells.groups), (spells.cause > 0) & (spells.cause != cause)
    other = np.column_stack(
        [_at(times, spells.exit[marked & (spells.group == r)]) for r in range(several)]
    )
    before, after, incidence = _group_curves(at_risk, own, other)
    there = at_risk > 0
    h = np.where(there, at_risk / np.where(before > 0, before, 1), 0)
    ranked = h * (1 - incidence)
    h_all, ranked_all = h.sum(axis=1), ranked.sum(axis=1)
    d = own.sum(axis=1)
    pooled = np.cumsum(d / h_all)
    pooled_before = np.r_[0.0, pooled[:-1]]
    expected = d[:, None] * ranked / np.where(ranked_all > 0, ranked_all, 1)[:, None]
    score = (own - expected).sum(axis=0)
    part = h / h_all[:, None]
    a = np.einsum("ti,ij->tij", h, np.eye(several)) - np.einsum("ti,tj->tij", h, part)
    c = np.cumsum(a * (d / (h_all * (1 - pooled_before)))[:, None, None], axis=0)
    covariance = _gray_covariance(a, c, (at_risk, own, other), (before, after), (h_all, pooled))
    return Score(score[:-1], covariance[:-1, :-1], own.sum(axis=0), expected.sum(axis=0))


def _at(times: np.ndarray, found: np.ndarray) -> np.ndarray:
    """How many of these times fall on each of the distinct ones."""
    return np.asarray(np.bincount(np.searchsorted(times, found), minlength=len(times)))


def _group_curves(
    at_risk: np.ndarray, own: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By time and group: S before and after, and the incidence of the cause before."""
    left = np.where(at_risk > 0, 1 - (own + other) / np.where(at_risk > 0, at_risk, 1), 1.0)
    after = np.cumprod(left, axis=0)
    start = np.ones((1, at_risk.shape[1]))
    before = np.vstack([start, after[:-1]])
    jumps = np.where(at_risk > 0, before * own / np.where(at_risk > 0, at_risk, 1), 0)
    return before, after, np.vstack([0 * start, np.cumsum(jumps, axis=0)[:-1]])


def _gray_covariance(
    a: np.ndarray,
    c: np.ndarray,
    tables: tuple[np.ndarray, np.ndarray, np.ndarray],
    survival: tuple[np.ndarray, np.ndarray],
    pooled: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Sum over groups, times and both kinds of exit of squared terms, shape (g, g).

    A jump of kind j in group k at s moves score i by a_ik + tail_j (C_ik - c_ik), where C is c at
    the end of follow-up.
    """
    (at_risk, own, other), (before, after), (h_all, curve) = tables, survival, pooled
    d, there = own.sum(axis=1), at_risk > 0
    ratio = (1 - curve)[:, None] / np.where(after > 0, after, 1)
    y = np.where(there, at_risk, 1)
    # of the cause: expected numbers, from the pooled subdistribution
    alive = h_all[:, None] * before - 1
    ties = np.where(d[:, None] > 1, 1 - (d[:, None] - 1) / np.where(alive > 0, alive, 1), 1.0)
    size = np.where(there & (d[:, None] > 0), ties * before * d[:, None] / (h_all[:, None] * y), 0)
    tail = np.where(after > 0, 1 - ratio, 1.0)
    move = a + tail[:, None, :] * (c[-1][None] - c)
    total = np.einsum("tik,tjk,tk->ij", move, move, size)
    # of another: as observed in the group
    fewer = np.where(at_risk > 1, at_risk - 1, 1)
    ties = np.where(other > 1, 1 - (other - 1) / fewer, 1.0)
    size = np.where((after > 0) & (other > 0), ties * before**2 * other / y**2, 0)
    move = ratio[:, None, :] * (c[-1][None] - c)
    return np.asarray(total + np.einsum("tik,tjk,tk->ij", move, move, size))


def _permuted(
    spells: Spells,
    compute: Callable[[Spells], Score],
    observed: float,
    permutations: int,
    rng: np.random.Generator,
) -> float:
    """Share of reassignments of clusters to groups with at least this statistic."""
    assert spells.cluster is not None
    label = np.zeros(int(spells.cluster.max()) + 1, dtype="int64")
    label[spells.cluster] = spells.group
    as_large = 1
    for _ in range(permutations):
        group = rng.permutation(label)[spells.cluster]
        drawn = replace(spells, group=group)
        as_large += chi_squared(compute(drawn))[0] >= observed * (1 - 1e-9)
    return as_large / (permutations + 1)
