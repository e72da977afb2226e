"""Estimates and verdicts against the truth: bias, coverage, size, power, and what was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.bench.judging import ANSWERS, FLAGS, fired
from deepvalue_stats.simulate import PRESETS

CASE = ["preset", "area", "score", "estimator", "estimand"]
PRIMARY = ("multilevel", "risk_difference")
NAIVE = ("naive", "risk_difference")
SCORES = (
    "mean", "bias", "bias_error", "rmse", "rmse_error", "spread", "se_over_spread", "coverage",
    "coverage_error", "rejected", "rejected_error", "called", "gain", "loss", "q05", "median",
    "q95",
)  # fmt: skip
SIGNIFICANT = 0.05
# nominal coverage is met inside three Monte Carlo errors of 1,000 replicates
LOWEST, HIGHEST = 0.929, 0.971


def score_estimates(estimates: pd.DataFrame, truths: pd.DataFrame) -> pd.DataFrame:
    """Compare every estimator with its truth.

    Parameters
    ----------
    estimates, truths : pandas.DataFrame
        As `running.BenchResults` has them.

    Returns
    -------
    pandas.DataFrame
        By preset, area, score, estimator and estimand: `replicates`; `refused` (share without an
        estimate: refused, separated or not converged), and over the others `truth`, `mean`,
        `bias`, `rmse`, `spread` (SD), `se_over_spread`, `coverage`, `rejected` (share with p below
        .05), which is `size` where the truth is nought and `power` elsewhere, `gain` and `loss`
        (shares rejected above and below nought), quantiles `q05`, `median`, `q95`. Monte Carlo
        errors stand in `<name>_error`.
    """
    held = estimates.merge(truths, on=["preset", "area", "score", "estimand"], how="left")
    parts = held.groupby(CASE, sort=False)
    rows = [dict(zip(CASE, place, strict=True)) | _score(part) for place, part in parts]
    return pd.DataFrame(rows)


def _score(part: pd.DataFrame) -> dict[str, Any]:
    replicates, truth = len(part), float(part["truth"].iloc[0])
    part = part[part["estimate"].notna()]
    n = len(part)
    found = {"replicates": replicates, "refused": 1 - n / replicates, "truth": truth}
    if n < 2:
        return found | dict.fromkeys(SCORES, np.nan) | {"called": ""}
    estimate = part["estimate"].to_numpy()
    away, spread = estimate - truth, float(estimate.std(ddof=1))
    inside = ((part["conf_low"] <= truth) & (truth <= part["conf_high"])).to_numpy()
    rejected = (part["p_value"] < SIGNIFICANT).to_numpy()
    tested = bool(part["p_value"].notna().all())
    known = not np.isnan(truth)
    squares = away**2
    nothing = 1.0 if part["estimand"].iloc[0] == "ratio_of_risk_ratios" else 0.0
    q05, median, q95 = np.quantile(estimate, [0.05, 0.5, 0.95])
    return found | {
        "mean": float(estimate.mean()),
        "bias": float(away.mean()),
        "bias_error": spread / np.sqrt(n) if known else np.nan,
        "rmse": float(np.sqrt(squares.mean())),
        "rmse_error": _root_error(squares),
        "spread": spread,
        "se_over_spread": float(part["std_error"].mean()) / spread if spread else np.nan,
        "coverage": float(inside.mean()) if known else np.nan,
        "coverage_error": share_error(inside) if known else np.nan,
        "rejected": float(rejected.mean()) if tested else np.nan,
        "rejected_error": share_error(rejected) if tested else np.nan,
        "called": ("size" if truth == nothing else "power") if known and tested else "",
        "gain": float((rejected & (estimate > 0)).mean()) if tested else np.nan,
        "loss": float((rejected & (estimate < 0)).mean()) if tested else np.nan,
        "q05": float(q05),
        "median": float(median),
        "q95": float(q95),
    }


def _root_error(squares: np.ndarray) -> float:
    """The error of a root mean square, by the delta method."""
    mean = float(squares.mean())
    error = float(squares.std(ddof=1) / np.sqrt(len(squares)))
    return error / (2 * np.sqrt(mean)) if mean > 0 else 0.0


def share_error(yes: np.ndarray | pd.Series) -> float:
    """The Monte Carlo standard error of a share, from its own value.

    Parameters
    ----------
    yes : boolean array
    """
    share = float(np.mean(yes))
    return float(np.sqrt(share * (1 - share) / len(yes)))


def score_verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Count what the verdicts said, by preset and area.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        As `running.BenchResults` has them.

    Returns
    -------
    pandas.DataFrame
        preset, area, replicates, mean `clients`, share of each answer (`c1_supported`, ...,
        `c2_supported`, ..., `c3_supported`, ...), `c1_false`, ... (share of "supported" where the
        claim is not true, with its error), `study_false` (any of them that survives Holm), `flag`,
        `flagged` (share; missing where none is expected or none is built), `fires_<flag>` (share,
        expected or not), `causal` (share with a causal word), means of `e_value` and
        `e_value_limit`.
    """
    parts = verdicts.groupby(["preset", "area"], sort=False)
    rows = [
        {"preset": preset, "area": area, **_count(str(preset), part)}
        for (preset, area), part in parts
    ]
    return pd.DataFrame(rows)


def _count(preset: str, part: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {"replicates": len(part), "clients": float(part["clients"].mean())}
    for claim in ("c1", "c2", "c3"):
        for answer in ANSWERS:
            said = float((part[claim] == answer).mean())
            found[f"{claim}_{answer.replace(' ', '_')}"] = said
    return found | {
        **_false(preset, part),
        "flag": PRESETS[preset].flag,
        "flagged": flagged(part, PRESETS[preset].flag),
        **{f"fires_{flag}": flagged(part, flag) for flag in FLAGS},
        "causal": float(part["causal"].mean()),
        **{name: mean_of(part, name) for name in ("risk_ratio", "e_value", "e_value_limit")},
    }


def _false(preset: str, part: pd.DataFrame) -> dict[str, float]:
    """How often a claim is "supported" that is not true: each alone, and any by Holm.

    Where a relationship does nothing, or harm, C1 and C3 are not true; that C2 is not is known
    where nothing has any effect.
    """
    truth = PRESETS[preset].truth
    wrong = {"c1": truth != "benefit", "c2": truth == "none", "c3": truth != "benefit"}
    found = {}
    for claim, untrue in wrong.items():
        supported = (part[claim] == "supported").to_numpy()
        found[f"{claim}_false"] = float(supported.mean()) if untrue else np.nan
        found[f"{claim}_false_error"] = share_error(supported) if untrue else np.nan
    false = [f"{claim}_holm" for claim, untrue in wrong.items() if untrue]
    any_of = part[false].astype(bool).any(axis=1).to_numpy() if false else np.zeros(0)
    found["study_false"] = float(any_of.mean()) if false else np.nan
    found["study_false_error"] = share_error(any_of) if false else np.nan
    return found


def mean_of(part: pd.DataFrame, name: str) -> float:
    """The mean of a column that need not be there: nan without a number."""
    known = pd.to_numeric(part[name]).dropna() if name in part else pd.Series(dtype="float64")
    return float(known.mean()) if len(known) else np.nan


def flagged(verdicts: pd.DataFrame, flag: str) -> float:
    """The share of replicates in which a flag fired; nan where the package has no such flag.

    Parameters
    ----------
    verdicts : pandas.DataFrame
    flag : str
        A gate or doubt, by the name that presets give it.
    """
    if flag not in FLAGS:
        return float("nan")
    return float(np.mean([fired(flag, record) for record in verdicts.to_dict("records")]))


def benchmark(verdicts: pd.DataFrame) -> tuple[str, float]:
    """The covariate that moves the risk ratio most when it is left out, and by what factor.

    Parameters
    ----------
    verdicts : pandas.DataFrame

    Returns
    -------
    tuple of str and float
        Empty and nan where no replicate was fitted without covariates.
    """
    names = [str(name) for name in verdicts.columns if str(name).startswith("factor_")]
    means = {name: mean_of(verdicts, name) for name in names}
    moved = {name: abs(np.log(mean)) for name, mean in means.items() if not np.isnan(mean)}
    if not moved:
        return "", float("nan")
    strongest = max(moved, key=moved.__getitem__)
    return strongest.removeprefix("factor_"), means[strongest]


def preset_table(
    estimates: pd.DataFrame, truths: pd.DataFrame, verdicts: pd.DataFrame
) -> pd.DataFrame:
    """One row a preset, areas joined over all their replicates.

    Parameters
    ----------
    estimates, truths, verdicts : pandas.DataFrame
        As `running.BenchResults` has them.

    Returns
    -------
    pandas.DataFrame
        preset, truth, replicates, planted (risk difference per SD of the score), what the hurried
        analysis and the package's primary model say of it (mean, coverage; for the first shares of
        significant gains and losses), shares of each answer to C1, of "supported" for C2, the
        expected flag and whether it exists and fired, the share with a causal word, mean E-values,
        and the strongest measured covariate with the factor by which leaving it out multiplies
        the risk ratio.
    """
    main = truths[(truths["score"] == "observed") & (truths["estimand"] == "risk_difference")]
    planted = main.groupby("preset")["truth"].mean()
    held = estimates[estimates["score"] == "observed"]
    held = held.merge(main[["preset", "area", "truth"]], on=["preset", "area"], how="left")
    rows = [
        _preset_row(str(preset), float(planted[preset]), held[held["preset"] == preset], part)
        for preset, part in verdicts.groupby("preset", sort=False)
    ]
    return pd.DataFrame(rows)


def _preset_row(
    preset: str, planted: float, estimates: pd.DataFrame, verdicts: pd.DataFrame
) -> dict[str, Any]:
    naive, package = (_told(estimates, *which) for which in (NAIVE, PRIMARY))
    answers = {answer.replace(" ", "_"): (verdicts["c1"] == answer).mean() for answer in ANSWERS}
    answers["cannot_be_tested"] = answers.pop("cannot_be_tested_here")
    covariate, factor = benchmark(verdicts)
    flag = PRESETS[preset].flag
    return {
        "preset": preset,
        "truth": PRESETS[preset].truth,
        "replicates": int(verdicts["replicate"].nunique()),
        "planted": planted,
        **{f"naive_{name}": value for name, value in naive.items()},
        "package_mean": package["mean"],
        "package_cover": package["cover"],
        **answers,
        "c2_supported": float((verdicts["c2"] == "supported").mean()),
        "c3_supported": float((verdicts["c3"] == "supported").mean()),
        "flag": flag,
        "flag_exists": int(flag in FLAGS),
        "flagged": flagged(verdicts, flag),
        "causal_verb": float(verdicts["causal"].mean()),
        "e_value": mean_of(verdicts, "e_value"),
        "e_value_limit": mean_of(verdicts, "e_value_limit"),
        "benchmark": covariate,
        "benchmark_factor": factor,
    }


def _told(estimates: pd.DataFrame, estimator: str, estimand: str) -> Mapping[str, float]:
    chosen = (estimates["estimator"] == estimator) & (estimates["estimand"] == estimand)
    part = estimates[chosen & estimates["estimate"].notna()]
    if part.empty:
        return dict.fromkeys(("mean", "cover", "gain", "loss"), np.nan)
    inside = (part["conf_low"] <= part["truth"]) & (part["truth"] <= part["conf_high"])
    rejected = part["p_value"] < SIGNIFICANT
    return {
        "mean": float(part["estimate"].mean()),
        "cover": float(inside.mean()),
        "gain": float((rejected & (part["estimate"] > 0)).mean()),
        "loss": float((rejected & (part["estimate"] < 0)).mean()),
    }
