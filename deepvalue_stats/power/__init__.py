"""Power and precision of a plan's design, by simulation with its own estimator, and by formula."""

from deepvalue_stats.power.design import Design, Setting, resolve_design
from deepvalue_stats.power.formula import (
    design_effect,
    power_of_arms,
    power_of_score,
    power_within,
    practitioners_needed,
)
from deepvalue_stats.power.result import PowerTable
from deepvalue_stats.power.running import power_of
from deepvalue_stats.power.writing import (
    describe_power,
    describe_settings,
    require_power_folder,
    write_power,
)

__all__ = [
    "Design",
    "PowerTable",
    "Setting",
    "describe_power",
    "describe_settings",
    "design_effect",
    "power_of",
    "power_of_arms",
    "power_of_score",
    "power_within",
    "practitioners_needed",
    "require_power_folder",
    "resolve_design",
    "write_power",
]
