"""`fit_multilevel`: from a formula and rows to a fit, with everything doubtful said."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.design import build_design
from deepvalue_stats.models.fit import ModelSpec
from deepvalue_stats.models.link import IDENTITY, LINKS
from deepvalue_stats.models.multilevel.binomial import fit_binomial
from deepvalue_stats.models.multilevel.fit import MultilevelFit, RandomPart, groups_of
from deepvalue_stats.models.multilevel.linear import fit_gaussian
from deepvalue_stats.models.multilevel.outcome import read_counts
from deepvalue_stats.models.multilevel.random import build_random
from deepvalue_stats.models.multilevel.terms import (
    MixedFormula,
    formula_columns,
    refuse_missing_columns,
    split_formula,
)
from deepvalue_stats.tables import read_only

Family = Literal["binomial", "gaussian"]
Inference = Literal["t", "z"]


def fit_multilevel(
    formula: str,
    data: pd.DataFrame,
    *,
    family: Family = "binomial",
    link: Literal["logit", "cloglog"] = "logit",
    quadrature_points: int = 1,
    weights: str | None = None,
    frequency: str | None = None,
    offset: str | None = None,
    reml: bool = True,
    covariance: str = "model",
    inference: Inference = "t",
    missing: Literal["raise", "drop"] = "raise",
    prior_sd: float | None = None,
    client: str = "client",
    practitioner: str = "practitioner",
) -> MultilevelFit:
    """Fit a binomial or linear model whose rows sit in groups, by maximum likelihood.

    For outcomes of clients who share practitioners, services or both, and for whether an effect
    differs between them. Effects of the fixed part are for given groups; `average_effect` gives
    those in the population.

    Parameters
    ----------
    formula : str
        As in lme4: `job ~ rel_within + rel_between + (1 + rel_within | practitioner) + (1 |
        service)`; `(x || g)` for independent effects, `a/b` for nesting, `mm(a, b; share_a,
        share_b)` for rows with several practitioners, `cbind(successes, failures)` for counts.
    data : pandas.DataFrame
    family : str
        binomial or gaussian.
    link : str
        Of a binomial model: logit, or cloglog (complementary log-log), whose effects multiply the
        hazard of an event within a period; see `fit_hazard`.
    quadrature_points : int
        1 is the Laplace approximation. More points are exact for few rows a group; known for one
        factor with up to two effects, and for random intercepts of two nested factors.
    weights : str, optional
        Column of trials, the outcome then being successes; of a gaussian model, of precisions.
    frequency : str, optional
        Column that says how many identical rows a row stands for.
    offset : str, optional
        Column added to the linear predictor.
    reml : bool
        For a gaussian model, restricted likelihood.
    covariance : str
        model, or cluster:<column> for the sandwich over groups that hold every factor's groups.
    inference : str
        t: degrees of freedom by the level at which a term varies, and the restricted variance for
        intervals. z: the normal distribution and the variance of maximum likelihood.
    missing : str
        raise, or drop (counted in `design.dropped`).
    prior_sd : float, optional
        Standard deviation of a normal prior on the coefficient of every standardised column but
        the intercept: a weak penalty for separated data, never used unless asked for.
    client, practitioner : str
        Columns by which persons are counted, where the data have them.

    Returns
    -------
    MultilevelFit

    Raises
    ------
    ModelError
        If the formula cannot be read on the data, the outcome is constant or no count, columns
        are linearly dependent, a factor has one group or a group for every row, quadrature is
        asked for a structure that has none, or a cluster covariance cannot be had.

    Notes
    -----
    Laplace: -log L = sum(-loglik(u)) + |u|^2/2 + log det(I + Lambda'Z'WZ Lambda)/2 at the modes u,
    with exact gradient; W is the observed information, which of a complementary log-log depends on
    the outcomes (lme4 has the expected one there). Standard errors (`bse`) are from the full
    Hessian over variance parameters and coefficients. Intervals use the restricted variance (see
    `interval_covariance`), except with `inference="z"`.

    References
    ----------
    Pinheiro and Bates (1995), Journal of Computational and Graphical Statistics 4; Pinheiro and
    Chao (2006), the same 15 (multilevel Laplace and adaptive quadrature); Bates, Maechler, Bolker
    and Walker (2015), Journal of Statistical Software 67.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> g = np.repeat(np.arange(30), 20)
    >>> x = rng.normal(size=600)
    >>> p = 1 / (1 + np.exp(-0.5 * x - rng.normal(size=30)[g]))
    >>> rows = pd.DataFrame({"job": rng.random(600) < p, "rapport": x, "practitioner": g})
    >>> fit = fit_multilevel("job ~ rapport + (1 | practitioner)", rows)
    >>> fit.convergence.status
    'ok'
    """
    _refuse_options(family, link, quadrature_points, covariance, inference, prior_sd)
    mixed = split_formula(formula)
    if family == "gaussian":
        _refuse_binomial_options(mixed, quadrature_points, frequency, covariance, prior_sd)
    refuse_missing_columns(mixed, data)
    named = [name for name in (mixed.failures, weights, frequency, offset) if name is not None]
    cluster = covariance.removeprefix("cluster:") if covariance != "model" else None
    needed = [*formula_columns(mixed), *named, *([cluster] if cluster else [])]
    design = build_design(mixed.fixed, data, missing=missing, needed=tuple(dict.fromkeys(needed)))
    random, record = build_random(mixed.bars, design.frame)
    if family == "gaussian":
        found = fit_gaussian(design, random, reml=reml, weights=weights, offset=offset)
    else:
        counts = read_counts(
            design.frame, design.outcome, formula,
            failures=mixed.failures, weights=weights, frequency=frequency, offset=offset,
        )  # fmt: skip
        found = fit_binomial(
            design, random, counts, points=quadrature_points, prior_sd=prior_sd, cluster=cluster,
            link=LINKS[link],
        )  # fmt: skip
    ids = {"client": client, "practitioner": practitioner}
    k = len(found.theta)
    return MultilevelFit(
        spec=ModelSpec(
            formula, family, tuple(f.name for f in random.factors), "multilevel", covariance
        ),
        terms=design.terms,
        params=read_only(found.params),
        covariance=read_only(found.joint[k:, k:]),
        dof=np.inf,
        link=LINKS[link] if family == "binomial" else IDENTITY,
        design=design,
        n_groups=groups_of(random),
        ids={role: column for role, column in ids.items() if column in data},
        convergence=found.convergence,
        loglik=found.loglik,
        slopes=read_only(found.slopes),
        theta=read_only(found.theta),
        sigma=found.sigma,
        joint=read_only(found.joint),
        degrees=found.degrees if inference == "t" else np.full(len(design.terms), np.inf),
        random=RandomPart(random, record, found.lambdas, found.modes),
        inference=inference,
        restricted_likelihood=family == "gaussian" and reml,
        offset=offset or "",
        weights=weights or "",
        laplace=found.laplace,
        problem=found.problem,
        solution=found.solution,
    )


def _refuse_options(
    family: str,
    link: str,
    quadrature_points: int,
    covariance: str,
    inference: str,
    prior_sd: float | None,
) -> None:
    faults = []
    if family not in ("binomial", "gaussian"):
        faults.append(Fault(f"no family '{family}'", "family", "use binomial or gaussian"))
    if link not in LINKS:
        faults.append(Fault(f"no link '{link}'", "link", f"use {' or '.join(LINKS)}"))
    elif family == "gaussian" and link != "logit":
        faults.append(Fault("not for a gaussian model", "link", "leave it out"))
    if not 1 <= quadrature_points <= 101:
        faults.append(Fault("not between 1 and 101", "quadrature_points", "7 or 15 are usual"))
    if covariance != "model" and not covariance.startswith("cluster:"):
        faults.append(
            Fault(f"no covariance '{covariance}'", "covariance", "use model or cluster:<column>")
        )
    if inference not in ("t", "z"):
        faults.append(Fault(f"no inference '{inference}'", "inference", "use t or z"))
    if prior_sd is not None and not prior_sd > 0:
        faults.append(Fault("not above 0", "prior_sd", "2.5 is weak, 1 is strong"))
    if faults:
        raise ModelError.of(faults)


def _refuse_binomial_options(
    mixed: MixedFormula,
    quadrature_points: int,
    frequency: str | None,
    covariance: str,
    prior_sd: float | None,
) -> None:
    """What a linear model has no use for must not be passed over in silence."""
    given = {
        "quadrature_points": quadrature_points > 1,
        "frequency": frequency is not None,
        "covariance": covariance != "model",
        "prior_sd": prior_sd is not None,
        "cbind": mixed.failures is not None,
    }
    faults = [
        Fault("not for a gaussian model", name, "leave it out")
        for name, used in given.items()
        if used
    ]
    if faults:
        raise ModelError.of(faults)
