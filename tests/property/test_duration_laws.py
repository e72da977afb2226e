"""Laws of curves and hazard models that hold whatever the data."""

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deepvalue_stats.models import (
    compare_curves,
    cumulative_incidence,
    fit_cox,
    fit_subdistribution,
    restricted_mean,
    survival_curve,
)

DAYS = {"duration": "days", "event": "left"}
laws = settings(max_examples=25, deadline=None)


@st.composite
def services(draw, exits=2, least=30):
    """Clients with tied whole days, several exits, groups and a covariate."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(least, 120))
    frame = pd.DataFrame(
        {
            "days": rng.integers(1, draw(st.integers(6, 60)), n),
            "left": rng.integers(0, exits + 1, n),
            "x": rng.normal(size=n),
            "group": rng.integers(0, 2, n),
            "adviser": rng.integers(0, 8, n),
        }
    )
    frame["begun"] = np.minimum(rng.integers(0, 5, n), frame["days"] - 1)
    assume(all((frame["left"] == one).any() for one in range(1, exits + 1)))
    assume(frame["group"].nunique() == 2)
    return frame


def same(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


def sound(fit):
    return fit.convergence.status == "ok" and np.abs(fit.params).max() < 5


@laws
@given(services())
def test_without_censoring_curves_are_plain_shares(frame):
    frame = frame.assign(left=np.maximum(frame["left"], 1))
    assume((frame["left"] == 2).any())
    days = np.arange(0, 61, 7)
    late = frame["days"].to_numpy()[:, None] > days
    same(survival_curve(frame, **DAYS).at(days)["estimate"], late.mean(axis=0))
    own = (frame["left"] == 1).to_numpy()[:, None] & ~late
    found = cumulative_incidence(frame, **DAYS).at(days)
    same(found["estimate"], own.mean(axis=0))
    same(found["std_error"] ** 2, own.mean(axis=0) * (1 - own.mean(axis=0)) / len(frame))


@laws
@given(services(), st.sampled_from(["", "begun"]))
def test_incidences_and_survival_add_up_to_one(frame, entry):
    found = cumulative_incidence(frame, **DAYS, entry=entry)
    curve = found.curves["all"]
    same(curve.estimate + found.others["all"] + found.survival["all"], 1)


@laws
@given(services(exits=1), st.sampled_from(["", "adviser"]))
def test_with_one_exit_incidence_is_what_survival_leaves(frame, cluster):
    one = cumulative_incidence(frame, **DAYS, cluster=cluster).curves["all"]
    other = survival_curve(frame, **DAYS, cluster=cluster).curves["all"]
    same(one.estimate, 1 - other.estimate)
    known = np.isfinite(other.std_error)
    same(one.std_error[known], other.std_error[known])


@laws
@given(services())
def test_each_row_as_a_cluster_gives_the_closed_form(frame):
    rows = frame.assign(row=np.arange(len(frame)))
    one, other = (cumulative_incidence(rows, **DAYS, cluster=name) for name in ("", "row"))
    same(one.curves["all"].std_error, other.curves["all"].std_error)
    horizon = float(frame["days"].max())
    for cause in (None, 1, 2):
        plain, own = (
            restricted_mean(rows, **DAYS, horizon=horizon, cause=cause, cluster=name)
            for name in ("", "row")
        )
        same(plain.covariance, own.covariance)


@laws
@given(services())
def test_days_lost_and_days_without_an_exit_add_up_to_the_horizon(frame):
    horizon = float(frame["days"].max())
    parts = [restricted_mean(frame, **DAYS, horizon=horizon, cause=one) for one in (None, 1, 2)]
    same(sum(part.estimate[0] for part in parts), horizon)


@laws
@given(services(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_names_of_groups_do_not_matter(frame, random):
    order = list(range(len(frame)))
    random.shuffle(order)
    mixed = frame.iloc[order].assign(group=lambda rows: 5 - rows["group"])
    for test in ("log-rank", "peto-peto", "gray"):
        one, other = (
            compare_curves(rows, **DAYS, by="group", test=test) for rows in (frame, mixed)
        )
        same(one.statistic, other.statistic)
        same(list(one.expected.values()), list(other.expected.values())[::-1])
    for by in ("", "adviser"):
        one, other = (
            cumulative_incidence(rows, **DAYS, cluster=by).table for rows in (frame, mixed)
        )
        same(one.drop(columns="group"), other.drop(columns="group"))
    for fit in (fit_cox, fit_subdistribution):
        one, other = (fit("left ~ x", rows, **DAYS, cluster="adviser") for rows in (frame, mixed))
        assume(sound(one))
        same(one.params, other.params)
        same(one.covariance, other.covariance)


@laws
@given(services())
def test_rows_twice_halve_the_variance(frame):
    twice = pd.concat([frame, frame], ignore_index=True)
    one, other = (cumulative_incidence(rows, **DAYS).curves["all"] for rows in (frame, twice))
    same(one.estimate, other.estimate)
    same(one.std_error**2, 2 * other.std_error**2)
    one, other = (fit_cox("left ~ x", rows, **DAYS, ties="breslow") for rows in (frame, twice))
    assume(sound(one))
    same(one.params, other.params)
    same(one.covariance, 2 * other.covariance)


@laws
@given(services())
def test_a_row_cut_in_pieces_changes_nothing(frame):
    rng = np.random.default_rng(len(frame))
    cut = np.maximum(np.floor(rng.random(len(frame)) * frame["days"]), 0)
    long = cut > 0
    first = frame[long].assign(begun=0, days=cut[long], left=0)
    pieces = pd.concat([first, frame.assign(begun=cut)], ignore_index=True)
    whole = survival_curve(frame, **DAYS).at([3, 5, 9])
    parts = survival_curve(pieces, **DAYS, entry="begun").at([3, 5, 9])
    same(whole[["estimate", "std_error"]], parts[["estimate", "std_error"]])
    rows, both = (
        frame.assign(person=frame.index),
        pieces.assign(person=np.r_[np.flatnonzero(long), frame.index]),
    )
    one = cumulative_incidence(rows, **DAYS).at([3, 5, 9])
    other = cumulative_incidence(both, **DAYS, entry="begun", cluster="person").at([3, 5, 9])
    same(one[["estimate", "std_error"]], other[["estimate", "std_error"]])
    for ties in ("efron", "breslow"):
        one = fit_cox("left ~ x", rows, **DAYS, ties=ties, cluster="person")
        assume(sound(one))
        other = fit_cox("left ~ x", both, **DAYS, ties=ties, entry="begun", cluster="person")
        same(one.params, other.params)
        same(one.covariance, other.covariance)


@laws
@given(services(), st.floats(0.01, 50))
def test_a_change_of_the_unit_of_time_moves_no_coefficient(frame, factor):
    other = frame.assign(days=frame["days"] * factor)
    for fit in (fit_cox, fit_subdistribution):
        one, two = (fit("left ~ x", rows, **DAYS) for rows in (frame, other))
        assume(sound(one))
        same(one.params, two.params)
        same(one.covariance, two.covariance)


@laws
@given(services(), st.floats(0.001, 1000))
def test_a_change_of_the_unit_of_a_covariate_divides_its_coefficient(frame, factor):
    other = frame.assign(x=frame["x"] * factor)
    for fit in (fit_cox, fit_subdistribution):
        one, two = (fit("left ~ x", rows, **DAYS) for rows in (frame, other))
        assume(sound(one))
        same(one.params, two.params * factor)
        same(one.bse, two.bse * factor)


@laws
@given(services(exits=1))
def test_coxs_score_test_of_two_groups_is_near_the_log_rank_test_and_the_same_without_ties(frame):
    apart = frame.assign(days=frame["days"] + np.linspace(0, 0.5, len(frame)))
    fit = fit_cox("left ~ group", apart, **DAYS)
    same(fit.score_test, compare_curves(apart, **DAYS, by="group").statistic)
