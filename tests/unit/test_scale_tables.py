"""Tables on whether a scale deserves its name: what they say, and what leaves the room."""

import numpy as np
import pandas as pd
import pytest
from test_disclosure import ACRO, NOTHING, OPEN

from deepvalue_stats.disclosure import protect
from deepvalue_stats.measures import (
    Answers,
    Coefficient,
    dimension_tables,
    invariance_table,
    other_reliability_table,
    reliability_table,
)
from deepvalue_stats.measures.scale_tables import reliability_reading
from deepvalue_stats.plan.measure import Measure

BANDS = ("low", "high")


def measure(items, *, response_range=(1, 5), baseline=False, subscales=None, **more):
    return Measure(
        name="rapport",
        items=tuple(items),
        response_range=response_range,
        reversed_items=(),
        not_applicable=(),
        minimum_items=2,
        rater="client",
        baseline=baseline,
        absent_means="none",
        reference="",
        subscales=subscales or {},
        **more,
    )


def answered(rows=600, *, shift=0.0, items=6, seed=3, **more):
    """Answers of `rows` clients of 40 practitioners; those in the high band answer q2 higher."""
    rng = np.random.default_rng(seed)
    low, high = more.get("response_range", (1, 5))
    person = rng.normal(size=(rows, 1))
    seen = 0.8 * person + 0.6 * rng.normal(size=(rows, items)) + (low + high) / 2
    in_high = np.arange(rows) % 2 == 1
    seen[in_high, 1] += shift
    frame = pd.DataFrame(np.clip(np.round(seen), low, high), columns=range(items))
    frame["client"] = [f"c{i}" for i in range(rows)]
    frame["practitioner"] = [f"p{i % 40}" for i in range(rows)]
    frame["score"] = frame[list(range(items))].mean(axis=1)
    frame["time"], frame["counted"] = 1.0, True
    names = [f"q{i + 1}" for i in range(items)]
    band = pd.Categorical(np.where(in_high, "high", "low"), categories=BANDS, ordered=True)
    bands = pd.Series(band, index=frame["client"])
    return Answers(measure(names, **more), frame, "named"), bands


def cleared(table, rules=OPEN):
    return protect(rules, effects=NOTHING, counts=(table,), series=())[0].counts[0].frame


def rows_of(table, **where):
    frame = table.frame
    for name, value in where.items():
        frame = frame[frame[name] == value]
    return frame


def test_reliability_is_told_for_all_and_for_each_band():
    one, bands = answered()
    table = reliability_table((one,), bands)
    assert list(table.frame["group"]) == ["all", "low", "high"]
    assert list(table.frame["complete"]) == [600, 300, 300]
    assert list(table.evidence["complete"]) == [600, 300, 300]
    row = table.frame.iloc[0]
    assert row["low"] < row["alpha"] < row["high"]
    assert row["omega_low"] < row["omega"] < row["omega_high"]


def test_confidence_is_not_split_by_its_own_bands():
    one, bands = answered(baseline=True)
    assert list(reliability_table((one,), bands).frame["group"]) == ["all"]


@pytest.mark.parametrize(
    ("alpha", "omega", "items", "reading"),
    [
        (0.95, 0.95, 6, "good enough for comparing groups and for speaking of single persons"),
        (0.95, 0.89, 6, "good enough for comparing groups, not for speaking of single persons"),
        (0.69, 0.70, 6, "good enough for comparing groups, not for speaking of single persons"),
        (0.75, 0.69, 6, "doubtful even for comparing groups"),
        (0.75, None, 2, "good enough for comparing groups, not for speaking of single persons"),
        (0.60, None, 6, "doubtful even for comparing groups; no omega: a reason"),
        (-0.1, 0.4, 6, "the items contradict each other: look for one that was not turned round"),
        (None, None, 6, "not computable: another"),
    ],
)
def test_readings_of_reliability(alpha, omega, items, reading):
    def given(value, why):
        return Coefficient(np.nan if value is None else value, 0, 1, "" if value else why)

    assert reliability_reading(given(alpha, "another"), given(omega, "a reason"), items) == reading


def test_ordinal_coefficients_or_why_there_are_none():
    one, _ = answered()
    frame = other_reliability_table((one,)).frame.set_index("coefficient")
    named = frame.loc["omega of ordinal items (Green and Yang)"]
    assert named["low"] < named["value"] < named["high"]
    shared = frame.loc["omega hierarchical: what all subscales share"]
    assert (np.isnan(shared["value"]), shared["why"]) == (
        True,
        "three subscales of three items are needed",
    )


def test_subscales_are_tried_beside_one_factor():
    halves = {"bond": ("q1", "q2", "q3"), "task": ("q4", "q5", "q6")}
    one, _ = answered(subscales=halves)
    dimensions, loadings = dimension_tables((one,))
    assert list(dimensions.frame["structure"]) == ["one factor", "2 factors"]
    assert dimensions.frame.iloc[0]["reading"] == "fits well"
    said = dimensions.frame.iloc[1]["reading"]
    assert said.startswith("fits well; subscales correlate ")
    assert said.endswith(": hardly worth scores of their own")
    assert list(loadings.frame["item"]) == list(one.measure.items)
    assert (loadings.frame["low"] < loadings.frame["loading"]).all()
    assert loadings.frame["loading"].between(0.7, 0.85).all()


def test_a_bifactor_model_is_tried_with_three_subscales_of_three():
    names = [f"q{i}" for i in range(1, 10)]
    thirds = {"bond": names[:3], "goal": names[3:6], "task": names[6:]}
    one, _ = answered(items=9, subscales={k: tuple(v) for k, v in thirds.items()})
    dimensions, _ = dimension_tables((one,))
    assert list(dimensions.frame["structure"]) == ["one factor", "3 factors", "bifactor"]


def test_few_categories_are_taken_as_ordinal():
    one, bands = answered(response_range=(1, 4))
    dimensions, _ = dimension_tables((one,))
    assert set(dimensions.frame["estimator"]) == {"weighted least squares"}
    table, _ = invariance_table((one,), {"confidence": bands})
    assert "thresholds" in set(table.frame["step"])


def test_groups_that_read_alike_may_be_compared():
    one, bands = answered(rows=1000)
    table, comparable = invariance_table((one,), {"confidence": bands})
    assert comparable == {("rapport", "confidence"): "means"}
    assert list(table.frame["step"])[:3] == ["configural", "metric", "scalar"]
    assert set(table.frame["groups"]) == {"low, high"}
    assert set(table.frame["reading"]) == {
        "The scale works alike in all groups: slopes and means may be compared."
    }


def test_an_item_that_differs_is_named():
    one, bands = answered(rows=1000, shift=0.6)
    table, comparable = invariance_table((one,), {"confidence": bands})
    assert comparable == {("rapport", "confidence"): "means"}
    scalar = rows_of(table, step="scalar").iloc[0]
    assert (scalar["verdict"], scalar["set_free"]) == ("holds in part", "q2")
    assert scalar["reading"] == (
        "q2 differs between groups; the other items work alike, and with these set free slopes and "
        "means may be compared."
    )


def test_groups_that_are_too_small_are_refused_in_the_table():
    one, bands = answered(rows=180)
    table, comparable = invariance_table((one,), {"confidence": bands})
    assert comparable == {("rapport", "confidence"): "not_known"}
    (row,) = table.frame.to_dict("records")
    assert row["verdict"] == "not known"
    assert row["reading"] == ("refused: fewer than two groups have 100 complete questionnaires")


def test_a_baseline_measure_is_not_compared_between_bands_cut_from_it():
    one, bands = answered(baseline=True)
    table, comparable = invariance_table((one,), {"confidence": bands})
    assert (len(table.frame), comparable) == (0, {})


def test_with_few_clients_nothing_but_names_leaves_the_room():
    one, bands = answered(rows=12)
    table = cleared(reliability_table((one,), bands), ACRO)
    hidden = table[table["group"] == "low"].iloc[0]
    assert {hidden[name] for name in ("complete", "alpha", "omega", "reading")} == {"[c]"}
    assert table[table["group"] == "all"].iloc[0]["alpha"] != "[c]"


def test_no_client_or_practitioner_is_named():
    one, bands = answered()
    tables = (
        reliability_table((one,), bands),
        other_reliability_table((one,)),
        *dimension_tables((one,)),
        invariance_table((one,), {"confidence": bands})[0],
    )
    ids = set(one.frame["client"]) | set(one.frame["practitioner"])
    for table in tables:
        assert not ids & {str(cell) for cell in table.frame.to_numpy().ravel()}
        assert len(table.evidence) == len(table.frame)
