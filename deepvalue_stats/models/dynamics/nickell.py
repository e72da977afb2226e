"""How far a lagged outcome is off once clients' own levels are taken out.

Notation: T rows of a client in the regression, which is one less than the waves, as the first wave
has none before it; rho the persistence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.dynamics.waves import at_wave
from deepvalue_stats.models.panel.fit import PanelFit
from deepvalue_stats.models.panel.layout import PanelLayout

# a bias of this share of the standard error takes a 95% interval's coverage to about 94%
SHARE = 0.25
# persistence is sought below this: at one the formula has no denominator
NEARLY_ONE = 0.999
# at which precision a column is taken for the outcome of the wave before
SAME = 1e-12


def nickell_bias(rho: float, waves: float, *, exact: bool = True) -> float:
    """How far a within estimate of persistence is off, however many clients there are.

    Parameters
    ----------
    rho : float
        True persistence: the coefficient of the outcome of the wave before, between -1 and 1.
    waves : float
        Waves with an outcome, the first included, which is used up as the one before the second;
        a mean where clients differ. 3 or more.
    exact : bool
        False: the approximation -(1 + rho) / (T - 1) for many waves, with T = waves - 1.

    Returns
    -------
    float
        The limit of the estimate less rho, over ever more clients.

    Raises
    ------
    ModelError
        For a persistence of 1 or beyond, or fewer than three waves.

    Notes
    -----
    With h = (1 - rho^T) / (1 - rho): -(1 + rho) (1 - h / T) / (T - 1) / {1 - 2 rho (1 - h / T) /
    [(1 - rho) (T - 1)]}, of an autoregression with clients' levels that has run for long and has
    no other term. Exposures beside it change the size and are themselves moved.

    References
    ----------
    Nickell (1981), Econometrica 49, equation 18, and the approximation that he draws from it.

    Examples
    --------
    >>> nickell_bias(0.5, 3), round(nickell_bias(0.5, 6), 3)
    (-0.75, -0.331)
    """
    faults = []
    if not -1 < rho < 1:
        faults.append(Fault("not between -1 and 1", "rho", "an outcome must not run away"))
    if not waves >= 3:
        faults.append(
            Fault("fewer than 3 waves", "waves", "with two nothing is known within clients")
        )
    if faults:
        raise ModelError.of(faults)
    rows = waves - 1
    if not exact:
        return -(1 + rho) / (rows - 1)
    rest = 1 - (1 - rho**rows) / (1 - rho) / rows if rho else 1 - 1 / rows
    return -(1 + rho) * rest / (rows - 1) / (1 - 2 * rho * rest / ((1 - rho) * (rows - 1)))


def persistence_of(estimate: float, waves: float) -> float:
    """The true persistence whose within estimate would come out at a value.

    Parameters
    ----------
    estimate : float
        Coefficient of the lagged outcome in a within model.
    waves : float
        As for `nickell_bias`.

    Returns
    -------
    float
        Held within -0.999 and 0.999.
    """

    def gap(rho: float) -> float:
        return rho + nickell_bias(rho, waves) - estimate

    low, high = gap(-NEARLY_ONE), gap(NEARLY_ONE)
    if low >= 0 or high <= 0:
        return -NEARLY_ONE if low >= 0 else NEARLY_ONE
    return float(brentq(gap, -NEARLY_ONE, NEARLY_ONE))


@dataclass(frozen=True)
class NickellWarning:
    """A lagged outcome in a model that has taken clients' own levels out.

    Attributes
    ----------
    term : str
    waves : float
        Waves a client, with the one that is used up.
    estimate, std_error : float
        Of the lagged outcome.
    persistence : float
        The true value that this estimate stands for, were there no other term.
    bias : float
        The estimate's limit less that value.
    share : float
        Size of the bias in standard errors.
    exceeds : bool
        Whether that is more than is allowed.
    message : str
    """

    term: str
    waves: float
    estimate: float
    std_error: float
    persistence: float
    bias: float
    share: float
    exceeds: bool
    message: str


def nickell_warning(fit: PanelFit, *, allowed: float = SHARE) -> NickellWarning | None:
    """Say how far a within fit's lagged outcome is off, if it has one.

    Parameters
    ----------
    fit : PanelFit
        Of `fit_panel` with within or first_difference.
    allowed : float
        Share of the standard error that the bias may be.

    Returns
    -------
    NickellWarning or None
        None where no term of the fit is the outcome of the wave before.

    Notes
    -----
    A column is the lagged outcome where it equals the outcome of the client's row at the wave
    before in every row that has one, whatever its name. Of first differences the formula is that
    of three waves, at which both estimators are one.

    References
    ----------
    Nickell (1981), Econometrica 49; Anderson and Hsiao (1982), Journal of Econometrics 18, for
    first differences.
    """
    name = fit.spec.estimator
    if not name.startswith(("within", "first_difference")) or name == "within_between":
        return None
    terms = lagged_outcome(fit.layout, fit.design.response, fit.design.matrix)
    if not len(terms):
        return None
    place = int(terms[0])
    waves = 3.0
    if name.startswith("within"):
        waves = 1 + float(len(fit.layout.clients) / fit.layout.n_clients)
    estimate, error = float(fit.params[place]), float(fit.bse[place])
    rho = persistence_of(estimate, max(waves, 3.0))
    bias = nickell_bias(rho, max(waves, 3.0))
    share = abs(bias) / error if error > 0 else np.inf
    return NickellWarning(
        term=fit.terms[place],
        waves=waves,
        estimate=estimate,
        std_error=error,
        persistence=rho,
        bias=bias,
        share=share,
        exceeds=bool(share > allowed),
        message=f"'{fit.terms[place]}' is the outcome of the wave before, which a model without "
        f"clients' own levels gets wrong by about {bias:.2f} ({share:.1f} standard errors), and "
        "other terms with it: use fit_dynamic",
    )


def lagged_outcome(layout: PanelLayout, response: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Which columns (n, p) are the outcome of the wave before; their places."""
    before = at_wave(layout, response, -1)
    known = np.isfinite(before)
    if not known.any() or np.ptp(before[known]) == 0:
        return np.zeros(0, dtype="int64")
    away = np.abs(matrix[known] - before[known, None]).max(axis=0)
    return np.flatnonzero(away <= SAME * max(float(np.abs(before[known]).max()), 1e-300))


def flagged(fit: PanelFit) -> PanelFit:
    """The same fit, saying so where it has a lagged outcome that it gets wrong."""
    found = nickell_warning(fit)
    if found is None or not found.exceeds:
        return fit
    message = "; ".join(part for part in (fit.convergence.message, found.message) if part)
    return replace(fit, convergence=replace(fit.convergence, message=message))
