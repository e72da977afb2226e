"""Every figure: words from its data, numbers that were cleared, one style, and equal bytes."""

import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from deepvalue_stats.report.bench_figure import bench_figure
from deepvalue_stats.report.colleague_figure import practitioners_figure
from deepvalue_stats.report.drawing import COLOURS, SMALL, draw_panels
from deepvalue_stats.report.figures import (
    band_figure,
    difference_figure,
    flow_figure,
    forest_figure,
    predicted_figure,
)
from deepvalue_stats.report.measurement import (
    Dot,
    dots_figure,
    enough_figure,
    histogram_figure,
    steps_figure,
)
from deepvalue_stats.report.numbers import Estimate
from deepvalue_stats.report.power_figure import power_figure
from deepvalue_stats.report.scale_figure import Compared, Ranged, scales_figure
from deepvalue_stats.report.side_figures import balance_figure, missing_figure
from deepvalue_stats.report.specification_figure import specification_figure
from deepvalue_stats.report.time_figures import event_figure, waiting_figure
from deepvalue_stats.tables import CountTable, Series

BANDS = {"low": "low confidence", "mid": "mid confidence", "high": "high confidence"}
# inches between the margins of a printed page
PAGE = 7.08
NO_DATA = ("xtick", "ytick", "legend")


def table(name, columns, rows):
    """A cleared table: text cells, as the gate leaves them."""
    frame = pd.DataFrame(rows, columns=columns, dtype="str")
    return CountTable(name, f"Caption of {name}", frame, dict.fromkeys(columns, "label"))


def lines(names, *, moved, xs=(2.0, 3.0, 4.0), name="one"):
    rows = [
        (group, x, 0.2 + 0.05 * k + 0.1 * place, 0.15 + 0.05 * k, 0.4 + 0.05 * k, "120")
        for k, group in enumerate(names)
        for place, x in enumerate(xs)
    ]
    columns = ["group", "x", "y", "low", "high", "n_clients"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.loc[1, "y"] += moved
    return Series(name, f"Caption of {name}", frame, "score, points", "outcome, per 100 clients")


def estimate(group, value, half=2.0):
    return Estimate(group, value, value - half, value + half, 30.0, "120", "130", "12", "ok")


def predicted(moved=0.0):
    names = {"x_label": "score, points", "y_label": "outcome, per 100 clients"}
    return predicted_figure(lines(BANDS, moved=moved), BANDS, caption="By band", **names)


def banded(moved=0.0):
    both = lines(["each point", "whole curve"], moved=moved)
    return band_figure(both, "whole curve", x_label="score", y_label="outcome, per 100")


def difference(moved=0.0):
    return difference_figure(lines(["all"], moved=moved), x_label="score", y_label="difference")


def forest(moved=0.0):
    found = [estimate("main", 5.0), estimate("gee", 1.0 + 100 * moved)]
    return forest_figure(found, caption="By model", x_label="difference per 100 clients")


def flow(moved=0.0):
    columns = ["step", "left", "left_low", "left_high", "rows", "clients"]
    left = str(100 + round(1000 * moved))
    rows = [("ratings in the file", "0", "0", "0", "1200", "400"),
            ("no outcome known", left, "40", "[c]", "1100", "380")]  # fmt: skip
    return flow_figure(table("flow", columns, rows), caption="Who is left")


def balance(moved=0.0):
    columns = ["characteristic", "adjusted", "less_effective", "more_effective", "difference"]
    rows = [
        ("age", "yes", "120", "130", str(0.05 + moved)),
        ("wait_days", "no", "120", "130", "-0.31"),
        ("sex", "yes", "120", "130", "[c]"),
    ]
    return balance_figure(table("balance", columns, rows))


def missing(moved=0.0):
    absent = str(45 + round(1000 * moved))
    rows = [("score", "low", "200", absent), ("score", "mid", "300", "[c]"),
            ("score", "high", "250", "0"), ("age", "low", "200", "0"),
            ("age", "mid", "300", "0"), ("age", "high", "250", "0")]  # fmt: skip
    return missing_figure(table("missing", ["variable", "band", "rows", "missing"], rows), BANDS)


def scales(moved=0.0):
    def one(group, more):
        chance = Ranged(more, more - 4, more + 4)
        return Compared(group, Ranged(20, 16, 24), chance, Ranged(more - 20, more - 28, more - 12),
                        Ranged(more / 20, 0.9, 2.4))  # fmt: skip

    rows = [one("all clients", 31.0), one("low confidence", 36.0 + 100 * moved)]
    return scales_figure(rows, caption="On both scales")


def practitioners(moved=0.0):
    columns = ["group", "practitioners", "clients", "chance", "low", "high", "average"]
    rows = [("1 of 3", "10", "150", "41.2", "30", "52", "48.3"),
            ("2 of 3", "10", "160", str(48.5 + 100 * moved), "38", "59", "48.3"),
            ("3 of 3", "10", "140", "[c]", "[c]", "[c]", "[c]")]  # fmt: skip
    found = table("practitioner_effects", columns, rows)
    return practitioners_figure(found, y_label="A job within a year, per 100 clients")


def specifications(moved=0.0):
    columns = [
        "main",
        "estimator",
        "covariates",
        "otherwise",
        "difference",
        "low",
        "high",
        "clients",
    ]
    links = "links of weight 4 or more"
    rows = [
        ("yes", "multilevel", "all", "as planned", "6.8", "4.5", "9.1", "800"),
        ("no", "gee, exchangeable", "all", "as planned", "6.1", "3.9", "8.3", "800"),
        (
            "no",
            "multilevel",
            "without age",
            "as planned",
            str(7.2 + 100 * moved),
            "-0.2",
            "9.4",
            "800",
        ),
        ("no", "multilevel", "all", links, *["[c]"] * 4),
    ]
    return specification_figure(table("specifications", columns, rows))


def waiting(moved=0.0):
    series = lines(["less", "more"], moved=0.0, xs=(0.0, 60.0, 364.0))
    series.frame.loc[2, "y"] += moved
    return waiting_figure(series, {"less": "less effective", "more": "more effective"})


def event(moved=0.0):
    return event_figure(lines(["all"], moved=moved, xs=(-2.0, 0.0, 1.0)))


def power(moved=0.0):
    series = lines(["C1", "C2"], moved=moved, xs=(20.0, 40.0, 80.0))
    return power_figure(series, {"C1": "the effect", "C2": "more so where low"})


def dots(moved=0.0):
    found = [Dot("trust", 0.8, 0.7, 0.9), Dot("confidence", 0.6 + moved, 0.5, 0.72)]
    return dots_figure(found, caption="Reliability", x_label="reliability", lines=(0.7,))


def histogram(moved=0.0):
    last = str(50 + round(1000 * moved))
    rows = [("1", "2", "[c]"), ("2", "3", "40"), ("3", "4", last)]
    return histogram_figure(pd.DataFrame(rows, columns=["from", "to", "ratings"]))


def enough(moved=0.0):
    return enough_figure([Dot("trust", 0.1 + moved, 0.05, 0.2), Dot("bond", 0.2, 0.1, 0.3)])


def steps(moved=0.0):
    return steps_figure([("bands: loadings", 0.004), ("bands: intercepts", 0.012 + moved)])


FIGURES = [predicted, banded, difference, forest, flow, balance, missing, scales, practitioners,
           specifications, waiting, event, power, dots, histogram, enough, steps]  # fmt: skip
every = pytest.mark.parametrize("figure", FIGURES, ids=lambda one: one.__name__)


def words_of(svg):
    """The words of a drawing, and of its scales apart."""
    soup = BeautifulSoup(svg, "xml")
    words, ticks = [], []
    for text in soup.find_all("text"):
        inside = [str(parent.get("id", "")) for parent in text.parents]
        said = "".join(text.stripped_strings)
        scale = any(name.startswith(("xtick", "ytick")) for name in inside)
        (ticks if scale and re.fullmatch(r"[\u2212\d.]+", said) else words).append(said)
    return words, ticks


def numbers(text):
    return set(re.findall(r"\d+(?:\.\d+)?", text.replace(",", "")))


# --- laws of every figure ------------------------------------------------------------------------


@every
def test_equal_data_give_equal_bytes_and_nothing_of_the_day_or_the_machine(figure):
    first, second = figure(), figure()
    assert first == second
    assert not re.search(r"<metadata|<dc:|20\d\d-\d\d", first.svg)
    assert 'href="http' not in first.svg


@every
def test_words_and_drawing_change_with_the_data(figure):
    before, after = figure(), figure(0.05)
    assert before.alt != after.alt
    assert before.svg != after.svg


@every
def test_a_number_in_the_drawing_is_one_of_the_words(figure):
    """Beside the scales a drawing holds no number that its words do not hold."""
    made = figure()
    words, _ = words_of(made.svg)
    # per 100, and the levels of dashed lines, which belong to the figure and to no data
    fixed = {"100", "010", "70", "80"}
    assert numbers(" ".join(words)) <= numbers(f"{made.alt} {made.caption}") | fixed


@every
def test_words_are_large_enough_in_print(figure):
    soup = BeautifulSoup(figure().svg, "xml")
    width = float(soup.svg["width"].removesuffix("pt"))
    assert width / 72 <= PAGE
    sizes = {float(size) for size in re.findall(r"font(?:-size)?:[^;\"]*?([\d.]+)px", figure().svg)}
    assert sizes
    assert min(sizes) >= SMALL == 8.0


@every
def test_nothing_reaches_beyond_the_edge(figure):
    """Words end inside of the picture: letters taken for half of their size."""
    soup = BeautifulSoup(figure().svg, "xml")
    _, _, width, height = map(float, soup.svg["viewBox"].split())
    for text in soup.find_all("text"):
        if not text.get("x"):
            continue
        size = float(re.search(r"([\d.]+)px", text["style"]).group(1))
        long = 0.5 * size * len("".join(text.stripped_strings))
        anchor = re.search(r"text-anchor: (\w+)", text["style"])
        start = {"middle": 0.5, "end": 1.0}.get(anchor.group(1) if anchor else "", 0.0)
        turned = "rotate(-90" in text.get("transform", "")
        at = float(text["y"]) if turned else float(text["x"])
        limit = height if turned else width
        ends = (at + start * long, at - (1 - start) * long) if turned else (
            at - start * long, at + (1 - start) * long)  # fmt: skip
        assert min(ends) >= -2, text
        assert max(ends) <= limit + 2, text


@pytest.mark.parametrize("figure", [one for one in FIGURES if one is not power])
def test_no_mark_stands_for_a_person(figure):
    """No more marks than numbers in the words: no rug, no scatter."""
    # the figure of power is of simulated studies and nobody's
    made = figure()
    marks = [
        use
        for use in BeautifulSoup(made.svg, "xml").find_all("use")
        if not any(str(p.get("id", "")).startswith(NO_DATA) for p in use.parents)
    ]
    assert len(marks) <= len(re.findall(r"\d+(?:\.\d+)?", made.alt))


def luminance(colour):
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_of_the_style_can_be_read_on_white(colour):
    assert (1.05) / (luminance(colour) + 0.05) >= 4.5


def strokes(svg):
    """By colour of the style, the dashes of its lines and the shapes of its marks."""
    soup = BeautifulSoup(svg, "xml")
    shapes = {path["id"]: path["d"] for define in soup.find_all("defs")
              for path in define.find_all("path", id=True)}  # fmt: skip
    found = {}
    for one in soup.find_all(["path", "use"], style=True):
        colour = re.search(r"stroke: (#[0-9a-f]{6})", one["style"])
        if not colour or one.find_parent("defs") or not one.find_parent(id=re.compile("^line2d")):
            continue
        dash = re.search(r"stroke-dasharray: ([\d. ,]+)", one["style"])
        shape = shapes.get(one.get("xlink:href", "").removeprefix("#"), "")
        drawn = ("mark", shape) if one.name == "use" else ("line", dash.group(1) if dash else "")
        found.setdefault(colour.group(1), set()).add(drawn)
    return {colour: found[colour] for colour in COLOURS if colour in found}


@pytest.mark.parametrize("figure", [predicted, waiting, power, enough, missing, scales])
def test_lines_and_marks_are_told_apart_without_their_colour(figure):
    kinds = list(strokes(figure().svg).values())
    assert len(kinds) >= 2
    for place, one in enumerate(kinds):
        assert all(one - other for other in kinds[:place])


# --- single figures ------------------------------------------------------------------------------


def test_balance_is_drawn_by_size_and_says_what_nothing_adjusts_for():
    made = balance()
    assert made.alt == (
        "Dot plot of standardised differences between clients with a more and a less effective "
        "relationship, before any adjustment. wait days: \u22120.31, not adjusted for; age: 0.05. "
        "1 of 2 beyond 0.1. Not drawn, as too few clients stand behind it: sex."
    )
    hidden = table("balance", ["characteristic", "adjusted", "difference"], [("sex", "yes", "[c]")])
    assert balance_figure(hidden) is None


def test_missing_says_what_is_hidden_and_leaves_out_what_nobody_lacks():
    made = missing()
    assert made.alt == (
        "Dot plot of the percentage of rows without a value, by band. score: low confidence 22.5%, "
        "mid confidence too few to show, high confidence 0.0%. Never missing: age."
    )
    assert "[c] too few to show: mid confidence" in words_of(made.svg)[0]
    columns = ["variable", "band", "rows", "missing"]
    assert missing_figure(table("missing", columns, [("age", "low", "200", "0")]), BANDS) is None
    assert missing_figure(table("missing", columns, [("age", "low", "200", "[c]")]), BANDS) is None


def test_both_scales_are_told_row_by_row():
    assert scales().alt.startswith(
        "Three panels with 95% intervals: chance of the outcome per 100 clients with a less and "
        "with a more effective relationship, their difference, and their ratio. all clients: 20.0 "
        "(16.0 to 24.0) with a less effective one, 31.0 (27.0 to 35.0) with a more effective one, "
        "difference +11.0 (+3.0 to +19.0), ratio 1.55 (0.90 to 2.40). low confidence: "
    )


def test_groups_of_practitioners_have_no_name_and_a_hidden_one_is_counted():
    made = practitioners()
    assert made.alt == (
        "Caterpillar plot of groups of practitioners ranked by their estimates, each a mean over "
        "the group with the mean of its members' 95% intervals: A job within a year, per 100 "
        "clients. group 1 of 3: 41.2 (30.0 to 52.0); group 2 of 3: 48.5 (38.0 to 59.0). With an "
        "average practitioner: 48.3. Groups not drawn, as too few clients stand behind them: 1."
    )
    empty = table("practitioner_effects", ["group", "chance", "low", "high", "average"], [])
    assert practitioners_figure(empty, y_label="outcome") is None


def test_ways_are_in_order_and_the_main_one_is_named():
    made = specifications()
    assert made.alt == (
        "Specification curve: 3 ways of working out the difference per 100 clients, from the "
        "lowest to the highest, with 95% intervals, of which 2 leave zero out. gee, exchangeable, "
        "all covariates: +6.1 (+3.9 to +8.3); the main model, multilevel, all covariates: +6.8 "
        "(+4.5 to +9.1); multilevel, without age: +7.2 (\u22120.2 to +9.4). Not drawn, as too few "
        "clients stand behind them: 1."
    )
    # what all ways share is no choice to show
    assert "as planned" not in words_of(made.svg)[0]
    columns = list(table("specifications", ["main"], []).frame)
    assert specification_figure(table("specifications", columns, [])) is None


def test_a_line_tells_its_ends_and_its_middle():
    assert (
        "20.0 (15.0 to 40.0) at 2.0, then 30.0 (15.0 to 40.0) at 3.0, then 40.0" in difference().alt
    )


def test_panels_are_painted_row_by_row():
    seen = []
    draw_panels(4, 3, lambda *axes: seen.extend(axes), beside=(1, 2), above=(1, 1))
    assert len(seen) == 4
    assert seen[0].get_shared_x_axes().joined(seen[0], seen[2])
    assert seen[0].get_shared_y_axes().joined(seen[0], seen[1])


def test_the_picture_of_the_scoreboard_is_in_the_same_style():
    drawn = {"q05": 3.0, "median": 5.0, "q95": 7.0, "coverage": 0.94}
    row = {"label": "as planned", "truth": 5.0}
    row |= {f"{one}_{end}": value for one in ("naive", "package") for end, value in drawn.items()}
    svg = bench_figure(pd.DataFrame([row]))
    assert svg == bench_figure(pd.DataFrame([row]))
    assert min(float(s) for s in re.findall(r"font(?:-size)?:[^;\"]*?([\d.]+)px", svg)) >= SMALL
