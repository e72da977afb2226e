"""Parts of the pages, from findings to markup, without running a notebook."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from test_report_invented import ACRO, BANDS, flow, invented, invented_series, verdicts

from deepvalue_stats.report import Figure, Html, Page
from deepvalue_stats.report.commissioner import figure_heading
from deepvalue_stats.report.drawing import spread
from deepvalue_stats.report.figures import flow_figure
from deepvalue_stats.report.finish import faults
from deepvalue_stats.report.markup import tag
from deepvalue_stats.tables import CountTable


def soup(part):
    return BeautifulSoup(part._repr_html_(), "html.parser")


def text(part):
    return " ".join(soup(part).get_text(" ").split())


@pytest.fixture(scope="module")
def page():
    return Page(invented())


# --- the commissioner's summary ----------------------------------------------------------------


def test_the_banner_says_whose_data_and_what_to_bear_in_mind(page):
    shown = text(page.banner("Commissioner summary"))
    assert shown.startswith("Commissioner summary Does a better relationship")
    assert "Public data." in shown
    assert "Counts are neither suppressed nor rounded." in shown
    assert "Confidence is a proxy" in shown
    assert "Exploratory: a lead to be tested" in shown


@pytest.mark.parametrize("status", ["synthetic", "confidential"])
def test_the_banner_names_the_rules_where_there_are_any(status):
    shown = text(Page(invented(ACRO, status=status)).banner("Summary"))
    assert f"{status.capitalize()} data." in shown
    assert "Counts below 10" in shown
    assert "neither suppressed" not in shown


def test_what_came_from_outside_is_escaped():
    page = Page(invented(question="<script>alert('x')</script> & more?"))
    banner = page.banner("<b>Summary</b>").text
    assert "<script>" not in banner
    assert "&lt;script&gt;" in banner
    assert "<b>" not in banner


def test_found_gives_the_verdicts_in_their_own_sentences(page):
    shown = text(page.found())
    assert "Effective relationships raise the chance of a positive outcome. Supported" in shown
    assert "5.7 more per 100 clients" in shown
    assert "They do so more where confidence is low. Inconclusive" in shown


def test_boxes_say_how_much_for_how_many_and_how_sure(page):
    shown = text(page.boxes())
    assert "5.7 more per 100 clients: abstinent plausible range 1.4 to 10.0 more" in shown
    assert "better by one standard deviation (0.907 points)" in shown
    assert "282 clients behind the main estimate, with 565 records seen by 61" in shown
    assert (
        "Supported strongest wording allowed: \u201cgoes with, at the same interview\u201d" in shown
    )
    assert "3 of 6 checks limit it" in shown


def test_the_table_of_differences(page):
    table = soup(page.effects())
    rows = [[c.get_text(" ", strip=True) for c in row.find_all(["th", "td"])]
            for row in table.select("tbody tr")]  # fmt: skip
    assert rows == [
        ["All clients", "282", "+5.7", "+1.4 to +10.0", "", "Likely higher"],
        ["By confidence"],
        ["Low confidence", "112", "+7.1", "+0.9 to +13.3", "", "Likely higher"],
        ["Mid confidence", "49", "+3.4", "−5.4 to +12.2", "", "Uncertain"],
        ["High confidence", "121", "+4.9", "−1.7 to +11.5", "", "Uncertain"],
        ["Difference between bands"],
        ["Low minus high", "233", "+2.2", "−6.9 to +11.3", "", "Uncertain"],
    ]
    assert "exploratory: Benjamini-Hochberg over 5" in table.get_text()
    assert "[c]" not in table.get_text()


def test_pictures_have_words_and_one_scale(page):
    drawings = soup(page.effects()).find_all("svg")
    assert drawings[0]["aria-label"] == ("All clients: +5.7 per 100, 95% interval +1.4 to +10.0")
    zeros = {drawing.find("line", attrs={"stroke-dasharray": True})["x1"] for drawing in drawings}
    assert len(zeros) == 1


def test_a_dot_is_filled_where_the_interval_leaves_zero_out(page):
    fills = [drawing.circle["fill"] for drawing in soup(page.effects()).find_all("svg")]
    assert fills == ["#123f66", "#123f66", "#ffffff", "#ffffff", "#ffffff"]


def test_a_suppressed_band_shows_its_mark_and_the_reason():
    page = Page(invented(ACRO, low={"n_clients": 8}))
    table = soup(page.effects())
    low = [c.get_text(strip=True) for c in table.select("tbody tr")[2].find_all(["th", "td"])]
    assert low == ["Low confidence", "[c]", "[c]", "[c]", "\u2013", "Suppressed"]
    assert "[c] Suppressed: too few clients" in table.get_text()
    assert "[c]" in text(page.all_effects())


def test_when_everything_is_suppressed_the_page_still_speaks():
    base = invented()
    gone = dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high", "p_value"), np.nan)
    frame = base.effects.frame.assign(**gone, p_adjusted=np.nan, dof=np.nan, status="suppressed")
    frame[["n_clients", "n_obs", "n_practitioners"]] = None
    hidden = replace(base, effects=replace(base.effects, frame=frame), series={}, counts={})
    page = Page(hidden)
    assert "Suppressed" in text(page.boxes())
    assert "the number of clients is suppressed" in text(page.boxes())
    assert text(page.effects()).count("Suppressed") >= 5
    assert "no curve could be published" in text(page.predicted())
    assert "no estimate could be published" in text(page.forest())
    assert figure_heading(hidden) == "Whether outcomes differ with the relationship is uncertain"


def test_the_summary_keeps_to_words_that_mislead_nobody(page):
    parts = (page.found(), page.boxes(), page.effects(), page.predicted(), page.sure(),
             page.means(), page.cannot_say(), page.made())  # fmt: skip
    shown = " ".join(text(part) for part in parts).lower()
    for word in ("significan", "proved", "p-value", "p value", "odds", "p ="):
        assert word not in shown


def test_the_figure_has_a_sentence_and_words_from_the_data(page):
    figure = soup(page.predicted())
    assert figure.h2.get_text() == "A better relationship goes with more good outcomes"
    alt = figure.img["alt"]
    assert alt.startswith("Line chart of Abstinent, per 100 clients against relationship score")
    for band in BANDS:
        assert f"{band} confidence: " in alt
    assert "low confidence: 38.0 (28.3 to 47.7) at 2.0" in alt
    assert figure.img["src"].startswith("data:image/svg+xml;base64,")


def test_a_band_that_may_not_be_drawn_is_named():
    series = invented_series()
    few = replace(series, evidence=series.evidence.assign(
        events=series.evidence["events"].where(series.frame["group"] != "mid", 3)))  # fmt: skip
    shown = text(Page(invented(ACRO, series=(few,))).predicted())
    assert "Not drawn, as too few clients stand behind it: mid." in shown


def test_every_gate_is_asked_once(page):
    table = soup(page.every_check())
    questions = [row.th.get_text() for row in table.select("tbody tr")]
    assert len(questions) == len(set(questions)) == len(verdicts()[0].gates)
    assert questions[0] == "Was the relationship rated before the outcome was known?"
    assert "Limits the wording" in table.get_text()


def test_the_summary_has_the_checks_that_do_not_hold_and_counts_the_others(page):
    table = soup(page.sure())
    shown = [row.th.get_text() for row in table.select("tbody tr")]
    gates = {gate.question: gate for verdict in verdicts() for gate in verdict.gates}
    assert shown == [name for name, gate in gates.items() if gate.outcome != "pass"]
    assert f"{len(gates) - len(shown)} further checks hold" in table.get_text()


def test_the_main_row_may_be_per_point_or_a_part_of_the_exposure():
    base = invented()
    frame = base.effects.frame.assign(exposure="relationship_within")
    frame.loc[frame["claim"] == "C1", "contrast"] = "point"
    page = Page(replace(base, effects=replace(base.effects, frame=frame)))
    assert "where the relationship (within) score is better by one point" in text(page.boxes())


# --- the technical report ----------------------------------------------------------------------


def test_all_effects_shows_every_model_with_what_its_looks_cost(page):
    table = soup(page.all_effects())
    groups = [row.get_text(strip=True) for row in table.select("tr.group")]
    assert groups == [
        "gee (primary): relationship",
        "pooled: relationship",
        "multilevel: relationship",
        "gee x confidence: relationship",
    ]
    shown = text(page.all_effects())
    assert "All clients, per SD [C1] +5.7 +1.4 to +10.0 2.19 0.012 0.030" in shown
    assert "Not estimated: the model did not settle on an answer" in shown
    assert "Adjusted p: exploratory: Benjamini-Hochberg over 5." in shown


def test_other_scales_come_with_a_warning(page):
    shown = text(page.other_scales())
    assert shown.startswith("Odds are not risks.")
    assert "gee (primary): relationship, log odds" in shown
    assert "+0.245" in shown


def test_another_outcome_is_named():
    base = invented()
    frame = base.effects.frame.copy()
    frame.loc[frame["model"] == "pooled", "outcome"] = "in_work"
    page = Page(replace(base, effects=replace(base.effects, frame=frame)))
    assert "pooled: relationship, outcome in work" in text(page.all_effects())
    assert "pooled, outcome in work: +6.0" in soup(page.forest()).img["alt"]


def test_count_tables_are_shown_as_they_were_cleared():
    page = Page(invented(ACRO, counts=(flow(left_mid=4),)))
    table = soup(page.flow())
    heads = [head.get_text() for head in table.select("thead th")]
    assert heads == ["Step", "Left", "Left: low", "Left: mid", "Left: high",
                     "Rows", "Clients", "Practitioners"]  # fmt: skip
    assert [c.get_text() for c in table.select("tbody tr")[2].find_all("td")] == [
        "1,205", "460", "[c]", "535", "675", "300", "70"
    ]  # fmt: skip
    assert all("number" in cell["class"] for cell in table.select("td"))
    assert "[c] Suppressed" in table.get_text()


def test_the_flow_is_drawn_with_words(page):
    alt = soup(page.flow_figure()).img["alt"]
    assert alt.startswith("Flow chart. interviews in the file: 2,350 rows, 470 clients")
    assert "48 left, outcome missing (low 20, mid 8, high 20): 591 rows" in alt


@pytest.mark.parametrize(
    "name", ["flow", "sources", "problems", "participants", "reliability", "diagnostics"]
)
def test_a_missing_table_is_a_plain_sentence(name):
    page = Page(invented(counts=()))
    assert text(getattr(page, name)()) == f"This study has no table of {name}."
    assert text(page.counts("match_rates")) == "This study has no table of match rates."
    assert text(page.flow_figure()) == "This study has no flow to draw."


def test_an_empty_column_is_left_out_and_text_stays_as_it_is(page):
    shown = text(page.diagnostics())
    assert "not_converged" in shown
    assert "53.2%" in text(page.participants())


def test_disclosure_and_manifest(page):
    assert "neither suppressed nor rounded" in text(page.disclosure())
    shown = text(page.manifest())
    assert "Data: interviews 9a20b7c455" in shown
    assert "numpy 2.4.6, pandas 3.1.1" in shown


# --- laws --------------------------------------------------------------------------------------


def every_part(page):
    named = [page.banner("Summary"), page.counts("flow")]
    skipped = ("banner", "counts", "findings")
    methods = [name for name in dir(page) if not name.startswith("_") and name not in skipped]
    return named + [getattr(page, name)() for name in methods]


@pytest.mark.parametrize("rules", [None, ACRO])
def test_every_part_keeps_the_laws_of_a_page(rules):
    page = Page(invented() if rules is None else invented(rules, low={"n_clients": 8}))
    for part in every_part(page):
        found = [
            fault for fault in faults(soup(part)) if "heading" not in fault or "scope" in fault
        ]
        assert found == []
        assert isinstance(part, Html)
        assert not re.search(r"\b(nan|None|NaN|<NA>)\b", text(part))


@pytest.mark.parametrize(
    ("markup", "fault"),
    [
        ("", "it needs exactly one first-level heading"),
        ("<h1>a</h1><h1>b</h1>", "it needs exactly one first-level heading"),
        ("<h1>a</h1><table><tr><td>1</td></tr></table>", "a table has no caption"),
        ("<h1>a</h1><table><caption>b</caption><tr><th>c</th></tr></table>",
         "a heading of a table has no scope"),
        ("<h1>a</h1><img src='data:,'>", "an image has no words for those who do not see it"),
        ("<h1>a</h1><img alt='No description has been provided for this image' src='data:,'>",
         "an image has no description"),
        ("<h1>a</h1><svg></svg>", "a drawing has no words for those who do not see it"),
        ("<h1>a</h1><img alt='b' src='https://example.org/c.png'>", "<img> fetches something"),
        ("<h1>a</h1><script>1</script>", "it holds a script, a frame or a link to another file"),
        ("<h1>a</h1><p style='background:url(x.png)'>b</p>", "its style fetches something"),
    ],
)  # fmt: skip
def test_a_page_that_breaks_a_law_is_found_out(markup, fault):
    assert fault in list(faults(BeautifulSoup(markup, "html.parser")))


def test_a_figure_without_words_cannot_be_made():
    with pytest.raises(ValueError, match="needs words"):
        Figure("<svg></svg>", " ", "caption")


def test_attributes_are_escaped():
    assert tag("p", "x", title='"><script>').text == '<p title="&quot;&gt;&lt;script&gt;">x</p>'


def test_labels_are_moved_apart_as_little_as_needed():
    moved = spread([50.0, 51.0, 20.0], 4.0)
    assert moved == pytest.approx([48.5, 52.5, 20.0])


def test_a_step_that_nobody_left_at_is_not_drawn():
    steps = {"step": ["episodes", "a later episode", "no rating"], "left": ["0", "0", "10"]}
    frame = pd.DataFrame({**steps, "rows": ["50", "50", "40"]})
    rules = {"step": "label", "left": "count", "rows": "count"}
    figure = flow_figure(CountTable("flow", "", frame, rules), caption="Who is left")
    assert figure.alt == ("Flow chart. episodes: 50 rows. 10 left, no rating: 40 rows remained.")
