"""Tables on whether a scale deserves its name: reliability, dimensions, and groups alike or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from deepvalue_stats.errors import DataError
from deepvalue_stats.measures.answers import Answers
from deepvalue_stats.measures.consistency import (
    Coefficient,
    cronbach_alpha,
    omega_hierarchical,
    omega_total,
    ordinal_reliability,
)
from deepvalue_stats.measures.factors.model import FactorFit, Items, factor_model
from deepvalue_stats.measures.factors.structure import (
    Structure,
    bifactor,
    correlated_factors,
    one_factor,
)
from deepvalue_stats.plan import Measure
from deepvalue_stats.tables import CountTable, Rule

FOR_GROUPS, FOR_PERSONS = 0.70, 0.90
CONTINUOUS_FROM = 5  # categories: from here on maximum likelihood is as good (Rhemtulla and others)
DISTINCT = 0.85  # subscales that correlate less are worth scores of their own
EVERYONE = "all"

RELIABILITY: dict[str, Rule] = {
    "measure": "label",
    "rater": "label",
    "group": "label",
    "items": "label",
    "complete": "count",
    "alpha": "statistic",
    "low": "statistic",
    "high": "statistic",
    "omega": "statistic",
    "omega_low": "statistic",
    "omega_high": "statistic",
    "reading": "statistic",
}
OTHER_RELIABILITY: dict[str, Rule] = {
    "measure": "label",
    "group": "label",
    "complete": "count",
    "coefficient": "label",
    "value": "statistic",
    "low": "statistic",
    "high": "statistic",
    "why": "statistic",
}
DIMENSIONS: dict[str, Rule] = {
    "measure": "label",
    "structure": "label",
    "estimator": "label",
    "complete": "count",
    "chi_squared": "statistic",
    "df": "statistic",
    "p_value": "statistic",
    "cfi": "statistic",
    "tli": "statistic",
    "rmsea": "statistic",
    "rmsea_low": "statistic",
    "rmsea_high": "statistic",
    "srmr": "statistic",
    "reading": "statistic",
}
LOADINGS: dict[str, Rule] = {
    "measure": "label",
    "item": "label",
    "complete": "count",
    "loading": "statistic",
    "low": "statistic",
    "high": "statistic",
}


def reliability_table(answered: Sequence[Answers], bands: pd.Series) -> CountTable:
    """Alpha and omega of every measure, overall and by band.

    Parameters
    ----------
    answered : sequence of Answers
    bands : pandas.Series
        Confidence band by client.

    Returns
    -------
    CountTable
        Named `reliability`.
    """
    rows, persons = [], []
    for one in answered:
        for group, keep in _groups(one, bands).items():
            rows.append(_reliability_row(one.measure, group, one.items[keep], one.clusters[keep]))
            persons.append(one.complete["client"][keep].nunique())
    return CountTable(
        name="reliability",
        caption="How far the items of each scale agree (alpha and omega, 95% intervals)",
        frame=pd.DataFrame(rows, columns=list(RELIABILITY)),
        rules=RELIABILITY,
        notes=(
            "Computed on the questionnaires in which every item was answered. Intervals allow for "
            "ratings of one practitioner (or by one client) being alike.",
            "Omega lets each item count as much as it tells; alpha takes all items as equal, and "
            "is the lower of the two where they are not.",
            f"From {FOR_GROUPS:.2f} on a score is good enough for comparing groups, from "
            f"{FOR_PERSONS:.2f} on for speaking of single persons.",
        ),
        evidence=pd.DataFrame({"complete": persons}, dtype="int64"),
    )


def other_reliability_table(answered: Sequence[Answers]) -> CountTable:
    """Reliability in other senses: of ordinal items, and of what subscales share.

    Returns
    -------
    CountTable
        Named `other_reliability`; a coefficient that cannot be had says why.
    """
    rows, persons = [], []
    for one in answered:
        categorical, polychoric = ordinal_reliability(one.items, clusters=one.clusters)
        positions = _positions(one.measure)
        named = {
            "omega of ordinal items (Green and Yang)": categorical,
            "alpha before answers are cut into categories": polychoric,
            "omega hierarchical: what all subscales share": omega_hierarchical(
                one.items, positions, clusters=one.clusters
            ),
        }
        for name, value in named.items():
            label = (one.measure.name, EVERYONE, len(one.complete), name)
            rows.append((*label, value.value, value.low, value.high, value.why))
            persons.append(one.persons)
    return CountTable(
        name="other_reliability",
        caption="Reliability in other senses (95% intervals)",
        frame=pd.DataFrame(rows, columns=list(OTHER_RELIABILITY)),
        rules=OTHER_RELIABILITY,
        notes=(
            "The first is the reliability of the score that is used, with the items taken as the "
            "ordered categories they are. The second is of a score that nobody has: it says what "
            "more categories might bring.",
        ),
        evidence=pd.DataFrame({"complete": persons}, dtype="int64"),
    )


def dimension_tables(answered: Sequence[Answers]) -> tuple[CountTable, CountTable]:
    """Whether a scale measures one thing: fit of each structure, and the loadings of one factor.

    Returns
    -------
    tuple of CountTable
        Named `dimensions` and `loadings`.
    """
    rows, persons, loadings, behind = [], [], [], []
    for one in answered:
        if len(one.measure.items) < 3:
            continue
        kind = kind_of(one.measure)
        fits: list[FactorFit] = []
        for name, structure, order in structures_of(one.measure):
            row, fit = _dimension_row(one, kind, name, structure, order)
            fits += [fit] if fit else []
            rows.append(row)
            persons.append(one.persons)
            if fit and name == "one factor":
                found = _loading_rows(one, fit)
                loadings += found
                behind += [one.persons] * len(found)
    dimensions = CountTable(
        name="dimensions",
        caption="Does the scale measure one thing, or several?",
        frame=pd.DataFrame(rows, columns=list(DIMENSIONS)),
        rules=DIMENSIONS,
        notes=(
            "The chi-squared and the standard errors allow for answers that are not normal and for "
            "ratings of one practitioner being alike.",
            "A guide: CFI .95 or more, RMSEA .06 or less, SRMR .08 or less (Hu and Bentler 1999). "
            "With ordinal items these flatter the fit.",
            f"Subscales that correlate below {DISTINCT} are worth scores of their own.",
        ),
        evidence=pd.DataFrame({"complete": persons}, dtype="int64"),
    )
    return dimensions, CountTable(
        name="loadings",
        caption="How much each item has in common with the rest (loadings on one factor)",
        frame=pd.DataFrame(loadings, columns=list(LOADINGS)),
        rules=LOADINGS,
        notes=("Standardised, with 95% intervals. An item below .40 tells little of the score.",),
        evidence=pd.DataFrame({"complete": behind}, dtype="int64"),
    )


def reliability_reading(alpha: Coefficient, omega: Coefficient, items: int) -> str:
    """What a reader may take from alpha and omega."""
    if alpha.why:
        return f"not computable: {alpha.why}"
    if alpha.value <= 0:
        return "the items contradict each other: look for one that was not turned round"
    value = alpha.value if omega.why else omega.value
    if value >= FOR_PERSONS:
        said = "good enough for comparing groups and for speaking of single persons"
    elif value >= FOR_GROUPS:
        said = "good enough for comparing groups, not for speaking of single persons"
    else:
        said = "doubtful even for comparing groups"
    # of two items there is no omega, and nothing is wrong
    return f"{said}; no omega: {omega.why}" if omega.why and items > 2 else said


def _groups(one: Answers, bands: pd.Series) -> dict[str, np.ndarray]:
    """Which complete rows are whose: everybody's, and each band's."""
    whose = one.complete["client"].map(bands)
    groups = {EVERYONE: np.full(len(whose), True)}
    if one.measure.baseline:
        return groups
    named = {str(band): (whose == band).to_numpy() for band in bands.cat.categories}
    return groups | named


def _reliability_row(
    measure: Measure, group: str, items: np.ndarray, clusters: np.ndarray
) -> tuple[object, ...]:
    alpha = cronbach_alpha(items, clusters=clusters)
    omega = alpha if alpha.why else omega_total(items, clusters=clusters)
    return (
        measure.name,
        measure.rater,
        group,
        items.shape[1],
        len(items),
        alpha.value,
        alpha.low,
        alpha.high,
        omega.value,
        omega.low,
        omega.high,
        reliability_reading(alpha, omega, items.shape[1]),
    )


def _positions(measure: Measure) -> dict[str, list[int]]:
    """Subscales by the numbers of their items."""
    return {
        name: [measure.items.index(item) for item in items]
        for name, items in measure.subscales.items()
    }


def kind_of(measure: Measure) -> Items:
    """How items are taken: as continuous from five categories on.

    References
    ----------
    Rhemtulla, Brosseau-Liard and Savalei (2012), Psychological Methods 17.
    """
    low, high = measure.response_range
    offered = sum(one not in measure.not_applicable for one in range(low, high + 1))
    return "continuous" if offered >= CONTINUOUS_FROM else "ordinal"


def structures_of(measure: Measure) -> list[tuple[str, Structure, list[int]]]:
    """Structures worth a look, with the order of their items among the measure's."""
    whole = list(range(len(measure.items)))
    found = [("one factor", one_factor(measure.items), whole)]
    positions = _positions(measure)
    sizes = [len(items) for items in positions.values()]
    if len(sizes) < 2 or sum(sizes) != len(whole) or min(sizes) < 2:
        return found
    order = [i for items in positions.values() for i in items]
    found.append((f"{len(sizes)} factors", correlated_factors(measure.subscales), order))
    if len(sizes) >= 3 and min(sizes) >= 3:
        found.append(("bifactor", bifactor(measure.subscales), order))
    return found


def _dimension_row(
    one: Answers, kind: Items, name: str, structure: Structure, order: list[int]
) -> tuple[tuple[object, ...], FactorFit | None]:
    estimator = "robust maximum likelihood" if kind == "continuous" else "weighted least squares"
    label = (one.measure.name, name, estimator, len(one.complete))
    try:
        fit = factor_model(one.items[:, order], structure, kind=kind, clusters=one.clusters)
    except DataError as error:
        return (*label, *[np.nan] * 9, f"not computable: {error.faults[0].what}"), None
    if fit.status:
        return (*label, *[np.nan] * 9, f"no proper solution: {fit.status[0]}"), None
    own, test = fit.indices, fit.test.scaled
    numbers = (
        test.value,
        test.df,
        test.p_value,
        own.cfi_scaled if kind == "ordinal" else own.cfi_robust,
        own.tli_scaled,
        own.rmsea_scaled if kind == "ordinal" else own.rmsea_robust,
        own.rmsea_low,
        own.rmsea_high,
        own.srmr,
    )
    return (*label, *numbers, dimension_reading(fit)), fit


def dimension_reading(fit: FactorFit) -> str:
    """What the fit of a structure says."""
    if fit.test.plain.df <= 0:
        return "nothing to test: as many parameters as moments"
    said = "fits well" if fit.fits_well else "does not fit well"
    if not fit.structure.correlated:
        return said
    between = fit.factor_correlations[0][np.tril_indices(len(fit.structure.factors), -1)]
    low, high = between.min(), between.max()
    span = f"subscales correlate {low:.2f}" + (f" to {high:.2f}" if low != high else "")
    worth = "worth scores of their own" if low < DISTINCT else "hardly worth scores of their own"
    return f"{said}; {span}: {worth}"


def _loading_rows(one: Answers, fit: FactorFit) -> list[tuple[object, ...]]:
    """Standardised loadings with their intervals."""
    reach = norm.ppf(0.975) * fit.loading_errors[0, :, 0]
    found = zip(one.measure.items, fit.loadings[0, :, 0], reach, strict=True)
    n = len(one.complete)
    return [(one.measure.name, item, n, x, x - half, x + half) for item, x, half in found]
