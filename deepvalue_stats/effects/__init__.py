"""From a fit to effects in units that a reader knows."""

from deepvalue_stats.effects.calibrated import (
    conditional_reliability,
    fit_calibrated,
    fit_latent_mean,
    pooled_effects,
)
from deepvalue_stats.effects.confounding import (
    adjusted_for_unmeasured,
    bounded_by_covariate,
    joint_bounding_factor,
    robustness_value,
    selection_on_unmeasured,
)
from deepvalue_stats.effects.contrast import POINT, Contrast, Levels, Step, per_sd
from deepvalue_stats.effects.curve import predicted_curve
from deepvalue_stats.effects.damage import harm_ledger, hinge, slopes_at_neutral
from deepvalue_stats.effects.delta import (
    Estimates,
    average_derivative,
    average_mean,
    row_means,
    together,
)
from deepvalue_stats.effects.estimate import Scale, average_effect, average_risk, group_masks
from deepvalue_stats.effects.evalue import (
    EValue,
    RiskRatio,
    bias_factor,
    e_value,
    risk_ratio_from_hazard_ratio,
    risk_ratio_from_mean_difference,
    risk_ratio_from_odds_ratio,
)
from deepvalue_stats.effects.extrapolated import extrapolate, simex
from deepvalue_stats.effects.horizon import curve_by_horizon, effect_by_horizon
from deepvalue_stats.effects.meta import (
    MetaAnalysis,
    Pair,
    effect_by_area,
    pairs_of,
    random_effects,
)
from deepvalue_stats.effects.multiplicity import adjust, benjamini_hochberg, holm
from deepvalue_stats.effects.needed import number_needed
from deepvalue_stats.effects.pooling import Pooled, pool, pool_tables, pooled_wald
from deepvalue_stats.effects.predictor import Movable, Predictor, movable, predictor_of
from deepvalue_stats.effects.reversal import Lines, broken_lines, threshold_test, two_lines
from deepvalue_stats.effects.rosenbaum import binary_pairs_bounds, signed_rank_bounds
from deepvalue_stats.effects.splines import dose_response, spline_knots, spline_terms

__all__ = [
    "POINT",
    "Contrast",
    "EValue",
    "Estimates",
    "Levels",
    "Lines",
    "MetaAnalysis",
    "Movable",
    "Pair",
    "Pooled",
    "Predictor",
    "RiskRatio",
    "Scale",
    "Step",
    "adjust",
    "adjusted_for_unmeasured",
    "average_derivative",
    "average_effect",
    "average_mean",
    "average_risk",
    "benjamini_hochberg",
    "bias_factor",
    "binary_pairs_bounds",
    "bounded_by_covariate",
    "broken_lines",
    "conditional_reliability",
    "curve_by_horizon",
    "dose_response",
    "e_value",
    "effect_by_area",
    "effect_by_horizon",
    "extrapolate",
    "fit_calibrated",
    "fit_latent_mean",
    "group_masks",
    "harm_ledger",
    "hinge",
    "holm",
    "joint_bounding_factor",
    "movable",
    "number_needed",
    "pairs_of",
    "per_sd",
    "pool",
    "pool_tables",
    "pooled_effects",
    "pooled_wald",
    "predicted_curve",
    "predictor_of",
    "random_effects",
    "risk_ratio_from_hazard_ratio",
    "risk_ratio_from_mean_difference",
    "risk_ratio_from_odds_ratio",
    "robustness_value",
    "row_means",
    "selection_on_unmeasured",
    "signed_rank_bounds",
    "simex",
    "slopes_at_neutral",
    "spline_knots",
    "spline_terms",
    "threshold_test",
    "together",
    "two_lines",
]
