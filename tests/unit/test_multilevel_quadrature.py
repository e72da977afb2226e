"""Adaptive quadrature: against Laplace, dense integration and differences, and what may not matter.

Where a value is compared with dense integration the tolerance is what quadrature leaves; everywhere
else two computations of the same number are compared.
"""

import numpy as np
import pytest
from scipy.special import expit, xlog1py

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models.multilevel.intercepts import Tree, intercepts_laplace
from deepvalue_stats.models.multilevel.nested_quadrature import nested_quadrature
from deepvalue_stats.models.multilevel.quadrature import quadrature
from deepvalue_stats.models.multilevel.rule import gauss_hermite

trials = pytest.mark.parametrize("unit", [True, False], ids=["rows of one trial", "counts"])
FACTORS = {
    1: [[[0.0]], [[0.7]], [[-6.0]]],
    2: [[[0.0, 0], [0, 0]], [[0.8, 0], [0.5, 0.6]], [[1.5, 0], [0, 0]], [[4.0, 0], [-5, 3]]],
}
CASES = [
    (q, np.array(factor), points)
    for q, factors in FACTORS.items()
    for factor in factors
    for points in (1, 3, 7, 25)
    if q == 1 or points < 25 or factor[1][0] == 0.5
]
THETAS = [(0.0, 0.0), (0.7, 0.0), (0.0, 0.7), (1.0, 0.5), (-2.0, 3.0)]


def groups(seed, n_groups=6, most=9, q=1, unit=True, scale=1.0):
    """Rows of groups of 1 to `most` rows; a group with many more rows comes last."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most + 1, n_groups)
    sizes[-1] += 40
    rows = np.r_[0, np.cumsum(sizes)]
    n = rows[-1]
    z = np.ones((q, n))
    z[1:] = rng.normal(size=(q - 1, n))
    m = np.ones(n) if unit else rng.integers(1, 30, n).astype(float)
    base = scale * rng.normal(size=n)
    own = rng.normal(size=(n_groups, q))[np.repeat(np.arange(n_groups), sizes)]
    y = rng.binomial(m.astype(int), expit(base + (z.T * own).sum(axis=1))).astype(float)
    return rows, z, base, y, m


def integrated(data, unit, factor, points, modes=None):
    rows, z, base, y, m = data
    nodes, weights = gauss_hermite(points)
    modes = np.zeros((rows.size - 1, z.shape[0])) if modes is None else modes.copy()
    mu, g = np.empty(base.size), np.empty(base.size)
    value, gradient, _ = quadrature(
        rows, z, base, y, m, unit, factor, nodes, np.log(weights), modes, mu, g
    )
    return value, gradient, g, modes, mu


def practices(seed, n_roots=4, most_clients=5, most=4, unit=True, scale=1.0):
    """Clients nested in practitioners, with rows, as a tree and its arrays."""
    rng = np.random.default_rng(seed)
    n_clients = rng.integers(1, most_clients + 1, n_roots)
    total = n_clients.sum()
    sizes = rng.integers(1, most + 1, total)
    above = np.repeat(np.arange(n_roots), n_clients)
    tree = Tree(
        np.r_[0, np.cumsum(sizes)],
        np.array([np.r_[0, np.cumsum(n_clients)], total + np.arange(n_roots + 1)]),
        np.r_[total + above, np.full(n_roots, -1)],
        np.array([0, n_roots // 2, n_roots]),
    )
    own = rng.normal(size=total) + rng.normal(size=n_roots)[above]
    n = sizes.sum()
    m = np.ones(n) if unit else rng.integers(1, 30, n).astype(float)
    base = scale * rng.normal(size=n)
    y = rng.binomial(m.astype(int), expit(base + np.repeat(own, sizes))).astype(float)
    return tree, base, y, m


def nested(data, unit, theta, points, modes=None):
    tree, base, y, m = data
    nodes, weights = gauss_hermite(points)
    modes = np.zeros(tree.parents.size) if modes is None else modes.copy()
    mu, g = np.empty(base.size), np.empty(base.size)
    value, gradient, _ = nested_quadrature(
        tree, base, y, m, unit, np.array(theta), nodes, np.log(weights), modes, mu, g
    )
    return value, gradient, g, modes, mu


def slope_by_differences(function, step=1e-5):
    """The derivative at 0 by central differences of fourth order."""
    near = function(step) - function(-step)
    return (8 * near - (function(2 * step) - function(-2 * step))) / (12 * step)


def logliks(base, y, m, shifts):
    """Log-likelihood of rows at predictors base + each of `shifts` (points, n)."""
    eta = base + shifts
    return (y * eta - m * np.maximum(eta, 0) - xlog1py(m, np.exp(-np.abs(eta)))).sum(axis=1)


def dense(points=4001, reach=14.0):
    """Points and log weights of a trapezoid against the standard normal density."""
    u = np.linspace(-reach, reach, points)
    return u, np.log(u[1] - u[0]) - 0.5 * u * u - 0.5 * np.log(2 * np.pi)


def test_rule_integrates_polynomials_against_the_normal_density():
    nodes, weights = gauss_hermite(6)
    moments = [weights @ nodes**power for power in range(0, 12, 2)]
    np.testing.assert_allclose(moments, [1, 1, 3, 15, 105, 945], rtol=1e-12)
    assert gauss_hermite(6)[0] is nodes


def test_rule_that_others_share_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        gauss_hermite(5)[0][0] = 0.0


@pytest.mark.parametrize("points", [0, 101])
def test_rule_refuses_what_it_cannot_compute(points):
    with pytest.raises(ModelError) as error:
        gauss_hermite(points)
    assert str(points) in error.value.faults[0].what


@trials
@pytest.mark.parametrize("theta", [0.0, 0.7, 3.0])
def test_one_point_is_laplace(theta, unit):
    data = groups(1, n_groups=50, unit=unit)
    rows, _, base, y, m = data
    value, gradient, g, modes, mu = integrated(data, unit, np.array([[theta]]), 1)
    tree = Tree(rows, np.arange(51)[None], np.full(50, -1), np.array([0, 50]))
    mu_laplace, g_laplace = np.empty(base.size), np.empty(base.size)
    expected = intercepts_laplace(
        tree, base, y, m, unit, np.array([theta]), modes[:, 0].copy(), mu_laplace, g_laplace
    )
    np.testing.assert_allclose(value, expected[0], rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(gradient[:, 0, 0], expected[1][:, 0], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(g, g_laplace, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(mu, mu_laplace, rtol=1e-13, atol=1e-15)


@trials
@pytest.mark.parametrize(("q", "factor", "points"), CASES)
def test_gradient_is_that_of_the_value(q, factor, points, unit):
    data = groups(2, q=q, unit=unit)
    rows, z, base, y, m = data
    _, gradient, g, modes, _ = integrated(data, unit, factor, points)
    rng = np.random.default_rng(0)
    along, turn = rng.normal(size=base.size), np.tril(rng.normal(size=(q, q)))
    by_base = slope_by_differences(
        lambda h: integrated((rows, z, base + h * along, y, m), unit, factor, points, modes)[0]
    )
    by_factor = slope_by_differences(
        lambda h: integrated(data, unit, factor + h * turn, points, modes)[0]
    )
    np.testing.assert_allclose(np.add.reduceat(g * along, rows[:-1]), by_base, 1e-7, 1e-7)
    np.testing.assert_allclose((gradient * turn).sum(axis=(1, 2)), by_factor, 1e-7, 1e-7)


@trials
def test_gradient_holds_where_predictors_are_huge(unit):
    data = groups(3, q=2, unit=unit, scale=300.0)
    rows, z, base, y, m = data
    factor = np.array([[2.0, 0.0], [1.0, 0.5]])
    value, _, g, modes, _ = integrated(data, unit, factor, 5)
    along = np.random.default_rng(1).normal(size=base.size)
    by_base = slope_by_differences(
        lambda h: integrated((rows, z, base + h * along, y, m), unit, factor, 5, modes)[0]
    )
    assert np.isfinite(value).all()
    np.testing.assert_allclose(np.add.reduceat(g * along, rows[:-1]), by_base, 1e-6, 1e-6)


@trials
def test_twenty_five_points_equal_dense_integration(unit):
    rows, _, base, y, m = data = groups(4, unit=unit)
    theta = 0.8
    value = integrated(data, unit, np.array([[theta]]), 25)[0]
    u, log_weights = dense()
    for j in range(rows.size - 1):
        here = slice(rows[j], rows[j + 1])
        terms = log_weights + logliks(base[here], y[here], m[here], theta * u[:, None])
        assert value[j] == pytest.approx(-np.logaddexp.reduce(terms), abs=1e-9)


def test_two_effects_equal_dense_integration():
    rows, z, base, y, m = data = groups(5, n_groups=3, q=2)
    factor = np.array([[0.8, 0.0], [0.4, 0.5]])
    value = integrated(data, True, factor, 25)[0]
    u, log_weights = dense(201, 9.0)
    first, second = (axis.ravel() for axis in np.meshgrid(u, u))
    both = np.add.outer(log_weights, log_weights).ravel()
    effects = factor @ np.array([first, second])
    for j in range(rows.size - 1):
        here = slice(rows[j], rows[j + 1])
        terms = both + logliks(base[here], y[here], m[here], effects.T @ z[:, here])
        assert value[j] == pytest.approx(-np.logaddexp.reduce(terms), abs=1e-9)


def test_scaled_slope_column_only_scales_its_row_of_the_factor():
    rows, z, base, y, m = groups(6, q=2)
    factor, scale = np.array([[0.8, 0.0], [0.4, 0.5]]), np.array([1.0, 1000.0])
    value, gradient, g, _, _ = integrated((rows, z, base, y, m), True, factor, 7)
    other = integrated((rows, z * scale[:, None], base, y, m), True, factor / scale[:, None], 7)
    np.testing.assert_allclose(other[0], value, rtol=1e-11)
    np.testing.assert_allclose(other[1], gradient * scale[:, None], rtol=1e-8, atol=1e-7)
    np.testing.assert_allclose(other[2], g, rtol=1e-8, atol=1e-10)


def test_effect_without_variance_adds_nothing():
    rows, z, base, y, m = data = groups(7, q=2)
    with_slope = integrated(data, True, np.diag([0.9, 0.0]), 9)
    alone = integrated((rows, z[:1], base, y, m), True, np.array([[0.9]]), 9)
    np.testing.assert_allclose(with_slope[0], alone[0], rtol=1e-12)
    np.testing.assert_allclose(with_slope[2], alone[2], rtol=1e-9, atol=1e-12)


@trials
@pytest.mark.parametrize("points", [1, 7])
def test_group_does_not_depend_on_its_neighbours_or_the_signs(points, unit):
    rows, z, base, y, m = data = groups(8, n_groups=40, q=2, unit=unit)
    factor = np.array([[0.8, 0.0], [0.4, 0.5]])
    value, gradient, g, modes, _ = integrated(data, unit, factor, points)
    j = 17
    here = slice(rows[j], rows[j + 1])
    span = np.array([0, rows[j + 1] - rows[j]])
    alone = integrated((span, z[:, here], base[here], y[here], m[here]), unit, factor, points)
    np.testing.assert_allclose(alone[0], value[j : j + 1], rtol=1e-13)
    np.testing.assert_allclose(alone[1], gradient[j : j + 1], rtol=1e-10, atol=1e-12)
    turned = integrated((rows, z, -base, m - y, m), unit, factor, points)
    np.testing.assert_allclose(turned[0], value, rtol=1e-12)
    np.testing.assert_allclose(turned[2], -g, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(turned[3], -modes, rtol=1e-9, atol=1e-12)


def test_counts_equal_the_trials_that_they_count():
    rows, z, base, y, m = data = groups(9, unit=False)
    times = m.astype(int)
    ends = np.r_[0, np.cumsum(times)][rows]
    first = np.concatenate([np.arange(c) < s for c, s in zip(times, y, strict=True)])
    apart = (ends, np.repeat(z, times, axis=1), np.repeat(base, times), first.astype(float))
    factor = np.array([[0.8]])
    counted = integrated(data, False, factor, 7)
    single = integrated((*apart, np.ones(times.sum())), True, factor, 7)
    np.testing.assert_allclose(single[0], counted[0], rtol=1e-12)
    np.testing.assert_allclose(single[1], counted[1], rtol=1e-9, atol=1e-11)
    by_row = np.add.reduceat(single[2], np.r_[0, np.cumsum(times)][:-1])
    np.testing.assert_allclose(by_row, counted[2], rtol=1e-9, atol=1e-11)
    assert np.diff(ends).max() > 256  # more rows than are kept at the nodes


def test_group_without_a_mode_is_marked_and_spoils_no_other():
    rows, z, base, y, m = data = groups(10)
    factor = np.array([[0.8]])
    expected = integrated(data, True, factor, 7)
    spoiled = base.copy()
    spoiled[rows[2]] = np.nan
    value, gradient, g, _, _ = integrated((rows, z, spoiled, y, m), True, factor, 7)
    good = np.arange(rows.size - 1) != 2
    assert np.isnan(value[2])
    assert (gradient[2] == 0).all()
    assert (g[rows[2] : rows[3]] == 0).all()
    np.testing.assert_allclose(value[good], expected[0][good], rtol=1e-13)


@trials
@pytest.mark.parametrize("theta", THETAS)
def test_nested_rule_of_one_point_is_the_joint_laplace(theta, unit):
    data = practices(11, unit=unit)
    tree, base, y, m = data
    value, gradient, g, modes, _ = nested(data, unit, theta, 1)
    mu, g_laplace = np.empty(base.size), np.empty(base.size)
    expected = intercepts_laplace(
        tree, base, y, m, unit, np.array(theta), modes.copy(), mu, g_laplace
    )
    np.testing.assert_allclose(value, expected[0], rtol=1e-13, atol=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(g, g_laplace, rtol=1e-10, atol=1e-11)


@trials
@pytest.mark.parametrize("points", [1, 2, 3, 7])
@pytest.mark.parametrize("theta", THETAS)
def test_nested_gradient_is_that_of_the_value(theta, points, unit):
    data = practices(12, unit=unit, scale=2.0)
    tree, base, y, m = data
    _, gradient, g, modes, _ = nested(data, unit, theta, points)
    rng = np.random.default_rng(0)
    along, turn = rng.normal(size=base.size), rng.normal(size=2)
    by_base = slope_by_differences(
        lambda h: nested((tree, base + h * along, y, m), unit, theta, points, modes)[0]
    )
    by_theta = slope_by_differences(
        lambda h: nested(data, unit, np.array(theta) + h * turn, points, modes)[0]
    )
    first = tree.rows[tree.spans[0, :-1]]
    np.testing.assert_allclose(np.add.reduceat(g * along, first), by_base, 1e-7, 1e-7)
    np.testing.assert_allclose(gradient @ turn, by_theta, 1e-7, 1e-7)


@trials
def test_nested_equals_dense_integration_over_clients_and_practitioners(unit):
    tree, base, y, m = data = practices(13, n_roots=2, most_clients=3, unit=unit)
    theta = (1.1, 0.7)
    value = nested(data, unit, theta, 25)[0]
    u, log_weights = dense(301, 10.0)
    for root in range(2):
        given = log_weights.copy()
        for client in range(*tree.spans[0, root : root + 2]):
            here = slice(*tree.rows[client : client + 2])
            shifts = np.add.outer(theta[1] * u, theta[0] * u).reshape(-1, 1)
            each = logliks(base[here], y[here], m[here], shifts).reshape(u.size, -1)
            given += np.logaddexp.reduce(each + log_weights, axis=1)
        assert value[root] == pytest.approx(-np.logaddexp.reduce(given), abs=1e-9)


def test_nested_without_practitioner_variance_is_one_factor():
    data = practices(14)
    tree, base, y, m = data
    value, gradient, g, _, _ = nested(data, True, (0.9, 0.0), 7)
    one = integrated((tree.rows, np.ones((1, base.size)), base, y, m), True, np.array([[0.9]]), 7)
    first = tree.spans[0, :-1]
    np.testing.assert_allclose(value, np.add.reduceat(one[0], first), rtol=1e-12)
    np.testing.assert_allclose(gradient[:, 0], np.add.reduceat(one[1][:, 0, 0], first), rtol=1e-9)
    np.testing.assert_allclose(g, one[2], rtol=1e-9, atol=1e-12)


def test_nested_practitioner_without_a_mode_is_marked_and_spoils_no_other():
    tree, base, y, m = data = practices(15)
    expected = nested(data, True, (0.9, 0.5), 5)
    spoiled = base.copy()
    spoiled[0] = np.nan
    value, gradient, g, _, _ = nested((tree, spoiled, y, m), True, (0.9, 0.5), 5)
    last = tree.rows[tree.spans[0, 1]]
    assert np.isnan(value[0])
    assert (gradient[0] == 0).all()
    assert (g[:last] == 0).all()
    np.testing.assert_allclose(value[1:], expected[0][1:], rtol=1e-13)
    np.testing.assert_allclose(g[last:], expected[2][last:], rtol=1e-10, atol=1e-12)
