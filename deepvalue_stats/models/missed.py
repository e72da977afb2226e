"""A logit for outcomes of which the link misses a known share, group by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.fit import ModelFit, ModelSpec
from deepvalue_stats.models.link import LOGIT
from deepvalue_stats.models.marginal import (
    binary_design,
    convergence_of,
    group_labels,
    ids_of,
    sandwich,
)
from deepvalue_stats.tables import read_only

ESTIMATOR = "logit, missed outcomes counted"
STEPS = 50
SOLVED = 1e-10
DRAWS = 20


@dataclass(frozen=True)
class Recall:
    """The share of true outcomes that a link finds, and how well that share is known.

    Attributes
    ----------
    share : float
        Above 0, at most 1.
    std_error : float
        0 for a share taken as known.
    """

    share: float
    std_error: float = 0.0

    def __post_init__(self) -> None:
        variance = self.std_error**2
        if not 0 < self.share <= 1 or not variance <= self.share * (1 - self.share):
            raise ModelError(
                "a recall is no share, or its standard error is larger than a share can have",
                "recall",
                "give a share above 0 and at most 1, as an audit finds it",
            )

    @classmethod
    def audited(cls, found: int, of: int) -> Recall:
        """From an audit: of so many clients known to have had the outcome, so many were found.

        The mean and standard error of the Beta(found + 1/2, missed + 1/2) distribution.

        Raises
        ------
        ModelError
            If more were found than there were, or none was looked for.
        """
        if not of > 0 or not 0 <= found <= of:
            raise ModelError(
                "an audit cannot find more than it looks for", "recall", "check both counts"
            )
        a, b = found + 0.5, of - found + 0.5
        return cls(a / (a + b), float(np.sqrt(a * b / (a + b + 1)) / (a + b)))

    def draws(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draws from the Beta distribution with this mean and standard error, shape (n,)."""
        if self.std_error == 0:
            return np.full(n, self.share)
        size = self.share * (1 - self.share) / self.std_error**2 - 1
        return rng.beta(self.share * size, (1 - self.share) * size, n)


def fit_missed(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str,
    recall: Mapping[str, Recall],
    by: str,
    rng: np.random.Generator,
    draws: int = DRAWS,
    client: str = "client",
    practitioner: str = "practitioner",
) -> tuple[ModelFit, ...]:
    """Fit a logit of the true outcome to one that a link has found in part.

    A client whose outcome was missed looks like one without it. Where more is missed among some,
    effects are made smaller, and differences between groups are made or hidden. Nothing in the
    data says how many were missed: the shares come from an audit, or are tried out one after
    another.

    Parameters
    ----------
    formula, data, cluster, client, practitioner
        As of `fit_logit`; the outcome is 1 where one was found.
    recall : mapping of str to Recall
        By group. No false outcome is found.
    by : str
        Column of the groups.
    rng : numpy.random.Generator
    draws : int
        Fits, each to recalls drawn from what is known of them; one where all are known.

    Returns
    -------
    tuple of ModelFit
        Fits whose effects are pooled as over imputed data: `average_effect(fits, ...)`.

    Raises
    ------
    ModelError
        As `fit_logit`; for a group without a recall; or where more outcomes were found than a
        recall allows.

    Notes
    -----
    With P(found | x) = r p(x) the score X'(y / r - p) has mean 0 at the true coefficients, and it
    is the gradient of a concave function. Clustered covariance as of `fit_logit`, at given r.

    References
    ----------
    Rogan and Gladen (1978), American Journal of Epidemiology 107, for a share, with a
    specificity of 1; Rubin (1987), chapter 3, for the draws.
    """
    labels = group_labels(data, cluster, formula)
    design = binary_design(formula, data)
    groups = _groups(data, by, recall, formula)
    known = all(one.std_error == 0 for one in recall.values())
    n = 1 if known else draws
    drawn = {name: one.draws(n, rng) for name, one in recall.items()}
    fits = []
    for place in range(n):
        share = groups.map({name: values[place] for name, values in drawn.items()})
        weight = 1 / share.to_numpy(dtype="float64")
        _refuse_too_many(design.response * weight, groups, formula)
        params, steps = _solved(design.matrix, design.response * weight)
        slopes = design.response * weight - expit(design.matrix @ params)
        fits.append(
            ModelFit(
                spec=ModelSpec(formula, "binomial", (), ESTIMATOR, f"cluster:{cluster}"),
                terms=design.terms,
                params=read_only(params),
                covariance=read_only(sandwich(design, params, slopes, labels)),
                dof=np.inf,
                link=LOGIT,
                design=design,
                n_groups={cluster: int(pd.unique(labels).size)},
                ids=ids_of(data, client, practitioner),
                convergence=convergence_of(design, params, slopes, steps),
                loglik=np.nan,
                slopes=read_only(slopes),
            )
        )
    return tuple(fits)


def _groups(data: pd.DataFrame, by: str, recall: Mapping[str, Recall], formula: str) -> pd.Series:
    if by not in data:
        raise ModelError(f"no column '{by}'", formula, "name the groups whose recall is known")
    groups = data[by].astype("object").where(data[by].notna(), None).map(str, na_action="ignore")
    absent = sorted(set(groups.dropna()) - set(recall)) + (["none"] if groups.isna().any() else [])
    if absent:
        raise ModelError.of(
            [Fault(f"no recall for the group '{name}'", by, "give one") for name in absent]
        )
    return groups.reset_index(drop=True)


def _refuse_too_many(counted: np.ndarray, groups: pd.Series, formula: str) -> None:
    rates = pd.Series(counted).groupby(groups).mean()
    over = [str(name) for name, rate in rates.items() if rate >= 1]
    if over:
        raise ModelError(
            f"more outcomes were found than the recall of {', '.join(over)} allows",
            formula,
            "give a larger recall: at this one everybody had the outcome",
        )


def _solved(matrix: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, int]:
    """Newton's steps, halved where they overshoot; the criterion is concave."""
    scale = np.sqrt(np.mean(matrix**2, axis=0))
    x = matrix / scale
    n, b = len(counted), np.zeros(matrix.shape[1])

    def criterion(b: np.ndarray) -> float:
        eta = x @ b
        return float(counted @ eta - np.logaddexp(0, eta).sum()) / n

    at = criterion(b)
    for step in range(1, STEPS + 1):
        p = expit(x @ b)
        score = x.T @ (counted - p) / n
        if np.abs(score).max() < SOLVED:
            return b / scale, step
        weight = p * (1 - p)
        move = np.linalg.lstsq(x.T @ (x * weight[:, None]) / n, score, rcond=None)[0]
        size = 1.0
        while size > 1e-8 and criterion(b + size * move) < at:
            size /= 2
        b = b + size * move
        at = criterion(b)
    return b / scale, STEPS
