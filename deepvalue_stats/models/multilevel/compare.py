"""Which of two fits contains the other, and the likelihood-ratio test of what it adds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.fit import ModelFit
from deepvalue_stats.models.multilevel.boundary import LikelihoodRatio, likelihood_ratio
from deepvalue_stats.models.multilevel.layout import same_groups
from deepvalue_stats.models.multilevel.random import Factor, RandomDesign

if TYPE_CHECKING:
    from deepvalue_stats.models.multilevel.fit import MultilevelFit

WHERE = "likelihood-ratio test"
# share of a column's length that is rounding
ROUNDING = 1e-8


@dataclass(frozen=True)
class Nesting:
    """What a larger model adds to a smaller one.

    Attributes
    ----------
    coefficients : int
    correlations : int
        Between random effects that both models have.
    added : tuple of int
        For each random effect that is added, with how many of its factor it is correlated.
    """

    coefficients: int
    correlations: int
    added: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """Two fits to the same rows, one of which contains the other."""

    larger: MultilevelFit
    smaller: ModelFit
    nesting: Nesting

    @property
    def statistic(self) -> float:
        """Twice the gain in log-likelihood."""
        return 2 * (self.larger.loglik - self.smaller.loglik)


def compare_fits(one: MultilevelFit, other: ModelFit) -> LikelihoodRatio:
    """Test what the larger of two fits adds to the smaller.

    Parameters
    ----------
    one : MultilevelFit
    other : ModelFit
        A multilevel fit, larger or smaller, or a plain logit.

    Returns
    -------
    LikelihoodRatio

    Raises
    ------
    ModelError
        As `pair_fits` and `likelihood_ratio`, and where the smaller model has a variance of zero
        and the larger adds to the random part.
    """
    pair = pair_fits(one, other)
    nesting = pair.nesting
    singular = pair.smaller.convergence.singular
    if singular and (nesting.added or nesting.correlations):
        raise ModelError(
            "the smaller model has itself a variance of zero, or a correlation of one, so the "
            "reference distribution is not known",
            WHERE,
            "use bootstrap_test",
        )
    found = likelihood_ratio(
        pair.statistic, nesting.coefficients + nesting.correlations, nesting.added
    )
    if not singular:
        return found
    words = f"{found.reference}; approximate, as the smaller model has a variance of zero"
    return replace(found, reference=words)


def pair_fits(one: MultilevelFit, other: ModelFit) -> Pair:
    """Say which fit contains the other.

    Coefficients are compared by the space that their columns span, so a category may be coded in
    two ways; random effects by their groups and columns.

    Raises
    ------
    ModelError
        If a fit is not sound or has no likelihood, the rows, outcomes, families or approximations
        differ, a prior shrinks coefficients, restricted likelihoods have different fixed parts, or
        neither model contains the other.
    """
    _refuse_unsound(one, other)
    twin = as_multilevel(other)
    if twin is None:
        if other.spec.estimator not in ("logit", "hazard"):
            raise ModelError(
                f"a {other.spec.estimator} fit has no likelihood to compare",
                WHERE,
                "compare with a multilevel fit or a plain logit",
            )
        _refuse_other_rows(one, other)
        return Pair(one, other, _contained(one, other))
    _refuse_other_rows(one, twin)
    _refuse_other_likelihood(one, twin)
    first, second = (one, twin) if _size(one) >= _size(twin) else (twin, one)
    try:
        return Pair(first, second, _contained(first, second))
    except ModelError:
        if _size(first) > _size(second):
            raise
    return Pair(second, first, _contained(second, first))


def as_multilevel(fit: ModelFit) -> MultilevelFit | None:
    """The same fit, where it is a multilevel one."""
    return cast("MultilevelFit", fit) if fit.spec.estimator == "multilevel" else None


def _size(fit: MultilevelFit) -> int:
    return len(fit.params) + len(fit.theta)


def _refuse_unsound(*fits: ModelFit) -> None:
    faults = [
        Fault(
            f"the optimum of this fit was not found: {fit.convergence.status}",
            fit.spec.formula,
            "compare fits that converged",
        )
        for fit in fits
        if fit.convergence.status != "ok"
    ]
    if faults:
        raise ModelError.of(faults)


def _refuse_other_rows(one: MultilevelFit, other: ModelFit) -> None:
    """The same outcomes of the same rows, in the same order."""
    twin = as_multilevel(other)
    if one.spec.family != other.spec.family:
        what = "the families differ"
    elif one.link.name != other.link.name:
        what = "the links differ"
    elif one.n_obs != other.n_obs:
        what = f"one fit has {one.n_obs} rows and the other {other.n_obs}"
    elif not np.array_equal(one.design.response, other.design.response):
        what = "the outcomes differ, or the order of the rows"
    elif not all(
        np.array_equal(own, others)
        for own, others in zip(
            _rows(one),
            (np.ones(one.n_obs), np.zeros(one.n_obs)) if twin is None else _rows(twin),
            strict=True,
        )
    ):
        what = "trials, frequencies, weights or offsets differ"
    else:
        return
    raise ModelError(what, WHERE, "fit both models to the same rows with the same options")


def _rows(fit: MultilevelFit) -> tuple[np.ndarray, np.ndarray]:
    """Trials (or weights) and offset of every row, in the order of the data."""
    times, shift = np.ones(fit.n_obs), np.zeros(fit.n_obs)
    if fit.problem is not None:
        order = fit.problem.engine.order
        times[order], shift[order] = fit.problem.rows.trials, fit.problem.offset
        return times, shift
    frame = fit.design.frame
    return (
        frame[fit.weights].to_numpy(dtype="float64") if fit.weights else times,
        frame[fit.offset].to_numpy(dtype="float64") if fit.offset else shift,
    )


def _refuse_other_likelihood(one: MultilevelFit, other: MultilevelFit) -> None:
    """Likelihoods compare only when they are computed alike."""
    if one.problem is not None and other.problem is not None:
        if one.problem.points != other.problem.points:
            raise ModelError(
                f"one likelihood is by {one.problem.points} quadrature points and the other by "
                f"{other.problem.points}",
                WHERE,
                "fit both with the same quadrature_points",
            )
        if not np.isclose(one.problem.constant, other.problem.constant):
            raise ModelError(
                "trials are counted in different ways",
                WHERE,
                "give trials or frequencies of both fits alike",
            )
        return
    kinds = (one.restricted_likelihood, other.restricted_likelihood)
    same = one.terms == other.terms and np.array_equal(one.design.matrix, other.design.matrix)
    if kinds[0] != kinds[1] or (any(kinds) and not same):
        raise ModelError(
            "restricted likelihoods of different fixed parts cannot be compared",
            WHERE,
            "fit both with reml=False",
        )


def _contained(larger: MultilevelFit, smaller: ModelFit) -> Nesting:
    """What the larger model adds.

    Raises
    ------
    ModelError
        If it does not contain the smaller.
    """
    for fit in (larger, as_multilevel(smaller)):
        if fit is not None and fit.problem is not None and fit.problem.penalty.any():
            raise ModelError(
                "a prior shrinks the coefficients", fit.spec.formula, "fit without prior_sd"
            )
    outside = _outside(larger, smaller)
    if outside:
        raise ModelError(
            f"neither model contains the other: {', '.join(outside)} of '{smaller.spec.formula}'"
            " cannot be had from the other's fixed part",
            WHERE,
            "compare models of which one contains the other, or their aic",
        )
    coefficients = len(larger.terms) - len(smaller.terms)
    twin = as_multilevel(smaller)
    design = larger.random.design
    left = [list(range(len(factor.names))) for factor in design.factors]
    correlations = 0
    for factor in () if twin is None else twin.random.design.factors:
        place, effects = _partner(twin.random.design, factor, design) if twin else (0, [])
        own = {frozenset(effects[e] for e in pair) for pair in _correlated(factor)}
        both = {pair for pair in _correlated(design.factors[place]) if pair <= set(effects)}
        if not own <= both:
            raise ModelError(
                f"neither model contains the other: effects of {factor.name} are correlated in "
                f"'{smaller.spec.formula}' only",
                WHERE,
                "compare models of which one contains the other, or their aic",
            )
        correlations += len(both - own)
        left[place] = [e for e in left[place] if e not in effects]
    added = tuple(
        sum(effect in pair for pair in _correlated(factor))
        for factor, effects in zip(design.factors, left, strict=True)
        for effect in effects
    )
    return Nesting(coefficients, correlations, added)


def _outside(larger: ModelFit, smaller: ModelFit) -> list[str]:
    """Terms of the smaller model that no combination of the larger's columns gives."""
    columns = dict(zip(larger.terms, larger.design.matrix.T, strict=True))
    unknown = [
        (name, column)
        for name, column in zip(smaller.terms, smaller.design.matrix.T, strict=True)
        if name not in columns or not np.array_equal(columns[name], column)
    ]
    if not unknown:
        return []
    matrix = larger.design.matrix
    basis = np.linalg.qr(matrix / np.linalg.norm(matrix, axis=0))[0]
    return [
        name
        for name, column in unknown
        if np.linalg.norm(column - basis @ (basis.T @ column)) > ROUNDING * np.linalg.norm(column)
    ]


def _partner(small: RandomDesign, factor: Factor, large: RandomDesign) -> tuple[int, list[int]]:
    """The larger model's factor with the same groups and effects, and which of its effects."""
    for place, other in enumerate(large.factors):
        if not _same_memberships(factor, other):
            continue
        effects = [
            [
                e
                for e, own in enumerate(other.columns)
                if np.array_equal(small.columns[column], large.columns[own])
            ]
            for column in factor.columns
        ]
        if all(effects):
            return place, [held[0] for held in effects]
    raise ModelError(
        f"neither model contains the other: the effects {', '.join(factor.names)} of "
        f"{factor.name} are in one and others in the other",
        WHERE,
        "compare models of which one contains the other, or their aic",
    )


def _same_memberships(one: Factor, other: Factor) -> bool:
    if one.shares is None or other.shares is None:
        return same_groups(one, other)
    return np.array_equal(one.codes, other.codes) and np.array_equal(one.shares, other.shares)


def _correlated(factor: Factor) -> set[frozenset[int]]:
    """Pairs of effects whose correlation is free."""
    return {frozenset(pair) for pair in factor.free if pair[0] != pair[1]}
