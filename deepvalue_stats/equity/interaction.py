"""Whether the effect differs between two groups: on the additive and on the ratio scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.effects import (
    Estimates,
    Levels,
    Movable,
    average_mean,
    movable,
    together,
)
from deepvalue_stats.effects.estimate import Averaged, group_masks, refuse_unaveraged
from deepvalue_stats.effects.inference import Inference, cells, counts_of, infer
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit
from deepvalue_stats.tables import KINDS, LEVEL, EffectTable, effect_rows

# places of the four risks: exposure low or high, in the group of reference or the other one
REFERENCE_LOW, REFERENCE_HIGH, OTHER_LOW, OTHER_HIGH = range(4)
# the exposure's difference over both groups, and the groups' over both levels
AVERAGES = np.array([[-0.5, 0.5, -0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]])


@dataclass(frozen=True)
class Corner:
    """Which of the four cells the ratios are relative to, and the order of the others.

    Attributes
    ----------
    order : tuple of int
        Places of the cells 00, 10 (the other exposure), 01 (the other group), 11 (both).
    recoded : bool
        Whether the reference is not the low exposure in the group of reference.
    """

    order: tuple[int, int, int, int]
    recoded: bool


def recommended_corner(risks: Inference | None) -> Corner:
    """Choose the cell that measures of ratio are relative to: that of lowest risk, where shown.

    Ratios below 1 make sums of excess ratios meaningless, so that a factor that lowers the risk is
    coded the other way round. A factor is recoded where its average difference is shown to be
    below 0, and not where one of four noisy cells happens to be the lowest: that would choose the
    reference by chance, and bias every measure.

    Parameters
    ----------
    risks : Inference
        Of two differences: the exposure's, averaged over both groups, and the groups', averaged
        over both levels of the exposure; None keeps the coding as declared.

    Returns
    -------
    Corner

    References
    ----------
    Knol, VanderWeele, Groenwold, Klungel, Rovers and Grobbee (2011), European Journal of
    Epidemiology 26: recoding of preventive factors.
    """
    start = REFERENCE_LOW
    if risks is not None:
        quantile = float(stats.t.ppf((1 + LEVEL) / 2, risks.dof))
        lowers = risks.value + quantile * risks.std_error < 0
        # a cell's neighbour by exposure differs in its last bit, by group in the one before
        start = int(lowers[0]) + 2 * int(lowers[1])
    return Corner((start, start ^ 1, start ^ 2, start ^ 3), start != REFERENCE_LOW)


def contrast_of(risks: Estimates) -> Estimates:
    """The interaction contrast: the other group's difference in risk less the reference's.

    Parameters
    ----------
    risks : Estimates
        Four, in the order of the places.
    """
    return risks.combine(np.array([[1.0, -1.0, -1.0, 1.0]]))


def excess_of(risks: Estimates, corner: Corner) -> Estimates:
    """Relative excess risk due to interaction: RR11 - RR10 - RR01 + 1.

    References
    ----------
    Rothman (1986), Modern Epidemiology; Hosmer and Lemeshow (1992), Epidemiology 3.
    """
    ratios = _ratios(risks, corner)
    total = ratios.combine(np.array([[-1.0, -1.0, 1.0]]))
    return Estimates(total.value + 1, total.jacobian)


def proportion_of(risks: Estimates, corner: Corner) -> Estimates:
    """Share of the doubly exposed cell's risk that is due to interaction: RERI / RR11."""
    excess, ratios = excess_of(risks, corner), _ratios(risks, corner)
    rr11, value = ratios.value[2], excess.value[0] / ratios.value[2]
    jacobian = (excess.jacobian - value * ratios.jacobian[2:]) / rr11
    return Estimates(np.array([value]), jacobian)


def log_synergy_of(risks: Estimates, corner: Corner) -> Estimates:
    """Logarithm of the synergy index (RR11 - 1) / ((RR10 - 1) + (RR01 - 1)).

    Not a number where numerator or denominator is not above 0: the index is not defined there.
    """
    ratios = _ratios(risks, corner)
    both = ratios.combine(np.array([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]))
    above = both.value - np.array([1.0, 2.0])
    if not (above > 0).all():
        return Estimates(np.array([np.nan]), np.full_like(both.jacobian[:1], np.nan))
    jacobian = both.jacobian / above[:, None]
    return Estimates(np.array([np.log(above[0] / above[1])]), (jacobian[0] - jacobian[1])[None, :])


def _ratios(risks: Estimates, corner: Corner) -> Estimates:
    """RR10, RR01 and RR11, relative to the corner."""
    logs = risks.logs()
    weights = np.zeros((3, 4))
    for row, place in enumerate(corner.order[1:]):
        weights[row, place] = 1.0
        weights[row, corner.order[0]] = -1.0
    relative = logs.combine(weights)
    value = np.exp(relative.value)
    return Estimates(value, relative.jacobian * value[:, None])


def interaction(
    fit: ModelFit,
    exposure: str,
    modifier: str,
    *,
    levels: Levels,
    low: str,
    reference: str,
    imposed: bool = False,
    at: Averaged = "population",
) -> EffectTable:
    """Compare the effect in one group with that in another, on both scales, from risks.

    The four chances come first, so that every measure can be worked out again: everybody's
    exposure at either level, in either group. All measures come from them and never from odds,
    which overstate ratios where the outcome is common.

    Parameters
    ----------
    fit : ModelFit
        With the exposure free to differ by the modifier.
    exposure, modifier : str
        Columns; the modifier holds groups.
    levels : Levels
        What counts as a less and as a more effective relationship.
    low, reference : str
        The group that is asked about, and the one it is compared with.
    imposed : bool
        False: each group's own clients, the difference of effects between the people of two
        groups. True: every client put in the one group and in the other, all else as it is.
    at : str
        As in `average_effect`.

    Returns
    -------
    EffectTable
        Four rows `risk`; the differences and ratios of risk in each group; the interaction
        contrast and the ratios of risk and of odds ratios, each `low minus reference`; relative
        excess risk, attributable proportion and synergy index, with the cell of lowest risk as
        reference (said in `estimand`). A synergy index that is not defined has no numbers.

    Raises
    ------
    ModelError
        If a group has no row in the fit.

    Notes
    -----
    IC = p11 - p10 - p01 + p00; RERI = RR11 - RR10 - RR01 + 1; AP = RERI / RR11; S = (RR11 - 1) /
    (RR10 + RR01 - 2). Intervals by the delta method from the fit's own covariance; the choice of
    the reference cell is taken as given.

    References
    ----------
    Knol and VanderWeele (2012), International Journal of Epidemiology 41: 514-520; VanderWeele and
    Knol (2014), Epidemiologic Methods 3: 33-72.
    """
    refuse_unaveraged(fit, at)
    frame = fit.design.frame
    masks = group_masks(frame, modifier)
    absent = [name for name in (low, reference) if name not in masks]
    if absent:
        raise ModelError(
            f"no row of the fit is in the group {' or '.join(absent)}",
            modifier,
            f"use two of {', '.join(masks)}",
        )
    places = [
        movable(fit, exposure, at, frame.assign(**{modifier: _all_in(frame[modifier], name)}))
        if imposed
        else movable(fit, exposure, at).where(masks[name])
        for name in (reference, low)
    ]
    risks = _risks(fit, levels, places)
    terms = np.ones(len(fit.params), dtype=bool)
    members = {
        reference: masks[reference],
        low: masks[low],
        f"{low} minus {reference}": masks[low] | masks[reference],
    }
    corner = recommended_corner(
        infer(risks.combine(AVERAGES), fit, terms) if fit.convergence.status == "ok" else None
    )
    standard = "every client in either group" if imposed else "each group's own clients"
    return effect_rows(
        {
            "outcome": fit.design.outcome,
            "exposure": exposure,
            "estimand": f"{one.says}; {standard}",
            "scale": one.scale,
            "contrast": one.contrast,
            "group": one.group,
            "null_value": KINDS[one.scale].null_value,
            "unit": KINDS[one.scale].unit,
            **cells(infer(one.estimate, fit, terms), 0, one.scale),
            **counts_of(fit, members[one.group]),
        }
        for one in _measures(risks, corner, levels, low, reference)
    )


def _risks(fit: ModelFit, levels: Levels, places: list[Movable]) -> Estimates:
    """The four chances; of a fit without an answer without errors, so that no number is shown."""
    if fit.convergence.status != "ok":
        nothing = np.zeros((4, len(fit.theta) + len(fit.params)))
        return Estimates(np.full(4, 0.5), nothing)
    return together(
        [
            average_mean(fit.link, rows.set_to(value))
            for rows in places
            for value in (levels.low, levels.high)
        ]
    )


def _all_in(groups: pd.Series, name: str) -> pd.Categorical:
    """Everybody in one group, with the categories that the fit knows."""
    return pd.Categorical([name] * len(groups), categories=pd.Categorical(groups).categories)


@dataclass(frozen=True)
class _Measure:
    """One row to be: its estimate on the scale on which its interval is symmetric."""

    scale: str
    contrast: str
    group: str
    says: str
    estimate: Estimates


def _measures(
    risks: Estimates, corner: Corner, levels: Levels, low: str, reference: str
) -> list[_Measure]:
    """Every measure of the table, in its order."""
    logs = risks.logs()
    settings = [(group, value) for group in (reference, low) for value in (levels.low, levels.high)]
    rows = [
        _Measure("risk", f"at {value:.4g}", group, f"everybody at {value:.4g}", risks.only(place))
        for place, (group, value) in enumerate(settings)
    ]
    for group, weights in ((reference, [-1.0, 1.0, 0.0, 0.0]), (low, [0.0, 0.0, -1.0, 1.0])):
        for scale, cells_of in (("risk_difference", risks), ("risk_ratio", logs)):
            effect = cells_of.combine(np.array([weights]))
            rows.append(_Measure(scale, levels.name, group, levels.estimand, effect))
    group, value = settings[corner.order[0]]
    relative = f"relative to exposure {value:.4g} in {group}" + (
        ", coding turned round" if corner.recoded else ""
    )
    between = [
        ("interaction_contrast", "difference of the differences in risk", contrast_of(risks)),
        ("ratio_of_risk_ratios", "ratio of the ratios of risk", contrast_of(logs)),
        ("ratio_of_odds_ratios", "ratio of the ratios of odds", contrast_of(risks.logits())),
        ("relative_excess_risk", relative, excess_of(risks, corner)),
        ("attributable_proportion", relative, proportion_of(risks, corner)),
        ("synergy_index", relative, log_synergy_of(risks, corner)),
    ]
    both = f"{low} minus {reference}"
    return [*rows, *(_Measure(scale, levels.name, both, says, e) for scale, says, e in between)]
