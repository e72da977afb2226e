"""Unmeasured causes on the linear scale, and how much the measured ones matter beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from deepvalue_stats.errors import ModelError
from deepvalue_stats.tables import LEVEL

# the largest share of the outcome that all causes explain is taken as this times what the measured
# ones do
USUAL_SHARE = 1.3


def partial_r2(t_statistic: float, dof: float) -> float:
    """Share of what is left of the outcome that one coefficient explains.

    Parameters
    ----------
    t_statistic : float
        By the usual standard error of a linear model: with a robust one it is no such share.
    dof : float
        Residual degrees of freedom.

    Returns
    -------
    float

    Raises
    ------
    ModelError
        If the degrees of freedom are not above 0.

    Notes
    -----
    t^2 / (t^2 + dof).

    References
    ----------
    Cinelli and Hazlett (2020), Journal of the Royal Statistical Society B 82, section 3.

    Examples
    --------
    >>> round(partial_r2(4.18445, 783), 5)
    0.02187
    """
    _refuse_dof(dof, 0)
    return t_statistic**2 / (t_statistic**2 + dof)


@dataclass(frozen=True)
class Robustness:
    """How strong a cause must be with exposure and outcome alike, as shares of variance.

    Attributes
    ----------
    partial_r2 : float
        Share of what is left of the outcome that the exposure explains: a cause that explained
        all of the outcome would have to explain this much of the exposure.
    estimate : float
        Robustness value: to take the share `q` off the estimate.
    limit : float
        To make what is left of it no longer significant at 5%; 0 where it is not so already.
    """

    partial_r2: float
    estimate: float
    limit: float


def robustness_value(t_statistic: float, dof: float, *, q: float = 1.0) -> Robustness:
    """Find the robustness value of a coefficient of a linear model and of its test.

    Parameters
    ----------
    t_statistic : float
        By the usual standard error.
    dof : float
        Residual degrees of freedom, above 1.
    q : float
        Share of the estimate that the cause would take away, above 0; 1 is all of it.

    Returns
    -------
    Robustness

    Raises
    ------
    ModelError
        If `q` is not above 0 or the degrees of freedom are not above 1.

    Notes
    -----
    RV = (sqrt(f^4 + 4 f^2) - f^2) / 2 with f = q |t| / sqrt(dof); for the test f is less the
    critical t over sqrt(dof - 1). Where the share of the outcome that this asks for is no longer
    the binding one, RV = (f^2 - c^2) / (1 + f^2), with c that critical value.

    References
    ----------
    Cinelli and Hazlett (2020), Journal of the Royal Statistical Society B 82, section 4; the
    last form is that of their program sensemakr.

    Examples
    --------
    >>> found = robustness_value(4.18445, 783)
    >>> round(found.estimate, 4), round(found.limit, 4)
    (0.1388, 0.0763)
    """
    _refuse_dof(dof, 1)
    if not q > 0:
        raise ModelError("no share of the estimate", "robustness_value, q", "give a share above 0")
    f = q * abs(t_statistic) / float(np.sqrt(dof))
    critical = float(stats.t.ppf((1 + LEVEL) / 2, dof - 1) / np.sqrt(dof - 1))
    if f <= critical:
        limit = 0.0
    elif f > 1 / critical:
        limit = (f**2 - critical**2) / (1 + f**2)
    else:
        limit = _equal_shares(f - critical)
    return Robustness(partial_r2(t_statistic, dof), _equal_shares(f), limit)


def _equal_shares(f: float) -> float:
    return float((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)


@dataclass(frozen=True)
class Adjusted:
    """What an estimate would be beside a cause of stated strength that lowers it the most.

    Attributes
    ----------
    with_exposure, with_outcome : float
        Shares of what is left of the exposure, and of the outcome, that the cause explains.
    estimate, std_error : float
    dof : float
    """

    with_exposure: float
    with_outcome: float
    estimate: float
    std_error: float
    dof: float


def adjusted_for_unmeasured(
    estimate: float, std_error: float, dof: float, with_exposure: float, with_outcome: float
) -> Adjusted:
    """The estimate that adjusting for one more cause would give, bias taken towards zero.

    Parameters
    ----------
    estimate, std_error : float
        Of a linear model's coefficient, with its usual standard error.
    dof : float
        Residual degrees of freedom of that model, above 1.
    with_exposure, with_outcome : float
        Partial R2 of the cause with the exposure, from 0 to below 1, and with the outcome, from 0
        to 1.

    Returns
    -------
    Adjusted
        An estimate that goes past zero changes its sign.

    Raises
    ------
    ModelError
        If a share is out of its range or the degrees of freedom are not above 1.

    Notes
    -----
    |bias| = se sqrt(dof R2_Y R2_D / (1 - R2_D)) and
    se' = se sqrt((1 - R2_Y) / (1 - R2_D) dof / (dof - 1)).

    References
    ----------
    Cinelli and Hazlett (2020), Journal of the Royal Statistical Society B 82, section 3.
    """
    _refuse_dof(dof, 1)
    if not (0 <= with_exposure < 1 and 0 <= with_outcome <= 1):
        raise ModelError(
            "a share of variance out of its range",
            "unmeasured cause",
            "give a share of the exposure below 1 and of the outcome of 1 at most",
        )
    odds = with_exposure / (1 - with_exposure)
    bias = std_error * float(np.sqrt(dof * with_outcome * odds))
    error = std_error * float(np.sqrt((1 - with_outcome) / (1 - with_exposure) * dof / (dof - 1)))
    moved = float(np.copysign(1.0, estimate)) * (abs(estimate) - bias)
    return Adjusted(with_exposure, with_outcome, moved, error, dof - 1)


def bounded_by_covariate(
    estimate: float,
    std_error: float,
    dof: float,
    covariate_exposure: float,
    covariate_outcome: float,
    *,
    times: float = 1.0,
) -> Adjusted:
    """The estimate beside an unmeasured cause a stated number of times as strong as a covariate.

    Use it to put a robustness value in proportion: is a cause as strong as the strongest thing
    measured enough? The covariate must itself be a cause of exposure and outcome, not an effect.

    Parameters
    ----------
    estimate, std_error, dof : float
        As in `adjusted_for_unmeasured`.
    covariate_exposure : float
        Partial R2 of the covariate with the exposure, given the other covariates.
    covariate_outcome : float
        Partial R2 of the covariate with the outcome, given the exposure and the other covariates.
    times : float
        How many times as strong as the covariate, with the exposure and with the outcome.

    Returns
    -------
    Adjusted

    Raises
    ------
    ModelError
        If a cause that strong would explain more of the exposure than there is, or a share is out
        of its range.

    Notes
    -----
    R2_D = k r_D / (1 - r_D); with e^2 = k r_D^2 / ((1 - k r_D) (1 - r_D)),
    R2_Y = ((sqrt(k) + e) / sqrt(1 - e^2))^2 r_Y / (1 - r_Y), which is 1 at most. r_D and r_Y are
    the covariate's own shares.

    References
    ----------
    Cinelli and Hazlett (2020), Journal of the Royal Statistical Society B 82, section 4.
    """
    if not (0 <= covariate_exposure < 1 and 0 <= covariate_outcome < 1 and times > 0):
        raise ModelError(
            "a share of variance out of its range",
            "benchmark covariate",
            "give partial R2 from 0 to below 1, and a strength above 0",
        )
    with_exposure = times * covariate_exposure / (1 - covariate_exposure)
    left = (1 - times * covariate_exposure) * (1 - covariate_exposure)
    entangled = times * covariate_exposure**2 / left if left > 0 else np.inf
    if with_exposure >= 1 or entangled >= 1:
        raise ModelError(
            f"a cause {times:g} times as strong as the covariate cannot be",
            "benchmark covariate",
            "it would explain all of the exposure: ask for a weaker one",
        )
    reach = (np.sqrt(times) + np.sqrt(entangled)) ** 2 / (1 - entangled)
    with_outcome = min(1.0, float(reach * covariate_outcome / (1 - covariate_outcome)))
    return adjusted_for_unmeasured(estimate, std_error, dof, with_exposure, with_outcome)


def joint_bounding_factor(adjusted: float, unadjusted: float) -> float:
    """By how much leaving a measured covariate out multiplies the risk ratio.

    Use it beside the E-value: to explain an association away an unmeasured cause has to multiply
    the risk ratio by as much as the ratio itself, and here is what a measured one does. What a
    cause of given strengths can do at most is `bias_factor`.

    Parameters
    ----------
    adjusted, unadjusted : float
        Risk ratios of the same change of the exposure, with and without the covariate.

    Returns
    -------
    float
        1 or more, whichever way the covariate moves the ratio.

    Raises
    ------
    ModelError
        If a ratio is not above 0.

    References
    ----------
    Ding and VanderWeele (2016), Epidemiology 27.

    Examples
    --------
    >>> joint_bounding_factor(1.5, 1.8), joint_bounding_factor(1.8, 1.5)
    (1.2, 1.2)
    """
    if not (0 < adjusted < np.inf and 0 < unadjusted < np.inf):
        raise ModelError(
            "no risk ratio above 0", "joint_bounding_factor", "give ratios of risks above 0"
        )
    return max(adjusted, unadjusted) / min(adjusted, unadjusted)


@dataclass(frozen=True)
class TwoRegressions:
    """A linear model without and with its covariates.

    Attributes
    ----------
    short_estimate, short_r2 : float
        The exposure's coefficient and the R2, without covariates.
    long_estimate, long_r2 : float
        The same with them.
    outcome_variance, exposure_variance : float
        With n below the line.
    residual_variance : float
        Of the exposure given the covariates, with n below the line.
    """

    short_estimate: float
    short_r2: float
    long_estimate: float
    long_r2: float
    outcome_variance: float
    exposure_variance: float
    residual_variance: float


@dataclass(frozen=True)
class Selection:
    """How selection on what is not measured would have to compare with that on what is.

    Attributes
    ----------
    r2_max : float
        Share of the outcome that all causes together would explain.
    delta : float
        How many times as strong the unmeasured causes would have to be as the measured ones for
        the true coefficient to be zero.
    estimate : float
        The coefficient where they are exactly as strong: the root nearer to the adjusted estimate.
    other_estimate : float
        The other root, for where the unmeasured causes turn the sign of the covariates' bias.
    simple_delta, simple_estimate : float
        The same by the proportional rule, which holds only where the exposure hardly depends on
        the covariates.
    """

    r2_max: float
    delta: float
    estimate: float
    other_estimate: float
    simple_delta: float
    simple_estimate: float


def selection_on_unmeasured(fits: TwoRegressions, r2_max: float | None = None) -> Selection:
    """Compare what the covariates do to the coefficient and to R2, after Oster.

    Use it on linear models without weights whose covariates stand for what was not measured. It
    says nothing where the covariates are not such a sample.

    Parameters
    ----------
    fits : TwoRegressions
    r2_max : float, optional
        Above the longer model's R2; 1.3 times that, and 1 at most, when left out.

    Returns
    -------
    Selection

    Raises
    ------
    ModelError
        If the covariates do not change the coefficient or do not raise R2, or `r2_max` is not
        above it.

    Notes
    -----
    With d = b0 - b1, s the exposure's variance, t its residual variance, v = b1 - b*,
    M = (r2_max - R1) var(y) and m = (R1 - R0) var(y) t:

    delta(b*) = (v m + v s t d^2 + 2 v^2 t d s + v^3 (t s - t^2))
    / (M d s + v M (s - t) + v^2 t d s + v^3 (t s - t^2)).

    The coefficient at delta = 1 solves the quadratic that is left when the cubic terms cancel; its
    roots have opposite signs.

    References
    ----------
    Oster (2019), Journal of Business and Economic Statistics 37, propositions 2 and 3.
    """
    top = min(1.0, USUAL_SHARE * fits.long_r2) if r2_max is None else r2_max
    moved, gained = fits.short_estimate - fits.long_estimate, fits.long_r2 - fits.short_r2
    if not (moved != 0 and gained > 0 and fits.long_r2 < top <= 1):
        raise ModelError(
            "the covariates tell nothing about what is not measured",
            "selection_on_unmeasured",
            "they must change the coefficient and raise R2, and r2_max lie above it, 1 at most",
        )
    roots = _equal_selection(fits, top)
    order = np.argsort(np.abs(roots))
    share = (top - fits.long_r2) / gained
    return Selection(
        r2_max=top,
        delta=_delta(fits, top, fits.long_estimate),
        estimate=fits.long_estimate - float(roots[order[0]]),
        other_estimate=fits.long_estimate - float(roots[order[1]]),
        simple_delta=fits.long_estimate / (moved * share),
        simple_estimate=fits.long_estimate - moved * share,
    )


def _delta(fits: TwoRegressions, top: float, v: float) -> float:
    """The strength of selection at which the true coefficient is v below the adjusted one."""
    d, s, t = (
        fits.short_estimate - fits.long_estimate,
        fits.exposure_variance,
        fits.residual_variance,
    )
    gained = (fits.long_r2 - fits.short_r2) * fits.outcome_variance * t
    unmeasured = (top - fits.long_r2) * fits.outcome_variance
    cubic = v**3 * (t * s - t**2)
    above = v * gained + v * s * t * d**2 + 2 * v**2 * t * d * s + cubic
    below = unmeasured * d * s + v * unmeasured * (s - t) + v**2 * t * d * s + cubic
    return above / below


def _equal_selection(fits: TwoRegressions, top: float) -> np.ndarray:
    """Both biases, adjusted less true coefficient, at which delta is 1."""
    d, s, t = (
        fits.short_estimate - fits.long_estimate,
        fits.exposure_variance,
        fits.residual_variance,
    )
    gained = (fits.long_r2 - fits.short_r2) * fits.outcome_variance * t
    unmeasured = (top - fits.long_r2) * fits.outcome_variance
    return np.roots([t * d * s, gained + s * t * d**2 - unmeasured * (s - t), -unmeasured * d * s])


def _refuse_dof(dof: float, least: float) -> None:
    if not least < dof < np.inf:
        raise ModelError(
            "too few degrees of freedom",
            "a linear model's coefficient",
            f"give its residual degrees of freedom, above {least:g}",
        )
