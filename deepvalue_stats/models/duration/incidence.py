"""The product-limit and Aalen-Johansen estimators from arrays, with their variances.

Notation: at time s, Y(s) persons are at risk, d(s) exit and d_k(s) of them by cause k; h = d / Y;
S is the product-limit curve and F_k the cumulative incidence of cause k. A curve at a time, and an
area under one, are functionals whose influence function is a sum over s of

    alpha(s) dM_ik(s) + beta(s) dM_i(s),    dM_ik(s) = dN_ik(s) - Y_i(s) h_k(s),

which is what `Functional` holds. The increments of one person at different times are orthogonal
where nobody enters late and all persons are independent, which gives the closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepvalue_stats.models.duration.times import Counts, Spells


@dataclass(frozen=True)
class Incidence:
    """Curves of one group at its m distinct times.

    Attributes
    ----------
    counts : Counts
    survival : numpy.ndarray, shape (m,)
        S(t), right-continuous.
    before : numpy.ndarray, shape (m,)
        S just before t.
    incidence : numpy.ndarray, shape (m, k)
        F_k(t).
    """

    counts: Counts
    survival: np.ndarray
    before: np.ndarray
    incidence: np.ndarray


@dataclass(frozen=True)
class Functional:
    """The weights alpha and beta of one functional of cause k's curve, each of shape (m,)."""

    alpha: np.ndarray
    beta: np.ndarray


def aalen_johansen(counts: Counts) -> Incidence:
    """S and every F_k of one group.

    Notes
    -----
    S(t) = prod (1 - d/Y); F_k(t) = sum S(s-) d_k/Y over s <= t.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53; Aalen and
    Johansen (1978), Scandinavian Journal of Statistics 5.
    """
    exits, at_risk = counts.exits, counts.at_risk
    survival = np.cumprod((at_risk - exits) / at_risk)
    before = np.r_[1.0, survival[:-1]]
    incidence = np.cumsum((before / at_risk)[:, None] * counts.events, axis=0)
    return Incidence(counts, survival, before, incidence)


def total(incidence: Incidence) -> Incidence:
    """The same group with all causes taken as one."""
    counts = incidence.counts
    merged = Counts(counts.times, counts.at_risk, counts.exits[:, None], counts.censored)
    whole = (1 - incidence.survival)[:, None]
    return Incidence(merged, incidence.survival, incidence.before, whole)


def greenwood(counts: Counts, survival: np.ndarray) -> np.ndarray:
    """Variance of S at each time, shape (m,); missing where nobody is left.

    References
    ----------
    Greenwood (1926): S(t)^2 sum d / (Y (Y - d)).
    """
    left = counts.at_risk - counts.exits
    steps = counts.exits / (counts.at_risk * np.where(left > 0, left, np.nan))
    return np.asarray(survival**2 * np.cumsum(steps))


def variance_of_incidence(curves: Incidence, k: int) -> np.ndarray:
    """Variance of F_k at each time where persons are independent and enter at 0, shape (m,).

    Notes
    -----
    sum over s <= t of (S(s-)/Y)^2 d_k (Y - d_k)/Y - 2 S(s-)/Y (F_k(t) - F_k(s)) d_k/Y +
    (F_k(t) - F_k(s))^2 d / (Y (Y - d)): the sum of squared influences. With one cause it is
    Greenwood's.
    """
    counts, here = curves.counts, curves.incidence[:, k]
    y, d, d_k = counts.at_risk, counts.exits, counts.events[:, k]
    jump = curves.before / y
    left = np.where(y > d, y - d, np.inf)
    own = np.cumsum(jump**2 * d_k * (y - d_k) / y)
    # running sums of weight times (F_k(t) - F_k(s)) to a power: by steps, so that nothing cancels
    step = np.diff(here, prepend=0.0)
    plain = _before(np.cumsum(d / (y * left)))
    once = np.cumsum(step * plain)
    twice = np.cumsum(2 * step * _before(once) + step**2 * plain)
    shared = np.cumsum(step * _before(np.cumsum(jump * d_k / y)))
    return np.asarray(np.maximum(own - 2 * shared + twice, 0))


def _before(running: np.ndarray) -> np.ndarray:
    """A running sum just before each time."""
    return np.asarray(np.r_[0.0, running[:-1]])


def aalen_variance(curves: Incidence, k: int) -> np.ndarray:
    """Variance of F_k as Gray's cuminc has it, shape (m,).

    Notes
    -----
    sum over s <= t and over j (exits by cause k, and by any other) of S(s-)^2 d_j (Y - d_j) /
    (Y^2 (Y - 1)) (1{j = k} - (F_k(t) - F_k(s)) / S(s))^2. It differs from the Greenwood-type form
    by terms of order 1/Y.

    References
    ----------
    Aalen (1978), Annals of Statistics 6; Gray (1988), Annals of Statistics 16.
    """
    counts, here, after = curves.counts, curves.incidence[:, k], curves.survival
    y, own = counts.at_risk, counts.events[:, k]
    inverse = np.where(after > 0, 1 / np.where(after > 0, after, 1), 0)
    square = cross = plain = np.zeros(len(here))
    for events, mine in ((own, 1.0), (counts.exits - own, 0.0)):
        apart = np.where(events > 1, (y - events) / np.where(y > 1, y - 1, 1), 1.0)
        size = curves.before**2 * apart * events / y**2
        # when nobody is left, other exits at that time move the curve no more
        size = size if mine else np.where(after > 0, size, 0)
        weight = mine + here * inverse
        square = square + np.cumsum(size * weight**2)
        cross = cross + np.cumsum(size * weight * inverse)
        plain = plain + np.cumsum(size * inverse**2)
    return np.asarray(np.maximum(square - 2 * here * cross + here**2 * plain, 0))


def area_until(curves: Incidence, k: int, horizon: float) -> tuple[float, Functional]:
    """The area under F_k up to a horizon, and it as a functional.

    References
    ----------
    Andersen (2013), Statistics in Medicine 32: years lost to a cause.
    """
    counts, here = curves.counts, curves.incidence[:, k]
    times = counts.times
    inside = times <= horizon
    to_end = np.where(inside, horizon - times, 0.0)
    widths = np.diff(np.minimum(np.r_[times, np.inf], horizon))
    under = np.cumsum((here * widths)[::-1])[::-1]
    beyond = under - here * to_end
    left = counts.at_risk - counts.exits
    alpha = np.where(inside, curves.before / counts.at_risk * to_end, 0.0)
    beta = np.where(inside & (left > 0), -beyond / np.where(left > 0, left, 1), 0.0)
    return float(under[0]) if inside.any() else 0.0, Functional(alpha, beta)


def plain_variance(counts: Counts, k: int, functional: Functional) -> float:
    """Variance of a functional where persons are independent and enter at 0."""
    y, d, d_k = counts.at_risk, counts.exits, counts.events[:, k]
    alpha, beta = functional.alpha, functional.beta
    parts = (
        alpha**2 * d_k * (y - d_k) / y
        + 2 * alpha * beta * d_k * (y - d) / y
        + beta**2 * d * (y - d) / y
    )
    return float(parts.sum())


def influence(spells: Spells, counts: Counts, k: int, functional: Functional) -> np.ndarray:
    """Each row's share in a functional's error, shape (n,); they add up to zero."""
    last = np.searchsorted(counts.times, spells.exit)
    first = np.searchsorted(counts.times, spells.entry, side="right")
    hazard = functional.alpha * counts.events[:, k] / counts.at_risk
    hazard = hazard + functional.beta * counts.exits / counts.at_risk
    running = np.r_[0.0, np.cumsum(hazard)]
    gained = functional.alpha[last] * (spells.cause == k + 1)
    gained = gained + functional.beta[last] * (spells.cause > 0)
    return np.asarray(gained - (running[last + 1] - running[first]))


def clustered_variance(spells: Spells, curves: Incidence, k: int) -> np.ndarray:
    """Variance of F_k at each time from influences summed by cluster, shape (m,).

    Notes
    -----
    A cluster's influence on F_k(t) is P(t) - F_k(t) Q(t), where P grows at s by S(s-)/Y dM_k +
    F_k(s) / (Y - d) dM and Q by dM / (Y - d), M the cluster's martingales: the work is times
    times clusters.

    References
    ----------
    Therneau and Grambsch (2000), Modeling Survival Data, section 7: the infinitesimal jackknife.
    """
    label = np.arange(len(spells.exit)) if spells.cluster is None else spells.cluster
    counts, here = curves.counts, curves.incidence[:, k]
    y, d = counts.at_risk, counts.exits
    jump, slope = curves.before / y, np.where(y > d, 1 / np.where(y > d, y - d, 1), 0.0)
    entering = _by_time(np.searchsorted(counts.times, spells.entry, side="right"), len(y))
    leaving = _by_time(np.searchsorted(counts.times, spells.exit), len(y))
    at_risk, p, q = (np.zeros(int(label.max()) + 1) for _ in range(3))
    found = np.zeros(len(y))
    for j in range(len(y)):
        np.add.at(at_risk, label[entering[j]], 1)
        gone = leaving[j]
        if d[j]:
            own, every = -at_risk * counts.events[j, k] / y[j], -at_risk * d[j] / y[j]
            np.add.at(own, label[gone[spells.cause[gone] == k + 1]], 1)
            np.add.at(every, label[gone[spells.cause[gone] > 0]], 1)
            p += jump[j] * own + here[j] * slope[j] * every
            q += slope[j] * every
        found[j] = np.sum((p - here[j] * q) ** 2) if d[j] else found[j - 1] if j else 0.0
        np.subtract.at(at_risk, label[gone], 1)
    return found


def _by_time(place: np.ndarray, m: int) -> list[np.ndarray]:
    """The rows of each of m times."""
    order = np.argsort(place, kind="stable")
    return np.split(order, np.searchsorted(place[order], np.arange(1, m + 1)))


def standard_error(spells: Spells, curves: Incidence, k: int) -> np.ndarray:
    """Standard error of F_k at each time, by the form that the observation allows, shape (m,)."""
    if spells.cluster is None and not spells.delayed:
        return np.asarray(np.sqrt(variance_of_incidence(curves, k)))
    return np.asarray(np.sqrt(clustered_variance(spells, curves, k)))
