"""The three worked services: one preset, one size, and a seed for each area."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from deepvalue_stats.simulate.service import Service, simulate_service

PRESET = "everyday"
SERVICES, PRACTITIONERS, CASELOAD = 24, 5, 45.0
SEEDS: Mapping[str, int] = MappingProxyType(
    {"employment": 20110523, "debt": 20110524, "health": 20110525}
)


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
