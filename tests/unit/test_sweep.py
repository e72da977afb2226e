"""The sweep over least weights: what it works out, what may leave the room, and what it refuses."""

from pathlib import Path

import pytest
from test_report_invented import invented

from deepvalue_stats.bench.linkage_error import plant, with_ids
from deepvalue_stats.errors import LinkageError, ModelError
from deepvalue_stats.linkage import with_minimum
from deepvalue_stats.report import Page
from deepvalue_stats.study import prepare, run_study, sweep, sweeping

LENIENT, STRICT, NOBODY = 12.0, 17.0, 99.0
NO_SWEEP = "This study tries no other least weight for its links."


@pytest.fixture(scope="module")
def planted():
    return plant(3, practitioners=4)


@pytest.fixture(scope="module")
def prepared(planted):
    return prepare(planted.plan, folder=Path(), frames=planted.frames)


def trying(planted, minimums, profile):
    """The same study, with other weights to try and a profile of disclosure."""
    plan = planted.plan
    link = plan.links["outcomes"]
    table = link.table.model_copy(update={"try_also": minimums})
    disclosure = plan.disclosure.model_copy(update={"profile": profile})
    links = {**plan.links, "outcomes": link.model_copy(update={"table": table})}
    return plan.model_copy(update={"links": links, "disclosure": disclosure})


def test_each_minimum_has_a_line_for_all_and_for_each_band_and_the_bands_add_up(prepared):
    found = sweep(prepared, [STRICT, LENIENT, STRICT]).frame
    assert list(zip(found["minimum_weight"], found["group"], strict=True)) == [
        (minimum, group) for minimum in ("12", "17") for group in ("all", "low", "mid", "high")
    ]
    assert found["clients"].nunique() == 4, "who is studied does not hang on the weight"
    for _, lines in found.groupby("minimum_weight"):
        everybody, *bands = lines["with_record"]
        assert 0 < sum(bands) <= everybody
    assert (found["low"] < found["difference"]).all()
    assert (found["difference"] < found["high"]).all()


def test_a_line_is_what_the_study_itself_finds_with_that_minimum(planted, prepared):
    line = sweep(prepared, [STRICT]).frame.iloc[0]
    findings = run_study(with_minimum(planted.plan, "outcomes", STRICT), frames=planted.frames)
    effect = findings.effects.row(claim="C1")
    assert line["difference"] == pytest.approx(100 * effect["estimate"], rel=1e-9)
    assert line["high"] == pytest.approx(100 * effect["conf_high"], rel=1e-9)


def test_without_weights_named_those_of_the_plan_are_tried(prepared):
    assert list(dict.fromkeys(sweep(prepared).frame["minimum_weight"])) == ["12", "17", "20", "30"]


def test_a_minimum_that_nobody_reaches_leaves_no_effect_and_says_so(prepared):
    found = sweep(prepared, [NOBODY]).frame
    assert (found["with_record"] == 0).all()
    assert found["difference"].isna().all()
    assert set(found["doubt"]) == {"the model could not be fitted"}


def test_a_fit_that_fails_is_told_beside_its_weight_and_ends_nothing(prepared, monkeypatch):
    def refuses(*_args, **_more):
        raise ModelError("it does not converge", "main", "try another")

    monkeypatch.setattr(sweeping, "fit_model", refuses)
    found = sweep(prepared, [LENIENT]).frame
    assert set(found["doubt"]) == {"the model could not be fitted"}
    assert (found["with_record"] > 0).all()


def test_a_study_linked_by_key_has_no_weight_to_sweep(planted):
    whole = with_ids(planted)
    link = whole.plan.links["outcomes"].model_copy(update={"rule": "key", "table": None})
    plan = whole.plan.model_copy(update={"links": {"outcomes": link}})
    with pytest.raises(LinkageError) as refusal:
        sweep(sweeping.Prepared(plan, whole.data, whole.linked, whole.bands))
    assert str(refusal.value) == (
        "LinkageError: the primary outcome is not linked by a table of candidates\n"
        "  where: links\n"
        '  fix:   set rule = "table" and name the table, or link by key, which has no weight to try'
    )


def test_few_linked_records_are_hidden_with_the_effect_that_rests_on_them(planted, prepared):
    weights = prepared.typed["pairs"].frame["weight"]
    # few agree in a rare surname, the date of birth and the postcode
    rare = float(weights[weights >= 31.5].min())
    exact = sweep(prepared, [rare]).frame.set_index("group")
    assert 0 < exact.loc["low", "with_record"] < 10 <= exact.loc["all", "with_record"]
    assert exact["difference"].notna().all(), "else there were nothing to hide"
    findings = run_study(trying(planted, (STRICT, rare), "acro"), frames=planted.frames)
    shown = findings.counts["sweep"].frame
    shown = shown[shown["minimum_weight"] == f"{rare:g}"].set_index("group")
    for column in ("with_record", "share", "difference", "low", "high"):
        assert shown.loc["low", column] == "[c]", column
        assert shown.loc["all", column] != "[c]", column
    assert int(shown.loc["all", "with_record"]) % 5 == 0


def test_an_effect_that_the_study_itself_would_hide_is_hidden_in_the_sweep(planted, prepared):
    """Ten clients or more have a record, and fewer have the event while they are followed up."""
    weights = prepared.typed["pairs"].frame["weight"]
    rare = float(weights[weights >= 30.7].min())
    exact = sweep(prepared, [rare]).frame.set_index("group")
    assert exact.loc["low", "with_record"] >= 10
    assert exact["difference"].notna().all()
    plan = with_minimum(trying(planted, (), "acro"), "outcomes", rare)
    findings = run_study(plan, frames=planted.frames)
    row = findings.effects.row(model="main x confidence", contrast="sd", group="low")
    assert row["status"] == "suppressed"
    shown = findings.counts["sweep"].frame.set_index("group")
    assert shown.loc["low", "difference"] == "[c]"
    assert shown.loc["all", "difference"] != "[c]"


def test_the_technical_page_shows_the_sweep_or_says_that_there_is_none(planted):
    findings = run_study(trying(planted, (STRICT,), "open"), frames=planted.frames)
    shown = Page(findings).sweep().text
    assert "The effect with other least weights for a link" in shown
    assert "a higher minimum hides outcomes" in shown
    assert shown.count("<tr") == 1 + 2 * 4
    assert NO_SWEEP in Page(invented()).sweep().text
