"""Laws of the writers: whatever words and numbers a table holds, every form says the same."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from written_tables import (
    as_sheet,
    described,
    html_tables,
    latex_tables,
    markdown_tables,
    sheet_tables,
    word_tables,
)

from deepvalue_stats.report.markup import Column, Group, table
from deepvalue_stats.report.numbers import interval, signed
from deepvalue_stats.report.writers.document import Document
from deepvalue_stats.report.writers.latex import write_latex
from deepvalue_stats.report.writers.markdown import write_markdown_tables
from deepvalue_stats.report.writers.printed import MARKS, number
from deepvalue_stats.report.writers.separated import write_csv
from deepvalue_stats.report.writers.sheet import write_sheet
from deepvalue_stats.report.writers.word import write_word

WORDS = st.text(
    alphabet=st.sampled_from("ab Cz09.,&<>|*_`'\"\\{}[]()#$%^~+-=:;/?!@\u2212\u2013\u00e9\u201c"),
    min_size=1,
    max_size=14,
).map(lambda text: " ".join(text.split()) or "x")
VALUES = st.floats(-500, 500, allow_nan=False)
NUMBERS = st.one_of(
    VALUES.map(signed),
    st.integers(0, 10**6).map(lambda n: f"{n:,}"),
    VALUES.map(lambda v: f"{abs(v):.1f}%"),
    st.sampled_from(["[c]", "", "\u2013", "<0.001"]),
)
INTERVALS = st.one_of(
    st.tuples(VALUES, VALUES).map(lambda pair: interval(min(pair), max(pair))),
    st.sampled_from(["[c]", "", "\u2013"]),
)


@st.composite
def tables(draw):
    columns = [Column(draw(WORDS)), Column(draw(WORDS), numeric=True), Column(draw(WORDS)),
               Column("95% interval", numeric=True)]  # fmt: skip
    row = st.tuples(WORDS, NUMBERS, WORDS, INTERVALS)
    rows = draw(st.lists(st.one_of(row, WORDS.map(Group)), min_size=1, max_size=5))
    notes = draw(st.lists(WORDS, max_size=2))
    return table(draw(WORDS), columns, rows, notes=notes, explained=draw(WORDS), source="study")


def document(one):
    return Document("title", "summary", (one,), "study")


@settings(max_examples=60, deadline=None)
@given(tables())
def test_every_form_says_what_the_description_says(one):
    said = described(one)
    assert html_tables(one.text) == [said]
    assert markdown_tables(write_markdown_tables([one])) == [said]
    assert latex_tables(write_latex([one])) == [said]


@settings(max_examples=15, deadline=None)
@given(tables())
def test_word_and_spreadsheet_say_the_same(one):
    assert word_tables(write_word(document(one))) == [described(one)]
    (cells,) = sheet_tables(write_sheet(document(one), [one]))
    assert [[bare(cell) for cell in row] for row in cells] == [
        [bare(cell) for cell in row] for row in as_sheet(one)
    ]


def bare(cell):
    """A cell without what keeps the library from misreading it."""
    return cell.replace("\u2060", "").removeprefix("sign ") if isinstance(cell, str) else cell


@settings(max_examples=15, deadline=None)
@given(tables())
def test_equal_tables_give_equal_bytes(one):
    for write in (lambda: write_word(document(one)), lambda: write_sheet(document(one), [one])):
        assert write() == write()
    assert write_csv(one) == write_csv(one)


@given(st.one_of(NUMBERS, INTERVALS))
def test_a_number_is_read_back_as_it_was_printed(text):
    found = number(text)
    if found is None:
        assert text in ("", "\u2013", "<0.001", *MARKS) or " to " in text
        return
    value = 100 * found.value if found.percent else found.value
    shown = f"{abs(value):{',' if found.grouped else ''}.{found.digits}f}"
    assert shown + "%" * found.percent == re.sub("[+\u2212-]", "", text)
    assert (found.value < 0) == text.startswith("\u2212")
