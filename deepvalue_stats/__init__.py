"""Test whether the relationship of practitioner and client raises the chance of a good outcome.

The names below load their modules when they are first used, so that importing the package, or
asking the command line for help, costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepvalue_stats.data import Dataset, TableSchema, read_data
    from deepvalue_stats.effects import average_effect, average_risk, e_value, effect_by_horizon
    from deepvalue_stats.equity import effect_by_confidence, explain_gap, interaction
    from deepvalue_stats.errors import (
        DataError,
        DeepValueError,
        DisclosureError,
        LinkageError,
        ModelError,
        PlanError,
    )
    from deepvalue_stats.findings import Findings, read_findings, write_findings
    from deepvalue_stats.linkage import link
    from deepvalue_stats.measures import (
        agreement,
        factor_model,
        invariance,
        reliability,
        score,
    )
    from deepvalue_stats.models import (
        ModelFit,
        ModelSpec,
        compare_curves,
        cumulative_incidence,
        fit_competing,
        fit_cox,
        fit_gee,
        fit_hazard,
        fit_logit,
        fit_multilevel,
        fit_panel,
        fit_subdistribution,
        hausman_test,
        person_periods,
        restricted_mean,
        survival_curve,
    )
    from deepvalue_stats.plan import Measure, Plan, parse_plan, read_plan
    from deepvalue_stats.power import power_of, resolve_design
    from deepvalue_stats.report import render
    from deepvalue_stats.simulate import simulate_service, write_service
    from deepvalue_stats.study import run_study
    from deepvalue_stats.tables import CountTable, EffectTable, Evidence, Series
    from deepvalue_stats.verdicts import Verdict

_HOMES = {
    "data": ("Dataset", "TableSchema", "read_data"),
    "effects": ("average_effect", "average_risk", "e_value", "effect_by_horizon"),
    "equity": ("effect_by_confidence", "explain_gap", "interaction"),
    "errors": (
        "DataError",
        "DeepValueError",
        "DisclosureError",
        "LinkageError",
        "ModelError",
        "PlanError",
    ),
    "findings": ("Findings", "read_findings", "write_findings"),
    "linkage": ("link",),
    "measures": ("agreement", "factor_model", "invariance", "reliability", "score"),
    "models": (
        "ModelFit",
        "ModelSpec",
        "compare_curves",
        "cumulative_incidence",
        "fit_competing",
        "fit_cox",
        "fit_gee",
        "fit_hazard",
        "fit_logit",
        "fit_multilevel",
        "fit_panel",
        "fit_subdistribution",
        "hausman_test",
        "person_periods",
        "restricted_mean",
        "survival_curve",
    ),
    "plan": ("Measure", "Plan", "parse_plan", "read_plan"),
    "power": ("power_of", "resolve_design"),
    "report": ("render",),
    "simulate": ("simulate_service", "write_service"),
    "study": ("run_study",),
    "tables": ("CountTable", "EffectTable", "Evidence", "Series"),
    "verdicts": ("Verdict",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "CountTable",
    "DataError",
    "Dataset",
    "DeepValueError",
    "DisclosureError",
    "EffectTable",
    "Evidence",
    "Findings",
    "LinkageError",
    "Measure",
    "ModelError",
    "ModelFit",
    "ModelSpec",
    "Plan",
    "PlanError",
    "Series",
    "TableSchema",
    "Verdict",
    "agreement",
    "average_effect",
    "average_risk",
    "compare_curves",
    "cumulative_incidence",
    "e_value",
    "effect_by_confidence",
    "effect_by_horizon",
    "explain_gap",
    "factor_model",
    "fit_competing",
    "fit_cox",
    "fit_gee",
    "fit_hazard",
    "fit_logit",
    "fit_multilevel",
    "fit_panel",
    "fit_subdistribution",
    "hausman_test",
    "interaction",
    "invariance",
    "link",
    "parse_plan",
    "person_periods",
    "power_of",
    "read_data",
    "read_findings",
    "read_plan",
    "reliability",
    "render",
    "resolve_design",
    "restricted_mean",
    "run_study",
    "score",
    "simulate_service",
    "survival_curve",
    "write_findings",
    "write_service",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
