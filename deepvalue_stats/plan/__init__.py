"""What a study declares before a row is read."""

from deepvalue_stats.plan.correction import corrected_model
from deepvalue_stats.plan.defaults import defaults_in_force
from deepvalue_stats.plan.instrument import Instrument
from deepvalue_stats.plan.measure import Measure, resolve_measure
from deepvalue_stats.plan.parts import Plan
from deepvalue_stats.plan.reading import parse_plan, read_plan
from deepvalue_stats.plan.register import INSTRUMENTS

__all__ = [
    "INSTRUMENTS",
    "Instrument",
    "Measure",
    "Plan",
    "corrected_model",
    "defaults_in_force",
    "parse_plan",
    "read_plan",
    "resolve_measure",
]
