"""Whole pages: a notebook is run, exported, finished and written."""

import ast
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from test_report_invented import ACRO, invented

from deepvalue_stats.errors import DataError
from deepvalue_stats.findings import write_findings
from deepvalue_stats.report import chromium, print_pdf, render
from deepvalue_stats.report.finish import faults
from deepvalue_stats.report.rendering import NOTEBOOKS

ROOT = Path(__file__).parents[2]
ALL_NOTEBOOKS = sorted(
    [*NOTEBOOKS.glob("*.py"), *(p for k in ("summary", "technical") for p in
                                (ROOT / "analyses").glob(f"*/{k}.py"))]
)  # fmt: skip
HEADER = "# ---\n# jupyter:\n#   title: Odd\n# ---\n\n# %%\n"


@pytest.fixture(scope="module", autouse=True)
def no_browser():
    """Pages only; printing is tested where there is a browser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPVALUE_CHROMIUM", "")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("report")
    write_findings(invented(ACRO, low={"n_clients": 8}), place / "findings")
    return place


@pytest.fixture(scope="module")
def pages(folder):
    made = {
        "summary": render(folder / "findings", "summary", folder / "summary.html"),
        "technical": render(folder / "findings", "technical", folder / "out"),
        "again": render(folder / "findings", "technical", folder / "again.html"),
    }
    assert all(len(paths) == 1 for paths in made.values())
    return {name: paths[0].read_text(encoding="utf-8") for name, paths in made.items()}


def test_two_renders_give_equal_bytes(pages):
    assert pages["technical"] == pages["again"]


@pytest.mark.parametrize("kind", ["summary", "technical"])
def test_pages_keep_the_laws(pages, kind):
    page = BeautifulSoup(pages[kind], "html.parser")
    assert list(faults(page)) == []
    assert page.html["lang"] == "en-GB"
    assert page.title.get_text().startswith("Does a better relationship with the regular doctor")
    assert page.find("a", class_="skip")["href"] == "#content"
    assert page.find(id="content").name == "main"
    assert pages[kind].startswith("<!DOCTYPE html>")
    assert "cell-id" not in pages[kind]
    ids = [element["id"] for element in page.find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_the_summary_has_its_sections_in_order(pages):
    page = BeautifulSoup(pages["summary"], "html.parser")
    assert [heading.get_text() for heading in page.select("main > section > h2")] == [
        "What we found",
        "How outcomes differed",
        "A better relationship goes with more good outcomes",
        "How sure are we?",
        "What this means for your decision",
        "What this report cannot say",
        "How this report was made",
    ]
    titles = [title.get_text() for title in page.select(".title")]
    assert titles[0].startswith("Table 1: Difference in outcome")
    assert titles[1].startswith("Figure 1: ")
    assert "[c]" in page.get_text()
    assert page.find("nav") is None


def test_the_technical_report_has_a_contents_list_that_leads_somewhere(pages):
    page = BeautifulSoup(pages["technical"], "html.parser")
    links = page.select("nav[aria-label=Contents] a")
    assert len(links) == len(page.find_all("h2"))
    assert all(page.find(id=link["href"][1:]).name == "h2" for link in links)
    assert page.find("details").code.get_text() == "page.all_effects()"


def test_a_failing_cell_is_named_without_what_it_said(folder, tmp_path):
    notebook = tmp_path / "odd.py"
    notebook.write_text(HEADER + "1\n\n# %% [markdown]\n# ## A\n\n# %%\nint('client 4711')\n")
    with pytest.raises(DataError) as refusal:
        render(folder / "findings", "summary", tmp_path / "odd.html", notebook=notebook)
    assert str(refusal.value) == (
        "DataError: a cell of the notebook failed with ValueError\n"
        "  where: odd.py, cell 3\n"
        "  fix:   run the cell in a copy of the findings folder to see the whole message"
    )
    assert "4711" not in str(refusal.value)
    assert not (tmp_path / "odd.html").exists()


def test_what_is_no_part_of_a_page_is_refused(folder, tmp_path):
    notebook = tmp_path / "odd.py"
    notebook.write_text(HEADER + "1 + 1\n")
    with pytest.raises(DataError, match="a cell shows something that is no part of a page"):
        render(folder / "findings", "summary", tmp_path / "odd.html", notebook=notebook)
    assert not (tmp_path / "odd.html").exists()


def test_findings_that_were_changed_by_hand_make_no_page(tmp_path):
    write_findings(invented(), tmp_path / "findings")
    with (tmp_path / "findings" / "effects.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(DataError, match="not the file that the manifest names"):
        render(tmp_path / "findings", "summary", tmp_path / "page.html")


def test_a_notebook_that_is_not_there(folder, tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        render(folder / "findings", "summary", tmp_path, notebook=tmp_path / "none.py")


def test_without_a_browser_printing_says_how_to_get_one(tmp_path):
    assert chromium() is None
    with pytest.raises(DataError, match="there is no Chromium to print with"):
        print_pdf(tmp_path / "page.html", tmp_path / "page.pdf")


@pytest.mark.parametrize("path", ALL_NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_notebooks_can_reach_the_report_and_nothing_else(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    assert imported == {"deepvalue_stats.report"}


@pytest.mark.parametrize("path", ALL_NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_number_is_typed_in_a_notebook(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert all(isinstance(value, str) for value in values)
    text = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert not any(character.isdigit() for line in text for character in line)
