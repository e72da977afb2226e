"""Laws of rows whose exposure is set: as if the design had been coded anew, for every formula."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.effects import (
    Contrast,
    Levels,
    average_effect,
    average_mean,
    average_risk,
    effect_by_area,
    harm_ledger,
    movable,
    predicted_curve,
    predictor_of,
    slopes_at_neutral,
)
from deepvalue_stats.effects.inference import counts_of
from deepvalue_stats.equity import explain_gap, interaction, slope_index
from deepvalue_stats.models import fit_logit, fit_multilevel
from deepvalue_stats.tables import NUMERIC

FIXED = [
    "x",
    "x * band",
    "x:band + age",
    "0 + band + x:band",
    "x * age * band",
    "`x` + age:band",
    "x + I(x**2) + age",
    "cr(x, df=4, constraints='center') + band",
    "x * np.exp(age / 20)",
    "age + band",
]
RANDOM = ["", " + (1 | practitioner)", " + (1 + x | practitioner)", " + (0 + age | practitioner)"]
# none of whose terms bends: only those of the exposure are worked out anew
STRAIGHT = {"x", "x * band", "x:band + age", "0 + band + x:band", "x * age * band",
            "`x` + age:band", "age + band", "x * np.exp(age / 20)"}  # fmt: skip


def frame(seed=1, n=240):
    rng = np.random.default_rng(seed)
    out = pd.DataFrame(
        {
            "x": rng.uniform(-1, 1, n),
            "age": rng.normal(1, 0.5, n),
            "band": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"]),
            "practitioner": rng.choice([f"p{k}" for k in range(24)], n),
            "client": [f"c{k // 2}" for k in range(n)],
        }
    )
    own = rng.normal(0, 0.8, 24)[out["practitioner"].str[1:].astype(int)]
    eta = 0.6 * out["x"] + 0.4 * (out["band"] == "low") + own
    return out.assign(y=(rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float))


DATA = frame()


def fitted(fixed, random):
    formula = f"y ~ {fixed}{random}"
    if random:
        return fit_multilevel(formula, DATA)
    return fit_logit(formula, DATA, cluster="practitioner")


@pytest.fixture(scope="module")
def fits():
    """Made when they are first asked for."""
    held = {}

    def get(fixed, random):
        if (fixed, random) not in held:
            held[fixed, random] = fitted(fixed, random)
        return held[fixed, random]

    return get


def dense(rows):
    """The whole matrix of rows, multiples put in their places."""
    matrix = np.array(np.broadcast_to(rows.matrix, (len(rows.eta), rows.matrix.shape[1])))
    if rows.multiples is not None:
        held = rows.multiples
        matrix[:, held.places] = held.values[:, None] * held.multipliers
    return matrix


def same(found, wanted):
    np.testing.assert_allclose(found.eta, wanted.eta, atol=1e-11)
    np.testing.assert_allclose(dense(found), wanted.matrix, atol=1e-12)
    np.testing.assert_allclose(found.variance, wanted.variance, atol=1e-12)
    np.testing.assert_allclose(found.variance_by_theta, wanted.variance_by_theta, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    fixed=st.sampled_from(FIXED),
    random=st.sampled_from(RANDOM),
    at=st.sampled_from(["population", "typical"]),
    value=st.floats(-0.9, 0.9),
    seed=st.integers(0, 99),
)
def test_rows_with_the_exposure_set_are_rows_coded_anew(fits, fixed, random, at, value, seed):
    fit = fits(fixed, random)
    rng = np.random.default_rng(seed)
    mask = rng.random(len(DATA)) < rng.uniform(0.1, 1)
    each = rng.uniform(-0.9, 0.9, len(DATA))
    rows = movable(fit, "x", at)
    assert (rows.as_is.multiples is not None) == (fixed in STRAIGHT)
    same(rows.as_is, predictor_of(fit, DATA, at))
    same(rows.set_to(value), predictor_of(fit, DATA.assign(x=value), at))
    same(rows.set_to(each), predictor_of(fit, DATA.assign(x=each), at))
    same(rows.where(mask).set_to(value), predictor_of(fit, DATA[mask].assign(x=value), at))
    same(rows.set_to(each).where(mask), predictor_of(fit, DATA.assign(x=each)[mask], at))
    other = movable(fit, "x", at, DATA[mask])
    same(other.set_to(value), predictor_of(fit, DATA[mask].assign(x=value), at))
    weights = rng.normal(size=len(DATA))
    placed = rows.set_to(each)
    np.testing.assert_allclose(placed.gradient(weights), weights @ dense(placed), atol=1e-10)
    moved = (dense(placed) != dense(rows.as_is)).any(axis=0)
    np.testing.assert_array_equal(placed.terms_moved(rows.as_is), moved)


@settings(max_examples=40, deadline=None)
@given(
    fixed=st.sampled_from(FIXED),
    random=st.sampled_from(RANDOM),
    at=st.sampled_from(["population", "typical"]),
)
def test_the_derivative_is_that_of_a_small_step(fits, fixed, random, at):
    rows = movable(fits(fixed, random), "x", at)
    change, x, h = rows.derivative(), DATA["x"].to_numpy() * 0.99, 1e-5
    # away from the ends, where a spline cannot be stepped over
    inside = np.abs(x) < 0.9
    above, below = rows.set_to(x + h), rows.set_to(x - h)
    middle = movable(rows.fit, "x", at, DATA.assign(x=x)).derivative()
    slope = (above.eta - below.eta) / (2 * h)
    np.testing.assert_allclose(middle.eta[inside], slope[inside], atol=1e-5)
    variance = (above.variance - below.variance) / (2 * h)
    np.testing.assert_allclose(middle.variance[inside], variance[inside], atol=1e-6)
    np.testing.assert_array_equal(change.terms, (dense(change) != 0).any(axis=0))


@settings(max_examples=30, deadline=None)
@given(fixed=st.sampled_from(FIXED[:6]), random=st.sampled_from(RANDOM), seed=st.integers(0, 99))
def test_effects_of_groups_average_to_that_of_all(fits, fixed, random, seed):
    fit = fits(fixed, random)
    rng = np.random.default_rng(seed)
    part = rng.random(len(DATA)) < 0.4
    link, rows = fit.link, movable(fit, "x").set_to(0.3)
    whole = average_mean(link, rows)
    parts = [average_mean(link, rows.where(mask)) for mask in (part, ~part)]
    share = part.mean()
    value = share * parts[0].value + (1 - share) * parts[1].value
    jacobian = share * parts[0].jacobian + (1 - share) * parts[1].jacobian
    np.testing.assert_allclose(value, whole.value, rtol=1e-12)
    np.testing.assert_allclose(jacobian, whole.jacobian, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(fixed=st.sampled_from(FIXED[:6]), random=st.sampled_from(RANDOM), there=st.floats(-0.9, 0.9))
def test_there_and_back_again_is_nothing(fits, fixed, random, there):
    fit = fits(fixed, random)
    one = average_effect(fit, "x", contrast=Levels(there, 0.5)).row()
    back = average_effect(fit, "x", contrast=Levels(0.5, there)).row()
    if one["status"] == "ok":
        assert one["estimate"] == pytest.approx(-back["estimate"], abs=1e-12)
        assert one["std_error"] == pytest.approx(back["std_error"], rel=1e-9)


def test_a_unit_is_a_multiple(fits):
    fit = fits("x * band", "")
    one, three = (
        average_effect(
            fit, "x", contrast=Contrast("point", size), by="band", reference="high"
        ).frame
        for size in (1.0, 3.0)
    )
    np.testing.assert_allclose(three["estimate"], 3 * one["estimate"], rtol=1e-12)
    np.testing.assert_allclose(three["p_value"], one["p_value"], rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), share=st.floats(0, 1))
def test_counts_are_those_of_the_rows_themselves(seed, share):
    data = frame(seed=7)
    fit = fit_logit("y ~ x", data, cluster="practitioner")
    mask = np.random.default_rng(seed).random(len(data)) < share
    rows, found = data[mask], counts_of(fit, mask)
    assert found == {
        "n_obs": len(rows),
        "n_clients": rows["client"].nunique(),
        "n_practitioners": rows["practitioner"].nunique(),
        "events": rows.loc[rows["y"] == 1, "client"].nunique(),
        "non_events": rows.loc[rows["y"] == 0, "client"].nunique(),
    }


def unsound():
    """A multilevel fit that did not settle: what is not a number must never be averaged."""
    fit = fit_multilevel("y ~ x * band + age + (1 | practitioner)", DATA)
    held = tuple(np.full_like(one, np.nan) for one in fit.random.lambdas)
    return replace(
        fit,
        convergence=replace(fit.convergence, status="separated"),
        params=np.full_like(fit.params, np.nan),
        theta=np.full_like(fit.theta, np.nan),
        random=replace(fit.random, lambdas=held),
    )


@pytest.mark.parametrize(
    "effect",
    [
        lambda fit: average_effect(fit, "x", contrast=Levels(-0.5, 0.5), scale="odds_ratio"),
        lambda fit: average_effect(fit, "x", by="band", reference="high"),
        lambda fit: average_risk(fit, "x", (0.0, 0.5)),
        lambda fit: harm_ledger(fit, "x", 0.0, by="band"),
        lambda fit: slopes_at_neutral(fit, "x", 0.0, contrast=Contrast("point", 1.0)),
        lambda fit: effect_by_area(fit, "x", "band", contrast=Contrast("point", 1.0)),
        lambda fit: slope_index(fit, "age"),
        lambda fit: explain_gap(fit, "x", "band", low="low", high="high", neutral=0.0),
        lambda fit: interaction(
            fit, "x", "band", levels=Levels(-0.5, 0.5), low="low", reference="high"
        ),
    ],
)
def test_a_fit_without_an_answer_gives_rows_without_numbers(effect):
    frame = effect(unsound()).frame
    assert len(frame)
    assert (frame["status"] == "not_converged").all()
    assert frame[list(NUMERIC)].isna().all(axis=None)
    assert (frame["n_obs"] > 0).all()


def test_a_curve_without_an_answer_has_no_points():
    assert predicted_curve(unsound(), "x").frame.empty
