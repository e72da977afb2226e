"""From an interval to an answer, from a design to words, and what a gate takes away."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from deepvalue_stats.plan import parse_plan
from deepvalue_stats.tables import NUMERIC, EffectTable, Evidence, Phrase, effect_rows
from deepvalue_stats.verdicts import Interval, answer, judge, withhold, word
from deepvalue_stats.verdicts.rules import confirmed

INF = float("inf")
FORBIDDEN = re.compile(r"caus|significan|\bprove|per ?cent|%|\bodds\b", re.IGNORECASE)
ANSWERS = ("supported", "harm", "no worthwhile effect", "not supported", "inconclusive")
DESIGNS = ("landmark", "same_wave", "next_wave")

EVIDENCE = Evidence(
    design="landmark",
    rater="client",
    reported_by="administrative",
    exposure="relationship",
    outcome="a job within a year",
    modifier="confidence",
    cluster="practitioner",
    n_clusters=60,
    bands={"low": 200, "mid": 300, "high": 250},
    low="low",
    reference="high",
    converged={"main": True, "main x confidence": True},
)

# half the width of a 95 % interval is 1.96 standard errors, of a 90 % one 1.645
ROWS = """
estimate std_error D     answer
0.000    0.010     0.020 no worthwhile effect
0.003    0.010     0.020 no worthwhile effect
0.010    0.004     0.020 no worthwhile effect
-0.010   0.004     0.020 no worthwhile effect
0.060    0.010     0.020 supported
0.021    0.010     0.020 supported
0.030    0.015     0.020 supported
-0.060   0.010     0.020 harm
-0.021   0.010     0.020 harm
-0.010   0.012     0.020 not supported
-0.015   0.020     0.020 not supported
0.010    0.010     0.020 inconclusive
0.015    0.010     0.020 inconclusive
0.000    0.030     0.020 inconclusive
-0.010   0.030     0.020 inconclusive
0.060    0.040     0.020 inconclusive
"""


@pytest.mark.parametrize(
    ("estimate", "std_error", "worthwhile", "expected"),
    [
        (*map(float, line.split(maxsplit=3)[:3]), line.split(maxsplit=3)[3])
        for line in ROWS.strip().splitlines()[1:]
    ],
)
def test_an_interval_gives_its_answer(estimate, std_error, worthwhile, expected):
    assert answer(Interval(estimate, std_error, INF), worthwhile) == expected


def test_an_effect_too_small_to_matter_is_that_even_where_it_differs_from_zero():
    interval = Interval(0.010, 0.002, INF)
    assert interval.bounds(0.95)[0] > 0
    assert answer(interval, 0.02) == "no worthwhile effect"
    assert answer(Interval(-0.010, 0.002, INF), 0.02) == "no worthwhile effect"


# a bound on the limit itself is not beyond it: each rule changes its answer just there
@pytest.mark.parametrize(
    ("level", "edge", "side", "beyond", "on_it"),
    [
        (0.90, 0.02, "high", "no worthwhile effect", "inconclusive"),
        (0.95, 0.00, "low", "supported", "inconclusive"),
        (0.95, 0.00, "high", "harm", "not supported"),
        (0.90, 0.02, "high", "not supported", "inconclusive"),
    ],
    ids=["rule 1", "rule 2", "rule 3", "rule 4"],
)
def test_every_rule_has_its_boundary(level, edge, side, beyond, on_it):
    # wide enough for rules 2 to 4, narrow enough for rule 1
    std_error = 0.010 if beyond == "no worthwhile effect" else 0.030
    half = Interval(0.0, std_error, INF).bounds(level)[1]
    estimate = edge - half if side == "high" else edge + half
    step = -1e-9 if side == "high" else 1e-9
    assert answer(Interval(estimate + step, std_error, INF), 0.02) == beyond
    assert answer(Interval(estimate - step, std_error, INF), 0.02) == on_it


def test_equivalence_agrees_with_two_one_sided_tests():
    rng = np.random.default_rng(20110523)
    agreed = 0
    for _ in range(2000):
        estimate, std_error = rng.normal(0, 0.02), rng.uniform(0.002, 0.02)
        worthwhile, dof = rng.uniform(0.01, 0.05), rng.choice([5.0, 30.0, INF])
        below = stats.t.cdf((estimate - worthwhile) / std_error, dof)
        above = stats.t.sf((estimate + worthwhile) / std_error, dof)
        tost = max(below, above) < 0.05
        found = answer(Interval(estimate, std_error, dof), worthwhile)
        assert (found == "no worthwhile effect") == tost
        agreed += tost
    assert 200 < agreed < 1800


def test_few_degrees_of_freedom_widen_the_interval():
    assert answer(Interval(0.021, 0.010, INF), 0.02) == "supported"
    assert answer(Interval(0.021, 0.010, 4), 0.02) == "inconclusive"


def test_an_estimate_without_a_standard_error_says_nothing():
    assert answer(Interval(0.05, float("nan"), INF), 0.02) == "inconclusive"


@pytest.mark.parametrize(
    ("found", "p", "label", "left"),
    [
        ("supported", 0.049, "confirmatory", "supported"),
        ("supported", 0.050, "confirmatory", "inconclusive"),
        ("harm", 0.200, "confirmatory", "inconclusive"),
        ("supported", float("nan"), "confirmatory", "inconclusive"),
        ("no worthwhile effect", 0.900, "confirmatory", "no worthwhile effect"),
        ("not supported", 0.900, "confirmatory", "not supported"),
        ("supported", 0.200, "exploratory", "supported"),
    ],
)
def test_a_confirmatory_claim_has_to_survive_holm(found, p, label, left):
    assert confirmed(found, p, label) == left


# --- judging -------------------------------------------------------------------------------------


def row(claim, estimate, std_error, p_adjusted=0.001, **cells):
    low, high = Interval(estimate, std_error, INF).bounds(0.95)
    base = {
        "model": "main" if claim == "C1" else "main x confidence", "outcome": "job_entry",
        "exposure": "relationship", "estimand": "x 1 SD", "scale": "risk_difference",
        "contrast": "sd", "group": "all" if claim == "C1" else "low minus high",
        "estimate": estimate, "std_error": std_error, "dof": INF, "conf_low": low,
        "conf_high": high, "p_value": p_adjusted, "p_adjusted": p_adjusted, "family": "",
        "claim": claim, "null_value": 0.0, "unit": "probability", "n_obs": 750, "n_clients": 750,
        "n_practitioners": 60, "status": "ok", "events": 300, "non_events": 450,
    }  # fmt: skip
    return base | cells


# an estimate and standard error for every answer, with D = 0.02
GIVES = {
    "supported": (0.060, 0.010),
    "harm": (-0.060, 0.010),
    "no worthwhile effect": (0.003, 0.008),
    "not supported": (-0.010, 0.012),
    "inconclusive": (0.010, 0.030),
}


def judged(tables, first, second=(0.003, 0.008), evidence=EVIDENCE, **verdicts):
    tables["verdicts"] |= {"claims": ["C1", "C2"]} | verdicts
    tables["effects"]["family"] = tables["verdicts"]["label"]
    rows = effect_rows([row("C1", *first), row("C2", *second)])
    return judge(parse_plan(tables), rows, evidence)


def text(said):
    """A sentence, its counts as they stand in it."""
    return said.template.format(**said.counts) if isinstance(said, Phrase) else said


def two_claims(tables):
    tables["verdicts"]["claims"] = ["C1", "C2"]
    return parse_plan(tables)


def gate(verdict, name):
    return next(gate for gate in verdict.gates if gate.name == name)


@pytest.mark.parametrize("expected", ANSWERS)
def test_the_first_claim_takes_the_answer_of_its_interval(employment, expected):
    assert judged(employment, GIVES[expected])[0].answer == expected


def test_a_smaller_effect_at_low_confidence_is_not_harm_and_the_claim_not_supported(employment):
    second = judged(employment, GIVES["supported"], GIVES["harm"])[1]
    assert second.answer == "not supported"
    assert text(second.sentence) == (
        "The difference is smaller among clients with low confidence than among those with high "
        "confidence: 6.0 fewer per 100 clients, plausible range 4.0 to 8.0 fewer."
    )


def test_a_board_paper_may_say_this(employment):
    first, second = judged(employment, GIVES["supported"], GIVES["inconclusive"])
    assert text(first.sentence) == (
        "A better relationship is followed by a higher chance of a job within a year: 6.0 more "
        "per 100 clients, plausible range 4.0 to 8.0 more, for a relationship one "
        "standard deviation better."
    )
    assert (first.verb, second.verb) == ("is followed by", "is followed by")
    assert text(second.sentence).startswith(
        "Whether the difference is larger among clients with low confidence than among those with "
        "high confidence stays open: "
    )


def test_at_the_same_interview_every_sentence_says_so(employment):
    evidence = replace(EVIDENCE, design="same_wave")
    first, _ = judged(employment, GIVES["supported"], evidence=evidence)
    assert text(first.sentence).startswith("At the same interview, a better relationship goes with")
    assert first.verb == "goes with, at the same interview"
    open_question, _ = judged(employment, GIVES["inconclusive"], evidence=evidence)
    assert text(open_question.sentence).startswith("Whether, at the same interview, a better")
    assert gate(first, "timing").outcome == "cap"


def test_an_effect_too_small_to_matter_is_still_told_with_its_sign(employment):
    sentence = text(judged(employment, (-0.003, 0.008))[0].sentence)
    assert "too small to matter" in sentence
    assert "0.3 fewer per 100 clients" in sentence


def test_holm_decides_over_a_confirmatory_claim(employment):
    employment["verdicts"]["label"] = employment["effects"]["family"] = "confirmatory"
    rows = effect_rows([row("C1", 0.06, 0.01, 0.06), row("C2", *GIVES["supported"], 0.01)])
    first, second = judge(two_claims(employment), rows, EVIDENCE)
    assert (first.answer, second.answer) == ("inconclusive", "supported")


def test_verdicts_come_in_the_order_of_the_plan(employment):
    verdicts = judged(employment, GIVES["supported"], claims=["C2", "C1"])
    assert [verdict.claim for verdict in verdicts] == ["C2", "C1"]
    assert verdicts[0].rests_on["group"] == "low minus high"


# --- gates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "name", "outcome"),
    [
        ({}, "timing", "pass"),
        ({"design": "same_wave"}, "timing", "cap"),
        ({}, "same_rater", "pass"),
        ({"reported_by": "client"}, "same_rater", "cap"),
        ({}, "assignment", "cap"),
        ({"n_clusters": 9}, "groups", "block"),
        ({"n_clusters": 10}, "groups", "cap"),
        ({"n_clusters": 39}, "groups", "cap"),
        ({"n_clusters": 40}, "groups", "pass"),
        ({}, "convergence", "pass"),
        ({"converged": {"main": False, "main x confidence": True}}, "convergence", "block"),
        ({"converged": {}}, "convergence", "block"),
    ],
)
def test_a_gate_passes_caps_or_blocks(employment, change, name, outcome):
    evidence = replace(EVIDENCE, **change)
    assert gate(judged(employment, GIVES["supported"], evidence=evidence)[0], name).outcome == (
        outcome
    )


@pytest.mark.parametrize(("smallest", "outcome"), [(49, "cap"), (50, "pass")])
def test_the_smallest_band_is_judged_for_the_second_claim_only(employment, smallest, outcome):
    evidence = replace(EVIDENCE, bands={"low": 200, "mid": smallest, "high": 250})
    first, second = judged(employment, GIVES["supported"], evidence=evidence)
    assert gate(second, "bands").outcome == outcome
    assert gate(second, "bands").answer.counts == {"n": smallest}
    assert "bands" not in {gate.name for gate in first.gates}


def test_a_cap_holds_the_verb_and_leaves_the_answer(employment):
    evidence = replace(EVIDENCE, n_clusters=12, reported_by="client")
    assert judged(employment, GIVES["supported"], evidence=evidence)[0].answer == "supported"


@pytest.mark.parametrize(
    "change",
    [{"n_clusters": 9}, {"converged": {"main": False, "main x confidence": False}}],
    ids=["few groups", "not converged"],
)
def test_a_block_means_that_nothing_can_be_tested_here(employment, change):
    for verdict in judged(employment, GIVES["supported"], evidence=replace(EVIDENCE, **change)):
        assert (verdict.answer, verdict.verb) == ("cannot be tested here", "")
        assert not re.search(r"\d", text(verdict.sentence))


def test_a_row_without_numbers_cannot_be_tested(employment):
    missing = dict.fromkeys(NUMERIC, np.nan) | {"status": "not_converged"}
    rows = effect_rows([row("C1", 0.06, 0.01) | missing, row("C2", *GIVES["supported"])])
    assert judge(two_claims(employment), rows, EVIDENCE)[0].answer == "cannot be tested here"


# --- what a block takes away ---------------------------------------------------------------------


def every_row():
    """Rows of the primary model, of the one with bands and of a secondary one."""
    names = [
        ("main", "all", "C1"),
        ("main", "all", ""),
        ("main x confidence", "low", ""),
        ("main x confidence", "low minus high", "C2"),
        ("pooled", "all", ""),
    ]
    made = []
    for at, (model, group, claim) in enumerate(names):
        scale = "log_odds" if at == 1 else "risk_difference"
        cells = {"model": model, "group": group, "claim": claim, "scale": scale}
        made.append(row("C1", *GIVES["supported"]) | cells)
    return effect_rows(made)


def with_numbers(table):
    return sorted(set(table.frame.loc[table.frame["estimate"].notna(), "model"]))


@pytest.mark.parametrize("claims", [["C1"], ["C2"], ["C1", "C2"]])
def test_too_few_groups_take_the_numbers_from_every_row_of_the_model(employment, claims):
    employment["verdicts"]["claims"] = claims
    plan, effects = parse_plan(employment), every_row()
    verdicts = judge(plan, effects, replace(EVIDENCE, n_clusters=9))
    # the study names every model that has too few groups, also those on which no claim rests
    left = withhold(effects, verdicts, too_few={"main", "main x confidence"})
    assert with_numbers(left) == ["pooled"]
    blocked = left.frame["model"] != "pooled"
    assert set(left.frame.loc[blocked, "status"]) == {"failed_gate"}
    assert left.frame.loc[blocked, list(NUMERIC)].isna().all(axis=None)
    assert left.evidence is effects.evidence


@pytest.mark.parametrize(
    ("alike", "lost"),
    [("means", set()), ("not_known", set()), ("", set()),
     ("slopes", {"access", "left"}), ("nothing", {"access", "left"})],
)  # fmt: skip
def test_parts_of_a_gap_that_compare_mean_scores_go_where_these_may_not_be(employment, alike, lost):
    gap = row("C1", 0.05, 0.01) | {"claim": "", "scale": "gap", "model": "main x confidence"}
    effects = effect_rows(gap | {"contrast": part} for part in ("gap", "access", "left"))
    verdicts = judge(two_claims(employment), every_row(), EVIDENCE)
    left = withhold(effects, verdicts, alike_in_bands=alike).frame.set_index("contrast")
    assert set(left.index[left["status"] == "failed_gate"]) == lost
    assert set(left.index[left["estimate"].isna()]) == lost


def test_enough_groups_take_nothing(employment):
    effects = every_row()
    verdicts = judge(two_claims(employment), effects, EVIDENCE)
    pd.testing.assert_frame_equal(withhold(effects, verdicts).frame, effects.frame)


def test_a_model_that_did_not_converge_keeps_that_as_its_reason(employment):
    missing = dict.fromkeys(NUMERIC, np.nan) | {"status": "not_converged"}
    effects = effect_rows([row("C1", 0.06, 0.01) | missing, row("C2", *GIVES["supported"])])
    evidence = replace(EVIDENCE, converged={"main": False, "main x confidence": True})
    left = withhold(effects, judge(two_claims(employment), effects, evidence))
    assert list(left.frame["status"]) == ["not_converged", "ok"]


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("second", ANSWERS)
@pytest.mark.parametrize("first", ANSWERS)
def test_no_sentence_says_more_than_its_design(employment, first, second, design):
    evidence = replace(EVIDENCE, design=design)
    verdicts = judged(employment, GIVES[first], GIVES[second], evidence)
    wording = word(verdicts, evidence)
    said = [*wording.can_say, *wording.cannot_say, *(verdict.sentence for verdict in verdicts)]
    said += [verdict.statement for verdict in verdicts] + [verdict.verb for verdict in verdicts]
    assert len(said) >= 9
    assert [text(one) for one in said if FORBIDDEN.search(text(one))] == []


@pytest.mark.parametrize("design", DESIGNS)
def test_no_sentence_of_a_blocked_claim_says_more_than_its_design(employment, design):
    evidence = replace(EVIDENCE, design=design, n_clusters=3)
    verdicts = judged(employment, GIVES["supported"], GIVES["supported"], evidence)
    wording = word(verdicts, evidence)
    said = [*wording.can_say, *wording.cannot_say, *(verdict.sentence for verdict in verdicts)]
    assert [text(one) for one in said if FORBIDDEN.search(text(one))] == []
    assert [str(one) for one in wording.can_say] == [
        "Do not use these figures to judge single practitioners: none is named or ranked."
    ]


def test_what_gives_an_answer_away_is_marked_with_its_claim(employment):
    verdicts = judged(employment, GIVES["supported"], GIVES["inconclusive"])
    wording = word(verdicts, EVIDENCE)
    assert [phrase.claim for phrase in wording.can_say] == ["C1", "C2", ""]
    assert [phrase.claim for phrase in wording.cannot_say] == ["", "", "C2"]


def test_at_the_same_interview_nothing_is_said_of_what_came_first(employment):
    evidence = replace(EVIDENCE, design="same_wave")
    verdicts = judged(employment, GIVES["supported"], evidence=evidence)
    said = [str(phrase) for phrase in word(verdicts, evidence).cannot_say]
    assert "Which came first: rating and outcome stand at one and the same interview." in said


def test_a_phrase_forgets_its_claim_when_it_is_cleared():
    assert Phrase("Look into it.", claim="C1").cleared({}) == Phrase("Look into it.")


def test_a_table_with_two_rows_for_a_claim_is_refused(employment):
    effects = effect_rows([row("C1", 0.06, 0.01), row("C1", 0.05, 0.01)])
    employment["verdicts"]["claims"] = ["C1"]
    with pytest.raises(KeyError, match="2 rows fit"):
        judge(parse_plan(employment), EffectTable(effects.frame), EVIDENCE)
