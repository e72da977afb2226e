"""Are clustered intervals of durations honest? A hundred made-up services with a known truth.

Each practitioner's clients share a log-normal frailty of the rate of entering work; half of the
practitioners carry an exposure without any effect; another exit competes, and many are censored.
Truth by Gauss-Hermite integration over the frailty. Bands are three Monte Carlo standard errors
around 95 per cent; seeds are fixed.
"""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.models import (
    compare_curves,
    cumulative_incidence,
    fit_cox,
    fit_subdistribution,
    restricted_mean,
)

STUDIES, PRACTITIONERS, CASELOAD, SPREAD = 120, 30, 25, 0.4
WORK, OTHER = 0.006, 0.003
COLUMNS = {"duration": "days", "event": "left", "cluster": "adviser"}
BAND = 3 * np.sqrt(0.95 * 0.05 / STUDIES)


def study(seed):
    rng = np.random.default_rng(seed)
    adviser = np.repeat(np.arange(PRACTITIONERS), CASELOAD)
    rate = WORK * np.exp(SPREAD * rng.normal(size=PRACTITIONERS)[adviser])
    n = len(adviser)
    ends = [rng.uniform(90, 365, n), rng.exponential(1 / rate), rng.exponential(1 / OTHER, n)]
    days = np.ceil(np.column_stack(ends))
    frame = pd.DataFrame({"days": days.min(axis=1), "left": days.argmin(axis=1)})
    return frame.assign(adviser=adviser, exposed=adviser % 2)


def share_by(day):
    """Share in work by a day."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    rate = WORK * np.exp(SPREAD * nodes)
    left = 1 - np.exp(-(rate + OTHER) * day)
    return float(weights @ (rate / (rate + OTHER) * left) / weights.sum())


@pytest.fixture(scope="module")
def covered():
    truth, found = share_by(90), {}
    for seed in range(STUDIES):
        data = study(seed)
        curve = cumulative_incidence(data, **COLUMNS).at(90).iloc[0]
        days = restricted_mean(data, **COLUMNS, by="exposed", horizon=90, cause=1)
        days = days.differences().iloc[0]
        row = {
            "incidence": curve["conf_low"] < truth < curve["conf_high"],
            "days lost": days["conf_low"] < 0 < days["conf_high"],
            "log-rank": compare_curves(data, **COLUMNS, by="exposed").p_value > 0.05,
        }
        for fit in (fit_cox, fit_subdistribution):
            bounds = fit("left ~ exposed", data, **COLUMNS).conf_int().iloc[0]
            row[fit.__name__] = bounds["conf_low"] < 0 < bounds["conf_high"]
        found[seed] = row
    return pd.DataFrame.from_dict(found, orient="index").mean()


@pytest.mark.parametrize(
    "what", ["incidence", "days lost", "log-rank", "fit_cox", "fit_subdistribution"]
)
def test_clustered_intervals_cover_and_tests_keep_their_size(covered, what):
    assert abs(covered[what] - 0.95) < BAND


def test_intervals_that_take_clients_as_independent_would_not_cover():
    plain = {name: COLUMNS[name] for name in ("duration", "event")}
    inside = []
    for seed in range(60):
        bounds = fit_cox("left ~ exposed", study(seed), **plain).conf_int().iloc[0]
        inside.append(bounds["conf_low"] < 0 < bounds["conf_high"])
    assert np.mean(inside) < 0.95 - BAND
