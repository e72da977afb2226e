"""The sandwich covariance over clusters that hold every factor's groups.

Rows of different clusters share no random effect, so the log-likelihood is a sum over clusters and
so are its slopes in the variance parameters as well as in the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.multilevel.engine import NestedEngine
from deepvalue_stats.models.multilevel.intercepts import intercepts_laplace
from deepvalue_stats.models.multilevel.lambdas import as_theta
from deepvalue_stats.models.multilevel.layout import trees_apart
from deepvalue_stats.models.multilevel.problem import Problem, build_problem
from deepvalue_stats.models.multilevel.random import Factor, RandomDesign
from deepvalue_stats.models.multilevel.slopes import slopes_laplace
from deepvalue_stats.models.multilevel.solve import Solution

FEWEST_CLUSTERS = 10


@dataclass(frozen=True)
class Sandwich:
    """A covariance that holds whatever rows of one cluster have in common.

    Attributes
    ----------
    joint : numpy.ndarray, shape (k + p, k + p)
        Of theta and coefficients, in scaled units; zero for a theta on its boundary.
    scores : numpy.ndarray, shape (n_clusters, k + p)
        Slopes of each cluster's log-likelihood, in scaled units.
    """

    joint: np.ndarray
    scores: np.ndarray

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return len(self.scores)


def cluster_covariance(
    problem: Problem, solution: Solution, labels: np.ndarray, n_rows: float, cluster: str
) -> Sandwich:
    """Bread, meat and bread over theta and coefficients.

    Parameters
    ----------
    problem : Problem
    solution : Solution
        Its maximum, found.
    labels : numpy.ndarray of int, shape (n,)
        Cluster of every row of the data, 0 to n_clusters - 1.
    n_rows : float
        Rows, frequencies counted.
    cluster : str
        What the clusters are, for errors.

    Returns
    -------
    Sandwich

    Raises
    ------
    ModelError
        If there are fewer than ten clusters, or groups of a factor lie in several clusters.

    Notes
    -----
    H^-1 (sum_c s_c s_c') H^-1 times G/(G-1) x (n-1)/(n-p), with H the full Hessian of minus the
    log-likelihood over theta and coefficients and s_c the score of cluster c of G.

    References
    ----------
    White (1982), Econometrica 50; Liang and Zeger (1986), Biometrika 73; Rabe-Hesketh and Skrondal
    (2006), Journal of the Royal Statistical Society A 169, section 3.2, for multilevel models.
    """
    refuse_clusters(problem.factors, labels, cluster)
    scores = cluster_scores(problem, solution.point, labels)
    p, n_clusters = problem.x.shape[1], len(scores)
    factor = n_clusters / (n_clusters - 1) * (n_rows - 1) / (n_rows - p)
    bread = solution.covariance()
    held = scores @ bread
    return Sandwich(held.T @ held * factor, scores)


def refuse_clusters(factors: tuple[Factor, ...], labels: np.ndarray, cluster: str) -> None:
    """Refuse clusters that are few, or that do not hold every factor's groups.

    Raises
    ------
    ModelError
    """
    where = f"covariance='cluster:{cluster}'"
    faults = []
    n_clusters = int(labels.max(initial=-1)) + 1
    if n_clusters < FEWEST_CLUSTERS:
        faults.append(
            Fault(
                f"only {n_clusters} clusters of {cluster}, too few for a sandwich covariance",
                where,
                f"use covariance='model', or a column with {FEWEST_CLUSTERS} clusters or more",
            )
        )
    faults += [
        Fault(
            f"groups of {factor.name} lie in several clusters of {cluster}",
            where,
            "use a level above that holds every factor's groups, or covariance='model'",
        )
        for factor in factors
        if _crosses(factor, labels)
    ]
    if faults:
        raise ModelError.of(faults)


def _crosses(factor: Factor, labels: np.ndarray) -> bool:
    """Whether some group has rows of several clusters."""
    codes = factor.codes.reshape(len(labels), -1)
    held = codes >= 0 if factor.shares is None else (codes >= 0) & (factor.shares > 0)
    rows, places = np.nonzero(held)
    groups, own = codes[rows, places], labels[rows]
    of_group = np.empty(int(codes.max()) + 1, dtype="int64")
    of_group[groups] = own
    return not np.array_equal(of_group[groups], own)


def cluster_scores(problem: Problem, point: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Slopes of every cluster's log-likelihood, shape (n_clusters, k + p), in scaled units.

    A prior on coefficients belongs to no cluster and is left out.
    """
    if isinstance(problem.engine, NestedEngine) and problem.points == 1:
        return _by_tree(problem, problem.engine, point, labels)
    n_clusters = int(labels.max()) + 1
    of_cluster = np.split(
        np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[: n_clusters - 1]
    )
    place = np.empty(len(labels), dtype="int64")
    place[problem.engine.order] = np.arange(len(labels))
    return np.array([_score_of(problem, point, rows, place[rows]) for rows in of_cluster])


def _by_tree(
    problem: Problem, engine: NestedEngine, point: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """All trees in one pass; every tree lies in one cluster."""
    layout, k = engine.layout, problem.n_theta
    lambdas, base = problem.lambdas(point[:k]), problem.base(point[k:])
    tree, effects, rows = trees_apart(layout.tree), layout.effects, problem.rows
    width = int(np.diff(effects.start).max())
    data = (base, rows.successes, rows.trials, rows.kind)
    modes, out = np.zeros((tree.parents.size, width)), (np.empty_like(base), np.empty_like(base))
    blocks: list[np.ndarray] = []
    if layout.intercepts_only:
        unit = effects.columns[0, 0]
        theta = np.array([lambdas[f][0, 0] for f in layout.levels]) * unit
        slopes = intercepts_laplace(tree, *data, theta, modes[:, 0], *out)[1] * unit
        blocks = [held.reshape(-1, 1, 1) for held in slopes.T]
    else:
        size = int(effects.start[-1])
        factor = np.zeros((size, size))
        here = [slice(a, b) for a, b in zip(effects.start[:-1], effects.start[1:], strict=True)]
        for level, f in enumerate(layout.levels):
            factor[here[level], here[level]] = lambdas[f]
        slopes = slopes_laplace(tree, effects, *data, factor, modes, *out)[1]
        blocks = [slopes[:, own, own] for own in here]
    by_factor = [blocks[layout.levels.index(f)] for f in range(len(blocks))]
    by_root = np.array(
        [as_theta(problem.factors, tuple(held)) for held in zip(*by_factor, strict=True)]
    )
    sorted_labels = labels[engine.order]
    scores = np.zeros((int(labels.max()) + 1, len(point)))
    np.add.at(scores[:, :k], sorted_labels[tree.rows[tree.spans[0, :-1]]], -by_root)
    for column in range(problem.x.shape[1]):
        scores[:, k + column] = -np.bincount(sorted_labels, problem.x[:, column] * out[1])
    return scores


def _score_of(
    problem: Problem, point: np.ndarray, rows: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """The score of some rows alone; `place` is where the engine has them."""
    design = RandomDesign(
        np.ascontiguousarray(problem.effects[:, place]),
        tuple(_some_rows(factor, rows) for factor in problem.factors),
    )
    alone = replace(
        build_problem(
            problem.x[place],
            design,
            problem.rows.successes[place],
            problem.rows.trials[place],
            offset=problem.offset[place],
            link=problem.rows.link,
        ),
        points=problem.points,
    )
    _, gradient = alone(point * alone.scale)
    return np.asarray(-gradient * alone.scale)


def _some_rows(factor: Factor, rows: np.ndarray) -> Factor:
    codes = factor.codes[rows]
    known = np.unique(codes[codes >= 0])
    own = np.where(codes >= 0, np.searchsorted(known, codes), -1)
    shares = None if factor.shares is None else factor.shares[rows]
    return replace(factor, codes=own, levels=factor.levels[known], shares=shares)
