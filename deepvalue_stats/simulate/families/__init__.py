"""A synthetic panel of families in debt advice, interviewed yearly, with a known truth.

From the inside out: `parameters` say what is planted and `presets` name some of them; `people`
draws advisers, families and all that chance decides, `course` follows them through the waves,
`interviews` says who is asked and what they answer, and `draw` puts these together. `truth`
compares with worlds that did not happen, `table` lays out an analysis table, `records` the files'
typed frames, `panel` is the public face, and `extracts` writes what a data owner would send.
"""

from deepvalue_stats.simulate.families.extracts import write_families
from deepvalue_stats.simulate.families.panel import Families, simulate_families
from deepvalue_stats.simulate.families.parameters import FamilyParameters
from deepvalue_stats.simulate.families.presets import FAMILY_PRESETS, family_parameters
from deepvalue_stats.simulate.families.table import draw_families
from deepvalue_stats.simulate.families.truth import FamilySuperpopulation, family_superpopulation

__all__ = [
    "FAMILY_PRESETS",
    "Families",
    "FamilyParameters",
    "FamilySuperpopulation",
    "draw_families",
    "family_parameters",
    "family_superpopulation",
    "simulate_families",
    "write_families",
]
