"""Pictures with their tables on the page: cleared numbers, or the reason why there is none."""

import base64
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from test_report_invented import ACRO, BANDS, banded, effect, invented, invented_effects
from test_report_parts import soup, text

from deepvalue_stats.disclosure import Rules
from deepvalue_stats.report import Page
from deepvalue_stats.tables import CountTable, effect_rows, stack

NUMBERS = ("difference", "low", "high", "chance", "average")


def made(name, columns, rows, notes=()):
    """A table as a study makes it, to be cleared."""
    frame = pd.DataFrame(rows, columns=columns)
    rules = {
        column: "statistic" if column in NUMBERS
        else "label" if rows and isinstance(frame[column].iloc[0], str) else "count"
        for column in columns
    }  # fmt: skip
    return CountTable(name, f"Caption of {name}", frame, rules, notes=notes)


BALANCE = ("characteristic", "adjusted", "less_effective", "more_effective", "difference")
MISSING = ("variable", "band", "rows", "missing")
RANKED = ("group", "practitioners", "clients", "chance", "low", "high", "average")
WAYS = ("main", "estimator", "covariates", "otherwise", "difference", "low", "high", "clients")
TABLES = {
    "balance": (BALANCE, [("wait_days", "no", 123, 158, -0.31), ("age", "yes", 123, 158, 0.05)]),
    "missing": (MISSING, [("age", "low", 213, 42), ("age", "mid", 98, 4), ("age", "high", 150, 0)]),
    "practitioner_effects": (RANKED, [("1 of 3", 10, 123, 41.23, 30.12, 52.34, 48.0),
                                      ("2 of 3", 10, 4, 48.0, 38.0, 58.0, 48.0),
                                      ("3 of 3", 11, 151, 55.0, 44.0, 66.0, 48.0)]),
    "specifications": (WAYS, [("yes", "gee", "all", "as planned", 5.66, 1.4, 10.0, 282),
                              ("no", "gee", "none", "as planned", 6.66, 2.4, 11.0, 282)]),
}  # fmt: skip
every = pytest.mark.parametrize("name", list(TABLES))


def page_of(name, **changes):
    columns, rows = TABLES[name]
    return Page(invented(ACRO, counts=(made(name, columns, changes.pop("rows", rows), **changes),)))


@every
def test_a_part_is_a_picture_with_words_and_the_table_it_was_drawn_from(name):
    part = soup(getattr(page_of(name), name)())
    assert part.img["alt"]
    captions = {one.get_text().strip() for one in (part.figcaption, part.caption)}
    assert captions == {f"Caption of {name}"}


@every
def test_an_empty_table_is_its_reason(name):
    columns, _ = TABLES[name]
    table = made(name, columns, [], notes=("It could not be told.",))
    part = getattr(Page(invented(ACRO, counts=(table,))), name)()
    assert text(part) == "It could not be told."


@every
def test_a_study_without_the_table_says_so(name):
    said = text(getattr(Page(invented(counts=())), name)())
    assert said.startswith("This study ")
    assert said.endswith(".")


@every
def test_the_numbers_of_the_picture_stand_in_the_table(name):
    part = soup(getattr(page_of(name), name)())
    cells = part.table.get_text(" ")
    wanted = {
        "balance": ("125", "160", "\u22120.31", "0.05"),
        "missing": ("215", "40", "18.6", "[c]", "0.0"),
        "practitioner_effects": ("41.2", "30.1 to 52.3", "[c]"),
        "specifications": ("+5.7", "+1.4 to +10.0", "280", "(main)"),
    }
    for number in wanted[name]:
        assert number in cells, number
    shown = {
        "balance": "wait days: \u22120.31, not adjusted for",
        "missing": "low confidence 18.6%, mid confidence too few to show, high confidence 0.0%",
        "practitioner_effects": "group 1 of 3: 41.2 (30.1 to 52.3)",
        "specifications": "the main model, gee, all covariates: +5.7 (+1.4 to +10.0)",
    }
    assert shown[name] in part.img["alt"]


def test_nothing_missing_is_said_and_hidden_gaps_are_no_picture():
    none = page_of("missing", rows=[("age", "low", 213, 0), ("age", "mid", 98, 0)])
    assert text(none.missing()) == "Nothing is missing of any client: age."
    few = page_of("missing", rows=[("age", "low", 213, 3), ("age", "mid", 98, 0)])
    assert text(few.missing()).startswith("There is no picture: too few clients")


def test_what_nobody_lacks_is_a_note_and_no_lines():
    rows = [("age", "low", 213, 42), ("job_entry", "low", 213, 0)]
    part = soup(page_of("missing", rows=rows).missing())
    assert "Job entry" not in part.table.get_text()
    assert "Never missing, and so without lines: job entry." in part.get_text()


def test_what_does_not_vary_is_said():
    rows = [*TABLES["balance"][1], ("sex", "yes", 123, 158, np.nan)]
    part = soup(page_of("balance", rows=rows).balance())
    assert part.table.get_text(" ").rstrip().endswith("does not vary")
    assert "sex" not in part.img["alt"]


def test_one_way_is_no_curve():
    one = page_of("specifications", rows=TABLES["specifications"][1][:1])
    assert text(one.specifications()).startswith("There is one way only of working it out")


def marks(part):
    """The marks of a part's picture; none without one."""
    image = soup(part).img
    if image is None:
        return 0
    drawn = BeautifulSoup(base64.b64decode(image["src"].partition(",")[2]), "xml")
    beside = ("xtick", "ytick", "legend")
    return sum(
        not any(str(parent.get("id", "")).startswith(beside) for parent in use.parents)
        for use in drawn.find_all("use")
    )


@every
@settings(max_examples=10, deadline=None)
@given(threshold=st.integers(1, 60), stricter=st.integers(0, 300))
def test_a_stricter_rule_never_draws_more(name, threshold, stricter):
    columns, rows = TABLES[name]
    drawn = [
        marks(
            getattr(Page(invented(Rules("own", t, 5), counts=(made(name, columns, rows),))), name)()
        )
        for t in (threshold, threshold + stricter)
    ]
    assert drawn[1] <= drawn[0]


# --- both scales ---------------------------------------------------------------------------------


def chances(row, group, less, more):
    """The rows of one group: two chances, their difference and ratio."""
    at = {"scale": "risk", "null_value": np.nan}
    steps = {"contrast": "less to more"}
    return [
        row(group, less, 0.05, contrast="at 3", **at),
        row(group, more, 0.05, contrast="at 5", **at),
        row(group, more - less, 0.07, scale="risk_difference", **steps),
        row(group, more / less, 0.3, scale="risk_ratio", **steps),
    ]


def with_chances():
    rows = chances(lambda *a, **k: effect("gee", *a, **k), "all", 0.3, 0.42)
    for band, less in zip(BANDS, (0.2, 0.3, 0.4), strict=True):
        rows += chances(banded, band, less, less + 0.1)
    base, table = invented(), stack([invented_effects(), effect_rows(rows)])
    return Page(replace(base, effects=replace(base.effects, frame=table.frame)))


def test_every_band_has_its_chances_difference_and_ratio():
    part = soup(with_chances().scales())
    alt = part.img["alt"]
    assert "all clients: 30.0 (25.0 to 35.0) with a less effective one" in alt
    assert "low confidence: 20.0 (15.0 to 25.0)" in alt
    assert "difference +10.0 (+3.0 to +17.0), ratio 1.50 (1.20 to 1.80)" in alt
    assert alt.count("with a more effective one") == 4
    assert "Not drawn" not in part.get_text()


def test_a_band_without_numbers_is_named_and_not_drawn():
    page = with_chances()
    frame = page.findings.effects.frame.copy()
    hidden = (frame["group"] == "low") & (frame["model"] == "gee x confidence")
    numbers = ["estimate", "std_error", "dof", "conf_low", "conf_high", "p_value", "p_adjusted"]
    frame.loc[hidden, numbers] = np.nan
    frame.loc[hidden, "status"] = "not_converged"
    part = Page(
        replace(page.findings, effects=replace(page.findings.effects, frame=frame))
    ).scales()
    assert "low confidence" not in soup(part).img["alt"]
    assert "Not drawn: low confidence" in text(part)


def test_without_chances_there_is_no_picture_of_scales():
    assert text(Page(invented()).scales()) == (
        "There is no picture of the effect on both scales: no chances are given."
    )
