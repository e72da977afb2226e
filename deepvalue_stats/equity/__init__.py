"""Who gains, by baseline confidence or any other attribute of clients."""

from deepvalue_stats.equity.confidence import effect_by_confidence
from deepvalue_stats.equity.decomposition import (
    Fairlie,
    Kitagawa,
    OaxacaBlinder,
    fairlie,
    kitagawa,
    oaxaca_blinder,
)
from deepvalue_stats.equity.gap import explain_gap
from deepvalue_stats.equity.inequality import (
    Concentration,
    concentration,
    concentration_index,
    ridits,
    slope_index,
)
from deepvalue_stats.equity.interaction import interaction

__all__ = [
    "Concentration",
    "Fairlie",
    "Kitagawa",
    "OaxacaBlinder",
    "concentration",
    "concentration_index",
    "effect_by_confidence",
    "explain_gap",
    "fairlie",
    "interaction",
    "kitagawa",
    "oaxaca_blinder",
    "ridits",
    "slope_index",
]
