"""Scores of the relationship and of confidence, and how far they can be trusted."""

from deepvalue_stats.measures.bands import (
    BAND,
    assign_bands,
    client_bands,
    with_bands,
    within_between,
)
from deepvalue_stats.measures.error import ScoreError, item_error, score_error, stated_error
from deepvalue_stats.measures.reliability import cronbach_alpha, reliability
from deepvalue_stats.measures.scoring import Scores, score, score_items

__all__ = [
    "BAND",
    "ScoreError",
    "Scores",
    "assign_bands",
    "client_bands",
    "cronbach_alpha",
    "item_error",
    "reliability",
    "score",
    "score_error",
    "score_items",
    "stated_error",
    "with_bands",
    "within_between",
]
