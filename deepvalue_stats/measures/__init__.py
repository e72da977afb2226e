"""Scores of the relationship and of confidence, and how far they can be trusted."""

from deepvalue_stats.measures.bands import (
    BAND,
    assign_bands,
    client_bands,
    with_bands,
    within_between,
)
from deepvalue_stats.measures.change import ReliableChange, reliable_change
from deepvalue_stats.measures.raters import RaterAgreement, raters_table, self_other_agreement
from deepvalue_stats.measures.reliability import cronbach_alpha, reliability
from deepvalue_stats.measures.scoring import Scores, percent_of_maximum, score, score_items

__all__ = [
    "BAND",
    "RaterAgreement",
    "ReliableChange",
    "Scores",
    "assign_bands",
    "client_bands",
    "cronbach_alpha",
    "percent_of_maximum",
    "raters_table",
    "reliability",
    "reliable_change",
    "score",
    "score_items",
    "self_other_agreement",
    "with_bands",
    "within_between",
]
