"""Whether what holds between clients holds within them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.fit import ModelFit


@dataclass(frozen=True)
class HausmanTest:
    """A test that every effect between clients equals that within them.

    Attributes
    ----------
    statistic : float
        Wald's, never below zero.
    df : int
    p_value : float
        By the chi-squared distribution.
    terms : tuple of str
        The terms within clients that were compared.
    """

    statistic: float
    df: int
    p_value: float
    terms: tuple[str, ...]


def hausman_test(fit: ModelFit) -> HausmanTest:
    """Test whether effects between clients equal those within them.

    If they do, random effects may be used as they are. If not, clients with more of the exposure
    differ in other ways too, and the effect within clients is the one to read. With the clustered
    covariance (the default of `fit_panel`) it is Hausman's test in its robust form.

    Parameters
    ----------
    fit : ModelFit
        Of `fit_panel(..., estimator="within_between")`, or of another model with columns that end
        in `_within` and `_between`.

    Returns
    -------
    HausmanTest

    Raises
    ------
    ModelError
        If no term has both parts, or the fit did not converge.

    Notes
    -----
    (b_B - b_W)' V^-1 (b_B - b_W) with V the covariance of the difference. The classical form, with
    V as the difference of two covariances, can be negative; this one cannot. Powers of the means
    are not part of the test.

    References
    ----------
    Mundlak (1978), Econometrica 46; Arellano (1993), Journal of Econometrics 59, for the robust
    form.
    """
    pairs = [
        (place, fit.terms.index(term.replace("_within", "_between")))
        for place, term in enumerate(fit.terms)
        if "_within" in term and term.replace("_within", "_between") in fit.terms
    ]
    if not pairs:
        raise ModelError(
            "no term has a part within clients and one between them",
            fit.spec.formula,
            'fit estimator="within_between"',
        )
    if fit.convergence.status != "ok":
        raise ModelError(
            "a fit that did not converge can be tested for nothing",
            fit.spec.formula,
            "mend the fit: its `convergence` says what is wrong",
        )
    contrast = np.zeros((len(pairs), len(fit.terms)))
    for row, (within, between) in enumerate(pairs):
        contrast[row, between], contrast[row, within] = 1.0, -1.0
    gap = contrast @ fit.params
    spread = contrast @ fit.covariance @ contrast.T
    scale = np.sqrt(np.diag(spread))
    statistic = float(gap / scale @ np.linalg.solve(spread / np.outer(scale, scale), gap / scale))
    return HausmanTest(
        statistic,
        len(pairs),
        float(chdtrc(len(pairs), statistic)),
        tuple(fit.terms[within] for within, _ in pairs),
    )
