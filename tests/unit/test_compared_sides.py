"""Who is compared: how alike the sides are, what is missing of whom, and what stays in the room."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_study_evidence import sample

from deepvalue_stats.disclosure import Rules, protect
from deepvalue_stats.effects import average_effect
from deepvalue_stats.linkage.linking import Linked
from deepvalue_stats.plan.parts import CovariatePlan
from deepvalue_stats.report.side_figures import missing_figure
from deepvalue_stats.study.balancing import NO_SIDES, balance_table
from deepvalue_stats.study.missing import missing_table
from deepvalue_stats.study.preparing import Prepared

ACRO = Rules("acro", 10, 5)
BANDS = ("low", "mid", "high")


def prepared_of(frame, bands=None, **covariates):
    """A study of these rows, whose plan knows of these covariates as well."""
    one = sample()
    known = {
        name: CovariatePlan(column=f"clients.{name}", type=kind)
        for name, kind in covariates.items()
    }
    plan = one.plan.model_copy(update={"covariates": {**one.plan.covariates, **known}})
    return Prepared(plan, {}, Linked(frame, one._prepared.linked.schema), bands)


def cleared(table):
    one = sample()
    effects = average_effect(one.primary, one.model.exposure)
    return protect(ACRO, effects=effects, counts=(table,), series=())[0].counts[0]


def rows(n=400, seed=3):
    frame = sample().cohort.head(n).reset_index(drop=True).copy()
    rng = np.random.default_rng(seed)
    more = frame["relationship"] > frame["relationship"].mean()
    frame["need"] = rng.normal(size=n) + 0.5 * more
    frame["tenure"] = rng.choice(["own", "rent", "other"], size=n)
    return frame


def exposure_of():
    return sample().model.exposure


# --- balance -------------------------------------------------------------------------------------


def test_a_difference_is_that_of_the_means_in_standard_deviations():
    frame = rows()
    found = balance_table(prepared_of(frame, need="number")).frame.set_index("characteristic")
    score = frame[exposure_of()]
    more = score > score.mean()
    a, b = frame.loc[more, "need"], frame.loc[~more, "need"]
    expected = (a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2)
    assert found.loc["need", "difference"] == pytest.approx(expected, rel=1e-12)
    assert (found.loc["need", "more_effective"], found.loc["need", "less_effective"]) == (
        more.sum(),
        (~more).sum(),
    )


def test_what_the_model_adjusts_for_is_told_from_what_it_does_not():
    found = balance_table(prepared_of(rows(), need="number")).frame
    adjusted = dict(zip(found["characteristic"], found["adjusted"], strict=True))
    model = sample().model
    assert {adjusted[name.replace("_", " ")] for name in model.covariates} == {"yes"}
    assert adjusted["need"] == "no"


def test_swapping_the_sides_turns_every_sign():
    frame = rows()
    turned = frame.assign(**{exposure_of(): -frame[exposure_of()]})
    before, after = (
        balance_table(prepared_of(one, need="number")).frame["difference"]
        for one in (frame, turned)
    )
    np.testing.assert_allclose(after, -before, rtol=1e-9)


def test_the_unit_of_a_characteristic_is_no_matter():
    frame = rows()
    before, after = (
        balance_table(prepared_of(one, need="number")).frame["difference"]
        for one in (frame, frame.assign(need=60 * frame["need"] + 7))
    )
    np.testing.assert_allclose(after, before, rtol=1e-9)


def test_a_small_group_on_either_side_hides_the_difference_and_an_empty_one_too():
    frame = rows()
    score = frame[exposure_of()]
    more = (score > score.mean()).to_numpy()
    for few in (0, 3, 9):
        frame["tenure"] = "own"
        frame.loc[np.flatnonzero(more)[:50], "tenure"] = "rent"
        frame.loc[np.flatnonzero(~more)[:few], "tenure"] = "rent"
        table = cleared(balance_table(prepared_of(frame, tenure="category")))
        row = table.frame.set_index("characteristic").loc["tenure"]
        assert (row["less_effective"], row["difference"]) == ("[c]", "[c]"), few
    frame.loc[np.flatnonzero(~more)[:10], "tenure"] = "rent"
    row = cleared(balance_table(prepared_of(frame, tenure="category"))).frame.iloc[-1]
    assert row["characteristic"] == "tenure"
    assert "[c]" not in set(row)


def test_without_two_sides_there_is_a_reason():
    table = balance_table(prepared_of(rows().assign(**{exposure_of(): 3.3})))
    assert table.frame.empty
    assert table.notes == (NO_SIDES,)
    # thirds do not sum to a whole: a mean of equal scores may be off by a bit
    assert balance_table(prepared_of(rows().assign(**{exposure_of(): 1 / 3}))).frame.empty


def test_who_lacks_a_characteristic_is_not_compared_by_it():
    frame = rows()
    frame.loc[:99, "need"] = np.nan
    found = balance_table(prepared_of(frame, need="number")).frame.set_index("characteristic")
    assert found.loc["need", ["less_effective", "more_effective"]].sum() == 300


def test_what_does_not_vary_has_no_difference_and_a_side_of_one_is_not_compared():
    frame = rows().assign(need=2.0)
    found = balance_table(prepared_of(frame, need="number")).frame.set_index("characteristic")
    assert np.isnan(found.loc["need", "difference"])
    score = frame[exposure_of()]
    frame.loc[score > score.mean(), "need"] = np.nan
    frame.loc[score.idxmax(), "need"] = 1.0
    assert "need" not in set(
        balance_table(prepared_of(frame, need="number")).frame["characteristic"]
    )


# --- missing -------------------------------------------------------------------------------------


def with_gaps(gaps):
    """Rows in three bands, the first so many of each without a rating."""
    frame = sample().cohort.head(300).reset_index(drop=True).copy()
    band = pd.Series(np.repeat(BANDS, 100), index=frame["client"])
    for place, few in enumerate(gaps):
        frame.loc[100 * place : 100 * place + few - 1, exposure_of()] = np.nan
    return prepared_of(frame, band)


def counts_of(table):
    chosen = table.frame[table.frame["variable"] == exposure_of()]
    return list(chosen["missing"])


def test_missing_values_are_counted_by_band_without_a_line_for_all():
    table = missing_table(with_gaps((20, 0, 40)))
    assert counts_of(table) == [20, 0, 40]
    assert set(table.frame["band"]) == set(BANDS)
    assert set(table.frame["rows"]) == {100}


def test_few_that_are_missing_and_few_that_are_known_are_hidden_and_none_is_not():
    assert counts_of(cleared(missing_table(with_gaps((3, 96, 0))))) == ["[c]", "[c]", "0"]
    assert counts_of(cleared(missing_table(with_gaps((100, 12, 88))))) == ["100", "10", "90"]


def test_clients_without_a_band_have_a_line_of_their_own():
    prepared = with_gaps((20, 20, 20))
    some = prepared.bands.where(np.arange(300) >= 40, None)
    table = missing_table(replace(prepared, bands=some))
    rows_of = table.frame[table.frame["variable"] == exposure_of()].set_index("band")["rows"]
    assert dict(rows_of) == {"low": 60, "mid": 100, "high": 100, "not known": 40}


def test_units_of_one_client_count_as_one_person():
    prepared = with_gaps((12, 0, 0))
    frame = prepared.linked.frame.copy()
    frame.loc[:11, "client"] = "one"
    bands = prepared.bands.copy()
    bands["one"] = "low"
    again = replace(prepared, linked=Linked(frame, prepared.linked.schema), bands=bands)
    assert counts_of(missing_table(again))[0] == 12
    assert counts_of(cleared(missing_table(again)))[0] == "[c]"


@settings(max_examples=15, deadline=None)
@given(st.tuples(*[st.integers(0, 100)] * 3), st.tuples(*[st.integers(-2, 2)] * 3))
def test_the_picture_is_made_of_cleared_counts_and_of_nothing_else(gaps, shifts):
    """Counts that round alike, and are hidden alike, give one and the same picture."""
    rounded = [5 * round(gap / 5) for gap in gaps]
    moved = [min(max(base + shift, 0), 100) for base, shift in zip(rounded, shifts, strict=True)]
    labels = {band: band for band in BANDS}
    tables = [cleared(missing_table(with_gaps(tuple(one)))) for one in (rounded, moved)]
    pictures = [missing_figure(table, labels) for table in tables]
    if tables[0].frame.equals(tables[1].frame):
        assert pictures[0] == pictures[1]
    for table, picture in zip(tables, pictures, strict=True):
        printed = [gap for gap in counts_of(table) if gap not in ("[c]", "0")]
        # of a hundred rows in each band a count is its own percentage
        assert all(f"{gap}.0%" in picture.alt for gap in printed)
