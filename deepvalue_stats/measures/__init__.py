"""Scores of the relationship and of confidence, and how far they can be trusted."""

from deepvalue_stats.measures.agreement import (
    Agreement,
    PractitionerMeans,
    agreement,
    mean_reliability,
    practitioner_means,
)
from deepvalue_stats.measures.bands import (
    BAND,
    assign_bands,
    client_bands,
    with_bands,
    within_between,
)
from deepvalue_stats.measures.by_practitioner import practitioner_table
from deepvalue_stats.measures.caseloads import Caseload
from deepvalue_stats.measures.enough import (
    Enough,
    Facets,
    enough_ratings,
    generalisability,
    ratings_needed,
    shown_ratings,
)
from deepvalue_stats.measures.reliability import cronbach_alpha, reliability
from deepvalue_stats.measures.scoring import Scores, score, score_items
from deepvalue_stats.measures.within_group import (
    WithinGroup,
    null_variance,
    within_group_agreement,
)

__all__ = [
    "BAND",
    "Agreement",
    "Caseload",
    "Enough",
    "Facets",
    "PractitionerMeans",
    "Scores",
    "WithinGroup",
    "agreement",
    "assign_bands",
    "client_bands",
    "cronbach_alpha",
    "enough_ratings",
    "generalisability",
    "mean_reliability",
    "null_variance",
    "practitioner_means",
    "practitioner_table",
    "ratings_needed",
    "reliability",
    "score",
    "score_items",
    "shown_ratings",
    "with_bands",
    "within_between",
    "within_group_agreement",
]
