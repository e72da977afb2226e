"""A synthetic panel of families in debt advice, interviewed yearly, with a known truth.

From the inside out: `parameters` say what is planted and `presets` name some of them; `people`
draws advisers, families and all that chance decides, `course` follows them through the waves,
`interviews` says who is asked and what they answer, and `draw` puts these together. `table` lays
out an analysis table.
"""

from deepvalue_stats.simulate.families.parameters import FamilyParameters
from deepvalue_stats.simulate.families.presets import FAMILY_PRESETS, family_parameters
from deepvalue_stats.simulate.families.table import draw_families

__all__ = ["FAMILY_PRESETS", "FamilyParameters", "draw_families", "family_parameters"]
