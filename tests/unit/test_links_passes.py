"""Links by passes: identifiers that agree, the surest first, and who is left over."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from linkage_language import frame, plan_with, texts_of

from deepvalue_stats.data import Dataset, TableSchema, read_data
from deepvalue_stats.errors import PlanError
from deepvalue_stats.linkage import link, resolve_links
from deepvalue_stats.linkage.passes import linked_by_passes
from deepvalue_stats.measures import score
from deepvalue_stats.plan.optional import LinkPasses

PASSES = {
    "links.outcomes": {
        "rule": "passes",
        "cardinality": "one_to_many",
        "unlinked": "no_event",
        "passes": {
            "clients": "clients",
            "agree": [["nino"], ["name", "born", "post"], ["name", "born"]],
        },
    }
}
CONTACTS = "client  day  who\na  0  P\nb  0  P\nc  0  P"
CLIENTS = """
    client  nino  name    born  post    conf  last
    a       N1    Lee     1970  ZZ1 1A  2     1000
    b       N2    O'Hara  1980  ZZ2 2B  2     1000
    c       .     Lee     1970  ZZ3 3C  2     1000
"""


def read(outcomes, changes=(), clients=CLIENTS):
    plan = plan_with(PASSES | dict(changes))
    texts = texts_of(plan, contacts=CONTACTS, outcomes=outcomes, clients=clients)
    frames = {name: frame(text) for name, text in texts.items()}
    return plan, read_data(plan, folder=Path(), frames=frames)


def owners(outcomes, changes=(), clients=CLIENTS):
    """The client of each record by its day, why others have none, and what each pass linked."""
    plan, data = read(outcomes, changes, clients)
    found = resolve_links(plan, data)["outcomes"]
    left = {step.reason: step.left for step in found.attrition if step.left}
    notes = {one.what: one.count for one in found.problems if one.what.startswith("linked by")}
    days = found.frame["start"] - found.frame["start"].min() if len(found.frame) else []
    return dict(zip(days, found.frame["client"], strict=True)), left, notes


def test_the_surest_pass_links_first_and_what_it_linked_no_other_pass_sees():
    records = """
        nino  name   born  post    start
        N2    Lee    1970  ZZ1 1A  10
        .     Lee    1970  ZZ1 1A  11
        .     OHARA  1980  .       12
    """
    assert owners(records) == (
        {0: "b", 1: "a", 2: "b"},
        {},
        {"linked by pass 1 of 3": 1, "linked by pass 2 of 3": 1, "linked by pass 3 of 3": 1},
    )


def test_letters_and_digits_are_compared_whatever_the_case_the_spaces_and_the_signs():
    record = "nino  name  born  post  start\n.  o hara  1980  zz22b  10"
    assert owners(record)[0] == {0: "b"}


def test_who_agrees_with_several_is_nobody_unless_a_later_pass_tells_them_apart():
    records = """
        nino  name  born  post    start
        .     Lee   1970  .       10
        .     Lee   1971  ZZ1 1A  11
    """
    assert owners(records) == (
        {},
        {
            "record that no pass has linked": 1,
            "record that goes equally well with several clients": 1,
        },
        {},
    )
    reversed_order = {"links.outcomes.passes.agree": [["name", "born"], ["post"]]}
    record = "nino  name  born  post  start\n.  Lee  1970  ZZ3 3C  10"
    assert owners(record, reversed_order)[0] == {0: "c"}


def test_what_is_blank_on_either_side_never_agrees():
    records = "nino  name  born  post  start\n.  .  .  .  10\n.  .  1970  ZZ1 1A  11"
    assert owners(records) == ({}, {"record that no pass has linked": 2}, {})


def test_an_identifier_that_nobody_has_links_nobody_even_when_no_record_is_left():
    nobody = "client  nino  name  born  post  conf  last\na  N1  Lee  1970  .  2  1000"
    record = "nino  name  born  post  start\nN1  .  .  ZZ1  10"
    passes = {"links.outcomes.passes.agree": [["nino"], ["post"]]}
    assert owners(record, passes, nobody)[0] == {0: "a"}


def test_where_a_client_has_one_record_that_of_the_earlier_pass_stays():
    records = """
        nino  name    born  post    start
        .     O'Hara  1980  ZZ2 2B  10
        N2    .       .     .       11
        N2    .       .     .       12
    """
    single = {"links.outcomes.cardinality": "one_to_one"}
    found, left, _ = owners(records, single)
    assert found == {0: "b"}
    assert left == {"record of a client who has a better one": 2}


def test_a_client_who_stands_twice_in_the_register_is_one_client():
    twice = CLIENTS + "    a  N1  Lee  1970  ZZ1 1A  2  1000\n"
    record = "nino  name  born  post  start\nN1  .  .  .  10"
    assert owners(record, clients=twice)[0] == {0: "a"}


def test_a_common_name_costs_by_the_row_and_not_by_the_square():
    # 3,000 records of a name that 3,000 clients share: 9 million pairs, if they were made
    shared = range(3_000)
    clients = pd.DataFrame({"client": [f"c{i}" for i in shared], "name": "Lee"})
    records, register = (
        Dataset(rows, TableSchema("any", (), ()))
        for rows in (pd.DataFrame({"name": "Lee", "line": shared}), clients)
    )
    passes = LinkPasses(clients="clients", agree=(("name",),))
    tracemalloc.start()
    whose, why = linked_by_passes(records, register, "client", passes, single=False)[1:3]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert whose.isna().all()
    assert set(why) == {"record that goes equally well with several clients"}
    assert peak < 10e6


def test_dates_agree_however_they_are_written():
    dates = {
        "links.outcomes.passes": {"clients": "clients", "agree": [["name", "born"]],
                                  "dates": ["born"]},
        "reading.dates": ["%Y-%m-%d", "%d/%m/%Y"],
    }  # fmt: skip
    clients = CLIENTS.replace("1970", "1970-02-01").replace("1980", "1980-03-04")
    record = "name  born  start\nO'Hara  04/03/1980  10"
    assert owners(record, dates, clients)[0] == {0: "b"}


def test_linked_records_are_joined_as_any_others():
    plan, data = read("nino  name  born  post  start\nN1  .  .  .  12")
    rows = link(plan, score(plan, resolve_links(plan, data))).frame
    assert dict(zip(rows["client"], rows["job"], strict=True)) == {"a": 1, "b": 0, "c": 0}


def test_an_identifier_may_have_any_name():
    named = {"links.outcomes.passes.agree": [["row"], ["owner", "several"]]}
    clients = CLIENTS.replace("nino", "row ").replace("name", "owner").replace("post", "several")
    records = "row  owner  several  start\nN2  .  .  10\n.  Lee  ZZ1 1A  11"
    assert owners(records, named, clients)[0] == {0: "b", 1: "a"}


def by_plain_loops(records, clients, passes):
    """The same, one record and one client at a time."""
    found = []
    for record in records:
        whose, tied = None, False
        for columns in passes:
            agreeing = {
                client["client"]
                for client in clients
                if all(record[c] and record[c] == client[c] for c in columns)
            }
            tied |= len(agreeing) > 1
            if len(agreeing) == 1:
                (whose,) = agreeing
                break
        none = "goes equally well with several clients" if tied else "no pass has linked"
        found.append(whose or none)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_passes_link_whom_plain_loops_link(seed):
    """Few values, so that many agree, are blank, or stand under two addresses."""
    plan, data = read("nino  name  born  post  start\nN1  .  .  .  12")
    rng = np.random.default_rng(seed)
    columns = ["nino", "name", "born", "post"]

    def drawn(size, values):
        cells = rng.choice(np.array(["", *"ABCDEFGH"[:values]]), (size, 4))
        return pd.DataFrame(cells, columns=columns, dtype="object")

    ours = drawn(60, 4).assign(line=range(2, 62))
    theirs = drawn(12, 4).assign(client=rng.choice(list("pqrstuvw"), 12))
    blank = [one.replace("", None) for one in (ours, theirs)]
    sides = [
        replace(data[name], frame=one)
        for name, one in zip(("outcomes", "clients"), blank, strict=True)
    ]
    rules = plan.links["outcomes"].passes
    _, whose, why, _ = linked_by_passes(*sides, "client", rules, single=False)
    said = whose.where(whose.notna(), why.str.partition(" that ")[2]).tolist()
    expected = by_plain_loops(ours.to_dict("records"), theirs.to_dict("records"), rules.agree)
    assert said == expected
    assert {"goes equally well with several clients", "no pass has linked"} & set(expected)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"links.outcomes.passes.clients": "client"},
            "there is no source 'client', did you mean 'clients'?\n"
            "  where: plan, links.outcomes.passes.clients\n"
            "  fix:   use one of contacts, ratings, outcomes, clients",
        ),
        (
            {"links.outcomes.passes.clients": "outcomes"},
            "a source cannot say whom its own records belong to\n"
            "  where: plan, links.outcomes.passes.clients\n"
            "  fix:   name the source that holds the clients with their identifiers",
        ),
        (
            {
                "sources.people": {"path": "-", "format": "csv", "key": ["n"]},
                "links.people": dict(PASSES["links.outcomes"]),
                "links.outcomes.passes": {"clients": "people", "agree": [["nino"]]},
            },
            "the client's id of 'people' is itself found by passes\n"
            "  where: plan, links.outcomes.passes.clients\n"
            '  fix:   name a source that has it, or set links.people.rule = "key"',
        ),
        (
            {"links.outcomes.passes.dates": ["birth"]},
            "there is no column of a pass 'birth'\n"
            "  where: plan, links.outcomes.passes.dates[0]\n"
            "  fix:   use one of nino, name, born, post",
        ),
        (
            {"links.outcomes.passes.agree": [["nino"], ["client"]]},
            "'client' is the client's id, to be found\n"
            "  where: plan, links.outcomes.passes.agree\n"
            '  fix:   take it out, or link by rule = "key"',
        ),
        (
            {"links.outcomes.rule": "key"},
            'rule = "passes" and passes go together\n'
            "  where: plan, links.outcomes\n"
            "  fix:   give what is needed and take out what is not",
        ),
    ],
)
def test_what_a_plan_says_wrongly_of_passes_is_told(changes, told):
    with pytest.raises(PlanError) as refusal:
        plan_with(PASSES | changes)
    assert str(refusal.value) == f"PlanError: {told}"


def test_records_that_bring_an_id_of_their_own_are_not_overruled_in_silence():
    with pytest.raises(PlanError) as refusal:
        read("client  nino  name  born  post  start\nc  N1  .  .  .  10")
    assert str(refusal.value) == (
        "PlanError: source 'outcomes' has a column 'client', and its clients are found by a link\n"
        "  where: links.outcomes.rule\n"
        '  fix:   set rule = "key", or rename the column if it is no id of these clients'
    )
