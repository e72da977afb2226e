"""Synthetic services with a known truth, to try the analyses on before any client is asked.

Nothing here is shared with the estimators: the generator knows its own potential outcomes, and
its truth is computed from them and never from a fit.
"""

from deepvalue_stats.simulate.employment import Employment
from deepvalue_stats.simulate.files import write_service
from deepvalue_stats.simulate.service import Service, simulate_parameters, simulate_service

__all__ = ["Employment", "Service", "simulate_parameters", "simulate_service", "write_service"]
