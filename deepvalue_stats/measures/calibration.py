"""Best linear predictions of a true score from one with error: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.errors import ModelError

# the least share of truth, given the covariates, of which a correction can make anything
LEAST = 0.10


@dataclass(frozen=True)
class Calibrated:
    """Predictions of the true score.

    Attributes
    ----------
    value : numpy.ndarray, shape (n,)
    reliability : numpy.ndarray, shape (n,)
        Of each row's score, given the covariates.
    """

    value: np.ndarray
    reliability: np.ndarray


@dataclass(frozen=True)
class CalibratedParts:
    """Predictions of the true score's parts within and between groups.

    Attributes
    ----------
    within, between : numpy.ndarray, shape (n,)
        They add up to the prediction of the score.
    reliability : numpy.ndarray, shape (n,)
        Of each row's distance from its group's true mean.
    of_means : numpy.ndarray, shape (J,)
        Of each group's mean.
    """

    within: np.ndarray
    between: np.ndarray
    reliability: np.ndarray
    of_means: np.ndarray


def calibrate(score: np.ndarray, covariates: np.ndarray, error: np.ndarray) -> Calibrated:
    """Predict true scores from scores with a known error variance, and covariates.

    Parameters
    ----------
    score : numpy.ndarray, shape (n,)
    covariates : numpy.ndarray, shape (n, q)
        Of full rank, with a constant among them: all that the outcome's model adjusts for.
    error : numpy.ndarray, shape (n,)
        Error variance of each row's score.

    Returns
    -------
    Calibrated

    Raises
    ------
    ModelError
        If no more than a tenth of what the covariates leave of the score is true.

    Notes
    -----
    mu(Z) + lambda_i (W_i - mu(Z)), with mu the regression of W on Z, s2 its residual variance
    (n - q) less the mean error, and lambda_i = s2 / (s2 + error_i). In a linear model with equal
    errors it divides the coefficient by (l - R2) / (1 - R2), l the reliability and R2 that of W on
    Z (adjusted).

    References
    ----------
    Carroll, Ruppert, Stefanski and Crainiceanu (2006), Measurement Error in Nonlinear Models,
    second edition, section 4.4.
    """
    n, q = covariates.shape
    mean = covariates @ np.linalg.lstsq(covariates, score, rcond=None)[0]
    left = score - mean
    true = float(left @ left) / (n - q) - float(error.mean())
    reliability = true / (true + error) if true > 0 else np.zeros(n)
    refuse_little_truth(float(reliability.mean()), "the score, given the covariates")
    return Calibrated(mean + reliability * left, reliability)


def calibrate_parts(
    score: np.ndarray,
    mean: np.ndarray,
    groups: np.ndarray,
    *,
    between: float,
    within: float,
    error: np.ndarray,
) -> CalibratedParts:
    """Predict the parts of true scores within and between groups.

    Parameters
    ----------
    score, mean : numpy.ndarray, shape (n,)
        The score, and what the covariates (or a constant) make of it.
    groups : numpy.ndarray of int, shape (n,)
        From 0.
    between, within : float
        Variances of true scores between groups and within them, given the covariates.
    error : numpy.ndarray, shape (n,)
        Error variance of each row's score; 0 where it has none.

    Returns
    -------
    CalibratedParts

    Raises
    ------
    ModelError
        If no more than a tenth of what lies within groups is true.

    Notes
    -----
    W_i = mean_i + u_j + e_i + d_i. With v_i = within + error_i and the means r_j of W - mean
    weighted by 1 / v_i: u_j is predicted by l_j r_j, l_j = between / (between + 1 / sum(1 / v_i)),
    and e_i by within / v_i (W_i - mean_i - l_j r_j). These are the conditional means of normal
    variables. The covariates' own part is split by groups as it is. Without error it is
    m_j = l_j xbar_j + (1 - l_j) mean, and x - m_j.

    References
    ----------
    Luedtke, Marsh, Robitzsch, Trautwein, Asparouhov and Muthen (2008), Psychological Methods 13,
    for the unreliability of a group's mean; Henderson (1975), Biometrics 31, for the predictions.
    """
    left, variance = score - mean, within + error
    weight = np.bincount(groups, weights=1 / variance)
    means = np.bincount(groups, weights=left / variance) / weight
    of_means = between / (between + 1 / weight)
    reliability = within / variance
    refuse_little_truth(float(reliability.mean()), "the score within groups")
    effect = (of_means * means)[groups]
    level = (np.bincount(groups, weights=mean) / np.bincount(groups))[groups]
    return CalibratedParts(
        within=mean - level + reliability * (left - effect),
        between=level + effect,
        reliability=reliability,
        of_means=of_means,
    )


def refuse_little_truth(reliability: float, what: str) -> None:
    """Raise a ModelError where hardly anything is true, and a correction would be of noise."""
    if not reliability > LEAST:
        raise ModelError(
            f"no more than {LEAST:.0%} of {what} is true, by its reliability",
            "error_correction",
            "leave the correction out: it would multiply an effect that can hardly be seen",
        )
