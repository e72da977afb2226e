"""Likelihood-ratio tests when a variance may lie on its boundary of zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from deepvalue_stats.errors import ModelError

# twice a log-likelihood is not known better than this, so a smaller gain is none
ROUNDING = 1e-6
# a larger loss is no rounding: one of the two fits is not at its maximum
LOSS = 1e-3


@dataclass(frozen=True)
class LikelihoodRatio:
    """A comparison of two nested models.

    Attributes
    ----------
    statistic : float
        Twice the gain in log-likelihood.
    dof : int
        Parameters that the larger model adds.
    p_value : float
    reference : str
        The distribution that the p-value comes from, in words.
    """

    statistic: float
    dof: int
    p_value: float
    reference: str


def likelihood_ratio(
    statistic: float, extra_fixed: int = 0, added: Sequence[int] = ()
) -> LikelihoodRatio:
    """Test what a larger model adds to a smaller one that it contains.

    For maximum-likelihood fits to the same rows, with many groups. Not when the smaller model
    has itself a variance of zero, nor with few groups: the mixtures are then too strict or too
    lax, and a parametric bootstrap is right.

    Parameters
    ----------
    statistic : float
        Twice the difference of the log-likelihoods, larger minus smaller model.
    extra_fixed : int
        Coefficients that the larger model adds, and correlations that it adds between random
        effects which both models have.
    added : sequence of int
        For each random effect that the larger model adds, the number of effects of the same
        factor with which it is correlated: `(0,)` for a first or uncorrelated effect, `(1,)` for
        a slope beside an intercept.

    Returns
    -------
    LikelihoodRatio

    Raises
    ------
    ModelError
        If nothing is added, several random effects are, coefficients are added together with a
        random effect, or the larger model fits worse than the smaller.

    Notes
    -----
    Under the hypothesis of no variance the estimate is zero in half of all samples. The reference
    is then half chi-squared on q and half on q + 1 degrees of freedom, q correlations included;
    chi-squared on 0 is the constant zero, so a statistic of zero has a p-value of 1.

    References
    ----------
    Self SG, Liang KY (1987). Asymptotic properties of maximum likelihood estimators and
    likelihood ratio tests under nonstandard conditions. JASA 82: 605-610, cases 5 and 6. Stram DO,
    Lee JW (1994). Variance components testing in the longitudinal mixed effects model. Biometrics
    50: 1171-1177, cases 1 to 3.

    Examples
    --------
    >>> test = likelihood_ratio(2.7055, added=(0,))
    >>> print(round(test.p_value, 3), test.reference)
    0.05 50:50 mixture of chi-squared on 0 and 1 degrees of freedom
    """
    gain = _gain(statistic)
    _refuse_unknown(extra_fixed, added)
    if not added:
        p_value = chi_squared_tail(gain, extra_fixed)
        return LikelihoodRatio(
            gain, extra_fixed, p_value, f"chi-squared on {_degrees(extra_fixed)}"
        )
    q = added[0]
    p_value = (chi_squared_tail(gain, q) + chi_squared_tail(gain, q + 1)) / 2
    words = f"50:50 mixture of chi-squared on {q} and {q + 1} degrees of freedom"
    return LikelihoodRatio(gain, q + 1, p_value, words)


def boundary_p_value(statistic: float, extra_fixed: int = 0, added: Sequence[int] = ()) -> float:
    """The p-value of `likelihood_ratio`, whose parameters it takes.

    Examples
    --------
    >>> round(boundary_p_value(5.138, added=(1,)), 3)
    0.05
    """
    return likelihood_ratio(statistic, extra_fixed, added).p_value


def chi_squared_tail(statistic: float, dof: int) -> float:
    """Chance of at least `statistic` on `dof` degrees of freedom; 0 of them is the constant 0."""
    if statistic <= 0:
        return 1.0
    return float(chdtrc(dof, statistic)) if dof else 0.0


def _degrees(dof: int) -> str:
    return f"{dof} degree{'' if dof == 1 else 's'} of freedom"


def _gain(statistic: float) -> float:
    if not np.isfinite(statistic):
        raise ModelError(
            "a log-likelihood is not a number",
            "likelihood-ratio test",
            "compare models that converged and have a likelihood",
        )
    if statistic < -LOSS:
        raise ModelError(
            "the larger model has the lower likelihood",
            "likelihood-ratio test",
            "compare models of which one contains the other, fitted to the same rows, and look "
            "at the convergence of both",
        )
    return float(statistic) if statistic > ROUNDING else 0.0


def _refuse_unknown(extra_fixed: int, added: Sequence[int]) -> None:
    if extra_fixed < 0 or any(q < 0 for q in added) or not (extra_fixed or added):
        raise ModelError(
            "the larger model adds nothing to the smaller",
            "likelihood-ratio test",
            "give the models in order, smaller first",
        )
    together = "coefficients and a random effect" if extra_fixed else "several random effects"
    if len(added) > 1 or (added and extra_fixed):
        raise ModelError(
            f"{together} are added at once, which has no simple reference distribution",
            "likelihood-ratio test",
            "add them one at a time, or use the parametric bootstrap",
        )
