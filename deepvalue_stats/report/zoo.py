"""The page of the bias zoo: each planted service, what was said of it, and how often that is so."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepvalue_stats.errors import DataError
from deepvalue_stats.report.markup import Column, Html, bullets, join, table, tag
from deepvalue_stats.report.numbers import Estimate, decimal, interval, signed
from deepvalue_stats.report.strips import common_scale, strip

EXAMPLES, SUMMARY = "examples.json", "presets.csv"
TEXTS = ("preset", "truth", "flag", "benchmark")
WORTHWHILE = 2.0
TRUTHS = {"benefit": "a gain", "none": "no effect", "harm": "a loss"}
# more wrong answers than one in twenty, by three Monte Carlo errors of a thousand replicates, and
# less coverage than 95% by as much: this version is defeated
MOST_WRONG, LEAST_COVER = 0.071, 0.929


def open_zoo(folder: Path | str = ".") -> Zoo:
    """Open what the zoo's page is made from.

    Parameters
    ----------
    folder : Path or str
        Holds `examples.json` and the scoreboard's `presets.csv`; while the page is rendered, the
        working directory.

    Returns
    -------
    Zoo

    Raises
    ------
    DataError
        If one of the files is not there.
    """
    place = Path(folder)
    absent = [name for name in (EXAMPLES, SUMMARY) if not (place / name).is_file()]
    if absent:
        raise DataError(
            f"the bias zoo needs {' and '.join(absent)}",
            str(place),
            "run python -m deepvalue_stats.bench, then analyses/bias_zoo/run.py",
        )
    cases: dict[str, list[dict[str, Any]]] = {}
    for case in json.loads((place / EXAMPLES).read_text(encoding="utf-8")):
        cases.setdefault(case["preset"], []).append(case)
    # one of the services is called null
    frame = pd.read_csv(place / SUMMARY, dtype="str", keep_default_na=False)
    numbers = frame.drop(columns=list(TEXTS)).apply(pd.to_numeric)
    rows = {str(row["preset"]): row for row in frame.assign(**numbers).to_dict("records")}
    return Zoo(cases, rows)


@dataclass(frozen=True)
class Zoo:
    """Parts of the page; each shows itself at the end of a notebook's cell.

    Attributes
    ----------
    cases : mapping of str to list of dict
        One service of each preset, by area.
    summary : mapping of str to mapping
        What came of many services, by preset.
    """

    cases: Mapping[str, list[dict[str, Any]]]
    summary: Mapping[str, Mapping[Any, Any]]

    def banner(self, kicker: str, title: str) -> Html:
        """The head of the page."""
        lines = [tag("p", kicker, class_="kicker"), tag("h1", title)]
        warning = "These figures describe no real client or practitioner."
        status = join([tag("strong", "Synthetic data."), tag("span", warning)])
        return join([tag("header", join(lines)), tag("p", status, class_="status synthetic")])

    def case(self, name: str) -> Html:
        """One service: what happened, what a hurried analysis says, what this package says."""
        cases = self.cases[name]
        first = cases[0]
        return join(
            [
                tag("p", first["story"]),
                _estimates(cases),
                tag("h3", "What a hurried analysis says"),
                tag("p", f"{_hurried(cases)} As a rule it {first['naive_story']}"),
                tag("h3", "What this package says"),
                _said(cases),
                tag("h3", "In many such services"),
                _many(self.summary[name], first["truth"]),
            ]
        )

    def overview(self) -> Html:
        """All services side by side."""
        columns = [
            Column("Service"),
            Column("What is true"),
            Column("Hurried: says there is a gain", numeric=True),
            Column("Package: supported", numeric=True),
            Column("Package: harm", numeric=True),
            Column("Right flag"),
        ]
        rows = [
            [
                self.cases[name][0]["title"],
                TRUTHS[self.cases[name][0]["truth"]],
                _share(row["naive_gain"]),
                _share(row["supported"]),
                _share(row["harm"]),
                _flag_words(row),
            ]
            for name, row in self.summary.items()
        ]
        return table("How often each says so, of many services of each kind", columns, rows)

    def hidden(self, name: str) -> Html:
        """How far the E-value and the measured covariates warn of a hidden cause."""
        row = self.summary[name]
        lines = [
            f"In the service with a hidden cause, this package says supported in "
            f"{_share(row['supported'])}: wrongly, and with the verb of an association.",
            f"The E-value there is {decimal(row['e_value'], 2)} on average, and "
            f"{decimal(row['e_value_limit'], 2)} at the limit nearer to no effect: a cause that "
            "goes with the relationship and with the outcome by risk ratios of that size each "
            "would be enough to explain it away.",
            f"The strongest measured covariate ({row['benchmark']}) moves the risk ratio by a "
            f"factor of {decimal(row['benchmark_factor'], 2)} when it is left out. Where a hidden "
            "cause may well be stronger than any measured one, as here, neither number reassures.",
        ]
        return bullets(lines)


def _estimates(cases: list[dict[str, Any]]) -> Html:
    """What was planted, and what either analysis found, on one scale."""
    rows: list[list[str | Html]] = []
    drawn = [_drawn(case) for case in cases]
    scale = common_scale([e for entries in drawn for e in entries], WORTHWHILE)
    for case, entries in zip(cases, drawn, strict=True):
        for estimate in entries:
            name = estimate.group if len(cases) == 1 else f"{case['area']}: {estimate.group}"
            rows.append([name, _value(estimate), _range(estimate), strip(estimate, scale)])
    return table(
        f"{cases[0]['title']}: planted and found",
        [
            Column("Whose number"),
            Column("Per 100 clients", numeric=True),
            Column("95% interval", numeric=True),
            Column("Picture", class_="picture"),
        ],
        rows,
        explained="more good outcomes for a score one standard deviation better",
        notes=[
            f"The picture runs {scale.says()}. The grey band is what is too small to matter "
            f"({decimal(WORTHWHILE, 0)} in 100 either way), the dashed line no difference."
        ],
        class_="effects",
    )


def _drawn(case: dict[str, Any]) -> list[Estimate]:
    planted = 100 * case["planted"]["per_sd"]
    package = case["package"]
    return [
        _estimate("What was planted", {"estimate": planted / 100}, "ok"),
        _estimate("A hurried analysis", case["hurried"], "ok"),
        _estimate("This package", package, package["status"]),
    ]


def _estimate(group: str, numbers: Mapping[str, Any], status: str) -> Estimate:
    point = 100 * numbers.get("estimate", math.nan)
    low, high = (100 * numbers[k] if k in numbers else point for k in ("conf_low", "conf_high"))
    return Estimate(group, point, low, high, math.inf, "", "", "", status)


def _value(estimate: Estimate) -> str:
    return signed(estimate.value) if estimate.ok else "not shown"


def _range(estimate: Estimate) -> str:
    exact = estimate.low == estimate.high
    return "" if exact or not estimate.ok else interval(estimate.low, estimate.high)


def _hurried(cases: list[dict[str, Any]]) -> str:
    said = []
    for case in cases:
        low, high = case["hurried"]["conf_low"], case["hurried"]["conf_high"]
        verdict = "a gain" if low > 0 else "a loss" if high < 0 else "nothing either way"
        where = f"In {case['area']} it" if len(cases) > 1 else "It"
        said.append(f"{where} reports {verdict}.")
    return " ".join(said)


def _said(cases: list[dict[str, Any]]) -> Html:
    """Verdicts in the package's own sentences, and the gates that held them down."""
    lines: list[str | Html] = []
    for case in cases:
        where = f"{case['area'].capitalize()}, " if len(cases) > 1 else ""
        for verdict in case["verdicts"]:
            head = tag("strong", f"{where}{verdict['claim']} {verdict['answer']}.")
            lines.append(head + tag("span", verdict["sentence"]))
    gates = {
        gate["name"]: f"{gate['question']} {gate['answer']}"
        for case in cases
        for verdict in case["verdicts"]
        for gate in verdict["gates"]
        if gate["outcome"] in ("cap", "block")
    }
    doubts = dict.fromkeys(doubt for case in cases for doubt in case["doubts"])
    spoke = [tag("p", "Gates that held the wording down, and doubts about the fit:")]
    spoke.append(bullets([*gates.values(), *(_sentence(doubt) for doubt in doubts)]))
    return join([bullets(lines), *spoke])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _many(row: Mapping[Any, Any], truth: str) -> Html:
    n = f"{int(row['replicates']):,}"
    lines = [
        f"Of {n} such services, the hurried analysis calls {_share(row['naive_gain'])} a gain and "
        f"{_share(row['naive_loss'])} a loss. Its interval holds what was planted in "
        f"{_share(row['naive_cover'])}.",
        f"This package says supported in {_share(row['supported'])}, harm in "
        f"{_share(row['harm'])}, no worthwhile effect or not supported in "
        f"{_share(row['no_worthwhile_effect'] + row['not_supported'])}, inconclusive in "
        f"{_share(row['inconclusive'])}, and cannot be tested here in "
        f"{_share(row['cannot_be_tested'])}. {_cover(row)}",
        _flag_sentence(row),
        f"A causal verb was used in {_share(row['causal_verb'])}.",
    ]
    defeat = _defeat(row, truth)
    marked = [tag("p", defeat, class_="warning")] if defeat else []
    return join([bullets([line for line in lines if line]), *marked])


def _cover(row: Mapping[Any, Any]) -> str:
    if math.isnan(row["package_cover"]):
        return "It gives no interval."
    return f"Its interval holds what was planted in {_share(row['package_cover'])}."


def _defeat(row: Mapping[Any, Any], truth: str) -> str:
    """Say plainly where this version is defeated; empty where it is not."""
    wrong = row["supported"] if truth != "benefit" else row["harm"]
    faults = []
    if wrong > MOST_WRONG:
        faults.append(
            f"it says {'supported' if truth != 'benefit' else 'harm'}, wrongly, in {_share(wrong)}"
        )
    if row["package_cover"] < LEAST_COVER:
        faults.append(
            f"its 95% interval holds what was planted in {_share(row['package_cover'])} only"
        )
    if row["flag"] and not row["flag_exists"]:
        faults.append(f"it has no check of this kind yet ({_words(row['flag'])})")
    return f"Here this version is defeated: {'; '.join(faults)}." if faults else ""


def _flag_sentence(row: Mapping[Any, Any]) -> str:
    if not row["flag"]:
        return ""
    if not row["flag_exists"]:
        return f"No check speaks of it yet ({_words(row['flag'])})."
    return (
        f"The check that ought to speak ({_words(row['flag'])}) does in {_share(row['flagged'])}."
    )


def _flag_words(row: Mapping[Any, Any]) -> str:
    if not row["flag"]:
        return "none needed"
    if not row["flag_exists"]:
        return f"{_words(row['flag'])}: no such check yet"
    return f"{_words(row['flag'])}: {_share(row['flagged'])}"


def _words(flag: str) -> str:
    return flag.replace("_", " ")


def _share(value: float) -> str:
    """A share in percent, without a decimal unless it is small."""
    percent = 100 * value
    return f"{percent:.0f}%" if percent >= 9.95 or percent == 0 else f"{percent:.1f}%"
