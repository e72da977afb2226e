"""Scores of the relationship and of confidence, and how far they can be trusted."""

from deepvalue_stats.measures.agreement import (
    Agreement,
    PractitionerMeans,
    agreement,
    mean_reliability,
    practitioner_means,
)
from deepvalue_stats.measures.answers import (
    Answers,
    answers,
)
from deepvalue_stats.measures.bands import (
    BAND,
    assign_bands,
    client_bands,
    with_bands,
    within_between,
)
from deepvalue_stats.measures.by_practitioner import (
    practitioner_table,
)
from deepvalue_stats.measures.caseloads import (
    Caseload,
)
from deepvalue_stats.measures.change import (
    ReliableChange,
    reliable_change,
)
from deepvalue_stats.measures.consistency import (
    Coefficient,
    Reliability,
    cronbach_alpha,
    omega_hierarchical,
    omega_total,
    reliability,
)
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
from deepvalue_stats.measures.error import (
    ScoreError,
    item_error,
    score_error,
    stated_error,
)
from deepvalue_stats.measures.factors import (
    Equality,
    FactorFit,
    GeneralFactor,
    Invariance,
    Structure,
    bifactor,
    correlated_factors,
    factor_model,
    general_factor,
    invariance,
    one_factor,
    polychoric,
)
from deepvalue_stats.measures.group_tables import (
    invariance_table,
    item_function_table,
)
from deepvalue_stats.measures.item_function import (
    ItemFunction,
    ItemFunctions,
    item_function,
)
from deepvalue_stats.measures.raters import (
    RaterAgreement,
    raters_table,
    self_other_agreement,
)
from deepvalue_stats.measures.repeated import (
    Pairs,
    repeated_pairs,
    retest_table,
)
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
from deepvalue_stats.measures.scale_tables import (
    dimension_tables,
    other_reliability_table,
    reliability_table,
)
from deepvalue_stats.measures.scoring import (
    Scores,
    percent_of_maximum,
    score,
    score_items,
)
from deepvalue_stats.measures.within_group import (
    WithinGroup,
    null_variance,
    within_group_agreement,
)

__all__ = [
    "BAND",
    "Agreement",
    "Answers",
    "Caseload",
    "Coefficient",
    "Ends",
    "Enough",
    "Equality",
    "Facets",
    "FactorFit",
    "GeneralFactor",
    "Invariance",
    "ItemFunction",
    "ItemFunctions",
    "ItemStatistics",
    "Pairs",
    "PractitionerMeans",
    "RaterAgreement",
    "Reliability",
    "ReliableChange",
    "Retest",
    "ScoreError",
    "Scores",
    "Structure",
    "WithinGroup",
    "agreement",
    "agreement_of_occasions",
    "answers",
    "assign_bands",
    "bifactor",
    "ceiling",
    "ceiling_table",
    "client_bands",
    "correlated_factors",
    "cronbach_alpha",
    "dimension_tables",
    "ends_in_words",
    "enough_ratings",
    "factor_model",
    "general_factor",
    "generalisability",
    "histogram",
    "histogram_table",
    "invariance",
    "invariance_table",
    "item_ends_table",
    "item_error",
    "item_function",
    "item_function_table",
    "item_statistics",
    "item_table",
    "mean_reliability",
    "null_variance",
    "omega_hierarchical",
    "omega_total",
    "one_factor",
    "other_reliability_table",
    "percent_of_maximum",
    "polychoric",
    "practitioner_means",
    "practitioner_table",
    "raters_table",
    "ratings_needed",
    "reliability",
    "reliability_table",
    "reliable_change",
    "repeated_pairs",
    "retest_agreement",
    "retest_in_words",
    "retest_table",
    "score",
    "score_bins",
    "score_error",
    "score_items",
    "score_table",
    "self_other_agreement",
    "shown_ratings",
    "stated_error",
    "with_bands",
    "within_between",
    "within_group_agreement",
]
