"""Panels of families each with one thing planted: what is true, and what misleads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from deepvalue_stats.simulate.families.parameters import FamilyParameters
from deepvalue_stats.simulate.presets import Preset, known

_NOTHING = {"effect_within": 0.0, "effect_between": 0.0, "break_effect": ()}

_ALL = (
    Preset(
        "everyday",
        "Everyday interviews",
        "The relationship helps, most of all where confidence is low, and a bad one does harm. A "
        "change of adviser costs something for two years. Needier families get on less well, and "
        "families with low confidence are lost to the study sooner. One case in eight is closed a "
        "year; who closed it may leave, and takes nothing away.",
        "finds the effect, and makes it too large, because needier families get on less well.",
        "rated",
        "benefit",
        "",
        {
            "effect_by_confidence": -0.40,
            "effect_below_neutral": 0.30,
            "need_relationship": -0.15,
            "dropout_share": 0.08,
            "dropout_by_confidence": -0.40,
            "closing_share": 0.12,
        },
    ),
    Preset(
        "claim_true",
        "The claim is true",
        "A better relationship raises the chance of keeping in control, by the same odds for "
        "everybody, and a change of adviser costs something for two years.",
        "is a little too high, because confident families get on better and do better.",
        "rated",
        "benefit",
        "",
    ),
    Preset(
        "null",
        "No effect at all",
        "Neither the relationship nor a change of adviser has anything to do with the outcome. "
        "Confidence moves relationship and outcome a little, and is measured.",
        "sees a small gain, because confident families get on better and do better.",
        "rated",
        "none",
        "",
        _NOTHING,
    ),
    Preset(
        "reversed",
        "Friendly advisers, worse outcomes",
        "Advisers who put harmony first ask less of families, and fewer of these keep in control.",
        "finds the harm, a little too small.",
        "rated",
        "harm",
        "",
        {"effect_within": -0.30, "effect_between": -0.30, "break_effect": ()},
    ),
    Preset(
        "confounded",
        "A hidden trait",
        "Some families get on well with everybody and keep in control anyway. Nobody measured why, "
        "but it does not change from year to year.",
        "sees an effect that is not there. Changes within families show none.",
        "rated",
        "none",
        "assignment",
        _NOTHING | {"hidden_relationship": 0.45, "hidden_effect": 1.0},
    ),
    Preset(
        "reverse_caused",
        "The outcome came first",
        "Families who keep in control think better of their adviser, that year and the next. The "
        "relationship changes nothing.",
        "takes gratitude for a cause, and so do changes within families.",
        "rated",
        "none",
        "lead",
        _NOTHING | {"rating_lift_now": 0.60, "rating_lift_next": 0.60},
    ),
    Preset(
        "feedback",
        "Each feeds the other",
        "The claim is true. But a year in control also makes the next year's relationship better, "
        "and after a bad year families more often ask for another adviser.",
        "finds the effect, too large between families and off within them.",
        "rated",
        "benefit",
        "lead",
        {"feedback": 0.50, "own_by_outcome": -0.50},
    ),
    Preset(
        "attrition",
        "Only some stay to be asked",
        "Families who did well and liked their adviser go on being interviewed, as do those who "
        "did badly and did not; others who did well have moved on. The relationship changes "
        "nothing.",
        "sees an effect that is made by who stays, and so, less, do changes within families.",
        "rated",
        "none",
        "attrition",
        _NOTHING | {"dropout_share": 0.20, "dropout_by_both": -2.0},
    ),
    Preset(
        "breaks_hurt",
        "Breaks hurt more and more",
        "Advisers leave for reasons of their own, and families never quite recover: each year "
        "after the change costs more than the last, and the more the earlier it came.",
        "takes families that changed long ago for a comparison, and finds too little harm.",
        "rated",
        "benefit",
        "breaks",
        {
            "turnover_outside": 1.0,
            "break_effect": (-0.40, -0.90, -1.40, -1.90, -2.40),
            "break_by_first": -0.20,
        },
    ),
)

FAMILY_PRESETS: Mapping[str, Preset] = MappingProxyType({one.name: one for one in _ALL})


def family_parameters(
    name: str,
    *,
    services: int | None = None,
    practitioners: int | None = None,
    families: int | None = None,
    waves: int | None = None,
) -> FamilyParameters:
    """Find the parameters of a preset, in a size of one's own where asked.

    Parameters
    ----------
    name : str
    services, practitioners, families, waves : int, optional
        As for `simulate_families`; None keeps the preset's own.

    Returns
    -------
    FamilyParameters

    Raises
    ------
    PlanError
        The preset is not known, or a size is too small.
    """
    preset = known("preset", name, FAMILY_PRESETS, "simulate_families")
    sizes = {
        "services": services,
        "practitioners": practitioners,
        "families": families,
        "waves": waves,
    }
    asked = {key: size for key, size in sizes.items() if size is not None}
    return replace(FamilyParameters(), **{**preset.changes, **asked})
