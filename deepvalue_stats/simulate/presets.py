"""Services each with one thing planted: what is true of them, and what misleads about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal

from deepvalue_stats.errors import PlanError
from deepvalue_stats.simulate.areas import AREAS
from deepvalue_stats.simulate.parameters import Parameters

ALL_AREAS = tuple(AREAS)


@dataclass(frozen=True)
class Preset:
    """A service with something planted.

    Attributes
    ----------
    name, title : str
        Key, and a label of a few words.
    story : str
        What happened in this service, in plain words.
    naive : str
        What a hurried analysis makes of it as a rule, as the rest of a sentence about it.
    target : str
        The group of clients whom estimates are held to: `rated`, or `at_risk` where who is rated
        is itself the trouble.
    truth : str
        Whether a better relationship brings more good outcomes: benefit, none or harm.
    flag : str
        The gate or doubt that ought to speak; empty where the records mislead nobody who follows
        the clock.
    changes : mapping of str to object
        Parameters that differ from the defaults.
    """

    name: str
    title: str
    story: str
    naive: str
    target: Literal["rated", "at_risk"]
    truth: Literal["benefit", "none", "harm"]
    flag: str
    changes: Mapping[str, Any] = field(default_factory=dict)


_NO_EFFECT = {"effect_within": 0.0, "effect_between": 0.0}

_ALL = (
    Preset(
        "everyday",
        "Everyday records",
        "The relationship helps, most of all where confidence is low, and a bad one does harm. The "
        "records are as they come: needier clients get on less well, one outcome in ten does not "
        "link, more at low confidence, and working conditions act on outcomes of their own.",
        "comes close, and a little too high.",
        "rated",
        "benefit",
        "",
        {
            "areas": ALL_AREAS,
            "effect_by_confidence": -0.40,
            "effect_below_neutral": 0.30,
            "need_relationship": -0.15,
            "conditions_effect": 0.10,
            "link_sensitivity": (0.88, 0.92, 0.94),
        },
    ),
    Preset(
        "claim_true",
        "The claim is true",
        "A better relationship raises the chance of a good outcome, by the same odds for "
        "everybody. Nothing spoils the records.",
        "is a little too high, because confident clients get on better and do better.",
        "rated",
        "benefit",
        "",
    ),
    Preset(
        "null",
        "No effect at all",
        "The relationship has nothing to do with the outcome. Confidence moves both a little, and "
        "is measured.",
        "sees a small gain, because confident clients get on better and do better.",
        "rated",
        "none",
        "",
        _NO_EFFECT,
    ),
    Preset(
        "reversed",
        "Friendly practitioners, worse outcomes",
        "Practitioners who put harmony first ask less of their clients, and fewer of these find "
        "their way, as Behncke, Froelich and Lechner (2010) found among Swiss caseworkers.",
        "finds the harm, a little too small.",
        "rated",
        "harm",
        "",
        {"effect_within": -0.30, "effect_between": -0.30},
    ),
    Preset(
        "confounded",
        "A hidden cause",
        "Motivated clients get on better with everybody and would have had the outcome anyway. "
        "Nobody measured motivation.",
        "sees an effect that is not there. So does every method that only adjusts for what was "
        "measured.",
        "rated",
        "none",
        "assignment",
        _NO_EFFECT
        | {"hidden_relationship": 0.50, "hidden_effect": 0.60, "need_relationship": -0.15},
    ),
    Preset(
        "reverse_caused",
        "The outcome came first",
        "Ratings go on being asked for a year. Clients who have had their outcome look back kindly "
        "on whoever helped them.",
        "takes gratitude for a cause.",
        "rated",
        "none",
        "",
        _NO_EFFECT
        | {
            "late_rating_days": (120, 180, 240, 300, 360),
            "late_rating_share": 0.80,
            "rating_share_after": 1.0,
            "rating_lift_after": 1.2,
        },
    ),
    Preset(
        "halo",
        "One person gives both",
        "The client rates the practitioner and also reports the outcome. On a good day both sound "
        "better than they are.",
        "takes a mood for an effect.",
        "rated",
        "none",
        "same_rater",
        _NO_EFFECT | {"mood_rating": 0.60, "mood_report": 0.80},
    ),
    Preset(
        "ceiling",
        "Everybody is satisfied",
        "The claim is true, but most ratings stand at the top of the scale, where better and best "
        "look the same.",
        "finds the effect, and cannot tell good from best.",
        "rated",
        "benefit",
        "ceiling",
        {"rating_thresholds": (-2.6, -2.1, -1.4, -0.5)},
    ),
    Preset(
        "attrition",
        "Only some stay to be asked",
        "Clients who did well and liked their practitioner answer the questionnaire; others who "
        "did well have moved on. The relationship itself changes nothing.",
        "sees an effect that is made by who answers.",
        "at_risk",
        "none",
        "attrition",
        _NO_EFFECT | {"responder_by_outcome": 0.50, "responder_by_both": 0.80},
    ),
    Preset(
        "linkage_error",
        "Unequal linkage",
        "The effect is the same at every level of confidence. But outcomes of clients with low "
        "confidence are often not found in the register, and count as none.",
        "takes whom the link missed for clients without the outcome.",
        "at_risk",
        "benefit",
        "linkage",
        {"link_sensitivity": (0.55, 0.85, 0.97)},
    ),
    Preset(
        "policing",
        "Policing mixed with support",
        "Practitioners who sanction much are trusted less, and sanctions keep people from the "
        "outcome. The relationship itself changes nothing.",
        "gives the relationship the blame for the sanctions.",
        "rated",
        "none",
        "policing",
        _NO_EFFECT
        | {
            "practitioner_share": 0.25,
            "sanction_share": 0.15,
            "sanction_relationship": -0.80,
            "sanction_effect": -0.40,
        },
    ),
    Preset(
        "damage",
        "Bad relationships do damage",
        "Above the neutral point a better relationship changes little. Below it, every step down "
        "costs outcomes.",
        "reports one average slope, and misses where the harm is done.",
        "rated",
        "benefit",
        "damage",
        {
            "effect_within": 0.05,
            "effect_between": 0.05,
            "effect_below_neutral": 0.80,
            "neutral": -0.50,
        },
    ),
    Preset(
        "additive_only",
        "Larger at low confidence, in clients",
        "Good relationships multiply everybody's chance by the same factor. Clients with low "
        "confidence start from a higher chance here, so more of them gain.",
        "finds no interaction, if it looks at ratios.",
        "rated",
        "benefit",
        "",
        {
            "scale": "log",
            "effect_within": 0.25,
            "effect_between": 0.25,
            "confidence_effect": -0.40,
            "age_effect": -0.05,
            "need_effect": -0.10,
        },
    ),
    Preset(
        "ratio_only",
        "Larger at low confidence, in ratios",
        "Good relationships add the same number of outcomes in every hundred, whatever the "
        "confidence. Clients with low confidence start lower, so their chance is multiplied more.",
        "claims that low confidence gains more, if it looks at ratios.",
        "rated",
        "benefit",
        "",
        {
            "scale": "identity",
            "base_rate": 0.35,
            "effect_within": 0.06,
            "effect_between": 0.06,
            "confidence_effect": 0.07,
            "age_effect": -0.01,
            "need_effect": -0.02,
        },
    ),
    Preset(
        "few_practitioners",
        "Few practitioners",
        "The claim is true, and only twelve practitioners stand for all others. What they do for "
        "outcomes differs much.",
        "is far too sure of itself.",
        "rated",
        "benefit",
        "groups",
        {
            "services": 3,
            "practitioners": 4,
            "caseload": 140.0,
            "practitioner_share": 0.25,
            "outcome_icc": 0.10,
        },
    ),
    Preset(
        "no_practitioner_variance",
        "Practitioners do not differ",
        "The claim is true, and once the relationship is known it does not matter who the "
        "practitioner was.",
        "is a little too high; there is no clustering to overlook.",
        "rated",
        "benefit",
        "singular",
        {"outcome_icc": 0.0},
    ),
    Preset(
        "separation",
        "A covariate decides",
        "Some clients are barred from the outcome, whatever happens. The claim is true for all "
        "others.",
        "leaves the covariate out, and never notices.",
        "rated",
        "benefit",
        "separated",
        {"barred_share": 0.08},
    ),
    Preset(
        "alike",
        "Elements alike across areas",
        "The same items show the relationship in employment, debt and health, and it helps by the "
        "same odds in each.",
        "comes close in each area.",
        "rated",
        "benefit",
        "",
        {"areas": ALL_AREAS},
    ),
    Preset(
        "not_alike",
        "Elements not alike across areas",
        "In debt advice the human bond hardly shows in the answers, in health practical help does "
        "not. The relationship helps in employment, not in debt, and most in health.",
        "pools three different things into one number.",
        "rated",
        "benefit",
        "heterogeneity",
        {
            "areas": ALL_AREAS,
            "weak_items": ((), (0, 1, 2, 3), (8, 9, 10, 11)),
            "effect_by_area": (1.0, 0.0, 1.8),
        },
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})


def preset_parameters(
    name: str,
    *,
    areas: tuple[str, ...] | None = None,
    services: int | None = None,
    practitioners: int | None = None,
    caseload: float | None = None,
) -> Parameters:
    """Find the parameters of a preset, in a size of one's own where asked.

    Parameters
    ----------
    name : str
    areas, services, practitioners, caseload
        As for `simulate_service`; None keeps the preset's own.

    Returns
    -------
    parameters : Parameters

    Raises
    ------
    PlanError
        The preset or an area is not known, or a size is below 1.
    """
    preset = known("preset", name, PRESETS)
    for area in areas or ():
        known("area", area, AREAS)
    sizes = {"services": services, "practitioners": practitioners, "caseload": caseload}
    changes = dict(preset.changes) | {key: size for key, size in sizes.items() if size is not None}
    if areas is not None:
        changes = _for_areas(changes, areas)
    if practitioners == 1:
        changes["second_practitioner_share"] = 0.0  # there is no colleague
    return replace(Parameters(), **changes)


def _for_areas(changes: dict[str, Any], areas: tuple[str, ...]) -> dict[str, Any]:
    """Keep what a preset says of single areas for the areas that are asked for."""
    own = changes.get("areas", Parameters().areas)
    kept = dict(changes, areas=areas)
    for key in ("weak_items", "effect_by_area"):
        if key in changes:
            kept[key] = tuple(changes[key][own.index(area)] for area in areas)
    return kept


def known(what: str, name: str, among: Mapping[str, Any], verb: str = "simulate_service") -> Any:
    """Find what has a name, or refuse with those that there are."""
    if name in among:
        return among[name]
    close = get_close_matches(name, among, n=1)
    meant = f"did you mean '{close[0]}'? " if close else ""
    raise PlanError(
        f"there is no {what} '{name}'",
        f"{verb}, {what}",
        f"{meant}use one of: {', '.join(among)}",
    )
