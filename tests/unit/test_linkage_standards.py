"""What RECORD and GUILD ask: filled from the plan, or to be asked of the owner."""

import pytest
from linkage_language import linked, plan_with

from deepvalue_stats.linkage import continuity_table, open_questions, standards_table
from deepvalue_stats.plan import read_plan

OWNED = ("population", "generated", "access", "identifiers", "linked_by", "error_rates")


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


def test_what_the_owner_said_stands_there_by_source_and_is_asked_no_more():
    said = {f"sources.outcomes.provenance.{key}": f"the owner's {key}" for key in OWNED}
    said["sources.clients.provenance.population"] = "all who came"
    plan = plan_with(said)
    assert open_questions(plan) == []
    assert answer(plan, "1.2") == "outcomes: the owner's population; clients: all who came"


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
    passes = {"clients": "clients", "agree": [["nino"], ["name", "born"]]}
    plan = plan_with(
        {
            "links.outcomes.rule": "passes",
            "links.outcomes.passes": passes,
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
