"""What models, bands, claims and disclosure ask of a plan, and what this version has not."""

import pytest
from test_plan_checks import changed, one_line, read_cases, told

from deepvalue_stats.plan import parse_plan

# changes of the study of dates, and what is said of each, written as in test_plan_checks
DATES = r"""
models.main.role = "secondary"
  0 models are primary, and exactly one decides the verdict
  where: models
  fix:   set role = "primary" on one

models.split.role = "primary"
  2 models are primary, and exactly one decides the verdict
  where: models
  fix:   set role = "primary" on one

models.main.outcome = "job_entyr"
  there is no outcome 'job_entyr', did you mean 'job_entry'?
  where: models.main.outcome
  fix:   use one of job_entry, sustained_job

models.main.exposure = "relation"
  there is no measure 'relation', did you mean 'relationship'?
  where: models.main.exposure
  fix:   use one of relationship, confidence

models.main.exposure = "confidence"
models.main.covariates = ["age"]
  a baseline measure cannot be the exposure
  where: models.main.exposure
  fix:   name a measure of the relationship

models.main.covariates = ["age", "relationship"]
  the exposure adjusts for itself
  where: models.main.covariates[1]
  fix:   take it out of the covariates

measures.trust = { items = ["q01", "q02"], range = [1, 5], minimum_items = 1, rater = "client" }
models.main.covariates = ["age", "trust"]
  'trust' is measured with or after the exposure
  where: models.main.covariates[1]
  fix:   adjust for what came before the exposure: a covariate or measure at baseline

models.main.covariates = ["aeg"]
  there is no covariate 'aeg', did you mean 'age'?
  where: models.main.covariates[0]
  fix:   use one of age, months_out, sanction_rate, relationship, confidence

models.main.rows = "strict"
  there is no row rule 'strict'
  where: models.main.rows
  fix:   use one of (none is declared)

models.gee.groups = ["practitioner", "service"]
  a GEE has exactly one grouping
  where: models.gee.groups
  fix:   give one, as in groups = ["practitioner"]

models.gee.groups = []
  a GEE has exactly one grouping
  where: models.gee.groups
  fix:   give one, as in groups = ["practitioner"]

models.main.groups = []
  a multilevel model has groups
  where: models.main.groups
  fix:   name what rows share, as in groups = ["practitioner"]

models.main.groups = ["practitioner", "service", "practitioner"]
  'practitioner' stands twice
  where: models.main.groups[2]
  fix:   name each group once

models.main.slopes = { practitoner = ["relationship"] }
- models.gee
- models.independence
  there is no group 'practitoner', did you mean 'practitioner'?
  where: models.main.slopes.practitoner
  fix:   use one of practitioner, service

models.split.slopes = { practitioner = ["relationship_within", "relationship_betwen"] }
  there is no variable 'relationship_betwen', did you mean 'relationship_between'?
  where: models.split.slopes.practitioner[1]
  fix:   use one of relationship, relationship_within, relationship_between, confidence, age,
      months_out, sanction_rate

models.gee.slopes = { practitioner = ["relationship"] }
  only a multilevel model has slopes that vary
  where: models.gee.slopes
  fix:   leave it out, or set estimator = "multilevel"

models.gee.quadrature_points = 7
  only a multilevel model has quadrature
  where: models.gee.quadrature_points
  fix:   leave it out, or set estimator = "multilevel"

models.main.quadrature_points = 0
  not a usable value: input should be greater than or equal to 1
  where: models.main.quadrature_points
  fix:   change it

models.plain = { like = "main", role = "secondary", estimator = "logit" }
  a plain logit ignores repeated clients
  where: models.plain.covariance
  fix:   name the cluster, as in covariance = "cluster:client"

- models.split.split_by
  split = "within_between" and split_by go together
  where: models.split
  fix:   give what is needed and take out what is not

models."a model" = { like = "main", role = "secondary" }
  'a model' cannot name a model
  where: models.a model
  fix:   use letters, digits, _

equity.modifier = "confidnce"
  there is no measure 'confidnce', did you mean 'confidence'?
  where: equity.modifier
  fix:   use one of relationship, confidence

equity.modifier = "relationship"
  confidence after the start is part of what the relationship does, no moderator of it
  where: equity.modifier
  fix:   name a measure with at = "baseline"

equity.bands = { low = 1, mid = 3, high = 2 }
  the bands' lower bounds do not rise
  where: equity.bands
  fix:   write the bands from the lowest lower bound to the highest

equity.bands = { low = 1, mid = 2, high = 2 }
  the bands' lower bounds do not rise
  where: equity.bands
  fix:   write the bands from the lowest lower bound to the highest

equity.reference = "low"
  the lowest band is compared with itself
  where: equity.reference
  fix:   name the highest band

equity.reference = "top"
  there is no band 'top'
  where: equity.reference
  fix:   use one of low, mid, high

equity.bands = { all = 1, mid = 2, high = 3 }
  'all' cannot name a band
  where: equity.bands.all
  fix:   use letters, digits, _, and none of all, minus, unknown

equity.bands = { low = 1 }
equity.reference = "low"
  not a usable value: dictionary should have at least 2 items after validation, not 1
  where: equity.bands
  fix:   change it

verdicts.claims = ["C1", "C11"]
  there is no claim 'C11', did you mean 'C1'?
  where: verdicts.claims[1]
  fix:   use one of C1, C2, C3, C4, C5, C6, C7, C8

verdicts.claims = ["C1", "C1"]
  C1 stands twice
  where: verdicts.claims[1]
  fix:   name each claim once

effects.family = "confirmatory"
  the family and the label disagree
  where: effects.family
  fix:   let effects.family and verdicts.label agree

effects.per = ["point"]
  the verdicts rest on the effect per SD, and each unit is printed once
  where: effects.per
  fix:   write ["sd"] or ["sd", "point"]

verdicts.smallest_worthwhile = 0.0
  not a usable value: input should be greater than 0
  where: verdicts.smallest_worthwhile
  fix:   change it

study.status = "confidential"
  confidential data without pseudonyms is refused
  where: ids.pseudonyms
  fix:   set pseudonyms = "keyed" and put the key into DEEPVALUE_KEY or DEEPVALUE_KEY_FILE

study.status = "confidential"
ids.pseudonyms = "keyed"
disclosure = { profile = "open" }
  an open profile is for public data
  where: disclosure.profile
  fix:   use "acro", "opensafely" or "own"

disclosure = { profile = "open", threshold = 10 }
  an open profile has no threshold and no rounding
  where: disclosure
  fix:   take it out, or set profile = "own"

disclosure = { profile = "own", threshold = 10 }
  an own profile needs its rounding
  where: disclosure.rounding
  fix:   give a whole number

study.status = "confidential"
ids.pseudonyms = "keyed"
disclosure = { profile = "own", threshold = 2, rounding = 5 }
  confidential data need a threshold of 3 at least
  where: disclosure.threshold
  fix:   raise it to 3, better to 10 and 5

study.status = "confidential"
ids.pseudonyms = "keyed"
disclosure = { profile = "own", threshold = 10, rounding = 1 }
  confidential data need a rounding of 3 at least
  where: disclosure.rounding
  fix:   raise it to 3, better to 10 and 5

disclosure = { profile = "acro", threshold = 5 }
  the profile acro promises a threshold of 10 at least
  where: disclosure.threshold
  fix:   raise it to 10, or set profile = "own"

disclosure = { profile = "opensafely", rounding = 1 }
  the profile opensafely promises a rounding of 5 at least
  where: disclosure.rounding
  fix:   raise it to 5, or set profile = "own"

models.main.design = "next_wave"
  dated records have no waves
  where: models.main.design
  fix:   leave it out: the landmark already puts the outcome last

models.sustained.adjust_for_baseline = true
  clients with an earlier outcome are left out, and nothing is to adjust for
  where: models.sustained.adjust_for_baseline
  fix:   set outcomes.sustained_job.prior = "flag", or leave it out

models.main.split = "within_between"
models.main.split_by = "service"
models.main.groups = ["practitioner"]
- ids.service
  there is no id 'service'
  where: models.main.split_by
  fix:   use one of client, practitioner

links.outcomes.rule = "splink"
  not one of the choices
  where: links.outcomes.rule
  fix:   use 'key', 'passes' or 'table'

links.outcomes.unlinked = "bounds"
  this rule for unlinked records is not available in this version
  where: links.outcomes.unlinked
  fix:   use no_event or unknown or exclude

measures.confidence.error_correction = "simex"
  'confidence' is not the exposure of the primary model, and only that is corrected
  where: measures.confidence.error_correction
  fix:   take it out, or set it on that exposure

measures.relationship.error_correction = "latent_mean"
- models.split
  only means of groups can be latent, and no model has any
  where: measures.relationship.error_correction
  fix:   set split = "within_between" and split_by in a model of this exposure

measures.relationship.items = ["q01"]
- measures.relationship.instrument
measures.relationship.range = [1, 5]
measures.relationship.minimum_items = 1
measures.relationship.error_correction = "regression_calibration"
  a single item does not show its own error
  where: measures.relationship.error_correction
  fix:   state it, as in reliability = { value = 0.8, source = "the manual, table 3" }

measures.relationship.error_correction = "simex"
clock.exposure.summary = "sd"
clock.exposure.minimum_ratings = 2
  the error of a sd of ratings is not that of their mean
  where: measures.relationship.error_correction
  fix:   set clock.exposure.summary to mean or first or last, or error_correction = "none"

measures.relationship.reliability = {value = 0.8, source = "the manual"}
  nothing rests on this reliability
  where: measures.relationship.reliability
  fix:   set error_correction = "regression_calibration" or "simex", or take it out

measures.relationship.error_correction = "simex"
measures.relationship.reliability = {value = 1.0, source = "the manual"}
  not a usable value: input should be less than 1
  where: measures.relationship.reliability.value
  fix:   change it

outcomes.job_entry.prior = "flag"
outcomes.job_entry.washout_days = 0
  nothing says how long before the start
  where: outcomes.job_entry.prior
  fix:   set washout_days to the days in which an earlier outcome counts

measures.relationship.neutral = 5.0
  the neutral point is no inner point of the scale
  where: measures.relationship.neutral
  fix:   choose one above 1 and below 5

across.by = "age"
  'age' is no covariate of type category
  where: across.by
  fix:   use one of (none is declared)

equity.also.height = {reference = "tall"}
  'height' is no covariate
  where: equity.also.height
  fix:   use one of age, months_out, sanction_rate

equity.also.sanction_rate = {bands = {few = 0, many = 0.5}, reference = "few"}
  an attribute after the start may be part of what the relationship does
  where: equity.also.sanction_rate
  fix:   name a covariate with at = "baseline"

equity.also.age = {reference = "old"}
  a number is compared in bands
  where: equity.also.age.bands
  fix:   name two bands or more, each with its lower bound

equity.also.age = {bands = {young = 0, old = 50}, reference = "older"}
  no band 'older'
  where: equity.also.age.reference
  fix:   use one of young, old

equity.also.age = {bands = {old = 50, young = 0}, reference = "old"}
  the bands' lower bounds do not rise
  where: equity.also.age.bands
  fix:   write the bands from the lowest lower bound to the highest

equity.also.age = {bands = {"young: yes" = 0, old = 50}, reference = "old"}
  'young: yes' cannot name a band
  where: equity.also.age.bands
  fix:   use a name without ' minus ' and ': '

links.outcomes.recall = {low = [8, 10]}
  the audit is not of every band and of nothing else
  where: links.outcomes.recall
  fix:   give low, mid, high, each as [found, known]

links.outcomes.recall = {low = [8, 10], mid = [11, 10], high = [10, 10]}
  an audit finds more than there were
  where: links.outcomes.recall.mid
  fix:   write [found, known]: of so many known, so many had a record

sensitivity.benchmark = ["height"]
  'height' is no covariate of the primary model
  where: sensitivity.benchmark[0]
  fix:   use one of confidence, age, months_out, sanction_rate
"""


@pytest.mark.parametrize(("changes", "message"), read_cases(DATES))
def test_one_wrong_setting_of_what_is_to_be_found_is_told_once_and_in_full(
    employment, changes, message
):
    said = told(changed(employment, changes)).replace("where: plan, ", "where: ")
    assert one_line(said) == one_line(f"PlanError: {message}")


def test_harm_below_neutral_needs_a_neutral_point_that_was_declared(employment):
    tables = changed(employment, "- measures.relationship.neutral")
    assert "C3 asks what happens below a neutral relationship, and none is declared" in told(tables)


def test_parts_that_are_not_asked_for_leave_the_digest_what_it_was(employment):
    plain = parse_plan(employment)
    said = parse_plan(employment | {"sensitivity": {}})
    asked = parse_plan(employment | {"sensitivity": {"leave_one_out": ["service"]}})
    assert plain.digest == said.digest != asked.digest
