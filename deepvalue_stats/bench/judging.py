"""What the package's own verdicts say of a replicate, and how far its E-value warns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import stats

from deepvalue_stats.bench.samples import Sample, thinned
from deepvalue_stats.effects import Contrast, average_effect, e_value, holm, pairs_of
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit, fit_multilevel
from deepvalue_stats.study import gather_evidence
from deepvalue_stats.tables import EffectTable
from deepvalue_stats.verdicts import Interval, Verdict, alike, judge

ANSWERS = (
    "supported",
    "no worthwhile effect",
    "harm",
    "not supported",
    "inconclusive",
    "cannot be tested here",
)
NOT_FITTED = "cannot be tested here"
GATES = (
    "timing", "same_rater", "assignment", "groups", "bands", "convergence", "ceiling",
    "attrition", "policing", "damage",
)  # fmt: skip
CLAIMS = ("C1", "C2", "C3")
SIGNIFICANT = 0.05
DOUBTS = ("separated", "singular")
# words that would turn what goes together into what brings about; no design here earns one
CAUSAL = re.compile(
    r"\b(cause[sd]?|because|due to|leads? to|brings? about|raises?|lowers|increases|reduces?|"
    r"improves?|makes?|effects? of|impact)\b"
)


def judged(sample: Sample) -> dict[str, Any]:
    """Judge the claims C1 to C3 as a study does.

    Returns
    -------
    dict
        `c1`, `c2`, `c3` (answers), `c1_holm`, ... (whether "supported" survives Holm over the
        claims), `causal` (whether a verb or sentence claims a cause), a gate's outcome for the
        last claim that has it, and the doubts of the primary fit. A primary model that is refused
        gives "cannot be tested here", and `refused`.
    """
    try:
        effects, fitted = sample.effects, sample.fitted
    except ModelError:
        doubts = dict.fromkeys(DOUBTS, False)
        answered = {claim.lower(): NOT_FITTED for claim in CLAIMS}
        survived = {f"{claim.lower()}_holm": False for claim in CLAIMS}
        return {"refused": True, **answered, **survived, "causal": False, **doubts}
    evidence = gather_evidence(sample.plan, fitted, effects, sample.linked)
    verdicts = judge(sample.plan, effects, evidence)
    answers = {verdict.claim: verdict.answer for verdict in verdicts}
    survive = _by_holm(effects)
    convergence = sample.primary.convergence
    return {
        "refused": False,
        **{claim.lower(): answers[claim] for claim in CLAIMS},
        **{
            f"{claim.lower()}_holm": answers[claim] == "supported" and claim in survive
            for claim in CLAIMS
        },
        "causal": any(_causal(verdict) for verdict in verdicts),
        **_gates(verdicts),
        "separated": convergence.status == "separated",
        "singular": convergence.singular,
    }


def _by_holm(effects: EffectTable) -> set[str]:
    """The claims whose p-value survives Holm over all claims of the study."""
    rows = effects.where(claim=CLAIMS).frame.dropna(subset="p_value")
    kept = holm(rows["p_value"].to_numpy()) < SIGNIFICANT
    return set(rows.loc[kept, "claim"])


def judged_across(samples: Sequence[Sample]) -> dict[str, str]:
    """Judge claim C4 over the areas of one replicate, each with a primary model of its own.

    Parameters
    ----------
    samples : sequence of Sample

    Returns
    -------
    dict
        `c4`; empty for a single area.
    """
    if len(samples) < 2:
        return {}
    try:
        effects = [_effect_of(sample) for sample in samples]
    except ModelError:
        return {"c4": NOT_FITTED}
    if any(one.status != "ok" for one in effects):
        return {"c4": NOT_FITTED}
    estimates = np.array([one.estimate for one in effects])
    covariance = np.diag([one.std_error**2 for one in effects])
    dof = min(float(one.dof) for one in effects)
    pairs = pairs_of([str(i) for i in range(len(effects))], estimates, covariance, dof)
    intervals = [Interval(pair.difference, pair.std_error, pair.dof) for pair in pairs]
    sizes = [2 * stats.t.sf(abs(one.estimate) / one.std_error, one.dof) for one in intervals]
    worthwhile = samples[0].plan.verdicts.smallest_worthwhile
    return {"c4": alike(intervals, holm(np.array(sizes)), worthwhile)}


def _effect_of(sample: Sample) -> Any:
    contrast = Contrast("sd", sample.unit)
    table = average_effect(sample.primary, sample.model.exposure, contrast=contrast)
    return next(table.frame.itertuples())


def _gates(verdicts: tuple[Verdict, ...]) -> dict[str, str]:
    """The outcome of each gate for the last claim that has it."""
    found = {gate.name: gate.outcome for verdict in verdicts for gate in verdict.gates}
    return {name: outcome for name, outcome in found.items() if name in GATES}


def _causal(verdict: Verdict) -> bool:
    return bool(CAUSAL.search(f"{verdict.verb} {verdict.sentence.template}"))


def sensitivity(sample: Sample, *, benchmark: bool) -> dict[str, Any]:
    """The risk ratio per SD of the primary model, its E-value, and what covariates do to it.

    Parameters
    ----------
    sample : Sample
    benchmark : bool
        Fit again without each covariate in turn.

    Returns
    -------
    dict
        risk_ratio, e_value, e_value_limit; with `benchmark`, `factor_<covariate>`: by how much
        leaving it out multiplies the risk ratio. Empty where there is no fit to ask.
    """
    try:
        fit = sample.primary
        if fit.convergence.status != "ok":
            return {}
        ratio, low, high = _risk_ratio(fit, sample)
        value = e_value(ratio, low, high)
        found = {"risk_ratio": ratio, "e_value": value.estimate, "e_value_limit": value.limit}
        return found | (_benchmark(sample, ratio) if benchmark else {})
    except ModelError:
        return {}


def _benchmark(sample: Sample, ratio: float) -> dict[str, float]:
    found = {}
    for name in sample.model.covariates:
        less = thinned(sample, name)
        fit = fit_multilevel(less.multilevel_formula(less.model), sample.rows.frame)
        found[f"factor_{name}"] = _risk_ratio(fit, sample)[0] / ratio
    return found


def _risk_ratio(fit: ModelFit, sample: Sample) -> tuple[float, float, float]:
    """The ratio of mean chances with everybody's exposure one fixed unit higher and as it is."""
    unit = Contrast("sd", sample.unit)
    table = average_effect(fit, sample.model.exposure, contrast=unit, scale="risk_ratio")
    row = table.frame.iloc[0]
    return float(row["estimate"]), float(row["conf_low"]), float(row["conf_high"])


# how each flag that a preset expects is seen in a record; what is not here is not built yet
_BY_GATE = (
    "timing", "same_rater", "assignment", "groups", "ceiling", "attrition", "policing", "damage",
)  # fmt: skip
FLAGS: Mapping[str, str] = MappingProxyType(
    {name: "gate" for name in _BY_GATE}
    | {name: "doubt" for name in DOUBTS}
    | {"heterogeneity": "claim"}
)
# who answers goes with confidence in every preset, which is held fixed and noted: a flag is a cap
_CAPS = ("attrition",)


def fired(flag: str, record: Mapping[Any, Any]) -> bool:
    """Whether a flag fired in a record of `judged`: a gate does not pass, or a doubt is there.

    Parameters
    ----------
    flag : str
        One of `FLAGS`.
    record : mapping
    """
    if FLAGS[flag] == "claim":
        return record.get("c4") == "not supported"
    if FLAGS[flag] == "gate":
        open_to = ("cap", "block") if flag in _CAPS else ("note", "cap", "block")
        return record.get(flag) in open_to
    return bool(record[flag])
