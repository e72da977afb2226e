"""From rows to fits: design matrices, estimators and covariances, all ending in `ModelFit`.

Estimators bring heavy libraries with them (statsmodels, a compiler), so each is loaded when it is
first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deepvalue_stats.models.design import Design, build_design
from deepvalue_stats.models.fit import Convergence, ModelFit, ModelSpec
from deepvalue_stats.models.link import CLOGLOG, LOGIT, Link

if TYPE_CHECKING:
    from deepvalue_stats.models.breaks.bacon import BaconWeights, bacon_weights
    from deepvalue_stats.models.breaks.bounds import TrendBound, TrendBounds, trend_bounds
    from deepvalue_stats.models.breaks.effects import break_effects
    from deepvalue_stats.models.breaks.history import BreakFlow
    from deepvalue_stats.models.breaks.inference import BreakTest
    from deepvalue_stats.models.breaks.placebo import BreakPlacebo, break_placebo
    from deepvalue_stats.models.breaks.result import (
        BreakBand,
        BreakEffects,
        BreakEstimate,
        GroupTime,
    )
    from deepvalue_stats.models.breaks.sun_abraham import SunAbraham, sun_abraham
    from deepvalue_stats.models.clusters import (
        ClusterAdvice,
        cluster_advice,
        few_cluster_covariance,
    )
    from deepvalue_stats.models.duration.cox import CoxFit, fit_cox
    from deepvalue_stats.models.duration.curves import (
        CumulativeIncidence,
        SurvivalCurve,
        cumulative_incidence,
        survival_curve,
    )
    from deepvalue_stats.models.duration.group_tests import GroupTest, compare_curves
    from deepvalue_stats.models.duration.landmark import Landmark, landmark
    from deepvalue_stats.models.duration.restricted_mean import RestrictedMean, restricted_mean
    from deepvalue_stats.models.duration.subdistribution import (
        CompetingFits,
        SubdistributionFit,
        fit_competing,
        fit_subdistribution,
    )
    from deepvalue_stats.models.duration.sustained import four_week_quit, sustained
    from deepvalue_stats.models.dynamics.cross_lagged import CrossLaggedFit, fit_cross_lagged
    from deepvalue_stats.models.dynamics.lagged import DynamicFit, fit_dynamic
    from deepvalue_stats.models.dynamics.nickell import (
        NickellWarning,
        nickell_bias,
        nickell_warning,
    )
    from deepvalue_stats.models.dynamics.placebo import LeadPlacebo, lead_placebo
    from deepvalue_stats.models.formula import build_formula, build_random_part, exposure_columns
    from deepvalue_stats.models.hazard.expansion import person_periods
    from deepvalue_stats.models.hazard.fitting import fit_hazard
    from deepvalue_stats.models.hazard.record import HazardRecord
    from deepvalue_stats.models.marginal import fit_gee, fit_logit
    from deepvalue_stats.models.missed import Recall, fit_missed
    from deepvalue_stats.models.multilevel.fit import MultilevelFit
    from deepvalue_stats.models.multilevel.fitting import fit_multilevel
    from deepvalue_stats.models.panel.estimators import (
        Between,
        ConditionalLogit,
        FirstDifference,
        Pooled,
        Random,
        Within,
        WithinBetween,
    )
    from deepvalue_stats.models.panel.fit import PanelFit
    from deepvalue_stats.models.panel.fitting import fit_panel
    from deepvalue_stats.models.panel.hausman import HausmanTest, hausman_test
    from deepvalue_stats.models.panel.layout import PanelLayout, panel_layout

_LAZY = {
    "BaconWeights": "breaks.bacon",
    "Between": "panel.estimators",
    "BreakBand": "breaks.result",
    "BreakEffects": "breaks.result",
    "BreakEstimate": "breaks.result",
    "BreakFlow": "breaks.history",
    "BreakPlacebo": "breaks.placebo",
    "BreakTest": "breaks.inference",
    "ClusterAdvice": "clusters",
    "CompetingFits": "duration.subdistribution",
    "ConditionalLogit": "panel.estimators",
    "CoxFit": "duration.cox",
    "CrossLaggedFit": "dynamics.cross_lagged",
    "CumulativeIncidence": "duration.curves",
    "DynamicFit": "dynamics.lagged",
    "FirstDifference": "panel.estimators",
    "GroupTest": "duration.group_tests",
    "GroupTime": "breaks.result",
    "HausmanTest": "panel.hausman",
    "HazardRecord": "hazard.record",
    "Landmark": "duration.landmark",
    "LeadPlacebo": "dynamics.placebo",
    "MultilevelFit": "multilevel.fit",
    "NickellWarning": "dynamics.nickell",
    "PanelFit": "panel.fit",
    "PanelLayout": "panel.layout",
    "Pooled": "panel.estimators",
    "Random": "panel.estimators",
    "Recall": "missed",
    "RestrictedMean": "duration.restricted_mean",
    "SubdistributionFit": "duration.subdistribution",
    "SunAbraham": "breaks.sun_abraham",
    "SurvivalCurve": "duration.curves",
    "TrendBound": "breaks.bounds",
    "TrendBounds": "breaks.bounds",
    "WildTest": "clusters",
    "Within": "panel.estimators",
    "WithinBetween": "panel.estimators",
    "bacon_weights": "breaks.bacon",
    "break_effects": "breaks.effects",
    "break_placebo": "breaks.placebo",
    "build_formula": "formula",
    "build_random_part": "formula",
    "cluster_advice": "clusters",
    "compare_curves": "duration.group_tests",
    "cumulative_incidence": "duration.curves",
    "exposure_columns": "formula",
    "few_cluster_covariance": "clusters",
    "fit_competing": "duration.subdistribution",
    "fit_cox": "duration.cox",
    "fit_cross_lagged": "dynamics.cross_lagged",
    "fit_dynamic": "dynamics.lagged",
    "fit_gee": "marginal",
    "fit_hazard": "hazard.fitting",
    "fit_logit": "marginal",
    "fit_missed": "missed",
    "fit_multilevel": "multilevel.fitting",
    "fit_panel": "panel.fitting",
    "fit_subdistribution": "duration.subdistribution",
    "four_week_quit": "duration.sustained",
    "hausman_test": "panel.hausman",
    "landmark": "duration.landmark",
    "lead_placebo": "dynamics.placebo",
    "nickell_bias": "dynamics.nickell",
    "nickell_warning": "dynamics.nickell",
    "panel_layout": "panel.layout",
    "person_periods": "hazard.expansion",
    "restricted_mean": "duration.restricted_mean",
    "sun_abraham": "breaks.sun_abraham",
    "survival_curve": "duration.curves",
    "sustained": "duration.sustained",
    "trend_bounds": "breaks.bounds",
    "wild_bootstrap": "clusters",
}

__all__ = [
    "CLOGLOG",
    "LOGIT",
    "BaconWeights",
    "Between",
    "BreakBand",
    "BreakEffects",
    "BreakEstimate",
    "BreakFlow",
    "BreakPlacebo",
    "BreakTest",
    "ClusterAdvice",
    "CompetingFits",
    "ConditionalLogit",
    "Convergence",
    "CoxFit",
    "CrossLaggedFit",
    "CumulativeIncidence",
    "Design",
    "DynamicFit",
    "FirstDifference",
    "GroupTest",
    "GroupTime",
    "HausmanTest",
    "HazardRecord",
    "Landmark",
    "LeadPlacebo",
    "Link",
    "ModelFit",
    "ModelSpec",
    "MultilevelFit",
    "NickellWarning",
    "PanelFit",
    "PanelLayout",
    "Pooled",
    "Random",
    "Recall",
    "RestrictedMean",
    "SubdistributionFit",
    "SunAbraham",
    "SurvivalCurve",
    "TrendBound",
    "TrendBounds",
    "WildTest",
    "Within",
    "WithinBetween",
    "bacon_weights",
    "break_effects",
    "break_placebo",
    "build_design",
    "build_formula",
    "build_random_part",
    "cluster_advice",
    "compare_curves",
    "cumulative_incidence",
    "exposure_columns",
    "few_cluster_covariance",
    "fit_competing",
    "fit_cox",
    "fit_cross_lagged",
    "fit_dynamic",
    "fit_gee",
    "fit_hazard",
    "fit_logit",
    "fit_missed",
    "fit_multilevel",
    "fit_panel",
    "fit_subdistribution",
    "four_week_quit",
    "hausman_test",
    "landmark",
    "lead_placebo",
    "nickell_bias",
    "nickell_warning",
    "panel_layout",
    "person_periods",
    "restricted_mean",
    "sun_abraham",
    "survival_curve",
    "sustained",
    "trend_bounds",
    "wild_bootstrap",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
