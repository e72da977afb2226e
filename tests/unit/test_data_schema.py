"""What a column is follows from its uses; a name that no source has, or several, is refused."""

import tomllib

import pytest
from extract_plans import dates_tables

from deepvalue_stats.data import Column, Dataset, compile_schemas, locate
from deepvalue_stats.errors import PlanError
from deepvalue_stats.plan import parse_plan

PLAN = """
ids.client.pad_to = 6
measures.trust.items = ["q1", "q2"]
measures.confidence.items = ["contacts.c1"]
outcomes.job.end = "jobs.end"
[sources]
ratings = { path = "r.csv", format = "csv", key = ["rating"] }
contacts = { path = "c.csv", format = "csv", key = ["client", "met_on"] }
jobs = { path = "j.csv", format = "csv", key = ["client", "start"] }
[clock]
episodes.source = "contacts"
exposure.date = "rated_on"
follow_up.censor = ["jobs.seen_to"]
[covariates]
age = { column = "age", type = "number", at = "baseline" }
sanction = { column = "sanction", type = "share", at = "practitioner" }
"""

HEADERS = {
    "ratings": ("rating", "client", "rated_on", "q1", "q2", "unused"),
    "contacts": ("client", "met_on", "adviser", "c1", "age", "sanction"),
    "jobs": ("client", "start", "end", "seen_to"),
}

WAVES = """
clock = { kind = "waves", design = "same_wave", wave = "wave", baseline = 0 }
sources.visits = { path = "v.csv", format = "csv", key = ["client", "wave"] }
ids = { client = { column = "client" }, pseudonyms = "none" }
[outcomes.well]
kind = "status"
any_of = { column = "q1", values = [4, 5] }
undocumented = [8]
reported_by = "client"
[measures.confidence]
items = ["q2"]
range = [1, 5]
minimum_items = 1
rater = "client"
at = "baseline"
[covariates]
wave = { column = "wave", type = "category" }
"""


def dated(**changes):
    return parse_plan(dates_tables(PLAN) | changes)


def waved(**changes):
    """One source with waves, in place of three with dates."""
    raw = {key: value for key, value in dates_tables(PLAN).items() if key != "links"}
    waves = tomllib.loads(WAVES)
    measures = raw["measures"] | waves.pop("measures")
    model = raw["models"]["main"] | {"outcome": "well", "groups": ["client"]}
    return parse_plan(raw | {"measures": measures, "models": {"main": model}} | waves | changes)


def refusal(plan, headers):
    with pytest.raises(PlanError) as caught:
        compile_schemas(plan, headers)
    return str(caught.value)


def described(schema):
    return {one.name: (one.dtype, one.role) for one in schema.columns}


def test_a_type_follows_from_the_use():
    schemas = compile_schemas(dated(), HEADERS)
    assert described(schemas["ratings"]) == {
        "rating": ("id", "key"),
        "client": ("id", "client"),
        "rated_on": ("date", "clock"),
        "q1": ("item", "item"),
        "q2": ("item", "item"),
    }
    assert described(schemas["contacts"]) == {
        "client": ("id", "client"),
        "met_on": ("date", "clock"),
        "adviser": ("id", "practitioner"),
        "c1": ("item", "item"),
        "age": ("number", "covariate"),
        "sanction": ("number", "covariate"),
    }
    assert described(schemas["jobs"]) == {
        "client": ("id", "client"),
        "start": ("date", "clock"),
        "end": ("date", "clock"),
        "seen_to": ("date", "clock"),
    }
    assert schemas["jobs"].key == ("client", "start")


def test_constraints_come_with_the_use():
    schemas = compile_schemas(dated(), HEADERS)
    assert schemas["ratings"].column("q1") == Column(
        "q1", "item", "item", "ratings", lowest=1, highest=5, set_missing=(9,)
    )
    assert schemas["ratings"].column("client").pad_to == 6
    sanction = schemas["contacts"].column("sanction")
    assert (sanction.lowest, sanction.highest) == (0, 1)


def test_uses_that_go_together_make_one_column():
    plan = waved()
    schema = compile_schemas(plan, {"visits": ("client", "wave", "q1", "q2")})["visits"]
    assert described(schema) == {
        "client": ("id", "client"),
        "wave": ("wave", "clock"),
        "q1": ("item", "item"),
        "q2": ("item", "item"),
    }
    assert schema.column("q1").set_missing == (9, 8)


@pytest.mark.parametrize(
    ("column", "kind", "dtype"),
    [
        ("client", "category", "id"),
        ("wave", "number", "wave"),
        ("q1", "category", "item"),
        ("q1", "number", "item"),
    ],
)
def test_the_stricter_of_two_types_is_taken(column, kind, dtype):
    plan = waved(covariates={"x": {"column": column, "type": kind}})
    schema = compile_schemas(plan, {"visits": ("client", "wave", "q1", "q2")})["visits"]
    assert schema.column(column).dtype == dtype


def test_a_number_that_is_a_category_as_well_is_a_number():
    both = {
        "a": {"column": "grade", "type": "category"},
        "b": {"column": "grade", "type": "number"},
    }
    headers = {"visits": ("client", "wave", "q1", "q2", "grade")}
    schema = compile_schemas(waved(covariates=both), headers)["visits"]
    assert schema.column("grade").dtype == "number"


def test_columns_that_no_source_has_come_all_at_once():
    headers = HEADERS | {
        "ratings": ("rating", "client", "rated_at", "q1", "q02"),
        "jobs": ("client", "started", "end"),
    }
    assert refusal(dated(), headers) == (
        "PlanError: 5 problems\n"
        "1. measure 'trust' uses item 'q2', which no source has\n"
        "     where: measures.trust.items[1]\n"
        "     fix:   did you mean 'q02'? If not, correct the name, or add 'q2' to a source\n"
        "2. the clock uses date 'rated_on', which no source has\n"
        "     where: clock.exposure.date\n"
        "     fix:   did you mean 'rated_at'? If not, correct the name, "
        "or add 'rated_on' to a source\n"
        "3. the clock uses date 'seen_to', which source 'jobs' does not have\n"
        "     where: clock.follow_up.censor[0]\n"
        "     fix:   correct the name, or add 'seen_to' to the source\n"
        "4. the clock uses date 'start', which source 'jobs' does not have\n"
        "     where: outcomes.job.date\n"
        "     fix:   did you mean 'started'? If not, correct the name, "
        "or add 'start' to the source\n"
        "5. the key of 'jobs' has 'start', which source 'jobs' does not have\n"
        "     where: sources.jobs.key[1]\n"
        "     fix:   did you mean 'started'? If not, correct the name, "
        "or add 'start' to the source"
    )


def test_a_header_in_other_letters_is_probably_meant():
    assert refusal(waved(), {"visits": ("client", "wave", "q1", "Q2")}) == (
        "PlanError: 2 problems\n"
        "1. measure 'trust' uses item 'q2', which source 'visits' does not have\n"
        "     where: measures.trust.items[1]\n"
        "     fix:   did you mean 'Q2'? If not, correct the name, or add 'q2' to the source\n"
        "2. measure 'confidence' uses item 'q2', which source 'visits' does not have\n"
        "     where: measures.confidence.items[0]\n"
        "     fix:   did you mean 'Q2'? If not, correct the name, or add 'q2' to the source"
    )


def test_headers_that_are_not_near_are_not_shown():
    said = refusal(dated(), HEADERS | {"contacts": ("Ann Hall", "1999-01-01", "client", "age")})
    assert "Ann" not in said
    assert "1999" not in said


def test_a_column_that_two_sources_have_needs_its_source():
    headers = HEADERS | {"jobs": (*HEADERS["jobs"], "age")}
    assert refusal(dated(), headers) == (
        "PlanError: covariate 'age' uses column 'age', which the sources contacts, jobs all have\n"
        "  where: covariates.age.column\n"
        "  fix:   write 'contacts.age' or 'jobs.age'"
    )


def test_ids_are_read_wherever_they_stand():
    headers = HEADERS | {"ratings": (*HEADERS["ratings"], "adviser")}
    schemas = compile_schemas(dated(), headers)
    assert schemas["ratings"].column("adviser").role == "practitioner"
    assert schemas["contacts"].column("adviser").role == "practitioner"


def test_every_source_has_the_client():
    headers = HEADERS | {"ratings": ("rating", "clientid", "rated_on", "q1", "q2")}
    assert refusal(dated(), headers) == (
        "PlanError: the client's id is 'client', which source 'ratings' does not have\n"
        "  where: ids.client.column\n"
        "  fix:   did you mean 'clientid'? If not, correct the name, or add 'client' to the source"
    )


def test_a_practitioner_that_no_source_has_is_refused():
    contacts = [name for name in HEADERS["contacts"] if name != "adviser"]
    assert refusal(dated(), HEADERS | {"contacts": contacts}).startswith(
        "PlanError: the practitioner's id is 'adviser', which no source has\n"
    )


def test_uses_that_contradict_one_another_are_refused():
    plan = waved(covariates={"x": {"column": "client", "type": "number"}})
    assert refusal(plan, {"visits": ("client", "wave", "q1", "q2")}) == (
        "PlanError: column 'client' of source 'visits' is read as an identifier and as a number\n"
        "  where: ids.client.column and covariates.x.column\n"
        "  fix:   name another column in one of the two"
    )


def test_an_item_with_two_ranges_is_refused():
    measures = dates_tables(PLAN)["measures"]
    measures["confidence"] |= {"items": ["q1"]}
    assert refusal(waved(measures=measures), {"visits": ("client", "wave", "q1", "q2")}) == (
        "PlanError: column 'q1' of source 'visits' is read as an item in two ways\n"
        "  where: measures.trust.items[0] and measures.confidence.items[0]\n"
        "  fix:   name another column in one of the two"
    )


def test_one_column_cannot_be_two_people():
    ids = {"client": {"column": "c"}, "practitioner": {"column": "c"}, "pseudonyms": "none"}
    plan = waved(ids=ids, sources={"v": {"path": "v", "format": "csv", "key": ["c", "wave"]}})
    assert "is read as an identifier in two ways" in refusal(plan, {"v": ("c", "wave", "q1", "q2")})


def test_the_name_of_the_line_number_is_taken():
    plan = waved(covariates={"x": {"column": "line", "type": "number"}})
    assert refusal(plan, {"visits": ("client", "wave", "q1", "q2", "line")}) == (
        "PlanError: source 'visits' has a column 'line', a name of the package's own\n"
        "  where: covariates.x.column\n"
        "  fix:   rename it in the file and in the plan"
    )


def test_a_column_is_located_in_its_source():
    schemas = compile_schemas(dated(), HEADERS)
    assert locate("q1", schemas) == ("ratings", "q1")
    assert locate("contacts.c1", schemas) == ("contacts", "c1")
    data = {name: Dataset(frame=None, schema=schema) for name, schema in schemas.items()}
    assert locate("jobs.start", data) == ("jobs", "start")


@pytest.mark.parametrize(
    ("column", "what"),
    [
        ("client", "the sources ratings, contacts, jobs have the column 'client'"),
        ("jobs.q1", "no source has the column 'q1'"),
        ("no.q1", "no source has the column 'no.q1'"),
    ],
)
def test_a_column_in_no_source_or_in_several_is_not_located(column, what):
    with pytest.raises(PlanError) as caught:
        locate(column, compile_schemas(dated(), HEADERS))
    assert caught.value.faults[0].what == what
