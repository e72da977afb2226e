"""From rows to fits: design matrices, estimators and covariances, all ending in `ModelFit`.

Estimators bring heavy libraries with them (statsmodels, a compiler), so each is loaded when it is
first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deepvalue_stats.models.design import Design, build_design
from deepvalue_stats.models.fit import Convergence, ModelFit, ModelSpec
from deepvalue_stats.models.link import LOGIT, Link

if TYPE_CHECKING:
    from deepvalue_stats.models.clusters import (
        ClusterAdvice,
        cluster_advice,
        few_cluster_covariance,
    )
    from deepvalue_stats.models.formula import build_formula, build_random_part, exposure_columns
    from deepvalue_stats.models.marginal import fit_gee, fit_logit
    from deepvalue_stats.models.missed import Recall, fit_missed
    from deepvalue_stats.models.multilevel.fit import MultilevelFit
    from deepvalue_stats.models.multilevel.fitting import fit_multilevel

_LAZY = {
    "ClusterAdvice": "clusters",
    "MultilevelFit": "multilevel.fit",
    "Recall": "missed",
    "WildTest": "clusters",
    "build_formula": "formula",
    "build_random_part": "formula",
    "cluster_advice": "clusters",
    "few_cluster_covariance": "clusters",
    "wild_bootstrap": "clusters",
    "exposure_columns": "formula",
    "fit_gee": "marginal",
    "fit_logit": "marginal",
    "fit_missed": "missed",
    "fit_multilevel": "multilevel.fitting",
}

__all__ = [
    "LOGIT",
    "ClusterAdvice",
    "Convergence",
    "Design",
    "Link",
    "ModelFit",
    "ModelSpec",
    "MultilevelFit",
    "Recall",
    "WildTest",
    "build_design",
    "build_formula",
    "build_random_part",
    "cluster_advice",
    "exposure_columns",
    "few_cluster_covariance",
    "fit_gee",
    "fit_logit",
    "fit_missed",
    "fit_multilevel",
    "wild_bootstrap",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
