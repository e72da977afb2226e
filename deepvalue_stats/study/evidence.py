"""The facts of design, data and fit by which claims are judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import BAND, agreement, assign_bands
from deepvalue_stats.models import ModelFit
from deepvalue_stats.plan import Plan, resolve_measure
from deepvalue_stats.plan.parts import ModelPlan
from deepvalue_stats.study.estimating import banded_name, decisive_groups, every_fit, speaking_of
from deepvalue_stats.study.fitting import Fitted
from deepvalue_stats.study.measuring import Measured
from deepvalue_stats.study.variants import ACROSS, HINGED, variant_name
from deepvalue_stats.study.words import in_words, outcome_words
from deepvalue_stats.tables import EffectTable, Evidence

# what each claim would need that no study has yet
_NEEDS: Mapping[str, str] = {
    "C4": "the study has one service area; several are needed, named in the plan",
    "C5": "the working conditions of practitioners are no part of the study",
    "C6": "practical help and human bond are no scores of their own here",
    "C7": "nothing here says what would happen if relationships were cut short",
    "C8": "costs are no part of the study",
}
# several may hold an employment service, whose practitioners may sanction
POLICED = ("employment", "several")
SANCTIONS = "sanction"


def gather_evidence(
    plan: Plan,
    fitted: Fitted,
    effects: EffectTable,
    linked: pd.DataFrame,
    influence: Mapping[str, bool] | None = None,
    measured: Measured | None = None,
) -> Evidence:
    """What the gates judge.

    Parameters
    ----------
    plan : Plan
    fitted : Fitted
    effects : EffectTable
        Of these fits.
    linked : pandas.DataFrame
        The analysis table, clients without a usable rating included.
    influence : mapping of str to bool, optional
        Whether leaving out a single unit moves the answer, by kind of unit.
    measured : Measured, optional
        What is known of the scales.

    Returns
    -------
    Evidence
    """
    model, fit = plan.models[plan.primary], fitted.fits[plan.primary]
    frame = fit.design.frame
    cluster, n_clusters = decisive_groups(fit)
    bands = fitted.banded.design.frame.groupby(BAND, observed=True)["client"].nunique()
    outcome = plan.outcomes[model.outcome]
    measure = plan.measures[model.exposure]
    across = fitted.variants.get(ACROSS)
    return Evidence(
        design=model.design or plan.clock.design,
        rater=measure.rater,
        reported_by=outcome.reported_by,
        exposure=in_words(model.exposure),
        outcome=outcome_words(plan),
        modifier=in_words(plan.equity.modifier),
        cluster=cluster,
        n_clusters=n_clusters,
        bands={str(name): int(n) for name, n in bands.items()},
        low=next(iter(plan.equity.bands)),
        reference=plan.equity.reference,
        converged={name: one.convergence.status == "ok" for name, one in _judged(plan, fitted)},
        corrected=_corrected(model, fit),
        area=plan.study.area,
        claims=_untestable(plan, fitted),
        split_by=model.split_by or "",
        **_by_practitioner(frame, model.exposure, fit),
        **_near_the_top(plan, frame),
        **(_of_the_scale(plan, measured) if measured else {}),
        rated_differs=_rated_differs(plan, linked),
        adjusted=tuple(in_words(name) for name in model.covariates),
        unlinked=_unlinked(plan),
        **_sanctions(plan, frame, linked),
        measured_late=_measured_late(plan),
        **(fitted.past.lead if fitted.past else {}),
        neutral=measure.neutral,
        shape_p=_p_of(effects, plan, HINGED, group="below neutral minus above neutral"),
        quadrature_doubt=_doubt(fit),
        base_rate=float(fit.design.response.mean()),
        locked=plan.verdicts.label == "confirmatory",
        influence=dict(influence or {}),
        same_client=speaking_of(plan, fitted)[0] != plan.primary,
        n_clients=int(frame["client"].nunique()),
        n_practitioners=_known_practitioners(frame),
        across=tuple(map(str, across.design.frame[_by(plan)].unique())) if across else (),
    )


def _corrected(model: ModelPlan, fit: ModelFit) -> bool:
    """Whether intervals allow for few groups: by level, or by a covariance made for few."""
    if model.estimator == "multilevel":
        return model.covariance is None
    return fit.clusters is not None and fit.clusters.covariance != "robust"


def _doubt(fit: ModelFit) -> str:
    """What is doubtful about a sound fit; that groups do not differ is an answer and no doubt."""
    check = getattr(fit, "laplace", None)
    doubtful = bool(check is not None and check.doubtful)
    settled = fit.convergence.status == "ok"
    return fit.convergence.message if settled and (doubtful or not fit.convergence.singular) else ""


def _by(plan: Plan) -> str:
    return plan.across.by if plan.across else ""


def _judged(plan: Plan, fitted: Fitted) -> list[tuple[str, ModelFit]]:
    """The fits on which claims rest."""
    rests = [(plan.primary, fitted.fits[plan.primary]), (banded_name(plan), fitted.banded)]
    spoken, _ = speaking_of(plan, fitted)
    rests += [(spoken, every_fit(plan, fitted)[spoken])] if spoken != plan.primary else []
    named = [name for name in (HINGED, ACROSS) if name in fitted.variants]
    return rests + [(variant_name(plan, name), fitted.variants[name]) for name in named]


def _untestable(plan: Plan, fitted: Fitted) -> dict[str, str]:
    found = {claim: why for claim, why in _NEEDS.items() if claim in plan.verdicts.claims}
    if ACROSS in fitted.variants:
        found.pop("C4", None)
    elif plan.across is not None and "C4" in found:
        found["C4"] = "the model of all service areas could not be fitted"
    if "C3" in plan.verdicts.claims:
        neutral = plan.measures[plan.models[plan.primary].exposure].neutral
        fit = fitted.variants.get(HINGED)
        if fit is None or neutral is None:
            found["C3"] = "no model with a bend at the neutral point could be fitted"
        elif not (fit.design.frame[plan.models[plan.primary].exposure] < neutral).any():
            found["C3"] = "no client rated the relationship below the neutral point"
    return found


def _known_practitioners(frame: pd.DataFrame) -> int | None:
    return int(frame["practitioner"].nunique()) if "practitioner" in frame else None


def _by_practitioner(frame: pd.DataFrame, exposure: str, fit: ModelFit) -> dict[str, Any]:
    """How the exposure and the outcome lie within and between practitioners."""
    if "practitioner" not in frame or frame["practitioner"].isna().any():
        return {}
    codes, names = pd.factorize(frame["practitioner"])
    if not 1 < len(names) < len(frame):
        return {}
    rated = _one_way(frame[exposure].to_numpy(dtype="float64"), codes)
    answered = _one_way(fit.design.response.astype("float64"), codes)
    sizes = np.bincount(codes)
    typical = float((sizes**2).sum() / sizes.sum())
    aware = "practitioner" in fit.spec.groups or "practitioner" in fit.spec.covariance
    return {
        "within_share": 1 - rated[0],
        "mean_reliability": rated[1],
        "design_effect": 1 + (typical - 1) * answered[0],
        "clustered": aware,
    }


def _one_way(values: np.ndarray, codes: np.ndarray) -> tuple[float, float]:
    """ICC(1) and ICC(2) by analysis of variance; below 0, or without any variation, 0."""
    try:
        found = agreement(values, codes, method="anova")
    except ModelError:
        return 0.0, 0.0
    return max(found.icc1, 0.0), max(found.icc2, 0.0)


def _near_the_top(plan: Plan, frame: pd.DataFrame) -> dict[str, Any]:
    """Shares of scores at the highest there can be, and in the top tenth of the scale."""
    name = plan.models[plan.primary].exposure
    lowest, highest = resolve_measure(name, plan.measures[name]).response_range
    scores = frame[name].to_numpy(dtype="float64")
    near = highest - (highest - lowest) / 10
    return {"at_top": float((scores >= highest).mean()), "near_top": float((scores >= near).mean())}


def _of_the_scale(plan: Plan, measured: Measured) -> dict[str, Any]:
    """How reliable the primary exposure is, and between whom it may be compared."""
    name = plan.models[plan.primary].exposure
    bands = (name, in_words(plan.equity.modifier))
    areas = (name, in_words(_by(plan)))
    return {
        "reliability": measured.reliability.get(name),
        "alike_in_bands": measured.comparable.get(bands, ""),
        "alike_in_areas": measured.comparable.get(areas, ""),
    }


def _rated_differs(plan: Plan, linked: pd.DataFrame) -> dict[str, float]:
    """Clients of the cohort with a usable rating against those without, by what is known of both.

    The cohort is whose outcome is known; with all or none of them rated there is nothing to say.
    Outcomes are compared within bands of confidence, as that alone makes some of them differ.
    """
    model, modifier = plan.models[plan.primary], plan.equity.modifier
    cohort = linked[linked[model.response].notna() & linked[modifier].notna()]
    rated = cohort[model.exposure].notna().to_numpy()
    if min(rated.sum(), (~rated).sum()) < 2:
        return {}
    outcome, score = (
        pd.to_numeric(cohort[name]).to_numpy(dtype="float64") for name in (model.response, modifier)
    )
    bands = assign_bands(cohort[modifier], plan.equity.bands).cat.codes.to_numpy()
    within = outcome - _band_means(outcome, bands)[bands]
    return {
        outcome_words(plan): standardised(within[rated], within[~rated]),
        in_words(modifier): standardised(score[rated], score[~rated]),
    }


def _band_means(values: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """The mean of every band; the last one's, by place -1, of who is in none."""
    present = [values[bands == band] for band in (*range(bands.max() + 1), -1)]
    return np.array([part.mean() if len(part) else 0.0 for part in present])


def standardised(a: np.ndarray, b: np.ndarray) -> float:
    """Difference of two means in standard deviations of what lies within; 0 where nothing varies.

    References
    ----------
    Austin (2009), Statistics in Medicine 28, equation 1.
    """
    spread = float(np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))
    return float(a.mean() - b.mean()) / spread if spread > 0 else 0.0


def _unlinked(plan: Plan) -> str:
    outcome = plan.outcomes[plan.models[plan.primary].outcome]
    source = (outcome.date or "").partition(".")[0]
    return plan.links[source].unlinked if source in plan.links else ""


def _sanctions(plan: Plan, frame: pd.DataFrame, linked: pd.DataFrame) -> dict[str, Any]:
    """Whether policing is told apart from supporting: where clients can be sanctioned."""
    if plan.study.area not in POLICED:
        return {}
    measured = [name for name, c in plan.covariates.items() if SANCTIONS in f"{name} {c.column}"]
    known = [name for name in measured if name in linked]
    if not known:
        return {"sanctions": "unmeasured"}
    model, name = plan.models[plan.primary], known[0]
    found: dict[str, Any] = {"sanctions": "adjusted" if name in model.covariates else "measured"}
    if name in frame and "practitioner" in frame:
        means = frame.groupby("practitioner", observed=True)[[name, model.exposure]].mean()
        if len(means) > 2 and (means.std() > 0).all():
            found["sanctions_correlation"] = float(means.corr().to_numpy()[0, 1])
    return found


def _measured_late(plan: Plan) -> tuple[str, ...]:
    """Covariates of the primary model no earlier than the exposure; the wave itself is none."""
    model = plan.models[plan.primary]
    late = []
    for name in model.covariates:
        declared = plan.covariates.get(name) or plan.measures.get(name)
        clock = getattr(declared, "column", None) == plan.clock.wave
        if declared is not None and declared.at is None and not clock:
            late.append(in_words(name))
    return tuple(late)


def _p_of(effects: EffectTable, plan: Plan, variant: str, **where: object) -> float | None:
    rows = effects.where(
        model=variant_name(plan, variant), scale="risk_difference", contrast="sd", **where
    ).frame
    known = rows["p_value"].dropna()
    return float(known.iloc[0]) if len(known) else None
