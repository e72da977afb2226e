"""Synthetic services with a known truth, to try the analyses on before any client is asked.

Nothing here is shared with the estimators: the generator knows its own potential outcomes, and
its truth is computed from them and never from a fit.

From the inside out: `areas` and `parameters` say what is planted, `presets` name some of them;
`population` draws practitioners and clients, `chances` holds every potential outcome, `outcomes`,
`ratings` and `contacts` what happens to them, and `draw` puts these together. `truth` averages
potential outcomes, `table` lays out an analysis table, `records` the files' typed frames, and
`service` is the public face. `extracts` and `files` write what a data owner would send, `worked`
and `dictionary` the services that the package carries with it, and `cohort` is the lean design of
the power calculations. `families` is a yearly panel, made in the same way.
"""

from deepvalue_stats.simulate.areas import AREAS, Area
from deepvalue_stats.simulate.draw import Draw
from deepvalue_stats.simulate.families import (
    FAMILY_PRESETS,
    Families,
    FamilyParameters,
    FamilySuperpopulation,
    draw_families,
    family_parameters,
    family_superpopulation,
    simulate_families,
    write_families,
)
from deepvalue_stats.simulate.files import write_service
from deepvalue_stats.simulate.parameters import Parameters
from deepvalue_stats.simulate.presets import PRESETS, Preset, preset_parameters
from deepvalue_stats.simulate.service import Service, simulate_parameters, simulate_service
from deepvalue_stats.simulate.table import analysis_table, draw_service
from deepvalue_stats.simulate.truth import Superpopulation, superpopulation

__all__ = [
    "AREAS",
    "FAMILY_PRESETS",
    "PRESETS",
    "Area",
    "Draw",
    "Families",
    "FamilyParameters",
    "FamilySuperpopulation",
    "Parameters",
    "Preset",
    "Service",
    "Superpopulation",
    "analysis_table",
    "draw_families",
    "draw_service",
    "family_parameters",
    "family_superpopulation",
    "preset_parameters",
    "simulate_families",
    "simulate_parameters",
    "simulate_service",
    "superpopulation",
    "write_families",
    "write_service",
]
