"""Whether groups read the items of a scale alike, step by step, and what may then be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from deepvalue_stats.errors import DataError, Fault
from deepvalue_stats.measures.factors.layout import Equality, Part
from deepvalue_stats.measures.factors.model import FactorFit, Items, check_items, fit_structure
from deepvalue_stats.measures.factors.moments import (
    Moments,
    continuous_moments,
    ordinal_moments,
)
from deepvalue_stats.measures.factors.structure import Structure
from deepvalue_stats.measures.factors.testing import ChiSquared, scaled_difference
from deepvalue_stats.models.blas import one_thread

Verdict = Literal["holds", "holds_in_part", "fails", "not_known"]
Comparable = Literal["means", "slopes", "nothing", "not_known"]

CONTINUOUS_STEPS: tuple[tuple[str, Part], ...] = (
    ("metric", "loadings"),
    ("scalar", "intercepts"),
    ("strict", "residuals"),
)
ORDINAL_STEPS: tuple[tuple[str, Part], ...] = (("thresholds", "thresholds"), *CONTINUOUS_STEPS)
LEVEL = 0.05
CFI_DROP = 0.010
RMSEA_RISE = 0.015
SRMR_RISE = {"loadings": 0.030, "thresholds": 0.030, "intercepts": 0.010, "residuals": 0.010}
ROWS_FOR_CHANGES = 300  # below, changes in fit are noise
POOR_CFI, POOR_RMSEA = 0.90, 0.10


@dataclass(frozen=True)
class Step:
    """One more thing held equal across groups.

    Attributes
    ----------
    name : str
        configural, thresholds, metric, scalar or strict.
    fit : FactorFit
        With the items released that the verdict names.
    difference : ChiSquared
        The scaled test of all items against the step before; without a value for configural.
    cfi_drop, rmsea_rise, srmr_rise : float
        Against the step before, all items held equal.
    verdict : str
        holds; holds_in_part (some items released, at least half of each factor's kept); fails;
        not_known.
    released : tuple of str
        The items that were set free at this step; where it fails, those that did not suffice.
    """

    name: str
    fit: FactorFit
    difference: ChiSquared
    cfi_drop: float
    rmsea_rise: float
    srmr_rise: float
    verdict: Verdict
    released: tuple[str, ...]


@dataclass(frozen=True)
class Invariance:
    """What groups have in common in how they answer.

    Attributes
    ----------
    kind : str
        continuous or ordinal.
    sizes : tuple of int
        Rows of each group.
    steps : tuple of Step
        Up to the first that does not hold; strict is for information.
    """

    kind: Items
    sizes: tuple[int, ...]
    steps: tuple[Step, ...]

    @property
    def comparable(self) -> Comparable:
        """What the steps allow: means (and slopes), slopes alone, nothing; or nobody knows."""
        verdicts = {step.name: step.verdict for step in self.steps}
        if verdicts["configural"] != "holds":
            return "not_known"  # what is compared is no good description of anybody
        for name in ("thresholds", "metric"):
            if verdicts.get(name, "holds") == "fails":
                return "nothing"
            if verdicts.get(name, "holds") == "not_known":
                return "not_known"
        scalar = verdicts.get("scalar", "not_known")
        return "means" if scalar in ("holds", "holds_in_part") else "slopes"

    @property
    def partial(self) -> tuple[str, ...]:
        """Items that are not alike in all groups, up to the scalar step."""
        named = [item for step in self.steps if step.name != "strict" for item in step.released]
        return tuple(dict.fromkeys(named))


def invariance(
    items: np.ndarray,
    structure: Structure,
    groups: np.ndarray,
    *,
    kind: Items = "continuous",
    clusters: np.ndarray | None = None,
) -> Invariance:
    """Test, step by step, whether a scale works alike in all groups.

    Use it before groups' scores are compared: equal loadings allow slopes (effects per point) to be
    compared, equal intercepts allow means. It cannot see what shifts all items of a factor alike.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, p)
        Complete responses, reversed items turned, in the order of the structure's items.
    structure : Structure
    groups : array, shape (n,)
        In sorted order: means and variances are told beside the first's.
    kind : str
        continuous: metric, scalar, strict, by robust maximum likelihood. ordinal: thresholds,
        loadings, intercepts, residuals, by weighted least squares; three categories or more.
    clusters : array, shape (n,), optional
        What rows share, as a practitioner; clusters may reach over groups.

    Returns
    -------
    Invariance

    Raises
    ------
    DataError
        With one group, groups that are too small, items that do not vary, or (ordinal) items of
        two categories or categories that a group lacks.

    Notes
    -----
    A step fails if the scaled difference test rejects it at .05 and fit gets worse by more than
    CFI .010, RMSEA .015 or SRMR .030 (.010 from the scalar step on); with 300 rows or fewer the
    test alone decides. Fit that gets worse without the test's rejecting it is not known, nor is a
    structure without a proper solution. When a step fails items are set free one by one, the one
    that helps most first, as long as at least half of each factor's items, and two, stay equal.

    References
    ----------
    Cheung and Rensvold (2002) and Chen (2007), Structural Equation Modeling 9 and 14; Wu and
    Estabrook (2016), Psychometrika 81; Byrne, Shavelson and Muthén (1989), Psychological
    Bulletin 105, for partial invariance; Satorra (2000) for the test.
    """
    check_items(items, structure)
    _check_groups(items, groups, kind)
    make = ordinal_moments if kind == "ordinal" else continuous_moments
    with one_thread():
        moments = make(items, groups, clusters)
        steps = [_configural(moments, structure)]
        for name, part in ORDINAL_STEPS if kind == "ordinal" else CONTINUOUS_STEPS:
            if steps[-1].verdict in ("fails", "not_known"):
                break
            steps.append(_step(name, part, steps[-1].fit))
    sizes = tuple(one.n for one in moments.groups)
    return Invariance(kind, sizes, tuple(steps))


def joined_categories(items: np.ndarray, groups: np.ndarray, least: int) -> np.ndarray:
    """Ordinal items whose rare categories are joined with the next one, alike in all groups.

    Parameters
    ----------
    items : numpy.ndarray, shape (n, p)
    groups : int array, shape (n,)
    least : int
        Responses that every category needs in every group.

    Returns
    -------
    numpy.ndarray, shape (n, p)
        Categories numbered from 1; an item that ends with one category does not vary.
    """
    joined = np.empty(items.shape)
    for i, column in enumerate(items.T):
        values, codes = np.unique(column, return_inverse=True)
        counts = np.array(
            [np.bincount(codes[groups == g], minlength=len(values)) for g in np.unique(groups)]
        )
        target = np.arange(len(values))
        while len(set(target)) > 1:
            kept = sorted(set(target))
            sums = np.array([counts[:, target == one].sum(axis=1) for one in kept]).min(axis=1)
            if sums.min() >= least:
                break
            worst = int(sums.argmin())
            # towards the middle of the scale, where neighbours mean nearly the same
            beside = worst + 1 if worst < len(kept) / 2 else worst - 1
            target[target == kept[worst]] = kept[beside]
        joined[:, i] = np.searchsorted(sorted(set(target)), target[codes]) + 1.0
    return joined


def _check_groups(items: np.ndarray, groups: np.ndarray, kind: Items) -> None:
    faults = []
    if len(np.unique(groups)) < 2:
        raise DataError("all rows are in one group", "groups", "there is nothing to compare")
    if kind == "ordinal":
        for i, column in enumerate(items.T):
            if len(np.unique(column)) == 2:
                what = f"item {i + 1} has two categories, which cannot be tested step by step"
                faults.append(Fault(what, f"items[{i}]", "take the items as continuous"))
    if faults:
        raise DataError.of(faults)


def _configural(moments: Moments, structure: Structure) -> Step:
    fit = fit_structure(moments, structure, "unit_variance", Equality())
    cfi, rmsea = _fit_numbers(fit)
    verdict: Verdict = "holds"
    if fit.status:
        verdict = "not_known"
    elif fit.test.plain.df > 0 and (cfi < POOR_CFI or rmsea > POOR_RMSEA):
        verdict = "fails"
    nothing = ChiSquared(np.nan, 0)
    return Step("configural", fit, nothing, np.nan, np.nan, np.nan, verdict, ())


def _step(name: str, part: Part, before: FactorFit) -> Step:
    free = _follows(before.equality, part)
    equality = Equality(before.equality.parts | {part}, free)
    fit = _refit(before, equality)
    step = _judged(name, part, fit, before, ())
    if step.verdict != "fails" or name == "strict":
        return step
    return _in_part(step, part, before)


def _follows(equality: Equality, part: Part) -> frozenset[tuple[Part, str]]:
    """What is released already, and the later parts of the same items with it."""
    items = {item for _, item in equality.released}
    return equality.released | {(part, item) for item in items}


def _refit(fit: FactorFit, equality: Equality) -> FactorFit:
    return fit_structure(fit.moments, fit.structure, "unit_variance", equality)


def _judged(
    name: str, part: Part, fit: FactorFit, before: FactorFit, released: tuple[str, ...]
) -> Step:
    difference = scaled_difference(fit.moments, fit.solution, before.solution)
    (cfi, rmsea), (cfi_before, rmsea_before) = _fit_numbers(fit), _fit_numbers(before)
    drop = cfi_before - cfi
    rise = rmsea - rmsea_before
    srmr = fit.indices.srmr - before.indices.srmr
    worse = drop > CFI_DROP or rise > RMSEA_RISE or srmr > SRMR_RISE[part]
    verdict = _verdict(fit, difference, worse)
    return Step(name, fit, difference, drop, rise, srmr, verdict, released)


def _verdict(fit: FactorFit, difference: ChiSquared, worse: bool) -> Verdict:
    if difference.df == 0:
        return "holds"  # a step that this many categories cannot contradict
    if not fit.solution.converged or np.isnan(difference.value):
        return "not_known"
    rejected = difference.p_value < LEVEL
    if rejected and (worse or fit.moments.n <= ROWS_FOR_CHANGES):
        return "fails"
    return "not_known" if worse and not rejected else "holds"


def _fit_numbers(fit: FactorFit) -> tuple[float, float]:
    """CFI and RMSEA, allowing for what the test allows for."""
    own = fit.indices
    if fit.moments.ordinal:
        return own.cfi_scaled, own.rmsea_scaled
    return own.cfi_robust, own.rmsea_robust


def _in_part(step: Step, part: Part, before: FactorFit) -> Step:
    """Set items free one by one until the step holds, or too few are left to hold it."""
    current, released = step, step.released
    while current.verdict == "fails":
        candidates = _may_go(current.fit, part)
        if not candidates:
            return replace(step, released=released)
        freed = [_refit(current.fit, _released(current.fit.equality, part, i)) for i in candidates]
        gains = [
            scaled_difference(one.moments, current.fit.solution, one.solution) for one in freed
        ]
        best = int(np.nanargmin([gain.p_value for gain in gains]))
        released = (*released, candidates[best])
        current = _judged(step.name, part, freed[best], before, released)
    if current.verdict == "not_known":
        return replace(step, released=released)
    # the test and the changes stay those of all items: they are why items were set free
    return replace(step, fit=current.fit, verdict="holds_in_part", released=released)


def _may_go(fit: FactorFit, part: Part) -> Sequence[str]:
    """Items still held equal, of factors that keep half of theirs, and two, without them."""
    structure = fit.structure
    held = np.array([fit.equality.holds(part, item) for item in structure.items])
    own = structure.pattern
    spare = (own & held[:, None]).sum(axis=0) - 1 >= np.maximum(2, own.sum(axis=0) / 2)
    able = held & np.where(own, spare[None, :], True).all(axis=1)
    return [item for item, can in zip(structure.items, able, strict=True) if can]


def _released(equality: Equality, part: Part, item: str) -> Equality:
    return Equality(equality.parts, equality.released | {(part, item)})
