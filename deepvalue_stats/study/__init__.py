"""A study from its plan to its findings; `running` is the only module that knows the order."""

from deepvalue_stats.study.estimating import estimate_effects
from deepvalue_stats.study.evidence import gather_evidence
from deepvalue_stats.study.fitting import Fitted, fit_model, fit_models
from deepvalue_stats.study.preparing import Prepared, describe, prepare, prepared_from
from deepvalue_stats.study.running import STAGES, run_study, write_lock
from deepvalue_stats.study.sweeping import sweep
from deepvalue_stats.study.tabulating import count_tables, figure_series

__all__ = [
    "STAGES",
    "Fitted",
    "Prepared",
    "count_tables",
    "describe",
    "estimate_effects",
    "figure_series",
    "fit_model",
    "fit_models",
    "gather_evidence",
    "prepare",
    "prepared_from",
    "run_study",
    "sweep",
    "write_lock",
]
