"""What a model is and what was learned by fitting it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.design import Design
from deepvalue_stats.models.link import Link
from deepvalue_stats.models.student import t_quantile, two_sided
from deepvalue_stats.tables import LEVEL, read_only

if TYPE_CHECKING:
    from deepvalue_stats.models.clusters.gate import ClusterAdvice
    from deepvalue_stats.models.hazard.record import HazardRecord
    from deepvalue_stats.models.multilevel.fit import RandomPart

At = Literal["population", "typical", "conditional"]
Status = Literal["ok", "not_converged", "separated"]
SpeaksOf = Literal["means", "differences", "odds", "hazards"]


@dataclass(frozen=True)
class ModelSpec:
    """What to fit, never how to print it.

    Attributes
    ----------
    formula : str
        Outcome and fixed part.
    family : str
        binomial or gaussian.
    groups : tuple of str
        Columns that say which rows belong together.
    estimator : str
    covariance : str
        How the covariance of the coefficients was estimated.
    correlation : str
        Working correlation within a group, of a GEE.
    time : str
        Column by which an AR(1) correlation falls off; empty where rows follow by position.
    degrees : str
        How the degrees of freedom of a covariance for few clusters were found.
    """

    formula: str
    family: str
    groups: tuple[str, ...]
    estimator: str
    covariance: str
    correlation: str = ""
    time: str = ""
    degrees: str = ""


@dataclass(frozen=True)
class Convergence:
    """How an optimisation ended, kept as data so that a doubt reaches the table.

    Attributes
    ----------
    status : str
        ok, not_converged, or separated (no finite estimate exists).
    evaluations : int
    objective : float
        Minus the log-likelihood; NaN where the estimator has none.
    gradient_norm : float
        Largest absolute element of the estimating function a row, of columns scaled to unit mean
        square.
    singular : bool
        Whether a variance component lies on its boundary.
    message : str
        What is doubtful, in words; empty when nothing is.
    """

    status: Status
    evaluations: int
    objective: float
    gradient_norm: float
    singular: bool
    message: str


@dataclass(frozen=True)
class ModelFit:
    """A fitted model; foreign result objects never escape into it.

    Attributes
    ----------
    spec : ModelSpec
    terms : tuple of str
        Names of the p coefficients.
    params : numpy.ndarray, shape (p,)
        Coefficients on the link scale.
    covariance : numpy.ndarray, shape (p, p)
    dof : float
        Degrees of freedom of the reference t distribution; infinite for the normal.
    link : Link
        The mean as a function of the linear predictor, with two derivatives.
    design : Design
        Recorded coding, so that new rows are coded as the old.
    n_groups : mapping of str to int
    ids : mapping of str to str
        The columns of the design's frame that hold `client` and `practitioner`.
    convergence : Convergence
    loglik : float
        NaN where the estimator has no likelihood.
    slopes : numpy.ndarray, shape (n,)
        Derivative of each row's part of the log-likelihood (for a GEE, of the estimating
        function) in its linear predictor.
    association : mapping of str to float
        Working correlation parameters of a GEE.
    theta : numpy.ndarray, shape (k,)
        Parameters of the random part; none for a marginal model.
    random : RandomPart or None
        The random effects; None for a marginal model.
    offset : str
        Column added to the linear predictor; empty for none.
    hazard : HazardRecord or None
        The clock of a discrete-time hazard, whose rows are persons and periods; None otherwise.
    speaks_of : str
        What the coefficients are about: means; differences between means only, of a fit whose
        clients' own levels were taken out; odds ratios only, of a conditional logit; hazard ratios
        only.
    term_degrees : numpy.ndarray, shape (p,), or None
        Degrees of freedom of each coefficient, where they differ; `dof` is then the fewest.
    clusters : ClusterAdvice or None
        Why its covariance was chosen, where the fit was left to choose.
    qic : float
        Pan's criterion of a GEE.
    """

    spec: ModelSpec
    terms: tuple[str, ...]
    params: np.ndarray
    covariance: np.ndarray
    dof: float
    link: Link
    design: Design
    n_groups: Mapping[str, int]
    ids: Mapping[str, str]
    convergence: Convergence
    loglik: float
    slopes: np.ndarray
    association: Mapping[str, float] = field(default_factory=dict)
    theta: np.ndarray = field(default_factory=lambda: np.zeros(0))
    random: RandomPart | None = None
    offset: str = ""
    hazard: HazardRecord | None = None
    speaks_of: SpeaksOf = "means"
    term_degrees: np.ndarray | None = None
    clusters: ClusterAdvice | None = None
    qic: float = np.nan

    @property
    def interval_joint(self) -> np.ndarray:
        """Covariance of theta and coefficients that intervals rest on, shape (k + p, k + p)."""
        return self.covariance

    def degrees_of(self, terms: np.ndarray) -> float:
        """Degrees of freedom of an effect that these terms make (bool, shape (p,)): the fewest."""
        if self.term_degrees is None or not terms.any():
            return self.dof
        return float(self.term_degrees[terms].min())

    @property
    def _each_dof(self) -> np.ndarray | float:
        return self.dof if self.term_degrees is None else self.term_degrees

    def codes(self, who: str) -> np.ndarray:
        """Whose each row is, as integers from 0, shape (n,).

        Parameters
        ----------
        who : str
            A key of `ids`; where it has none, every row is somebody else's. -1 is nobody known.
        """
        name = self.ids.get(who)
        return self.design.codes(name) if name else np.arange(self.n_obs)

    @property
    def scores(self) -> np.ndarray:
        """Each row's contribution to the estimating function, shape (n, p)."""
        return read_only(self.design.matrix * self.slopes[:, None])

    @property
    def n_obs(self) -> int:
        """Rows in the fit."""
        return len(self.design.response)

    @property
    def bse(self) -> np.ndarray:
        """Standard errors of the coefficients, shape (p,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def vcov(self) -> pd.DataFrame:
        """Covariance of the coefficients, by term."""
        return pd.DataFrame(self.covariance, index=self.terms, columns=self.terms)

    def cov_params(self) -> pd.DataFrame:
        """Covariance of the coefficients: the name by which statsmodels users know `vcov`."""
        return self.vcov

    @property
    def llf(self) -> float:
        """Log-likelihood, by statsmodels' name."""
        return self.loglik

    @property
    def aic(self) -> float:
        """Akaike's criterion; NaN without a likelihood."""
        return 2 * len(self.params) - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's criterion over rows; NaN without a likelihood."""
        return float(np.log(self.n_obs)) * len(self.params) - 2 * self.loglik

    @property
    def variance_components(self) -> pd.DataFrame:
        """Standard deviations of random effects; empty for a marginal model."""
        return pd.DataFrame(columns=["group", "term", "std_dev", "variance"])

    def in_plain_terms(self) -> pd.DataFrame:
        """How much groups differ, in plain terms; empty for a marginal model."""
        return pd.DataFrame(columns=["group", "term"])

    def conf_int(self, level: float = LEVEL) -> pd.DataFrame:
        """Wald intervals on the link scale, by term."""
        half = t_quantile((1 + level) / 2, self._each_dof) * self.bse
        bounds = {"conf_low": self.params - half, "conf_high": self.params + half}
        return pd.DataFrame(bounds, index=self.terms)

    @property
    def coefficients(self) -> pd.DataFrame:
        """By term: estimate, std_error, statistic, p_value, conf_low, conf_high (link scale).

        A fit that did not converge has no p-values and no intervals.
        """
        sound = self.convergence.status == "ok"
        statistic = self.params / self.bse if sound else np.full_like(self.params, np.nan)
        frame = pd.DataFrame(
            {
                "estimate": self.params,
                "std_error": self.bse if sound else np.nan,
                "statistic": statistic,
                "p_value": two_sided(statistic, self._each_dof),
            },
            index=self.terms,
        )
        interval = self.conf_int() if sound else self.conf_int() * np.nan
        return frame.join(interval)

    def predict(self, newdata: pd.DataFrame | None = None, at: At = "population") -> np.ndarray:
        """Predicted means, shape (n_rows,).

        Parameters
        ----------
        newdata : pandas.DataFrame, optional
            Rows to predict for, coded as the fitted rows were; those themselves when left out.
        at : str
            A marginal model knows the population only.

        Raises
        ------
        ModelError
            For `typical` or `conditional`, which need random effects, and for a fit that knows no
            level.
        """
        if self.speaks_of != "means":
            raise ModelError(
                f"a fit by '{self.spec.estimator}' knows {self.speaks_of} only, and no level",
                "predict()",
                'fit estimator="within_between", which keeps the level',
            )
        if at != "population":
            raise ModelError(
                f"a {self.spec.estimator} fit has no random effects to hold at a value",
                f"predict(at={at!r})",
                'use at="population"',
            )
        matrix = self.design.matrix if newdata is None else self.design.rebuild(newdata)
        return self.link.mean(matrix @ self.params)

    def summary(self) -> str:
        """The coefficients as a plain text, for reading in a session."""
        head = f"{self.spec.estimator}: {self.spec.formula}\n{self.n_obs} rows"
        groups = ", ".join(f"{n} {name}" for name, n in self.n_groups.items())
        doubt = f"\n{self.convergence.status}: {self.convergence.message}"
        tail = doubt if self.convergence.message else ""
        return f"{head}, {groups}\n{self.coefficients.to_string(float_format='%.4f')}{tail}"
