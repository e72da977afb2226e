"""How many ratings make a practitioner's mean reliable enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.measures.agreement import Agreement
from deepvalue_stats.measures.caseloads import WHERE, same_length

TARGETS = (0.70, 0.80, 0.90)
UNREACHABLE = "cannot be reached"
# what rounding may add to a number that is whole
WHOLE = 1e-9


@dataclass(frozen=True)
class Enough:
    """Ratings of one practitioner by which the mean has a reliability.

    Attributes
    ----------
    target : float
    ratings, low, high : float
        Not rounded; infinite where it cannot be reached. `low` is from the upper limit of the
        ICC, `high` from the lower.
    """

    target: float
    ratings: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """For a page: up to the next whole rating."""
        limits = f"{shown_ratings(self.low)} to {shown_ratings(self.high)}"
        return f"{shown_ratings(self.ratings)} ({limits})"


@dataclass(frozen=True)
class Facets:
    """Where the variance of repeated ratings lies.

    Attributes
    ----------
    practitioner, client, rating : float
        Variance between practitioners, between clients of one practitioner, and between ratings
        of one client (all else and chance included).
    practitioners, clients, ratings : int
        How many they rest on; a client of two practitioners counts with each.
    singular : bool
        A variance is 0.
    """

    practitioner: float
    client: float
    rating: float
    practitioners: int
    clients: int
    ratings: int
    singular: bool

    def reliability(self, clients: float, ratings: float) -> float:
        """Of a practitioner's mean over so many clients with so many ratings each.

        Parameters
        ----------
        clients, ratings : float

        Returns
        -------
        float
            p / (p + c / clients + e / (clients ratings)).

        Examples
        --------
        >>> round(Facets(0.1, 0.4, 0.5, 50, 500, 2000, False).reliability(20, 4), 3)
        0.792
        """
        chance = self.client / clients + self.rating / (clients * ratings)
        return self.practitioner / (self.practitioner + chance)


def ratings_needed(icc: float, target: float) -> float:
    """Ratings by which the mean of a practitioner has a reliability.

    Parameters
    ----------
    icc : float
        ICC(1), r.
    target : float
        L, between 0 and 1.

    Returns
    -------
    float
        k = L (1 - r) / ((1 - L) r), not rounded; infinite where r is 0 or below.

    Raises
    ------
    ModelError
        If the target is not between 0 and 1.

    References
    ----------
    Spearman (1910) and Brown (1910), British Journal of Psychology 3, solved for k.

    Examples
    --------
    >>> round(ratings_needed(0.05, 0.70), 1), ratings_needed(0.0, 0.70)
    (44.3, inf)
    """
    if not 0 < target < 1:
        raise ModelError(f"a reliability of {target:g}", "target", "give one between 0 and 1")
    if np.isnan(icc):
        return math.nan
    return math.inf if icc <= 0 else target * (1 - icc) / ((1 - target) * icc)


def enough_ratings(found: Agreement, targets: tuple[float, ...] = TARGETS) -> tuple[Enough, ...]:
    """Ratings needed for each target, with the interval that the ICC's interval gives.

    Parameters
    ----------
    found : Agreement
    targets : tuple of float

    Returns
    -------
    tuple of Enough

    Notes
    -----
    The larger the ICC, the fewer ratings: the limits change sides.
    """
    return tuple(
        Enough(
            target,
            ratings_needed(found.icc1, target),
            ratings_needed(found.icc1_high, target),
            ratings_needed(found.icc1_low, target),
        )
        for target in targets
    )


def shown_ratings(needed: float) -> str:
    """A number of ratings for a page.

    Examples
    --------
    >>> shown_ratings(44.3), shown_ratings(76.00000000000001), shown_ratings(float("inf"))
    ('45', '76', 'cannot be reached')
    """
    if math.isnan(needed):
        return "not known"
    if math.isinf(needed):
        return UNREACHABLE
    return str(max(1, math.ceil(needed - WHOLE * needed)))


def generalisability(ratings: np.ndarray, practitioners: np.ndarray, clients: np.ndarray) -> Facets:
    """Variance of repeated ratings between practitioners, clients and ratings.

    Parameters
    ----------
    ratings : numpy.ndarray of float, shape (n,)
    practitioners, clients : arrays, shape (n,)
        Whom each rating is of, and by whom; a client of two practitioners counts with each.

    Returns
    -------
    Facets

    Raises
    ------
    ModelError
        If lengths differ, a value is missing, no client rated the same practitioner twice, every
        practitioner has one client, or the model cannot be fitted.

    Notes
    -----
    y_ijk = mu + p_j + c_ij + e_ijk by restricted likelihood.

    References
    ----------
    Cronbach, Gleser, Nanda and Rajaratnam (1972), The Dependability of Behavioral Measurements;
    Brennan (2001), Generalizability Theory, chapter 5.
    """
    arrays = {"ratings": ratings, "practitioners": practitioners, "clients": clients}
    same_length({name: len(values) for name, values in arrays.items()})
    frame = pd.DataFrame({name.removesuffix("s"): v for name, v in arrays.items()})
    pairs = frame.groupby(["practitioner", "client"], observed=True).ngroups
    faults = [
        Fault(f"{int(count)} of {len(frame)} rows have no {name}", WHERE, "drop and count them")
        for name, count in frame.isna().sum().items()
        if count
    ]
    if not faults and pairs == len(frame):
        fix = "take ICC(1): client and rating are one"
        faults = [Fault("no client rated the same practitioner twice", WHERE, fix)]
    if not faults and pairs == frame["practitioner"].nunique():
        fix = "clients of one practitioner have to be compared"
        faults = [Fault("every practitioner has one client", WHERE, fix)]
    if faults:
        raise ModelError.of(faults)
    # the compiler is loaded by the first such model only
    from deepvalue_stats.models import fit_multilevel

    fit = fit_multilevel("rating ~ 1 + (1 | practitioner/client)", frame, family="gaussian")
    components = fit.variance_components.set_index("group")["variance"]
    inner = next(name for name in components.index if name not in ("practitioner", "Residual"))
    return Facets(
        practitioner=float(components["practitioner"]),
        client=float(components[inner]),
        rating=float(components["Residual"]),
        practitioners=int(frame["practitioner"].nunique()),
        clients=int(pairs),
        ratings=len(frame),
        singular=bool(fit.convergence.singular),
    )
