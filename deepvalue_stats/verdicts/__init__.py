"""From estimates and evidence to words, by rule."""

from deepvalue_stats.verdicts.judging import judge, withhold
from deepvalue_stats.verdicts.needed import Needed, needed
from deepvalue_stats.verdicts.page import rules_page
from deepvalue_stats.verdicts.rules import FEWEST_GROUPS, Interval, alike, answer
from deepvalue_stats.verdicts.verdict import Gate, Verdict, Wording
from deepvalue_stats.verdicts.wording import word

__all__ = [
    "FEWEST_GROUPS",
    "Gate",
    "Interval",
    "Needed",
    "Verdict",
    "Wording",
    "alike",
    "answer",
    "judge",
    "needed",
    "rules_page",
    "withhold",
    "word",
]
