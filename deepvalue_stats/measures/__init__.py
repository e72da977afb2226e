"""Scores of the relationship and of confidence, and how far they can be trusted."""

from deepvalue_stats.measures.bands import (
    BAND,
    assign_bands,
    client_bands,
    with_bands,
    within_between,
)
from deepvalue_stats.measures.reliability import cronbach_alpha, reliability
from deepvalue_stats.measures.scoring import Scores, score, score_items

__all__ = [
    "BAND",
    "Scores",
    "assign_bands",
    "client_bands",
    "cronbach_alpha",
    "reliability",
    "score",
    "score_items",
    "with_bands",
    "within_between",
]
