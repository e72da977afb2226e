"""A fitted multilevel model: what it estimated, and what can be asked of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.fit import At, ModelFit
from deepvalue_stats.models.link import LOGIT
from deepvalue_stats.models.multilevel.averaging import average
from deepvalue_stats.models.multilevel.bootstrap import (
    BootstrapResult,
    BootstrapTest,
    bootstrap_fit,
    bootstrap_test,
)
from deepvalue_stats.models.multilevel.boundary import LikelihoodRatio
from deepvalue_stats.models.multilevel.compare import compare_fits
from deepvalue_stats.models.multilevel.doubts import LaplaceCheck
from deepvalue_stats.models.multilevel.engine import Lambdas
from deepvalue_stats.models.multilevel.gaussian import LinearSolution
from deepvalue_stats.models.multilevel.plain import LATENT_VARIANCE, plain_terms
from deepvalue_stats.models.multilevel.problem import Problem
from deepvalue_stats.models.multilevel.profile import profile, surface_of
from deepvalue_stats.models.multilevel.profile_linear import linear_surface
from deepvalue_stats.models.multilevel.random import RandomDesign, RandomRecord
from deepvalue_stats.models.multilevel.refit import linear_rows
from deepvalue_stats.models.multilevel.restricted import Restricted, restrict
from deepvalue_stats.models.multilevel.solve import Solution
from deepvalue_stats.models.multilevel.threads import few_threads
from deepvalue_stats.models.student import t_quantile, two_sided
from deepvalue_stats.tables import LEVEL


@dataclass(frozen=True)
class RandomPart:
    """The random effects of a fit, in the units of the data.

    Attributes
    ----------
    design : RandomDesign
        Codes and effect columns of the fit's rows.
    record : RandomRecord
        Rebuilds them on other rows.
    lambdas : tuple of numpy.ndarray, shape (q, q) each
        Lower triangular; Lambda Lambda' is the covariance of a group's effects.
    modes : tuple of (numpy.ndarray, numpy.ndarray), shapes (J, q) and (J, q, q)
        Conditional modes of every group's effects, and their conditional covariance.
    """

    design: RandomDesign
    record: RandomRecord
    lambdas: Lambdas
    modes: tuple[tuple[np.ndarray, np.ndarray], ...]

    def spread(self, design: RandomDesign, unknown_only: bool = False) -> np.ndarray:
        """Variance of the random part of every row's predictor, shape (n,).

        Parameters
        ----------
        design : RandomDesign
            Rows, those of the fit or others.
        unknown_only : bool
            Count only groups whose effects the fit has not seen.
        """
        total = np.zeros(design.columns.shape[1])
        for factor, held in zip(design.factors, self.lambdas, strict=True):
            effects = held.T @ design.columns[list(factor.columns)]
            variance = np.einsum("qn,qn->n", effects, effects)
            codes = factor.codes.reshape(len(total), -1)
            shares = np.ones(codes.shape) if factor.shares is None else factor.shares
            counted = shares**2 * ((codes < 0) if unknown_only else 1)
            total += variance * counted.sum(axis=1)
        return total

    def known(self, design: RandomDesign) -> np.ndarray:
        """What the modes of known groups add to every row's predictor, shape (n,)."""
        total = np.zeros(design.columns.shape[1])
        for factor, (modes, _) in zip(design.factors, self.modes, strict=True):
            codes = factor.codes.reshape(len(total), -1)
            shares = np.ones(codes.shape) if factor.shares is None else factor.shares
            columns = design.columns[list(factor.columns)]
            for place in range(codes.shape[1]):
                seen = codes[:, place] >= 0
                effects = modes[codes[seen, place]]
                added = np.einsum("qn,nq->n", columns[:, seen], effects)
                total[seen] += shares[seen, place] * added
        return total


@dataclass(frozen=True, kw_only=True)
class MultilevelFit(ModelFit):
    """A fitted multilevel model.

    Attributes
    ----------
    theta : numpy.ndarray, shape (k,)
        Free entries of every factor's lower triangular Lambda, column by column; of a gaussian
        model in units of the residual standard deviation.
    sigma : float
        Residual standard deviation; NaN for a binomial model.
    joint : numpy.ndarray, shape (k + p, k + p)
        Covariance of theta and coefficients; zero for a theta on its boundary.
    degrees : numpy.ndarray, shape (p,)
        Degrees of freedom of each coefficient's reference t distribution.
    random : RandomPart
    inference : str
        t or z; see `fit_multilevel`.
    restricted_likelihood : bool
        Whether `loglik` is the restricted one (REML) of a gaussian model.
    offset : str
        Column added to the linear predictor; empty for none.
    weights : str
        Column of trials, or of a gaussian model's precisions; empty for none.
    laplace : LaplaceCheck or None
        How far the Laplace approximation may be trusted; None for a gaussian model.
    """

    theta: np.ndarray
    sigma: float
    joint: np.ndarray
    degrees: np.ndarray
    random: RandomPart
    inference: Literal["t", "z"]
    offset: str
    weights: str
    restricted_likelihood: bool
    laplace: LaplaceCheck | None
    problem: Problem | None
    solution: Solution | LinearSolution

    @property
    def aic(self) -> float:
        """Akaike's criterion, variance parameters counted."""
        return 2 * self._n_parameters - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion over rows, variance parameters counted."""
        return float(np.log(self.n_obs)) * self._n_parameters - 2 * self.loglik

    @property
    def _n_parameters(self) -> int:
        return len(self.params) + len(self.theta) + (0 if np.isnan(self.sigma) else 1)

    @property
    def sound(self) -> bool:
        """Whether the optimum was found and is finite."""
        return self.convergence.status == "ok"

    @cached_property
    def restricted(self) -> Restricted | None:
        """The variance on which intervals rest, in scaled units; None where they do not."""
        wanted = self.inference == "t" and self.spec.covariance == "model" and self.sound
        if not wanted or self.problem is None or not isinstance(self.solution, Solution):
            return None
        with few_threads(self.n_obs, self.problem.engine.widest):
            return restrict(self.problem, self.solution)

    @cached_property
    def interval_joint(self) -> np.ndarray:
        """Covariance of theta and coefficients on which intervals and p-values rest.

        With `inference="t"` it is taken at the restricted variance, and is not a number where
        that was not found: ask for `inference="z"` then. Shape (k + p, k + p).
        """
        if self.restricted is None or self.problem is None:
            return self.joint
        scale = self.problem.scale
        return np.asarray(self.restricted.covariance / np.outer(scale, scale))

    @property
    def interval_covariance(self) -> np.ndarray:
        """Covariance of the coefficients on which intervals and p-values rest, shape (p, p)."""
        k = len(self.theta)
        return self.interval_joint[k:, k:]

    def degrees_of(self, terms: np.ndarray) -> float:
        """Degrees of freedom of an effect that these terms make (bool, shape (p,)): the fewest."""
        return float(self.degrees[terms].min()) if terms.any() else float(self.degrees.min())

    def conf_int(self, level: float = LEVEL) -> pd.DataFrame:
        """Wald intervals on the link scale, by term, from `interval_covariance`."""
        half = t_quantile((1 + level) / 2, self.degrees) * self._interval_error
        bounds = {"conf_low": self.params - half, "conf_high": self.params + half}
        return pd.DataFrame(bounds, index=self.terms)

    @property
    def _interval_error(self) -> np.ndarray:
        return np.sqrt(np.diag(self.interval_covariance))

    @property
    def coefficients(self) -> pd.DataFrame:
        """By term, on the link scale.

        Columns are estimate, std_error (full Hessian at the maximum, as lme4 and glmmTMB print
        it), interval_error (at the restricted variance: what the next four rest on), dof,
        statistic, p_value, conf_low, conf_high. A fit whose optimum was not found has no numbers.
        """
        error = self._interval_error
        statistic = self.params / error
        half = t_quantile((1 + LEVEL) / 2, self.degrees) * error
        return pd.DataFrame(
            {
                "estimate": self.params,
                "std_error": self.bse,
                "interval_error": error,
                "dof": self.degrees,
                "statistic": statistic,
                "p_value": two_sided(statistic, self.degrees),
                "conf_low": self.params - half,
                "conf_high": self.params + half,
            },
            index=self.terms,
        )

    @property
    def variance_components(self) -> pd.DataFrame:
        """Random effects: group, term, term2, std_dev, variance, correlation.

        One row for each effect's variance, with `term2` empty, and one for each covariance (in
        `variance`) and correlation of two effects; the residual of a gaussian model comes last.
        """
        rows: list[tuple[str, str, str, float, float, float]] = []
        for factor, held in zip(self.random.design.factors, self.random.lambdas, strict=True):
            covariance = held @ held.T
            std_dev = np.sqrt(np.diag(covariance))
            rows += [
                (factor.name, name, "", std_dev[a], covariance[a, a], np.nan)
                for a, name in enumerate(factor.names)
            ]
            block = _reachable(factor.free, len(factor.names))
            for a, b in zip(*np.nonzero(np.tril(block, -1)), strict=True):
                both = std_dev[a] * std_dev[b]
                correlation = covariance[a, b] / both if both > 0 else np.nan
                pair = (factor.names[b], factor.names[a])
                rows.append((factor.name, *pair, np.nan, covariance[a, b], correlation))
        if not np.isnan(self.sigma):
            rows.append(("Residual", "", "", self.sigma, self.sigma**2, np.nan))
        columns = ["group", "term", "term2", "std_dev", "variance", "correlation"]
        return pd.DataFrame(rows, columns=columns)

    def in_plain_terms(self) -> pd.DataFrame:
        """How much groups differ, for people: see `plain.plain_terms`; one row an effect.

        The share on the scale of the outcome is that of a row with average covariates.
        """
        binomial = np.isnan(self.sigma)
        components = self.variance_components
        eta = float(self.design.matrix.mean(axis=0) @ self.params)
        return plain_terms(
            components[components["group"] != "Residual"],
            dict(zip(self.terms, self.params, strict=True)),
            eta,
            LATENT_VARIANCE[self.link.name] if binomial else self.sigma**2,
            self.link if binomial else LOGIT,
        )

    def conditional_modes(self, group: str) -> pd.DataFrame:
        """Most likely effects of every group given the data and the parameters.

        Parameters
        ----------
        group : str
            A factor, as `variance_components` names it.

        Returns
        -------
        pandas.DataFrame
            By label of the group: each effect and, as `<effect>_se`, its conditional standard
            deviation, in which the parameters' own uncertainty is not counted.

        Raises
        ------
        ModelError
            If the fit has no such factor.
        """
        names = [factor.name for factor in self.random.design.factors]
        if group not in names:
            raise ModelError(f"no factor '{group}'", self.spec.formula, f"use {', '.join(names)}")
        factor = self.random.design.factors[names.index(group)]
        modes, covariance = self.random.modes[names.index(group)]
        spread = np.sqrt(np.einsum("nqq->nq", covariance))
        columns = {}
        for place, name in enumerate(factor.names):
            columns[name] = modes[:, place]
            columns[f"{name}_se"] = spread[:, place]
        return pd.DataFrame(columns, index=factor.levels)

    def predict(self, newdata: pd.DataFrame | None = None, at: At = "population") -> np.ndarray:
        """Predicted means, shape (n_rows,).

        Parameters
        ----------
        newdata : pandas.DataFrame, optional
            Rows to predict for, coded as the fitted rows were; those themselves when left out.
        at : str
            population: averaged over the distribution of the random effects. typical: random
            effects of zero. conditional: at the conditional modes of groups that the fit knows,
            averaged over the distribution of those that it does not.

        Raises
        ------
        ModelError
            If a column is not there or its values were not coded.
        """
        matrix = self.design.matrix if newdata is None else self.design.rebuild(newdata)
        frame = self.design.frame if newdata is None else newdata
        eta = matrix @ self.params
        if self.offset:
            eta = eta + frame[self.offset].to_numpy(dtype="float64")
        if at == "typical":
            return self._mean(eta, None)
        if at == "conditional":
            design = self.random.design if newdata is None else self.random.record.rebuild(newdata)
            eta = eta + self.random.known(design)
            return self._mean(eta, self.random.spread(design, unknown_only=True))
        return self._mean(eta, self.population_variance(newdata))

    def population_variance(self, newdata: pd.DataFrame | None = None) -> np.ndarray:
        """Variance of the random part of every row's predictor, shape (n_rows,).

        Groups need not be known; a row of a multiple membership has the sum of its squared shares.
        """
        record, design = self.random.record, self.random.design
        if newdata is None:
            return self.random.spread(design)
        grouped = all(factor.shares is None for factor in design.factors)
        if not grouped:
            return self.random.spread(record.rebuild(newdata))
        columns = record.columns(newdata)
        total = np.zeros(columns.shape[1])
        for factor, held in zip(design.factors, self.random.lambdas, strict=True):
            effects = held.T @ columns[list(factor.columns)]
            total += np.einsum("qn,qn->n", effects, effects)
        return total

    def profile_intervals(
        self, terms: Sequence[str] | None = None, level: float = LEVEL
    ) -> pd.DataFrame:
        """Profile-likelihood intervals of coefficients and standard deviations.

        For few groups, small counts and standard deviations, whose Wald intervals are poor. Of a
        gaussian model always by the likelihood, not the restricted one; of one with `prior_sd` by
        the penalised likelihood.

        Parameters
        ----------
        terms : sequence of str, optional
            Coefficients, and standard deviations as `<group> sd <effect>` or `Residual sd`; all
            when left out.
        level : float

        Returns
        -------
        pandas.DataFrame
            By name: estimate (of maximum likelihood), conf_low, conf_high, and a note on every
            bound that was not found and is therefore not a number.

        Raises
        ------
        ModelError
            If the optimum was not found, or a name is not there.

        References
        ----------
        Venzon and Moolgavkar (1988), Applied Statistics 37.
        """
        if not self.sound:
            raise ModelError(
                f"the optimum of this fit was not found: {self.convergence.status}",
                self.spec.formula,
                "profile a fit that converged",
            )
        with few_threads(self.n_obs):
            if self.problem is not None and isinstance(self.solution, Solution):
                surface = surface_of(self.problem, self.solution, self.terms)
            else:
                surface = linear_surface(linear_rows(self), self.theta, self.terms)
            return profile(surface, terms, level)

    def compare(self, other: ModelFit) -> LikelihoodRatio:
        """Likelihood-ratio test against a model that contains this one or is contained in it.

        Parameters
        ----------
        other : ModelFit
            A multilevel fit to the same rows, or a plain logit.

        Returns
        -------
        LikelihoodRatio
            For a variance, against a mixture of chi-squared distributions; see
            `boundary.likelihood_ratio`.

        Raises
        ------
        ModelError
            If a fit is not sound, rows or likelihoods differ, neither model contains the other,
            or the reference distribution is not known: then use `bootstrap_test`.

        References
        ----------
        Self and Liang (1987), JASA 82; Stram and Lee (1994), Biometrics 50.
        """
        return compare_fits(self, other)

    def bootstrap(
        self,
        n: int = 999,
        *,
        rng: np.random.Generator,
        statistic: Callable[[Any], float | np.ndarray | pd.Series] | None = None,
        progress: bool = False,
        workers: int = 1,
    ) -> BootstrapResult:
        """Draw outcomes from this fit, new random effects included, and fit the model to each.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator
            Every draw has a child of its own, so results do not depend on `workers`, rounding
            apart.
        statistic : callable, optional
            A refit (`MultilevelFit`, without modes and slopes) to a number or several.
        progress : bool
            Show a bar.
        workers : int
            Threads.

        Returns
        -------
        BootstrapResult
            With the refits that failed counted, and `conf_int`.

        Raises
        ------
        ModelError
            If the optimum was not found, or fewer than 19 draws are asked for.

        References
        ----------
        Davison and Hinkley (1997), Bootstrap Methods and their Application, chapter 5.
        """
        return bootstrap_fit(self, n, rng, statistic, progress, workers)

    def bootstrap_test(
        self,
        other: ModelFit,
        n: int = 999,
        *,
        rng: np.random.Generator,
        progress: bool = False,
        workers: int = 1,
    ) -> BootstrapTest:
        """Likelihood-ratio test whose reference is drawn from the smaller of two models.

        For what `compare` refuses: several variances at once, or a smaller model that has itself
        a variance of zero; and for few groups. The parameters are those of `bootstrap`.

        Raises
        ------
        ModelError
            As `compare`, where the models cannot be compared at all, or if half of the refits
            fail.

        References
        ----------
        Davison and Hinkley (1997), Bootstrap Methods and their Application, section 4.2.
        """
        return bootstrap_test(self, other, n, rng, progress, workers)

    def _mean(self, eta: np.ndarray, variance: np.ndarray | None) -> np.ndarray:
        if self.spec.family == "gaussian":
            return eta
        if variance is None or not variance.any():
            return self.link.mean(eta)
        return average(self.link, eta, np.sqrt(variance)).mean


def _reachable(free: tuple[tuple[int, int], ...], q: int) -> np.ndarray:
    """Which pairs of effects may covary: those that some column of Lambda holds together."""
    held = np.zeros((q, q), dtype=bool)
    for row, column in free:
        held[row, column] = True
    return np.asarray(held.astype("int64") @ held.T.astype("int64") > 0)


def groups_of(design: RandomDesign) -> Mapping[str, int]:
    """Number of groups by factor."""
    return {factor.name: len(factor.levels) for factor in design.factors}
