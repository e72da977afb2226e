"""Pages in a real browser: two printed pages for a commissioner, and nothing asked of a network."""

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deepvalue_stats.findings import write_findings
from deepvalue_stats.report import chromium, render
from deepvalue_stats.report.browser import OFFLINE

pytestmark = pytest.mark.browser
UNIT = Path(__file__).parents[1] / "unit"
# what Chromium asks of its makers by itself, whatever the page; it is given no answer
HOUSEKEEPING = (".google.com", ".googleapis.com", ".gvt1.com", ".microsoft.com")
A4 = (595, 842)


@pytest.fixture(scope="module", autouse=True)
def browser():
    found = chromium()
    if found is None:
        reason = "there is no Chromium, Chrome or Edge on the search path"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def invented():
    """The maker of invented findings, which the unit tests use as well."""
    spec = importlib.util.spec_from_file_location("invented", UNIT / "test_report_invented.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(invented, tmp_path_factory):
    place = tmp_path_factory.mktemp("pages")
    write_findings(invented.invented(), place / "findings")
    return {kind: render(place / "findings", kind, place) for kind in ("summary", "technical")}


def pdf_pages(path):
    """Number of pages and the set of their sizes, from the page objects of the file."""
    data = path.read_bytes()
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", data)
    count = len(re.findall(rb"/Type\s*/Page\b(?!s)", data))
    return count, {(round(float(w)), round(float(h))) for w, h in boxes}


def test_the_summary_prints_on_two_sheets_of_a4(pages):
    _, pdf = pages["summary"]
    count, sizes = pdf_pages(pdf)
    assert 1 <= count <= 2
    assert sizes == {A4}


def test_a_wordy_summary_still_prints_on_two_sheets(invented, tmp_path):
    long = invented.invented(caveats=invented.STUDY["caveats"] * 6)
    write_findings(long, tmp_path / "findings")
    html, pdf = render(tmp_path / "findings", "summary", tmp_path)
    assert 'class="summary dense"' in html.read_text(encoding="utf-8")
    assert pdf_pages(pdf)[0] <= 2


def test_pdfs_are_tagged_for_screen_readers_and_have_an_outline(pages):
    for _, pdf in pages.values():
        data = pdf.read_bytes()
        assert b"/MarkInfo" in data
        assert b"/Outlines" in data


def asked_for(program, page, folder):
    """Hosts that the browser asks for when it opens the page."""
    log = folder / "net.json"
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    options = [*OFFLINE, *root, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"]
    command = [str(program), *options, "--dump-dom", page.resolve().as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    addresses = re.findall(r'"url":"(\w+://[^"]+)', log.read_text(encoding="utf-8"))
    hosts = {urlsplit(address).hostname or "" for address in addresses}
    return {host for host in hosts if host and not host.endswith(HOUSEKEEPING)}


@pytest.mark.parametrize("kind", ["summary", "technical"])
def test_pages_ask_nothing_of_a_network(browser, pages, kind, tmp_path):
    assert asked_for(browser, pages[kind][0], tmp_path) == set()


def test_the_check_would_see_a_page_that_does(browser, pages, tmp_path):
    text = pages["summary"][0].read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(text.replace("</main>", '<img src="http://a.invalid/b.png"></main>'))
    assert asked_for(browser, page, tmp_path) == {"a.invalid"}
