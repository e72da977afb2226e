"""From a plan file to a plan: the worked plans, the round trip, the digest, and what is no plan."""

import tomllib

import pytest
from test_plan_checks import changed, told

from deepvalue_stats.errors import PlanError
from deepvalue_stats.plan import defaults_in_force, parse_plan, read_plan


def refused(path):
    with pytest.raises(PlanError) as error:
        read_plan(path)
    return str(error.value)


# --- the worked plans ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "primary", "kind"),
    [("synthetic_employment", "main", "dates"), ("help_primary_care", "multilevel", "waves")],
)
def test_the_plans_of_the_analyses_can_be_read(pytestconfig, name, primary, kind):
    plan = read_plan(pytestconfig.rootpath / "analyses" / name / "plan.toml")
    assert (plan.study.name, plan.primary, plan.clock.kind) == (name, primary, kind)


def test_the_starter_plan_is_that_of_the_synthetic_analysis_but_for_paths(template, pytestconfig):
    analysis = read_plan(pytestconfig.rootpath / "analyses/synthetic_employment/plan.toml")
    starter = parse_plan(template("employment"))
    assert starter.digest == analysis.digest
    assert starter.sources["ratings"].path == "data/ratings.csv"


# --- round trip and digest -----------------------------------------------------------------------


@pytest.mark.parametrize("tables", ["employment", "health"])
def test_a_plan_survives_a_round_of_toml(tables, request):
    plan = parse_plan(request.getfixturevalue(tables))
    back = parse_plan(tomllib.loads(plan.to_toml()))
    assert back == plan
    assert back.digest == plan.digest


def test_a_comment_and_the_place_of_the_file_leave_the_digest_alone(employment, tmp_path):
    plan = parse_plan(employment)
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere/other.toml"
    path.write_text(f"# moved\n{plan.to_toml()}\n# the end\n", encoding="utf-8")
    assert read_plan(path).digest == plan.digest


def test_a_path_leaves_the_digest_alone(employment):
    before = parse_plan(employment).digest
    employment["sources"]["ratings"]["path"] = "/mnt/secure/ratings_2023.csv"
    assert parse_plan(employment).digest == before


def test_what_is_asked_of_a_design_leaves_the_digest_alone(employment):
    """A locked plan may have its power worked out, and a plan without keeps the digest it had."""
    before = parse_plan(employment)
    employment["power"] = {"practitioners": [20, 40], "icc": 0.02}
    after = parse_plan(employment)
    assert after.digest == before.digest
    assert after != before
    assert parse_plan(tomllib.loads(after.to_toml())) == after


def test_a_default_written_out_leaves_the_digest_alone(employment):
    before = parse_plan(employment).digest
    employment["covariates"]["age"]["form"] = "linear"
    assert parse_plan(employment).digest == before


def test_a_reliability_that_is_not_stated_leaves_the_digest_alone(employment):
    """The digest of a plan from before a reliability, or a definition, could be stated at all."""
    job = employment["outcomes"]["sustained_job"]
    del job["definition"]
    job["sustained_days"] = 182
    assert parse_plan(employment).digest.startswith("65504da2542196f2")
    measure = employment["measures"]["relationship"]
    measure |= {
        "error_correction": "simex",
        "reliability": {"value": 0.8, "source": "the manual, table 3"},
    }
    plan = parse_plan(employment)
    assert not plan.digest.startswith("65504da2542196f2")
    assert parse_plan(tomllib.loads(plan.to_toml())) == plan


def test_a_plan_is_frozen(employment):
    plan = parse_plan(employment)
    with pytest.raises(ValueError, match="frozen"):
        plan.seed = 2


def test_defaults_in_force_are_named_with_their_values(employment):
    del employment["clock"]["exposure"]["lag_days"]
    del employment["models"]["gee"]["correlation"]
    in_force = defaults_in_force(parse_plan(employment))
    assert "clock.exposure.lag_days = 0" in in_force
    assert "models.gee.correlation = exchangeable" in in_force
    assert "models.main.quadrature_points = 1" in in_force
    assert not [line for line in in_force if line.startswith("clock.exposure.from")]


# --- what is no plan -----------------------------------------------------------------------------


def test_a_plan_that_is_not_there(tmp_path):
    assert refused(tmp_path / "plan.toml") == (
        "PlanError: there is no plan file here\n"
        f"  where: {tmp_path / 'plan.toml'}\n"
        "  fix:   give the path of a plan.toml"
    )


def test_a_plan_below_a_file_is_not_there(tmp_path):
    (tmp_path / "data.csv").write_text("a")
    assert "there is no plan file here" in refused(tmp_path / "data.csv" / "plan.toml")


def test_a_folder_is_not_a_plan(tmp_path):
    assert refused(tmp_path) == (
        "PlanError: this is a folder, not a plan file\n"
        f"  where: {tmp_path}\n"
        f"  fix:   try {tmp_path / 'plan.toml'}"
    )


def test_a_plan_saved_in_another_encoding(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_bytes('question = "Café?"'.encode("utf-16"))
    assert refused(path) == (
        f"PlanError: the plan is not UTF-8 text\n  where: {path}\n  fix:   save it as UTF-8"
    )


def test_a_byte_order_mark_does_no_harm(employment, tmp_path):
    plan = parse_plan(employment)
    path = tmp_path / "plan.toml"
    path.write_text(plan.to_toml(), encoding="utf-8-sig")
    assert read_plan(path) == plan


@pytest.mark.parametrize(
    "text",
    [
        "[study",
        "[study]\nname = \n",
        "[study]\nname = x\n",
        'name = "open\n',
        "a = 1\na = 2\n",
        "[a]\nb = 1\n[a]\nc = 1\n",
        "dates = [1, 2",
        "just words\n",
    ],
)
def test_a_slip_of_toml_is_told_with_its_line(tmp_path, text):
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    said = refused(path)
    assert said.startswith("PlanError: not valid TOML: ")
    assert "line" in said.splitlines()[0] or "end of document" in said.splitlines()[0]
    assert said.endswith(f"  where: {path}\n  fix:   mend the line named")


def test_an_empty_plan_lists_every_table_that_is_missing(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("", encoding="utf-8")
    said = refused(path)
    assert said.startswith("PlanError: 14 problems\n")
    assert "1. 'plan_version' is missing and has no default" in said


# --- missing and unknown settings ----------------------------------------------------------------


def test_an_unknown_setting_is_told_with_what_was_probably_meant(employment):
    employment["study"]["quesion"] = "Does it?"
    assert told(employment) == (
        "PlanError: unknown setting 'quesion', did you mean 'question'?\n"
        "  where: plan, study.quesion\n"
        "  fix:   use one of name, area, question, status, caveats"
    )


def test_an_unknown_setting_like_no_other_lists_what_there_is(employment):
    employment["clock"]["follow_up"]["colour"] = "red"
    assert told(employment) == (
        "PlanError: unknown setting 'colour'\n"
        "  where: plan, clock.follow_up.colour\n"
        "  fix:   use one of from, days, censor, death, next_episode, incomplete"
    )


def test_an_unknown_table_is_told(employment):
    employment["modles"] = {}
    assert "unknown setting 'modles', did you mean 'models'?" in told(employment)


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("study.status", "set it to one of synthetic, public, confidential"),
        ("reading.on_fault", "set it to one of refuse, exclude"),
        ("clock.design", "set it to one of landmark, same_wave"),
        ("links.outcomes.unlinked", "set it to one of no_event, unknown, exclude, bounds"),
        ("equity.bands", "add it"),
        ("verdicts.smallest_worthwhile", "add it"),
        ("verdicts.label", "set it to one of exploratory, confirmatory"),
        ("ids.pseudonyms", "set it to one of none, keyed"),
        ("disclosure.profile", "set it to one of open, acro, opensafely, own"),
    ],
)
def test_what_would_be_a_claim_has_no_default(employment, key, fix):
    assert told(changed(employment, f"- {key}")) == (
        f"PlanError: '{key.rpartition('.')[2]}' is missing and has no default\n"
        f"  where: plan, {key}\n"
        f"  fix:   {fix}"
    )


def test_five_mistakes_of_five_kinds_are_told_at_once(employment):
    said = told(
        changed(
            employment,
            'study.statsu = "synthetic"\n'
            "- clock.design\n"
            'reading.on_fault = "ignore"\n'
            "measures.confidence.minimum_items = 9\n"
            'models.main.covariates = ["aeg"]',
        )
    )
    assert said == (
        "PlanError: 5 problems\n"
        "1. unknown setting 'statsu', did you mean 'status'?\n"
        "     where: plan, study.statsu\n"
        "     fix:   use one of name, area, question, status, caveats\n"
        "2. not one of the choices\n"
        "     where: plan, reading.on_fault\n"
        "     fix:   use 'refuse' or 'exclude'\n"
        "3. 'design' is missing and has no default\n"
        "     where: plan, clock.design\n"
        "     fix:   set it to one of landmark, same_wave\n"
        "4. more items needed than there are\n"
        "     where: plan, measures.confidence.minimum_items\n"
        "     fix:   at most 4\n"
        "5. there is no covariate 'aeg', did you mean 'age'?\n"
        "     where: plan, models.main.covariates[0]\n"
        "     fix:   use one of age, months_out, sanction_rate, relationship, confidence"
    )


def test_a_value_is_never_repeated(employment):
    employment["seed"] = "s3cr3t"
    employment["measures"]["confidence"]["minimum_items"] = "s3cr3t"
    assert "s3cr3t" not in told(employment)


@pytest.mark.parametrize("value", [3, "text", [1], True])
@pytest.mark.parametrize("key", ["models", "sources", "study", "measures"])
def test_a_table_that_is_no_table_is_a_fault_and_no_crash(employment, key, value):
    employment[key] = value
    assert f"where: plan, {key}" in told(employment)


# --- one model like another ----------------------------------------------------------------------


def test_a_model_takes_what_it_does_not_set_from_the_one_it_is_like(employment):
    models = parse_plan(employment).models
    own = {"like": "main", "role": "secondary", "outcome": "sustained_job"}
    assert models["sustained"] == models["main"].model_copy(update=own)


def test_a_model_may_be_like_one_that_stands_below_it(employment):
    employment["models"] = {
        "work": {"like": "main", "role": "secondary"},
        "main": employment["models"]["main"],
    }
    assert parse_plan(employment).models["work"].exposure == "relationship"


def test_the_fault_of_a_model_is_not_told_again_for_those_that_are_like_it(employment):
    employment["models"]["main"]["exposure"] = "relation"
    employment["models"]["main"]["correlaton"] = "exchangeable"
    said = told(employment)
    assert said.startswith("PlanError: 2 problems\n")
    assert "where: plan, models.main.correlaton\n" in said
    assert "where: plan, models.main.exposure\n" in said


def test_a_fault_that_only_the_like_model_has_is_told(employment):
    employment["models"]["pooled"] = {"like": "main", "role": "secondary", "estimator": "logit"}
    assert told(employment) == (
        "PlanError: a plain logit ignores repeated clients\n"
        "  where: plan, models.pooled.covariance\n"
        '  fix:   name the cluster, as in covariance = "cluster:client"'
    )


@pytest.mark.parametrize("other", ["mian", "sustained", "again", 3])
def test_a_model_must_be_like_one_that_stands_on_its_own(employment, other):
    employment["models"]["again"] = {"like": other, "role": "secondary"}
    assert told(employment) == (
        "PlanError: `like` must name a model that stands on its own\n"
        "  where: plan, models.again.like\n"
        "  fix:   use one of main"
    )


def test_a_model_that_is_no_table_does_not_hide_the_others(employment):
    employment["models"]["odd"] = 3
    employment["models"]["again"] = {"like": "odd", "role": "secondary"}
    said = told(employment)
    assert "where: plan, models.odd" in said
    assert "where: plan, models.again.like" in said
