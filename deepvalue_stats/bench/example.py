"""One service of each preset, the long way: written extracts, a plan, findings, sentences."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from deepvalue_stats.bench.plans import PRIMARY, preset_plan
from deepvalue_stats.effects import average_effect, e_value, per_sd
from deepvalue_stats.findings import Findings
from deepvalue_stats.models import ModelFit, fit_logit
from deepvalue_stats.simulate import (
    PRESETS,
    Service,
    analysis_table,
    draw_service,
    preset_parameters,
    simulate_parameters,
    superpopulation,
    write_service,
)
from deepvalue_stats.study import run_study

SEED = 20110523
# about a thousand clients in the analysis, sixty practitioners
SIZE: dict[str, Any] = {"services": 12, "practitioners": 5, "caseload": 50.0}
NAME = "examples.json"
NUMBERS = ("estimate", "conf_low", "conf_high")


def write_examples(folder: Path, names: Iterable[str] = tuple(PRESETS)) -> Path:
    """Run one service of every preset and write what was said of it.

    Parameters
    ----------
    folder : Path
    names : iterable of str
        Presets, one after the other.

    Returns
    -------
    Path
        `examples.json`: a list of cases, one a preset and area.
    """
    cases = [case for name in names for case in run_example(name)]
    folder.mkdir(parents=True, exist_ok=True)
    place, staged = folder / NAME, folder / f".{NAME}.part"
    text = json.dumps(cases, indent=1, ensure_ascii=False, allow_nan=False)
    staged.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    os.replace(staged, place)
    return place


def run_example(name: str, *, seed: int = SEED) -> list[dict[str, Any]]:
    """Simulate, write, read, link, fit and judge one service, and analyse it in a hurry as well.

    Parameters
    ----------
    name : str
        Of a preset.
    seed : int

    Returns
    -------
    list of dict
        One case an area: what happened, what was planted, what either analysis says.
    """
    # a preset about few practitioners has a size of its own
    size = {} if "services" in PRESETS[name].changes else SIZE
    parameters = preset_parameters(name, **size)
    service = simulate_parameters(parameters, seed=seed, name=name)
    table = analysis_table(draw_service(parameters, seed))
    with TemporaryDirectory(prefix="deepvalue_zoo_") as place:
        write_service(service, Path(place) / "data", faults=False)
        return [
            _case(name, service, area, table[table["area"] == area], Path(place) / "data")
            for area in parameters.areas
        ]


def _case(
    name: str, service: Service, area: str, table: pd.DataFrame, data: Path
) -> dict[str, Any]:
    preset, several = PRESETS[name], len(service.parameters.areas) > 1
    findings = run_study(preset_plan(name, area), folder=data / area if several else data)
    return {
        "preset": name,
        "area": area,
        "title": preset.title,
        "story": preset.story,
        "naive_story": preset.naive,
        "truth": preset.truth,
        "flag": preset.flag,
        "clients": int(table["consented"].sum()),
        "analysed": int(findings.effects.row(claim="C1")["n_clients"] or 0),
        "planted": _planted(name, service, area),
        "hurried": _hurried(table),
        "package": _package(findings),
        "doubts": _doubts(findings),
        "verdicts": [
            {
                "claim": verdict.claim,
                "answer": verdict.answer,
                "sentence": str(verdict.sentence),
                "gates": [
                    {
                        "name": gate.name,
                        "outcome": gate.outcome,
                        "question": gate.question,
                        "answer": str(gate.answer),
                    }
                    for gate in verdict.gates
                ],
            }
            for verdict in findings.verdicts
        ],
    }


def _planted(name: str, service: Service, area: str) -> dict[str, Any]:
    """The truth of the area alone, per SD of the score as observed."""
    alone = preset_parameters(name, areas=(area,))
    known = superpopulation(alone).estimands[PRESETS[name].target]
    per_sd = known["per_sd_score"]
    return {
        "per_sd": _rounded(per_sd["overall"]),
        "low_minus_high": _rounded(per_sd["low_minus_high"]),
        "base_rate": _rounded(service.parameters.base_rates[service.parameters.areas.index(area)]),
    }


def _hurried(table: pd.DataFrame) -> dict[str, float]:
    """Every rating whenever given, nothing adjusted for, every client taken for independent."""
    rows = table[table["consented"] & table["relationship_all"].notna()]
    fit = fit_logit("outcome ~ relationship_all", rows, cluster="client")
    return _numbers(_effect(fit, "relationship_all"))


def _package(findings: Findings) -> dict[str, Any]:
    row = findings.effects.row(claim="C1")
    found: dict[str, Any] = {"status": str(row["status"])}
    if row["status"] != "ok":
        return found
    everybody = findings.counts["participants"].frame.query("group == 'all'").iloc[0]
    base = float(everybody["with_outcome"]) / float(everybody["rows"])
    ratios = [1 + float(row[name]) / base for name in NUMBERS]
    value = e_value(*ratios)
    return (
        found
        | _numbers(row)
        | {"base": _rounded(base)}
        | {"e_value": _rounded(value.estimate), "e_value_limit": _rounded(value.limit)}
    )


def _doubts(findings: Findings) -> list[str]:
    """What the table of fits says of the primary model."""
    frame = findings.counts["diagnostics"].frame
    said = frame.loc[frame["model"] == PRIMARY, ["status", "doubt"]].iloc[0]
    return [str(text) for text in said if str(text) not in ("ok", "", "nan")]


def _effect(fit: ModelFit, exposure: str) -> pd.Series:
    contrast = per_sd(fit.design.frame[exposure])
    return average_effect(fit, exposure, contrast=contrast).frame.iloc[0]


def _numbers(row: pd.Series) -> dict[str, float]:
    return {name: _rounded(row[name]) for name in NUMBERS}


def _rounded(value: float) -> float:
    return round(float(value), 6)
