"""What error in a score does to an effect, and what correcting it brings back, by planted truth.

Clients rate their practitioner by a few items, each with an error of its own. The error is told
from the items, as in a study, and the effect is given with it, by regression calibration, by SIMEX
and, for the parts within and between practitioners, with latent means.

`python -m deepvalue_stats.bench.measurement_error --help` writes the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.special import expit

from deepvalue_stats.effects import (
    POINT,
    average_effect,
    fit_calibrated,
    fit_latent_mean,
    pooled_effects,
    simex,
)
from deepvalue_stats.effects.inference import Inference, cells
from deepvalue_stats.measures import ScoreError, item_error
from deepvalue_stats.models import ModelFit, fit_multilevel
from deepvalue_stats.models.multilevel.fit import MultilevelFit
from deepvalue_stats.tables import EffectTable, effect_rows, stack

RELIABILITIES = (0.6, 0.8, 0.9)
OUTCOMES = ("logit", "linear")
# practitioners, clients of each, and items of a questionnaire
PRACTITIONERS, CLIENTS, ITEMS = 60, 15, 6
# of true scores, how much lies between practitioners; and what is common to score and covariate
ICC, COMMON = 0.25, 0.4
BASE, ADJUSTED, BETWEEN_OUTCOMES = -0.4, 0.3, 0.3
# refits and draws of a correction; a study takes more
REPLICATES, DRAWS = 6, 6
GROUP = "practitioner"


@dataclass(frozen=True)
class Truth:
    """Slopes of the outcome on a point of the true score."""

    within: float
    between: float


WHOLE, PARTS = Truth(0.4, 0.4), Truth(0.3, 0.7)
SHOWN = {
    "whole": (WHOLE, ("x",)),
    "parts": (PARTS, ("x_within", "x_between")),
}


@dataclass(frozen=True)
class Drawn:
    """Clients with what they are asked, what is true of them, and the error told from the items."""

    frame: pd.DataFrame
    error: ScoreError


def draw(
    rng: np.random.Generator,
    reliability: float,
    truth: Truth,
    outcome: str,
    *,
    practitioners: int = PRACTITIONERS,
    clients: int = CLIENTS,
) -> Drawn:
    """Draw clients of practitioners, who rate them by items with classical error.

    Parameters
    ----------
    rng : numpy.random.Generator
    reliability : float
        Of the mean of the items, over all clients.
    truth : Truth
    outcome : str
        logit or linear.
    practitioners, clients : int
        Clients of each practitioner differ in number about `clients`.
    """
    sizes = np.maximum(rng.poisson(clients, practitioners), 2)
    who = np.repeat(np.arange(practitioners), sizes)
    n = len(who)
    z = rng.standard_normal(n)
    mean = np.sqrt(ICC) * rng.standard_normal(practitioners)[who]
    own = np.sqrt(1 - ICC) * (COMMON * z + np.sqrt(1 - COMMON**2) * rng.standard_normal(n))
    spread = np.sqrt(ITEMS * (1 - reliability) / reliability)
    items = (mean + own)[:, None] + spread * rng.standard_normal((n, ITEMS))
    eta = BASE + truth.within * own + truth.between * mean + ADJUSTED * z
    eta += BETWEEN_OUTCOMES * rng.standard_normal(practitioners)[who]
    if outcome == "logit":
        y = (rng.random(n) < expit(eta)).astype("float64")
    else:
        y = eta + rng.standard_normal(n)
    frame = pd.DataFrame({"y": y, "x": items.mean(axis=1), "z": z, GROUP: who, "client": range(n)})
    means = frame.groupby(GROUP)["x"].transform("mean")
    frame = frame.assign(x_within=frame["x"] - means, x_between=means)
    return Drawn(frame, item_error(items, who))


@lru_cache
def planted(name: str, outcome: str) -> dict[str, float]:
    """The effect of a point of the true score: of a logit the difference in the mean chance."""
    truth, columns = SHOWN[name]
    slopes = dict(zip(columns, (truth.within, truth.between), strict=False))
    if outcome == "linear":
        return slopes
    rng = np.random.default_rng(1)
    z, own, mean, other = rng.standard_normal((4, 2_000_000))
    own = np.sqrt(1 - ICC) * (COMMON * z + np.sqrt(1 - COMMON**2) * own)
    eta = BASE + truth.within * own + truth.between * np.sqrt(ICC) * mean + ADJUSTED * z
    chance = expit(eta + BETWEEN_OUTCOMES * other)
    return {part: slope * float(np.mean(chance * (1 - chance))) for part, slope in slopes.items()}


def effects(columns: tuple[str, ...], fit: ModelFit) -> EffectTable:
    """Of a logit the average difference in chances for a point, of a linear model its slopes."""
    if not isinstance(fit, MultilevelFit) or fit.spec.family == "binomial":
        return stack([average_effect(fit, column, contrast=POINT) for column in columns])
    table = fit.coefficients.loc[list(columns)]
    return effect_rows(
        {"exposure": name, "scale": "risk_difference", "group": "all", "n_obs": fit.n_obs,
         "events": 0, "non_events": 0,
         **cells(Inference(np.array([row["estimate"]]), np.array([row["interval_error"]]),
                           float(row["dof"])), 0, "risk_difference")}
        for name, row in table.iterrows()
    )  # fmt: skip


def ways(
    drawn: Drawn, name: str, outcome: str, rng: np.random.Generator
) -> Iterator[tuple[str, EffectTable]]:
    """Each way of estimating the effects of one set of clients."""
    columns = SHOWN[name][1]
    family = "binomial" if outcome == "logit" else "gaussian"
    formula = f"y ~ {' + '.join(columns)} + z + (1 | {GROUP})"
    fit = fit_multilevel(formula, drawn.frame, family=family)  # type: ignore[arg-type]
    measured = partial(effects, columns)
    split_by = GROUP if name == "parts" else ""
    told: dict[str, Any] = {
        "ratings": np.ones(fit.n_obs),
        "rng": rng,
        "split_by": split_by,
        "draws": DRAWS,
    }
    yield "with the error", measured(fit)
    calibrated = fit_calibrated(fit, "x", drawn.error, **told)
    yield "regression calibration", pooled_effects(calibrated, measured)
    yield "SIMEX", simex(fit, "x", drawn.error, measured, replicates=REPLICATES, **told)
    if split_by:
        latent = fit_latent_mean(fit, "x", split_by=GROUP, rng=rng, draws=DRAWS)
        yield "latent mean", pooled_effects(latent, measured)


def replicate(seed: int, reliability: float, outcome: str, name: str) -> list[dict[str, object]]:
    """One set of clients, in every way."""
    rng = np.random.default_rng([seed, int(100 * reliability), outcome == "logit", name == "whole"])
    drawn = draw(rng, reliability, SHOWN[name][0], outcome)
    lines: list[dict[str, object]] = []
    for way, table in ways(drawn, name, outcome, rng):
        about = {"outcome": outcome, "name": name, "reliability": reliability, "way": way}
        numbers = table.frame[["exposure", "estimate", "std_error", "conf_low", "conf_high"]]
        lines += [about | {str(k): v for k, v in row.items()} for row in numbers.to_dict("records")]
    return lines


def summary(lines: pd.DataFrame) -> pd.DataFrame:
    """Bias, its Monte Carlo error, and the share of intervals that hold the truth."""
    keys = ["outcome", "effect", "reliability", "way"]
    about = zip(lines["name"], lines["outcome"], lines["exposure"], strict=True)
    truth = [planted(name, outcome)[part] for name, outcome, part in about]
    effect = lines["exposure"].str.removeprefix("x_").replace("x", "whole")
    covered = (lines["conf_low"] <= truth) & (lines["conf_high"] >= truth)
    lines = lines.assign(truth=truth, effect=effect, covered=covered)
    found = lines.groupby(keys, sort=False).agg(
        samples=("estimate", "size"),
        truth=("truth", "mean"),
        estimate=("estimate", "mean"),
        mc_error=("estimate", "sem"),
        spread=("estimate", "std"),
        std_error=("std_error", "mean"),
        coverage=("covered", "mean"),
    )
    found = found.reset_index()
    share = found["coverage"]
    return found.assign(
        bias=found["estimate"] - found["truth"],
        mc_error_coverage=np.sqrt(share * (1 - share) / found["samples"]),
    )


def written(found: pd.DataFrame, output: Path, command: str) -> None:
    """The table as CSV, and in words and Markdown."""
    output.mkdir(parents=True, exist_ok=True)
    found.round(5).to_csv(output / "table.csv", index=False)
    ordered = found.sort_values(["outcome", "effect", "reliability"], kind="stable")
    rows = [
        f"| {row['outcome']} | {row['effect']} | {row['reliability']:.1f} | {row['way']} "
        f"| {row['truth']:.4f} | {row['bias'] / row['truth']:+.0%} "
        f"({row['mc_error'] / row['truth']:.0%}) | {row['std_error'] / row['spread']:.2f} "
        f"| {row['coverage']:.2f} ({row['mc_error_coverage']:.2f}) |"
        for _, row in ordered.iterrows()
    ]
    lines = [
        "# Error in a score, and what correcting it brings back",
        "",
        f"    {command}",
        "",
        f"{int(found['samples'].min())} samples a line. {PRACTITIONERS} practitioners with some "
        f"{CLIENTS} clients each, who answer {ITEMS} items; a quarter of the variance of true",
        "scores lies between practitioners, and a covariate goes with the score and the outcome. "
        "The error is told from the items and from nothing else.",
        "The effect is for one point (one standard deviation) of the true score: the difference "
        "in the mean chance by a multilevel logit, or the slope of a linear multilevel model.",
        f"Corrections here take {DRAWS} draws of the error variance and SIMEX {REPLICATES} refits "
        "at each amount of added error; a study takes 20 and 50.",
        "",
        "Whole: the effect is the same within and between practitioners, and the score stands in "
        "the model as it is. Within, between: the two differ",
        f"({PARTS.within} and {PARTS.between} on the scale of the model), and the true mean is "
        "that over all clients a practitioner might have.",
        "A latent mean takes the scores as they are, and SIMEX the means of the clients at hand, "
        "so each leaves in what the other takes out.",
        "Bias: of the truth, with its Monte Carlo error in brackets. SE: the mean standard error "
        "over the spread of the estimates.",
        "Coverage: of 95% intervals, with its Monte Carlo error in brackets.",
        "",
        "| model | effect | reliability | way | truth | bias | SE | coverage |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    (output / "README.md").write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Run the samples and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m deepvalue_stats.bench.measurement_error",
        description="Error in a score with a known truth, and what correcting it brings back.",
    )
    parser.add_argument("--samples", type=int, default=90)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("reports/measurement_error"))
    told = parser.parse_args()
    work = Parallel(n_jobs=told.workers, return_as="generator")
    runs = work(
        delayed(replicate)(seed, reliability, outcome, name)
        for outcome in OUTCOMES
        for name in SHOWN
        for reliability in RELIABILITIES
        for seed in range(1, told.samples + 1)
    )
    lines = pd.DataFrame([line for lines in runs for line in lines])
    command = f"python -m deepvalue_stats.bench.measurement_error --samples {told.samples}"
    written(summary(lines), told.output, command)


if __name__ == "__main__":
    main()
