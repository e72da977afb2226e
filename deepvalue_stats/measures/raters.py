"""How far clients and practitioners agree about their relationship; their ratings stay apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.data import Dataset
from deepvalue_stats.errors import DataError
from deepvalue_stats.measures.retest import agreement_of_occasions
from deepvalue_stats.measures.scoring import measure_items
from deepvalue_stats.plan import Measure, Plan, resolve_measure
from deepvalue_stats.plan.subscales import subscale_columns
from deepvalue_stats.tables import LEVEL, CountTable, Rule

FEWEST_GROUPS = 3


@dataclass(frozen=True)
class RaterAgreement:
    """What two raters of n pairs have in common.

    Attributes
    ----------
    n_pairs, n_practitioners : int
        Pairs with both ratings and a practitioner, and whose clients they are.
    r, r_low, r_high : float
        Correlation over all pairs, with its 95% interval by practitioner.
    covariance_between, covariance_within : float
        Parts of the covariance between and within practitioners; they add up to the covariance of
        a pair.
    r_between, r_within : float
        Correlations at either level; NaN where the raters' variance there is not above zero.
    difference, difference_low, difference_high : float
        Mean of practitioner minus client, with its 95% interval by practitioner.
    icc : float
        ICC(A,1): agreement of two raters on the value itself.
    """

    n_pairs: int
    n_practitioners: int
    r: float
    r_low: float
    r_high: float
    covariance_between: float
    covariance_within: float
    r_between: float
    r_within: float
    difference: float
    difference_low: float
    difference_high: float
    icc: float


def self_other_agreement(
    client: np.ndarray, practitioner: np.ndarray, practitioners: np.ndarray
) -> RaterAgreement:
    """Compare what clients and practitioners say of the same relationships.

    Parameters
    ----------
    client, practitioner : numpy.ndarray, shape (n,)
        Scores in the same units; NaN where there is none. A pair without both is left out.
    practitioners : array, shape (n,)
        Whose client each is; a pair without one (None or NaN) is left out.

    Returns
    -------
    RaterAgreement
        Not a number where it cannot be worked out: everything with fewer than three pairs or a
        rater who never varies, intervals with fewer than three practitioners.

    Raises
    ------
    DataError
        If the arrays are not of one length.

    Notes
    -----
    One practitioner rates many clients, and many clients rate one practitioner (one with many). By
    the method of moments for unequal caseloads, with W and B the mean products within and between
    practitioners, cov_within = W and cov_between = (B - W) / k0, k0 = (n - sum n_j^2 / n) /
    (J - 1); variances likewise, and r = cov / sqrt(var var) at each level, held to -1 to 1.
    `r_between` asks whether practitioners who rate their caseloads highly are rated highly,
    `r_within` whether it is the same clients who do.

    Intervals leave out one practitioner at a time: se^2 = (J - 1) / J sum (t_(j) - mean)^2, of the
    mean difference and of Fisher's z of r, with t(J - 1).

    ICC(A,1) = (MSR - MSE) / (MSR + MSE + 2 (MSC - MSE) / n), in which a practitioner who rates
    every client a point higher agrees less, while r stays.

    References
    ----------
    Kenny, Kashy and Cook (2006), Dyadic Data Analysis, chapter 10; Searle, Casella and McCulloch
    (1992), Variance Components, section 3.6, for unequal groups; McGraw and Wong (1996),
    Psychological Methods 1, for the ICC; Efron (1982), The Jackknife, chapter 3.
    """
    if not len(client) == len(practitioner) == len(practitioners):
        raise DataError(
            "the ratings are not in pairs",
            "client, practitioner, practitioners",
            "give one of each for every pair, in the same order",
        )
    codes, _ = pd.factorize(np.asarray(practitioners, dtype=object))
    known = ~(np.isnan(client) | np.isnan(practitioner)) & (codes >= 0)
    _, codes = np.unique(codes[known], return_inverse=True)
    pairs = np.column_stack([client[known], practitioner[known]]).astype("float64")
    n_groups = int(codes.max()) + 1 if len(codes) else 0
    if len(pairs) < 3 or (np.ptp(pairs, axis=0) == 0).any():
        rest = (np.nan,) * (len(fields(RaterAgreement)) - 2)
        return RaterAgreement(len(pairs), n_groups, *rest)
    sums = _GroupSums.of(pairs, codes, n_groups)
    within, between = _levels(pairs, sums)
    return RaterAgreement(
        len(pairs),
        n_groups,
        *_correlation(sums),
        covariance_between=float(between[0, 1]),
        covariance_within=float(within[0, 1]),
        r_between=_standardised(between),
        r_within=_standardised(within),
        **_difference(sums),
        icc=agreement_of_occasions(pairs)[0],
    )


@dataclass(frozen=True)
class _GroupSums:
    """Numbers, sums and sums of products of each practitioner's pairs, about the overall means."""

    n: np.ndarray  # (J,)
    totals: np.ndarray  # (J, 2)
    products: np.ndarray  # (J, 2, 2)
    means: np.ndarray  # (2,)

    @classmethod
    def of(cls, pairs: np.ndarray, codes: np.ndarray, n_groups: int) -> _GroupSums:
        means = pairs.mean(axis=0)
        about = pairs - means
        totals, products = np.zeros((n_groups, 2)), np.zeros((n_groups, 2, 2))
        np.add.at(totals, codes, about)
        np.add.at(products, codes, about[:, :, None] * about[:, None, :])
        return cls(np.bincount(codes, minlength=n_groups), totals, products, means)


def _levels(pairs: np.ndarray, sums: _GroupSums) -> tuple[np.ndarray, np.ndarray]:
    """Covariance matrices of the two raters within and between practitioners, each (2, 2)."""
    n, n_groups = len(pairs), len(sums.n)
    if not 1 < n_groups < n:
        nothing = np.full((2, 2), np.nan)
        return nothing, nothing
    between_products = np.einsum("ja,jb,j->ab", sums.totals, sums.totals, 1 / sums.n)
    within = (sums.products.sum(axis=0) - between_products) / (n - n_groups)
    size = (n - (sums.n**2).sum() / n) / (n_groups - 1)
    return within, (between_products / (n_groups - 1) - within) / size


def _standardised(covariance: np.ndarray) -> float:
    variances = np.diag(covariance)
    if not (variances > 0).all():
        return float("nan")
    return float(np.clip(covariance[0, 1] / np.sqrt(variances.prod()), -1, 1))


def _correlation(sums: _GroupSums) -> tuple[float, float, float]:
    """Pearson's correlation with its interval, by Fisher's z without each practitioner in turn."""
    whole = _pearson(sums.n.sum(), sums.totals.sum(axis=0), sums.products.sum(axis=0))
    left = [sums.n.sum() - sums.n, -sums.totals, sums.products.sum(axis=0) - sums.products]
    with np.errstate(divide="ignore", invalid="ignore"):
        without = np.array([_pearson(*one) for one in zip(*left, strict=True)])
        low, high = _around(float(np.arctanh(whole)), np.arctanh(without))
    return whole, float(np.tanh(low)), float(np.tanh(high))


def _pearson(n: int, totals: np.ndarray, products: np.ndarray) -> float:
    centred = products - np.outer(totals, totals) / n
    return float(np.clip(centred[0, 1] / np.sqrt(centred[0, 0] * centred[1, 1]), -1, 1))


def _difference(sums: _GroupSums) -> dict[str, float]:
    excess = sums.totals[:, 1] - sums.totals[:, 0]
    whole = float(sums.means[1] - sums.means[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        without = whole - excess / (sums.n.sum() - sums.n)
        low, high = _around(whole, without)
    return {"difference": whole, "difference_low": low, "difference_high": high}


def _around(whole: float, without: np.ndarray) -> tuple[float, float]:
    """The interval of an estimate from those without each group in turn."""
    n_groups = len(without)
    if n_groups < FEWEST_GROUPS or not np.isfinite([whole, *without]).all():
        return float("nan"), float("nan")
    spread = ((without - without.mean()) ** 2).sum() * (n_groups - 1) / n_groups
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n_groups - 1) * np.sqrt(spread))
    return whole - reach, whole + reach


_COLUMNS: Mapping[str, Rule] = {
    "client_measure": "label",
    "practitioner_measure": "label",
    "pairs": "count",
    "practitioners": "count",
    "r": "statistic",
    "r_low": "statistic",
    "r_high": "statistic",
    "r_between": "statistic",
    "r_within": "statistic",
    "difference": "statistic",
    "difference_low": "statistic",
    "difference_high": "statistic",
    "icc": "statistic",
}


def raters_table(plan: Plan, data: Mapping[str, Dataset]) -> CountTable:
    """Compare every measure rated by clients with every one of its like rated by practitioners.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
        Scored.

    Returns
    -------
    CountTable
        Named `raters`, and empty without two such measures. Alike are two of the same instrument,
        or of the same number of items and range; a subscale is like the subscale of its name.

    Notes
    -----
    Two measures of one source are compared row by row. Of two sources the rows of one client (at
    one wave, where both have it) meet, and where a rater has several their mean does. The
    practitioner is the one that a row names, or else the only one whom any source names beside the
    client; a pair without is left out.
    """
    found = [(ours, theirs, _matched(plan, data, ours, theirs)) for ours, theirs in _alike(plan)]
    rows = [_row(ours, theirs, pairs) for ours, theirs, pairs in found]
    persons = [int(pairs["person"].nunique()) for _, _, pairs in found]
    return CountTable(
        name="raters",
        caption="How far clients and practitioners agree about their relationship (95% intervals)",
        frame=pd.DataFrame(rows, columns=list(_COLUMNS)),
        rules=_COLUMNS,
        notes=(
            "The ratings of clients and of practitioners are never averaged. In a pair both rated, "
            "and it is known which practitioner.",
            "A difference above zero: practitioners rate higher than their clients.",
            "r between: whether practitioners who rate their caseloads highly are rated highly. "
            "r within: whether it is the same clients who do.",
            "Forms of one length and range are compared; their items need not be the same.",
        ),
        evidence=pd.DataFrame({"pairs": persons}),
    )


def _alike(plan: Plan) -> Iterator[tuple[Measure, Measure]]:
    """Pairs of measures, the first rated by clients and the second by practitioners."""
    parts = {
        column: part
        for name, measure in plan.measures.items()
        for column, (part, _) in subscale_columns(name, measure).items()
    }
    measures = [resolve_measure(name, measure) for name, measure in plan.measures.items()]
    for ours, theirs in product(measures, measures):
        if (ours.rater, theirs.rater) != ("client", "practitioner"):
            continue
        form = [(one.baseline, parts.get(one.name), one.response_range) for one in (ours, theirs)]
        known = [plan.measures[one.name].instrument for one in (ours, theirs)]
        same = known[0] is not None and known[0] == known[1]
        if form[0] == form[1] and (same or len(ours.items) == len(theirs.items)):
            yield ours, theirs


def _row(ours: Measure, theirs: Measure, pairs: pd.DataFrame) -> tuple[object, ...]:
    found = self_other_agreement(
        pairs["client"].to_numpy(dtype="float64"),
        pairs["practitioner"].to_numpy(dtype="float64"),
        pairs["whose"].to_numpy(dtype=object),
    )
    values = [getattr(found, name) for name in list(_COLUMNS)[4:]]
    return ours.name, theirs.name, found.n_pairs, found.n_practitioners, *values


def _matched(
    plan: Plan, data: Mapping[str, Dataset], ours: Measure, theirs: Measure
) -> pd.DataFrame:
    """Pairs with both ratings: columns `person`, `client`, `practitioner` and `whose`."""
    sides = [_rated(plan, data, measure) for measure in (ours, theirs)]
    if measure_items(ours, data)[0] == measure_items(theirs, data)[0]:
        pairs = sides[0].assign(practitioner=sides[1]["score"])
    else:
        keys = ["person", *(["wave"] if all("wave" in side for side in sides) else [])]
        means = [side.groupby(keys, sort=False)["score"].mean() for side in sides]
        # a practitioner of two rows of one key is only known where they name the same
        whose = pd.concat(sides).groupby(keys, sort=False)["whose"].agg(_only)
        pairs = means[0].to_frame().assign(practitioner=means[1], whose=whose).reset_index()
    pairs = pairs.rename(columns={"score": "client"})
    pairs["whose"] = pairs["whose"].fillna(pairs["person"].map(_one_practitioner(plan, data)))
    return pairs[pairs[["client", "practitioner", "whose"]].notna().all(axis=1)]


def _rated(plan: Plan, data: Mapping[str, Dataset], measure: Measure) -> pd.DataFrame:
    """One rater's scores: columns `person`, `score`, `whose`, and `wave` where there are waves."""
    frame, wave = data[measure_items(measure, data)[0]].frame, plan.clock.wave
    if wave and wave in frame:
        frame = frame[(frame[wave] == plan.clock.baseline) == measure.baseline]
    declared = plan.ids.practitioner
    found = pd.DataFrame({"person": frame[plan.ids.client.column], "score": frame[measure.name]})
    found["whose"] = frame[declared.column] if declared and declared.column in frame else None
    return found.assign(wave=frame[wave]) if wave and wave in frame else found


def _one_practitioner(plan: Plan, data: Mapping[str, Dataset]) -> pd.Series:
    """The practitioner of every client beside whom the sources name just one."""
    client, declared = plan.ids.client.column, plan.ids.practitioner
    met = [
        one.frame[[client, declared.column]].set_axis(["person", "whose"], axis=1)
        for one in data.values()
        if declared and {client, declared.column} <= set(one.frame)
    ]
    if not met:
        return pd.Series(dtype=object)
    return pd.concat(met).dropna().groupby("person")["whose"].agg(_only)


def _only(names: pd.Series) -> object:
    """The one name that there is, or None."""
    found = names.dropna().unique()
    return found[0] if len(found) == 1 else None
