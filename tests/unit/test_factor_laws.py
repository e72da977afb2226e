"""Factor models: what is refused, what is stated, and laws that any right answer obeys."""

from itertools import product

import numpy as np
import pytest
from scipy import integrate, stats

from deepvalue_stats.errors import DataError
from deepvalue_stats.measures.factors import (
    Equality,
    bifactor,
    correlated_factors,
    factor_model,
    one_factor,
    polychoric,
)
from deepvalue_stats.measures.factors.bivariate import cumulative, density, density_slope
from deepvalue_stats.measures.factors.exploratory import general_factor, oblimin

FOUR = one_factor(("a", "b", "c", "d"))


def drawn(rows=600, items=4, seed=1, noise=0.8, categories=None):
    """Items of one factor; in categories from 1 where that is asked for."""
    rng = np.random.default_rng(seed)
    seen = rng.normal(size=(rows, 1)) + noise * rng.normal(size=(rows, items))
    if categories is None:
        return seen
    return np.clip(np.round(seen + (categories + 1) / 2), 1, categories)


def message(call):
    with pytest.raises(DataError) as refused:
        call()
    return str(refused.value)


# --- what is refused ------------------------------------------------------------------------------


def test_one_factor_needs_three_items():
    assert message(lambda: one_factor(("a", "b"))) == (
        "DataError: a single factor needs three items, and 2 were given\n"
        "  where: items\n"
        "  fix:   correlate the two items instead, or add a factor with further items"
    )


def test_faults_of_subscales_are_told_all_at_once():
    assert message(lambda: bifactor({"bond": ("a", "b"), "task": ("b", "c", "d")})) == (
        "DataError: 2 problems\n"
        "1. item 'b' stands in more than one subscale\n"
        "     where: subscales\n"
        "     fix:   leave it in one of them\n"
        "2. subscale 'bond' has 2 items, needs 3\n"
        "     where: subscales.bond\n"
        "     fix:   join it with another one"
    )


def test_a_single_subscale_is_one_factor():
    assert message(lambda: correlated_factors({"bond": ("a", "b", "c")})) == (
        "DataError: 1 subscale given, and two are needed\n"
        "  where: subscales\n"
        "  fix:   fit one factor instead"
    )


def test_items_that_do_not_vary_are_refused_by_number_and_group():
    items = drawn()
    items[300:, 2] = 0.0
    groups = np.repeat([0, 1], 300)
    assert message(lambda: factor_model(items, FOUR, groups=groups)) == (
        "DataError: item 3 has the same response in all 300 rows\n"
        "  where: group 2\n"
        "  fix:   leave it out: it tells nobody apart"
    )


def test_a_category_that_a_group_lacks_is_refused_where_thresholds_would_be_compared():
    items = drawn(categories=3)
    items[300:, 1] = np.maximum(items[300:, 1], 2)
    groups = np.repeat([0, 1], 300)
    assert message(lambda: factor_model(items, FOUR, kind="ordinal", groups=groups)) == (
        "DataError: item 2 lacks 1 of its 3 categories\n"
        "  where: group 2\n"
        "  fix:   join categories that few choose, in all groups, or take items as continuous"
    )


def test_missing_responses_are_counted_and_refused():
    items = drawn()
    items[[3, 8], 1] = np.nan
    assert message(lambda: factor_model(items, FOUR)) == (
        "DataError: 2 of 600 rows lack a response\n"
        "  where: items\n"
        "  fix:   leave them out, and say how many"
    )


def test_columns_that_do_not_fit_the_structure_are_refused():
    assert message(lambda: factor_model(drawn(items=5), FOUR)) == (
        "DataError: the items are 600 x 5, and the structure has 4\n"
        "  where: items\n"
        "  fix:   give one column for each item of the structure"
    )


def test_fewer_rows_than_items_are_refused():
    assert message(lambda: factor_model(drawn(rows=4), FOUR)) == (
        "DataError: 4 complete rows cannot tell 4 items apart\n"
        "  where: items\n"
        "  fix:   join groups, or use fewer items"
    )


def test_one_practitioner_alone_says_nothing_of_chance():
    said = message(lambda: factor_model(drawn(), FOUR, clusters=np.zeros(600)))
    assert said.splitlines()[0] == "DataError: all 600 rows belong to one practitioner"


def test_the_same_item_twice_has_no_polychoric_correlation():
    items = drawn(categories=4)
    items[:, 1] = items[:, 0]
    assert message(lambda: polychoric(items)) == (
        "DataError: items 1 and 2 agree almost perfectly\n"
        "  where: items[0], items[1]\n"
        "  fix:   leave one of them out"
    )


# --- what is stated -------------------------------------------------------------------------------


def test_three_items_fit_whatever_the_data_say():
    fit = factor_model(drawn(items=3), one_factor(("a", "b", "c")))
    assert fit.test.plain.df == 0
    assert np.isnan(fit.test.plain.p_value)
    assert fit.notes == (
        "The model has as many parameters as moments: it fits whatever the data say.",
    )


def test_a_matrix_that_is_not_positive_definite_is_said_to_be_so():
    """Everybody agrees to two of four items: each pair correlates -.5, which four cannot do."""
    patterns = np.array([p for p in product((1, 2), repeat=4) if sum(p) == 6], dtype=float)
    items = np.repeat(patterns, 20, axis=0)
    fit = factor_model(items, FOUR, kind="ordinal")
    assert np.linalg.eigvalsh(polychoric(items).correlation)[0] < 0
    assert fit.notes[0] == (
        "The matrix of polychoric correlations is not positive definite; the fit rests on its "
        "entries one by one and is possible all the same."
    )


def test_few_practitioners_are_said_to_be_few():
    fit = factor_model(drawn(), FOUR, clusters=np.arange(600) % 20)
    assert fit.notes == ("Only 20 practitioners: tests that allow for them are rough.",)


@pytest.mark.parametrize(("seed", "one"), [(3, False), (2, True)])
def test_factors_that_correlate_by_more_than_one_are_told(seed, one):
    """Six items of one thing: by chance the two halves correlate a little less or more than 1."""
    two = correlated_factors({"first": "abc", "second": "def"})
    fit = factor_model(drawn(rows=2000, items=6, noise=0.3, seed=seed), two)
    assert fit.factor_correlations[0, 0, 1] == pytest.approx(1.0, abs=0.01)
    assert (fit.factor_correlations[0, 0, 1] > 1) == one
    said = "factors are correlated by 1 or more: there are fewer of them"
    assert fit.status == ((said,) if one else ())


# --- laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [-0.97, -0.4, 0.0, 0.3, 0.8, 0.98])
def test_the_bivariate_normal_is_the_integral_of_its_density(rho):
    found = cumulative(np.array(0.4), np.array(-0.7), np.array(rho))

    def inner(x):
        reach = (-0.7 - rho * x) / np.sqrt(1 - rho**2)
        return stats.norm.pdf(x) * stats.norm.cdf(reach)

    assert found == pytest.approx(integrate.quad(inner, -9, 0.4, epsabs=1e-13)[0], abs=1e-10)
    step = 1e-5
    around = [cumulative(np.array(0.4), np.array(-0.7), np.array(rho + s)) for s in (step, -step)]
    height = density(np.array(0.4), np.array(-0.7), np.array(rho))
    assert height == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-7, abs=1e-9)
    around = [density(np.array(0.4), np.array(-0.7), np.array(rho + s)) for s in (step, -step)]
    slope = density_slope(np.array(0.4), np.array(-0.7), np.array(rho))
    assert slope == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-5, abs=1e-8)


def test_limits_at_infinity_leave_the_other_variable_alone():
    far = cumulative(np.array(np.inf), np.array(0.3), np.array(0.6))
    assert far == pytest.approx(stats.norm.cdf(0.3), abs=1e-14)
    assert cumulative(np.array(-np.inf), np.array(0.3), np.array(0.6)) < 1e-300


def test_a_correlation_of_two_halves_is_known_in_closed_form():
    """Cut at the median, a table's chance p of agreeing low gives rho = sin(2 pi (p - 1/4))."""
    low_low, rows = 3, 8
    items = np.array([[1, 1]] * low_low + [[1, 2]] + [[2, 1]] + [[2, 2]] * low_low, dtype=float)
    assert len(items) == rows
    expected = np.sin(2 * np.pi * (low_low / rows - 0.25))
    assert polychoric(items).correlation[0, 1] == pytest.approx(expected, abs=1e-9)


def test_influence_values_are_the_derivative_by_one_more_person():
    """Thresholds exactly; estimates move by influence / n when a person counts a little more."""
    items = drawn(rows=400, items=2, categories=3, seed=3)
    found = polychoric(items)
    assert found.influence.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-12)
    shares = np.array([(items[:, 0] <= c).mean() for c in (1, 2)])
    heights = stats.norm.pdf(stats.norm.ppf(shares))
    expected = ((items[:, :1] <= [1, 2]) - shares) / heights
    assert found.influence[:, :2] == pytest.approx(expected, rel=1e-12)


def test_scaling_changes_names_and_not_the_fit():
    items, names = drawn(items=6), tuple("abcdef")
    two = correlated_factors({"first": names[:3], "second": names[3:]})
    unit, marker = (factor_model(items, two, scaling=s) for s in ("unit_variance", "marker"))
    assert unit.test.plain.value == pytest.approx(marker.test.plain.value, rel=1e-7)
    assert unit.test.scaled.value == pytest.approx(marker.test.scaled.value, rel=1e-6)
    assert unit.loadings == pytest.approx(marker.loadings, abs=1e-5)
    assert unit.loading_errors == pytest.approx(marker.loading_errors, rel=1e-3)


def test_the_gradient_by_matrices_is_that_by_the_jacobian():
    """Through the observed information: symmetric before it is made so, and right in one entry."""
    items = drawn(rows=300)
    fit = factor_model(items, FOUR)
    expected = np.diag(fit.solution.jacobian.T @ fit.solution.weight @ fit.solution.jacobian)
    at = fit.layout.names.index("a~1")
    # of a mean the observed information is the expected one
    assert fit.solution.bread[at, at] == pytest.approx(expected[at], rel=1e-8)


def test_independent_rows_as_clusters_of_one_change_nothing_but_the_correction():
    items = drawn()
    plain = factor_model(items, FOUR)
    alone = factor_model(items, FOUR, clusters=np.arange(600))
    assert plain.test == alone.test


def test_repeating_every_row_within_a_cluster_leaves_the_test_where_it_was():
    """Two copies of each person as one cluster hold no more than one copy."""
    items = drawn()
    once = factor_model(items, FOUR)
    twice = factor_model(np.repeat(items, 2, axis=0), FOUR, clusters=np.repeat(np.arange(600), 2))
    naive = factor_model(np.repeat(items, 2, axis=0), FOUR)
    assert twice.test.scaled.value == pytest.approx(once.test.scaled.value * 599 / 600, rel=1e-6)
    assert naive.test.scaled.value == pytest.approx(2 * once.test.scaled.value, rel=1e-6)
    errors = twice.parameters["std_error"] / once.parameters["std_error"]
    assert errors.to_numpy() == pytest.approx(np.full(12, np.sqrt(600 / 599)), rel=1e-6)


def test_groups_that_share_practitioners_are_not_taken_as_independent():
    """The same people twice as two groups: their difference is 0, and known to be."""
    items = np.vstack([drawn()] * 2)
    groups, people = np.repeat([0, 1], 600), np.tile(np.arange(600), 2)
    equal = Equality(frozenset({"loadings", "intercepts"}))
    fit = factor_model(items, FOUR, groups=groups, clusters=people, equality=equal)
    table = fit.parameters
    assert table.loc["score~1.g2", "estimate"] == pytest.approx(0, abs=1e-6)
    assert table.loc["score~1.g2", "std_error"] < 1e-4
    apart = factor_model(items, FOUR, groups=groups, equality=equal)
    assert apart.parameters.loc["score~1.g2", "std_error"] > 0.03


def test_groups_may_have_any_names_and_numbers():
    items = drawn()
    numbered, named = np.repeat([3, 7], 300), np.repeat(["high", "low"], 300)
    found = [factor_model(items, FOUR, groups=one).test.plain for one in (numbered, named)]
    assert found[0] == found[1] == factor_model(items, FOUR, groups=numbered // 4).test.plain


def test_ordinal_residuals_held_equal_leave_one_number_free_a_group():
    items = drawn(rows=1200, categories=4, seed=5)
    groups = np.repeat([0, 1], 600)
    parts = frozenset({"thresholds", "loadings", "intercepts", "residuals"})
    fit = factor_model(items, FOUR, kind="ordinal", groups=groups, equality=Equality(parts))
    own = {name for name in fit.layout.names if name.endswith(".g2")}
    assert own == {"score~~score.g2", "score~1.g2"}
    assert fit.solution.converged


def test_an_oblique_rotation_keeps_the_common_part():
    rng = np.random.default_rng(2)
    loadings = rng.normal(size=(8, 3))
    pattern, between = oblimin(loadings)
    assert pattern @ between @ pattern.T == pytest.approx(loadings @ loadings.T, abs=1e-9)
    assert np.diag(between) == pytest.approx(np.ones(3), abs=1e-12)


def test_a_planted_general_factor_is_found():
    """Three groups of three items: .6 on the general factor, .5 on their own."""
    specific = np.kron(np.eye(3), np.full((3, 1), 0.5))
    correlation = np.full((9, 9), 0.36) + specific @ specific.T
    np.fill_diagonal(correlation, 1.0)
    found = general_factor(correlation, 3)
    assert found.general == pytest.approx(np.full(9, 0.6), abs=1e-4)
    assert found.hierarchical == pytest.approx(81 * 0.36 / correlation.sum(), abs=1e-4)
    assert message(lambda: general_factor(correlation, 6)) == (
        "DataError: 6 factors of 9 items cannot be told apart\n"
        "  where: factors\n"
        "  fix:   two factors need five items, three need six"
    )
