"""From a fit to effects in units that a reader knows."""

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
from deepvalue_stats.effects.estimate import average_effect, average_risk, group_masks
from deepvalue_stats.effects.evalue import EValue, e_value
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
from deepvalue_stats.effects.predictor import Predictor, predictor_of

__all__ = [
    "POINT",
    "Contrast",
    "EValue",
    "Estimates",
    "Levels",
    "MetaAnalysis",
    "Pair",
    "Pooled",
    "Predictor",
    "Step",
    "adjust",
    "average_derivative",
    "average_effect",
    "average_mean",
    "average_risk",
    "benjamini_hochberg",
    "e_value",
    "effect_by_area",
    "group_masks",
    "harm_ledger",
    "hinge",
    "holm",
    "number_needed",
    "pairs_of",
    "per_sd",
    "pool",
    "pool_tables",
    "pooled_wald",
    "predicted_curve",
    "predictor_of",
    "random_effects",
    "row_means",
    "slopes_at_neutral",
    "together",
]
