"""Covariances for few clusters: against the dense formulas, in a fit, and what is refused."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import t

from deepvalue_stats.effects import average_effect
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import (
    cluster_advice,
    few_cluster_covariance,
    fit_gee,
    fit_logit,
    wild_bootstrap,
)
from deepvalue_stats.models.clusters import (
    adjusted_covariance,
    cluster_sums,
    cr2,
    effective_clusters,
    wild_linear,
    wild_logit,
)
from deepvalue_stats.models.gee import whitened
from deepvalue_stats.models.refitting import refit

KINDS = {"robust": 0.0, "mancl_derouen": -1.0, "kauermann_carroll": -0.5}
FORMULA = "y ~ x + z"


def rows(practitioners=16, caseload=12, seed=4):
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(practitioners), rng.integers(2, 2 * caseload, practitioners))
    x = rng.standard_normal(practitioners)[who]
    z = rng.standard_normal(len(who))
    eta = -0.4 + 0.5 * x + 0.3 * z + 0.6 * rng.standard_normal(practitioners)[who]
    y = (rng.random(len(who)) < expit(eta)).astype(float)
    frame = pd.DataFrame({"y": y, "x": x, "z": z, "practitioner": who})
    return frame.assign(client=np.arange(len(who)) // 2)


DATA = rows()


def power(matrix, exponent):
    values, vectors = np.linalg.eig(matrix)
    return np.real(vectors @ np.diag(values.astype(complex) ** exponent) @ np.linalg.inv(vectors))


def written_out(fit, alpha, exponent):
    """Covariance and Satterthwaite's degrees by matrices of all rows."""
    matrix, outcome = fit.design.matrix, fit.design.response
    n, p = matrix.shape
    mean = expit(matrix @ fit.params)
    derivative = matrix * (mean * (1 - mean))[:, None]
    who = fit.design.codes("practitioner")
    same = who[:, None] == who
    spread = np.sqrt(mean * (1 - mean))
    variance = np.where(same, alpha, 0.0) * np.outer(spread, spread)
    np.fill_diagonal(variance, spread**2)
    weight = np.linalg.inv(variance)
    bread = np.linalg.inv(derivative.T @ weight @ derivative)
    loading = np.zeros((p, who.max() + 1, n))
    meat = np.zeros((p, p))
    for j in range(who.max() + 1):
        rows_of = np.flatnonzero(who == j)
        part, own = derivative[rows_of], weight[np.ix_(rows_of, rows_of)]
        leverage = part @ bread @ part.T @ own
        towards = part.T @ own @ power(np.eye(len(rows_of)) - leverage, exponent)
        score = towards @ (outcome - mean)[rows_of]
        meat += np.outer(score, score)
        loading[:, j, rows_of] = bread @ towards
    rest = variance - derivative @ bread @ derivative.T
    forms = [loading[k] @ rest @ loading[k].T for k in range(p)]
    degrees = [np.trace(form) ** 2 / np.sum(form * form) for form in forms]
    return bread @ meat @ bread, np.array(degrees)


@pytest.mark.parametrize("correlation", ["independence", "exchangeable"])
@pytest.mark.parametrize("kind", KINDS)
def test_covariance_and_degrees_are_those_of_the_dense_formulas(kind, correlation):
    fit = fit_gee(FORMULA, DATA, group="practitioner", correlation=correlation)
    found = few_cluster_covariance(fit, "practitioner", kind, degrees="satterthwaite")
    covariance, degrees = written_out(fit, fit.association["alpha"], KINDS[kind])
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-8)
    np.testing.assert_allclose(found.term_degrees, degrees, rtol=1e-8)
    assert found.dof == pytest.approx(degrees.min())


def test_ford_and_westgates_is_the_mean_of_the_two():
    fit = fit_gee(FORMULA, DATA, group="practitioner")
    both = [
        few_cluster_covariance(fit, "practitioner", one).covariance
        for one in ("mancl_derouen", "kauermann_carroll")
    ]
    mean = few_cluster_covariance(fit, "practitioner", "ford_westgate")
    np.testing.assert_allclose(mean.covariance, (both[0] + both[1]) / 2, rtol=1e-12)


def test_without_a_correction_it_is_the_robust_covariance_of_the_fit():
    fit = fit_gee(FORMULA, DATA, group="practitioner")
    found = few_cluster_covariance(fit, "practitioner", "robust")
    np.testing.assert_allclose(found.covariance, fit.covariance, rtol=1e-9)
    assert np.isinf(found.dof)


def test_corrections_are_in_their_order():
    fit = fit_logit(FORMULA, DATA, cluster="practitioner")
    kinds = ("robust", "kauermann_carroll", "ford_westgate", "mancl_derouen")
    errors = [few_cluster_covariance(fit, "practitioner", kind).bse for kind in kinds]
    assert (np.diff(errors, axis=0) > 0).all()


def test_degrees_of_the_clusters_count_what_is_constant_within_them():
    fit = fit_logit(FORMULA, DATA, cluster="practitioner")
    found = few_cluster_covariance(fit, "practitioner", "mancl_derouen")
    np.testing.assert_array_equal(found.term_degrees, 16 - 2)
    assert found.spec.covariance == "mancl_derouen:practitioner"
    assert found.spec.degrees == "clusters"


def test_every_interval_and_p_value_rests_on_its_own_degrees():
    fit = fit_logit(FORMULA, DATA, cluster="practitioner", covariance="kauermann_carroll")
    table = fit.coefficients
    half = t.ppf(0.975, fit.term_degrees) * fit.bse
    np.testing.assert_allclose(table["conf_high"] - table["estimate"], half, rtol=1e-12)
    np.testing.assert_allclose(
        table["p_value"], 2 * t.sf(np.abs(table["statistic"]), fit.term_degrees), rtol=1e-10
    )
    effect = average_effect(fit, "x", contrast="point").frame.iloc[0]
    assert effect["dof"] == pytest.approx(fit.term_degrees.min())


def test_clients_of_a_practitioner_may_be_the_groups():
    fit = fit_gee(FORMULA, DATA, group="client")
    split = DATA.groupby("client")["practitioner"].nunique().gt(1).sum()
    assert split > 0
    with pytest.raises(ModelError) as raised:
        few_cluster_covariance(fit, "practitioner")
    assert str(raised.value) == (
        f"ModelError: {split} groups of 'client' have rows in more than one practitioner\n"
        "  where: y ~ x + z\n"
        "  fix:   group the model by practitioner, or use correlation='independence'"
    )
    nested = DATA.assign(client=DATA["client"].astype(str) + DATA["practitioner"].astype(str))
    fit = fit_gee(FORMULA, nested, group="client")
    found = few_cluster_covariance(fit, "practitioner", "robust")
    scores = pd.DataFrame(fit.scores).groupby(nested["practitioner"]).sum().to_numpy()
    columns, _ = whitened(
        fit.design.matrix,
        fit.design.response,
        fit.design.codes("client"),
        fit.params,
        alpha=fit.association["alpha"],
        correlation="exchangeable",
    )
    bread = np.linalg.inv(columns.T @ columns)
    np.testing.assert_allclose(found.covariance, bread @ scores.T @ scores @ bread, rtol=1e-8)
    assert found.n_groups["practitioner"] == 16


def test_a_term_that_one_practitioner_alone_has_is_refused():
    frame = DATA.assign(x=(DATA["practitioner"] == 0).astype(float))
    fit = fit_logit(FORMULA, frame, cluster="practitioner")
    with pytest.raises(ModelError) as raised:
        few_cluster_covariance(fit, "practitioner", "kauermann_carroll")
    assert str(raised.value) == (
        "ModelError: x rests on one practitioner alone, "
        "or on too few to leave a degree of freedom\n"
        "  where: y ~ x + z\n"
        "  fix:   take it out, or give the data more clusters in which it varies"
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_what_one_cluster_alone_tells_has_no_degrees_and_the_rest_has(weighted):
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(9), 5)
    matrix = np.column_stack([np.ones(45), labels == 4, rng.standard_normal(45)]).astype(float)
    outcome = rng.standard_normal(45)
    residual = outcome - matrix @ np.linalg.lstsq(matrix, outcome)[0]
    found = cr2(matrix, residual, labels, np.ones(45) if weighted else None)
    degrees = found.degrees(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0], [1, 1, 0]]))
    np.testing.assert_array_equal(np.isnan(degrees), [True, False, False, True])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            {"kind": "hc3"},
            "ModelError: no covariance 'hc3'\n"
            "  where: y ~ x + z\n"
            "  fix:   use one of robust, mancl_derouen, kauermann_carroll, ford_westgate, auto",
        ),
        (
            {"degrees": "many"},
            "ModelError: no degrees of freedom 'many'\n"
            "  where: y ~ x + z\n"
            "  fix:   use one of satterthwaite, clusters, normal",
        ),
        (
            {"cluster": "team"},
            "ModelError: no column 'team' to group by\n"
            "  where: y ~ x + z\n"
            "  fix:   name one that there is",
        ),
        (
            {"cluster": "one"},
            "ModelError: all {n} rows belong to one one, so nothing can be said across them\n"
            "  where: y ~ x + z\n"
            "  fix:   group by something that has more than one, as groups = ['client']",
        ),
        (
            {"cluster": "some"},
            "ModelError: 'some' is missing in 3 rows\n"
            "  where: y ~ x + z\n"
            "  fix:   restrict the data to rows with a known group, with a reason",
        ),
    ],
)
def test_what_cannot_be_is_refused(ask, message):
    frame = DATA.assign(one=1, some=DATA["practitioner"].where(DATA.index > 2))
    fit = fit_logit(FORMULA, frame, cluster="practitioner")
    with pytest.raises(ModelError) as raised:
        few_cluster_covariance(fit, **{"cluster": "practitioner", **ask})
    assert str(raised.value) == message.format(n=len(frame))


def test_a_fit_without_an_answer_stays_without_one():
    frame = DATA.assign(y=(DATA["z"] > 0).astype(float))
    fit = fit_logit(FORMULA, frame, cluster="practitioner", covariance="auto")
    assert fit.convergence.status == "not_converged"
    assert fit.coefficients["p_value"].isna().all()


def test_refitting_keeps_the_covariance_the_degrees_and_the_time():
    frame = DATA.assign(wave=DATA.groupby("practitioner").cumcount())
    fit = fit_gee(FORMULA, frame, group="practitioner", correlation="ar1", time="wave")
    fit = few_cluster_covariance(fit, "practitioner", "ford_westgate", degrees="satterthwaite")
    again = refit(fit, frame.sample(frac=1, random_state=2))
    assert again.spec == fit.spec
    np.testing.assert_allclose(again.covariance, fit.covariance, rtol=1e-8)
    np.testing.assert_allclose(again.term_degrees, fit.term_degrees, rtol=1e-8)


def test_cr2_of_columns_that_cannot_be_told_apart_is_refused():
    matrix = np.ones((12, 2))
    with pytest.raises(ModelError) as raised:
        cr2(matrix, np.arange(12.0), np.arange(12) // 3)
    assert str(raised.value) == (
        "ModelError: the columns cannot be told apart, so there is no covariance\n"
        "  where: adjusted_covariance\n"
        "  fix:   take a column out, or give the data more variation in it"
    )


# --- the gate ------------------------------------------------------------------------------------


def test_equal_clusters_of_an_even_exposure_are_all_worth_one():
    labels = np.repeat(np.arange(30), 8)
    exposure = np.tile([0.0, 1.0], 120)
    found = cluster_advice(labels, exposure, what="practitioner")
    assert found.effective == pytest.approx(30)
    assert found.unevenness == 0
    assert (found.level, found.covariance, found.degrees) == ("few", "mancl_derouen", "clusters")
    assert found.reason == (
        "30 practitioners, worth 30.0 equal ones: few, so the covariance is corrected and has "
        "degrees of freedom"
    )


@pytest.mark.parametrize(
    ("clusters", "exposed", "level", "covariance"),
    [
        (9, 4, "descriptive", "mancl_derouen"),
        (10, 5, "few", "mancl_derouen"),
        (40, 20, "few", "mancl_derouen"),
        (41, 20, "standard", "robust"),
        (60, 30, "standard", "robust"),
        (200, 20, "few", "mancl_derouen"),
        (200, 2, "few", "kauermann_carroll"),
    ],
)
def test_the_choice_follows_the_clusters_and_what_they_are_worth(
    clusters, exposed, level, covariance
):
    labels = np.repeat(np.arange(clusters), 6)
    found = cluster_advice(labels, (labels < exposed).astype(float))
    assert (found.level, found.covariance) == (level, covariance)
    assert found.exposed == min(exposed, clusters - exposed)
    assert found.n_clusters == clusters


def test_what_clusters_are_worth_is_carters_formula():
    rng = np.random.default_rng(1)
    labels = np.sort(rng.integers(0, 12, 200))
    matrix = np.column_stack([np.ones(200), rng.standard_normal(200)])
    loading = matrix @ np.linalg.inv(matrix.T @ matrix)[:, 1]
    gamma = []
    for j in range(12):
        own = loading[labels == j]
        alike = 0.3 * np.ones((len(own), len(own))) + 0.7 * np.eye(len(own))
        gamma.append(own @ alike @ own)
    worth = 12 / (1 + np.var(gamma) / np.mean(gamma) ** 2)
    found = effective_clusters(matrix, labels, np.array([0.0, 1.0]), 0.3)
    assert found == pytest.approx(worth)


def test_uneven_caseloads_are_worth_less():
    even, uneven = np.full(20, 20), np.array([200, *[11] * 19])
    exposure = np.tile([0.0, 1.0], 10)
    worth = [
        cluster_advice(np.repeat(np.arange(20), one), np.repeat(exposure, one), icc=1.0).effective
        for one in (even, uneven)
    ]
    assert worth[0] == pytest.approx(20)
    assert worth[1] < 10


@pytest.mark.parametrize(
    ("labels", "exposure", "what"),
    [
        (np.zeros(6), np.arange(6.0), "all 6 rows belong to one cluster, so nothing can be said"),
        (np.arange(6), np.ones(6), "the exposure does not vary beside the other columns"),
        (np.arange(6), np.array([1, 2, 3, 4, 5, np.nan]), "a value is missing in 1 rows"),
    ],
)
def test_advice_on_nothing_is_refused(labels, exposure, what):
    with pytest.raises(ModelError, match=what):
        cluster_advice(labels, exposure)


def test_a_fit_left_to_choose_keeps_the_reason():
    fit = fit_gee(FORMULA, DATA, group="practitioner", covariance="auto")
    assert fit.clusters.level == "few"
    assert fit.clusters.reason.startswith("16 practitioners, worth ")
    assert " equal ones for x: " in fit.clusters.reason
    assert fit.spec.covariance == f"{fit.clusters.covariance}:practitioner"
    assert fit.spec.degrees == fit.clusters.degrees
    assert fit.convergence.message == ""


def test_fewer_than_ten_are_told_as_a_doubt():
    few = DATA[DATA["practitioner"] < 8]
    fit = fit_logit(FORMULA, few, cluster="practitioner", covariance="auto")
    assert fit.clusters.level == "descriptive"
    assert fit.convergence.message.endswith("fewer than 10 describe, and test nothing")
    assert fit.convergence.status == "ok"


def test_many_keep_the_covariance_that_they_had():
    many = rows(practitioners=150)
    plain = fit_logit(FORMULA, many, cluster="practitioner")
    fit = fit_logit(FORMULA, many, cluster="practitioner", covariance="auto")
    assert fit.clusters.level == "standard"
    np.testing.assert_array_equal(fit.covariance, plain.covariance)
    assert fit.spec == plain.spec


# --- the wild bootstrap --------------------------------------------------------------------------


def small():
    frame = rows(practitioners=8, caseload=6, seed=9)
    matrix = np.column_stack([np.ones(len(frame)), frame["x"], frame["z"]])
    return matrix, frame["y"].to_numpy(), frame["practitioner"].to_numpy()


def brute_linear(matrix, outcome, labels, place, null):
    """Refit all sign vectors."""
    others = np.delete(matrix, place, axis=1)
    left = outcome - null * matrix[:, place]
    fitted = others @ np.linalg.lstsq(others, left)[0] + null * matrix[:, place]

    def statistic(values):
        params = np.linalg.lstsq(matrix, values)[0]
        scores = matrix * (values - matrix @ params)[:, None]
        summed = np.array([scores[labels == j].sum(axis=0) for j in np.unique(labels)])
        bread = np.linalg.inv(matrix.T @ matrix)
        covariance = bread @ summed.T @ summed @ bread
        return (params[place] - null) / np.sqrt(covariance[place, place])

    own = statistic(outcome)
    draws = [
        statistic(fitted + np.array(signs)[labels] * (outcome - fitted))
        for signs in product((-1, 1), repeat=8)
    ]
    return own, np.mean(np.abs(draws) >= abs(own) * (1 - 1e-9))


@pytest.mark.parametrize("null", [0.0, 0.1])
@pytest.mark.parametrize("place", [1, 2])
def test_the_linear_bootstrap_is_that_of_refitting_every_draw(place, null):
    matrix, outcome, labels = small()
    found = wild_linear(
        matrix, outcome, labels, place,
        rng=np.random.default_rng(1), null=null, weights="rademacher",
    )  # fmt: skip
    own, p_value = brute_linear(matrix, outcome, labels, place, null)
    assert found.enumerated
    assert found.draws == 256
    assert found.statistic == pytest.approx(own)
    assert found.p_value == p_value


@pytest.mark.parametrize("test", [wild_linear, wild_logit])
def test_the_interval_holds_what_is_not_rejected(test):
    frame = rows(practitioners=14)
    matrix = np.column_stack([np.ones(len(frame)), frame["x"], frame["z"]])
    given = (matrix, frame["y"].to_numpy(), frame["practitioner"].to_numpy(), 1)

    def ask(null, interval=False):
        rng = np.random.default_rng(5)
        return test(*given, rng=rng, null=null, draws=499, interval=interval)

    found = ask(0.0, interval=True)
    error = (found.conf_high - found.conf_low) / 4
    assert found.conf_low < found.estimate < found.conf_high
    for end, inwards in ((found.conf_low, 1), (found.conf_high, -1)):
        assert ask(end + 0.01 * inwards * error).p_value > 0.05
        assert ask(end - 0.01 * inwards * error).p_value <= 0.05


def test_the_score_bootstrap_is_the_linear_one_at_the_restricted_logit():
    """Signs flip the scores at the restricted fit, and one scoring step is taken."""
    matrix, outcome, labels = small()
    found = wild_logit(
        matrix, outcome, labels, 1,
        rng=np.random.default_rng(1), weights="rademacher", interval=False,
    )  # fmt: skip
    frame = pd.DataFrame({"y": outcome, "z": matrix[:, 2], "practitioner": labels})
    null = fit_logit("y ~ z", frame, cluster="practitioner")
    mean = expit(null.design.matrix @ null.params)
    root = np.sqrt(mean * (1 - mean))
    working = matrix * root[:, None]
    residual = (outcome - mean) / root
    own, p_value = brute_linear(working, residual, labels, 1, 0.0)
    assert found.statistic == pytest.approx(own, rel=1e-6)
    assert found.p_value == p_value


def test_weights_follow_the_number_of_clusters():
    rng = np.random.default_rng(1)
    eight = rows(practitioners=8)
    fit = fit_logit(FORMULA, eight, cluster="practitioner")
    found = wild_bootstrap(fit, "x", cluster="practitioner", rng=rng, draws=199)
    assert (found.weights, found.draws, found.enumerated) == ("webb", 199, False)
    fit = fit_logit(FORMULA, DATA, cluster="practitioner")
    found = wild_bootstrap(fit, "x", cluster="practitioner", rng=rng, draws=199)
    assert (found.weights, found.n_clusters) == ("rademacher", 16)
    assert found.estimate == pytest.approx(fit.params[1])
    assert found.conf_low < fit.params[1] < found.conf_high


def test_a_bootstrap_that_cannot_be_is_refused():
    rng = np.random.default_rng(1)
    gee = fit_gee(FORMULA, DATA, group="practitioner")
    with pytest.raises(ModelError) as raised:
        wild_bootstrap(gee, "x", cluster="practitioner", rng=rng)
    assert str(raised.value) == (
        "ModelError: the wild bootstrap here is of a logit whose rows have no working correlation\n"
        "  where: y ~ x + z\n"
        "  fix:   use fit_logit, or fit_gee with correlation='independence'"
    )
    fit = fit_logit(FORMULA, DATA, cluster="practitioner")
    with pytest.raises(ModelError) as raised:
        wild_bootstrap(fit, "trust", cluster="practitioner", rng=rng)
    assert str(raised.value) == (
        "ModelError: no term 'trust'\n  where: y ~ x + z\n  fix:   use one of Intercept, x, z"
    )
    with pytest.raises(ModelError, match="no column 'team' to group by"):
        wild_bootstrap(fit, "x", cluster="team", rng=rng)
    with pytest.raises(ModelError, match="the same in all"):
        wild_bootstrap(
            fit_logit(FORMULA, DATA.assign(one=1), cluster="practitioner"),
            "x", cluster="one", rng=rng,
        )  # fmt: skip
    separated = fit_logit(
        FORMULA, DATA.assign(y=(DATA["z"] > 0).astype(float)), cluster="practitioner"
    )
    with pytest.raises(ModelError, match="the fit has not converged"):
        wild_bootstrap(separated, "x", cluster="practitioner", rng=rng)


def test_sums_are_of_whole_clusters_in_any_order():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 7, 60)
    columns, residual = rng.standard_normal((60, 3)), rng.standard_normal(60)
    sums = cluster_sums(columns, residual, labels)
    shuffled = rng.permutation(60)
    again = cluster_sums(columns[shuffled], residual[shuffled], labels[shuffled])
    np.testing.assert_allclose(again.information, sums.information)
    found = adjusted_covariance(sums, "kauermann_carroll")
    assert found.degrees(np.zeros(3)).shape == (1,)
    assert np.isnan(found.degrees(np.zeros(3))[0])
