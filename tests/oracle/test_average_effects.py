"""Risks with the random effects averaged out, and their errors, against an integration in R.

Numbers and their source: expected/ame_*.json.
"""

import json

import numpy as np
import pytest
from multilevel_cases import EXPECTED, contraception, ohio

from deepvalue_stats.effects import average_effect, average_mean, predictor_of, together
from deepvalue_stats.models import fit_multilevel

DATA = {"contraception": contraception, "ohio": ohio}
SETS = {"risk1": [1.0, 0.0], "risk0": [0.0, 1.0], "risk_difference": [1.0, -1.0]}


@pytest.fixture(scope="module", params=DATA)
def case(request):
    expected = json.loads((EXPECTED / f"ame_{request.param}.json").read_text(encoding="utf-8"))
    fit = fit_multilevel(
        expected["formula"],
        DATA[request.param](),
        quadrature_points=expected["quadrature_points"],
        inference="z",
    )
    return fit, expected


def risks(fit, exposure, at):
    frame = fit.design.frame
    set_to = [predictor_of(fit, frame.assign(**{exposure: x}), at) for x in (1.0, 0.0)]
    return together([average_mean(fit.link, rows) for rows in set_to])


@pytest.mark.parametrize("at", ["population", "typical"])
def test_risks_and_their_errors_are_those_of_the_integration_in_r(case, at):
    fit, expected = case
    both = risks(fit, expected["exposure"], at)
    for name, weights in SETS.items():
        found = both.combine(np.array([weights]))
        std_error = np.sqrt(found.covariance(fit.interval_joint)[0, 0])
        wanted, allowed = expected[at][name], expected["tolerance"]
        assert found.value[0] == pytest.approx(wanted["estimate"], abs=allowed["estimate"])
        assert std_error == pytest.approx(wanted["se"], rel=allowed["se_relative"])


def test_a_variance_taken_as_known_gives_other_errors_which_r_has_as_well(case):
    fit, expected = case
    risk0 = risks(fit, expected["exposure"], "population").combine(np.array([SETS["risk0"]]))
    known = fit.interval_joint.copy()
    known[: len(fit.theta)] = 0
    known[:, : len(fit.theta)] = 0
    fixed, joint = (np.sqrt(risk0.covariance(v)[0, 0]) for v in (known, fit.interval_joint))
    assert fixed == pytest.approx(expected["population_sd_fixed"]["risk0"]["se"], rel=1e-5)
    assert abs(joint / fixed - 1) > 5e-3


def test_the_average_derivative_is_the_change_of_the_mean_prediction(case):
    fit, expected = case
    name, frame = expected["exposure"], fit.design.frame
    up, down = (fit.predict(frame.assign(**{name: frame[name] + h})).mean() for h in (1e-4, -1e-4))
    row = average_effect(fit, name, contrast="point").frame.iloc[0]
    assert row["estimate"] == pytest.approx((up - down) / 2e-4, rel=1e-6)
