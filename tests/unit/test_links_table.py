"""Links by a table of candidates: whose each record is, and who is left over."""

from pathlib import Path

import pytest
from linkage_language import frame, plan_with, texts_of

from deepvalue_stats.data import read_data
from deepvalue_stats.errors import PlanError
from deepvalue_stats.linkage import link, pseudonymise, resolve_links, with_minimum
from deepvalue_stats.measures import score

LINKED = {
    "sources.pairs": {"path": "-", "format": "csv", "key": ["n"]},
    "links.outcomes": {
        "rule": "table",
        "cardinality": "one_to_many",
        "unlinked": "no_event",
        "table": {"source": "pairs", "record": "job", "weight": "weight", "minimum": 6},
    },
}
CONTACTS = "client  day  who\na  0  P\nb  0  P\nc  0  P"
RECORDS = """
    job  start
    j1   12
    j2   14
    j3   16
"""


def read(outcomes, pairs, changes=(), contacts=CONTACTS):
    plan = plan_with(LINKED | dict(changes))
    texts = texts_of(plan, contacts=contacts, outcomes=outcomes)
    frames = {name: frame(text) for name, text in (texts | {"pairs": pairs}).items()}
    return plan, read_data(plan, folder=Path(), frames=frames)


def owners(outcomes, pairs, changes=(), contacts=CONTACTS):
    """The client of each record that found one, and why the others did not."""
    plan, data = read(outcomes, pairs, changes, contacts)
    found = resolve_links(plan, data)["outcomes"]
    left = {step.reason: step.left for step in found.attrition if step.left}
    return dict(zip(found.frame["job"], found.frame["client"], strict=True)), left


def test_a_record_goes_to_its_candidate_of_largest_weight_from_the_minimum_on():
    pairs = """
        client  job  weight
        a       j1   6
        b       j1   5.9
        b       j2   5.99
        c       j3   20
        a       j3   19
    """
    below = {"record whose best candidate is below weight 6": 1}
    assert owners(RECORDS, pairs) == ({"j1": "a", "j3": "c"}, below)


def test_a_record_that_goes_equally_well_with_two_clients_goes_to_neither():
    pairs = """
        client  job  weight
        a       j1   9
        b       j1   9
        a       j2   9
        a       j2   9
    """
    assert owners(RECORDS, pairs) == (
        {"j2": "a"},
        {
            "record without a candidate client": 1,
            "record that goes equally well with several clients": 1,
        },
    )


def test_pairs_that_lack_an_id_or_a_weight_are_no_candidates():
    pairs = """
        client  job  weight
        .       j1   9
        a       .    9
        a       j2   .
        b       j3   9
    """
    assert owners(RECORDS, pairs) == ({"j3": "b"}, {"record without a candidate client": 2})


def test_a_record_without_an_id_of_its_own_has_no_candidate():
    records = "job  start\n.  12\nj1  13"
    pairs = "client  job  weight\na  j1  9\nb  .  9"
    assert owners(records, pairs) == ({"j1": "a"}, {"record without a candidate client": 1})


def test_pairs_need_no_column_of_probability_and_may_have_one():
    pairs = "client  job  weight  probability\na  j1  9  .\nb  j1  8  0.99"
    assert owners("job  start\nj1  12", pairs)[0] == {"j1": "a"}


def test_where_a_client_has_one_record_the_better_one_stays_and_of_equals_the_earlier_line():
    pairs = """
        client  job  weight
        a       j1   8
        a       j2   9
        b       j3   9
    """
    single = {"links.outcomes.cardinality": "one_to_one"}
    second = {"record of a client who has a better one": 1}
    assert owners(RECORDS, pairs, single) == ({"j2": "a", "j3": "b"}, second)
    equal = pairs.replace("j1   8", "j1   9")
    assert owners(RECORDS, equal, single) == ({"j1": "a", "j3": "b"}, second)


def test_the_records_are_joined_by_the_ids_that_they_found_and_the_ledger_adds_up():
    pairs = "client  job  weight\na  j1  9\nb  j2  1"
    plan, data = read(RECORDS, pairs)
    resolved = resolve_links(plan, data)
    steps = resolved["outcomes"].attrition
    assert [step.rows for step in steps] == [3, 2, 1]
    rows = link(plan, score(plan, resolved)).frame
    assert dict(zip(rows["client"], rows["job"], strict=True)) == {"a": 1, "b": 0, "c": 0}
    lower = resolve_links(with_minimum(plan, "outcomes", 1.0), data)
    rows = link(plan, score(plan, lower)).frame
    assert dict(zip(rows["client"], rows["job"], strict=True)) == {"a": 1, "b": 1, "c": 0}


def test_ids_that_a_link_found_are_pseudonyms_as_the_others_are():
    pairs = "client  job  weight\na  j1  9"
    plan, data = read(RECORDS, pairs)
    keyed = pseudonymise(plan, resolve_links(plan, data), b"0123456789abcdef")
    (owner,) = keyed["outcomes"].frame["client"]
    assert owner == keyed["clients"].frame["client"][0] != "a"


def test_a_plan_whose_link_is_by_key_has_no_minimum_to_change():
    with pytest.raises(ValueError, match="'outcomes' is not linked by a table"):
        with_minimum(plan_with(), "outcomes", 3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"links.outcomes.table.source": "pears"},
            "there is no source 'pears', did you mean 'pairs'?\n"
            "  where: plan, links.outcomes.table.source\n"
            "  fix:   use one of contacts, ratings, outcomes, clients, pairs",
        ),
        (
            {"links.outcomes.table.source": "outcomes"},
            "a source cannot say whom its own records belong to\n"
            "  where: plan, links.outcomes.table.source\n"
            "  fix:   name the source that holds the pairs",
        ),
        (
            {
                "links.pairs": {
                    "rule": "passes",
                    "cardinality": "one_to_many",
                    "unlinked": "exclude",
                    "passes": {"clients": "clients", "agree": [["nino"]]},
                },
            },
            "the client's id of 'pairs' is itself found by passes\n"
            "  where: plan, links.outcomes.table.source\n"
            '  fix:   name a source that has it, or set links.pairs.rule = "key"',
        ),
        (
            {"links.outcomes.table.record": "client"},
            "'client' is the client's id, to be found\n"
            "  where: plan, links.outcomes.table.record\n"
            "  fix:   name another column",
        ),
        (
            {"links.outcomes.rule": "key"},
            'rule = "table" and table go together\n'
            "  where: plan, links.outcomes\n"
            "  fix:   give what is needed and take out what is not",
        ),
    ],
)
def test_what_a_plan_says_wrongly_of_a_table_is_told(changes, told):
    with pytest.raises(PlanError) as refusal:
        plan_with(LINKED | changes)
    assert str(refusal.value) == f"PlanError: {told}"


def test_a_table_that_lacks_a_column_is_told_with_the_others():
    with pytest.raises(PlanError) as refusal:
        read(RECORDS, "client  job  wait\na  j1  9")
    assert str(refusal.value) == (
        "PlanError: the links are weighed by 'weight', which source 'pairs' does not have\n"
        "  where: links.outcomes.table.weight\n"
        "  fix:   did you mean 'wait'? If not, correct the name, or add 'weight' to the source"
    )
