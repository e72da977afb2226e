"""Laws of covariances for few clusters and of AR(1), for any rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.models.clusters import adjusted_covariance, cluster_sums, cr2, wild_linear
from deepvalue_stats.models.gee import gee_logit

seeds = st.integers(0, 10**6)
kinds = st.sampled_from(["robust", "mancl_derouen", "kauermann_carroll", "ford_westgate"])


def drawn(seed, clusters=9):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(clusters), rng.integers(2, 9, clusters))
    n = len(labels)
    matrix = np.column_stack(
        [np.ones(n), rng.standard_normal(clusters)[labels], rng.standard_normal(n)]
    )
    return rng, labels, matrix, rng.standard_normal(n)


def covariance(matrix, outcome, labels, kind):
    residual = outcome - matrix @ np.linalg.lstsq(matrix, outcome)[0]
    return adjusted_covariance(cluster_sums(matrix, residual, labels), kind)


@settings(max_examples=25, deadline=None)
@given(seeds, kinds)
def test_order_names_and_units_do_not_matter(seed, kind):
    rng, labels, matrix, outcome = drawn(seed)
    found = covariance(matrix, outcome, labels, kind)
    order, names = rng.permutation(len(labels)), rng.permutation(100)[:9]
    unit = np.array([1.0, 1000.0, 0.01])
    again = covariance(matrix[order] * unit, outcome[order], names[labels[order]], kind)
    np.testing.assert_allclose(
        again.covariance, found.covariance / np.outer(unit, unit), rtol=1e-7, atol=1e-12
    )
    np.testing.assert_allclose(again.degrees(np.eye(3)), found.degrees(np.eye(3)), rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seeds, kinds)
def test_degrees_lie_between_one_and_the_clusters(seed, kind):
    _, labels, matrix, outcome = drawn(seed)
    degrees = covariance(matrix, outcome, labels, kind).degrees(np.eye(3))
    assert (degrees >= 1 - 1e-9).all()
    assert (degrees <= 9 + 1e-9).all()


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_weights_that_are_all_alike_change_nothing(seed):
    _, labels, matrix, outcome = drawn(seed)
    residual = outcome - matrix @ np.linalg.lstsq(matrix, outcome)[0]
    plain = cr2(matrix, residual, labels)
    same = cr2(matrix, residual, labels, np.full(len(labels), 7.0))
    np.testing.assert_allclose(same.covariance, plain.covariance, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(same.degrees(np.eye(3)), plain.degrees(np.eye(3)), rtol=1e-7)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_bootstrap_knows_no_units_and_no_shift_of_the_outcome(seed):
    _, labels, matrix, outcome = drawn(seed)

    def p_value(columns, values):
        rng = np.random.default_rng(1)
        return wild_linear(columns, values, labels, 1, rng=rng, draws=199, interval=False).p_value

    shifted = 5 * outcome + matrix @ np.array([3.0, 0.0, -2.0])
    assert p_value(matrix * np.array([1, 10, 0.1]), shifted) == p_value(matrix, outcome)


@settings(max_examples=15, deadline=None)
@given(seeds, st.sampled_from(["exchangeable", "ar1"]))
def test_a_gee_knows_no_order_of_rows_and_no_zero_of_time(seed, correlation):
    rng, labels, matrix, outcome = drawn(seed, clusters=30)
    response = (outcome > 0).astype(float)
    wave = np.arange(len(labels)) * 2
    found = gee_logit(matrix, response, labels, correlation=correlation, time=wave)
    order = rng.permutation(len(labels))
    again = gee_logit(
        matrix[order], response[order], labels[order], correlation=correlation,
        time=wave[order] + 1980,
    )  # fmt: skip
    np.testing.assert_allclose(again.params, found.params, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(again.slopes, found.slopes[order], rtol=1e-5, atol=1e-8)
