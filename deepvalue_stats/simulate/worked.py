"""The three worked services and the worked panel: one preset, one size, and a seed for each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from deepvalue_stats.simulate.families import Families, simulate_families
from deepvalue_stats.simulate.service import Service, simulate_service

PRESET = "everyday"
SERVICES, PRACTITIONERS, CASELOAD = 24, 5, 45.0
SEEDS: Mapping[str, int] = MappingProxyType(
    {"employment": 20110523, "debt": 20110524, "health": 20110525}
)

FAMILY_FOLDER, FAMILY_SEED = "debt_families", 20110526


def worked_service(area: str, *, seed: int | None = None) -> Service:
    """Draw the worked service of an area: preset, size and seed were fixed before any was drawn.

    Parameters
    ----------
    area : str
        employment, debt or health.
    seed : int, optional
        The area's own unless given.

    Returns
    -------
    Service
    """
    return simulate_service(
        PRESET,
        seed=SEEDS[area] if seed is None else seed,
        areas=(area,),
        services=SERVICES,
        practitioners=PRACTITIONERS,
        caseload=CASELOAD,
    )


def command(area: str) -> str:
    """Spell out the command that writes the extracts of `worked_service`."""
    return (
        f"deepvalue simulate {PRESET} --area {area} --services {SERVICES} "
        f"--practitioners {PRACTITIONERS} --caseload {CASELOAD:g} --seed {SEEDS[area]} "
        f"--output synthetic_data/{area}"
    )


def worked_families(*, seed: int | None = None) -> Families:
    """Draw the worked panel of families: preset, size and seed were fixed before any was drawn.

    Parameters
    ----------
    seed : int, optional
        The panel's own unless given.

    Returns
    -------
    Families
    """
    return simulate_families(PRESET, seed=FAMILY_SEED if seed is None else seed)


def family_command() -> str:
    """Spell out the command that writes the files of `worked_families`."""
    return (
        f"deepvalue simulate-families {PRESET} --seed {FAMILY_SEED} "
        f"--output synthetic_data/{FAMILY_FOLDER}"
    )
