"""The page of the bias zoo: what it says of a service follows from the numbers, by rule."""

import json
from pathlib import Path

import pandas as pd
import pytest

from deepvalue_stats.errors import DataError
from deepvalue_stats.report import open_zoo, render_notebook
from deepvalue_stats.simulate import PRESETS

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "analyses/bias_zoo/bias_zoo.py"


def case(name, area="employment", **changes):
    """One service as `bench.run_example` tells of it."""
    preset = PRESETS[name]
    gate = {
        "name": "assignment",
        "outcome": "cap",
        "question": "Could an unmeasured cause explain it?",
        "answer": "Yes. Nobody drew lots.",
    }
    passed = {"name": "timing", "outcome": "pass", "question": "In time?", "answer": "Yes, always."}
    verdict = {
        "claim": "C1",
        "answer": "supported",
        "sentence": "A better one goes with more jobs.",
        "gates": [gate, passed],
    }
    found = {
        "preset": name,
        "area": area,
        "title": preset.title,
        "story": preset.story,
        "naive_story": preset.naive,
        "truth": preset.truth,
        "flag": preset.flag,
        "planted": {"per_sd": 0.047},
        "hurried": {"estimate": 0.06, "conf_low": 0.03, "conf_high": 0.09},
        "package": {"status": "ok", "estimate": 0.05, "conf_low": 0.02, "conf_high": 0.08},
        "doubts": [],
        "verdicts": [verdict],
    }
    return found | changes


def row(name, **changes):
    """What came of many such services."""
    found = {
        "preset": name,
        "truth": PRESETS[name].truth,
        "replicates": 1000,
        "naive_cover": 0.9,
        "naive_gain": 0.97,
        "naive_loss": 0.0,
        "package_cover": 0.95,
        "supported": 0.8,
        "no_worthwhile_effect": 0.01,
        "harm": 0.0,
        "not_supported": 0.02,
        "inconclusive": 0.15,
        "cannot_be_tested": 0.02,
        "flag": PRESETS[name].flag,
        "flag_exists": 0,
        "flagged": "",
        "causal_verb": 0.0,
        "e_value": 1.72,
        "e_value_limit": 1.33,
        "benchmark": "months_out",
        "benchmark_factor": 1.02,
    }
    return found | changes


def written(folder, cases, rows):
    (folder / "examples.json").write_text(json.dumps(cases), encoding="utf-8")
    pd.DataFrame(rows).to_csv(folder / "presets.csv", index=False)
    return folder


@pytest.fixture
def tell(tmp_path):
    """The text of one service's part of the page."""

    def told(name, *, many=None, **changes):
        folder = written(tmp_path, [case(name, **changes)], [row(name, **(many or {}))])
        return open_zoo(folder).case(name).text

    return told


def test_a_service_is_told_from_what_happened_to_what_came_of_many(tell):
    text = tell("claim_true")
    parts = [
        PRESETS["claim_true"].story,
        "+4.7",
        "What a hurried analysis says",
        "It reports a gain. As a rule it is a little too high",
        "What this package says",
        "C1 supported.",
        "A better one goes with more jobs.",
        "Could an unmeasured cause explain it? Yes. Nobody drew lots.",
        "In many such services",
        "Of 1,000 such services, the hurried analysis calls 97% a gain and 0% a loss.",
        "This package says supported in 80%",
    ]
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)
    assert "In time?" not in text, "a gate that was passed held nothing down"
    assert "defeated" not in text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.09, "a gain"), (-0.09, -0.01, "a loss"), (-0.01, 0.02, "nothing either way")],
)
def test_what_the_hurried_analysis_reports_is_read_off_its_interval(tell, low, high, said):
    hurried = {"estimate": 0.0, "conf_low": low, "conf_high": high}
    assert f"It reports {said}." in tell("null", hurried=hurried)


@pytest.mark.parametrize(
    ("name", "many", "said"),
    [
        ("null", {"supported": 0.05}, ""),
        ("null", {"supported": 0.40}, "it says supported, wrongly, in 40%"),
        ("reversed", {"supported": 0.30}, "it says supported, wrongly, in 30%"),
        ("claim_true", {"supported": 0.80}, ""),
        ("claim_true", {"harm": 0.20}, "it says harm, wrongly, in 20%"),
        ("claim_true", {"package_cover": 0.80}, "holds what was planted in 80% only"),
        ("ceiling", {}, "it has no check of this kind yet (ceiling)"),
        ("halo", {"supported": 0.0, "flag_exists": 1, "flagged": 1.0}, ""),
    ],
)
def test_a_defeat_is_called_one(tell, name, many, said):
    text = tell(name, many=many)
    if said:
        assert "Here this version is defeated: " in text
        assert said in text
    else:
        assert "defeated" not in text


def test_a_flag_that_exists_says_how_often_it_spoke(tell):
    text = tell("halo", many={"flag_exists": 1, "flagged": 1.0})
    assert "The check that ought to speak (same rater) does in 100%." in text


def test_a_fit_without_numbers_shows_none_and_says_why(tell):
    text = tell(
        "separation",
        many={"package_cover": "", "flag_exists": 1, "flagged": 1.0, "supported": 0.0},
        package={"status": "not_converged"},
        doubts=["separated", "barred predicts the outcome perfectly"],
    )
    assert "not shown" in text
    assert "It gives no interval." in text
    assert "Barred predicts the outcome perfectly." in text
    assert "nan" not in text


def test_areas_of_a_service_are_told_apart(tmp_path):
    cases = [case("not_alike", area=area) for area in ("employment", "debt", "health")]
    folder = written(tmp_path, cases, [row("not_alike", replicates=334)])
    text = open_zoo(folder).case("not_alike").text
    for area in ("employment", "debt", "health"):
        assert f"{area}: What was planted" in text
        assert f"In {area} it reports a gain." in text
    assert "Debt, C1 supported." in text


def test_the_overview_and_the_hidden_cause_read_the_same_rows(tmp_path):
    names = list(PRESETS)
    folder = written(tmp_path, [case(name) for name in names], [row(name) for name in names])
    zoo = open_zoo(folder)
    overview = zoo.overview().text
    for name in names:
        assert PRESETS[name].title in overview
    assert "none needed" in overview
    hidden = zoo.hidden("confounded").text
    assert "1.72" in hidden
    assert "months_out" in hidden


def test_what_is_missing_is_named_with_how_to_make_it(tmp_path):
    with pytest.raises(DataError, match=r"the bias zoo needs examples.json and presets.csv"):
        open_zoo(tmp_path)


def test_the_notebook_tells_of_every_preset_and_makes_a_sound_page(tmp_path):
    source = NOTEBOOK.read_text(encoding="utf-8")
    for name, preset in PRESETS.items():
        assert f'zoo.case("{name}")' in source
        assert f"## {preset.title}\n" in source
    names = list(PRESETS)
    folder = tmp_path / "results"
    folder.mkdir()
    written(folder, [case(name) for name in names], [row(name) for name in names])
    made = render_notebook(NOTEBOOK, folder, tmp_path / "zoo.html", kind="teaching")
    page = made[0].read_text(encoding="utf-8")
    assert page.count("<h1>") == 1
    assert "<nav" in page
