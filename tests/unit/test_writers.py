"""Other forms of the pages, from invented findings: the same numbers, marks and bytes."""

import csv
import json
import re
import sys
from dataclasses import FrozenInstanceError, replace
from io import BytesIO, StringIO
from zipfile import ZipFile

import docx
import numpy as np
import openpyxl
import pytest
from docx.oxml.ns import qn
from test_report_invented import ACRO, invented
from written_tables import (
    as_sheet,
    described,
    html_tables,
    latex_tables,
    markdown_tables,
    sheet_tables,
    word_alts,
    word_tables,
)

from deepvalue_stats.errors import DataError
from deepvalue_stats.findings import read_findings, write_findings
from deepvalue_stats.report import Html, Page, Table, render
from deepvalue_stats.report.markup import Column, Group, join, plain, table, tag
from deepvalue_stats.report.rendering import NOTEBOOKS
from deepvalue_stats.report.writers import FORMS, open_document, require_forms, write_form
from deepvalue_stats.report.writers.forms import every_table
from deepvalue_stats.report.writers.latex import write_latex
from deepvalue_stats.report.writers.markdown import write_markdown, write_markdown_tables
from deepvalue_stats.report.writers.printed import flat, notes, suppressed
from deepvalue_stats.report.writers.separated import write_csv, write_schema
from deepvalue_stats.report.writers.sheet import write_sheet
from deepvalue_stats.report.writers.word import write_word

SMALL = table(
    "Ages",
    [Column("Who"), Column("Years", numeric=True, unit="years"), Column("95% interval", True)],
    [["all", "40", "38.0 to 42.0"], Group("By area"), ["north", "[c]", "[c]"]],
    explained="Of clients.",
    notes=["Rounded.", Html("From <b>one</b> file.")],
    source="study one",
)


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("writers") / "findings"
    write_findings(invented(ACRO, low={"n_clients": 8}), folder)
    return read_findings(folder)


@pytest.fixture(scope="module")
def documents(findings):
    return {
        kind: open_document(findings, kind, NOTEBOOKS / f"{kind}.py")
        for kind in ("summary", "technical")
    }


# --- the description -----------------------------------------------------------------------------


def test_a_table_is_its_description_and_shows_itself_as_html():
    assert isinstance(SMALL, Html)
    assert SMALL._repr_html_() == SMALL.text
    assert html_tables(SMALL.text) == [described(SMALL)]
    assert "Source: study one" in SMALL.text
    with pytest.raises(FrozenInstanceError):
        SMALL.caption = "Other"


def test_a_changed_table_shows_the_change():
    changed = replace(SMALL, caption="Years")
    assert "Years</strong>" in changed.text
    assert changed != SMALL
    assert replace(changed, caption="Ages") == SMALL


def test_a_row_has_the_columns_of_its_table():
    with pytest.raises(ValueError, match="table 'Ages': a row has not the table's columns"):
        replace(SMALL, rows=(("all", "40"),))


def test_markup_remembers_the_tables_joined_into_it():
    whole = tag("section", join([Html("<p>a</p>"), SMALL])) + tag("p", "b") + SMALL
    assert whole.tables == (SMALL, SMALL)
    assert Html("<p>a</p>").tables == ()


def test_parts_of_a_page_hand_out_their_tables(findings):
    page = Page(findings)
    assert [one.caption for one in page.effects().tables] == ["Difference in outcome: abstinent"]
    assert [one.caption for one in page.flow().tables] == ["Rows left at each step"]
    assert all(isinstance(one, Table) for one in page.other_scales().tables)


# --- what is printed -----------------------------------------------------------------------------


def test_a_table_for_machines_has_no_group_rows_and_two_limits():
    one = flat(SMALL)
    assert one.headings == (
        "Part of the table", "Who", "Years", "95% interval, lower limit",
        "95% interval, upper limit",
    )  # fmt: skip
    assert one.rows == (
        ("", "all", "40", "38.0", "42.0"),
        ("By area", "north", "[c]", "[c]", "[c]"),
    )
    assert one.units == ("", "", "years", "", "")


def test_a_blank_after_a_withheld_figure_says_so_too():
    numeric = [Column(name, numeric=True) for name in ("Value", "95% interval", "p", "Clients")]
    rows = [["a", "[c]", "", "", "50"], ["b", "Not estimated", "", "", ""],
            ["c", "1.0", "0.5 to 1.5", "", "[c]"]]  # fmt: skip
    assert flat(table("t", [Column("Who"), *numeric], rows)).rows == (
        ("a", "[c]", "[c]", "[c]", "[c]", "50"),
        ("b", "Not estimated", "[x]", "[x]", "[x]", "[x]"),
        ("c", "1.0", "0.5", "1.5", "", "[c]"),
    )


def test_headings_are_made_to_differ():
    twice = table("t", [Column("A"), Column("a"), Column("")], [["1", "2", "3"]])
    assert flat(twice).headings == ("A", "a (2)", "Column 3")


def test_suppression_is_explained_wherever_there_is_a_mark():
    assert suppressed(SMALL)
    assert notes(SMALL) == [
        "Rounded.",
        "From one file.",
        "[c] Suppressed: too few clients, or too few with or without the outcome, stand behind "
        "the figure.",
    ]
    assert len(notes(replace(SMALL, notes=("[c] Hidden.",)))) == 1


def test_a_note_on_pictures_is_left_out_where_there_are_none(findings):
    (effects,) = Page(findings).effects().tables
    assert any("The pictures share one scale" in note for note in notes(effects, pictures=True))
    assert not any("picture" in note for note in notes(effects))


# --- the same numbers in every form --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["summary", "technical"])
def test_every_form_prints_the_cells_of_the_page(documents, kind):
    document = documents[kind]
    tables = document.tables
    assert word_tables(write_word(document)) == [described(one) for one in tables]
    without = [described(one, pictures=False) for one in tables]
    assert markdown_tables(write_markdown(document)) == without
    assert latex_tables(write_latex(tables)) == without
    assert sheet_tables(write_sheet(document, tables)) == [as_sheet(one) for one in tables]


@pytest.mark.parametrize("kind", ["summary", "technical"])
def test_a_document_has_the_tables_of_the_page(findings, documents, kind, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPVALUE_CHROMIUM", "")
    write_findings(findings, tmp_path / "findings")
    (page,) = render(tmp_path / "findings", kind, tmp_path / "page.html")
    assert html_tables(page.read_text("utf-8")) == [
        described(one) for one in documents[kind].tables
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["summary", "technical"])
def test_equal_findings_give_equal_bytes(findings, tmp_path, form, kind):
    written = [
        write_form(findings, kind, NOTEBOOKS / f"{kind}.py", tmp_path / name / f"page.{form}")
        for name in ("one", "two")
    ]
    first, second = ([path.read_bytes() for path in paths] for paths in written)
    assert first == second
    assert all(first)


@pytest.mark.parametrize("form", ["docx", "xlsx"])
def test_archives_hold_no_time(findings, tmp_path, form):
    (path,) = write_form(findings, "summary", NOTEBOOKS / "summary.py", tmp_path / f"a.{form}")
    with ZipFile(path) as packed:
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = packed.read("docProps/core.xml").decode()
        assert "docProps/thumbnail.jpeg" not in packed.namelist()
    assert re.findall(r"\d{4}-\d\d-\d\dT", core) == ["2000-01-01T"] * 2 * (form == "xlsx")


def test_the_summary_speaks_of_no_odds_and_no_p_in_any_form(findings, tmp_path):
    said = []
    for form in FORMS:
        paths = write_form(findings, "summary", NOTEBOOKS / "summary.py", tmp_path / f"a.{form}")
        said += [_all_text(path) for path in paths]
    for word in ("significan", "proved", "p-value", "p value", "odds", "p ="):
        assert not [text for text in said if word in text.lower()]


def _all_text(path):
    if path.suffix not in (".docx", ".xlsx"):
        return path.read_text("utf-8")
    with ZipFile(path) as packed:
        parts = [name for name in packed.namelist() if re.search("document|shared|sheet", name)]
        return " ".join(re.sub("<[^>]*>", " ", packed.read(name).decode()) for name in parts)


def test_suppression_marks_stay_in_every_form(documents):
    document = documents["summary"]
    low = ["Low confidence", "[c]", "[c]", "[c]", "–", "Suppressed"]
    assert low in word_tables(write_word(document))[0]
    assert [*low[:4], low[5]] in markdown_tables(write_markdown(document))[0]
    assert [*low[:4], low[5]] in latex_tables(write_latex(document.tables))[0]
    cells = ["By confidence", "Low confidence", "[c]", "[c]", "[c]", "[c]", "Suppressed"]
    assert cells in sheet_tables(write_sheet(document, document.tables))[0]
    for text in (write_markdown(document), write_latex(document.tables).replace("{[}", "[")
                 .replace("{]}", "]")):  # fmt: skip
        assert "[c] Suppressed: too few clients" in text
    assert word_alts(write_word(document))[0].startswith("All clients: +5.7 per 100, 95% interval")
    assert len(word_alts(write_word(document))) == 3


# --- Word: who can follow it ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def word(documents):
    return docx.Document(BytesIO(write_word(documents["summary"])))


def test_the_language_the_title_and_the_paper_are_set(word, documents):
    langs = {lang.get(qn("w:val")) for lang in word.styles.element.iter(qn("w:lang"))}
    assert langs == {"en-GB"}
    core = word.core_properties
    assert (core.title, core.language) == (documents["summary"].title, "en-GB")
    section = word.sections[0]
    assert (round(section.page_width.cm, 1), round(section.page_height.cm, 1)) == (21.0, 29.7)


def test_headings_are_headings(word):
    heads = [p.text for p in word.paragraphs if p.style.name == "Heading 1"]
    assert heads[:3] == [
        "What we found",
        "How outcomes differed",
        "A better relationship goes with more good outcomes",
    ]
    titles = [p.text for p in word.paragraphs if p.style.name == "Title"]
    assert titles == ["Does a better relationship with the regular doctor go with abstinence?"]


def test_tables_have_a_caption_words_and_a_heading_row_that_repeats(word):
    captions = [p.text for p in word.paragraphs if p.style.name == "Caption"]
    assert captions[0].startswith("Table 1: Difference in outcome: abstinent\nPer 100 clients")
    assert len(captions) == len(word.tables)
    for one in word.tables:
        first, *rest = one._tbl.tr_lst
        assert first.trPr.find(qn("w:tblHeader")) is not None
        assert all(row.trPr.find(qn("w:tblHeader")) is None for row in rest)
        assert one._tbl.tblPr.find(qn("w:tblCaption")).get(qn("w:val"))
        assert "columns: " in one._tbl.tblPr.find(qn("w:tblDescription")).get(qn("w:val"))


def test_widths_stand_in_the_grid_and_in_the_cells(word):
    for one in word.tables:
        grid = [column.w for column in one._tbl.tblGrid.gridCol_lst]
        for row in one._tbl.tr_lst:
            widths = [cell.width for cell in row.tc_lst]
            assert widths == grid or abs(sum(grid) - widths[0]) < len(grid) * 700
        assert sum(grid) <= word.sections[0].page_width - 2 * word.sections[0].left_margin


def test_pictures_share_one_size_and_have_words(word):
    sizes = {(shape.width, shape.height) for shape in word.inline_shapes}
    assert len(sizes) == 1
    blobs = [part.image for part in word.part.package.iter_parts() if hasattr(part, "image")]
    assert len({(image.px_width, image.px_height) for image in blobs}) == 1
    assert all(shape._inline.docPr.get("descr") for shape in word.inline_shapes)


def test_no_theme_font_is_left(word):
    fonts = list(word.styles.element.iter(qn("w:rFonts")))
    assert not [font for font in fonts if any("heme" in key for key in font.attrib)]


# --- the spreadsheet -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def book(findings, documents):
    tables = every_table(findings, documents["technical"])
    return openpyxl.load_workbook(BytesIO(write_sheet(documents["technical"], tables)))


def test_a_spreadsheet_has_a_cover_contents_notes_and_one_table_a_sheet(book):
    assert book.sheetnames[:4] == ["Cover", "Contents", "Notes", "Table_1"]
    assert all(len(sheet.tables) == 1 for sheet in book.worksheets[1:])
    assert not any(sheet.merged_cells.ranges for sheet in book)
    links = [row[0].value for row in book["Contents"].iter_rows(min_row=4)]
    assert links == book.sheetnames[3:]


def test_no_cell_of_a_table_is_blank_and_no_number_is_text(book):
    for sheet in book.worksheets[3:]:
        (one,) = sheet.tables.values()
        cells = [cell.value for row in sheet[one.ref] for cell in row]
        assert None not in cells
        assert not [c for c in cells[1:] if isinstance(c, str) and re.fullmatch(r"[\d.,]+%?", c)]


def test_marks_are_explained_on_the_sheet_that_uses_them(book):
    for sheet in book.worksheets[3:]:
        (one,) = sheet.tables.values()
        used = {cell.value for row in sheet[one.ref] for cell in row} & {"[c]", "[x]", "[z]"}
        above = [sheet.cell(row, 1).value or "" for row in range(1, 9)]
        assert used == {text[:3] for text in above if re.match(r"\[[cxz]\] = ", text)}


def test_every_effect_and_count_table_is_there(book, findings):
    titles = [re.sub(r"( \[note.*)|^Table \d+: ", "", sheet["A1"].value) for sheet in book]
    for found in findings.counts.values():
        assert found.caption in titles
    assert "Differences in risk, all models" in titles
    assert "Estimates on other scales: log odds" in titles


def test_what_looks_like_a_formula_or_a_link_stays_text(documents):
    odd = table("=1+1", [Column("Who"), Column("$$x$$")],
                [["=HYPERLINK(1)", "http://a.example"], ["[a](b)", "–"], ["?", ""]])  # fmt: skip
    (cells,) = sheet_tables(write_sheet(documents["summary"], [odd]))
    assert cells[1] == ["=HYPERLINK(1)", "http://a.example"]
    assert [text.replace("\u2060", "") for text in cells[2]] == ["[a](b)", "[x]"]
    assert cells[3] == ["sign ?", "[z]"]


# --- CSV, Markdown, LaTeX ------------------------------------------------------------------------


def test_the_table_of_effects_as_csv_with_its_schema(findings, tmp_path):
    written = write_form(findings, "summary", NOTEBOOKS / "summary.py", tmp_path / "s.csv")
    assert [path.name for path in written] == ["s.csv", "s.schema.json"]
    rows = list(csv.reader(StringIO(written[0].read_text("utf-8"))))
    assert rows[1] == ["", "All clients", "280", "5.7", "1.4", "10.0", "Likely higher"]
    assert rows[2][1:4] == ["Low confidence", "[c]", "[c]"]
    schema = json.loads(written[1].read_text("utf-8"))
    assert [field["name"] for field in schema["fields"]] == rows[0]
    assert schema["fields"][3] == {
        "name": "Difference", "type": "number", "unit": "per 100 clients",
    }  # fmt: skip
    assert "[c]" in schema["missingValues"]
    assert schema["marks"]["[c]"].startswith("Suppressed")


def test_shares_are_numbers_below_one_in_csv():
    shares = table("s", [Column("Who"), Column("Share", True)], [["a", "54.7%"], ["b", "1,200"]])
    assert write_csv(shares) == "Who,Share\na,0.547\nb,1200\n"
    percent = replace(shares, rows=shares.rows[:1])
    assert json.loads(write_schema(percent))["fields"][1]["unit"] == "share, from 0 to 1"


def test_markdown_keeps_groups_and_notes():
    assert write_markdown_tables([SMALL]) == (
        "**Table 1: Ages**\\\nOf clients.\n\n"
        "| Who | Years | 95% interval |\n| :--- | ---: | ---: |\n"
        "| all | 40 | 38.0 to 42.0 |\n| **By area** |  |  |\n| north | [c] | [c] |\n\n"
        "Rounded.\n\nFrom one file.\n\n"
        "[c] Suppressed: too few clients, or too few with or without the outcome, stand behind "
        "the figure.\n\nSource: study one\n"
    )


def test_latex_keeps_groups_and_notes_and_no_bracket_follows_a_line():
    text = write_latex([replace(SMALL, rows=(*SMALL.rows, ("[c]", "1", "")))])
    assert r"\multicolumn{3}{l}{\textbf{By area}} \\" in text
    assert "\n{[}c{]} & 1 &  \\\\\n" in text
    assert r"{\footnotesize\noindent Rounded.\par}" in text
    assert not re.search(r"\\\\\s*\[", text)


# --- refusals ------------------------------------------------------------------------------------


def test_an_unknown_form_is_refused_with_a_guess():
    with pytest.raises(DataError) as refused:
        require_forms(["doc", "xlsx"], "--also")
    assert str(refused.value) == (
        "DataError: no page is written as 'doc'\n"
        "  where: --also\n"
        "  fix:   did you mean 'docx'? The forms are docx, xlsx, tex, md, csv"
    )
    assert require_forms([".DOCX", "md", "docx"], "--also") == ("docx", "md")


@pytest.mark.parametrize(
    ("form", "module", "what"),
    [
        ("docx", "docx", ("a Word document", "python-docx", "word")),
        ("xlsx", "gptables", ("a spreadsheet", "gptables", "sheet")),
    ],
)
def test_without_the_extra_the_error_says_what_to_install(
    findings, tmp_path, monkeypatch, form, module, what
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError) as refused:
        write_form(findings, "summary", NOTEBOOKS / "summary.py", tmp_path / f"a.{form}")
    said, package, extra = what
    assert str(refused.value) == (
        f"DataError: {said} is written with {package}, which is not installed\n"
        f"  where: python package {package}\n"
        f"  fix:   install the extra: pip install 'deepvalue-stats[{extra}]'"
    )
    with pytest.raises(DataError):
        require_forms([form], "--also")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("x = 1\nx + 1", "a cell does more than show a part of the page"),
        ("page.effects", "a cell does more than show a part of the page"),
        ("page.counts(name='flow')", "a cell does more than show a part of the page"),
        ("page.nothing()", "a page has no part 'nothing'"),
    ],
)
def test_a_cell_that_does_more_than_show_a_part_is_refused(findings, tmp_path, cell, what):
    notebook = tmp_path / "own.py"
    notebook.write_text(f"# %%\npage.found()\n\n# %%\n{cell}\n", encoding="utf-8")
    with pytest.raises(DataError) as refused:
        open_document(findings, "summary", notebook)
    assert str(refused.value) == (
        f"DataError: {what}\n"
        "  where: own.py, cell 2\n"
        "  fix:   write one part a cell, as page.effects(), or render HTML, which runs cells"
    )


def test_a_notebook_of_ones_own_decides_what_is_in_the_document(findings, tmp_path):
    notebook = tmp_path / "own.py"
    notebook.write_text(
        "# %% [markdown]\n# ## Only this\n#\n# Said here.\n\n# %%\npage.effects()\n", "utf-8"
    )
    document = open_document(findings, "summary", notebook)
    assert [getattr(block, "text", "")[:10] for block in document.blocks[:2]] == [
        "Only this", "Said here.",
    ]  # fmt: skip
    assert len(document.tables) == 1


def test_a_csv_of_no_estimate_is_refused(tmp_path):
    base = invented()
    none = replace(base, effects=replace(base.effects, frame=base.effects.frame[:0]), verdicts=())
    with pytest.raises(DataError) as refused:
        write_form(none, "summary", NOTEBOOKS / "summary.py", tmp_path / "a.csv")
    assert str(refused.value).startswith(
        "DataError: these findings have no estimate of a difference, so there is no table of"
    )


def test_findings_in_which_all_is_suppressed_still_have_every_form(tmp_path):
    base = invented(ACRO)
    gone = dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high", "p_value"), np.nan)
    frame = base.effects.frame.assign(**gone, p_adjusted=np.nan, dof=np.nan, status="suppressed")
    frame[["n_clients", "n_obs", "n_practitioners"]] = None
    hidden = replace(base, effects=replace(base.effects, frame=frame), series={}, counts={})
    for form in FORMS:
        for kind in ("summary", "technical"):
            write_form(hidden, kind, NOTEBOOKS / f"{kind}.py", tmp_path / f"{kind}.{form}")
    (cells, *_) = word_tables((tmp_path / "summary.docx").read_bytes())
    assert cells[1] == ["All clients", "[c]", "[c]", "[c]", "–", "Suppressed"]


# --- render and the command line -----------------------------------------------------------------


def test_render_takes_the_form_from_the_suffix(findings, tmp_path):
    write_findings(findings, tmp_path / "findings")
    (path,) = render(tmp_path / "findings", "summary", tmp_path / "out" / "summary.md")
    assert path.read_text("utf-8").count("# ") > 3
    assert plain(path.name) == "summary.md"


def test_a_pdf_needs_a_browser(findings, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPVALUE_CHROMIUM", "")
    write_findings(findings, tmp_path / "findings")
    with pytest.raises(DataError) as refused:
        render(tmp_path / "findings", "summary", tmp_path / "summary.pdf")
    assert str(refused.value) == (
        "DataError: a PDF is printed by Chromium, which is not here\n"
        "  where: summary.pdf\n"
        "  fix:   install Chromium, or write .html or .docx"
    )


def test_the_command_line_writes_further_forms(deepvalue, findings, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPVALUE_CHROMIUM", "")
    write_findings(findings, tmp_path / "findings")
    code, out, _ = deepvalue("report", tmp_path, "--also", "docx, csv")
    assert code == 0
    names = [line.rpartition("/")[2] for line in out.splitlines()]
    assert names == [
        f"{kind}.{form}"
        for kind in ("summary", "technical")
        for form in ("html", "docx", "csv", "schema.json")
    ]
    code, _, err = deepvalue("report", tmp_path, "--also", "word")
    assert code == 11
    assert "no page is written as 'word'" in err


def test_help_shows_an_example_with_further_forms(deepvalue):
    code, out, _ = deepvalue("report", "--help")
    assert code == 0
    assert "--also docx,xlsx" in out
