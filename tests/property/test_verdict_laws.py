"""Laws of verdicts: every interval has one answer, and answers move as evidence does."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from deepvalue_stats.verdicts import Gate, Interval, alike, answer
from deepvalue_stats.verdicts.needed import TO_EXCLUDE, TO_FIND, needed
from deepvalue_stats.verdicts.rules import (
    CEILINGS,
    LADDER,
    VERBS,
    apart,
    confirmed,
    one_sided,
    strongest_verb,
)

ANSWERS = {"supported", "not supported", "harm", "no worthwhile effect", "inconclusive"}
MIRROR = {"supported": "harm", "harm": "supported", "no worthwhile effect": "no worthwhile effect"}
sizes = st.floats(-0.5, 0.5)
errors = st.floats(1e-4, 0.3)
freedoms = st.one_of(st.integers(5, 500).map(float), st.just(float("inf")))
worth = st.floats(0.005, 0.1)


@given(value=sizes, error=errors, dof=freedoms, worthwhile=worth)
def test_every_interval_has_one_answer(value, error, dof, worthwhile):
    assert answer(Interval(value, error, dof), worthwhile) in ANSWERS


@given(value=sizes, error=errors, dof=freedoms, worthwhile=worth)
def test_benefit_and_harm_are_each_others_mirror(value, error, dof, worthwhile):
    one, other = (answer(Interval(sign * value, error, dof), worthwhile) for sign in (1, -1))
    if one in MIRROR:
        assert other == MIRROR[one]
    else:  # a gain that is excluded is a loss that is not
        assert other in ("not supported", "inconclusive")


@given(
    value=st.floats(0, 0.5), more=st.floats(0, 0.2), error=errors, dof=freedoms, worthwhile=worth
)
def test_a_larger_estimate_never_takes_support_away(value, more, error, dof, worthwhile):
    if answer(Interval(value, error, dof), worthwhile) == "supported":
        assert answer(Interval(value + more, error, dof), worthwhile) == "supported"


@given(value=sizes, error=errors, dof=freedoms, worthwhile=worth, wider=st.floats(1, 20))
def test_less_evidence_never_makes_an_answer_firmer(value, error, dof, worthwhile, wider):
    """From an open answer no wider interval leads to a closed one."""
    if answer(Interval(value, error, dof), worthwhile) == "inconclusive":
        found = answer(Interval(value, wider * error, dof), worthwhile)
        assert found in ("inconclusive", "not supported")
        # which happens only below zero, where the width was all that hid a loss
        assert found == "inconclusive" or value < 0


@given(value=sizes, dof=freedoms, worthwhile=worth)
def test_enough_evidence_decides(value, dof, worthwhile):
    wanted = (
        "no worthwhile effect"
        if abs(value) < 0.999 * worthwhile
        else "supported"
        if value > worthwhile
        else "harm"
    )
    if abs(abs(value) - worthwhile) > 1e-3:
        assert answer(Interval(value, 1e-7, dof), worthwhile) == wanted


@given(value=sizes, error=errors, dof=freedoms, worthwhile=worth, p=st.floats(0, 1))
def test_holm_and_the_side_of_a_claim_only_weaken(value, error, dof, worthwhile, p):
    found = answer(Interval(value, error, dof), worthwhile)
    assert confirmed(found, p, "exploratory") == found
    assert confirmed(found, p, "confirmatory") in (found, "inconclusive")
    assert one_sided(found) in (found, "not supported")
    assert one_sided(found) != "harm"


pairs = st.lists(st.tuples(sizes, errors, st.floats(0, 1)), min_size=1, max_size=6)


@given(pairs=pairs, dof=freedoms, worthwhile=worth, one=st.tuples(sizes, errors, st.floats(0, 1)))
def test_a_further_pair_of_areas_never_makes_them_more_alike(pairs, dof, worthwhile, one):
    def judged(rows):
        intervals = [Interval(value, error, dof) for value, error, _ in rows]
        p_values = [p for *_, p in rows]
        return alike(intervals, p_values, worthwhile), apart(intervals, p_values, worthwhile)

    (before, shown), (after, _) = judged(pairs), judged([*pairs, one])
    assert before in ("supported", "not supported", "inconclusive")
    assert not (before == "supported" and shown.any())
    assert (before == "not supported") == bool(shown.any())
    if before != "supported":
        assert after != "supported"
    if before == "not supported":
        assert after == "not supported"


@given(
    error=st.floats(0.02, 0.3), worthwhile=st.floats(0.005, 0.02), clients=st.integers(50, 9_999)
)
def test_half_the_difference_takes_four_times_the_study(error, worthwhile, clients):
    row = pd.Series({"std_error": error, "n_practitioners": None, "n_clients": clients})
    whole, half = needed(row, worthwhile), needed(row, worthwhile / 2)
    assert abs(half.times / whole.times - 4) < 1e-9
    assert abs(half.clients - 4 * whole.clients) <= 4
    assert needed(row, worthwhile, TO_EXCLUDE).times > needed(row, worthwhile, TO_FIND).times


@given(
    design=st.sampled_from(sorted(VERBS)),
    capped=st.lists(st.sampled_from(sorted(CEILINGS)), max_size=5),
    more=st.sampled_from(sorted(CEILINGS)),
)
def test_no_gate_ever_strengthens_a_verb(design, capped, more):
    def gates(names):
        return [Gate(name, "?", "cap", "No.") for name in names]

    verb = strongest_verb(design, gates(capped))
    assert LADDER.index(verb) <= LADDER.index(VERBS[design])
    further = strongest_verb(design, gates([*capped, more]))
    assert LADDER.index(further) <= LADDER.index(verb)
    # a gate that passes, notes or blocks says nothing of verbs
    others = [Gate(more, "?", outcome, "So.") for outcome in ("pass", "note", "block")]
    assert strongest_verb(design, [*gates(capped), *others]) == verb
