"""What RECORD and GUILD ask: filled from the plan, or to be asked of the owner."""

import re

import pytest
from linkage_language import linked, plan_with, study

from deepvalue_stats.disclosure import Rules, protect, rules_of
from deepvalue_stats.linkage import (
    continuity_table,
    link,
    linkage_table,
    open_questions,
    standards_table,
)
from deepvalue_stats.plan import read_plan
from deepvalue_stats.tables import effect_rows

NOTHING = effect_rows([dict.fromkeys(("events", "non_events"), 0) | {"status": "ok"}]).where(
    status="none"
)

OWNED = (
    "population", "generated", "validated", "access", "identifiers", "linked_by", "error_rates",
)  # fmt: skip
PASSES = {"clients": "clients", "agree": [["nino"], ["name", "born"]]}
TWO_LINKS = {
    "links.outcomes.rule": "passes",
    "links.outcomes.passes": PASSES,
    "links.ratings": {"rule": "key", "cardinality": "one_to_many", "unlinked": "no_event"},
}
SOURCES = ("contacts", "ratings", "outcomes", "clients")


def states(plan):
    table = standards_table(plan).frame
    return {f"{row.standard} {row.item}: {row.asks}": row.state for row in table.itertuples()}


def answer(plan, item):
    table = standards_table(plan).frame
    (found,) = table.loc[table["item"] == item, "answer"]
    return found


def test_what_only_the_owner_knows_is_asked_and_nothing_else():
    plan = plan_with()
    asked = [key for key, state in states(plan).items() if state == "ask the data owner"]
    assert asked == open_questions(plan)
    assert asked == [
        "RECORD 1.2: place and time of the data",
        "RECORD 6.2: whether that choice was ever validated",
        "RECORD 12.1: how far the analysts could reach the data",
        "GUILD step 1, provision: who is in the data",
        "GUILD step 1, provision: how the data came about and were checked",
        "GUILD step 2, linkage: the identifiers and how they were cleaned",
        "GUILD step 2, linkage: who linked, and by what method",
        "GUILD step 2, linkage: error rates of the link, by group",
    ]


def said_of(*keys, sources=SOURCES):
    return {
        f"sources.{name}.provenance.{key}": f"{key} of {name}" for name in sources for key in keys
    }


def line(plan, asks):
    table = standards_table(plan).frame.set_index("asks")
    return tuple(table.loc[asks, ["state", "answer"]])


def test_what_the_owner_said_stands_there_by_source_and_is_asked_no_more():
    plan = plan_with(said_of(*OWNED))
    assert open_questions(plan) == []
    assert answer(plan, "12.1") == (
        "contacts: access of contacts; ratings: access of ratings; "
        "outcomes: access of outcomes; clients: access of clients"
    )


def test_one_source_that_is_silent_leaves_the_question_open_and_is_named():
    plan = plan_with(said_of("population", sources=("contacts", "clients")))
    assert line(plan, "place and time of the data") == (
        "ask the data owner",
        "contacts: population of contacts; clients: population of clients; "
        "still to be written under provenance.population of ratings, outcomes",
    )


def test_how_data_came_about_does_not_say_that_the_choice_of_people_was_validated():
    plan = plan_with(said_of("generated"))
    asks = "whether that choice was ever validated"
    assert line(plan, asks) == (
        "ask the data owner",
        "still to be written under provenance.validated of contacts, ratings, outcomes, clients",
    )
    assert line(plan_with(said_of("validated")), asks)[0] == "filled"


def test_what_the_package_did_for_one_link_answers_for_no_other():
    asks = "who linked, and by what method"
    ours = "outcomes: this package, by passes of exact agreement"
    assert line(plan_with(TWO_LINKS), asks) == (
        "ask the data owner",
        f"{ours}; still to be written under provenance.linked_by of ratings",
    )
    both = plan_with(TWO_LINKS | said_of("linked_by", sources=("ratings",)))
    assert line(both, asks) == ("filled", f"{ours}; ratings: linked_by of ratings")


def test_only_linked_sources_are_asked_about_links():
    plan = plan_with(said_of("linked_by", sources=("outcomes",)))
    assert line(plan, "who linked, and by what method")[0] == "filled"


def test_that_records_were_linked_is_told_by_source():
    assert answer(plan_with(TWO_LINKS), "1.3") == "linked to clients: outcomes, ratings"


@pytest.mark.parametrize("name", ["synthetic_employment", "help_primary_care"])
def test_no_count_of_a_worked_study_stands_in_the_table(request, name):
    """The same plan over any data gives the same table, so no small cell can leave by it."""
    plan = read_plan(request.config.rootpath / f"analyses/{name}/plan.toml")
    table = standards_table(plan)
    assert set(table.rules.values()) == {"label"}
    known = plan.digest[:12]
    figures = {
        word
        for text in table.frame["answer"]
        for word in re.findall(r"\d+", text.replace(known, ""))
    }
    assert figures == set()


def test_disclosure_hides_the_small_cell_that_an_answer_points_to_and_leaves_the_answer():
    contacts = "client  day  who\n" + "\n".join(f"c{i}  0  P" for i in range(12))
    found_for_three = "client  start\n" + "\n".join(f"c{i}  12" for i in range(3))
    plan, data = study(contacts=contacts, outcomes=found_for_three)
    joined = link(plan, data)
    bands = joined.frame.set_index("client")["confidence"].map({2.0: "mid"})
    asked = standards_table(plan)
    cleared, _ = protect(
        Rules("own", 5, 1),
        effects=NOTHING,
        counts=(linkage_table(plan, data, joined, bands), asked),
        series=(),
    )
    matched, told = cleared.counts
    everybody = matched.frame.iloc[0]
    assert everybody[["with_record", "share"]].tolist() == ["[c]", "[c]"]
    assert told.frame.equals(asked.frame.astype("str"))
    (pointer,) = told.frame.loc[told.frame["item"] == "12.3", "answer"]
    assert pointer.endswith("; clients with a record")


def test_provenance_is_part_of_the_plan_where_it_is_given_and_leaves_others_as_they_were():
    said = plan_with({"sources.clients.provenance.population": "all who came"})
    assert said.digest != plan_with().digest
    assert "provenance" not in plan_with().to_toml()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "by key, a client without a record counts as one without the outcome"),
        (
            {"links.outcomes.unlinked": "unknown"},
            "by key, a client without a record counts as not known, and is left out",
        ),
        (
            {
                "links.outcomes.rule": "passes",
                "links.outcomes.passes": {
                    "clients": "clients", "agree": [["nino"], ["name", "born"]]
                },
            },
            "by agreement in nino then name and born, a client without a record counts as one "
            "without the outcome",
        ),
    ],
)  # fmt: skip
def test_how_people_were_linked_is_told_from_the_plan(changes, told):
    assert answer(plan_with(changes), "12.3") == f"outcomes {told}; clients with a record"


def test_an_audit_and_passes_answer_what_the_package_itself_did():
    plan = plan_with(
        {
            "links.outcomes.rule": "passes",
            "links.outcomes.passes": PASSES,
            "links.outcomes.recall": {"low": [8, 10], "mid": [9, 10], "high": [9, 10]},
        }
    )
    assert [one for one in open_questions(plan) if "step 2" in one] == []


def test_a_study_of_waves_links_nothing(request):
    plan = read_plan(request.config.rootpath / "analyses/help_primary_care/plan.toml")
    found = states(plan)
    none = [key.split(":")[0] for key, state in found.items() if state == "not applicable"]
    assert none == ["RECORD 1.3", "RECORD 6.3", "RECORD 12.3", *["GUILD step 2, linkage"] * 3,
                    *["GUILD step 3, analysis"] * 2]  # fmt: skip


def test_continuity_is_told_by_band_over_clients_with_three_contacts():
    contacts = """
        client  day  who
        a       0    P
        a       1    P
        a       2    Q
        a       3    Q
        b       0    P
        b       1    P
        b       2    P
        c       0    P
        c       1    Q
    """
    found = linked(contacts=contacts)
    bands = found.frame.set_index("client")["confidence"].map({2.0: "mid"})
    bands["b"] = "low"
    table = continuity_table(found.frame, bands, ("low", "mid", "high")).frame.set_index("group")
    assert table["clients"].tolist() == [2, 1, 1, 0]
    assert table.loc["mid"].tolist() == [1, 2, 0.5, pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert table.loc["low"].tolist() == [1, 1, 1, 1, 1]
    assert table.loc["all", "upc"] == pytest.approx(0.75)


def test_without_contacts_there_is_no_table_of_continuity():
    found = linked().frame.drop(columns=["upc", "coc", "secon"])
    assert continuity_table(found, found["client"], ("low",)).frame.empty


def test_a_band_with_few_clients_tells_no_mean_of_its_continuity():
    """Of three clients the mean number of practitioners would be theirs."""
    contacts = "client  day  who\n" + "\n".join(
        f"c{i:02d}  {day}  {'PQ'[i % 2]}" for i in range(40) for day in range(3)
    )
    found = linked(contacts=contacts)
    bands = found.frame.set_index("client")["confidence"].map({2.0: "high"})
    bands.iloc[:3] = "low"
    table = continuity_table(found.frame, bands, ("low", "high"))
    rules = rules_of(plan_with({"disclosure": {"profile": "acro"}}).disclosure)
    found, _ = protect(rules, effects=NOTHING, counts=(table,), series=())
    cleared = found.counts[0].frame.set_index("group")
    assert cleared.loc["low"].tolist() == ["[c]"] * 5
    assert cleared.loc["high", "upc"] != "[c]"
