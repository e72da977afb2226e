"""The three synthetic services: planted faults are caught and counted, planted effects found.

The truth is in the file beside the data, written by the generator and by nothing that fits.
"""

import json
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import tomli_w
from bs4 import BeautifulSoup

from deepvalue_stats.errors import DataError
from deepvalue_stats.linkage import model_rows
from deepvalue_stats.plan import parse_plan, read_plan
from deepvalue_stats.report import Page
from deepvalue_stats.simulate import AREAS, analysis_table, draw_service
from deepvalue_stats.simulate.extracts import extracts
from deepvalue_stats.simulate.worked import worked_service
from deepvalue_stats.study import prepare, run_study

ROOT = Path(__file__).parents[2]
NOT_A_DATE = "not a date in the declared formats"
NOT_AN_ITEM = "not a whole number from 1 to 5"

# source, how the package words it, and how many rows each planted one makes
CAUGHT = {
    "repeated_rows": ("ratings", "row repeated exactly", 1),
    # neither of two rows with one id can be trusted: both leave
    "duplicated_rating_ids": ("ratings", "key (rating_id) occurs more than once", 2),
    "date_typos": ("ratings", NOT_A_DATE, 1),
    "items_out_of_range": ("ratings", NOT_AN_ITEM, 1),
    "lost_leading_zeros_ratings": ("ratings", "leading zeros restored", 1),
    "lost_leading_zeros_outcomes": ("outcomes", "leading zeros restored", 1),
    "suppressed": ("clients", "suppressed by the data owner", 1),
    "ratings_after_outcome": ("ratings", "rated on or after the outcome", 1),
}
# read as they are meant, without a word, because the plan says how
READ = {"dates_day_first", "missing_tokens"}
# in a column that the plan does not use
UNREAD = {"accents"}


def plan_path(area):
    return ROOT / f"analyses/synthetic_{area}/plan.toml"


def as_tables(area):
    """The worked plan as tables that may stand anywhere."""
    raw = tomllib.loads(plan_path(area).read_text(encoding="utf-8"))
    for name, source in raw["sources"].items():
        source["path"] = str(ROOT / f"synthetic_data/{area}/{name}.csv")
    return raw


@pytest.fixture(scope="module", params=AREAS)
def area(request):
    return request.param


@pytest.fixture(scope="module")
def truth(area):
    path = ROOT / f"synthetic_data/{area}/truth.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def planted(truth, area):
    return truth["extracts"][area]["planted_faults"]


@pytest.fixture(scope="module")
def prepared(area):
    path = plan_path(area)
    return prepare(read_plan(path), folder=path.parent)


@pytest.fixture(scope="module")
def clean(area):
    """The same service read from extracts without faults."""
    path = plan_path(area)
    return prepare(read_plan(path), folder=path.parent, frames=clean_frames(area))


@pytest.fixture(scope="module")
def findings(area):
    return run_study(plan_path(area))


def clean_frames(area):
    """The extracts that the plan reads, without faults."""
    frames = extracts(worked_service(area), faults=False).frames[area]
    return {name: frames[name] for name in read_plan(plan_path(area)).sources}


def found(prepared, source, beginning):
    """How often a problem was met in a source, over its columns."""
    everything = [p for data in prepared.data.values() for p in data.problems]
    everything += prepared.linked.problems
    fit = [p for p in everything if p.source == source and p.what.startswith(beginning)]
    assert fit, f"no problem of '{source}' begins with {beginning}"
    return sum(problem.count for problem in fit)


# --- faults --------------------------------------------------------------------------------------


def test_every_kind_of_planted_fault_has_a_test(planted):
    assert set(CAUGHT) | READ | UNREAD == set(planted)


@pytest.mark.parametrize("kind", CAUGHT)
def test_a_planted_fault_is_caught_as_often_as_it_was_planted(prepared, planted, kind):
    source, words, rows_each = CAUGHT[kind]
    assert found(prepared, source, words) == rows_each * planted[kind]


def test_nothing_is_caught_that_was_not_planted(prepared):
    everything = [p for data in prepared.data.values() for p in data.problems]
    words = [words for _, words, _ in CAUGHT.values()]
    strange = [
        p for p in (*everything, *prepared.linked.problems) if not p.what.startswith(tuple(words))
    ]
    assert [p for p in strange if p.action != "noted"] == []


def test_a_form_of_date_that_the_plan_does_not_declare_is_a_fault(area, planted):
    raw = as_tables(area)
    raw["reading"]["dates"] = ["%Y-%m-%d"]
    one_form = prepare(parse_plan(raw), folder=Path())
    wrong = planted["date_typos"] + planted["dates_day_first"]
    assert found(one_form, "ratings", NOT_A_DATE) == wrong


def test_a_missing_token_that_the_plan_does_not_declare_is_a_fault(area, planted):
    raw = as_tables(area)
    raw["reading"]["missing"] = [""]
    no_tokens = prepare(parse_plan(raw), folder=Path())
    wrong = planted["items_out_of_range"] + planted["missing_tokens"]
    assert found(no_tokens, "ratings", NOT_AN_ITEM) == wrong


def test_what_stays_of_the_ratings_is_what_the_clean_file_says(prepared, clean):
    """Dates of both forms, tokens and restored zeros all mean what they meant before."""
    dirty = prepared.data["ratings"].frame.drop(columns="line").set_index("rating_id")
    whole = clean.data["ratings"].frame.drop(columns="line").set_index("rating_id")
    both = dirty.index.intersection(whole.index)
    assert len(both) > 0.98 * len(whole)
    pd.testing.assert_frame_equal(dirty.loc[both], whole.loc[both])


def test_faulty_rows_leave_their_source_and_repaired_ones_stay(prepared, planted, truth, area):
    ratings, rows = prepared.data["ratings"], truth["extracts"][area]["rows"]
    gone = planted["repeated_rows"] + 2 * planted["duplicated_rating_ids"]
    gone += planted["date_typos"] + planted["items_out_of_range"]
    assert ratings.attrition[0].rows == rows["ratings"]
    assert len(ratings.frame) == rows["ratings"] - gone
    assert ratings.frame["client_id"].str.len().eq(8).all()
    for name in ("outcomes", "contacts", "clients"):
        assert len(prepared.data[name].frame) == rows[name]


def test_a_plan_that_refuses_faults_stops_with_all_of_them_in_one_message(area, planted, tmp_path):
    raw = as_tables(area)
    raw["reading"]["on_fault"] = "refuse"
    path = tmp_path / "plan.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    with pytest.raises(DataError) as refusal:
        run_study(path, output=tmp_path / "out")
    assert refusal.value.exit_code == 11
    told = {}
    for fault in refusal.value.faults:
        what, rows = re.fullmatch(r"(.*): (\d+) rows?", fault.what).groups()
        told[what] = int(rows)
    assert told == {
        "row repeated exactly": planted["repeated_rows"],
        "key (rating_id) occurs more than once": 2 * planted["duplicated_rating_ids"],
        NOT_A_DATE: planted["date_typos"],
        NOT_AN_ITEM: planted["items_out_of_range"],
    }
    for what in told:
        assert what in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_clean_extracts_are_not_refused(area):
    raw = as_tables(area)
    raw["reading"]["on_fault"] = "refuse"
    read = prepare(parse_plan(raw), folder=Path(), frames=clean_frames(area))
    assert not any(data.problems for data in read.data.values())


@pytest.mark.parametrize(
    ("area", "name", "encoding"), [("debt", "clients", "cp1252"), ("health", "outcomes", "utf-8")]
)
def test_files_as_a_spreadsheet_saves_them_are_recognised(area, name, encoding):
    path = plan_path(area)
    notes = prepare(read_plan(path), folder=path.parent).notes
    (note,) = [note for note in notes if note.startswith(f"{name}: csv, ")]
    assert note.endswith(f", encoding {encoding} (recognised), delimiter ';' (recognised)")


# --- the cohort ----------------------------------------------------------------------------------


def test_the_flow_adds_up_from_all_clients_to_the_rows_of_the_model(prepared, truth):
    flow = prepared.flow.frame
    assert flow["rows"].iloc[0] == truth["sample"]["clients_in_extracts"]
    assert flow["practitioners"].iloc[0] == truth["sample"]["practitioners"]
    assert (flow["rows"].shift(1)[1:] == (flow["left"] + flow["rows"])[1:]).all()
    bands = [name for name in flow if name.startswith("left_")]
    assert (flow[bands].sum(axis=1) == flow["left"]).all()


def test_without_faults_the_cohort_is_the_generators_own_count(clean, truth, area):
    plan, service = clean.plan, worked_service(area)
    table = analysis_table(draw_service(service.parameters, truth["seed"]))
    mine = table[table["consented"] & table["at_risk"] & table["complete"] & table["rated"]]
    rows = model_rows(plan, plan.models["main"], clean.linked).frame
    assert len(rows) == len(mine)
    assert rows[plan.models["main"].outcome].sum() == mine["outcome"].sum()
    # the truth leaves out who had the outcome before the landmark, found by the link or not
    counted = truth["sample"]["clients_analysed"]["rated"]
    assert counted <= len(rows) <= counted + truth["sample"]["outcomes_not_linked"]
    summary = truth["sample"]["summary"]["rated"]
    assert rows["relationship"].std() == pytest.approx(summary["score_sd"], rel=0.02)


def test_an_outcome_row_without_its_first_date_is_no_event():
    """Health: a course may be completed by somebody who did not quit."""
    prepared = prepare(read_plan(plan_path("health")), folder=plan_path("health").parent)
    outcomes = prepared.data["outcomes"].frame
    undated = outcomes.loc[outcomes["quit_on"].isna(), "client_id"]
    rows = prepared.linked.frame.set_index("client")
    rows = rows.loc[rows.index.intersection(pd.Index(undated))]
    known = rows[rows["quit"].notna()]
    assert len(known) > 100
    assert (known["quit"] == 0).all()
    assert (known["course_completed"].dropna() == 1).any()


# --- effects -------------------------------------------------------------------------------------


def test_the_planted_effects_lie_within_three_standard_errors(findings, truth):
    """One draw an area, with a seed that nobody chose for it: coverage is the scoreboard's matter.

    Of fifteen 95% intervals one would be expected to miss.
    """
    estimands = truth["superpopulation"]["estimands"]["rated"]["per_sd_score"]
    groups = {
        "overall": ("main", "all"),
        "low": ("main x confidence", "low"),
        "mid": ("main x confidence", "mid"),
        "high": ("main x confidence", "high"),
        "low_minus_high": ("main x confidence", "low minus high"),
    }
    assert set(groups) == set(estimands)
    for name, (model, group) in groups.items():
        row = findings.effects.row(model=model, group=group, contrast="sd", scale="risk_difference")
        assert abs(row["estimate"] - estimands[name]) < 3 * row["std_error"], name


def test_the_parts_within_and_between_practitioners_are_both_estimated(findings, area):
    rows = [
        findings.effects.row(
            model="split", exposure=f"relationship_{part}", contrast="sd", scale="risk_difference"
        )
        for part in ("within", "between")
    ]
    assert [row["status"] for row in rows] == ["ok", "ok"]
    # less the intercept, the part itself and, where there is one, the sanction rate
    assert rows[1]["dof"] == 120 - (3 if AREAS[area].sanctions else 2)


def test_the_marginal_model_agrees_with_the_multilevel_one(findings):
    rows = [
        findings.effects.row(model=name, group="all", contrast="sd", scale="risk_difference")
        for name in ("main", "gee")
    ]
    assert abs(rows[0]["estimate"] - rows[1]["estimate"]) < 0.25 * rows[1]["std_error"]


def test_the_planted_effect_is_found_and_dated_before_the_outcome(findings):
    c1 = findings.verdicts[0]
    assert (c1.answer, c1.verb) == ("supported", "is followed by")
    gates = {gate.name: gate.outcome for gate in c1.gates}
    assert (gates["timing"], gates["same_rater"], gates["assignment"]) == ("pass", "pass", "cap")


OTHERS = {
    "employment": ("Months out", "recent", "long"),
    "debt": ("Creditors", "few", "many"),
    "health": ("Cigarettes a day", "light", "heavy"),
}


def words_of(part):
    return " ".join(BeautifulSoup(part._repr_html_(), "html.parser").get_text(" ").split())


def test_the_page_compares_other_attributes_and_draws_what_bands_hide(findings, area):
    page = Page(findings)
    name, reference, other = OTHERS[area]
    told = words_of(page.attributes())
    assert f"{name}: difference per 100 for one standard deviation" in told
    assert f"{other.capitalize()} minus {reference}" in told
    assert f"{reference.capitalize()} minus {other}: who gets the relationships" in told
    assert "Slope index of inequality" in words_of(page.inequality())
    assert "by confidence score" in words_of(page.surface())
    told = words_of(page.shape())
    assert "restricted cubic spline" in told
    assert "likeliest point at which the slope changes" in told
    # the bands' own tables are not mixed with those of other attributes
    assert words_of(page.gap()).count("The gap in outcomes") == 1
    assert words_of(page.interaction()).count("Synergy index") == 1


def picture_of(part):
    """The words of a part's picture; none where a reason stands instead."""
    image = BeautifulSoup(part._repr_html_(), "html.parser").img
    return image["alt"] if image else ""


def test_every_picture_of_the_technical_report_is_drawn_or_a_reason_stands_there(findings, area):
    page = Page(findings)
    assert "confidence: " in picture_of(page.balance())
    assert "Nobody is weighted or matched" in words_of(page.balance())
    assert "relationship: low confidence " in picture_of(page.missing())
    scales = picture_of(page.scales())
    for group in ("all clients", "low confidence", "mid confidence", "high confidence"):
        assert f"{group}: " in scales
    ways = picture_of(page.specifications())
    assert "the main model, multilevel, all covariates: " in ways
    assert "multilevel, without confidence: " in ways
    assert "logit, no covariates: " in ways
    for drawn in (page.flow_figure(), page.forest(), page.predicted_figure(), page.shape()):
        assert picture_of(drawn)
    # of the three services one shows no difference between its practitioners
    ranked = page.practitioner_effects()
    if area == "employment":
        assert words_of(ranked).startswith("The model detects no difference between practitioners")
    else:
        assert picture_of(ranked).startswith("Caterpillar plot of groups of practitioners")
    waited = page.waiting()
    assert picture_of(waited) or "no model of the time" in words_of(waited)


def test_the_main_way_of_the_curve_is_the_main_effect_and_the_planted_bias_shows(findings):
    ways = findings.counts["specifications"].frame
    main = ways[ways["main"] == "yes"]
    row = findings.effects.row(model="main", group="all", contrast="sd", scale="risk_difference")
    assert float(main["difference"].iloc[0]) == pytest.approx(100 * row["estimate"], rel=0.005)
    # confidence makes for good ratings and good outcomes: without it the difference is larger
    bare = ways.set_index("covariates").loc["without confidence", "difference"]
    assert float(bare) > float(main["difference"].iloc[0])


def test_groups_of_practitioners_hold_ten_at_least_and_no_name(findings, area):
    found = findings.counts["practitioner_effects"]
    assert found.frame.empty == (area == "employment")
    assert (found.frame["practitioners"].astype("int64") >= 10).all()
    assert found.frame["group"].str.fullmatch(r"\d+ of \d+").all()


def test_the_second_definition_has_an_effect_of_its_own(findings, area):
    name = {"employment": "sustained", "debt": "resolved", "health": "completed"}[area]
    row = findings.effects.row(model=name, group="all", contrast="sd", scale="risk_difference")
    assert row["status"] == "ok"
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_effects_by_band_and_for_all_have_one_unit_where_some_clients_have_no_band(area):
    """A third of the clients without a confidence score, and they are in the effect for all."""
    raw = as_tables(area)
    raw["models"]["main"]["covariates"] = ["age"]
    raw["models"] = {"main": raw["models"]["main"]}
    raw["clock"]["follow_up"]["incomplete"] = "exclude"
    frames = clean_frames(area)
    clients = frames["clients"].copy()
    clients.loc[::3, ["c01", "c02", "c03", "c04"]] = ""
    effects = run_study(parse_plan(raw), frames={**frames, "clients": clients}).effects
    per_sd = effects.where(contrast="sd", scale="risk_difference").frame
    assert set(per_sd["group"]) > {"all", "low", "low minus high"}
    assert per_sd["estimand"].str.extract(r"(\(.* points\))")[0].nunique() == 1
