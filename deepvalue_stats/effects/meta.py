"""Effects of several groups side by side: pooled, and whether they are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import optimize, stats

from deepvalue_stats.effects.contrast import Contrast
from deepvalue_stats.effects.estimate import average_effect, group_masks
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import COUNTS, LEVEL, NUMERIC, EffectTable, stack

# a prediction interval for a new group means nothing below this many
FEWEST_TO_PREDICT = 5


@dataclass(frozen=True)
class MetaAnalysis:
    """Effects of k groups as draws from a normal distribution of effects.

    Attributes
    ----------
    estimate, std_error : float
        Mean effect, with the error of Hartung, Knapp, Sidik and Jonkman.
    dof : float
        k - 1.
    conf_low, conf_high : float
    p_value : float
    tau : float
        Standard deviation of the effects between groups, by restricted maximum likelihood.
    q, q_p_value : float
        Cochran's test that the effects are one. That it does not reject shows nothing.
    i_squared : float
        Share of the variance of the estimates that is heterogeneity.
    predict_low, predict_high : float or None
        Where the effect in a further group would lie; None below five groups.
    """

    estimate: float
    std_error: float
    dof: float
    conf_low: float
    conf_high: float
    p_value: float
    tau: float
    q: float
    q_p_value: float
    i_squared: float
    predict_low: float | None
    predict_high: float | None


def random_effects(estimates: np.ndarray, std_errors: np.ndarray) -> MetaAnalysis:
    """Pool the effects of several groups, as different as they may be.

    Parameters
    ----------
    estimates, std_errors : numpy.ndarray, shape (k,)
        Of two groups or more, independent of each other.

    Returns
    -------
    MetaAnalysis

    Raises
    ------
    ModelError
        With fewer than two groups, a standard error that is not above 0, or estimates that are
        missing or all the same number.

    Notes
    -----
    With w = 1 / (s^2 + tau^2), the variance of the mean is sum w (y - mu)^2 / ((k - 1) sum w), but
    never below the usual 1 / sum w, with a t of k - 1 degrees of freedom. Without that floor few
    groups that happen to agree have an interval that is too short: of three unequal ones it held
    the mean in .855 of 4,000 draws, with it in .949. The prediction interval is mu +- t(k - 2)
    sqrt(tau^2 + variance).

    References
    ----------
    Viechtbauer (2005), Journal of Educational and Behavioral Statistics 30, for REML; Hartung and
    Knapp (2001), Statistics in Medicine 20; Roever, Knapp and Friede (2015), BMC Medical Research
    Methodology 15, for the floor; Sidik and Jonkman (2002), Statistics in Medicine 21;
    Higgins, Thompson and Spiegelhalter (2009), Journal of the Royal Statistical Society A 172.
    """
    k = len(estimates)
    sound = np.isfinite(estimates) & np.isfinite(std_errors) & (std_errors > 0)
    if k < 2 or not sound.all():
        raise ModelError(
            "too few groups, or one without a standard error",
            f"{k} groups",
            "give two groups or more, each with an estimate and a standard error above 0",
        )
    if np.ptp(estimates) == 0:
        raise ModelError(
            "the groups' estimates are one number, not estimates from groups of their own",
            f"{k} groups",
            "give the effect in each group as its own rows have it",
        )
    variances = std_errors**2
    tau2 = _restricted_variance(estimates, variances)
    weights = 1 / (variances + tau2)
    mean = float(weights @ estimates / weights.sum())
    spread = float(weights @ (estimates - mean) ** 2) / (k - 1)
    variance = max(spread, 1.0) / float(weights.sum())
    std_error = float(np.sqrt(variance))
    half = float(stats.t.ppf((1 + LEVEL) / 2, k - 1)) * std_error
    fixed = 1 / variances
    q = float(fixed @ (estimates - fixed @ estimates / fixed.sum()) ** 2)
    typical = (k - 1) * fixed.sum() / (fixed.sum() ** 2 - (fixed**2).sum())
    low = high = None
    if k >= FEWEST_TO_PREDICT:
        reach = float(stats.t.ppf((1 + LEVEL) / 2, k - 2) * np.sqrt(tau2 + variance))
        low, high = mean - reach, mean + reach
    return MetaAnalysis(
        estimate=mean,
        std_error=std_error,
        dof=float(k - 1),
        conf_low=mean - half,
        conf_high=mean + half,
        p_value=2 * float(stats.t.sf(abs(mean) / std_error, k - 1)),
        tau=float(np.sqrt(tau2)),
        q=q,
        q_p_value=float(stats.chi2.sf(q, k - 1)),
        i_squared=float(tau2 / (tau2 + typical)),
        predict_low=low,
        predict_high=high,
    )


def _restricted_variance(estimates: np.ndarray, variances: np.ndarray) -> float:
    """The tau^2 at which the restricted likelihood is highest, nought included."""
    spread = float(np.var(estimates, ddof=1))

    def minus_loglik(tau2: float) -> float:
        weights = 1 / (variances + tau2)
        mean = weights @ estimates / weights.sum()
        return float(
            np.log(variances + tau2).sum()
            + np.log(weights.sum())
            + weights @ (estimates - mean) ** 2
        )

    # several starts: the restricted likelihood of few groups can have two tops
    ceiling = 4 * spread + float(variances.max())
    grid = np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 60) * ceiling])
    values = [minus_loglik(tau2) for tau2 in grid]
    best = int(np.argmin(values))
    around = (float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)]))
    found = optimize.minimize_scalar(
        minus_loglik, bounds=around, method="bounded", options={"xatol": 1e-12 * ceiling}
    )
    inside = float(found.x)
    return inside if minus_loglik(inside) < min(values[0], values[best]) else float(grid[best])


@dataclass(frozen=True)
class Pair:
    """The difference between two groups' effects.

    Attributes
    ----------
    plus, minus : str
    difference, std_error, dof : float
    """

    plus: str
    minus: str
    difference: float
    std_error: float
    dof: float


def pairs_of(
    names: Sequence[str], estimates: np.ndarray, covariance: np.ndarray, dof: float
) -> tuple[Pair, ...]:
    """Every pair of groups, later less earlier.

    Parameters
    ----------
    names : sequence of str
        k groups.
    estimates : numpy.ndarray, shape (k,)
    covariance : numpy.ndarray, shape (k, k)
        Diagonal for groups with fits of their own.
    dof : float
    """
    return tuple(
        Pair(
            names[j],
            names[i],
            float(estimates[j] - estimates[i]),
            float(np.sqrt(covariance[i, i] + covariance[j, j] - 2 * covariance[i, j])),
            dof,
        )
        for i, j in combinations(range(len(names)), 2)
    )


def effect_by_area(fit: ModelFit, exposure: str, by: str, *, contrast: Contrast) -> EffectTable:
    """The effect in each service area from one model, every pair of areas, and the mean effect.

    Parameters
    ----------
    fit : ModelFit
        Of all areas together, with the exposure free to differ by area.
    exposure, by : str
        Columns; `by` holds the areas.
    contrast : Contrast
        The unit.

    Returns
    -------
    EffectTable
        A row an area; a row `b minus a` for each pair; and `mean of areas`, a random-effects
        mean over areas (see `random_effects`) with `where a further one may lie` from five on.

    Raises
    ------
    ModelError
        As `average_effect`; or with fewer than two areas.
    """
    names = list(group_masks(fit.design.frame, by))
    if len(names) < 2:
        raise ModelError(
            "there is nothing to compare", by, "C4 needs rows of two service areas or more"
        )
    tables = [average_effect(fit, exposure, contrast=contrast, by=by)]
    for place, name in enumerate(names[:-1]):
        table = average_effect(fit, exposure, contrast=contrast, by=by, reference=name)
        tables.append(
            table.where(group=tuple(f"{later} minus {name}" for later in names[place + 1 :]))
        )
    tables.append(_mean_of_areas(tables[0]))
    return stack(tables)


def _mean_of_areas(areas: EffectTable) -> EffectTable:
    frame = areas.frame
    row = frame.iloc[[0]].assign(
        group="mean of areas",
        estimand=f"random-effects mean over {len(frame)} areas of the {frame['estimand'].iloc[0]}",
        n_obs=frame["n_obs"].sum(),
        n_clients=frame["n_clients"].sum(),
        n_practitioners=frame["n_practitioners"].sum(min_count=1),
        status="ok" if frame["status"].eq("ok").all() else "not_converged",
    )
    row = row.astype(dict.fromkeys(COUNTS, "Int64"))
    row[list(NUMERIC)] = np.nan
    evidence = None if areas.evidence is None else areas.evidence.sum().to_frame().T
    if row["status"].item() != "ok":
        return EffectTable(row, evidence)
    found = random_effects(frame["estimate"].to_numpy(), frame["std_error"].to_numpy())
    for name in ("estimate", "std_error", "dof", "conf_low", "conf_high", "p_value"):
        row[name] = getattr(found, name)
    rows = [EffectTable(row, evidence)]
    if found.predict_low is not None:
        reach = row.assign(
            group="where a further area may lie",
            dof=found.dof - 1,
            conf_low=found.predict_low,
            conf_high=found.predict_high,
            std_error=np.nan,
            p_value=np.nan,
        )
        rows.append(EffectTable(reach, evidence))
    return stack(rows)
