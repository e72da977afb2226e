"""Who gains, by baseline confidence or any other attribute of clients."""

from deepvalue_stats.equity.confidence import effect_by_confidence
from deepvalue_stats.equity.gap import explain_gap
from deepvalue_stats.equity.interaction import interaction

__all__ = ["effect_by_confidence", "explain_gap", "interaction"]
