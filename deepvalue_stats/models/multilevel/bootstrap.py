"""The parametric bootstrap: outcomes drawn from a fit, and its model fitted to each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numba
import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.fit import ModelFit
from deepvalue_stats.models.multilevel.boundary import LOSS, ROUNDING
from deepvalue_stats.models.multilevel.compare import as_multilevel, pair_fits
from deepvalue_stats.models.multilevel.engine import Lambdas
from deepvalue_stats.models.multilevel.random import Factor
from deepvalue_stats.models.multilevel.refit import Drawn, Refit, Refitter, as_fit, refitter
from deepvalue_stats.models.multilevel.threads import few_threads
from deepvalue_stats.tables import LEVEL

if TYPE_CHECKING:
    from deepvalue_stats.models.multilevel.fit import MultilevelFit

T = TypeVar("T")
Statistic = Callable[[Any], "float | np.ndarray | pd.Series"]
# layers of threads that kernels may be called on from several threads at once
SHARED_LAYERS = ("omp", "tbb")
FEWEST = 19
# what intervals rest on must be most of the replicates
MOST_FAILED = 0.5


@dataclass(frozen=True)
class BootstrapResult:
    """Refits to outcomes drawn from a fit.

    Attributes
    ----------
    estimate, error : pandas.Series
        Of the fit itself: coefficients, standard deviations and what `statistic` gave; standard
        errors of coefficients.
    estimates : pandas.DataFrame, n rows
        The same of every refit; not a number where it failed.
    errors : pandas.DataFrame, n rows
        Standard errors of coefficients in every refit.
    theta : numpy.ndarray, shape (n, k)
    status : pandas.Series of str
        ok, not_converged, separated, or constant (the outcome drawn was the same in all rows).
    singular : numpy.ndarray of bool, shape (n,)
        Whether a variance was zero, or a correlation one: such refits are sound.
    """

    estimate: pd.Series
    error: pd.Series
    estimates: pd.DataFrame
    errors: pd.DataFrame
    theta: np.ndarray
    status: pd.Series
    singular: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        """How many outcomes were drawn, and how many refits were found, failed, were singular."""
        found = int((self.status == "ok").sum())
        return {
            "drawn": len(self.status),
            "found": found,
            "failed": len(self.status) - found,
            "singular": int(self.singular.sum()),
        }

    def conf_int(
        self, kind: Literal["percentile", "studentized"] = "percentile", level: float = LEVEL
    ) -> pd.DataFrame:
        """Intervals by name: estimate, conf_low, conf_high, and the refits they rest on.

        Parameters
        ----------
        kind : str
            percentile: quantiles of the estimates. studentized: of coefficients only, estimate
            less standard error times quantiles of (refit - estimate) / its standard error.
        level : float

        Raises
        ------
        ModelError
            If the kind or level is unknown, or fewer than half of the refits were found.

        References
        ----------
        Davison and Hinkley (1997), Bootstrap Methods and their Application, sections 5.2.1 and
        5.3.1 (equation 2.10 for the quantiles: the k-th of R draws is that of k / (R + 1)).
        """
        if kind not in ("percentile", "studentized") or not 0 < level < 1:
            raise ModelError(
                f"no interval of kind '{kind}' and level {level}",
                "conf_int",
                "use percentile or studentized, and a level between 0 and 1",
            )
        found = (self.status == "ok").to_numpy()
        if found.sum() < max(MOST_FAILED * len(found), 2):
            raise ModelError(
                f"{len(found) - int(found.sum())} of {len(found)} refits failed",
                "bootstrap",
                "simplify the random part: what the model says cannot be fitted again",
            )
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        if kind == "percentile":
            low, high = np.quantile(
                self.estimates[found].to_numpy(), tails, axis=0, method="weibull"
            )
            frame = pd.DataFrame({"estimate": self.estimate, "conf_low": low, "conf_high": high})
        else:
            own, error = self.estimate[self.error.index], self.error
            ratio = (self.estimates[found][error.index] - own) / self.errors[found]
            low, high = np.quantile(ratio.to_numpy(), tails, axis=0, method="weibull")
            frame = pd.DataFrame(
                {"estimate": own, "conf_low": own - high * error, "conf_high": own - low * error}
            )
        return frame.assign(refits=int(found.sum()))


@dataclass(frozen=True)
class BootstrapTest:
    """A likelihood-ratio test by outcomes drawn from the smaller model.

    Attributes
    ----------
    statistic : float
        Twice the gain in log-likelihood.
    p_value : float
        (1 + draws with at least this gain) / (1 + draws).
    draws : numpy.ndarray, shape (n,)
        Gains under the smaller model; not a number where a refit failed.
    failed : int
        How many of them did.
    reference : str
    """

    statistic: float
    p_value: float
    draws: np.ndarray
    failed: int
    reference: str


def bootstrap_fit(
    fit: MultilevelFit,
    n: int,
    rng: np.random.Generator,
    statistic: Statistic | None = None,
    progress: bool = False,
    workers: int = 1,
) -> BootstrapResult:
    """Draw outcomes from a fit and fit its model to each; see `MultilevelFit.bootstrap`."""
    _refuse(fit, n, workers)
    drawn = Drawn(fit, fit)
    factors = fit.random.design.factors
    names = _names(factors, gaussian=fit.problem is None)
    first = [] if statistic is None else _values(statistic(fit), fit.spec.formula)
    asked = [name for name, _ in first]

    def one(refit: Refitter, seed: np.random.Generator) -> tuple[Refit, np.ndarray]:
        outcome = drawn(seed)
        found = refit(outcome)
        held = np.full(len(asked), np.nan)
        if statistic is not None and found.status == "ok":
            given = _values(statistic(as_fit(fit, found, outcome)), fit.spec.formula)
            held = np.array([value for _, value in given])
        spreads = np.concatenate([found.params, _deviations(found.lambdas, found.sigma), held])
        return found, spreads

    done = _run(one, refitter(fit, fit), rng.spawn(n), progress, workers)
    own = [*fit.params, *_deviations(fit.random.lambdas, fit.sigma), *(value for _, value in first)]
    columns = [*fit.terms, *names, *asked]
    terms = list(fit.terms)
    return BootstrapResult(
        estimate=pd.Series(own, index=columns),
        error=pd.Series(fit.bse, index=terms),
        estimates=pd.DataFrame([held for _, held in done], columns=columns),
        errors=pd.DataFrame([found.errors for found, _ in done], columns=terms),
        theta=np.array([found.theta for found, _ in done]),
        status=pd.Series([found.status for found, _ in done], dtype="str"),
        singular=np.array([found.singular for found, _ in done]),
    )


def bootstrap_test(
    one: MultilevelFit,
    other: ModelFit,
    n: int,
    rng: np.random.Generator,
    progress: bool = False,
    workers: int = 1,
) -> BootstrapTest:
    """Test what the larger of two fits adds; see `MultilevelFit.bootstrap_test`."""
    _refuse(one, n, workers)
    pair = pair_fits(one, other)
    if pair.statistic < -LOSS:
        raise ModelError(
            "the larger model has the lower likelihood", "bootstrap_test", "look at both fits"
        )
    full = as_multilevel(pair.smaller)
    drawn = Drawn(pair.smaller, full)
    small, large = refitter(pair.smaller, full), refitter(pair.larger, pair.larger)

    def gain(both: _Both, seed: np.random.Generator) -> float:
        outcome = drawn(seed)
        below = both.small(outcome).loglik
        above = both.large(outcome).loglik
        if not above >= below - LOSS:
            above = both.large(outcome, cold=True).loglik
        return 2 * (above - below) if above >= below - LOSS else np.nan

    draws = np.array(_run(gain, _Both(small, large), rng.spawn(n), progress, workers))
    known = draws[np.isfinite(draws)]
    statistic = max(pair.statistic, 0.0)
    p_value = (1 + int((known >= statistic - ROUNDING).sum())) / (1 + len(known))
    failed = n - len(known)
    if failed > MOST_FAILED * n:
        raise ModelError(
            f"{failed} of {n} refits failed", "bootstrap_test", "simplify the random part"
        )
    words = f"{len(known)} outcomes drawn from the smaller model"
    reference = f"{words}; {failed} more could not be fitted" if failed else words
    return BootstrapTest(statistic, p_value, draws, failed, reference)


@dataclass(frozen=True)
class _Both:
    small: Refitter
    large: Refitter

    def copy(self) -> _Both:
        return _Both(self.small.copy(), self.large.copy())


def _refuse(fit: MultilevelFit, n: int, workers: int) -> None:
    if not fit.sound:
        raise ModelError(
            f"the optimum of this fit was not found: {fit.convergence.status}",
            fit.spec.formula,
            "draw from fits that converged",
        )
    if n < FEWEST or workers < 1:
        raise ModelError(
            f"{n} draws by {workers} workers",
            "bootstrap",
            f"ask for {FEWEST} draws or more, by 1 worker or more",
        )


def _run(
    task: Callable[[Any, np.random.Generator], T],
    refit: Any,
    seeds: list[np.random.Generator],
    progress: bool,
    workers: int,
) -> list[T]:
    """One task a seed, in their order; every worker has a refitter of its own."""
    done: list[T | None] = [None] * len(seeds)
    workers = min(workers, len(seeds)) if _many_callers() else 1

    def work(first: int, tick: Callable[[], None]) -> None:
        own = refit.copy()
        numba.set_num_threads(1)
        for place in range(first, len(seeds), workers):
            done[place] = task(own, seeds[place])
            tick()

    # replicates are the work to share out, so each stays on one thread
    with few_threads(0), _ticking(len(seeds), progress) as tick:
        if workers == 1:
            work(0, tick)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda first: work(first, tick), range(workers)))
    return [held for held in done if held is not None]


def _many_callers() -> bool:
    """Whether kernels may be called from several threads at once."""
    try:
        return numba.threading_layer() in SHARED_LAYERS
    except ValueError:
        return False


@contextmanager
def _ticking(total: int, shown: bool) -> Iterator[Callable[[], None]]:
    if not shown:
        yield lambda: None
        return
    with import_module("rich.progress").Progress() as bar:
        task = bar.add_task("refits", total=total)
        yield lambda: bar.advance(task)


def _names(factors: tuple[Factor, ...], gaussian: bool) -> list[str]:
    """Of standard deviations, as profile intervals have them."""
    held = [f"{factor.name} sd {name}" for factor in factors for name in factor.names]
    return [*held, "Residual sd"] if gaussian else held


def _deviations(lambdas: Lambdas, sigma: float) -> np.ndarray:
    held = [np.linalg.norm(factor, axis=1) for factor in lambdas]
    return np.concatenate([*held, np.zeros(0) if np.isnan(sigma) else np.array([sigma])])


def _values(given: float | np.ndarray | pd.Series, formula: str) -> list[tuple[str, float]]:
    """What a statistic gave, with names."""
    if isinstance(given, pd.Series):
        return [(str(name), float(value)) for name, value in given.items()]
    values = np.atleast_1d(np.asarray(given, dtype="float64"))
    if values.ndim != 1:
        raise ModelError(
            "the statistic is no number and no row of numbers", formula, "return a float or Series"
        )
    if len(values) == 1:
        return [("statistic", float(values[0]))]
    return [(f"statistic {place}", float(value)) for place, value in enumerate(values, start=1)]
