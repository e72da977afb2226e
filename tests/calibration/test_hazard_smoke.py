"""Are hazards honest? A few dozen made-up services in continuous time, seen once a month.

Clients of a practitioner share a frailty that multiplies a hazard growing with time; whether they
leave a month with a job or are lost to observation is decided in continuous time, of which a
complementary log-log of months keeps the hazard ratio exactly. Truths of chances by a horizon come
from a dense integral over the frailty. Every test allows three Monte Carlo standard errors. Seeds
are fixed, so a test that passes always does.
"""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.effects import Levels, effect_by_horizon
from deepvalue_stats.models import fit_hazard

STUDIES = 60
PRACTITIONERS, CASELOAD = 40, 15
EFFECT, SPREAD, SHAPE = 0.4, 0.5, 1.3
BASE = -2.6  # log of the cumulated hazard of the first month
MONTHS = 12


def cumulated(months, x):
    """Log of the cumulated hazard at a frailty of one."""
    return BASE + SHAPE * np.log(months) + EFFECT * x


def study(seed):
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(PRACTITIONERS), CASELOAD)
    x = 0.5 * rng.standard_normal(PRACTITIONERS)[who] + rng.standard_normal(len(who))
    own = SPREAD * rng.standard_normal(PRACTITIONERS)[who]
    unit = rng.exponential(size=len(who))
    time = np.exp((np.log(unit) - BASE - EFFECT * x - own) / SHAPE)
    # lost at the end of a month, as administrative records lose people
    lost = np.where(rng.random(len(who)) < 0.3, rng.integers(1, MONTHS + 1, len(who)), MONTHS)
    month = np.ceil(time).clip(1, 1_000).astype(int)
    return pd.DataFrame(
        {
            "client": np.arange(len(who)),
            "practitioner": who,
            "x": x,
            "months": np.minimum(month, lost),
            "work": (month <= lost).astype(int),
        }
    )


def truth():
    """Difference in the chance, and in the months after, of everybody at 1 against at -1."""
    z = np.linspace(-8, 8, 1_601)
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    times = np.arange(1, MONTHS + 1)
    curves = []
    for x in (1.0, -1.0):
        h = np.exp(cumulated(times, x)[:, None] + SPREAD * z)
        curves.append(np.r_[0, 1 - np.exp(-h) @ weight])
    risk = curves[0] - curves[1]
    return np.array([EFFECT, risk[-1], ((risk[1:] + risk[:-1]) / 2).sum()])


@pytest.fixture(scope="module")
def studies():
    """Estimates, standard errors, whether intervals hold the truth, and standard deviations."""
    true, rows, spread = truth(), [], []
    for seed in range(STUDIES):
        fit = fit_hazard(
            "~ x + (1 | practitioner)", study(seed), duration="months", event="work",
            quadrature_points=5,
        )  # fmt: skip
        assert fit.convergence.status == "ok"
        spread.append(fit.theta[0])
        x = fit.coefficients.loc["x"]
        table = effect_by_horizon(fit, "x", horizon=MONTHS, contrast=Levels(-1, 1)).frame
        found = [
            (x["estimate"], x["interval_error"], x["conf_low"], x["conf_high"]),
            *table[["estimate", "std_error", "conf_low", "conf_high"]].itertuples(index=False),
        ]
        rows.append(found)
    return true, np.array(rows, dtype=float), np.array(spread)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["hazard ratio", "chance", "months gained"])
def test_estimates_are_unbiased(studies, which):
    true, rows, _ = studies
    found = rows[:, which, 0]
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert abs(found.mean() - true[which]) < 3 * error


@pytest.mark.parametrize("which", [0, 1, 2], ids=["hazard ratio", "chance", "months gained"])
def test_intervals_hold_the_truth_as_often_as_they_say(studies, which):
    true, rows, _ = studies
    held = (rows[:, which, 2] <= true[which]) & (true[which] <= rows[:, which, 3])
    assert held.mean() >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / len(held))


@pytest.mark.parametrize("which", [0, 1, 2], ids=["hazard ratio", "chance", "months gained"])
def test_standard_errors_are_the_spread(studies, which):
    _, rows, _ = studies
    ratio = rows[:, which, 1].mean() / rows[:, which, 0].std(ddof=1)
    assert abs(ratio - 1) < 3 / np.sqrt(2 * (len(rows) - 1))


def test_practitioners_differ_as_much_as_planted(studies):
    _, _, spread = studies
    # maximum likelihood of 40 groups is a little low: by less than a tenth
    error = spread.std(ddof=1) / np.sqrt(len(spread))
    assert -0.1 * SPREAD - 3 * error < spread.mean() - SPREAD < 3 * error
