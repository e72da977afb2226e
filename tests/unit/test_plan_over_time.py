"""What a plan must say to follow the same client over time."""

import tomllib

import pytest
from test_plan_checks import changed, one_line, read_cases, told

from deepvalue_stats.plan import parse_plan
from deepvalue_stats.plan.definitions import DEFINITIONS

# changes of the study of dates, and what is said of each, written as in test_plan_checks
DATES = r"""
models.gee.estimator = "conditional_logit"
  dated records have no waves to follow
  where: models.gee.estimator
  fix:   use gee, logit, multilevel, hazard

models.main.role = "secondary"
models.gee.role = "primary"
models.gee.estimator = "hazard"
models.gee.period_days = 30
  verdicts rest on chances by confidence band, and 'hazard' gives none
  where: models.gee.estimator
  fix:   use gee, logit, multilevel, or set role = "secondary"

models.gee.estimator = "hazard"
  a hazard model counts in periods
  where: models.gee.period_days
  fix:   set period_days, as 30, to how finely time is cut

models.gee.estimator = "hazard"
models.gee.period_days = 400
  a period is longer than the follow-up
  where: models.gee.period_days
  fix:   make it shorter than the follow-up of 365 days

models.split.estimator = "hazard"
models.split.period_days = 30
  a hazard model takes the exposure whole
  where: models.split.split
  fix:   leave it out

models.gee.period_days = 30
  only a hazard model counts in periods
  where: models.gee.period_days
  fix:   leave it out, or set estimator = "hazard"

models.gee.link = "cloglog"
  only a hazard model counts in periods
  where: models.gee.link
  fix:   leave it out, or set estimator = "hazard"

clock.follow_up.incomplete = "hazard"
  no model follows clients whose record ends early
  where: clock.follow_up.incomplete
  fix:   add a model with estimator = "hazard", or use exclude

outcomes.job_entry.definition = "first_jbo"
  there is no definition 'first_jbo', did you mean 'first_job'?
  where: outcomes.job_entry.definition
  fix:   use one of first_job, sustained_job_26_weeks, self_employed_6_months, quit_4_weeks,
      debt_progress, debt_sorted

outcomes.sustained_job.definition = "sustained_job_26_weeks"
outcomes.sustained_job.sustained_days = 90
  sustained_job_26_weeks lasts 182 days: leave sustained_days out, or definition
  where: outcomes.sustained_job
  fix:   give what is needed and take out what is not

triangulation = {speaks = "primary"}
  dated records follow no client over waves
  where: triangulation
  fix:   leave it out, or use a clock of waves

covariates.why = {column = "contacts.why", type = "category", at = "baseline"}
breaks = {reason = "why", outside = ["leave"]}
  2 problems
  1. a break is seen between waves, and dated records have none
  where: breaks
  fix:   leave it out, or use a clock of waves
  2. why a practitioner changed is told wave by wave, in words
  where: covariates.why
  fix:   declare it with type = "category" and without at
"""

# changes of the study of waves
WAVES = r"""
models.pooled.estimator = "within"
models.pooled.design = "next_wave"
  a panel estimator explains the same wave
  where: models.pooled.design
  fix:   leave it out: earlier outcomes have models of their own

models.pooled.estimator = "within"
models.pooled.groups = ["practitioner"]
  a panel follows clients
  where: models.pooled.groups
  fix:   leave groups out, and name the cluster, as in covariance = "cluster:practitioner"

models.split.estimator = "within"
models.split.quadrature_points = 1
  a panel estimator compares within or between
  where: models.split.split
  fix:   leave it out: within_between takes the exposure apart itself

models.pooled.estimator = "hazard"
models.pooled.period_days = 30
  waves have no days to an outcome
  where: models.pooled.estimator
  fix:   use gee, logit, multilevel, pooled, within, between, first_difference, random,
      within_between, conditional_logit

breaks = {reason = "why", outside = ["leave"]}
  there is no covariate 'why'
  where: breaks.reason
  fix:   use one of wave, group, age, sex, homeless, stage, mental_health
"""


@pytest.mark.parametrize(("changes", "message"), read_cases(DATES))
def test_one_wrong_setting_of_dated_records_is_told_in_full(employment, changes, message):
    said = told(changed(employment, changes)).replace("where: plan, ", "where: ")
    assert one_line(said) == one_line(f"PlanError: {message}")


@pytest.mark.parametrize(("changes", "message"), read_cases(WAVES))
def test_one_wrong_setting_of_waves_is_told_in_full(health, changes, message):
    said = told(changed(health, changes)).replace("where: plan, ", "where: ")
    assert one_line(said) == one_line(f"PlanError: {message}")


def test_which_estimate_speaks_is_a_part_of_the_plan_that_is_locked(health):
    before = parse_plan(health).digest
    asked = changed(health, 'triangulation = {speaks = "within_between"}')
    assert parse_plan(asked).digest != before


def test_a_definition_says_how_long_an_outcome_lasts(employment):
    named = parse_plan(changed(employment, ""))
    assert named.outcomes["sustained_job"].sustained_days == 182
    said = parse_plan(changed(employment, "outcomes.sustained_job.sustained_days = 182"))
    assert said == named
    plain = parse_plan(changed(employment, "- outcomes.sustained_job.definition"))
    assert plain.digest != named.digest
    assert parse_plan(tomllib.loads(named.to_toml())) == named


def test_every_definition_has_its_source():
    for definition in DEFINITIONS.values():
        assert definition.source
        assert definition.says.endswith(".")
