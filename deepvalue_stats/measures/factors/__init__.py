"""Factor models of the items of a scale: structure, fit, and whether groups read them alike."""

from deepvalue_stats.measures.factors.exploratory import GeneralFactor, general_factor
from deepvalue_stats.measures.factors.invariance import Invariance, invariance
from deepvalue_stats.measures.factors.layout import Equality
from deepvalue_stats.measures.factors.model import FactorFit, factor_model
from deepvalue_stats.measures.factors.polychoric import Polychoric, polychoric
from deepvalue_stats.measures.factors.structure import (
    Structure,
    bifactor,
    correlated_factors,
    one_factor,
)

__all__ = [
    "Equality",
    "FactorFit",
    "GeneralFactor",
    "Invariance",
    "Polychoric",
    "Structure",
    "bifactor",
    "correlated_factors",
    "factor_model",
    "general_factor",
    "invariance",
    "one_factor",
    "polychoric",
]
