"""Error in a score: how large it is, and effects without it."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.bench.measurement_error import (
    PARTS,
    WHOLE,
    draw,
    effects,
    replicate,
    summary,
    written,
)
from deepvalue_stats.effects import (
    POINT,
    average_effect,
    conditional_reliability,
    extrapolate,
    fit_calibrated,
    fit_latent_mean,
    hinge,
    pooled_effects,
    simex,
)
from deepvalue_stats.effects.calibrated import finest_group, two_levels
from deepvalue_stats.errors import ModelError
from deepvalue_stats.measures import ScoreError, cronbach_alpha, item_error, stated_error
from deepvalue_stats.measures.calibration import calibrate, calibrate_parts
from deepvalue_stats.models import fit_gee, fit_logit, fit_multilevel

KNOWN = ScoreError(0.25, 0.0, 0.8)


def rng(seed=1):
    return np.random.default_rng(seed)


# --- the error of a score ------------------------------------------------------------------------


def answers(seed=1, n=300, k=5, sd=1.0):
    """Items of clients of 30 practitioners, who differ."""
    who = np.arange(n) % 30
    true = rng(seed).normal(size=n) + rng(seed + 100).normal(size=30)[who]
    return true[:, None] + sd * rng(seed + 200).normal(size=(n, k)), who


def test_the_error_is_that_of_alpha():
    items, who = answers()
    found = item_error(items, who)
    alpha = cronbach_alpha(items).value
    spread = items.mean(axis=1).var(ddof=1)
    assert found.variance == pytest.approx((1 - alpha) * spread, rel=1e-12)
    assert found.reliability == pytest.approx(alpha, rel=1e-12)


def test_the_error_of_three_rows_by_hand():
    # item variances 1 and 4, covariance 2: (2.5 - 2) / 2
    found = item_error(np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]), np.arange(3))
    assert found.variance == pytest.approx(0.25)


def test_half_the_answers_are_twice_the_error():
    items, who = answers(k=6)
    whole, half = item_error(items, who), item_error(items, who, answered=np.full(9, 3))
    assert (half.variance, half.std_error) == pytest.approx(
        (2 * whole.variance, 2 * whole.std_error)
    )
    mixed = item_error(items, who, answered=np.array([6, 3]))
    assert mixed.variance == pytest.approx(1.5 * whole.variance)


def test_its_standard_error_is_the_spread_over_samples():
    found = [item_error(*answers(seed)) for seed in range(300)]
    spread = np.std([one.variance for one in found], ddof=1)
    assert np.mean([one.std_error for one in found]) == pytest.approx(spread, rel=0.15)


def test_rows_that_come_twice_do_not_make_it_surer():
    items, who = answers()
    once, twice = item_error(items, who), item_error(np.vstack([items] * 2), np.tile(who, 2))
    assert twice.std_error == pytest.approx(once.std_error, rel=0.01)


def test_draws_have_its_standard_error():
    drawn = ScoreError(0.3, 0.02, 0.7).draws(20_000, rng())
    assert drawn.mean() == pytest.approx(0.3, rel=0.01)
    assert drawn.std() == pytest.approx(0.02, rel=0.03)
    assert (KNOWN.draws(3, rng()) == 0.25).all()


def test_a_stated_reliability_is_taken_as_known():
    found = stated_error(0.8, np.array([1.0, 3.0, 5.0]))
    assert (found.variance, found.std_error) == (pytest.approx(0.8), 0.0)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            np.ones((5, 1)),
            "ModelError: the error of a score cannot be told from 5 complete questionnaires of 1 "
            "items in 5 groups\n  where: error_correction\n  fix:   state the reliability of the "
            "measure and its source, or leave the correction out",
        ),
        (
            np.tile(np.arange(5.0)[:, None], 3),
            "ModelError: the items of the score never disagree, so that no error can be seen in it"
            "\n  where: error_correction\n  fix:   look at how the items were filled in, or set "
            'error_correction = "none"',
        ),
        (
            np.array([[1.0, 5.0], [5.0, 1.0], [2.0, 4.0], [4.0, 3.0], [3.0, 3.0]]),
            "ModelError: the items of the score agree no more than by chance: there is no true "
            "score to bring back\n  where: error_correction\n  fix:   check which items are "
            "reversed; without agreement take another measure",
        ),
    ],
)
def test_an_error_that_cannot_be_told_is_refused(items, message):
    with pytest.raises(ModelError) as refused:
        item_error(items, np.arange(5))
    assert str(refused.value) == message


# --- regression calibration ----------------------------------------------------------------------


def slopes(columns, y):
    return np.linalg.lstsq(columns, y, rcond=None)[0]


def linear(seed=1, n=500):
    """A score of reliability about .7, and a covariate that explains part of it."""
    r = rng(seed)
    z = r.normal(size=(n, 2))
    x = z @ [0.5, -0.3] + r.normal(size=n)
    w = x + r.normal(size=n) * 0.75
    return np.column_stack([np.ones(n), z]), w, 0.4 * x + z @ [0.2, 0.1] + r.normal(size=n)


def test_in_a_linear_model_it_divides_by_the_conditional_reliability():
    z, w, y = linear()
    n, q = z.shape
    error = 0.75**2
    found = calibrate(w, z, np.full(n, error))
    naive = slopes(np.column_stack([z, w]), y)[-1]
    corrected = slopes(np.column_stack([z, found.value]), y)[-1]
    spread = w.var(ddof=1)
    left = w - z @ slopes(z, w)
    r2 = 1 - (left @ left / (n - q)) / spread
    share = (1 - error / spread - r2) / (1 - r2)
    assert corrected == pytest.approx(naive / share, rel=1e-10)
    assert found.reliability == pytest.approx(np.full(n, share), rel=1e-10)


def test_a_row_of_more_ratings_is_believed_more():
    z, w, _ = linear()
    error = np.where(np.arange(len(w)) % 2, 0.1, 0.5)
    found = calibrate(w, z, error)
    assert (found.reliability[1::2] > found.reliability[0]).all()
    mean = z @ slopes(z, w)
    np.testing.assert_allclose(found.value - mean, found.reliability * (w - mean))


def test_the_parts_are_the_conditional_means_of_normal_variables():
    r = rng()
    groups = np.array([0, 0, 0, 1, 2, 2])
    mean, error = r.normal(size=6), r.uniform(0.1, 0.8, 6)
    w, between, within = r.normal(size=6), 0.4, 0.7
    same = (groups[:, None] == groups).astype(float)
    inverse = np.linalg.inv(between * same + np.diag(within + error))
    of_group = between * same @ inverse @ (w - mean)
    of_client = within * inverse @ (w - mean)
    level = same @ mean / same.sum(axis=1)
    found = calibrate_parts(w, mean, groups, between=between, within=within, error=error)
    np.testing.assert_allclose(found.between, level + of_group, rtol=1e-12)
    np.testing.assert_allclose(found.within, mean - level + of_client, rtol=1e-12)


def test_without_error_the_between_part_is_the_latent_mean_and_the_parts_add_up():
    groups, x = np.repeat([0, 1, 2], [2, 3, 5]), rng().normal(size=10)
    found = calibrate_parts(
        x, np.full(10, 0.1), groups, between=0.3, within=0.9, error=np.zeros(10)
    )
    sizes = np.array([2, 3, 5])
    share = 0.3 / (0.3 + 0.9 / sizes)
    means = np.bincount(groups, weights=x) / sizes
    latent = (share * means + (1 - share) * 0.1)[groups]
    np.testing.assert_allclose(found.between, latent)
    np.testing.assert_allclose(found.within, x - latent)
    np.testing.assert_allclose(found.of_means, share)


def test_hardly_any_truth_is_refused():
    z, w, _ = linear()
    with pytest.raises(ModelError) as refused:
        calibrate(w, z, np.full(len(w), 10.0))
    assert str(refused.value) == (
        "ModelError: no more than 10% of the score, given the covariates is true, by its "
        "reliability\n  where: error_correction\n  fix:   leave the correction out: it would "
        "multiply an effect that can hardly be seen"
    )


# --- fits without the error ----------------------------------------------------------------------


def clients(reliability=0.7, outcome="linear", truth=WHOLE, seed=1, **more):
    return draw(rng(seed), reliability, truth, outcome, **more)


def ones(fit):
    return np.ones(fit.n_obs)


def test_what_the_model_holds_apart_decides_what_is_compared():
    frame = clients(outcome="logit").frame.assign(service=lambda f: f["practitioner"] % 4)
    both = fit_multilevel("y ~ x + (1 | practitioner) + (1 | service)", frame)
    assert finest_group(both) == "practitioner"
    assert finest_group(fit_logit("y ~ x", frame, cluster="practitioner")) == ""
    for correlation, group in (("exchangeable", "service"), ("independence", "")):
        gee = fit_gee("y ~ x", frame, group="service", correlation=correlation)
        assert finest_group(gee) == group


def test_the_share_that_is_true_of_what_is_compared():
    drawn = clients(0.7, "logit", practitioners=300)
    error = 0.3 / 0.7
    logit = fit_logit("y ~ x + z", drawn.frame, cluster="practitioner")
    held = fit_multilevel("y ~ x + z + (1 | practitioner)", drawn.frame)
    # true variance is 1: a quarter between practitioners, and 12% of all goes with z
    for fit, true in ((logit, 1 - 0.75 * 0.16), (held, 0.75 * 0.84)):
        found = conditional_reliability(fit, "x", drawn.error, ratings=ones(fit))
        assert found == pytest.approx(true / (true + error), abs=0.02)


def test_a_mean_of_ratings_has_less_error():
    fit = fit_logit("y ~ x", clients(outcome="logit").frame, cluster="practitioner")
    one, four = (
        conditional_reliability(fit, "x", KNOWN, ratings=np.full(fit.n_obs, r)) for r in (1.0, 4.0)
    )
    assert 1 - one == pytest.approx(4 * (1 - four))


def test_a_logit_of_the_predictions_is_what_is_fitted_in_every_term():
    frame = clients(outcome="logit").frame.assign(band=lambda f: np.where(f["z"] > 0, "up", "down"))
    fit = fit_logit("y ~ x * C(band) + z", frame, cluster="practitioner")
    (found,) = fit_calibrated(fit, "x", KNOWN, ratings=ones(fit), rng=rng())
    others = np.column_stack([np.ones(len(frame)), frame["band"] == "up", frame["z"]]).astype(float)
    by_hand = calibrate(frame["x"].to_numpy(), others, np.full(len(frame), 0.25)).value
    again = fit_logit("y ~ x * C(band) + z", frame.assign(x=by_hand), cluster="practitioner")
    np.testing.assert_allclose(found.params, again.params, rtol=1e-8)


def test_what_is_not_known_of_the_error_makes_the_interval_wider():
    drawn = clients()
    fit = fit_multilevel("y ~ x + z + (1 | practitioner)", drawn.frame, family="gaussian")
    widths, shares = [], []
    for std_error in (0.0, 0.1):
        error = ScoreError(drawn.error.variance, std_error, 0.7)
        fits = fit_calibrated(fit, "x", error, ratings=ones(fit), rng=rng())
        row = pooled_effects(fits, lambda one: effects(("x",), one)).frame.iloc[0]
        widths.append(row["std_error"])
        shares.append(row["std_error"] / row["estimate"])
    naive = effects(("x",), fit).frame.iloc[0]
    assert widths[1] > 1.1 * widths[0] > 1.1 * naive["std_error"]
    # taking a known error out makes nothing surer: the interval grows with the estimate
    assert shares[0] == pytest.approx(naive["std_error"] / naive["estimate"], rel=0.03)


def test_an_exposure_in_a_curve_is_refused():
    frame = clients(outcome="logit").frame
    fit = fit_logit(f"y ~ {hinge('x', 0.0)} + z", frame, cluster="practitioner")
    with pytest.raises(ModelError) as refused:
        fit_calibrated(fit, "x", KNOWN, ratings=ones(fit), rng=rng())
    assert str(refused.value) == (
        f"ModelError: 'x' stands in no straight line in the model\n  where: {fit.spec.formula}\n"
        "  fix:   correct a model with the exposure as it is, by itself or times other terms"
    )


@pytest.mark.parametrize("way", [fit_calibrated, simex])
def test_too_much_error_is_refused_by_every_method(way):
    fit = fit_logit("y ~ x", clients(outcome="logit").frame, cluster="practitioner")
    more = (lambda one: average_effect(one, "x"),) if way is simex else ()
    with pytest.raises(ModelError, match="no more than 10% of the score, given what the model"):
        way(fit, "x", ScoreError(1.4, 0.0, 0.1), *more, ratings=ones(fit), rng=rng())


def test_few_groups_have_no_latent_means():
    frame = clients(practitioners=9, truth=PARTS).frame
    formula = "y ~ x_within + x_between + z + (1 | practitioner)"
    fit = fit_multilevel(formula, frame, family="gaussian")
    with pytest.raises(ModelError) as refused:
        fit_latent_mean(fit, "x", split_by="practitioner", rng=rng())
    assert str(refused.value) == (
        "ModelError: the means of 9 groups say too little of how much groups differ\n"
        "  where: error_correction: practitioner\n"
        "  fix:   leave the correction out, or have 10 groups at least"
    )


def test_groups_that_hardly_differ_have_no_latent_means():
    drawn = clients(truth=PARTS).frame
    # dealt out by rank: every practitioner has the same mean, but for a hair
    frame = drawn.assign(practitioner=drawn["x"].rank().astype(int) % 60)
    means = frame.groupby("practitioner")["x"].transform("mean")
    frame = frame.assign(x_within=frame["x"] - means, x_between=means)
    formula = "y ~ x_within + x_between + z + (1 | practitioner)"
    fit = fit_multilevel(formula, frame, family="gaussian")
    with pytest.raises(ModelError, match="no more than 10% of the mean score of a practitioner"):
        fit_latent_mean(fit, "x", split_by="practitioner", rng=rng())


def test_the_variance_between_groups_is_drawn_as_it_varies():
    found = []
    for seed in range(60):
        frame = clients(seed=seed).frame
        found.append(two_levels(frame["x"].to_numpy(), np.ones((len(frame), 1)),
                                frame["practitioner"].to_numpy()))  # fmt: skip
    logs = np.log([one.between for one in found])
    assert np.mean([one.error_of_log for one in found]) == pytest.approx(logs.std(), rel=0.25)
    drawn = np.log(found[0].draws(5_000, rng()))
    assert drawn.std() == pytest.approx(found[0].error_of_log, rel=0.05)


# --- SIMEX ---------------------------------------------------------------------------------------


def test_a_quadratic_is_followed_exactly():
    added, at = np.array([0, 0.5, 1, 1.5, 2]), np.array([-1.0, -0.9])
    values = np.column_stack([1 + 2 * added, 3 - added + 0.5 * added**2])
    np.testing.assert_allclose(
        extrapolate(added, values, at), np.column_stack([1 + 2 * at, 3 - at + 0.5 * at**2])
    )


def test_in_a_large_linear_sample_it_follows_the_known_curve():
    """A slope with error is b v / (v + (1 + z) s): SIMEX is the quadratic through that."""
    frame = clients(0.8, practitioners=300).frame
    frame = frame.assign(chance=np.arange(len(frame)) % 50)  # groups that do not differ
    fit = fit_multilevel("y ~ x + z + (1 | chance)", frame, family="gaussian")
    table = simex(
        fit, "x", ScoreError(0.25, 0.0, 0.8), lambda one: effects(("x",), one),
        ratings=ones(fit), rng=rng(), replicates=6,
    )  # fmt: skip
    beside = np.column_stack([np.ones(fit.n_obs), frame["z"]])
    spread = np.var(frame["x"] - beside @ slopes(beside, frame["x"].to_numpy()))
    added = np.array([0, 0.5, 1, 1.5, 2])
    curve = 1 / (spread + added * 0.25)
    naive = effects(("x",), fit).frame["estimate"].iloc[0]
    ratio = extrapolate(added, curve[:, None] / curve[0], np.array([-1.0]))[0, 0]
    assert table.frame["estimate"].iloc[0] == pytest.approx(naive * ratio, rel=0.01)


def test_its_replicates_repeat_and_its_interval_is_no_narrower():
    drawn = clients(outcome="logit", practitioners=40)
    fit = fit_logit("y ~ x + z", drawn.frame, cluster="practitioner")

    def effect(one):
        return average_effect(one, "x", contrast=POINT)

    first, second = (
        simex(fit, "x", drawn.error, effect, ratings=ones(fit), rng=rng(), replicates=6).frame
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(first, second)
    naive = effect(fit).frame.iloc[0]
    assert first["estimate"].iloc[0] > naive["estimate"]
    assert first["std_error"].iloc[0] >= naive["std_error"]
    assert list(first["n_clients"]) == [naive["n_clients"]]


# --- the truth comes back ------------------------------------------------------------------------


def coverage(name, columns, formula, truth, samples=50):
    """Shares of intervals that hold the planted slopes, with the error and without it."""
    held = {"naive": [], "corrected": []}
    for seed in range(samples):
        drawn = clients(0.7, truth=truth, seed=1_000 + seed)
        fit = fit_multilevel(formula, drawn.frame, family="gaussian")
        split_by = "practitioner" if name == "parts" else ""
        fits = fit_calibrated(
            fit, "x", drawn.error, ratings=ones(fit), rng=rng(seed), split_by=split_by, draws=2
        )
        for way, table in (
            ("naive", effects(columns, fit)),
            ("corrected", pooled_effects(fits, lambda one: effects(columns, one))),
        ):
            slopes = np.array([truth.within, truth.between])[: len(columns)]
            inside = table.frame["conf_low"].lt(slopes) & table.frame["conf_high"].gt(slopes)
            held[way].append(inside.to_numpy())
    return {way: np.mean(found, axis=0) for way, found in held.items()}


def test_planted_slopes_are_in_the_corrected_intervals_and_not_in_the_others():
    found = coverage("whole", ("x",), "y ~ x + z + (1 | practitioner)", WHOLE)
    assert found["naive"][0] < 0.3
    # of 50 intervals of 95%, 42 or fewer hold the truth three times in a thousand
    assert found["corrected"][0] > 42 / 50


def test_planted_slopes_within_and_between_are_in_the_corrected_intervals():
    formula = "y ~ x_within + x_between + z + (1 | practitioner)"
    found = coverage("parts", ("x_within", "x_between"), formula, PARTS)
    assert found["naive"][0] < 0.3
    assert (found["corrected"] > 42 / 50).all()


def test_a_latent_mean_takes_out_what_the_manifest_mean_leaves_in():
    """Practitioners with few clients: the mean is pulled from .7 towards the .3 within."""
    formula = "y ~ x_within + x_between + z + (1 | practitioner)"
    parts = ("x_within", "x_between")
    seen, corrected = [], []
    for seed in range(12):
        drawn = clients(0.999, truth=PARTS, seed=seed, practitioners=150, clients=6)
        fit = fit_multilevel(formula, drawn.frame, family="gaussian")
        fits = fit_latent_mean(fit, "x", split_by="practitioner", rng=rng(seed), draws=2)
        seen.append(effects(parts, fit).frame["estimate"])
        corrected.append(pooled_effects(fits, lambda one: effects(parts, one)).frame["estimate"])
    assert np.mean(seen, axis=0)[1] < 0.6
    np.testing.assert_allclose(np.mean(corrected, axis=0), [0.3, 0.7], atol=0.04)


def test_the_table_of_planted_samples_says_bias_and_coverage(tmp_path):
    both = [replicate(seed, 0.6, "linear", "parts") for seed in (1, 2)]
    lines = pd.DataFrame(both[0] + both[1])
    found = summary(lines).set_index(["effect", "way"])
    assert set(found["samples"]) == {2}
    assert found["truth"]["between"].eq(0.7).all()
    row = found.loc[("within", "with the error")]
    assert row["bias"] == pytest.approx(row["estimate"] - 0.3)
    assert row["coverage"] == 0
    written(found.reset_index(), tmp_path, "a command")
    told = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| linear | within | 0.6 | with the error | 0.3000 | -5" in told
    assert len(pd.read_csv(tmp_path / "table.csv")) == len(found) == 8
