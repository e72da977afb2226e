"""What clock, outcomes and measures must be to one another: one change, one fault, in full.

Long because it is one table: every fault stands beside the change that makes it.
"""

import tomllib

import pytest

from deepvalue_stats.errors import PlanError
from deepvalue_stats.plan import parse_plan

# changes of a sound plan ("-" takes a setting out), and under them what is said of it
DATES = r"""
clock.follow_up.from = ["index", 90]
  follow-up opens while the exposure still runs: a client must stay without the outcome to be
      rated (immortal time), and a rating may follow the outcome
  where: clock.follow_up.from
  fix:   start at ["index", 91] or later

clock.exposure.to = ["index", -1]
  the exposure window is empty or opens early
  where: clock.exposure
  fix:   let it run from the index or later, forwards

clock.exposure.from = ["index", -30]
  the exposure window is empty or opens early
  where: clock.exposure
  fix:   let it run from the index or later, forwards

clock.exposure.to = ["episode_end", 0]
  an episode may end because of the outcome (immortal time)
  where: clock.exposure.to
  fix:   count from "index" or "episode_start", by days that are fixed beforehand

clock.exposure.to = ["outcome", -1]
  what is measured up to the outcome lasts as long as the outcome is away (immortal time)
  where: clock.exposure.to
  fix:   count from "index" or "episode_start", by days that are fixed beforehand

clock.follow_up.from = ["episode_end", 1]
  an episode may end because of the outcome (immortal time)
  where: clock.follow_up.from
  fix:   count from "index" or "episode_start", by days that are fixed beforehand

clock.follow_up.from = ["exposure_end", 0]
  follow-up opens while the exposure still runs: a client must stay without the
  outcome to be rated (immortal time), and a rating may follow the outcome
  where: clock.follow_up.from
  fix:   start at ["index", 91] or later

clock.index = "nth_rating"
clock.index_rating = 3
clock.follow_up.from = ["episode_start", 100]
  whether follow-up opens after the exposure window differs between clients
  where: clock.follow_up.from
  fix:   start at ["exposure_end", 1]

clock.index = "nth_rating"
clock.index_rating = 3
clock.exposure.to = ["episode_start", 90]
clock.follow_up.from = ["exposure_end", 1]
  whether the exposure window is empty differs between clients
  where: clock.exposure
  fix:   let it run from ["episode_start", 0] to the index or later, or count both ends from one day

clock.index = "nth_rating"
  index = "nth_rating" and index_rating go together
  where: clock
  fix:   give what is needed and take out what is not

clock.index_date = "2020-01-31"
  index = "date" and index_date go together
  where: clock
  fix:   give what is needed and take out what is not

clock.index = "date"
clock.index_date = "31/01/2020"
  Invalid isoformat string: '31/01/2020'
  where: clock.index_date
  fix:   give what is needed and take out what is not

clock.index = "discharge"
  not one of the choices
  where: clock.index
  fix:   use 'episode_start', 'nth_rating' or 'date'

clock.exposure.summary = "n"
  how many ratings there are follows from how long a client stays, which the outcome may end
  where: clock.exposure.summary
  fix:   use a summary of what the ratings say; the number stands in the table anyway

clock.exposure.summary = "slope"
  a slope or spread takes two ratings at least
  where: clock.exposure.summary
  fix:   set minimum_ratings to 2 or more

clock.episodes.overlap = "split"
  episodes built from contacts do not overlap: leave overlap out
  where: clock.episodes
  fix:   give what is needed and take out what is not

clock.episodes.start = "opened_on"
  date builds episodes from contacts, start reads them from a table: keep one
  where: clock.episodes
  fix:   give what is needed and take out what is not

clock.exposure.from = ["first_rating", 0]
  there is no anchor 'first_rating'
  where: clock.exposure.from
  fix:   use one of index, episode_start

clock.exposure.to = ["landmark", 90]
  there is no anchor 'landmark'
  where: clock.exposure.to
  fix:   use one of index, episode_start

clock.follow_up.from = ["inedx", 91]
  there is no anchor 'inedx', did you mean 'index'?
  where: clock.follow_up.from
  fix:   use one of index, episode_start, exposure_end

clock.design = "same_wave"
  dated records have no waves
  where: clock.design
  fix:   set design = "landmark"

clock.kind = "waves"
  a clock of waves needs wave, baseline and has no use for episodes, index, exposure,
      follow_up
  where: clock
  fix:   give what is needed and take out what is not

- ids.practitioner
models.main.groups = ["service"]
- models.gee
- models.independence
- models.split
  episodes need to know the practitioner
  where: ids.practitioner
  fix:   add ids.practitioner = { column = ... }

outcomes.mood = { kind = "status", column = "q01", reported_by = "client" }
  a status has no date to hold to the clock
  where: outcomes.mood
  fix:   give kind = "event" with the date on which it happened

- outcomes.sustained_job.end
  sustained_days needs end, the column in which the event's end stands
  where: outcomes.sustained_job
  fix:   give what is needed and take out what is not

outcomes.job_entry.column = "job"
  an event needs a date, and none of column, all_equal, any_of
  where: outcomes.job_entry
  fix:   give what is needed and take out what is not

outcomes.job_entry.date = "job_start"
  an event's date needs its source
  where: outcomes.job_entry.date
  fix:   write source.column

- links.outcomes
  nothing says how 'outcomes' is joined and what a client without a record means
  where: links.outcomes
  fix:   add rule, cardinality and unlinked (no_event, unknown or exclude)

covariates.sanction_rate.at = "baseline"
  only a share is taken over a practitioner
  where: covariates.sanction_rate
  fix:   type = "share" and at = "practitioner" go together

covariates.age.type = "share"
  only a share is taken over a practitioner
  where: covariates.age
  fix:   type = "share" and at = "practitioner" go together

- covariates.age.at
  with dates a covariate says when it was measured
  where: covariates.age.at
  fix:   set at = "baseline" or at = "practitioner"

clock.episodes.source = "contact"
  there is no source 'contact', did you mean 'contacts'?
  where: clock.episodes.source
  fix:   use one of ratings, contacts, outcomes, clients

clock.exposure.date = "rating.rated_on"
  there is no source 'rating', did you mean 'ratings'?
  where: clock.exposure.date
  fix:   use one of ratings, contacts, outcomes, clients

links.clinets = { rule = "key", cardinality = "one_to_one", unlinked = "unknown" }
  there is no source 'clinets', did you mean 'clients'?
  where: links.clinets
  fix:   use one of ratings, contacts, outcomes, clients

measures.relationship.instrument = "deep_valeu"
  there is no instrument 'deep_valeu', did you mean 'deep_value'?
  where: measures.relationship.instrument
  fix:   use one of deep_value, adviser_relationship, wai_sr, srs_3, star_p, star_c, care,
      pcas_communication_interpersonal, gse, pam_13

measures.relationship.items = ["q01", "q02", "q03", "q04", "q05", "q06"]
  deep_value has 12 items, the plan 6
  where: measures.relationship.items
  fix:   name every item in its order, say `reversed` (or []) and `minimum_items` of a shortened
      form, or leave `instrument` out and give `range`

measures.relationship.instrument = "care"
  care has 10 items, the plan 12
  where: measures.relationship.items
  fix:   name every item in its order, or leave `instrument` out and give `range`

measures.relationship.items = ["q01", "q02", "q03", "q04", "q05", "q06"]
measures.relationship.reversed = []
- measures.relationship.minimum_items
  deep_value has 12 items, the plan 6
  where: measures.relationship.items
  fix:   name every item in its order, say `reversed` (or []) and `minimum_items` of a shortened
      form, or leave `instrument` out and give `range`

- measures.confidence.minimum_items
  'minimum_items' is missing and has no default
  where: measures.confidence.minimum_items
  fix:   say how many answers make a score; half of the items would be 2

measures.relationship.instrument = "wai_sr"
measures.relationship.rater = "practitioner"
  wai_sr has no form for a practitioner
  where: measures.relationship.rater
  fix:   use client, or leave `instrument` out and give `range`

measures.relationship.instrument = "star_p"
measures.relationship.neutral = 2
  some items of star_p are reversed, and the register does not know which
  where: measures.relationship.reversed
  fix:   name them from the form itself

measures.relationship.subscales = { bond = ["q01", "q02"], goal = ["q02", "q03"] }
  item 'q02' stands in 'bond' and in 'goal'
  where: measures.relationship.subscales.goal[0]
  fix:   leave it in one of them

measures.relationship.subscales = { bond = ["q01", "c02"] }
  there is no item 'c02', did you mean 'q02'?
  where: measures.relationship.subscales.bond[1]
  fix:   use one of q01, q02, q03, q04, q05, q06, q07, q08, q09, q10, q11, q12

measures.relationship.subscales = { within = ["q01"] }
  'within' cannot name a subscale
  where: measures.relationship.subscales.within
  fix:   use letters, digits and single _, and neither 'within' nor 'between'

measures.relationship.subscales = { bond = [] }
  a subscale has items
  where: measures.relationship.subscales.bond
  fix:   name one or more, or take it out

measures.confidence.score_subscales = true
  'confidence' has no subscales to score
  where: measures.confidence.score_subscales
  fix:   declare them, as in measures.confidence.subscales = { bond = ["q01", "q02"] }, or leave it
      out

measures.relationship.score_subscales = true
covariates.relationship_trust = { column = "clients.age", type = "number", at = "baseline" }
  'relationship_trust' is used twice
  where: measures.relationship_trust and covariates.relationship_trust
  fix:   rename one

measures.relationship.score_subscales = true
measures.relationship_trust = { items = ["q"], range = [1, 5], minimum_items = 1, rater = "client" }
  'relationship_trust' is a measure, and a subscale of 'relationship'
  where: measures.relationship_trust
  fix:   give the measure or the subscale another name

measures.theirs = { items = ["q01"], range = [1, 5], minimum_items = 1, rater = "practitioner" }
  item 'q01' is answered by the practitioner, and in 'relationship' by the client
  where: measures.theirs.items[0]
  fix:   keep the raters apart: one measure for each, of their own answers

models.main.exposure = "relationship_trust"
measures.relationship.instrument = "deep_valeu"
  there is no instrument 'deep_valeu', did you mean 'deep_value'?
  where: measures.relationship.instrument
  fix:   use one of deep_value, adviser_relationship, wai_sr, srs_3, star_p, star_c, care,
      pcas_communication_interpersonal, gse, pam_13

models.main.exposure = "relationship_trust"
- measures.relationship.neutral
  C3 asks what happens below a neutral relationship, and none is declared
  where: measures.relationship.neutral
  fix:   declare the score of a neutral relationship before the data are seen, say the middle of the
      scale, or take C3 out of verdicts.claims

models.main.exposure = "relationship_trsut"
  there is no measure 'relationship_trsut', did you mean 'relationship'?
  where: models.main.exposure
  fix:   use one of relationship, confidence

measures.relationship.score_subscales = true
measures.relationship.neutral = 9
  the neutral point is no inner point of the scale
  where: measures.relationship.neutral
  fix:   choose one above 1 and below 5

measures.relationship.score_subscales = true
measures.relationship.instrument = "srs_3"
measures.relationship.minimum_items = 2
measures.relationship.items = ["rating.q01", "q02", "q03", "q04"]
measures.relationship.subscales = { bond = ["q02", "rating.q01"] }
measures.relationship.score_subscales = true
  there is no source 'rating', did you mean 'ratings'?
  where: measures.relationship.items[0]
  fix:   use one of ratings, contacts, outcomes, clients

measures.relationship.range = [1, 7]
  the range is not the instrument's
  where: measures.relationship.range
  fix:   leave it out, the instrument's is 1 to 5

- measures.confidence.range
  a measure needs a range or an instrument
  where: measures.confidence
  fix:   add range = [1, 5], say

measures.confidence.range = [4, 1]
  the range runs backwards
  where: measures.confidence.range
  fix:   write [lowest, highest]

measures.confidence.minimum_items = 5
  more items needed than there are
  where: measures.confidence.minimum_items
  fix:   at most 4

measures.confidence.items = ["c01", "c02", "c02", "c04"]
  an item stands twice
  where: measures.confidence.items
  fix:   name each item once

measures.confidence.reversed = ["c05"]
  there is no item 'c05', did you mean 'c04'?
  where: measures.confidence.reversed
  fix:   use one of c01, c02, c03, c04

covariates."my age" = { column = "clients.age", type = "number", at = "baseline" }
  'my age' cannot name a column
  where: covariates.my age
  fix:   use letters, digits, single _, and no word of Python

covariates.class = { column = "clients.age", type = "number", at = "baseline" }
  'class' cannot name a column
  where: covariates.class
  fix:   use letters, digits, single _, and no word of Python

covariates.Client = { column = "clients.age", type = "number", at = "baseline" }
  'Client' is a name of the package's own
  where: covariates.Client
  fix:   choose another

covariates.contacts = { column = "clients.age", type = "number", at = "baseline" }
  'contacts' is a name of the package's own
  where: covariates.contacts
  fix:   choose another

covariates.Confidence = { column = "clients.age", type = "number", at = "baseline" }
  'Confidence' is used twice
  where: measures.confidence and covariates.Confidence
  fix:   rename one

power = { practitioners = [40, 20, 20] }
  the numbers of practitioners do not rise
  where: power.practitioners
  fix:   write [20, 40]

power = { practitioners = [3, 20] }
  too few practitioners to compare
  where: power.practitioners
  fix:   give 4 or more, and rather 20

power = { practitioners = [20], exposure = "arms", reliability = 0.9 }
  arms have no reliability
  where: power.reliability
  fix:   leave it out, or set exposure = "score"

power = { practitioners = [20], icc = 2 }
  not a usable value: input should be less than 1
  where: power.icc
  fix:   change it

power = { practitioners = [20], iccs = 0.02 }
  unknown setting 'iccs', did you mean 'icc'?
  where: power.iccs
  fix:   use one of practitioners, clients_per_practitioner, caseload_cv, base_rate, icc,
      exposure_icc, reliability, attrition, match_rate, effect, effect_low_minus_high, damage,
      neutral_share, exposure, replicates

power = { practitioners = [20], exposure_icc = 1 }
models.main.split = "within_between"
models.main.split_by = "practitioner"
  nothing of the exposure is left within practitioners, and the verdict rests on that
  where: power.exposure_icc
  fix:   take out split = "within_between", or let clients of a practitioner differ

power = { practitioners = [20], exposure = "arms" }
models.main.split = "within_between"
models.main.split_by = "practitioner"
  nothing of the exposure is left within practitioners, and the verdict rests on that
  where: power.exposure
  fix:   take out split = "within_between", or let clients of a practitioner differ

power = { practitioners = [20] }
models.main.split = "within_between"
models.main.split_by = "client"
  power is worked out for one row a client, and the exposure is split by client
  where: power
  fix:   leave it out, or split the exposure by practitioner
"""

WAVES = r"""
clock.design = "landmark"
  a landmark needs dates, and waves have none
  where: clock.design
  fix:   set design = "same_wave", and every verb is capped by it

- clock.baseline
  a clock of waves needs baseline
  where: clock
  fix:   give what is needed and take out what is not

outcomes.hired = { kind = "event", date = "interviews.A1", reported_by = "client" }
links.interviews = { rule = "key", cardinality = "one_to_many", unlinked = "unknown" }
  an event needs dates, and waves have none
  where: outcomes.hired
  fix:   give kind = "status" with the column in which it stands

covariates.share = { column = "A1", type = "share", at = "practitioner" }
  a share needs dated contacts
  where: covariates.share
  fix:   leave it out

models.pooled.covariance = "cluster:service"
  there is no id 'service'
  where: models.pooled.covariance
  fix:   use one of client, practitioner

rows.strict.require = ["trust", "hope"]
  there is no variable 'hope'
  where: rows.strict.require[1]
  fix:   use one of relationship, trust, confidence, wave, group, age, sex, homeless, stage,
      mental_health, abstinent, employed

models.independence.adjust_for_current = true
  the outcome would adjust for itself
  where: models.independence.adjust_for_current
  fix:   set design = "next_wave" as well, or leave it out

power = { practitioners = [20] }
  power is worked out for the clients of practitioners, and the primary model does not group
      rows by practitioner
  where: power
  fix:   leave it out, or name the practitioner among the groups of the primary model
"""


def read_cases(text):
    return [case.split("\n  ", 1) for case in text.strip().split("\n\n")]


def changed(tables, changes):
    """A plan with settings put in or taken out, each on a line of its own."""
    for line in changes.splitlines():
        path, _, value = line.removeprefix("- ").partition(" = ")
        *steps, last = path.replace('"', "").split(".")
        parent = tables
        for step in steps:
            parent = parent.setdefault(step, {})
        if line.startswith("- "):
            del parent[last]
        else:
            parent[last] = tomllib.loads(f"value = {value}")["value"]
    return tables


def told(tables):
    with pytest.raises(PlanError) as refused:
        parse_plan(tables)
    return str(refused.value)


def one_line(text):
    return " ".join(text.split())


@pytest.mark.parametrize(("changes", "message"), read_cases(DATES))
def test_one_wrong_setting_of_a_study_of_dates_is_told_once_and_in_full(
    employment, changes, message
):
    said = told(changed(employment, changes)).replace("where: plan, ", "where: ")
    assert one_line(said) == one_line(f"PlanError: {message}")


@pytest.mark.parametrize(("changes", "message"), read_cases(WAVES))
def test_one_wrong_setting_of_a_study_of_waves_is_told_once_and_in_full(health, changes, message):
    said = told(changed(health, changes)).replace("where: plan, ", "where: ")
    assert one_line(said) == one_line(f"PlanError: {message}")


def test_a_wrong_plan_ends_with_exit_code_10():
    assert PlanError.exit_code == 10
