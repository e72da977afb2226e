"""From estimates to the cells of a table: intervals, p-values, and who stands behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import expit

from deepvalue_stats.effects.delta import Estimates
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import KINDS, LEVEL


@dataclass(frozen=True)
class Inference:
    """Estimates with the standard errors and degrees of freedom that their intervals rest on.

    Attributes
    ----------
    value, std_error : numpy.ndarray, shape (k,)
        On the scale on which intervals are symmetric (of chances: their own).
    dof : float
    """

    value: np.ndarray
    std_error: np.ndarray
    dof: float


def infer(
    estimates: Estimates, fit: ModelFit, terms: np.ndarray, sampling: np.ndarray | None = None
) -> Inference:
    """Standard errors by the delta method, with the joint covariance of a fit.

    Parameters
    ----------
    estimates : Estimates
    fit : ModelFit
        Of a multilevel one with the covariance of variance parameters and coefficients together.
    terms : numpy.ndarray of bool, shape (p,)
        The coefficients by which the estimates move, which decide the degrees of freedom.
    sampling : numpy.ndarray, shape (k, k), optional
        Covariance that the clients' own characteristics add where they are not held fixed.

    Returns
    -------
    Inference
    """
    covariance = estimates.covariance(fit.interval_joint)
    if sampling is not None:
        covariance = covariance + sampling
    return Inference(estimates.value, np.sqrt(np.diag(covariance)), fit.degrees_of(terms))


def cells(found: Inference | None, place: int, scale: str) -> dict[str, object]:
    """The numeric cells of one row, or none where fit or covariance is not sound.

    Parameters
    ----------
    found : Inference or None
        None for a fit that did not settle on an answer.
    place : int
        Which of the estimates.
    scale : str
        Of `KINDS`, but for number needed, which is made from a difference in risk.

    Returns
    -------
    dict
        estimate, std_error, dof, conf_low, conf_high, p_value and status.
    """
    if found is None or not np.isfinite(found.value[place]) or not found.std_error[place] > 0:
        return {"status": "not_converged"}
    value, std_error = float(found.value[place]), float(found.std_error[place])
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, found.dof))
    ends = value + np.array([-1, 0, 1]) * quantile * std_error
    tested = {"p_value": 2 * float(stats.t.sf(abs(value) / std_error, found.dof))}
    scaling = KINDS[scale].scaling
    if scaling == "log":
        ends = np.exp(ends)
    elif scaling == "logit":
        tested = {}
        slope = value * (1 - value)
        center = np.log(value / (1 - value))
        ends = expit(center + np.array([-1, 0, 1]) * quantile * std_error / slope)
    return {
        "status": "ok",
        "estimate": float(ends[1]),
        "std_error": std_error,
        "dof": found.dof,
        "conf_low": float(ends[0]),
        "conf_high": float(ends[2]),
        **tested,
    }


def counts_of(fit: ModelFit, mask: np.ndarray) -> dict[str, object]:
    """How many stand behind an estimate, and how many of them had each outcome.

    Parameters
    ----------
    fit : ModelFit
    mask : numpy.ndarray of bool, shape (n,)
        Which rows of the fit.

    Returns
    -------
    dict
        n_obs, n_clients, n_practitioners (None where practitioners are not known), and the
        clients with either outcome (events, non_events).
    """
    rows = slice(None) if mask.all() else mask
    positive = fit.design.response[rows] == 1
    persons = fit.codes("client")[rows]
    seen, positives = _times(persons), _times(persons, positive)
    known = fit.ids.get("practitioner")
    practitioners = _times(fit.codes("practitioner")[rows]) if known else None
    return {
        "n_obs": len(positive),
        "n_clients": int(np.count_nonzero(seen)),
        "n_practitioners": None if practitioners is None else int(np.count_nonzero(practitioners)),
        "events": int(np.count_nonzero(positives)),
        "non_events": int(np.count_nonzero(seen > positives)),
    }


def clusters_of(fit: ModelFit) -> np.ndarray:
    """Which rows of a fit belong together, as integers from 0, shape (n,).

    The practitioners' where the fit knows them as groups, otherwise those of its first grouping;
    without any every row stands alone.
    """
    if "practitioner" in fit.n_groups:
        return fit.codes("practitioner")
    name = next(iter(fit.spec.groups), "")
    return fit.design.codes(name) if name in fit.design.frame else np.arange(fit.n_obs)


def _times(codes: np.ndarray, counted: np.ndarray | None = None) -> np.ndarray:
    """How often each code occurs, in the rows counted; -1 is nobody known."""
    return np.bincount(codes + 1, weights=counted, minlength=1)[1:]
