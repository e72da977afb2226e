"""The annex of reporting standards: nothing is said to be there that is not."""

from types import MappingProxyType, SimpleNamespace

import pandas as pd
import pytest

from deepvalue_stats.plan import parse_plan
from deepvalue_stats.report.checklists import (
    NOT_DONE,
    NOT_STATED,
    RECORD,
    STROBE,
    TIDIER,
    Item,
    answer,
)
from deepvalue_stats.report.markup import plain


def findings(**study):
    return SimpleNamespace(
        study=study,
        counts={},
        series={},
        verdicts=(),
        provenance=MappingProxyType({}),
        effects=SimpleNamespace(frame=pd.DataFrame({"status": ["suppressed"]})),
        wording=SimpleNamespace(cannot_say=()),
    )


@pytest.mark.parametrize("item", [*STROBE, *RECORD, *TIDIER])
def test_a_study_without_anything_answers_nothing(item):
    assert answer(findings(), item) in (NOT_DONE, NOT_STATED)


def test_the_lists_are_whole():
    assert [one.number for one in STROBE] == [str(n) for n in range(1, 23)]
    assert len(RECORD) == 13
    assert [one.number for one in TIDIER] == [str(n) for n in range(1, 13)]


def test_a_table_without_rows_answers_nothing():
    item = Item("1", "x", ("counts:flow",), "Data, linkage and flow")
    found = findings()
    found.counts["flow"] = SimpleNamespace(frame=pd.DataFrame({"step": []}))
    assert answer(found, item) == NOT_DONE
    found.counts["flow"] = SimpleNamespace(frame=pd.DataFrame({"step": ["read"]}))
    told = answer(found, item)
    assert plain(told) == "Data, linkage and flow"
    assert 'href="#data-linkage-and-flow"' in told.text


def test_the_plan_s_words_on_the_service_are_told_as_they_stand():
    found = findings(intervention={"why": "People who are heard come back.", "how": None})
    assert answer(found, TIDIER[1]) == "People who are heard come back."
    assert answer(found, TIDIER[5]) == NOT_STATED


def test_words_on_the_service_survive_a_round_and_leave_other_plans_alone(employment):
    before = parse_plan(employment)
    said = parse_plan({**employment, "intervention": {"why": "To be heard."}})
    assert not any(key.startswith("intervention") for key in before.settings)
    assert said.digest != before.digest
    changed = {k for k in said.settings if said.settings[k] != before.settings.get(k)}
    assert all(key.startswith("intervention") for key in changed)
    assert not any(key.endswith(".path") for key in said.settings)
