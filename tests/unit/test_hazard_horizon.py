"""Chances by a horizon: against dense integration of whole paths, enumeration and simulation."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.effects import Levels, Step, curve_by_horizon, effect_by_horizon
from deepvalue_stats.effects import horizon as by_horizon
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_hazard, fit_logit

LAST = 10


def spells(seed=1, n=600, practitioners=25, other=0.0, days=False):
    rng = np.random.default_rng(seed)
    who = np.arange(n) % practitioners
    x = rng.normal(size=n)
    rate = np.exp(-2.3 + 0.5 * x + 0.7 * rng.normal(size=practitioners)[who])
    months, work = np.full(n, LAST), np.zeros(n, dtype=int)
    going = np.ones(n, dtype=bool)
    for month in range(1, LAST + 1):
        chance, draw = -np.expm1(-rate), rng.random(n)
        now = np.where(draw < chance, 1, np.where(draw < chance + other, 2, 0)) * going
        months[now > 0], work[now > 0] = month, now[now > 0]
        going &= now == 0
    frame = pd.DataFrame(
        {"client": np.arange(n), "practitioner": who, "x": x, "months": months, "work": work}
    )
    frame["band"] = np.where(x > 0, "high", "low")
    return frame.assign(days=frame["months"] * 30) if days else frame


def fitted(formula="~ x + (1 | practitioner)", data=None, **options):
    data = spells() if data is None else data
    return fit_hazard(formula, data, duration="months", event="work", **options)


@pytest.fixture(scope="module")
def fit():
    return fitted()


@pytest.fixture(scope="module")
def exits():
    data = spells(other=0.03, n=400)
    return {cause: fitted(data=data, cause=cause, baseline="log") for cause in (1, 2)}


def eta_of(fit, x, last):
    """Linear predictors of every path and period, the exposure set, shape (n, last)."""
    start = fit.design.frame.iloc[fit.hazard.starts].assign(x=x)
    periods = [fit.hazard.placed(start, period) for period in range(1, last + 1)]
    return np.column_stack([fit.design.rebuild(rows) @ fit.params for rows in periods])


def incidence(fit, x, last, points=2_001):
    """Cumulative incidence by period with the whole path averaged over a dense grid of u."""
    z = np.linspace(-9, 9, points)
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    sd = abs(fit.theta[0]) if len(fit.theta) else 0.0
    left = np.zeros((len(fit.hazard.starts), last))
    eta = eta_of(fit, x, last)
    for node, share in zip(z, weight, strict=True):
        left += share * np.cumprod(1 - fit.link.mean(eta + sd * node), axis=1)
    return 1 - left.mean(axis=0)


@pytest.mark.parametrize("link", ["cloglog", "logit"])
@pytest.mark.parametrize("random", ["", " + (1 | practitioner)"], ids=["plain", "practitioners"])
def test_effects_are_those_of_whole_paths(link, random):
    fit = fitted(f"~ x{random}", link=link)
    found = effect_by_horizon(fit, "x", horizon=6, contrast=Levels(-1, 1))
    high, low = incidence(fit, 1.0, 6), incidence(fit, -1.0, 6)
    risk = found.row(scale="risk_difference")
    assert risk["estimate"] == pytest.approx(high[-1] - low[-1], abs=1e-10)
    areas = [np.r_[0, curve] for curve in (high, low)]
    gained = np.diff([((a[1:] + a[:-1]) / 2).sum() for a in areas[::-1]])[0]
    assert found.row(scale="time_gained")["estimate"] == pytest.approx(gained, abs=1e-9)


def test_one_period_at_a_time_would_be_wrong(fit):
    whole = incidence(fit, 0.0, LAST)[-1]
    rows = fit.design.frame.iloc[fit.hazard.starts].assign(x=0.0)
    alone = np.prod([1 - fit.predict(fit.hazard.placed(rows, t)) for t in range(1, LAST + 1)], 0)
    assert 1 - alone.mean() > whole + 0.02


@pytest.mark.parametrize("which", ["one cause", "logit", "several"])
def test_slopes_in_all_parameters_are_exact(fit, exits, which, monkeypatch):
    # nodes that stand still: a rule follows the variance, which differences would feel. Not far
    # out: where chances of several causes come to more than one there is a kink
    fixed = (np.linspace(-1, 1, 13), np.full(13, 1 / 13))
    monkeypatch.setattr(by_horizon, "_rule", lambda *_: fixed)
    held = {"one cause": fit, "logit": fitted(link="logit", baseline="log"), "several": exits}[
        which
    ]

    def targets(fits):
        asked = by_horizon._asked(fits, "x", 6)
        values = asked.start["x"].to_numpy() + 0.5
        half = np.arange(len(values)) % 2 == 0
        cause = next(iter(asked.fits))
        return asked.targets(cause, values, asked.totals, [half, ~half]).estimates

    found, near = targets(held), []
    fits = held if isinstance(held, dict) else {1: held}
    for cause, own in fits.items():
        k = len(own.theta)
        for place in range(k + len(own.params)):

            def moved(by, own=own, cause=cause, k=k, place=place):
                point = np.concatenate([own.theta, own.params])
                point[place] += by
                random = replace(own.random, lambdas=(point[:k].reshape(1, 1),))
                other = replace(own, theta=point[:k], params=point[k:], random=random)
                return targets({**fits, cause: other}).value

            step = 1e-3
            near.append(
                (8 * (moved(step) - moved(-step)) - moved(2 * step) + moved(-2 * step))
                / (12 * step)
            )
    np.testing.assert_allclose(found.jacobian, np.array(near).T, atol=2e-8)


def test_competing_exits_are_counted(exits):
    found = effect_by_horizon(exits, "x", horizon=6, contrast=Levels(-1, 1))
    z = np.linspace(-8, 8, 61)
    weight = np.exp(-(z**2) / 2)
    weight /= weight.sum()
    for cause, of in ((1, "work, cause 1"), (2, "work, cause 2")):
        curves = []
        for x in (1.0, -1.0):
            eta = {k: eta_of(one, x, 6) for k, one in exits.items()}
            sd = {k: abs(one.theta[0]) for k, one in exits.items()}
            total = np.zeros(6)
            for a, share in zip(z, weight, strict=True):
                for b, other in zip(z, weight, strict=True):
                    h = {k: -np.expm1(-np.exp(eta[k] + sd[k] * u)) for k, u in ((1, a), (2, b))}
                    stay = np.cumprod(np.maximum(1 - h[1] - h[2], 0), axis=1)
                    before = np.column_stack([np.ones(len(stay)), stay[:, :-1]])
                    total += share * other * (before * h[cause]).mean(axis=0)
            curves.append(np.cumsum(total))
        row = found.row(outcome=of, scale="risk_difference")
        assert row["estimate"] == pytest.approx(curves[0][-1] - curves[1][-1], abs=1e-7)
    assert len(found) == 4


def test_curves_are_cumulative_incidence(fit):
    series = curve_by_horizon(fit, "x", [-1, 1], horizon=LAST)
    low = series.frame[series.frame["group"] == "x at -1"]
    np.testing.assert_allclose(low["y"], incidence(fit, -1.0, LAST), atol=1e-10)
    assert (low["low"] < low["y"]).all()
    assert (low["y"] < low["high"]).all()
    assert low["x"].tolist() == list(range(1, LAST + 1))
    assert series.x_label == "periods"
    assert (series.evidence["events"] == fit.design.response.sum()).all()


def test_everybody_moved_is_the_difference_of_two_curves(exits):
    curves = [
        curve_by_horizon(exits, "x", [value], horizon=6, cause=2).frame["y"].iloc[-1]
        for value in (1, -1)
    ]
    row = effect_by_horizon(exits, "x", horizon=6, contrast=Levels(-1, 1)).row(
        outcome="work, cause 2", scale="risk_difference"
    )
    assert row["estimate"] == pytest.approx(curves[0] - curves[1])


def test_groups_add_up_and_count_their_own(fit):
    step = Step("point", 1.0, "everybody one point higher")
    whole = effect_by_horizon(fit, "x", horizon=6, contrast=step).row(scale="time_gained")
    parts = effect_by_horizon(fit, "x", horizon=6, contrast=step, by="band").frame
    parts = parts[parts["scale"] == "time_gained"]
    assert parts["n_obs"].sum() == whole["n_obs"] == 600
    assert np.average(parts["estimate"], weights=parts["n_obs"]) == pytest.approx(whole["estimate"])
    assert whole["n_practitioners"] == 25
    assert whole["estimand"] == "time after the event within 6 periods: everybody one point higher"
    assert whole["unit"] == "periods"


def test_days_are_days():
    data = spells(days=True)
    fit = fit_hazard(
        "~ x + (1 | practitioner)", data, duration="days", event="work", period_days=30
    )
    days = effect_by_horizon(fit, "x", horizon=180).row(scale="time_gained")
    months = effect_by_horizon(fitted(data=data), "x", horizon=6).row(scale="time_gained")
    assert days["unit"] == "days"
    assert days["estimate"] == pytest.approx(30 * months["estimate"])
    assert days["std_error"] == pytest.approx(30 * months["std_error"])
    assert days["contrast"] == "sd step"


def test_events_are_counted_up_to_the_horizon(fit):
    found = effect_by_horizon(fit, "x", horizon=3)
    data = spells()
    events = ((data["work"] == 1) & (data["months"] <= 3)).sum()
    assert (found.evidence["events"] == events).all()
    assert (found.evidence["non_events"] == len(data) - events).all()


def test_many_paths_are_worked_out_in_blocks(fit, monkeypatch):
    whole = effect_by_horizon(fit, "x", horizon=6, by="band")
    monkeypatch.setattr(by_horizon, "BLOCK_CELLS", 40_000)
    parts = effect_by_horizon(fit, "x", horizon=6, by="band")
    for name in ("estimate", "std_error", "dof"):
        np.testing.assert_allclose(parts.frame[name], whole.frame[name], rtol=1e-9)


def test_a_variance_of_zero_has_no_share_in_the_error():
    data = spells()
    order = np.random.default_rng(3).permutation(len(data))
    data["practitioner"] = np.argsort(order) % 25
    fit = fitted(data=data)
    assert fit.theta[0] == 0
    row = effect_by_horizon(fit, "x", horizon=6).row(scale="risk_difference")
    plain = effect_by_horizon(fitted("~ x", data=data), "x", horizon=6).row(scale="risk_difference")
    assert row["estimate"] == pytest.approx(plain["estimate"], rel=1e-4)
    assert np.isfinite(row["std_error"])


def test_a_fit_that_did_not_settle_has_no_numbers():
    data = spells()
    data["x"] = np.where(data["work"] == 1, 5.0, -5.0) + 0.01 * data["x"]
    found = effect_by_horizon(fitted("~ x", data=data, baseline="log"), "x", horizon=3)
    assert (found.frame["status"] == "not_converged").all()


def refused(fits, **options):
    with pytest.raises(ModelError) as error:
        effect_by_horizon(fits, **{"exposure": "x", "horizon": 6, **options})
    return str(error.value)


def test_exits_that_nobody_fitted_are_refused(exits):
    assert refused(exits[1]) == (
        "ModelError: spells also end by cause 2, for which there is no fit\n"
        "  where: effect_by_horizon\n"
        "  fix:   give a mapping of every cause to its fit: chances by a horizon that count other "
        "exits as if they were still at risk are too high"
    )


def test_faults_are_told_at_once(fit, exits):
    assert refused(fit, exposure="y", horizon=6.5) == (
        "ModelError: 2 problems\n"
        "1. no column 'y' in the fit\n"
        f"     where: {fit.spec.formula}\n"
        "     fix:   name a column of its data\n"
        "2. the horizon is no whole number of periods in which somebody was at risk\n"
        "     where: horizon=6.5\n"
        "     fix:   use a multiple of 1 up to 10"
    )
    assert "explains another" in refused({1: exits[2], 2: exits[1]})
    assert "not of the same spells" in refused({1: exits[1], 2: fitted(
        data=spells(other=0.03, n=300), cause=2, baseline="log")})  # fmt: skip


def test_other_fits_are_refused():
    other = fit_logit("work ~ x", spells(), cluster="practitioner")
    assert refused(other) == (
        "ModelError: not a hazard fit\n  where: effect_by_horizon\n  fix:   use fits of fit_hazard"
    )


def test_a_slope_of_time_is_refused():
    fit = fitted("~ x + (1 + period | practitioner)", baseline="log")
    assert refused(fit) == (
        "ModelError: a random slope differs between the periods of a path\n"
        f"  where: {fit.spec.formula}\n"
        "  fix:   take the slope of time, or of what changes with it, out of the random part"
    )


def test_questions_that_have_no_answer_are_refused(fit):
    assert refused(fit, by="office") == (
        "ModelError: no column 'office' in the fit\n"
        "  where: by='office'\n"
        "  fix:   name one of its data"
    )
    assert "'band' is no number" in refused(fit, exposure="band")
    late = spells().assign(start=2).query("months > 2")
    held = fitted("~ x", data=late, start="start", baseline="log")
    assert refused(held) == (
        "ModelError: nobody was at risk in 2 of 6 periods up to the horizon\n"
        "  where: horizon=6\n"
        "  fix:   paths begin in period 1: start the clock where observation starts"
    )


def test_a_point_is_a_step_of_one(fit):
    step = Step("point step", 1.0, "everybody 1 point higher, against as is")
    one = effect_by_horizon(fit, "x", horizon=4, contrast="point")
    pd.testing.assert_frame_equal(
        one.frame, effect_by_horizon(fit, "x", horizon=4, contrast=step).frame
    )
