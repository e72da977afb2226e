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
    from deepvalue_stats.models.formula import build_formula, build_random_part, exposure_columns
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
    "Between": "panel.estimators",
    "ConditionalLogit": "panel.estimators",
    "FirstDifference": "panel.estimators",
    "HausmanTest": "panel.hausman",
    "MultilevelFit": "multilevel.fit",
    "PanelFit": "panel.fit",
    "PanelLayout": "panel.layout",
    "Pooled": "panel.estimators",
    "Random": "panel.estimators",
    "Recall": "missed",
    "Within": "panel.estimators",
    "WithinBetween": "panel.estimators",
    "build_formula": "formula",
    "build_random_part": "formula",
    "exposure_columns": "formula",
    "fit_gee": "marginal",
    "fit_logit": "marginal",
    "fit_missed": "missed",
    "fit_multilevel": "multilevel.fitting",
    "fit_panel": "panel.fitting",
    "hausman_test": "panel.hausman",
    "panel_layout": "panel.layout",
}

__all__ = [
    "LOGIT",
    "Between",
    "ConditionalLogit",
    "Convergence",
    "Design",
    "FirstDifference",
    "HausmanTest",
    "Link",
    "ModelFit",
    "ModelSpec",
    "MultilevelFit",
    "PanelFit",
    "PanelLayout",
    "Pooled",
    "Random",
    "Recall",
    "Within",
    "WithinBetween",
    "build_design",
    "build_formula",
    "build_random_part",
    "exposure_columns",
    "fit_gee",
    "fit_logit",
    "fit_missed",
    "fit_multilevel",
    "fit_panel",
    "hausman_test",
    "panel_layout",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
