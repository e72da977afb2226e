"""Below a neutral relationship: whether worse relationships there go with worse outcomes."""

from __future__ import annotations

import numpy as np

from deepvalue_stats.effects.contrast import Contrast
from deepvalue_stats.effects.delta import Estimates, average_derivative, average_mean, together
from deepvalue_stats.effects.estimate import (
    ALL,
    Averaged,
    group_masks,
    refuse_unaveraged,
)
from deepvalue_stats.effects.inference import cells, counts_of, infer
from deepvalue_stats.effects.predictor import Movable, movable
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import KINDS, EffectTable, effect_rows

BELOW, ABOVE = "below neutral", "above neutral"


def hinge(exposure: str, neutral: float) -> str:
    """The terms of a formula that give an exposure one slope below a point and another above it.

    Parameters
    ----------
    exposure : str
    neutral : float
        In the exposure's own points.

    Returns
    -------
    str
        min(x - c, 0) and max(x - c, 0), as formulas write them.

    Examples
    --------
    >>> hinge("rapport", 3)
    'I((rapport - 3) * (rapport < 3)) + I((rapport - 3) * (rapport > 3))'
    """
    away = f"{exposure} - {neutral:g}"
    sides = (f"I(({away}) * ({exposure} {side} {neutral:g}))" for side in "<>")
    return " + ".join(sides)


def slopes_at_neutral(
    fit: ModelFit,
    exposure: str,
    neutral: float,
    *,
    contrast: Contrast,
    at: Averaged = "population",
) -> EffectTable:
    """The effect among clients below the neutral point, among those above, and the difference.

    Parameters
    ----------
    fit : ModelFit
        With the exposure in the terms of `hinge`.
    exposure : str
    neutral : float
        Declared before looking. A client exactly there counts as not below.
    contrast : Contrast
        The unit.
    at : str
        As in `average_effect`.

    Returns
    -------
    EffectTable
        On the risk scale the average derivative in either group of clients, and their difference;
        and the same of log odds, which the risk scale need not follow: a logit bends by itself,
        so that equal log odds are no proof of equal differences in risk. A side without a client
        has no numbers.

    Raises
    ------
    ModelError
        As `average_effect`.

    Notes
    -----
    eta = b- min(x - c, 0) + b+ max(x - c, 0) + ...; the last row of each scale tests b- = b+, on
    the log odds scale exactly, on the risk scale as equality of the two average derivatives.
    """
    refuse_unaveraged(fit, at)
    frame = fit.design.frame
    values = frame[exposure].to_numpy(dtype="float64")
    sides = {BELOW: values < neutral, ABOVE: values >= neutral}
    found = {}
    if fit.convergence.status == "ok" and all(mask.any() for mask in sides.values()):
        rows = movable(fit, exposure, at)
        change = rows.derivative()
        weights = contrast.size * np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])
        none = np.zeros(len(fit.theta))
        shares = [mask / mask.sum() for mask in sides.values()]
        steepness = [change.gradient(share) for share in shares]
        on = {
            "risk_difference": [
                average_derivative(fit.link, rows.as_is.where(mask), change.where(mask))
                for mask in sides.values()
            ],
            "log_odds": [
                Estimates(np.array([by @ fit.params]), np.concatenate([none, by])[None, :])
                for by in steepness
            ],
        }
        found = {
            scale: infer(together(parts).combine(weights), fit, change.terms)
            for scale, parts in on.items()
        }
    members = {
        **sides,
        f"{BELOW} minus {ABOVE}": np.ones(len(frame), dtype=bool),
    }
    return effect_rows(
        {
            "outcome": fit.design.outcome,
            "exposure": exposure,
            "estimand": f"{contrast.estimand}, neutral at {neutral:g}",
            "scale": scale,
            "contrast": contrast.name,
            "group": group,
            "null_value": KINDS[scale].null_value,
            "unit": KINDS[scale].unit,
            **cells(found.get(scale), place, scale),
            **counts_of(fit, rows_of),
        }
        for scale in ("risk_difference", "log_odds")
        for place, (group, rows_of) in enumerate(members.items())
    )


def harm_ledger(
    fit: ModelFit,
    exposure: str,
    neutral: float,
    *,
    by: str | None = None,
    at: Averaged = "population",
) -> EffectTable:
    """Clients below the neutral point: their chances, and what they would be at that point.

    Harm is meant relative to a neutral relationship. Whether a bad one is worse than none at all
    can only be told from clients who had none.

    Parameters
    ----------
    fit : ModelFit
        With the exposure in the terms of `hinge`, or free to bend in another way.
    exposure : str
    neutral : float
    by : str, optional
        A column of groups: the ledger for all, and for each of them.
    at : str
        As in `average_effect`.

    Returns
    -------
    EffectTable
        For all clients below the point, and each group of them: the `risk` as they are and at
        neutral, the `risk_difference`, neutral less as is, so that above 0 means harm, and
        `excess_failures`, that difference times the clients below. Their number is taken as
        given. A group without a client below has no rows.

    Raises
    ------
    ModelError
        As `average_effect`.

    Notes
    -----
    excess failures = n_below (mean p(c) - mean p(x)), both means over the clients below c with
    their own covariates.
    """
    refuse_unaveraged(fit, at)
    frame = fit.design.frame
    below = (frame[exposure] < neutral).to_numpy()
    groups = group_masks(frame, None) | (group_masks(frame, by) if by else {})
    sound = fit.convergence.status == "ok"
    placed = movable(fit, exposure, at) if sound else None
    rows: list[dict[str, object]] = []
    for name, mask in groups.items():
        members = mask & below
        size = int(members.sum())
        if not size:
            continue
        known = None if placed is None else _as_is_and_at(placed.where(members), neutral)
        for contrast, scale, weights in (
            ("as is", "risk", (1.0, 0.0)),
            (f"at {neutral:g}", "risk", (0.0, 1.0)),
            ("neutral", "risk_difference", (-1.0, 1.0)),
            ("neutral", "excess_failures", (-float(size), float(size))),
        ):
            found = None
            if known is not None:
                estimates, terms = known
                found = infer(estimates.combine(np.array([weights])), fit, terms)
            rows.append(
                {
                    "outcome": fit.design.outcome,
                    "exposure": exposure,
                    "estimand": f"clients below {neutral:g}, all at {neutral:g} against as is",
                    "scale": scale,
                    "contrast": contrast,
                    "group": BELOW if name == ALL else f"{name}, {BELOW}",
                    "null_value": KINDS[scale].null_value,
                    "unit": KINDS[scale].unit,
                    **cells(found, 0, scale),
                    **counts_of(fit, members),
                }
            )
    if not rows:
        raise ModelError(
            "no client of the fit is below the neutral point",
            f"{exposure} < {neutral:g}",
            "declare a neutral point inside the range of the scores, in a new plan",
        )
    return effect_rows(rows)


def _as_is_and_at(rows: Movable, neutral: float) -> tuple[Estimates, np.ndarray]:
    """Mean chances as clients are and at the neutral point, and the terms between the two."""
    as_is, moved = rows.as_is, rows.set_to(neutral)
    chances = [average_mean(rows.fit.link, one) for one in (as_is, moved)]
    return together(chances), as_is.terms_moved(moved)
