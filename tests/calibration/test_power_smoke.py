"""Does simulated power agree with what the literature's closed forms say?

Two designs have one that is all but exact: half of the practitioners against the other half, and a
score that is the same for all clients of a practitioner. Draws come from `simulate.cohort`, each is
fitted by the package's own multilevel model. Allowed: three points, as the closed form takes the
outcome for a number and the fit takes it for a logit, and three Monte Carlo standard errors. The
seed is fixed, so a test that passes always does; `benchmarks/check_power.py` makes a longer table.
"""

import joblib
import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.plan.parts import ModelPlan
from deepvalue_stats.power.replicates import MAIN, Trial, run_block
from deepvalue_stats.power.result import closed_form
from deepvalue_stats.simulate.cohort import Cohort, cohort_truth

STUDIES, BLOCK = 360, 60
MODEL = ModelPlan(
    role="primary", outcome="job", exposure="rapport", groups=("practitioner",),
    estimator="multilevel",
)  # fmt: skip
# exposure, practitioners, clients of each, share of variance, effect: power near 5, 50 and 80 %
DESIGNS = [
    ("arms", 20, 25, 0.02, 0.0),
    ("arms", 20, 25, 0.02, 0.15),
    ("arms", 40, 15, 0.05, 0.10),
    ("score", 40, 25, 0.02, 0.0525),
    ("score", 40, 15, 0.05, 0.05),
]


def studies(cohort):
    truth = cohort_truth(cohort).effect
    trial = Trial(cohort, MODEL, {MAIN: truth}, worthwhile=0.02)
    seeds = np.random.SeedSequence(20110523).spawn(STUDIES)
    blocks = [
        joblib.delayed(run_block)(trial, range(i, i + BLOCK), seeds[i : i + BLOCK])
        for i in range(0, STUDIES, BLOCK)
    ]
    return pd.concat(joblib.Parallel(n_jobs=-1)(blocks)), truth


@pytest.mark.parametrize(("exposure", "practitioners", "clients", "icc", "effect"), DESIGNS)
def test_simulation_and_closed_form_agree(exposure, practitioners, clients, icc, effect):
    cohort = Cohort(
        practitioners, clients, 0.0, 0.3, icc, effect, exposure=exposure, exposure_icc=1.0
    )
    found, truth = studies(cohort)
    # a fit whose optimum was not found has found no effect; it must stay a rarity
    assert found["std_error"].notna().mean() > 0.99
    expected = closed_form(cohort, truth)
    error = np.sqrt(expected * (1 - expected) / STUDIES)
    assert abs((found["p_value"] < 0.05).mean() - expected) < 0.03 + 3 * error
    spread = found["estimate"].std()
    assert abs(found["estimate"].mean() - truth) < 0.03 * abs(truth) + 3 * spread / STUDIES**0.5
    assert abs(found["std_error"].mean() / spread - 1) < 0.03 + 3 / np.sqrt(2 * STUDIES)
