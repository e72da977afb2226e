"""Curves, their tests, restricted means, landmarks: what each does, and what each refuses."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import (
    compare_curves,
    cumulative_incidence,
    landmark,
    restricted_mean,
    survival_curve,
    sustained,
)
from deepvalue_stats.models.duration.sustained import LASTING, Lasting, four_week_quit
from deepvalue_stats.models.duration.times import merge_ties

SMALL = pd.DataFrame(
    {
        "days": [2, 3, 3, 5, 8, 8, 9, 12],
        "left": [1, 2, 0, 1, 1, 0, 2, 0],
        "area": list("aabbabab"),
        "adviser": [1, 1, 2, 2, 3, 3, 4, 4],
    }
)
DAYS = {"duration": "days", "event": "left"}


def service(n=400, seed=4):
    """Clients of 20 practitioners in two areas, with two exits and censoring."""
    rng = np.random.default_rng(seed)
    adviser = rng.integers(0, 20, n)
    rate = 0.01 * np.exp(0.5 * rng.normal(size=20)[adviser] + 0.4 * (adviser % 2))
    times = np.ceil(rng.exponential(1 / np.column_stack([rate, np.full(n, 0.004)])))
    ends = np.column_stack([rng.integers(60, 365, n), times])
    frame = pd.DataFrame({"days": ends.min(axis=1), "left": ends.argmin(axis=1)})
    return frame.assign(
        adviser=adviser, area=np.where(adviser % 2, "north", "east"), x=rng.normal(size=n)
    )


def faults_of(call):
    with pytest.raises(ModelError) as error:
        call()
    return error.value.faults


# --- curves --------------------------------------------------------------------------------------


def test_a_curve_counted_by_hand():
    """Of 8 at risk 1 leaves on day 2, of 7 on day 3 (one is censored after it), of 5 on day 5."""
    curve = survival_curve(SMALL, **DAYS).curves["all"]
    assert curve.times.tolist() == [2, 3, 5, 8, 9, 12]
    assert curve.at_risk.tolist() == [8, 7, 5, 4, 2, 1]
    assert curve.events.tolist() == [1, 1, 1, 1, 1, 0]
    assert curve.censored.tolist() == [0, 1, 0, 1, 0, 1]
    np.testing.assert_allclose(curve.estimate[:3], [7 / 8, 6 / 8, 6 / 8 * 4 / 5])


def test_an_incidence_counted_by_hand():
    found = cumulative_incidence(SMALL, **DAYS, cause=2).at([1, 3, 9])
    np.testing.assert_allclose(found["estimate"], [0, 1 / 8, 1 / 8 + 0.45 / 2])
    assert found["at_risk"].tolist() == [8, 7, 2]


def test_a_curve_says_nothing_where_nobody_was_followed_nor_where_it_does_not_vary():
    found = survival_curve(SMALL, **DAYS).at([0, 1, 12, 13])
    np.testing.assert_array_equal(found["estimate"].isna(), [False, False, False, True])
    assert found["conf_low"].isna().tolist() == [True, True, False, True]
    whole = SMALL.assign(left=1)
    found = cumulative_incidence(whole, **DAYS).at([12, 100])
    np.testing.assert_allclose(found["estimate"], 1)
    assert found["conf_high"].isna().all()


def test_with_nobodys_event_observed_the_curve_is_flat_and_without_limits():
    found = survival_curve(SMALL.assign(left=0), **DAYS)
    assert set(found.table["estimate"]) == {1.0}
    assert found.table["conf_low"].isna().all()
    assert found.median().isna().all(axis=None)


def test_limits_stay_within_0_and_1_whatever_their_kind():
    for interval in ("log-log", "log", "plain"):
        table = cumulative_incidence(service(60), **DAYS, interval=interval).table
        low, high = table["conf_low"].dropna(), table["conf_high"].dropna()
        assert len(low)
        assert ((low >= 0) & (high <= 1) & (low <= high)).all()


def test_times_apart_by_rounding_are_one():
    frame = pd.DataFrame({"t": [0.1 + 0.2, 0.3, 0.7], "e": [1, 1, 0]})
    curve = survival_curve(frame, duration="t", event="e").curves["all"]
    assert curve.times.tolist() == [0.3, 0.7]
    assert merge_ties(np.array([1.0, 2.0]))[0].tolist() == [1, 2]


def test_a_horizon_cuts_a_curve_and_one_before_all_steps_is_refused():
    found = cumulative_incidence(SMALL, **DAYS, horizon=5)
    assert found.table["time"].max() == 5
    assert np.isnan(found.at(6)["estimate"][0])
    (fault,) = faults_of(lambda: cumulative_incidence(SMALL, **DAYS, by="area", horizon=2))
    assert fault.what == "nobody of group 'b' leaves or is censored by day 2"


def test_a_curve_that_ran_out_of_clients_before_others_entered_says_when():
    frame = pd.DataFrame({"s": [0, 0, 5, 5], "t": [2, 3, 9, 9], "e": [1, 1, 1, 0]})
    curve = survival_curve(frame, duration="t", event="e", entry="s").curves["all"]
    assert curve.emptied == 3
    plain = survival_curve(frame, duration="t", event="e").curves["all"]
    assert np.isnan(plain.emptied)


def test_one_cluster_gives_no_standard_error():
    found = survival_curve(SMALL.assign(adviser=1), **DAYS, cluster="adviser")
    assert found.table["std_error"].isna().all()
    found = restricted_mean(
        SMALL.assign(adviser=[1, 1, 2, 3, 1, 2, 1, 3]),
        **DAYS,
        by="area",
        cluster="adviser",
        horizon=8,
    )
    assert found.table["std_error"].isna().tolist() == [True, False]


def test_every_fault_of_the_columns_is_told_at_once():
    bad = SMALL.assign(
        days=[2, -3, 3, 0, 8, 8, 9, 12],
        left=[1, 0.5, 0, 1, 1, -1, 2, 0],
        begun=[0, -9, 1, 1, 9, 8, 0, 0],
    )
    found = faults_of(lambda: survival_curve(bad, **DAYS, entry="begun"))
    assert [fault.what for fault in found] == [
        "'left' is no whole number from 0 in 2 rows",
        "'days' is not positive in 2 rows",
        "'begun' is negative in 1 rows",
        "'begun' is not before 'days' in 3 rows",
    ]
    found = faults_of(lambda: survival_curve(SMALL, duration="t", event="e", by="service"))
    assert [fault.what for fault in found] == [
        "no column 't' for the duration",
        "no column 'e' for the event",
        "no column 'service' for the groups",
    ]
    gaps = SMALL.assign(days=SMALL["days"].where(SMALL["days"] > 3), area=None)
    found = faults_of(lambda: survival_curve(gaps, **DAYS, by="area"))
    assert [fault.what for fault in found] == [
        "'days' is missing in 3 rows",
        "'area' is missing in 8 rows",
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"days": "ten"}, "'days' is not a number"),
        ({"days": np.inf}, "'days' is not finite in 8 rows"),
        ({"days": pd.Timedelta(days=2)}, "'days' is a date or a span of time"),
        ({"left": pd.Timestamp("2024-01-01")}, "'left' is a date or a span of time"),
    ],
)
def test_what_is_no_number_is_refused(change, what):
    (fault,) = faults_of(lambda: survival_curve(SMALL.assign(**change), **DAYS))
    assert fault.what == what


def test_true_and_false_are_an_event():
    flags = survival_curve(SMALL.assign(left=SMALL["left"] > 0), **DAYS)
    pd.testing.assert_frame_equal(flags.table, survival_curve(SMALL, **DAYS).table)


def test_unknown_options_and_absent_causes_are_refused():
    assert faults_of(lambda: cumulative_incidence(SMALL, **DAYS, interval="exact"))[0].what == (
        "no interval called 'exact'"
    )
    assert faults_of(lambda: cumulative_incidence(SMALL, **DAYS, cause=3))[0].what == (
        "nobody left by cause 3"
    )
    (fault,) = faults_of(
        lambda: cumulative_incidence(SMALL, **DAYS, variance="aalen", cluster="adviser")
    )
    assert fault.fix == "use variance='greenwood'"
    (fault,) = faults_of(lambda: survival_curve(SMALL.iloc[:0], **DAYS))
    assert fault.what == "no row is left"


def test_groups_keep_the_order_of_their_category():
    frame = SMALL.assign(area=pd.Categorical(SMALL["area"], ["b", "never", "a"]))
    assert list(survival_curve(frame, **DAYS, by="area").curves) == ["b", "a"]


def test_what_is_handed_out_cannot_be_written_to():
    curve = survival_curve(SMALL, **DAYS).curves["all"]
    for name in ("times", "estimate", "std_error", "conf_low", "at_risk"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(curve, name)[0] = 1


# --- tests ---------------------------------------------------------------------------------------


def test_each_row_its_own_cluster_gives_a_robust_test_near_the_plain_one():
    frame = service(2000).assign(row=np.arange(2000))
    plain = compare_curves(frame, **DAYS, by="area").statistic
    robust = compare_curves(frame, **DAYS, by="area", cluster="row")
    assert robust.statistic == pytest.approx(plain, rel=0.05)
    assert (robust.reference, robust.n_clusters) == ("clusters", 2000)


def test_clustered_tests_are_less_sure_where_clients_of_a_practitioner_are_alike():
    frame = service()
    for test in ("log-rank", "peto-peto"):
        plain = compare_curves(frame, **DAYS, by="area", test=test)
        robust = compare_curves(frame, **DAYS, by="area", test=test, cluster="adviser")
        assert robust.p_value > plain.p_value
    for test in ("log-rank", "gray"):
        rng = np.random.default_rng(1)
        drawn = compare_curves(
            frame, **DAYS, by="area", test=test, cluster="adviser", permutations=99, rng=rng
        )
        assert drawn.reference == "permutations"
        assert (drawn.p_value * 100) % 1 == pytest.approx(0, abs=1e-9)
        assert drawn.p_value > compare_curves(frame, **DAYS, by="area", test=test).p_value


def test_tests_that_are_not_defined_are_refused():
    frame = service()
    (fault,) = faults_of(lambda: compare_curves(frame.assign(one=1), **DAYS, by="one"))
    assert fault.what == "'one' has one group only"
    found = faults_of(lambda: compare_curves(frame, **DAYS, by="area", test="z", permutations=9))
    assert [fault.what for fault in found] == [
        "no test called 'z'",
        "no cluster to permute",
        "permutations need a generator",
    ]
    (fault,) = faults_of(
        lambda: compare_curves(frame, **DAYS, by="area", test="gray", cluster="adviser")
    )
    assert fault.what == "Gray's covariance takes every row as independent"
    (fault,) = faults_of(
        lambda: compare_curves(frame.assign(s=0.5), **DAYS, by="area", test="gray", entry="s")
    )
    assert fault.what == "Gray's test is not defined where clients come under observation late"
    straddling = frame.assign(area=np.where(frame.index % 2, "north", "east"))
    rng = np.random.default_rng(1)
    (fault,) = faults_of(
        lambda: compare_curves(
            straddling, **DAYS, by="area", cluster="adviser", permutations=9, rng=rng
        )
    )
    assert fault.what == "20 clusters too many: some have clients in several groups"
    (fault,) = faults_of(
        lambda: compare_curves(frame.assign(adviser=1), **DAYS, by="area", cluster="adviser")
    )
    assert fault.what == "all rows belong to one cluster"


# --- restricted means ----------------------------------------------------------------------------


def test_without_censoring_a_restricted_mean_is_the_mean():
    frame = pd.DataFrame({"days": [2, 4, 9, 30], "left": [1, 2, 1, 1]})
    found = restricted_mean(frame, **DAYS, horizon=10)
    cut = np.minimum(frame["days"], 10)
    assert found.estimate[0] == pytest.approx(cut.mean())
    assert found.covariance[0, 0] == pytest.approx(cut.var(ddof=0) / 4)
    lost = restricted_mean(frame, **DAYS, horizon=10, cause=1)
    days = np.where(frame["left"] == 1, np.maximum(10 - frame["days"], 0), 0)
    assert lost.estimate[0] == pytest.approx(days.mean())
    assert lost.covariance[0, 0] == pytest.approx(days.var() / 4)


def test_differences_allow_for_clusters_in_both_groups():
    frame = service().assign(arm=lambda rows: np.where(rows.index % 2, "new", "old"))
    found = restricted_mean(frame, **DAYS, horizon=180, by="arm", cause=1, cluster="adviser")
    assert found.covariance[0, 1] > 0
    one = found.differences("old")
    assert one.loc[0, ["group", "reference"]].tolist() == ["new", "old"]
    assert one.loc[0, "estimate"] == pytest.approx(found.estimate[0] - found.estimate[1])
    assert found.dof == 19
    (fault,) = faults_of(lambda: found.differences("neither"))
    assert fault.fix == "use one of new, old"


def test_a_horizon_beyond_the_follow_up_is_refused_for_each_group():
    frame = SMALL.assign(left=[1, 1, 0, 1, 0, 0, 0, 1])
    found = faults_of(lambda: restricted_mean(frame, **DAYS, horizon=13, by="area"))
    assert [fault.what for fault in found] == ["nobody of group 'a' was followed to day 13"]
    (fault,) = faults_of(lambda: restricted_mean(frame, **DAYS, horizon=0))
    assert fault.what == "the horizon is not positive"


# --- landmarks and lasting outcomes --------------------------------------------------------------


def test_a_landmark_keeps_those_at_risk_after_it_and_counts_the_others():
    found = landmark(SMALL, 5, **DAYS)
    assert found.frame["days"].tolist() == [3, 3, 4, 7]
    assert found.left == {"censored": 1, "exit 1": 2, "exit 2": 1}
    assert found.table["rows"].sum() == len(SMALL)
    assert SMALL["days"].max() == 12


def test_a_landmark_cuts_the_piece_of_time_that_spans_it():
    pieces = pd.DataFrame({"s": [0, 4, 0, 6], "days": [4, 9, 6, 7], "left": [0, 1, 0, 0]})
    found = landmark(pieces, 5, **DAYS, entry="s")
    assert found.frame["s"].tolist() == [0, 0, 1]
    assert found.frame["days"].tolist() == [4, 1, 2]
    assert found.left == {"pieces of time that end without an exit": 1, "exit 1": 0}


def test_impossible_landmarks_are_refused():
    (fault,) = faults_of(lambda: landmark(SMALL, 12, **DAYS))
    assert fault.what == "nobody is at risk after day 12"
    (fault,) = faults_of(lambda: landmark(SMALL, -1, **DAYS))
    assert fault.what == "the landmark lies before the start"


def test_spells_that_touch_last_together_and_a_young_one_is_pending():
    """Client 1: 2 spells that touch. 2: a gap of 3 days. 3: too young when observation ends."""
    client = np.array(["one", "one", "two", "two", "three", "four"])
    start = np.array([10, 40, 5, 33, 80, 1])
    end = np.array([40, 60, 30, 60, np.nan, 20])
    kind = Lasting("fifty days", 50, 0, "a test")
    found = sustained(client, start, end, kind=kind, observed_until=100)
    assert found.client.tolist() == ["one", "two", "three", "four"]
    assert found.reached.tolist() == [True, False, False, False]
    assert found.pending.tolist() == [False, False, True, False]
    assert (found.started[0], found.sustained[0]) == (10, 60)
    patient = Lasting("fifty days with gaps", 50, 3, "a test")
    found = sustained(client, start, end, kind=patient, observed_until=100)
    assert found.reached.tolist() == [True, True, False, False]
    assert found.started[1] == 5


def test_only_what_was_observed_counts_as_lasting():
    found = sustained(
        np.array([1, 2]),
        np.array([0, 0]),
        np.array([500.0, np.nan]),
        kind=LASTING["sustained_job_26_weeks"],
        observed_until=np.array([150, 182]),
    )
    assert found.reached.tolist() == [False, True]
    assert found.pending.tolist() == [True, False]


def test_faulty_spells_are_refused_together():
    found = faults_of(
        lambda: sustained(
            np.array([1, None]),
            np.array([np.nan, 4]),
            np.array([5, 3]),
            kind=LASTING["first_job"],
            observed_until=9,
        )
    )
    assert [fault.what for fault in found] == [
        "the client is missing in 1 spells",
        "the start is missing in 1 spells",
        "the end is not after the start in 1 spells",
    ]


def test_four_week_quitters_are_seen_in_time_and_lost_clients_count_as_smoking():
    seen = np.array([24, 25, 42, 43, np.nan, 28, 28])
    smoked = np.array([0, 0, 0, 0, 0, np.nan, 1])
    found = four_week_quit(seen, smoked, np.array([1, 9.9, 10, 1, 1, 1, 1]))
    assert found.followed_up.tolist() == [False, True, True, False, False, True, True]
    assert found.self_reported.tolist() == [False, True, True, False, False, False, False]
    assert found.verified.tolist() == [False, True, False, False, False, False, False]
    (fault,) = faults_of(lambda: four_week_quit(seen, smoked + 2, seen))
    assert fault.what == "whether clients smoked is neither 0 nor 1 in 6 rows"


def test_a_median_on_a_level_stretch_is_its_middle():
    frame = pd.DataFrame({"days": [1, 2, 3, 4], "left": 1})
    assert survival_curve(frame, **DAYS).median()["estimate"].tolist() == [2.5]


def test_pieces_shorter_than_rounding_are_refused():
    frame = pd.DataFrame({"s": [1.0, 0.0], "days": [1.0 + 1e-12, 5.0], "left": [1, 0]})
    (fault,) = faults_of(lambda: survival_curve(frame, **DAYS, entry="s"))
    assert fault.what == "1 pieces of time are shorter than rounding can tell"
