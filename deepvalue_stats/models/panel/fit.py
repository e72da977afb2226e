"""What a fit to a panel holds beside its coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from deepvalue_stats.models.fit import ModelFit
from deepvalue_stats.models.panel.components import VarianceComponents
from deepvalue_stats.models.panel.estimators import Estimator
from deepvalue_stats.models.panel.layout import PanelLayout
from deepvalue_stats.models.panel.least_squares import Correction


@dataclass(frozen=True)
class LeftOut:
    """What an estimator had no use for.

    Attributes
    ----------
    clients, rows : int
    reason : str
        Empty when nothing was left out.
    gaps : int
        Pairs of a client's successive rows between which no difference was taken.
    """

    clients: int = 0
    rows: int = 0
    reason: str = ""
    gaps: int = 0


@dataclass(frozen=True, kw_only=True)
class PanelFit(ModelFit):
    """A fitted model of a panel.

    Attributes
    ----------
    layout : PanelLayout
        Of the rows in the fit.
    changers : mapping of str to float
        For the outcome and each term, the share of the clients with two waves or more, of all the
        data's rows, for whom it ever changes.
    left_out : LeftOut
    residual_dof : float
        Rows less coefficients and absorbed effects; NaN for a conditional logit.
    rss : float
        Sum of squared residuals of the transformed rows; NaN for a conditional logit.
    components : VarianceComponents or None
        Of random effects.
    null_loglik : float
        Of a conditional logit, at coefficients of zero.
    estimator : Estimator or None
        With its options, for fitting it to other rows; None for a split, whose rows are its own.
    correction : str
        Small-sample factor of a clustered covariance.
    """

    layout: PanelLayout
    changers: Mapping[str, float] = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=LeftOut)
    residual_dof: float = np.nan
    rss: float = np.nan
    components: VarianceComponents | None = None
    null_loglik: float = np.nan
    estimator: Estimator | None = None
    correction: Correction = "sss"

    @property
    def variance_components(self) -> pd.DataFrame:
        """Standard deviations of clients' levels and of rows about them; empty without both."""
        if self.components is None:
            return super().variance_components
        held = {self.layout.client: self.components.client, "residual": self.components.residual}
        rows = [
            {"group": group, "term": "Intercept", "std_dev": value**0.5, "variance": value}
            for group, value in held.items()
        ]
        return pd.DataFrame(rows, columns=["group", "term", "std_dev", "variance"])

    def summary(self) -> str:
        """The coefficients as a plain text, with what changes and what was left out."""
        shares = ", ".join(f"{name} {share:.0%}" for name, share in self.changers.items())
        lines = [super().summary(), f"clients for whom it changes: {shares}"]
        if self.left_out.reason:
            lost = f"{self.left_out.clients} clients, {self.left_out.rows} rows"
            lines.append(f"left out: {lost} ({self.left_out.reason})")
        if self.left_out.gaps:
            lines.append(f"no difference taken over {self.left_out.gaps} gaps between waves")
        return "\n".join(lines)
