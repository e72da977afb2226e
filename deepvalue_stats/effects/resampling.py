"""Intervals of any effect by resampling whole clusters, or by drawing parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit
from deepvalue_stats.models.multilevel.fit import MultilevelFit
from deepvalue_stats.models.multilevel.lambdas import as_lambdas
from deepvalue_stats.models.refitting import grouping_columns, refit
from deepvalue_stats.tables import KINDS, LEVEL, EffectTable

Effect = Callable[[ModelFit], EffectTable]
# what makes a row of one table the same row of another
# pieces of work for each process
PIECES = 8
IDENTITY = ["outcome", "exposure", "scale", "group"]
# a larger share of draws without an answer leaves a selection of the draws, not a distribution
MOST_FAILED = 0.1


def cluster_bootstrap(
    effect: Effect,
    fit: ModelFit,
    *,
    cluster: str,
    n: int = 999,
    rng: np.random.Generator,
    workers: int = 1,
    progress: bool = False,
) -> EffectTable:
    """Intervals of an effect from fits to resampled clusters.

    For effects whose sampling distribution is far from normal, and to check the delta method. Not
    for fewer than about thirty clusters: it is then too narrow.

    Parameters
    ----------
    effect : callable, from a ModelFit to an EffectTable
        Any function of this package with its options filled in. A unit of one SD is worked out
        anew in every draw; a `Contrast` of stated size is not.
    fit : ModelFit
    cluster : str
        Column of the clusters, the highest level at which rows depend on each other.
    n : int
        Draws; 999 for percentiles.
    rng : numpy.random.Generator
    workers : int
        Processes; the numbers are the same with any number of them.
    progress : bool
        Show a bar.

    Returns
    -------
    EffectTable
        That of `effect` with percentile intervals, the SD of the draws as `std_error` (of ratios
        on the log scale) and p-values from the share of draws beyond the null value.

    Raises
    ------
    ModelError
        If more than a tenth of the draws have no answer, the rows have one cluster only, or a row
        is a number needed.

    Notes
    -----
    A cluster drawn twice counts as two, and so does every group that lies within it. The limits
    are the (n + 1) a-th ordered draws.

    References
    ----------
    Davison and Hinkley (1997), Bootstrap Methods and their Application, sections 3.8 and 5.3;
    Field and Welsh (2007), Journal of the Royal Statistical Society B 69.
    """
    frame = fit.design.frame
    rows = _rows_of(frame, cluster)
    inside = _nested(frame, (cluster, *grouping_columns(fit)), cluster)

    def draw(source: np.random.Generator) -> EffectTable:
        return effect(refit(fit, _resampled(frame, rows, inside, source)))

    return _interval(
        effect(fit), _drawn(draw, rng.spawn(n), workers, progress), "cluster bootstrap"
    )


def simulated(
    effect: Effect, fit: ModelFit, *, n: int = 1000, rng: np.random.Generator
) -> EffectTable:
    """Intervals of an effect from parameters drawn about those of a fit.

    For effects that bend over the range of the parameters, at a small part of the cost of a
    bootstrap. It relies on the fit's covariance, as the delta method does.

    Parameters
    ----------
    effect : callable, from a ModelFit to an EffectTable
    fit : ModelFit
    n : int
        Draws.
    rng : numpy.random.Generator

    Returns
    -------
    EffectTable
        As of `cluster_bootstrap`.

    Raises
    ------
    ModelError
        If the fit has no covariance, or as `cluster_bootstrap`.

    Notes
    -----
    Draws (theta, b) from N((theta, b) of the fit, its joint covariance); covariates are held fixed.

    References
    ----------
    King, Tomz and Wittenberg (2000), American Journal of Political Science 44: 347-361.
    """
    covariance = fit.interval_joint
    if not np.isfinite(covariance).all():
        raise ModelError(
            "the fit has no covariance to draw from", fit.spec.formula, "use inference='z'"
        )
    center = np.concatenate([fit.theta, fit.params])
    draws = rng.multivariate_normal(center, covariance, size=n, method="eigh")

    def draw(parameters: np.ndarray) -> EffectTable:
        return effect(moved(fit, parameters))

    return _interval(effect(fit), [_try(partial(draw, one)) for one in draws], "simulation")


def moved(fit: ModelFit, parameters: np.ndarray) -> ModelFit:
    """A fit with other parameters and nothing else changed, to ask effects of.

    Parameters
    ----------
    fit : ModelFit
    parameters : numpy.ndarray, shape (k + p,)
        Variance parameters, if there are any, and then coefficients.

    Returns
    -------
    ModelFit
        Its covariance is still that of `fit`, and so are its conditional modes.
    """
    k = len(fit.theta)
    theta, params = parameters[:k], parameters[k:]
    if not isinstance(fit, MultilevelFit):
        return replace(fit, params=params)
    scale = fit.sigma if fit.spec.family == "gaussian" else 1.0
    lambdas = as_lambdas(fit.random.design.factors, theta)
    held = tuple(scale * one for one in lambdas)
    # the normal distribution, for the restricted variance would be sought again at every draw
    return replace(
        fit, params=params, theta=theta, random=replace(fit.random, lambdas=held), inference="z"
    )


def _rows_of(frame: pd.DataFrame, cluster: str) -> list[np.ndarray]:
    """Row numbers of every cluster."""
    if cluster not in frame:
        raise ModelError(f"the fit has no column '{cluster}'", "cluster", "name one of its data")
    codes = pd.factorize(frame[cluster])[0]
    if codes.min() < 0 or codes.max() < 1:
        raise ModelError(
            f"'{cluster}' is missing in some rows, or the same in all", "cluster", "name another"
        )
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def _nested(frame: pd.DataFrame, names: tuple[str, ...], cluster: str) -> tuple[str, ...]:
    """The columns whose groups lie within one cluster each."""
    return tuple(
        name
        for name in dict.fromkeys(names)
        if (frame.groupby(name, observed=True)[cluster].nunique() <= 1).all()
    )


def _resampled(
    frame: pd.DataFrame,
    rows: list[np.ndarray],
    inside: tuple[str, ...],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Rows of as many clusters, drawn with replacement, with names of their own."""
    drawn = [rows[place] for place in rng.integers(len(rows), size=len(rows))]
    taken = frame.iloc[np.concatenate(drawn)].reset_index(drop=True)
    copy = np.repeat(np.arange(len(drawn)), [len(part) for part in drawn])
    named = {name: _renamed(taken[name], copy) for name in inside}
    return taken.assign(**named)


def _renamed(labels: pd.Series, copy: np.ndarray) -> pd.Series:
    """Labels that differ between copies; what is missing stays so."""
    names = labels.astype("str") + "/" + pd.Series(copy, index=labels.index).astype("str")
    return names.where(labels.notna(), None)


def _drawn(
    draw: Callable[[np.random.Generator], EffectTable],
    seeds: list[np.random.Generator],
    workers: int,
    progress: bool,
) -> list[EffectTable | None]:
    """One table a seed, in their order."""
    # loaded where draws are asked for: effects by the delta method need neither
    import joblib
    from rich.progress import Progress

    # the fit travels with every piece of work, so that pieces are few
    size = max(1, len(seeds) // (PIECES * workers))
    pieces = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    work = joblib.delayed(lambda some: [_try(partial(draw, one)) for one in some])
    tables: list[EffectTable | None] = []
    with Progress(disable=not progress) as bar:
        task = bar.add_task("draws", total=len(seeds))
        pool = joblib.Parallel(n_jobs=workers, return_as="generator")
        for done in pool(work(some) for some in pieces):
            tables += done
            bar.advance(task, len(done))
    return tables


def _try(evaluate: Callable[[], EffectTable]) -> EffectTable | None:
    """The effect of a draw, or None: rows that cannot be fitted are counted, not fatal."""
    try:
        return evaluate()
    except (ModelError, np.linalg.LinAlgError):
        return None


def _interval(found: EffectTable, tables: list[EffectTable | None], how: str) -> EffectTable:
    """The table with intervals from those of the draws."""
    frame = found.frame.copy()
    if (frame["scale"] == "number_needed").any():
        raise ModelError(
            "a number needed has no distribution: it passes through infinity",
            how,
            "resample the difference in risk, and turn its limits over",
        )
    sound = (frame["status"] == "ok").to_numpy()
    draws = [_values(table, found, sound) for table in tables]
    kept = np.array([values for values in draws if values is not None])
    failed = len(draws) - len(kept)
    if failed > MOST_FAILED * len(draws):
        raise ModelError(
            f"{failed} of {len(draws)} draws have no answer",
            how,
            "the model is too rich for its clusters: use fewer terms or groups",
        )
    places = np.flatnonzero(sound)
    for column, place in enumerate(places):
        cells = _summary(kept[:, column], str(frame["scale"].iloc[place]))
        for name, value in cells.items():
            frame.loc[frame.index[int(place)], name] = value
    told = f", {how} of {len(kept)} draws" + (f", {failed} without an answer" if failed else "")
    frame["estimand"] = frame["estimand"].astype("str") + told
    return EffectTable(frame, found.evidence)


def _values(table: EffectTable | None, found: EffectTable, sound: np.ndarray) -> np.ndarray | None:
    """The estimates of a draw, row for row with those of the fit."""
    if table is None or not table.frame[IDENTITY].equals(found.frame[IDENTITY]):
        return None
    values = table.frame["estimate"].to_numpy(dtype="float64")[sound]
    return values if np.isfinite(values).all() else None


def _summary(draws: np.ndarray, scale: str) -> dict[str, float]:
    """Percentile interval, standard error and p-value of one effect."""
    kind = KINDS[scale]
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="weibull")
    beyond = min((draws <= kind.null_value).sum(), (draws >= kind.null_value).sum())
    p_value = min(1.0, 2 * float(beyond + 1) / (len(draws) + 1))
    return {
        "std_error": float((np.log(draws) if kind.scaling == "log" else draws).std(ddof=1)),
        "dof": np.inf,
        "conf_low": float(low),
        "conf_high": float(high),
        "p_value": np.nan if np.isnan(kind.null_value) else p_value,
        # a family is adjusted for after its intervals are had
        "p_adjusted": np.nan,
    }
