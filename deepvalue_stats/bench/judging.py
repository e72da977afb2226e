"""What the package's own verdicts say of a replicate, and how far its E-value warns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import stats

from deepvalue_stats.bench.samples import Sample, thinned
from deepvalue_stats.effects import Estimates, average_mean, e_value, predictor_of, together
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import ModelFit, fit_multilevel
from deepvalue_stats.study import gather_evidence
from deepvalue_stats.tables import LEVEL
from deepvalue_stats.verdicts import Verdict, judge

ANSWERS = (
    "supported",
    "no worthwhile effect",
    "harm",
    "not supported",
    "inconclusive",
    "cannot be tested here",
)
NOT_FITTED = "cannot be tested here"
GATES = ("timing", "same_rater", "assignment", "groups", "bands", "convergence")
DOUBTS = ("separated", "singular")
# words that would turn what goes together into what brings about; no design here earns one
CAUSAL = re.compile(
    r"\b(cause[sd]?|because|due to|leads? to|brings? about|raises?|lowers|increases|reduces?|"
    r"improves?|makes?|effects? of|impact)\b"
)


def judged(sample: Sample) -> dict[str, Any]:
    """Judge the claims C1 and C2 as a study does.

    Returns
    -------
    dict
        `c1`, `c2` (answers), `causal` (whether a verb or sentence claims a cause), each gate's
        outcome for the claim that is stricter, and the doubts of the primary fit. A primary model
        that is refused gives "cannot be tested here", and `refused`.
    """
    try:
        effects, fitted = sample.effects, sample.fitted
    except ModelError:
        doubts = dict.fromkeys(DOUBTS, False)
        return {"refused": True, "c1": NOT_FITTED, "c2": NOT_FITTED, "causal": False, **doubts}
    verdicts = judge(sample.plan, effects, gather_evidence(sample.plan, fitted))
    answers = {verdict.claim: verdict.answer for verdict in verdicts}
    convergence = sample.primary.convergence
    return {
        "refused": False,
        "c1": answers["C1"],
        "c2": answers["C2"],
        "causal": any(_causal(verdict) for verdict in verdicts),
        **_gates(verdicts),
        "separated": convergence.status == "separated",
        "singular": convergence.singular,
    }


def _gates(verdicts: tuple[Verdict, ...]) -> dict[str, str]:
    """The outcome of each gate for the last claim that has it: C2 has all of them."""
    return {gate.name: gate.outcome for verdict in verdicts for gate in verdict.gates}


def _causal(verdict: Verdict) -> bool:
    return bool(CAUSAL.search(f"{verdict.verb} {verdict.sentence}"))


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
        ratio, low, high = risk_ratio(fit, sample.model.exposure, sample.unit)
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
        shifted = _shifted(fit, sample.model.exposure, sample.unit).value
        found[f"factor_{name}"] = float(shifted[1] / shifted[0]) / ratio
    return found


def risk_ratio(fit: ModelFit, exposure: str, unit: float) -> tuple[float, float, float]:
    """The ratio of mean chances with everybody's exposure one unit higher and as it is.

    Parameters
    ----------
    fit : ModelFit
    exposure : str
    unit : float

    Returns
    -------
    tuple of float
        Ratio and its limits, symmetric on the log scale, by the delta method.
    """
    both = _shifted(fit, exposure, unit)
    weights = np.array([[-1.0, 1.0]]) / both.value
    spread = float(np.sqrt(both.combine(weights).covariance(fit.interval_joint)[0, 0]))
    dof = fit.degrees_of(np.array([term.startswith(exposure) for term in fit.terms]))
    half = float(stats.t.ppf((1 + LEVEL) / 2, dof)) * spread
    ratio = float(both.value[1] / both.value[0])
    return ratio, float(ratio * np.exp(-half)), float(ratio * np.exp(half))


def _shifted(fit: ModelFit, exposure: str, unit: float) -> Estimates:
    """The mean chance as it is, and with the exposure one unit higher."""
    frame = fit.design.frame
    moved = frame.assign(**{exposure: frame[exposure] + unit})
    return together([average_mean(fit.link, predictor_of(fit, rows)) for rows in (frame, moved)])


# how each flag that a preset expects is seen in a record; what is not here is not built yet
_BY_GATE = ("timing", "same_rater", "assignment", "groups")
FLAGS: Mapping[str, str] = MappingProxyType(
    {name: "gate" for name in _BY_GATE} | {name: "doubt" for name in DOUBTS}
)


def fired(flag: str, record: Mapping[Any, Any]) -> bool:
    """Whether a flag fired in a record of `judged`: a gate caps or blocks, or a doubt is there.

    Parameters
    ----------
    flag : str
        One of `FLAGS`.
    record : mapping
    """
    if FLAGS[flag] == "gate":
        return record.get(flag) in ("cap", "block")
    return bool(record[flag])
