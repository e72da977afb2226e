"""The measurement page: sentences by rule, words for every picture, and nothing that was hidden."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from test_report_invented import ACRO, invented
from test_report_parts import soup, text
from test_scale_tables import answered

from deepvalue_stats.measures import (
    ceiling_table,
    dimension_tables,
    histogram_table,
    invariance_table,
    item_ends_table,
    item_function_table,
    item_table,
    practitioner_table,
    reliability_table,
    retest_table,
    score_table,
)
from deepvalue_stats.plan import read_plan
from deepvalue_stats.report.page import Page
from deepvalue_stats.tables import CountTable

ROOT = Path(__file__).resolve().parents[2]
PLAN = read_plan(ROOT / "analyses" / "synthetic_employment" / "plan.toml")
PARTS = (
    "reliability", "scores", "items", "dimensions", "practitioners", "steadiness", "alike",
)  # fmt: skip
TABLES = dict(
    zip(
        PARTS,
        ("reliability", "ceiling", "items", "dimensions", "practitioners", "retest", "invariance"),
        strict=True,
    )
)


def page_of(*, rules=None, **changes):
    """A page over the real tables of planted answers; the exposure is `relationship`."""
    one, bands = answered(rows=changes.pop("rows", 600), **changes)
    one = replace(one, measure=replace(one.measure, name="relationship"))
    told = (PLAN, (one,), bands)
    tables = (
        reliability_table((one,), bands),
        item_table(*told),
        item_ends_table(*told),
        score_table(*told),
        ceiling_table(*told),
        histogram_table(*told),
        *dimension_tables((one,)),
        practitioner_table(PLAN, (one,)),
        retest_table(PLAN, (one,)),
        invariance_table((one,), {"confidence": bands})[0],
    )
    return Page(invented(*([rules] if rules else []), counts=tables))


@pytest.fixture(scope="module")
def whole():
    return page_of()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_without_its_table_says_so(part):
    page = Page(invented(counts=()))
    assert text(getattr(page, part)()) == f"This study has no table of {TABLES[part]}."


@pytest.mark.parametrize("part", PARTS)
def test_every_picture_has_words_and_every_table_a_caption(whole, part):
    found = soup(getattr(whole, part)())
    assert all(len(image["alt"]) > 40 for image in found.find_all("img"))
    assert all(table.find("caption") for table in found.find_all("table"))


def test_two_raters_are_compared_and_one_is_said_to_be_alone(whole):
    alone = "This study has ratings of one side only: nobody can say whether they agree."
    assert text(whole.raters()) == alone
    cells = {
        "client_measure": "relationship", "practitioner_measure": "alliance_staff", "pairs": 120,
        "practitioners": 20, "r": 0.31, "r_low": 0.2, "r_high": 0.42,
    }  # fmt: skip
    rules = {name: "label" if "measure" in name else "statistic" for name in cells}
    rules |= {"pairs": "count", "practitioners": "count"}
    table = CountTable("raters", "Two raters", pd.DataFrame([cells]), rules)
    found = soup(Page(invented(counts=(table,))).raters())
    assert found.p.get_text() == "Relationship and alliance staff: r 0.31 (0.20 to 0.42)."


def test_reliability_is_said_in_one_sentence(whole):
    found = soup(whole.reliability())
    said = found.p.get_text()
    assert said == (
        "Relationship: omega 0.89 (0.87 to 0.91), good enough for comparing groups, not for "
        "speaking of single persons."
    )
    assert "relationship, low: 0." in found.img["alt"]


def test_the_ends_of_the_scale_are_said_in_percent(whole):
    said = [one.get_text() for one in soup(whole.scores()).find_all("p")]
    assert said[0].startswith("Relationship: ")
    assert said[0].endswith("% of the scores lie at the lowest there is.")


def test_items_without_trouble_are_said_to_have_none(whole):
    said = soup(whole.items()).p.get_text()
    assert said == "Every item of the exposure goes with the others, and none is at its ceiling."


def test_an_item_that_goes_against_the_others_is_named():
    one, bands = answered()
    frame = one.frame.copy()
    frame[3] = 6 - frame[3]
    turned = replace(one, measure=replace(one.measure, name="relationship"), frame=frame)
    page = Page(invented(counts=(item_table(PLAN, (turned,), bands),)))
    said = [paragraph.get_text() for paragraph in soup(page.items()).find_all("p")]
    assert said[0].startswith("q4: goes against the others")


def test_structure_and_groups_are_said_in_one_sentence_each(whole):
    assert soup(whole.dimensions()).p.get_text() == "Relationship, one factor: fits well."
    assert soup(whole.alike()).p.get_text() == (
        "Relationship across confidence: The scale works alike in all groups: slopes and means "
        "may be compared."
    )
    assert "confidence: scalar" in soup(whole.alike()).img["alt"]


def test_an_item_that_differs_is_said_with_its_points_and_a_small_p_as_one():
    one, bands = answered(rows=1000, shift=0.9)
    one = replace(one, measure=replace(one.measure, name="relationship"))
    tables = (
        invariance_table((one,), {"confidence": bands})[0],
        item_function_table((one,), {"confidence": bands}),
    )
    found = soup(Page(invented(counts=tables)).alike())
    said = [paragraph.get_text() for paragraph in found.find_all("p")]
    assert any(
        one.startswith("q2 across confidence: answered differently at the same level")
        for one in said
    )
    cells = [cell.get_text() for cell in found.select("td")]
    assert "<0.001" in cells


def test_practitioners_are_known_by_clients_and_no_one_is_named(whole):
    found = soup(whole.practitioners())
    assert "between practitioners" in found.p.get_text()
    assert "with 10 clients" in found.img["alt"]
    assert "p1" not in found.get_text()


def test_what_disclosure_control_has_hidden_is_in_no_sentence_and_no_picture():
    page = page_of(rules=ACRO, rows=14)
    for part in PARTS:
        found = soup(getattr(page, part)())
        for image in found.find_all("img"):
            assert "nan" not in image["alt"]
        for paragraph in found.find_all("p"):
            assert "[c]" not in paragraph.get_text() or "Suppressed" in paragraph.get_text()
    drawn = soup(page.scores()).img
    assert "suppressed" in drawn["alt"]
