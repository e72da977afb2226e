"""From rows to fits: design matrices, estimators and covariances, all ending in `ModelFit`."""

from deepvalue_stats.models.design import Design, build_design
from deepvalue_stats.models.fit import Convergence, ModelFit, ModelSpec
from deepvalue_stats.models.formula import build_formula, exposure_columns
from deepvalue_stats.models.link import LOGIT, Link
from deepvalue_stats.models.marginal import fit_gee, fit_logit

__all__ = [
    "LOGIT",
    "Convergence",
    "Design",
    "Link",
    "ModelFit",
    "ModelSpec",
    "build_design",
    "build_formula",
    "exposure_columns",
    "fit_gee",
    "fit_logit",
]
