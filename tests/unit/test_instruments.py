"""The register of instruments: what stands in it, what a measure takes from it, and its page."""

from pathlib import Path

import pytest

from deepvalue_stats.plan import INSTRUMENTS, defaults_in_force, parse_plan, resolve_measure
from deepvalue_stats.plan.instruments_page import instruments_page
from deepvalue_stats.plan.parts import MeasurePlan

ROOT = Path(__file__).parents[2]


def measure(instrument, n_items, **settings):
    items = tuple(f"i{place}" for place in range(1, n_items + 1))
    settings = {"rater": "client", **settings}
    return resolve_measure("m", MeasurePlan(items=items, instrument=instrument, **settings))


@pytest.mark.parametrize("one", INSTRUMENTS.values(), ids=lambda one: one.name)
def test_positions_lie_in_the_form_and_no_item_is_in_two_subscales(one):
    places = [place for part in one.subscales.values() for place in part]
    assert len(places) == len(set(places))
    assert set(places) | set(one.reversed_items or ()) <= set(range(1, one.n_items + 1))
    assert one.response_range[0] < one.response_range[1]
    assert (one.minimum_items or 1) <= one.n_items
    assert one.raters
    assert INSTRUMENTS[one.name] is one


@pytest.mark.parametrize("one", INSTRUMENTS.values(), ids=lambda one: one.name)
def test_items_are_printed_of_our_own_scales_only_and_then_for_each_rater(one):
    own = one.licence.startswith("MIT")
    assert set(one.wording) == (set(one.raters) if own else set())
    assert {len(items) for items in one.wording.values()} <= {one.n_items}
    low, high = one.response_range
    assert len(one.responses) == (high - low + 1 if own else 0)


def test_what_is_not_known_is_said():
    for one in INSTRUMENTS.values():
        if one.minimum_items is None or one.reversed_items is None:
            assert one.unverified, one.name


@pytest.mark.parametrize(
    ("name", "n_items", "responses", "total", "minimum"),
    [
        ("wai_sr", 12, (1, 5), (12, 60), None),
        ("care", 10, (1, 5), (10, 50), 8),
        ("srs_3", 4, (0, 10), (0, 40), None),
        ("star_p", 12, (0, 4), (0, 48), None),
        ("star_c", 12, (0, 4), (0, 48), None),
        ("gse", 10, (1, 4), (10, 40), 7),
        ("pam_13", 13, (1, 4), (13, 52), None),
        ("adviser_relationship", 6, (1, 5), (6, 30), 3),
        ("deep_value", 12, (1, 5), (12, 60), 6),
    ],
)
def test_the_published_sizes_ranges_and_rules(name, n_items, responses, total, minimum):
    one = INSTRUMENTS[name]
    assert (one.n_items, one.response_range, one.total_range) == (n_items, responses, total)
    assert one.minimum_items == minimum


def test_the_alliance_has_its_subscales_at_the_published_places():
    found = measure("wai_sr", 12, minimum_items=6)
    assert found.subscales == {
        "bond": ("i3", "i5", "i7", "i9"),
        "goal": ("i4", "i6", "i8", "i11"),
        "task": ("i1", "i2", "i10", "i12"),
    }


def test_the_plans_number_wins_over_the_instruments_rule():
    assert measure("care", 10).minimum_items == 8
    assert measure("care", 10, minimum_items=5).minimum_items == 5


def test_a_shortened_form_takes_nothing_from_the_register_but_range_and_source():
    found = measure("deep_value", 6, reversed=("i2",), minimum_items=4)
    assert found.response_range == (1, 5)
    assert (found.reversed_items, found.minimum_items, found.subscales) == (("i2",), 4, {})
    assert found.reference.endswith("agreed goals; shortened to 6 of its 12 items")


def test_a_rule_of_the_instrument_is_named_among_the_defaults(employment):
    del employment["measures"]["relationship"]["minimum_items"]
    plan = parse_plan(employment)
    assert "measures.relationship.minimum_items = 6 (deep_value)" in defaults_in_force(plan)


def test_the_page_of_instruments_is_what_the_register_writes():
    assert (ROOT / "docs/instruments.md").read_text(encoding="utf-8") == instruments_page()
