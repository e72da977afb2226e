"""Which of the findings a page speaks of: rows of the effect table, and the plan's own words."""

from __future__ import annotations

import re

import pandas as pd

from deepvalue_stats.findings import Findings
from deepvalue_stats.report.numbers import HIDDEN, Estimate, count, words


def said(findings: Findings, key: str, otherwise: str = "") -> str:
    """A word of the study, with spaces for underscores."""
    return words(str(findings.study.get(key) or otherwise))


def outcome(findings: Findings) -> str:
    """The outcome in words."""
    return said(findings, "title_outcome") or said(findings, "outcome", "the outcome")


def exposure(findings: Findings) -> str:
    """The exposure of the main estimate in words; a part of it, as within, in brackets."""
    whole = said(findings, "exposure", "relationship")
    row = main_row(findings)
    part = "" if row is None else words(str(row["exposure"])).removeprefix(whole).strip()
    return f"{whole} ({part})" if part else whole


def bands(findings: Findings) -> list[str]:
    """Names of the bands of the modifier, lowest first."""
    return [str(band) for band in findings.study.get("bands") or ()]


def band_words(findings: Findings, band: str) -> str:
    """A band as a reader would say it, as 'low confidence'."""
    modifier = said(findings, "modifier")
    named = band in bands(findings)
    return f"{words(band)} {modifier}".strip() if named else words(band)


def worthwhile(findings: Findings) -> float:
    """The smallest difference per 100 clients that the plan calls worthwhile."""
    return 100 * float(findings.study.get("smallest_worthwhile") or 0.0)


def main_row(findings: Findings) -> pd.Series | None:
    """The risk difference that the first claim rests on, or else the primary model's first."""
    rows = findings.effects.where(scale="risk_difference").frame
    claimed = rows[rows["claim"] == "C1"]
    if len(claimed) == 1:
        return claimed.iloc[0]
    primary = rows["model"] == findings.study.get("primary")
    chosen = rows[primary & (rows["group"] == "all")]
    return chosen.iloc[0] if len(chosen) else None


def comparable_rows(findings: Findings) -> pd.DataFrame:
    """Risk differences in the unit of the main one."""
    main = main_row(findings)
    contrast = "sd" if main is None else str(main["contrast"])
    return findings.effects.where(scale="risk_difference", contrast=contrast).frame


def group_row(findings: Findings, group: str) -> pd.Series | None:
    """The estimate for a band, or for the difference between two, of the primary band model."""
    rows = comparable_rows(findings)
    rows = rows[rows["group"] == group]
    main = main_row(findings)
    if main is not None:
        for name in ("exposure", "outcome"):
            rows = rows[rows[name] == main[name]]
    banded = rows["model"].str.startswith(f"{findings.study.get('primary')} x ")
    rows = rows[banded] if banded.any() else rows
    return rows.iloc[0] if len(rows) else None


def contrast_name(findings: Findings) -> str:
    """The name of the row that compares the lowest band with the reference."""
    names = bands(findings)
    other = str(findings.study.get("reference") or (names[-1] if names else ""))
    return f"{names[0]} minus {other}" if names else ""


def estimate(row: pd.Series, group: str) -> Estimate:
    """A row per 100 clients, with counts as they may be printed."""
    return Estimate(
        group=group,
        value=100 * float(row["estimate"]),
        low=100 * float(row["conf_low"]),
        high=100 * float(row["conf_high"]),
        dof=float(row["dof"]) if pd.notna(row["dof"]) else float("inf"),
        clients=_count(row["n_clients"], row["status"]),
        rows=_count(row["n_obs"], row["status"]),
        practitioners=_count(row["n_practitioners"], row["status"], absent=""),
        status=str(row["status"]),
    )


def _count(value: object, status: object, absent: str = "") -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return HIDDEN if status == "suppressed" else absent
    return count(str(value))


def main_estimate(findings: Findings) -> Estimate | None:
    """The main effect, for all clients."""
    row = main_row(findings)
    return None if row is None else estimate(row, "All clients")


def band_estimates(findings: Findings) -> list[Estimate]:
    """The effect in each band that has a row, lowest first."""
    found = ((band, group_row(findings, band)) for band in bands(findings))
    return [estimate(row, band_words(findings, band)) for band, row in found if row is not None]


def contrast_estimate(findings: Findings) -> Estimate | None:
    """The difference of the effect between the lowest band and the reference."""
    name = contrast_name(findings)
    row = group_row(findings, name) if name else None
    return None if row is None else estimate(row, words(name))


def area_estimates(findings: Findings) -> tuple[list[Estimate], list[Estimate]]:
    """The effect in each service area, and the differences between areas, where it is asked for."""
    across = findings.study.get("across")
    rows = comparable_rows(findings)
    rows = rows[rows["model"] == f"{findings.study.get('primary')} x {across}"]
    named = {
        str(row["group"]): estimate(row, words(str(row["group"]))) for _, row in rows.iterrows()
    }
    pairs = {group: one for group, one in named.items() if " minus " in group}
    # the mean of areas stands in no pair
    areas = {area for group in pairs for area in group.split(" minus ")}
    return [one for group, one in named.items() if group in areas], list(pairs.values())


def one_unit(findings: Findings) -> str:
    """What the estimates are per, with its points where the estimand names them."""
    row = main_row(findings)
    if row is not None and row["contrast"] == "point":
        return "one point"
    points = re.search(r"\([^()]*\d[^()]*\)", str(row["estimand"])) if row is not None else None
    return f"one standard deviation {points.group()}" if points else "one standard deviation"


def families(findings: Findings) -> dict[str, int]:
    """How many estimates of each family were looked at together."""
    rows = findings.effects.frame
    named = rows[rows["family"].fillna("").astype(str) != ""]
    return {str(name): int(n) for name, n in named.groupby("family", sort=True).size().items()}
