"""Whether the intervals of fit_multilevel cover what they say, with few practitioners.

    python benchmarks/calibrate_multilevel.py [--sets 1000] [--workers 2] [--output FOLDER]

Each design is simulated anew SETS times (latent SD 0.6, intercept 0, true effect 0.3), fitted once
each, and its 95 % intervals looked at in several ways.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from deepvalue_stats.models import fit_multilevel

SEED = 20110523
LATENT_SD, SLOPE_SD, EFFECT, CASELOAD = 0.6, 0.3, 0.3, 25
LOW, HIGH = 0.929, 0.971
Z = float(stats.norm.ppf(0.975))


@dataclass(frozen=True)
class Design:
    """A way to simulate clients of J practitioners.

    Attributes
    ----------
    name : str
    practitioners : int
    exposure : str
        practitioner: one value per practitioner; rare: one practitioner in five; client: a value
        of each client; both: a sum of the two.
    uneven : bool
        Caseloads of coefficient of variation 0.8 instead of 25 clients each.
    slope : bool
        The effect differs between practitioners (SD 0.3), and the model says so.
    effect : float
    gated : bool
        Whether the default must cover between 0.929 and 0.971.
    """

    name: str
    practitioners: int
    exposure: str = "practitioner"
    uneven: bool = False
    slope: bool = False
    effect: float = EFFECT
    gated: bool = False

    @property
    def formula(self) -> str:
        """The model that is fitted: the one that is true."""
        return f"y ~ x + ({'1 + x' if self.slope else '1'} | practitioner)"


COUNTS = (40, 20, 10)
DESIGNS = (
    *(Design("exposure of practitioners", j, gated=j > 10) for j in COUNTS),
    *(
        Design("exposure of practitioners, uneven caseloads (CV 0.8)", j, uneven=True, gated=j > 10)
        for j in COUNTS
    ),
    *(
        Design("exposure of practitioners, without effect", j, effect=0.0, gated=j > 10)
        for j in COUNTS
    ),
    *(Design("one practitioner in five exposed", j, exposure="rare") for j in COUNTS),
    *(
        Design("random slope of a client's exposure", j, exposure="client", slope=True)
        for j in COUNTS
    ),
    *(Design("exposure within and between", j, exposure="both", gated=j > 10) for j in COUNTS),
)


def simulate(design: Design, rng: np.random.Generator) -> pd.DataFrame:
    """One data set: y, x and practitioner."""
    j = design.practitioners
    sizes = np.full(j, CASELOAD)
    if design.uneven:
        shape = 1 / 0.8**2
        sizes = np.maximum(1, np.rint(rng.gamma(shape, CASELOAD / shape, size=j))).astype(int)
    own = np.repeat(np.arange(j), sizes)
    between, within = rng.normal(size=j)[own], rng.normal(size=len(own))
    exposures = {
        "practitioner": between,
        "rare": (np.arange(j) < j // 5)[own].astype("float64"),
        "client": within,
        "both": np.sqrt(0.5) * (between + within),
    }
    x = exposures[design.exposure]
    eta = design.effect * x + LATENT_SD * rng.normal(size=j)[own]
    if design.slope:
        eta += SLOPE_SD * rng.normal(size=j)[own] * x
    outcome = (rng.random(len(own)) < 1 / (1 + np.exp(-eta))).astype("int64")
    return pd.DataFrame({"y": outcome, "x": x, "practitioner": own})


def _spread(theta: np.ndarray, slope: bool) -> float:
    """Latent SD of what the effect's uncertainty rests on: the slope where there is one."""
    return float(np.hypot(theta[1], theta[2])) if slope else float(abs(theta[0]))


def fitted(design: Design, rng: np.random.Generator) -> dict[str, float]:
    """One data set's estimate and intervals as numbers; `ok` 0 and nothing else if it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = fit_multilevel(design.formula, simulate(design, rng))
        if fit.convergence.status != "ok":
            return {"ok": 0.0}
        row = fit.coefficients.loc["x"]
    restricted = fit.restricted.theta / fit.problem.scale[: len(fit.theta)]
    return {
        "ok": 1.0,
        "estimate": row["estimate"],
        "error": row["std_error"],
        "interval_error": row["interval_error"],
        "dof": row["dof"],
        "low": row["conf_low"],
        "high": row["conf_high"],
        "sd": _spread(fit.theta, design.slope),
        "restricted_sd": _spread(restricted, design.slope),
        "singular": float(fit.convergence.singular),
    }


def _chunk(task: tuple[int, int, int]) -> list[dict[str, float]]:
    place, first, last = task
    return [
        {"set": k, **fitted(DESIGNS[place], np.random.default_rng([SEED, place, k]))}
        for k in range(first, last)
    ]


def summary(design: Design, found: pd.DataFrame) -> dict[str, object]:
    """One line of the table, with Monte Carlo standard errors."""
    sound = found[found["ok"] == 1]
    n = len(sound)
    estimate, error, wide = sound["estimate"], sound["error"], sound["interval_error"]
    quantile = stats.t.ppf(0.975, sound["dof"])
    away = (estimate - design.effect).abs()
    covered = {
        "z, ML": away <= Z * error,
        "t, ML": away <= quantile * error,
        "z, restricted": away <= Z * wide,
        "default": (sound["low"] <= design.effect) & (design.effect <= sound["high"]),
    }
    line: dict[str, object] = {
        "design": design.name,
        "J": design.practitioners,
        "sets": len(found),
        "dof": f"{sound['dof'].median():g}",
    }
    for name, held in covered.items():
        share = float(held.mean())
        line[f"{name}"] = share
        line[f"{name} (MC se)"] = float(np.sqrt(share * (1 - share) / n))
    spread = float(estimate.std(ddof=1))
    relative = 1 / np.sqrt(2 * (n - 1))
    truth = SLOPE_SD if design.slope else LATENT_SD
    return line | {
        "SE / SD, ML": float(error.mean()) / spread,
        "SE / SD, restricted": float(wide.mean()) / spread,
        "SE / SD (MC se)": relative,
        "bias": float((estimate - design.effect).mean()),
        "bias (MC se)": spread / np.sqrt(n),
        "true SD": truth,
        "mean SD, ML": float(sound["sd"].mean()),
        "mean SD, restricted": float(sound["restricted_sd"].mean()),
        "singular": float(sound["singular"].mean()),
        "no fit": int(len(found) - n),
        "met": ("yes" if LOW <= covered["default"].mean() <= HIGH else "no")
        if design.gated else "",
    }  # fmt: skip


def _marked(line: dict[str, object]) -> list[str]:
    def with_error(name: str, error: str | None = None) -> str:
        return f"{line[name]:.3f} ({line[error or f'{name} (MC se)']:.3f})"

    ratio = "SE / SD (MC se)"
    return [
        str(line["design"]), str(line["J"]), str(line["sets"]), str(line["dof"]),
        with_error("z, ML"), with_error("t, ML"), with_error("z, restricted"),
        f"**{with_error('default')}**", str(line["met"]),
        with_error("SE / SD, ML", ratio), with_error("SE / SD, restricted", ratio),
        with_error("bias"), f"{line['true SD']}", f"{line['mean SD, ML']:.3f}",
        f"{line['mean SD, restricted']:.3f}", f"{line['singular']:.3f}", str(line["no fit"]),
    ]  # fmt: skip


def written(lines: list[dict[str, object]], output: Path, command: str) -> None:
    """The table as CSV and Markdown."""
    output.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(lines).to_csv(output / "table.csv", index=False, float_format="%.5f")
    heads = [
        "design", "J", "sets", "dof (median)", "z, ML variance", "t, ML variance",
        "z, restricted variance", "**default: t, restricted variance**", "within 0.929-0.971",
        "SE / true SD, ML", "SE / true SD, restricted", "bias", "true latent SD", "mean SD, ML",
        "mean SD, restricted", "share singular", "no fit",
    ]  # fmt: skip
    page = [
        "# Coverage of 95 % intervals of the multilevel logit",
        "",
        f"    {command}",
        "",
        f"Practitioners J with {CASELOAD} clients each, latent SD {LATENT_SD}, intercept 0, true "
        f"effect {EFFECT} on the logit scale (in",
        "`without effect` 0: one less the coverage is the share of true nulls rejected). Laplace "
        "approximation. In brackets",
        "Monte Carlo standard errors. SE / true SD: mean standard error by the standard deviation "
        "of the estimates. For a",
        f"random slope (SD {SLOPE_SD}) the latent SD is that of the slope. Fits without an optimum "
        "are counted under `no fit` and",
        "left out of the rest. The yes and no belong to the default.",
        "",
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(_marked(line))} |" for line in lines),
        "",
    ]
    (output / "table.md").write_text("\n".join(page), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--designs", nargs="*", type=int, default=range(len(DESIGNS)))
    parser.add_argument("--output", type=Path, default=Path("reports/calibration_multilevel"))
    wanted = parser.parse_args()
    for name in ("OMP", "OPENBLAS", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    command = " ".join(["python", "benchmarks/calibrate_multilevel.py", *sys.argv[1:]])
    bounds = np.linspace(0, wanted.sets, 4 * wanted.workers + 1).astype(int)
    lines = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(wanted.workers, mp_context=context) as pool:
        for place in wanted.designs:
            tasks = [(place, int(a), int(b)) for a, b in itertools.pairwise(bounds)]
            found = pd.DataFrame([one for held in pool.map(_chunk, tasks) for one in held])
            lines.append(summary(DESIGNS[place], found))
            print(" | ".join(_marked(lines[-1])), flush=True)
            written(lines, wanted.output, command)


if __name__ == "__main__":
    main()
