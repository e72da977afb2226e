"""The register of instruments, each with its source; no item of anybody else's stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from deepvalue_stats.plan.instrument import Instrument
from deepvalue_stats.plan.wording import (
    ADVISER_CLIENT,
    AGREEMENT,
    DEEP_VALUE_CLIENT,
    DEEP_VALUE_PRACTITIONER,
    FREQUENCY,
)

_NO_RULE = "no rule for unanswered items was found: the plan states `minimum_items`"
_RULE = "whether the authors have a rule for unanswered items"
_BETTER = "a higher score is a better relationship"
_MIT = "MIT, wording of this package"
_STAR = (
    "McGuire-Snieckus, McCabe, Catty, Hansson and Priebe (2007), A new scale to assess the "
    "therapeutic relationship in community mental health care: STAR, Psychological Medicine 37"
)
_STAR_UNVERIFIED = (
    "which positions belong to which subscale, and so which three items are reversed: the plan "
    "names them in `reversed` and `subscales`, from the form itself",
    "that the authors add the items up (0 to 48)",
    "terms of use",
    _RULE,
)

_OWN = (
    Instrument(
        name="deep_value",
        title="Deep Value relationship scale",
        n_items=12,
        response_range=(1, 5),
        raters=("client", "practitioner"),
        direction="a higher score is a more effective relationship",
        licence=_MIT,
        reference=(
            "Elements named by Bell and Smerdon (2011), Deep Value, Community Links: "
            "understanding, respect, trust, time, practical knowledge, agreed goals"
        ),
        scoring="mean",
        minimum_items=6,
        missing_rule="with half of the items or more the mean of those that were answered",
        subscales=MappingProxyType(
            {
                "understanding": (1, 2),
                "respect": (3, 4),
                "trust": (5, 6),
                "time": (7, 8),
                "practical_knowledge": (9, 10),
                "goal_agreement": (11, 12),
            }
        ),
        notes=("The wording is invented and has not been tried out on anybody.",),
        responses=AGREEMENT,
        wording=MappingProxyType(
            {"client": DEEP_VALUE_CLIENT, "practitioner": DEEP_VALUE_PRACTITIONER}
        ),
    ),
    Instrument(
        name="adviser_relationship",
        title="Adviser relationship form, as in surveys of employment services",
        n_items=6,
        response_range=(1, 5),
        raters=("client",),
        direction=_BETTER,
        licence=_MIT,
        reference="Wording of this package, in the manner of UK surveys of employment services",
        scoring="mean",
        minimum_items=3,
        missing_rule="with half of the items or more the mean of those that were answered",
        notes=(
            "The responses are ordered words, scored as whole numbers.",
            "The wording is invented and has not been tried out on anybody.",
        ),
        responses=FREQUENCY,
        wording=MappingProxyType({"client": ADVISER_CLIENT}),
    ),
)

_ALLIANCE = (
    Instrument(
        name="wai_sr",
        title="Working Alliance Inventory, short form revised, for clients (WAI-SR)",
        n_items=12,
        response_range=(1, 5),
        raters=("client",),
        direction="a higher score is a stronger alliance",
        licence="copyright of the Society for Psychotherapy Research: ask for permission",
        reference=(
            "Hatcher and Gillaspy (2006), Development and validation of a revised short version of "
            "the Working Alliance Inventory, Psychotherapy Research 16"
        ),
        scoring="sum",
        missing_rule=_NO_RULE,
        subscales=MappingProxyType(
            {"bond": (3, 5, 7, 9), "goal": (4, 6, 8, 11), "task": (1, 2, 10, 12)}
        ),
        notes=(
            "Goal and task go together at .70 to .85: their difference says little.",
            "The therapist's form is not in the register: declare it as a measure of its own.",
        ),
        unverified=(
            "positions of the subscales and the sum are as guides to scoring print them; the "
            "article itself was not seen",
            "the correlation of goal and task",
            _RULE,
        ),
    ),
    Instrument(
        name="srs_3",
        title="Session Rating Scale, version 3 (SRS)",
        n_items=4,
        response_range=(0, 10),
        raters=("client",),
        direction="a higher score is a better session and alliance",
        licence="copyright of Miller, Duncan and Johnson: ask them for a licence",
        reference=(
            "Duncan, Miller, Sparks, Claud, Reynolds, Brown and Johnson (2003), The Session Rating "
            "Scale, Journal of Brief Therapy 3"
        ),
        scoring="sum",
        missing_rule=_NO_RULE,
        notes=(
            "Four lines of 10 cm. The reader takes whole numbers: round to the centimetre, or "
            "declare millimetres as a scale outside the register, with range = [0, 100].",
            "A total of about 36 is the authors' cut for talking about the session.",
        ),
        unverified=(
            "whether a total of exactly 36 is above or below the cut: sources differ",
            _RULE,
        ),
    ),
    Instrument(
        name="star_p",
        title="Scale to Assess the Therapeutic Relationship, patient form (STAR-P)",
        n_items=12,
        response_range=(0, 4),
        raters=("client",),
        direction=_BETTER,
        licence="items not shipped; ask the authors",
        reference=_STAR,
        scoring="sum",
        reversed_items=None,
        missing_rule=_NO_RULE,
        notes=(
            "Positive collaboration has 6 items, positive clinician input 3, and non-supportive "
            "clinician input 3, which are reversed.",
        ),
        unverified=_STAR_UNVERIFIED,
    ),
    Instrument(
        name="star_c",
        title="Scale to Assess the Therapeutic Relationship, clinician form (STAR-C)",
        n_items=12,
        response_range=(0, 4),
        raters=("practitioner",),
        direction=_BETTER,
        licence="items not shipped; ask the authors",
        reference=_STAR,
        scoring="sum",
        reversed_items=None,
        missing_rule=_NO_RULE,
        notes=(
            "Positive collaboration has 6 items, positive clinician input 3, and emotional "
            "difficulties 3, which are reversed.",
            "Its items are not those of the patient form: an equal score is not the same answer.",
        ),
        unverified=_STAR_UNVERIFIED,
    ),
)

_CARE = (
    Instrument(
        name="care",
        title="Consultation and Relational Empathy measure (CARE)",
        n_items=10,
        response_range=(1, 5),
        raters=("client",),
        direction="a higher score is more empathy in the consultation",
        licence="copyright of Stewart W. Mercer (2004), free to use as it is; items not shipped",
        reference=(
            "Mercer, Maxwell, Heaney and Watt (2004), The consultation and relational empathy "
            "(CARE) measure, Family Practice 21; Mercer, McConnachie, Maxwell, Heaney and Watt "
            "(2005), Family Practice 22"
        ),
        scoring="sum",
        minimum_items=8,
        missing_rule=(
            "up to two items that do not apply or were left out take the mean of the others; with "
            "more there is no score"
        ),
        notes=(
            "The form offers 'does not apply': name its code in `not_applicable`.",
            "Scores crowd at the top: 48% of nurses' patients gave the highest.",
        ),
    ),
    Instrument(
        name="pcas_communication_interpersonal",
        title="Primary Care Assessment Survey: communication and interpersonal treatment (PCAS)",
        n_items=10,
        response_range=(1, 6),
        raters=("client",),
        direction="a higher score is a better rated physician",
        licence="items not shipped; ask the authors",
        reference="Safran et al. (1998), The Primary Care Assessment Survey, Medical Care 36",
        scoring="mean",
        missing_rule=_NO_RULE,
        notes=("The authors' scales run from 0 to 100: `percent_of_maximum` gives that.",),
        unverified=(
            "that the two scales of the survey have five items each: ten is what the records "
            "of one public study hold",
            "which positions are communication, and which interpersonal treatment",
            _RULE,
        ),
    ),
)

_PERSON = (
    Instrument(
        name="gse",
        title="General Self-Efficacy scale (GSE)",
        n_items=10,
        response_range=(1, 4),
        raters=("client",),
        direction="a higher score is more confidence",
        licence="free for research with due credit, by the authors' notes for users",
        reference=(
            "Schwarzer and Jerusalem (1995), Generalized Self-Efficacy scale, in Weinman, Wright "
            "and Johnston, Measures in health psychology"
        ),
        scoring="sum",
        minimum_items=7,
        missing_rule="with no more than three items missing the mean of those that were answered",
        notes=("The authors give no cut-off.",),
    ),
    Instrument(
        name="pam_13",
        title="Patient Activation Measure, 13 items (PAM-13)",
        n_items=13,
        response_range=(1, 4),
        raters=("client",),
        direction="a higher score is more activation",
        licence="licensed by Insignia Health; items and conversion table not shipped",
        reference=(
            "Hibbard, Mahoney, Stockard and Tusler (2005), Development and testing of a short form "
            "of the Patient Activation Measure, Health Services Research 40"
        ),
        scoring="mean",
        missing_rule=_NO_RULE,
        notes=(
            "The form offers 'not applicable': name its code in `not_applicable`.",
            "The activation score from 0 to 100 needs a licensed conversion table. The package "
            "does not make it and gives the raw mean only; the percent of the maximum is no "
            "activation score.",
            "Levels of the activation score: 1 up to 47.0, 2 up to 55.1, 3 up to 72.4, 4 above. "
            "None can be read off the raw mean.",
        ),
        unverified=(_RULE,),
    ),
)

INSTRUMENTS: Mapping[str, Instrument] = MappingProxyType(
    {one.name: one for one in (*_OWN, *_ALLIANCE, *_CARE, *_PERSON)}
)
