"""One replicate as each estimator sees it: rows, plan and unit, with fits that are made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from deepvalue_stats.bench.example import SIZE
from deepvalue_stats.bench.plans import preset_plan
from deepvalue_stats.data import Column, Dataset, TableSchema
from deepvalue_stats.effects import Levels
from deepvalue_stats.errors import ModelError
from deepvalue_stats.linkage import Linked, model_rows
from deepvalue_stats.measures import within_between
from deepvalue_stats.models import ModelFit, build_formula, build_random_part
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.parts import ModelPlan
from deepvalue_stats.simulate import (
    AREAS,
    PRESETS,
    Parameters,
    Superpopulation,
    preset_parameters,
    superpopulation,
)
from deepvalue_stats.study import Fitted, Prepared, estimate_effects, fit_model
from deepvalue_stats.study.fitting import fit_variant
from deepvalue_stats.study.variants import HINGED, variants_of
from deepvalue_stats.tables import EffectTable

Score = Literal["observed", "error_free"]
# error-free scores show whether an estimator is right when nothing else is wrong
ERROR_FREE = ("claim_true", "null", "damage")
# the flag of presets in which a hurried analysis would take all areas together
POOLED = "heterogeneity"
BANDS = ("low", "high", "low_minus_high")
_SCHEMA = TableSchema(
    "linked",
    ("client",),
    (
        Column("client", "id", "client", "clients"),
        Column("practitioner", "id", "practitioner", "contacts"),
    ),
)


@dataclass(frozen=True)
class Sample:
    """The rows of one replicate, area and score.

    Attributes
    ----------
    plan : Plan
        With the primary model only, whose fits are those of the verdicts.
    everyone : pandas.DataFrame
        All clients in the extracts with any rating, early or late: of the area, or of all areas
        where what differs between areas is what was planted.
    cohort : pandas.DataFrame
        Who belongs to the plan's cohort, columns named as the plan names them.
    unrated : pandas.DataFrame
        Who would, but for a usable rating.
    neutral : float
        The neutral point, in points of the cohort's score.
    unit : float
        The SD of the score among all clients there could be, in the points of the cohort's score.
    score : str
        observed, or error_free: then the true relationship stands in the place of the score.
    preset : str
    """

    plan: Plan
    everyone: pd.DataFrame
    cohort: pd.DataFrame
    unit: float
    score: Score
    preset: str
    unrated: pd.DataFrame
    neutral: float

    @property
    def model(self) -> ModelPlan:
        """The primary model."""
        return self.plan.models[self.plan.primary]

    @property
    def split(self) -> ModelPlan:
        """The primary model with the exposure in its parts within and between practitioners."""
        return self.model.model_copy(update={"split": "within_between", "split_by": "practitioner"})

    @cached_property
    def rows(self) -> Dataset:
        """The complete rows of the primary model."""
        return model_rows(self.plan, self.model, Dataset(self.cohort, _SCHEMA))

    @cached_property
    def split_rows(self) -> pd.DataFrame:
        """Those rows with the parts of the score: the true ones of an error-free score."""
        name = self.model.exposure
        if self.score == "observed":
            return within_between(self.rows, name, "practitioner").frame
        frame = self.rows.frame
        return frame.assign(
            **{f"{name}_within": frame["true_within"], f"{name}_between": frame["true_between"]}
        )

    @cached_property
    def primary(self) -> ModelFit:
        """The primary model, fitted as a study fits it."""
        return fit_model(self._prepared, self.plan.primary)

    @cached_property
    def banded(self) -> ModelFit:
        """The primary model with the effect free to differ by band of confidence."""
        return fit_model(self._prepared, self.plan.primary, banded=True)

    @cached_property
    def hinged(self) -> ModelFit:
        """The primary model with one slope below the neutral point and one above it."""
        model = self.plan.measures[self.model.exposure].model_copy(update={"neutral": self.neutral})
        measures = {**self.plan.measures, self.model.exposure: model}
        plan = self.plan.model_copy(update={"measures": measures})
        return fit_variant(replace(self._prepared, plan=plan), variants_of(plan)[HINGED])

    @cached_property
    def fitted(self) -> Fitted:
        """What a study fits: the models on which its claims rest."""
        try:
            variants = {HINGED: self.hinged}
        except ModelError:
            variants = {}
        return Fitted({self.plan.primary: self.primary}, self.banded, {}, variants)

    @property
    def levels(self) -> Levels:
        """A less and a more effective relationship, one SD below the mean and above it."""
        if self.score == "error_free":
            return Levels(-1.0, 1.0)
        center = float(self.rows.frame[self.model.exposure].mean())
        return Levels(center - self.unit, center + self.unit)

    @property
    def linked(self) -> pd.DataFrame:
        """The cohort with clients who have no usable rating."""
        return pd.concat([self.cohort, self.unrated], ignore_index=True)

    @cached_property
    def effects(self) -> EffectTable:
        """Every effect of the study, per SD of the score among its own rows."""
        return estimate_effects(self.plan, self.fitted)

    def formula(self, model: ModelPlan) -> str:
        """The fixed part of a model of the plan."""
        return build_formula(self.plan, model)

    def multilevel_formula(self, model: ModelPlan) -> str:
        """The fixed and the random part of a model of the plan."""
        return f"{self.formula(model)} + {build_random_part(self.plan, model)}"

    @property
    def _prepared(self) -> Prepared:
        linked = Linked(self.cohort, _SCHEMA)
        return Prepared(self.plan, {}, linked, pd.Series(dtype="object"))


def samples_of(preset: str, table: pd.DataFrame) -> Iterator[tuple[str, Sample]]:
    """Lay out each area of an analysis table, with the score as observed and without error.

    Parameters
    ----------
    preset : str
    table : pandas.DataFrame
        As `simulate.analysis_table` makes it.

    Yields
    ------
    tuple of str and Sample
        Area and sample.
    """
    extracted = table[table["consented"].to_numpy()]
    everyone = extracted[extracted["relationship_all"].notna()]
    pooled = PRESETS[preset].flag == POOLED
    open_to_it = extracted[["at_risk", "complete"]].all(axis=1)
    in_cohort = open_to_it & extracted["rated"]
    for area in bench_parameters(preset).areas:
        plan = bench_plan(preset, area)
        outcome = plan.models[plan.primary].outcome
        names = {"outcome": outcome, "need": AREAS[area].need_column}
        here = extracted["area"] == area
        cohort = extracted[in_cohort & here].rename(columns=names).reset_index(drop=True)
        unrated = extracted[open_to_it & ~in_cohort & here].rename(columns=names)
        hurried = everyone if pooled else everyone[everyone["area"] == area]
        declared = float(plan.measures[plan.models[plan.primary].exposure].neutral or 0.0)
        unit = score_sd(preset, area)
        yield area, Sample(plan, hurried, cohort, unit, "observed", preset, unrated, declared)
        if preset in ERROR_FREE:
            known = cohort.assign(relationship=cohort["true_relationship"])
            true = bench_parameters(preset).neutral
            yield area, Sample(plan, hurried, known, 1.0, "error_free", preset, unrated, true)


def bench_parameters(preset: str) -> Parameters:
    """The parameters of a preset in the size of the bench."""
    # a preset about few practitioners has a size of its own
    size: dict[str, Any] = {} if "services" in PRESETS[preset].changes else SIZE
    return preset_parameters(preset, **size)


@lru_cache(maxsize=128)
def bench_plan(preset: str, area: str) -> Plan:
    """The plan of a preset in an area, with practitioners as the only groups.

    The generator gives services no effect of their own, so a variance between them would be at
    its boundary in half of all replicates, and say nothing of what was planted.
    """
    plan = preset_plan(preset, area)
    primary = plan.models[plan.primary].model_copy(update={"groups": ("practitioner",)})
    effects = plan.effects.model_copy(update={"per": ("sd",)})
    return plan.model_copy(update={"models": {plan.primary: primary}, "effects": effects})


def score_sd(preset: str, area: str) -> float:
    """The SD of the observed score among the clients whom estimates are held to, in points."""
    found = _superpopulation(preset, area).summary[PRESETS[preset].target]["score_sd"]
    return float(str(found))


def truths_of(preset: str) -> Iterator[dict[str, Any]]:
    """What each estimand truly is, area by area.

    Yields
    ------
    dict
        preset, area, score, estimand, truth; an estimand without a known truth is left out.
    """
    scores: tuple[Score, ...] = ("observed", "error_free")
    for area in bench_parameters(preset).areas:
        for score in scores[: 2 if preset in ERROR_FREE else 1]:
            for estimand, value in _truths(preset, area, score).items():
                place = {"preset": preset, "area": area, "score": score}
                yield {**place, "estimand": estimand, "truth": value}


def _truths(preset: str, area: str, score: Score) -> dict[str, float]:
    known = _superpopulation(preset, area).estimands[PRESETS[preset].target]
    relationship = known["per_sd_relationship"]
    main = known["per_sd_score"] if score == "observed" else relationship
    found = {"risk_difference": main["overall"], **{name: main[name] for name in BANDS}}
    parts = {"within": relationship["within"], "between": relationship["between"]}
    if score == "error_free":
        found |= {f"risk_difference_{part}": value for part, value in parts.items()}
        found |= _log_odds(known.get("log_odds", {}), bench_parameters(preset))
        found |= dict(known["interaction"]) | _gap_truth(known["decomposition"])
        found |= _damage_truth(known["neutral"])
    elif not any(parts.values()):
        # what does nothing does nothing in every unit, so the parts of the observed score have a
        # truth as well, and so has all that is made of them
        names = ("risk_difference", "log_odds")
        found |= {f"{name}_{part}": 0.0 for name in names for part in parts} | {"log_odds": 0.0}
        found |= dict(known["interaction"]) | _damage_truth(known["neutral"])
        found |= {name: 0.0 for name in ("gap_access", "gap_returns")}
    return found


def _gap_truth(parts: Mapping[str, float]) -> dict[str, float]:
    return {name if name == "gap" else f"gap_{name}": value for name, value in parts.items()}


def _damage_truth(neutral: Mapping[str, float]) -> dict[str, float]:
    names = ("below", "above", "below_minus_above")
    return {name: neutral[name] for name in names} | {
        "harm_below": neutral["gain_per_100_below"] / 100
    }


def _log_odds(planted: Mapping[str, float], p: Parameters) -> dict[str, float]:
    if not planted:
        return {}
    share = p.practitioner_share
    both = (1 - share) * planted["within"] + share * planted["between"]
    return {"log_odds": both, **{f"log_odds_{part}": value for part, value in planted.items()}}


def _superpopulation(preset: str, area: str) -> Superpopulation:
    """The truth of an area alone: it is the same service, seen with no other area beside it."""
    parameters = bench_parameters(preset)
    if len(parameters.areas) == 1:
        return superpopulation(parameters)
    return superpopulation(_alone(preset, parameters, area))


def _alone(preset: str, parameters: Parameters, area: str) -> Parameters:
    size = {name: getattr(parameters, name) for name in ("services", "practitioners", "caseload")}
    return preset_parameters(preset, areas=(area,), **size)


def thinned(sample: Sample, without: str) -> Sample:
    """The same sample with one covariate less in the primary model."""
    kept = tuple(name for name in sample.model.covariates if name != without)
    model = sample.model.model_copy(update={"covariates": kept})
    plan = sample.plan.model_copy(update={"models": {sample.plan.primary: model}})
    return replace(sample, plan=plan)


def seed_of(preset: str, replicate: int, seed: int) -> int:
    """The seed of one replicate, whatever other presets and replicates there are."""
    key = [*preset.encode(), replicate]
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(2, np.uint32)
    return int(state[0]) << 32 | int(state[1])
