"""From estimates and evidence to words, by rule."""

from deepvalue_stats.verdicts.judging import judge, withhold, word
from deepvalue_stats.verdicts.rules import FEWEST_GROUPS, Interval, answer
from deepvalue_stats.verdicts.verdict import Gate, Verdict, Wording

__all__ = [
    "FEWEST_GROUPS",
    "Gate",
    "Interval",
    "Verdict",
    "Wording",
    "answer",
    "judge",
    "withhold",
    "word",
]
