"""The proportional-odds logit against MASS in R and statsmodels, on public data.

Expected values, call, versions and tolerances: expected/ordinal_bfi.json.
"""

import numpy as np
import pytest
from measurement_data import rdatasets, told
from statsmodels.miscmodels.ordinal_model import OrderedModel

from deepvalue_stats.models.ordinal import fit_ordinal

TOLD = told("ordinal_bfi")


def answers():
    frame = rdatasets.data("psych", "bfi")[["A2", "A3", "A5", "gender"]].dropna()
    level = (frame["A3"] + frame["A5"]) / 2
    design = np.column_stack([level, frame["gender"] == 2]).astype("float64")
    return frame["A2"].to_numpy("float64"), design


def test_estimates_and_errors_are_polrs():
    close, fit = TOLD["tolerance"], fit_ordinal(*answers())
    assert (fit.n, fit.status) == (TOLD["n"], "ok")
    near = {"abs": close["estimate_absolute"]}
    assert fit.thresholds == pytest.approx(TOLD["thresholds"], **near)
    assert fit.coefficients == pytest.approx(list(TOLD["coefficients"]), **near)
    errors = np.sqrt(np.diag(fit.vcov))
    expected = [*TOLD["threshold_errors"], *TOLD["coefficient_errors"]]
    assert errors == pytest.approx(expected, rel=close["std_error_relative"])
    assert fit.loglik == pytest.approx(TOLD["loglik"], abs=close["loglik_absolute"])


def test_estimates_are_those_of_statsmodels():
    response, design = answers()
    fit = fit_ordinal(response, design)
    model = OrderedModel(response.astype(int), design, distr="logit")
    peer = model.fit(method="bfgs", disp=0, gtol=1e-8)
    assert fit.coefficients == pytest.approx(np.asarray(peer.params)[:2], abs=1e-5)
    assert fit.loglik == pytest.approx(peer.llf, abs=1e-6)
