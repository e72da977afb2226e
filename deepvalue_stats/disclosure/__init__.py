"""The gate by which results leave the room."""

from deepvalue_stats.disclosure.gate import SUPPRESSED, Cleared, protect, protect_phrase
from deepvalue_stats.disclosure.rules import Log, Rules, rules_of

__all__ = ["SUPPRESSED", "Cleared", "Log", "Rules", "protect", "protect_phrase", "rules_of"]
