"""The plan by which each planted service is analysed: that of its area, and what its story asks."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from deepvalue_stats.plan import Plan, parse_plan
from deepvalue_stats.simulate import PRESETS, preset_parameters

PRIMARY = "main"
# the score of a client whose relationship is at the neutral point, in the presets and where it lies
# higher: between "neither" and "agree"
MIDDLE = 3.5
NEUTRAL = {"damage": 3.9}


def preset_plan(name: str, area: str) -> Plan:
    """Make the plan of a preset in one area, from the area's starter plan.

    The primary model alone, with what an evaluator of that service would know: that clients
    report the outcome themselves, or that some are barred from it.

    Parameters
    ----------
    name : str
        Of a preset.
    area : str

    Returns
    -------
    Plan
        Sources are named without a folder.
    """
    raw = _template(area)
    raw["study"]["name"] = f"bench_{name}"
    for source, entry in raw["sources"].items():
        entry["path"] = f"{source}.csv"
    raw["models"] = {PRIMARY: raw["models"][PRIMARY]}
    # without a model of time nobody is followed in part
    raw["clock"]["follow_up"]["incomplete"] = "exclude"
    parameters = preset_parameters(name)
    for outcome in raw["outcomes"].values():
        outcome["reported_by"] = parameters.reported_by
    if parameters.barred_share:
        raw["covariates"]["barred"] = {"column": "clients.barred", "type": "number"}
        raw["covariates"]["barred"]["at"] = "baseline"
        raw["models"][PRIMARY]["covariates"].append("barred")
    raw["measures"]["relationship"]["neutral"] = NEUTRAL.get(name, MIDDLE)
    raw["verdicts"]["claims"] = ["C1", "C2", "C3"]
    # no claim rests on further attributes
    raw["equity"].pop("also", None)
    if PRESETS[name].flag == "groups":
        # three services are too few for an effect of their own
        raw["models"][PRIMARY]["groups"] = ["practitioner"]
    raw["disclosure"] = {"profile": "open"}
    return parse_plan(raw)


def _template(area: str) -> dict[str, Any]:
    path = files("deepvalue_stats").joinpath("plan", "templates", f"{area}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
