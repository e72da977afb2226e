"""Invented findings for the tests of the pages: every number here is made up."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.disclosure import SUPPRESSED, Rules
from deepvalue_stats.errors import DataError
from deepvalue_stats.findings import collect, read_findings, write_findings
from deepvalue_stats.report.numbers import HIDDEN
from deepvalue_stats.tables import CountTable, Phrase, Series, effect_rows
from deepvalue_stats.verdicts import Gate, Verdict, Wording

OPEN = Rules("open", 0, 1)
ACRO = Rules("acro", 10, 5)
BANDS = ("low", "mid", "high")
STUDY = {
    "name": "help_primary_care",
    "area": "health",
    "question": "Does a better relationship with the regular doctor go with abstinence?",
    "status": "public",
    "caveats": [
        "Confidence is a proxy: two items on self-worth and hope, not a self-efficacy scale.",
        "The relationship is seen only for clients who kept a regular doctor.",
    ],
    "label": "exploratory",
    "design": "same_wave",
    "profile": "open",
    "smallest_worthwhile": 0.03,
    "outcome": "abstinent",
    "exposure": "relationship",
    "modifier": "confidence",
    "bands": list(BANDS),
    "reference": "high",
    "primary": "gee",
}
PROVENANCE = {
    "package": "deepvalue_stats 0.1.0",
    "plan": "3f1c9d0a4be27781c1a2" * 3,
    "data": {"interviews": "9a20b7c455" * 6},
    "versions": {"numpy": "2.4.6", "pandas": "3.1.1", "statsmodels": "0.15.1"},
    "seed": 20110523,
}


def effect(model, group, estimate, half, **more):
    """One invented row."""
    size = 0.907 if more.get("contrast", "sd") == "sd" else 1.0
    unit = f"1 SD ({size} points)" if more.get("contrast", "sd") == "sd" else "1 point"
    row = {
        "model": model, "outcome": "abstinent", "exposure": "relationship",
        "estimand": f"average derivative x {unit}", "scale": "risk_difference", "contrast": "sd",
        "group": group, "estimate": estimate, "std_error": half / 1.96, "dof": np.inf,
        "conf_low": estimate - half, "conf_high": estimate + half, "p_value": 0.0123,
        "p_adjusted": np.nan, "family": "", "claim": "", "null_value": 0.0, "unit": "probability",
        "n_obs": 565, "n_clients": 282, "n_practitioners": 61, "status": "ok",
        "events": 150, "non_events": 132,
    }  # fmt: skip
    return row | more


def banded(group, estimate, half, **more):
    return effect("gee x confidence", group, estimate, half, **more)


def invented_effects(**low):
    family = {"family": "exploratory: Benjamini-Hochberg over 5", "p_adjusted": 0.03}
    gone = {"p_value": np.nan, "status": "not_converged"}
    return effect_rows(
        [
            effect("gee", "all", 0.0566, 0.043, claim="C1", **family),
            effect("gee", "all", 0.0624, 0.0474, contrast="point"),
            effect("gee", "all", 0.245, 0.19, scale="log_odds", unit="log odds"),
            effect("pooled", "all", 0.0601, 0.045, **family),
            effect("multilevel", "all", np.nan, np.nan, dof=np.nan, **gone),
            banded("low", 0.071, 0.062, **{"n_obs": 220, "n_clients": 112} | family | low),
            banded("mid", 0.034, 0.088, n_obs=98, n_clients=49, **family),
            banded("high", 0.049, 0.066, n_obs=247, n_clients=121, **family),
            banded("low minus high", 0.022, 0.091, n_obs=467, n_clients=233, claim="C2"),
        ]
    )


def flow(left_mid=11):
    steps = [
        ("interviews in the file", 0, 0, 0, 0, 2350, 470, 88),
        ("baseline interview: no rating is due", 470, 188, 82, 200, 1880, 462, 88),
        ("no regular doctor named, so nothing to rate", 1204, 460, left_mid, 533, 676, 301, 70),
        ("fewer than 5 of 10 items answered", 37, 12, 4, 21, 639, 296, 68),
        ("outcome missing", 48, 20, 8, 20, 591, 288, 63),
        ("a covariate missing", 26, 9, 7, 10, 565, 282, 61),
    ]  # fmt: skip
    names = [
        "step",
        "left",
        *(f"left_{band}" for band in BANDS),
        "rows",
        "clients",
        "practitioners",
    ]
    rules = {name: "label" if name == "step" else "count" for name in names}
    note = "Rows are interviews; bands are those of confidence at the first interview."
    frame = pd.DataFrame(steps, columns=names)
    return CountTable("flow", "Rows left at each step", frame, rules, notes=(note,))


def other_counts():
    def made(name, caption, rules, rows, total=None):
        frame = pd.DataFrame(rows, columns=list(rules))
        return CountTable(name, caption, frame, rules, total=total)

    label, count, statistic = "label", "count", "statistic"
    return (
        made(
            "sources", "Rows of each source",
            {"source": label, "step": label, "rows": count},
            [("interviews", "read", 2350), ("interviews", "after checks", 2350)],
        ),
        made(
            "problems", "What was found in the data",
            {"source": label, "column": label, "problem": label, "count": count, "action": label},
            [("interviews", "A13", "undocumented code", 14, "set missing")],
        ),
        made(
            "participants", "Who is in the study",
            {"group": label, "clients": count, "rows": count, "with_outcome": "outcome_count",
             "share": statistic},
            [("all", 282, 565, 150, 0.532), ("low", 112, 220, 55, 0.491),
             ("mid", 49, 98, 26, 0.531), ("high", 121, 247, 69, 0.570)],
            total="clients",
        ),
        made(
            "reliability", "Internal consistency of the measures",
            {"measure": label, "group": label, "items": label, "complete": count,
             "alpha": statistic, "low": statistic, "high": statistic, "omega": statistic,
             "omega_low": statistic, "omega_high": statistic, "reading": statistic},
            [("relationship", "all", 10, 554, 0.91234, 0.9, 0.9231, 0.914, 0.9, 0.925, "good"),
             ("relationship", "low", 10, 4, 0.9, 0.8, 0.95, 0.9, 0.8, 0.95, "good"),
             ("confidence", "all", 2, 470, 0.62, 0.55, 0.68, np.nan, np.nan, np.nan, "doubtful")],
        ),
        made(
            "diagnostics", "How the fits went",
            {"model": label, "estimator": label, "grouping": label, "groups": count,
             "rows": count, "status": label},
            [("gee", "gee", "client", 282, 565, "ok"),
             ("multilevel", "multilevel", "client and practitioner", 61, 565, "not_converged")],
        ),
    )  # fmt: skip


def invented_series():
    rows, evidence = [], []
    for band, start, rise, n in (
        ("low", 0.38, 0.075, 112),
        ("mid", 0.47, 0.034, 49),
        ("high", 0.5, 0.05, 121),
    ):
        for x in np.linspace(2.0, 5.8, 15):
            y = start + rise * (x - 2.0)
            half = 0.05 + 0.012 * abs(x - 4) * 300 / (n + 40)
            rows.append((band, x, y, y - half, y + half, n))
            evidence.append((n // 2, n - n // 2))
    columns = ["group", "x", "y", "low", "high", "n_clients"]
    return Series(
        "predicted", "Predicted abstinent by relationship", pd.DataFrame(rows, columns=columns),
        "relationship score, points", "abstinent, per 100 clients",
        pd.DataFrame(evidence, columns=["events", "non_events"]),
    )  # fmt: skip


def gates():
    rows = [
        ("time_order", "Was the relationship rated before the outcome was known?", "cap",
         "No: both come from the same interview, so either may colour the other."),
        ("same_rater", "Do two different people say how it went?", "cap",
         "No: the client gives both the rating and the outcome."),
        ("clusters", "Are there enough independent groups for honest ranges?", "pass",
         "Yes: 282 clients, the largest with 1% of the rows."),
        ("bands", "Is the smallest band large enough to speak of?", "pass",
         "Yes: 49 clients in the band mid."),
        ("convergence", "Did the models settle on an answer?", "pass", "Yes."),
        ("label", "Was the plan fixed before the data were seen?", "cap",
         "No: the analysis is exploratory."),
    ]  # fmt: skip
    return tuple(Gate(name, asked, outcome, Phrase(said)) for name, asked, outcome, said in rows)


def verdicts():
    c1 = Verdict(
        "C1",
        "Effective relationships raise the chance of a positive outcome.",
        "supported",
        "goes with, at the same interview",
        Phrase(
            "A better relationship goes with more clients abstinent at the same interview: "
            "5.7 more per 100 clients for one standard deviation, plausible range 1.4 to 10.0 more."
        ),
        gates(),
        {"model": "gee", "scale": "risk_difference", "contrast": "sd", "group": "all"},
    )
    c2 = Verdict(
        "C2",
        "They do so more where confidence is low.",
        "inconclusive",
        "goes with, at the same interview",
        Phrase("The data do not tell whether the difference is larger where confidence is low."),
        gates(),
        {"model": "gee x confidence", "scale": "risk_difference", "group": "low minus high"},
    )
    return (c1, c2)


WORDING = Wording(
    (
        Phrase("A better relationship and abstinence are found together in these clients."),
        Phrase("The difference is shown per 100 clients and rests on {n} clients.", {"n": 282}),
        Phrase("Do not use these figures to compare single practitioners."),
    ),
    (
        Phrase("That the relationship caused the outcome: both come from one interview."),
        Phrase("Anything about clients without a regular doctor."),
        Phrase("Whether the same holds in another service or another country."),
    ),
)


def invented(rules=OPEN, *, low=None, counts=None, series=None, **study):
    """Findings of a study that never was."""
    return collect(
        rules=rules,
        study=STUDY | {"profile": rules.profile} | study,
        provenance=PROVENANCE,
        effects=invented_effects(**(low or {})),
        counts=(flow(), *other_counts()) if counts is None else counts,
        series=(invented_series(),) if series is None else series,
        verdicts=verdicts(),
        wording=WORDING,
    )


def test_the_invented_findings_survive_writing_and_reading(tmp_path):
    write_findings(invented(), tmp_path / "findings")
    back = read_findings(tmp_path / "findings")
    assert back.study["question"] == STUDY["question"]
    with pytest.raises(DataError):
        read_findings(tmp_path)


def test_the_mark_of_a_suppressed_cell_is_that_of_disclosure_control():
    assert HIDDEN == SUPPRESSED
