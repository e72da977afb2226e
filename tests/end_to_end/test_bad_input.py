"""Bad input as a new user would try it: told what, where and how to mend it, and nothing written.

Every test takes a small sound study, damages one thing, and runs it from the command line.
"""

import csv
import re
from datetime import date

import pytest

PLAN, DATA, LINKAGE, MODEL = 10, 11, 12, 13
SECRET = "Q7-Aloysius-Pemberton"


@pytest.fixture
def strict(study):
    """The study with every fault refused."""
    replaced(study, 'on_fault = "exclude"', 'on_fault = "refuse"')
    return study


def replaced(study, old, new):
    path = study / "plan.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def rows_of(study, name):
    with (study / f"data/{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(study, name, rows, header=None):
    with (study / f"data/{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header or list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def edited(study, name, change, first=None):
    """Change the rows of one extract, or the first few of them."""
    rows = rows_of(study, name)
    for row in rows[:first]:
        row.update(change(row) if callable(change) else change)
    write_rows(study, name, rows)


@pytest.fixture
def refused(deepvalue, tmp_path):
    """Run a study that must be refused; gives the message."""

    def run(study, code):
        output = tmp_path / "reports"
        before = sorted(path for path in tmp_path.rglob("*") if "study" not in path.parts)
        ended, out, err = deepvalue("run", study / "plan.toml", "--no-pages", "-o", output)
        message = re.sub(r"(?s).*?((Plan|Data|Linkage|Model)Error:)", r"\1", err, count=1)
        assert ended == code, err
        assert "Traceback" not in err
        assert out == ""
        assert re.search(r"\n +where: \S", message)
        assert re.search(r"\n +fix:   \S", message)
        left = sorted(path for path in tmp_path.rglob("*") if "study" not in path.parts)
        assert left == before  # not a file, not a folder, nothing hidden
        return message.replace(f"{study}/", "").rstrip("\n")

    return run


# --- sound input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["exclude", "refuse"])
def test_the_undamaged_study_runs(study, deepvalue, tmp_path, rule):
    replaced(study, 'on_fault = "exclude"', f'on_fault = "{rule}"')
    code, out, _ = deepvalue("run", study / "plan.toml", "--no-pages", "-o", tmp_path / "reports")
    assert code == 0
    assert out.startswith("C1 ")
    assert (tmp_path / "reports/findings/effects.csv").is_file()


# --- the plan ------------------------------------------------------------------------------------


def test_no_plan_there(study, refused):
    (study / "plan.toml").rename(study / "paln.toml")
    assert refused(study, PLAN).startswith("PlanError: there is no plan file here\n")


def test_a_plan_with_five_mistakes_is_told_in_one_go(study, refused):
    replaced(study, 'status = "synthetic"', 'statsu = "synthetic"')
    replaced(study, "minimum_items = 2", "minimum_items = 20")
    replaced(study, 'from = ["index", 91]', 'from = ["index", 30]')
    replaced(study, 'modifier = "confidence"', 'modifier = "relationship"')
    said = refused(study, PLAN)
    assert said.startswith("PlanError: 5 problems\n")
    for what in (
        "unknown setting 'statsu', did you mean 'status'?",
        "'status' is missing and has no default",
        "more items needed than there are",
        "(immortal time)",
        "confidence after the start is part of what the relationship does",
    ):
        assert what in said


def test_a_slip_in_the_toml(study, refused):
    replaced(study, "seed = 20110523", "seed = ")
    said = refused(study, PLAN)
    assert said.startswith("PlanError: not valid TOML: ")
    assert "fix:   mend the line named" in said


def test_a_misspelt_column(study, refused):
    replaced(study, '"clients.months_out"', '"clients.month_out"')
    assert refused(study, PLAN) == (
        "PlanError: covariate 'months_out' uses column 'month_out', which source 'clients' does "
        "not have\n"
        "  where: covariates.months_out.column\n"
        "  fix:   did you mean 'months_out'? If not, correct the name, or add 'month_out' to the "
        "source"
    )


def test_a_confirmatory_plan_that_nobody_locked(study, refused):
    replaced(study, '"exploratory"', '"confirmatory"')
    said = refused(study, PLAN)
    assert said.startswith(
        "PlanError: a confirmatory analysis needs a lock with the plan's digest, and there is none"
    )


def test_a_confirmatory_plan_that_was_changed_after_it_was_locked(study, deepvalue, refused):
    replaced(study, '"exploratory"', '"confirmatory"')
    assert deepvalue("check", study / "plan.toml", "--lock")[0] == 0
    replaced(study, "smallest_worthwhile = 0.02", "smallest_worthwhile = 0.01")
    assert "the plan has changed since it was locked" in refused(study, PLAN)


# --- the files -----------------------------------------------------------------------------------


def test_a_missing_file(study, refused):
    (study / "data/ratings.csv").rename(study / "data/rating.csv")
    assert refused(study, DATA) == (
        "DataError: there is no such file\n"
        "  where: source 'ratings', data/ratings.csv\n"
        "  fix:   did you mean 'rating.csv'?"
    )


def test_every_missing_file_is_told(study, refused):
    (study / "data/ratings.csv").unlink()
    (study / "data/clients.csv").unlink()
    said = refused(study, DATA)
    assert said.startswith("DataError: 2 problems\n")
    assert "source 'ratings'" in said
    assert "source 'clients'" in said


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file(study, refused, content):
    (study / "data/outcomes.csv").write_bytes(content)
    where = "  where: source 'outcomes', data/outcomes.csv"
    assert refused(study, DATA).splitlines()[1].startswith(where)


def test_a_header_without_rows(study, refused):
    write_rows(study, "ratings", [], header=list(rows_of(study, "ratings")[0]))
    assert refused(study, DATA).startswith("DataError: there are no rows under the header\n")


def test_a_declared_encoding_that_is_not_the_files(study, refused):
    edited(study, "contacts", {"office_id": "Büro"}, first=1)
    path = study / "data/contacts.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1252"))
    replaced(study, 'key = ["contact_id"] }', 'key = ["contact_id"], encoding = "utf-8" }')
    said = refused(study, DATA)
    assert said.startswith("DataError: the file is not utf-8 text\n")
    assert "line 2, byte" in said
    assert said.endswith('fix:   set encoding = "cp1252", or leave `encoding` out')


def test_a_spreadsheet_called_csv(study, refused):
    (study / "data/clients.csv").write_bytes(b"PK\x03\x04" + bytes(range(256)) * 4)
    assert "source 'clients', data/clients.csv" in refused(study, DATA)


# --- the records ---------------------------------------------------------------------------------


def test_a_rating_on_the_day_of_the_outcome(strict, refused):
    first_met, first_rated = {}, {}
    for row in rows_of(strict, "contacts"):
        first_met.setdefault(row["client_id"], date.fromisoformat(row["met_on"]))
    for row in rows_of(strict, "ratings"):
        first_rated.setdefault(row["client_id"], date.fromisoformat(row["rated_on"]))
    rows = rows_of(strict, "outcomes")
    early = next(
        row["client_id"]
        for row in rows
        if row["client_id"] in first_rated
        and (first_rated[row["client_id"]] - first_met[row["client_id"]]).days < 60
    )
    for row in rows:
        if row["client_id"] == early:
            row["job_start"] = first_rated[early].isoformat()
    write_rows(strict, "outcomes", rows)
    said = refused(strict, DATA)
    assert "rated on or after the outcome, inside the exposure window" in said
    assert 'on_fault = "exclude"' in said
    assert early not in said


def test_a_missing_confidence_for_everyone(study, refused):
    edited(study, "clients", dict.fromkeys(("c01", "c02", "c03", "c04"), ""))
    assert refused(study, DATA).startswith(
        "DataError: no client has a usable 'confidence' score at baseline\n"
        "  where: measures.confidence\n"
    )


def test_a_client_twice_in_the_clients_file(strict, refused):
    rows = rows_of(strict, "clients")
    write_rows(strict, "clients", [*rows, {**rows[0], "age": "99"}])
    said = refused(strict, DATA)
    assert "key (client_id) occurs more than once: 2 rows" in said
    assert rows[0]["client_id"] not in said


def test_a_client_twice_where_the_key_lets_it(study, refused):
    rows = rows_of(study, "clients")
    write_rows(study, "clients", [*rows, {**rows[0], "age": "98"}])
    replaced(study, 'clients.csv", format = "csv", key = ["client_id"]',
             'clients.csv", format = "csv", key = ["client_id", "age"]')  # fmt: skip
    assert refused(study, LINKAGE) == (
        "LinkageError: 'clients' has 1 rows more than clients, and is read as one row a client\n"
        "  where: sources.clients\n"
        "  fix:   give one row a client, or declare what is repeated as contacts, ratings or events"
    )


def test_leading_zeros_lost_on_one_side(study, refused):
    edited(study, "ratings", lambda row: {"client_id": row["client_id"].lstrip("0")})
    replaced(study, ", pad_to = 8", "")
    said = refused(study, LINKAGE)
    assert re.match(
        r"LinkageError: \d+ ids of 'ratings' would be found but for their leading", said
    )
    assert said.endswith("fix:   set ids.client.pad_to to the ids' full width")


def test_ratings_without_their_dates(study, refused):
    edited(study, "ratings", {"rated_on": ""}, first=400)
    said = refused(study, LINKAGE)
    assert re.match(r"LinkageError: 400 of \d+ ratings have no date \(more than 5%\)", said)


def test_no_client_has_both_a_rating_and_an_outcome(study, refused):
    edited(study, "clients", {"record_end": "2022-01-04"})
    assert refused(study, MODEL) == (
        "ModelError: no row is left to fit\n"
        "  where: models.main: job_entry ~ relationship + confidence + age + months_out + "
        "sanction_rate\n"
        "  fix:   look at the flow: which step took them?"
    )


def test_one_practitioner_only(study, refused):
    edited(study, "contacts", {"adviser_id": "A001"})
    replaced(study, ', "sanction_rate"]', "]")
    said = refused(study, MODEL)
    assert re.match(r"ModelError: all \d+ rows belong to one practitioner, so nothing can be", said)


def test_an_outcome_that_nobody_had(study, refused):
    edited(study, "outcomes", {"job_start": "2031-01-01", "job_end": ""})
    said = refused(study, MODEL)
    assert re.match(r"ModelError: 'job_entry' is the same in all \d+ rows\n", said)


def test_a_relationship_that_everybody_rates_alike(study, refused):
    edited(study, "ratings", {f"q{i:02}": "4" for i in range(1, 13)})
    said = refused(study, MODEL)
    assert said.startswith("ModelError: relationship cannot be told apart from the terms before it")


def test_confidence_of_one_band_only(study, refused):
    edited(study, "clients", dict.fromkeys(("c01", "c02", "c03", "c04"), "4"))
    replaced(study, 'covariates = ["confidence", ', "covariates = [")
    assert refused(study, MODEL).startswith(
        "ModelError: no row of the primary model is in the band low\n  where: equity.bands\n"
    )


WAVES = """
plan_version = 1
seed = 1
study = { name = "w", area = "health", question = "?", status = "synthetic" }
reading.on_fault = "exclude"
sources.visits = { path = "visits.csv", format = "csv", key = ["id", "wave"] }
ids = { client = { column = "id" }, pseudonyms = "none" }
clock = { kind = "waves", design = "same_wave", wave = "wave", baseline = 0 }
measures.trust = { items = ["q1"], range = [1, 5], minimum_items = 1, rater = "client" }
outcomes.well = { kind = "status", column = "well", reported_by = "client" }
effects.family = "exploratory"
equity = { modifier = "hope", bands = { low = 0, high = 2 }, reference = "high" }
verdicts = { claims = ["C1"], label = "exploratory", smallest_worthwhile = 0.02 }
disclosure.profile = "open"
[measures.hope]
items = ["h1"]
range = [0, 3]
minimum_items = 1
rater = "client"
at = "baseline"
[models.main]
role = "primary"
outcome = "well"
exposure = "trust"
groups = ["client"]
estimator = "gee"
"""


@pytest.fixture
def interviews(tmp_path):
    """A study of waves in one small file."""
    folder = tmp_path / "study"
    (folder / "data").mkdir(parents=True)
    (folder / "plan.toml").write_text(WAVES.replace("visits.csv", "data/visits.csv"))
    rows = [
        {"id": f"p{i}", "wave": wave, "q1": (3 * i + wave) % 5 + 1, "h1": i % 4,
         "well": (i // 2 + wave * i) % 2}
        for i in range(40)
        for wave in (0, 1, 2)
    ]  # fmt: skip
    write_rows(folder, "visits", rows)
    return folder


def test_the_undamaged_interviews_run(interviews, deepvalue, tmp_path):
    output = tmp_path / "reports"
    assert deepvalue("run", interviews / "plan.toml", "--no-pages", "-o", output)[0] == 0


def test_an_outcome_with_three_values(interviews, refused):
    edited(interviews, "visits", {"well": "2"}, first=5)
    assert refused(interviews, DATA) == (
        "DataError: an outcome is 0 or 1, and the column has 3 distinct values: 5 rows\n"
        "  where: source 'visits', column 'well' (first at line 2)\n"
        "  fix:   say with any_of or all_equal which are a good outcome, and list codes without a "
        "meaning in `undocumented`"
    )


def test_an_interview_twice(interviews, refused):
    rows = rows_of(interviews, "visits")
    write_rows(interviews, "visits", [*rows, {**rows[0], "q1": "5"}])
    replaced(interviews, 'key = ["id", "wave"]', 'key = ["id", "wave", "q1"]')
    said = refused(interviews, LINKAGE)
    assert said.startswith("LinkageError: 'visits' has 1 rows more than id and wave allow\n")


# --- what nobody may read in a message -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("ratings", "q03"),
        ("ratings", "rated_on"),
        ("ratings", "client_id"),
        ("outcomes", "job_start"),
        ("outcomes", "job_end"),
        ("contacts", "met_on"),
        ("contacts", "sanction"),
        ("clients", "age"),
        ("clients", "c01"),
        ("clients", "record_end"),
        ("clients", "client_id"),
    ],
)
def test_the_value_of_a_faulty_cell_is_in_no_message(strict, deepvalue, tmp_path, name, column):
    edited(strict, name, {column: SECRET}, first=1)
    output = tmp_path / "reports"
    code, out, err = deepvalue("run", strict / "plan.toml", "--no-pages", "-o", output)
    assert code == DATA
    assert f"source '{name}'" in err
    assert f"'{column}' (first at line 2)" in err
    assert SECRET not in out + err
    assert not output.exists()


def test_the_values_of_a_file_without_a_header_are_in_no_message(strict, refused):
    path = strict / "data/clients.csv"
    path.write_text(f"{SECRET},1,1,1,1,38,22,2023-01-27\n" + path.read_text(encoding="utf-8"))
    assert SECRET not in refused(strict, DATA)


def test_a_value_left_out_is_counted_and_never_quoted(study, deepvalue, tmp_path):
    edited(study, "ratings", {"q03": SECRET}, first=12)
    code, out, err = deepvalue("check", study / "plan.toml")
    assert code == 0
    assert "not a whole number from 1 to 5 (q03): 12 times, first at line 2; row excluded" in out
    assert SECRET not in out + err
    assert deepvalue("run", study / "plan.toml", "--no-pages", "-o", tmp_path / "reports")[0] == 0
    written = [path for path in (tmp_path / "reports").rglob("*") if path.is_file()]
    assert len(written) > 10
    assert not [path.name for path in written if SECRET.encode() in path.read_bytes()]
