"""The clock, case by case: the package's SQL and plain loops both give what a person expects."""

import re
import tomllib
from pathlib import Path

import pytest
from linkage_language import (
    LISTED,
    cell,
    day_number,
    engine,
    plan_with,
    rows_of,
    seen,
    study,
    table,
    texts_of,
)
from linkage_reference import by_hand

from deepvalue_stats.linkage import link

CASES = Path(__file__).parent.parent / "cases" / "clock.txt"


def read_cases(text):
    """Name to settings, tables and what must come out."""
    cases = {}
    for block in text.split("\n## ")[1:]:
        name, *lines = block.splitlines()
        settings, tables, section = {}, {}, None
        for line in lines:
            if line.startswith("set "):
                path, _, value = line.removeprefix("set ").partition(" = ")
                settings[path] = tomllib.loads(f"value = {value}")["value"]
            elif line == "listed":
                settings = LISTED | settings
            elif re.fullmatch(r"\w+", line):
                section = tables.setdefault(line, [])
            elif line.strip():
                section.append(line)
        cases[name] = (settings, {k: "\n".join(v) for k, v in tables.items()})
    return cases


READ = read_cases(CASES.read_text(encoding="utf-8"))


@pytest.fixture(params=READ, name="case")
def one_case(request):
    settings, tables = READ[request.param]
    inputs = {name: text for name, text in tables.items() if name != "gives"}
    return settings, inputs, table(tables["gives"])


def test_the_package_gives_what_the_case_says(case):
    settings, inputs, expected = case
    found = link(*study(settings, **inputs), engine=engine())
    assert seen(found, "  ".join(expected[0])) == expected


def test_plain_loops_give_what_the_case_says(case):
    settings, inputs, expected = case
    plan = plan_with(settings)
    tables = {name: rows_of(text) for name, text in texts_of(plan, **inputs).items()}
    rows, _, _ = by_hand(plan, tables, day_0=day_number(0))
    names = expected[0]
    assert [names, *([cell(row[name]) for name in names] for row in rows.values())] == expected


def test_every_setting_of_the_clock_has_a_case():
    """What no case sets is either the default, which all others have, or refused."""
    said = " ".join(" ".join(settings) for settings, _ in READ.values())
    for key in ("index_rating", "index_date", "gap_days", "overlap", "contacts", "practitioner",
                "exposure.from", "exposure.to", "lag_days", "early", "summary", "also",
                "minimum_ratings", "death", "next_episode", "sustained_days", "prior",
                "unlinked"):  # fmt: skip
        assert key in said, key
