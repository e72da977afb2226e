"""From a fit to effects in units that a reader knows."""

from deepvalue_stats.effects.contrast import POINT, Contrast, Levels, Step, per_sd
from deepvalue_stats.effects.curve import predicted_curve
from deepvalue_stats.effects.delta import (
    Estimates,
    average_derivative,
    average_mean,
    row_means,
    together,
)
from deepvalue_stats.effects.estimate import average_effect, average_risk
from deepvalue_stats.effects.evalue import EValue, e_value
from deepvalue_stats.effects.multiplicity import adjust, benjamini_hochberg, holm
from deepvalue_stats.effects.needed import needed_in_words, number_needed
from deepvalue_stats.effects.predictor import Predictor, predictor_of

__all__ = [
    "POINT",
    "Contrast",
    "EValue",
    "Estimates",
    "Levels",
    "Predictor",
    "Step",
    "adjust",
    "average_derivative",
    "average_effect",
    "average_mean",
    "average_risk",
    "benjamini_hochberg",
    "e_value",
    "holm",
    "needed_in_words",
    "number_needed",
    "per_sd",
    "predicted_curve",
    "predictor_of",
    "row_means",
    "together",
]
