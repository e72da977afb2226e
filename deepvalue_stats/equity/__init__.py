"""Who gains, by baseline confidence."""

from deepvalue_stats.equity.confidence import effect_by_confidence

__all__ = ["effect_by_confidence"]
