"""Inference with few clusters: corrected covariances, degrees of freedom, bootstrap, and the gate.

What to take when is `cluster_advice`; the reasons are in `deepvalue_stats.models.clusters.gate`.
"""

from deepvalue_stats.models.clusters.adjusted import (
    ClusterCovariance,
    ClusterSums,
    adjusted_covariance,
    cluster_sums,
)
from deepvalue_stats.models.clusters.covariance import few_cluster_covariance
from deepvalue_stats.models.clusters.cr2 import cr2
from deepvalue_stats.models.clusters.gate import (
    ClusterAdvice,
    cluster_advice,
    effective_clusters,
)
from deepvalue_stats.models.clusters.wild import (
    WildTest,
    wild_bootstrap,
    wild_linear,
    wild_logit,
)

__all__ = [
    "ClusterAdvice",
    "ClusterCovariance",
    "ClusterSums",
    "WildTest",
    "adjusted_covariance",
    "cluster_advice",
    "cluster_sums",
    "cr2",
    "effective_clusters",
    "few_cluster_covariance",
    "wild_bootstrap",
    "wild_linear",
    "wild_logit",
]
