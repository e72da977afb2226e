"""The change of practitioner as a design: who is compared, what is counted, what is refused.

Long because every stated choice about a change, a gap or a reason has a small panel of its own.
"""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import break_effects, break_placebo, sun_abraham, trend_bounds
from deepvalue_stats.models.breaks.inference import joint_level, joint_test
from deepvalue_stats.simulate import draw_families

COLUMNS = {
    "outcome": "y",
    "client": "client",
    "time": "wave",
    "practitioner": "practitioner",
    "reason": "reason",
    "outside": ["left"],
}
FAMILIES = COLUMNS | {"outcome": "worries", "outside": ["outside"]}


def panel(text):
    """One line a client: practitioner by wave and outcome by wave; a change was 'left' unless !."""
    rows = []
    for client, line in enumerate(text.strip().splitlines()):
        who, values = (part.split() for part in line.split("|"))
        before = ""
        for wave, (name, value) in enumerate(zip(who, values, strict=True)):
            if name == "-":
                continue
            changed = before not in ("", name.strip("!"))
            reason = ("asked" if "!" in name else "left") if changed else "none"
            before = name.strip("!")
            rows.append([f"c{client}", wave, before, reason, float(value)])
    return pd.DataFrame(rows, columns=["client", "wave", "practitioner", "reason", "y"])


SMALL = """
a a x x | 1 2 5 6
b b x x | 0 2 3 4
d d d d | 1 1 2 3
e e e e | 3 3 4 6
f f f x | 2 3 4 9
"""


def test_a_panel_that_can_be_worked_out_by_hand():
    found = break_effects(panel(SMALL), **COLUMNS)
    # at wave 2: changes of 3 and 1, controls (d, e, f) of 1, 1 and 1
    assert found.groups[1].estimate == pytest.approx((3 + 1) / 2 - 1)
    # at wave 3: 4 and 2, controls (d, e) of 2 and 3; f by then has changed, and is their own group
    assert found.groups[2].estimate == pytest.approx((4 + 2) / 2 - (2 + 3) / 2)
    last = next(row for row in found.groups if (row.change, row.wave) == ("3", "3"))
    assert last.estimate == pytest.approx(5 - (1 + 2) / 2)
    assert found.at(0).estimate == pytest.approx((2 * 1 + 3.5) / 3)
    assert found.overall.estimate == pytest.approx((2 * 1 + 3.5 + 2 * 0.5) / 5)
    # before: a and b from wave 1 back to 0: -1 and -2, controls 0, 0, -1
    assert found.groups[0].estimate == pytest.approx(-1.5 + 1 / 3)
    assert [(row.event_time, row.n_clients, row.n_practitioners) for row in found.curve] == [
        (-3, 1, 1),
        (-2, 3, 3),
        (0, 3, 3),
        (1, 2, 2),
    ]
    assert found.at(-3).n_controls == 2
    assert np.isnan(found.at(-3).std_error)
    assert found.at(0).dof == 2
    assert found.enough == "descriptive"
    assert found.flow.outside == 3
    assert found.flow.never == 2


def test_the_error_is_the_sum_of_influences_by_practitioner():
    found = break_effects(panel(SMALL), **COLUMNS, window=(-1, 1))
    effect = found.at(1).estimate
    influences = [4 - 2.5 - effect, 2 - 2.5 - effect, -(2 - 2.5), -(3 - 2.5)]
    squares = (np.array(influences) ** 2 / 4).sum()
    assert found.at(1).std_error == pytest.approx(np.sqrt(squares * 2 / 1))
    plain = break_effects(panel(SMALL), **COLUMNS, covariance="influence")
    assert plain.at(1).std_error == pytest.approx(np.sqrt(squares))


def slow(rows, outcome, strata, outside, control="not_yet"):
    """Plain differences, client by client: the effect of every event time, and of all after."""
    history = {}
    for client, part in rows.sort_values("wave").groupby("client"):
        change, stop, changes, before = None, None, 0, None
        for _, row in part.iterrows():
            if before is not None and row["practitioner"] != before:
                changes += 1
                if changes == 1 and row["reason"] == outside:
                    change = row["wave"]
                else:
                    stop = row["wave"]
                    break
            before = row["practitioner"]
        values = {
            row["wave"]: row[outcome]
            for _, row in part.iterrows()
            if stop is None or row["wave"] < stop
        }
        stratum = part.iloc[0][strata] if strata else ""
        history[client] = (change, stratum, values, change is None and stop is None)
    found = {}
    for change, stratum, values, _ in history.values():
        if change is None or change - 1 not in values:
            continue
        for wave in values:
            gaps = [
                other[wave] - other[change - 1]
                for g, s, other, never in history.values()
                if s == stratum and wave in other and change - 1 in other
                if (never if control == "never" else g is None or g > max(wave, change - 1))
                if g != change
            ]
            if gaps:
                gained = values[wave] - values[change - 1] - np.mean(gaps)
                found.setdefault(wave - change, []).append(gained)
    after = np.concatenate([gained for time, gained in found.items() if time >= 0])
    return {time: (np.mean(g), len(g)) for time, g in found.items() if time != -1}, after.mean()


@pytest.mark.parametrize("control", ["not_yet", "never"])
@pytest.mark.parametrize("strata", ["", "service"])
def test_plain_loops_find_the_same(strata, control):
    rows = draw_families("everyday", 5, services=6, families=200)
    found = break_effects(rows, **FAMILIES, strata=strata or (), control=control)
    expected, overall = slow(rows, "worries", strata, "outside", control)
    assert set(found.event_times) == set(expected)
    for row in found.curve:
        assert (row.estimate, row.n_clients) == pytest.approx(expected[row.event_time], abs=1e-10)
    assert found.overall.estimate == pytest.approx(overall, abs=1e-10)
    assert found.flow.inside > 0
    assert found.flow.second_change > 0


@pytest.mark.parametrize("covariates", [(), ("need", "tenure")], ids=["plain", "adjusted"])
def test_the_jackknife_leaves_practitioners_out(covariates):
    rows = draw_families("breaks_hurt", 6, services=3, families=240)
    options = {"strata": "service", "covariates": covariates}
    found = break_effects(rows, **FAMILIES, **options, covariance="jackknife")
    first = rows.sort_values("wave").groupby("client")["practitioner"].transform("first")
    first = first.reindex(rows.index)
    without = []
    for name in first.unique():
        other = break_effects(rows[first != name], **FAMILIES, **options)
        without.append(other.overall.estimate - found.overall.estimate)
    size = len(without)
    assert np.sum(np.array(without) != 0) == size
    expected = np.sqrt((size - 1) / size * np.sum(np.square(without)))
    assert found.overall.std_error == pytest.approx(expected, rel=1e-7)


def test_a_covariate_that_makes_the_trend_is_adjusted_for():
    rng = np.random.default_rng(3)
    n = 400
    change = rng.choice([2, 3, 9], n)
    x = rng.normal(size=n) + (change < 9)
    wave = np.arange(4)
    after = wave >= change[:, None]
    rows = pd.DataFrame(
        {
            "client": np.repeat(np.arange(n), 4),
            "wave": np.tile(wave, n),
            "practitioner": (np.arange(n)[:, None] % 60 + 100 * after).ravel(),
            "reason": np.where((wave == change[:, None]).ravel(), "left", "none"),
            "x": np.repeat(x, 4),
            "y": (2.0 * x[:, None] * wave + 3.0 * after).ravel(),
        }
    )
    found = break_effects(rows, **COLUMNS, covariates=["x"])
    assert [row.estimate for row in found.curve] == pytest.approx([0, 0, 3, 3], abs=1e-9)
    assert break_effects(rows, **COLUMNS).at(1).estimate > 4


def test_changes_within_the_pair_end_a_clients_rows():
    text = SMALL + "g g! h h | 1 2 3 4\nh h x z | 1 2 4 9\n".replace("g g!", "g k!")
    found = break_effects(panel(text), **COLUMNS)
    assert (found.flow.inside, found.flow.outside) == (1, 4)
    assert found.flow.rows_after_inside == 3
    assert found.flow.second_change == 1
    assert found.flow.rows_after_second == 1
    assert found.at(1).n_clients == 2
    kept = break_effects(panel(text), **COLUMNS, later_changes="keep")
    assert kept.at(1).n_clients == 3


def test_what_cannot_be_compared_is_counted():
    text = SMALL + "- m x x | 0 1 2 3\nn - x x | 1 0 2 3\n"
    rows = panel(text).assign(place="here")
    rows.loc[rows["client"].eq("c5"), "place"] = "there"
    rows.loc[rows["client"].eq("c0") & rows["wave"].eq(3), "y"] = np.nan
    found = break_effects(rows, **COLUMNS, strata="place")
    assert found.flow.no_base == 1
    assert found.flow.no_controls == 2
    assert found.flow.outcome_missing == 1
    assert found.flow.compared == 3
    told = rows.assign(reason=rows["reason"].where(~rows["client"].eq("c1"), "left"))
    before = break_effects(told, **COLUMNS, strata="place")
    assert before.flow.changed_before == 1
    assert before.flow.outside == found.flow.outside - 1


def test_bands_are_compared_with_their_own():
    rows = draw_families("breaks_hurt", 2)
    rows["band"] = np.where(rows["confidence"] > 2.5, "high", "low")
    found = break_effects(rows, **FAMILIES, by="band")
    assert [one.band for one in found.bands] == ["high", "low"]
    first = rows.groupby("client")["band"].transform("first")
    for one in found.bands:
        alone = break_effects(rows[first == one.band], **FAMILIES)
        for mine, other in zip(one.curve, alone.curve, strict=True):
            assert vars(mine) == pytest.approx(vars(other))
        assert vars(one.overall) == pytest.approx(vars(alone.overall))
    assert found.curve == break_effects(rows, **FAMILIES).curve
    assert found.bands_differ.df == 1


def test_results_are_easy_to_tabulate():
    found = break_effects(draw_families("breaks_hurt", 1), **FAMILIES | {"outcome": "outcome"})
    frame = found.frame()
    assert frame["event_time"].tolist() == [-5, -4, -3, -2, 0, 1, 2, 3]
    assert (frame["joint_low"] < frame["conf_low"]).all()
    assert frame["n_events"].le(frame["n_clients"]).all()
    assert found.pretrend.event_times == (-4, -3, -2)
    assert found.overall.n_clients == found.flow.compared
    average = found.average([0, 1])
    weights = np.array([0.0, 0, 0, 0, 0.5, 0.5, 0, 0])
    assert average.estimate == pytest.approx(weights @ frame["estimate"])
    variance = weights @ found.covariance_matrix[:-1, :-1] @ weights
    assert average.std_error == pytest.approx(np.sqrt(variance))
    window = break_effects(
        draw_families("breaks_hurt", 1), **FAMILIES | {"outcome": "outcome"}, window=(-2, 1)
    )
    assert window.event_times == (-2, 0, 1)
    assert window.at(1).estimate == found.at(1).estimate


def test_the_test_of_leads_says_what_it_cannot():
    found = break_effects(draw_families("breaks_hurt", 1), **FAMILIES | {"outcome": "outcome"})
    assert found.pretrend_reading == (
        "3 waves before the change, tested together. That proves nothing: the test has little "
        "power, and trends that would make up the whole effect may pass it (Roth 2022)."
    )
    silent = break_effects(panel(SMALL), **COLUMNS, window=(-1, 1))
    assert silent.pretrend.df == 0
    assert silent.pretrend_reading.startswith("There is too little before the change")
    rows = draw_families("breaks_hurt", 1)
    rows["worries"] += 3.0 * rows["event_time"].fillna(-1)
    trending = break_effects(rows, **FAMILIES)
    assert "Trends differed before the change" in trending.pretrend_reading


def test_clients_without_covariate_or_band_are_left_out_and_counted():
    rows = draw_families("breaks_hurt", 1, services=6, families=240)
    first = rows.sort_values("wave").groupby("client")["need"].transform("first")
    few = rows["client"].astype(int).mod(10).eq(0).to_numpy()
    lacking = rows.assign(need=first.reindex(rows.index).mask(few))
    found = break_effects(lacking, **FAMILIES, covariates=["need"])
    assert found.flow.covariate_missing == 24
    same = break_effects(rows[~few], **FAMILIES, covariates=["need"])
    assert found.overall.estimate == pytest.approx(same.overall.estimate)
    assert refused(break_effects, rows.assign(need=np.nan), **FAMILIES, covariates=["need"]) == (
        "ModelError: no client has a value of need at the first wave\n"
        "  where: covariates, by\n"
        "  fix:   take covariates that are known before the change, or leave them out"
    )


def test_the_joint_band_of_independent_estimates_is_sidaks():
    for count in (2, 5, 9):
        level = joint_level(np.diag(np.arange(1.0, count + 1)))
        assert level == pytest.approx(0.95 ** (1 / count), abs=5e-4)
    assert joint_level(np.ones((3, 3))) == pytest.approx(0.95, abs=5e-4)
    assert joint_level(np.eye(1)) == 0.95


def test_one_estimate_tested_jointly_is_a_t_test():
    found = joint_test(np.array([2.0]), np.array([[1.0]]), 7.0, (-2,))
    assert found.p_value == pytest.approx(0.0856, abs=1e-4)
    assert np.isnan(joint_test(np.ones(3), np.eye(3), 2.0, (-4, -3, -2)).p_value)
    assert np.isnan(joint_test(np.ones(2), np.ones((2, 2)), 9.0, (-3, -2)).p_value)


def test_bounds_reach_as_far_as_the_largest_departure():
    found = break_effects(draw_families("breaks_hurt", 1), **FAMILIES, window=(-3, 2))
    steps = np.abs([found.at(-2).estimate - found.at(-3).estimate, found.at(-2).estimate])
    bound = trend_bounds(found, event_time=1, multiples=(0.0, 0.5, 1.0))
    assert bound.largest == pytest.approx(steps.max())
    row, one = found.at(1), bound.rows[2]
    assert one.set_high == pytest.approx(row.estimate + 2 * steps.max())
    assert one.set_low == pytest.approx(row.estimate - 2 * steps.max())
    plain = bound.rows[0]
    assert (plain.conf_low, plain.conf_high) == pytest.approx((row.conf_low, row.conf_high))
    assert one.conf_low < bound.rows[1].conf_low < plain.conf_low
    assert one.conf_low < one.set_low
    overall = trend_bounds(found, multiples=(1.0,)).rows[0]
    sizes = np.array([found.at(time).n_clients for time in (0, 1, 2)])
    reach = sizes @ [1, 2, 3] / sizes.sum()
    assert overall.set_high == pytest.approx(found.overall.estimate + reach * steps.max())


def test_the_breakdown_is_where_the_interval_takes_nought_in():
    found = break_effects(draw_families("breaks_hurt", 4), **FAMILIES, window=(-2, 3))
    bound = trend_bounds(found, event_time=2)
    assert bound.breakdown > 0
    inside, outside = (
        trend_bounds(found, event_time=2, multiples=(bound.breakdown + step,)).rows[0]
        for step in (-1e-4, 1e-4)
    )
    assert inside.conf_low > 0
    assert outside.conf_low < 0
    nothing = break_effects(draw_families("null", 5), **FAMILIES)
    assert trend_bounds(nothing).breakdown == 0


def closed_cases(rng, moved=0.0):
    """Closed cases of 60 practitioners, half of whom leave at waves 2 to 4, over six waves."""
    left = np.where(np.arange(60) % 2, rng.integers(2, 5, 60), 99)
    practitioner = np.repeat(np.arange(60), 12)
    n, waves = len(practitioner), 6
    wave = np.tile(np.arange(waves), n)
    client = np.repeat(np.arange(n), waves)
    gone = np.repeat(left[practitioner], waves)
    y = rng.normal(size=n)[client] + 0.2 * wave + rng.normal(size=n * waves)
    return pd.DataFrame(
        {
            "client": client,
            "wave": wave,
            "practitioner": practitioner[client],
            "closed": 1,
            "left": np.where(gone < 99, gone, np.nan),
            "y": y + moved * (wave >= gone),
        }
    )


PLACEBO = {name: COLUMNS[name] for name in ("outcome", "client", "time", "practitioner")} | {
    "closed": "closed",
    "left": "left",
}


def test_closed_cases_tell_whether_something_else_went_with_the_leaving():
    quiet = break_placebo(closed_cases(np.random.default_rng(1)), **PLACEBO)
    moved = break_placebo(closed_cases(np.random.default_rng(1), moved=0.8), **PLACEBO)
    assert quiet.test.p_value > 0.05
    assert moved.test.p_value < 0.001
    assert moved.effects.overall.estimate - quiet.effects.overall.estimate == pytest.approx(0.8)
    assert quiet.test.event_times == (0, 1, 2, 3)
    assert quiet.effects.flow.outside == 360


def test_a_placebo_leaves_open_cases_and_earlier_leavings_out():
    rows = closed_cases(np.random.default_rng(2))
    rows["closed"] = (rows["wave"] >= np.where(rows["client"] % 12 == 0, 4, 0)).astype(int)
    found = break_placebo(rows, **PLACEBO).effects
    assert found.flow.rows == rows["closed"].sum()
    assert found.flow.changed_before == 30
    dates = rows.assign(
        wave=pd.to_datetime("2020-01-01") + pd.to_timedelta(rows["wave"] * 30, unit="D"),
        left=pd.to_datetime("2020-01-01") + pd.to_timedelta(rows["left"] * 30 - 3, unit="D"),
    )
    assert break_placebo(dates, **PLACEBO).effects.curve == found.curve
    labels = [f"w{wave}" for wave in range(6)]
    named = rows.assign(
        wave=pd.Categorical.from_codes(rows["wave"], labels, ordered=True),
        left=rows["left"].map(lambda wave: f"w{wave:.0f}", na_action="ignore"),
    )
    assert break_placebo(named, **PLACEBO).effects.curve == found.curve


def refused(call, *args, **kwargs):
    with pytest.raises(ModelError) as told:
        call(*args, **kwargs)
    return str(told.value)


def test_one_wave_is_refused():
    rows = panel(SMALL)
    assert refused(break_effects, rows[rows["wave"].eq(0)].assign(reason="left"), **COLUMNS) == (
        "ModelError: no client has more than one wave, so there is no before and after\n"
        "  where: client, wave\n"
        "  fix:   add waves, or compare clients of one wave by fit_logit"
    )


def test_nobody_who_changes_is_refused():
    rows = panel(SMALL)
    rows.loc[0, "reason"] = "left"
    assert refused(break_effects, rows.assign(practitioner="a"), **COLUMNS) == (
        "ModelError: no client ever has another practitioner ('practitioner' is the same in all "
        "rows of each)\n"
        "  where: practitioner\n"
        "  fix:   add waves, or the practitioner of each wave; the design needs changes"
    )


def test_changes_within_the_pair_alone_are_refused():
    rows = panel(SMALL)
    rows["reason"] = rows["reason"].where(rows["wave"].gt(0), "moved")
    assert refused(break_effects, rows, **COLUMNS | {"outside": ["moved"]}) == (
        "ModelError: none of 0 first changes of practitioner was for a reason outside the pair\n"
        "  where: reason, outside\n"
        "  fix:   name the reasons that nobody in the pair chose, if there are any"
    )


def test_reasons_that_no_row_has_are_refused():
    assert refused(break_effects, panel(SMALL), **COLUMNS | {"outside": ["office"]}) == (
        "ModelError: 'reason' never has the value 'office'\n"
        "  where: outside\n"
        "  fix:   name values that the column has, or leave those out"
    )
    assert refused(break_effects, panel(SMALL), **COLUMNS | {"outside": []}) == (
        "ModelError: no reason is named that is outside the pair of client and practitioner\n"
        "  where: outside\n"
        "  fix:   give a list of values of the column of reasons, as ['left', 'office_closed']"
    )


def test_time_without_order_is_refused():
    rows = panel(SMALL)
    rows["wave"] = "w" + rows["wave"].astype(str)
    assert refused(break_effects, rows, **COLUMNS) == (
        "ModelError: 'wave' has no order: it is neither a number nor a date\n"
        "  where: time\n"
        "  fix:   give waves as numbers, dates, or an ordered category"
    )


def test_dates_of_interviews_are_refused():
    rows = pd.concat(
        [panel(SMALL).assign(client=lambda d, k=k: d.client + str(k)) for k in range(12)]
    )
    rows["wave"] = rows["wave"] * 1000 + np.arange(len(rows))
    assert (
        refused(break_effects, rows, **COLUMNS).startswith(
            "ModelError: 'wave' has 180 different times, which clients hardly share\n"
        )
        or len(rows) * 50 >= rows["client"].nunique() * 180
    )


def test_columns_that_are_not_there_are_told_all_at_once():
    rows = panel(SMALL).assign(y="high")
    rows.loc[0, "practitioner"] = None
    assert refused(break_effects, rows.drop(columns="wave"), **COLUMNS, by="band") == (
        "ModelError: 4 problems\n"
        "1. no column 'wave'\n"
        "     where: time\n"
        "     fix:   name a column of the data\n"
        "2. 'practitioner' is missing in 1 rows\n"
        "     where: practitioner\n"
        "     fix:   leave those rows out, with a reason\n"
        "3. no column 'band'\n"
        "     where: by\n"
        "     fix:   name a column of the data\n"
        "4. 'y' is not a number\n"
        "     where: outcome\n"
        "     fix:   give 0 and 1, or a number"
    )


@pytest.mark.parametrize("flip", [False, True], ids=["enters", "leaves"])
def test_an_outcome_that_happens_once_is_refused(flip):
    rows = draw_families("breaks_hurt", 1, services=4, families=120)
    once = rows.sort_values(["client", "wave"]).groupby("client")["outcome"].cummax()
    rows["once"] = 1 - once if flip else once
    value = 0 if flip else 1
    assert refused(break_effects, rows, **FAMILIES | {"outcome": "once"}) == (
        f"ModelError: 'once' never changes again once it is {value}: it happens once, and waves "
        "after that say nothing about the change of practitioner\n"
        "  where: outcome\n"
        "  fix:   use an outcome that can come and go, or fit_hazard with the change of "
        "practitioner as an exposure that varies over time"
    )


def test_one_leaver_is_refused():
    text = "\n".join(SMALL.strip().splitlines()[i] for i in (0, 2, 3))
    assert refused(break_effects, panel(text), **COLUMNS) == (
        "ModelError: one practitioner left whose clients can be compared, so nothing tells the "
        "leaving from that practitioner\n"
        "  where: practitioner, wave\n"
        "  fix:   describe what happened to these clients; an estimate needs two leavers or more, "
        "a test ten"
    )


def test_nobody_to_compare_with_is_refused():
    rows = panel(SMALL)
    rows["place"] = rows["client"]
    assert refused(break_effects, rows, **COLUMNS, strata="place") == (
        "ModelError: no client who lost a practitioner can be compared: 0 have no outcome at the "
        "wave before, and 5 client-waves no control in the same place\n"
        "  where: practitioner, wave\n"
        "  fix:   take wider strata, or control='not_yet', or add waves before the changes"
    )
    changers = rows[rows["client"].isin(["c0", "c1", "c4"])]
    assert "no client never changed practitioner" in refused(sun_abraham, changers, **COLUMNS)


def test_options_that_are_not_there_are_refused():
    assert refused(break_effects, panel(SMALL), **COLUMNS, control="all") == (
        "ModelError: no control 'all'\n  where: control\n  fix:   use one of not_yet, never"
    )
    assert "no covariance 'HC1'" in refused(
        break_effects, panel(SMALL), **COLUMNS, covariance="HC1"
    )
    assert "the window has to reach" in refused(
        break_effects, panel(SMALL), **COLUMNS, window=(0, 2)
    )
    found = break_effects(panel(SMALL), **COLUMNS)
    assert "no estimate at event times [9]" in refused(found.average, [9])
    assert "no event time is named" in refused(found.average, [])
    assert "a multiple is below nought" in refused(trend_bounds, found, multiples=(-1.0,))
    assert "no estimate at event time -2 after" in refused(trend_bounds, found, event_time=-2)
    with pytest.raises(KeyError):
        found.at(7)


def test_a_placebo_without_leavers_or_closed_cases_is_refused():
    rows = closed_cases(np.random.default_rng(1))
    assert refused(break_placebo, rows.assign(closed=0), **PLACEBO) == (
        "ModelError: no row is of a closed case\n"
        "  where: closed\n"
        "  fix:   mark rows of closed cases by 1"
    )
    assert "no control 'all'" in refused(break_placebo, rows, **PLACEBO, control="all")
    assert "other than 0 and 1" in refused(break_placebo, rows.assign(closed=2), **PLACEBO)
    assert "no practitioner of 720 closed cases left" in refused(
        break_placebo, rows.assign(left=np.nan), **PLACEBO
    )
    assert "720 clients have more than one time of leaving" in refused(
        break_placebo, rows.assign(left=rows["wave"]), **PLACEBO
    )
    dated = rows.assign(left=pd.Timestamp("2020-01-01"))
    assert "'left' is not in the unit of 'wave'" in refused(break_placebo, dated, **PLACEBO)
