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
from deepvalue_stats.measures.distribution import (
    Ends,
    ItemStatistics,
    ceiling,
    ends_in_words,
    histogram,
    item_statistics,
    score_bins,
)
from deepvalue_stats.measures.enough import (
    Enough,
    Facets,
    enough_ratings,
    generalisability,
    ratings_needed,
    shown_ratings,
)
from deepvalue_stats.measures.reliability import cronbach_alpha, reliability
from deepvalue_stats.measures.repeated import Pairs, repeated_pairs, retest_table
from deepvalue_stats.measures.responses import (
    ceiling_table,
    histogram_table,
    item_ends_table,
    item_table,
    score_table,
)
from deepvalue_stats.measures.retest import (
    Retest,
    agreement_of_occasions,
    retest_agreement,
    retest_in_words,
)
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
    "Ends",
    "Enough",
    "Facets",
    "ItemStatistics",
    "Pairs",
    "PractitionerMeans",
    "Retest",
    "Scores",
    "WithinGroup",
    "agreement",
    "agreement_of_occasions",
    "assign_bands",
    "ceiling",
    "ceiling_table",
    "client_bands",
    "cronbach_alpha",
    "ends_in_words",
    "enough_ratings",
    "generalisability",
    "histogram",
    "histogram_table",
    "item_ends_table",
    "item_statistics",
    "item_table",
    "mean_reliability",
    "null_variance",
    "practitioner_means",
    "practitioner_table",
    "ratings_needed",
    "reliability",
    "repeated_pairs",
    "retest_agreement",
    "retest_in_words",
    "retest_table",
    "score",
    "score_bins",
    "score_items",
    "score_table",
    "shown_ratings",
    "with_bands",
    "within_between",
    "within_group_agreement",
]
