"""Factor models against lavaan in R: estimates, standard errors, tests and indices of fit.

Expected values, calls, versions and tolerances: expected/cfa_*.json, expected/invariance_*.json.
"""

import numpy as np
import pytest
from measurement_data import (
    ABILITIES,
    agreeable_and_careful,
    agreeable_by_gender,
    holzinger,
    told,
)

from deepvalue_stats.measures.factors import (
    Equality,
    bifactor,
    correlated_factors,
    factor_model,
    one_factor,
    polychoric,
)
from deepvalue_stats.measures.factors.testing import scaled_difference

THREE = correlated_factors(ABILITIES)
LADDER = {
    "configural": (),
    "metric": ("loadings",),
    "scalar": ("loadings", "intercepts"),
    "strict": ("loadings", "intercepts", "residuals"),
}
ORDINAL_LADDER = {
    "configural": (),
    "thresholds": ("thresholds",),
    "loadings": ("thresholds", "loadings"),
    "scalar": ("thresholds", "loadings", "intercepts"),
    "strict": ("thresholds", "loadings", "intercepts", "residuals"),
}


def numbers(fit):
    """Our fit under the names that lavaan has for its numbers."""
    test, own = fit.test, fit.indices
    return {
        "chisq": test.plain.value,
        "df": test.plain.df,
        "pvalue": test.plain.p_value,
        "chisq.scaled": test.scaled.value,
        "pvalue.scaled": test.scaled.p_value,
        "chisq.scaling.factor": test.factor,
        "cfi": own.cfi,
        "tli": own.tli,
        "rmsea": own.rmsea,
        "rmsea.ci.lower": own.rmsea_low,
        "rmsea.ci.upper": own.rmsea_high,
        "rmsea.pvalue": own.rmsea_p,
        "srmr": own.srmr,
        "cfi.scaled": own.cfi_scaled,
        "tli.scaled": own.tli_scaled,
        "rmsea.scaled": own.rmsea_scaled,
        "cfi.robust": own.cfi_robust,
        "rmsea.robust": own.rmsea_robust,
    }


def label(lhs, op, rhs, group):
    """The name that a parameter of lavaan has here."""
    own = {"=~": f"{lhs}=~{rhs}", "|": f"{lhs}|{rhs[1:]}", "~1": f"{lhs}~1", "~~": f"{lhs}~~{rhs}"}
    return own[op] if group == 1 else f"{own[op]}.g{group}"


def renamed(parameters, factor):
    """With lavaan's name of a single factor put as ours."""
    as_ours = {factor: "score"}
    return [
        [as_ours.get(lhs, lhs), op, as_ours.get(rhs, rhs), *rest]
        for lhs, op, rhs, *rest in parameters
        if op != "~*~"  # in lavaan one over the standard deviation
    ]


def compare(fit, expected, close, *, chi="chi_squared_relative", scaled=1e-5, index=1e-6):
    mine = numbers(fit)
    for name, value in expected["fit"].items():
        if name not in mine or value is None:
            continue
        robust = "scaled" in name or "scaling" in name or "robust" in name
        if fit.moments.ordinal and "robust" in name:
            continue  # not offered: see the limitations
        if "chisq" in name:
            relative = scaled if robust else close[chi]
            assert mine[name] == pytest.approx(value, rel=relative), name
        else:
            assert mine[name] == pytest.approx(value, abs=20 * index if robust else index), name


def same_parameters(fit, expected, close, *, errors):
    table = fit.parameters.assign(std_error=errors)
    seen = 0
    for lhs, op, rhs, group, estimate, std_error in expected:
        name = label(lhs, op, rhs, group)
        if name not in table.index:
            continue
        row = table.loc[name]
        assert row.estimate == pytest.approx(estimate, abs=close["estimate_absolute"]), name
        assert row.std_error == pytest.approx(std_error, rel=close["std_error_relative"]), name
        seen += 1
    assert seen >= (table.estimate != 0).sum() - fit.moments.items * len(fit.moments.groups)


def robust(fit):
    return np.sqrt(np.diag(fit.vcov))


def expected_errors(fit):
    return np.sqrt(np.diag(fit.expected_vcov))


@pytest.mark.parametrize(
    ("name", "scaling", "errors"),
    [
        ("three_factor_ML", "marker", expected_errors),
        ("three_factor_std_lv", "unit_variance", expected_errors),
        ("three_factor_MLR", "marker", robust),
    ],
)
def test_three_factors_are_lavaans(name, scaling, errors):
    reference = told("cfa_holzinger")
    fit = factor_model(holzinger()[0], THREE, scaling=scaling)
    expected, close = reference["results"][name], reference["tolerance"]
    compare(fit, expected, close)
    same_parameters(fit, expected["parameters"], close, errors=errors(fit))
    correlations = reference["results"]["factor_correlations"]
    assert fit.factor_correlations[0] == pytest.approx(np.array(correlations), abs=1e-5)


def test_the_reliability_of_each_factor_is_lavaans():
    """From standardised loadings l: (sum l)^2 over itself and the sum of 1 - l^2."""
    fit = factor_model(holzinger()[0], THREE)
    expected = told("cfa_holzinger")["results"]["composite_reliability"]
    for k, name in enumerate(THREE.factors):
        own = fit.loadings[0, THREE.pattern[:, k], k]
        common = own.sum() ** 2
        found = common / (common + (1 - own**2).sum())
        assert found == pytest.approx(expected[name], abs=1e-5)


def test_one_factor_is_lavaans():
    reference = told("cfa_holzinger")
    fit = factor_model(holzinger()[0], one_factor(THREE.items), scaling="marker")
    expected = reference["results"]["one_factor_ML"]
    compare(fit, expected, reference["tolerance"])
    errors = expected_errors(fit)
    parameters = renamed(expected["parameters"], "g")
    same_parameters(fit, parameters, reference["tolerance"], errors=errors)


@pytest.mark.parametrize("step", list(LADDER))
@pytest.mark.parametrize("which", ["", "_mlr"])
def test_steps_of_invariance_are_lavaans(step, which):
    items, school = holzinger()
    reference = told(f"invariance_holzinger_school{which}")
    fit = factor_model(
        items, THREE, groups=school, scaling="marker", equality=Equality(frozenset(LADDER[step]))
    )
    expected, close = reference["results"][step], reference["tolerance"]
    compare(fit, expected, close)
    errors = robust(fit) if which else expected_errors(fit)
    same_parameters(fit, expected["parameters"], close, errors=errors)


@pytest.mark.parametrize(
    ("step", "before"), [("metric", "configural"), ("scalar", "metric"), ("strict", "scalar")]
)
def test_scaled_differences_are_lavaans(step, before):
    items, school = holzinger()
    fits = [
        factor_model(items, THREE, groups=school, equality=Equality(frozenset(LADDER[one])))
        for one in (step, before)
    ]
    told_so = told("invariance_holzinger_school_mlr")["results"][f"difference_{step}_vs_{before}"]
    found = scaled_difference(fits[0].moments, fits[0].solution, fits[1].solution, by_mean=True)
    expected = told_so["satorra_bentler_2001"]
    assert found.value == pytest.approx(expected["chisq"], rel=1e-5)
    assert found.df == expected["df"]
    assert found.p_value == pytest.approx(expected["p"], rel=1e-4)


def test_polychoric_correlations_are_lavaans():
    items, _ = agreeable_and_careful()
    found, reference = polychoric(items), told("cfa_ordinal_bfi")
    expected = np.array(reference["results"]["polychoric"])
    close = reference["tolerance"]["polychoric_absolute"]
    assert found.correlation == pytest.approx(expected, abs=close / 100)
    thresholds = list(reference["results"]["thresholds"].values())
    assert found.thresholds.ravel() == pytest.approx(thresholds, abs=1e-8)


def test_an_ordinal_model_is_lavaans():
    items, names = agreeable_and_careful()
    reference = told("cfa_ordinal_bfi")
    close = reference["tolerance"]
    structure = correlated_factors({"A": names[:5], "C": names[5:]})
    fit = factor_model(items, structure, kind="ordinal", scaling="marker")
    compare(fit, reference["results"]["WLSMV"], close, scaled=1e-5)
    parameters = reference["results"]["WLSMV"]["parameters"]
    same_parameters(fit, parameters, close, errors=robust(fit))
    loading = next(row for row in reference["results"]["DWLS"]["parameters"] if row[2] == "A2")
    at = fit.layout.names.index("A=~A2")
    assert expected_errors(fit)[at] == pytest.approx(loading[5], rel=1e-3)


@pytest.mark.parametrize("step", list(ORDINAL_LADDER))
def test_steps_of_ordinal_invariance_are_lavaans(step):
    items, names, gender = agreeable_by_gender()
    reference = told("invariance_ordinal_bfi")
    close = reference["tolerance"]
    equality = Equality(frozenset(ORDINAL_LADDER[step]))
    fit = factor_model(items, one_factor(names), kind="ordinal", groups=gender, equality=equality)
    expected = reference["results"][step]
    compare(fit, expected, close, scaled=close["scaled_relative"], index=2e-6)
    if step != "strict":  # which lavaan has in another parameterisation
        parameters = renamed(expected["parameters"], "A")
        same_parameters(fit, parameters, close, errors=robust(fit))


@pytest.mark.parametrize(
    ("step", "before"),
    [("thresholds", "configural"), ("loadings", "thresholds"), ("scalar", "loadings")],
)
def test_ordinal_scaled_differences_are_lavaans(step, before):
    items, names, gender = agreeable_by_gender()
    fits = [
        factor_model(
            items,
            one_factor(names),
            kind="ordinal",
            groups=gender,
            equality=Equality(frozenset(ORDINAL_LADDER[one])),
        )
        for one in (step, before)
    ]
    found = scaled_difference(fits[0].moments, fits[0].solution, fits[1].solution)
    expected = told("invariance_ordinal_bfi")["differences"][step]
    assert found.value == pytest.approx(expected["chisq"], rel=1e-4)
    assert found.df == expected["df"]


def test_a_test_that_allows_for_clusters_is_lavaans():
    items, _ = holzinger()
    reference = told("cfa_clusters_holzinger")
    close, expected = reference["tolerance"], reference["results"]["cluster"]
    fit = factor_model(items, THREE, clusters=np.arange(len(items)) % 43)
    compare(fit, expected, close, scaled=1e-5)
    close = close | {"estimate_absolute": 1e-4}
    same_parameters(fit, expected["parameters"], close, errors=robust(fit))


def test_a_bifactor_model_is_lavaans_and_says_what_is_wrong_with_it():
    items, _ = holzinger()
    reference = told("cfa_clusters_holzinger")
    close, expected = reference["tolerance"], reference["results"]["bifactor"]
    fit = factor_model(items, bifactor(ABILITIES))
    compare(fit, expected, close, scaled=close["scaled_relative"])
    assert fit.status == ("an item has no residual variance left (a Heywood case)",)
    for row in expected["loadings"]:
        factor = fit.structure.factors.index("general" if row["lhs"] == "g" else row["lhs"])
        loading = fit.loadings[0, fit.structure.items.index(row["rhs"]), factor]
        assert abs(loading) == pytest.approx(abs(row["est.std"]), abs=close["loading_absolute"])
