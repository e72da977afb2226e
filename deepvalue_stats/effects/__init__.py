"""From a fit to effects in units that a reader knows."""

from deepvalue_stats.effects.contrast import POINT, Contrast, per_sd
from deepvalue_stats.effects.delta import (
    Estimates,
    average_derivative,
    average_mean,
    together,
)
from deepvalue_stats.effects.estimate import average_effect, predicted_curve
from deepvalue_stats.effects.evalue import EValue, e_value
from deepvalue_stats.effects.multiplicity import adjust, benjamini_hochberg, holm
from deepvalue_stats.effects.predictor import Predictor, predictor_of

__all__ = [
    "POINT",
    "Contrast",
    "EValue",
    "Estimates",
    "Predictor",
    "adjust",
    "average_derivative",
    "average_effect",
    "average_mean",
    "benjamini_hochberg",
    "e_value",
    "holm",
    "per_sd",
    "predicted_curve",
    "predictor_of",
    "together",
]
