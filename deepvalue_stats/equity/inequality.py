"""How unequal outcomes are along confidence, or any other ordered attribute of clients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.effects import average_mean, movable, together
from deepvalue_stats.effects.estimate import Averaged, refuse_unaveraged
from deepvalue_stats.effects.inference import Inference, cells, clusters_of, counts_of, infer
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit
from deepvalue_stats.models.coding import refuse_absent
from deepvalue_stats.tables import KINDS, EffectTable, effect_rows


def ridits(values: np.ndarray) -> np.ndarray:
    """The rank of each client as a share of all, from 0 at the lowest to 1 at the highest.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Ordered: numbers, or codes of bands.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Share of clients below plus half the share of those equal.

    References
    ----------
    Bross (1958), Biometrics 14.

    Examples
    --------
    >>> ridits(np.array([1, 1, 2, 5])).tolist()
    [0.25, 0.25, 0.625, 0.875]
    """
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    return np.asarray((below + counts / 2)[codes] / len(values))


@dataclass(frozen=True)
class Concentration:
    """How an outcome leans towards one end of an order.

    Attributes
    ----------
    index : float
        Below 0: more of it among those low in the order.
    std_error : float
        Of the convenient regression, robust to unequal variances (HC1), or summed by cluster.
    classical_error : float
        Of the same, with one variance for all.
    generalised : float
        Index times the mean.
    erreygers, wagstaff : float
        Corrected for the bounds of the outcome.
    """

    index: float
    std_error: float
    classical_error: float
    generalised: float
    erreygers: float
    wagstaff: float


def concentration_index(
    outcome: np.ndarray,
    ranks: np.ndarray,
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    clusters: np.ndarray | None = None,
) -> Concentration:
    """Measure how an outcome concentrates along an order.

    Parameters
    ----------
    outcome, ranks : numpy.ndarray, shape (n,)
        The second as `ridits` gives it.
    bounds : tuple of float
        Least and greatest value the outcome can have.
    clusters : numpy.ndarray of int, shape (n,), optional
        Codes of the practitioners, whose clients are not independent of each other.

    Returns
    -------
    Concentration

    Raises
    ------
    ModelError
        If the mean is at a bound, or the ranks do not vary.

    Notes
    -----
    C = 2 cov(y, r) / mu, cov with n; E = 4 mu C / (max - min); W = C mu (max - min) / ((max - mu)
    (mu - min)). Standard errors from the regression of 2 var(r) y / mu on r, the mean taken as
    known.

    References
    ----------
    Kakwani, Wagstaff and van Doorslaer (1997), Journal of Econometrics 77; Erreygers (2009),
    Journal of Health Economics 28; Wagstaff (2005), Health Economics 14.
    """
    mean, spread = float(outcome.mean()), float(ranks.var())
    low, high = bounds
    if not (low < mean < high and spread > 0):
        raise ModelError(
            "nothing varies along the order",
            "concentration index",
            "it takes an outcome with both values, and clients of more than one rank",
        )
    index = 2 * float(np.mean((outcome - mean) * (ranks - ranks.mean()))) / mean
    scaled = 2 * spread / mean * outcome
    away = ranks - ranks.mean()
    left = scaled - scaled.mean() - index * away
    n = len(outcome)
    squares = float(away @ away)
    classical = float(np.sqrt(left @ left / (n - 2) / squares))
    if clusters is None:
        robust = float(np.sqrt(n / (n - 2) * ((away * left) ** 2).sum())) / squares
    else:
        sums = np.bincount(clusters, weights=away * left)
        groups = len(sums)
        robust = float(np.sqrt(groups / (groups - 1) * (sums**2).sum())) / squares
    return Concentration(
        index=index,
        std_error=robust,
        classical_error=classical,
        generalised=mean * index,
        erreygers=4 * mean * index / (high - low),
        wagstaff=index * mean * (high - low) / ((high - mean) * (mean - low)),
    )


def concentration(
    fit: ModelFit, column: str, rank: str, *, bounds: tuple[float, float] = (0.0, 1.0)
) -> EffectTable:
    """How an outcome, or who gets a good relationship, leans towards one end of an order.

    Parameters
    ----------
    fit : ModelFit
        On whose rows it is measured; nothing is adjusted for.
    column : str
        What is shared out unequally: a column of the fit's rows.
    rank : str
        The column of `ridits`.
    bounds : tuple of float
        Least and greatest value that the first column can have.

    Returns
    -------
    EffectTable
        concentration_index, where 0 is the least there can be, and erreygers_index; errors summed
        by the groups of `clusters_of`, the mean taken as known. Without a natural
        zero, as of a score from 1 to 5, shares of a total mean nothing.

    Raises
    ------
    ModelError
        If a column is not in the fit, or nothing varies.
    """
    frame = fit.design.frame
    refuse_absent((column, rank), frame, fit.spec.formula)
    groups = clusters_of(fit)
    values = frame[column].to_numpy(dtype="float64")
    known = concentration_index(values, frame[rank].to_numpy(), bounds=bounds, clusters=groups)
    dof = float(groups.max())
    per_index = 4 * float(values.mean()) / (bounds[1] - bounds[0])
    everybody = np.ones(len(frame), dtype=bool)
    return effect_rows(
        {
            "outcome": column,
            "exposure": rank,
            "estimand": "below 0: more of it among those who rank low",
            "scale": scale,
            "contrast": "0 to 1",
            "group": "all",
            "null_value": KINDS[scale].null_value,
            "unit": KINDS[scale].unit,
            **cells(Inference(np.array([value]), np.array([error]), dof), 0, scale),
            **counts_of(fit, everybody),
        }
        for scale, value, error in (
            ("concentration_index", known.index, known.std_error),
            ("erreygers_index", known.erreygers, per_index * known.std_error),
        )
        if scale == "erreygers_index" or bounds[0] == 0
    )


def slope_index(fit: ModelFit, rank: str, *, at: Averaged = "population") -> EffectTable:
    """The slope and the relative index of inequality: the highest rank against the lowest.

    Parameters
    ----------
    fit : ModelFit
        With the ranks of `ridits` among its terms.
    rank : str
        Their column.
    at : str
        As in `effects.average_effect`.

    Returns
    -------
    EffectTable
        slope_index, the mean chance with everybody at rank 1 less that with everybody at rank 0,
        all else as it is; relative_index, the ratio of the two.

    Raises
    ------
    ModelError
        If the column is not in the fit, or as `effects.average_effect`.

    References
    ----------
    Mackenbach and Kunst (1997), Social Science and Medicine 44, with standardised chances.
    """
    refuse_unaveraged(fit, at)
    frame = fit.design.frame
    if rank not in frame:
        raise ModelError(
            f"the fit has no column '{rank}'", fit.spec.formula, "name the column of ranks"
        )
    found = {}
    if fit.convergence.status == "ok":
        rows = movable(fit, rank, at)
        top, bottom = rows.set_to(1.0), rows.set_to(0.0)
        terms = top.terms_moved(bottom)
        chances = together([average_mean(fit.link, end) for end in (top, bottom)])
        against = np.array([[1.0, -1.0]])
        found = {
            scale: infer(one.combine(against), fit, terms)
            for scale, one in (("slope_index", chances), ("relative_index", chances.logs()))
        }
    return effect_rows(
        {
            "outcome": fit.design.outcome,
            "exposure": rank,
            "estimand": "everybody at the highest rank, against everybody at the lowest",
            "scale": scale,
            "contrast": "0 to 1",
            "group": "all",
            "null_value": KINDS[scale].null_value,
            "unit": KINDS[scale].unit,
            **cells(found.get(scale), 0, scale),
            **counts_of(fit, np.ones(len(frame), dtype=bool)),
        }
        for scale in ("slope_index", "relative_index")
    )
