"""Speed of fit_panel beside its peers, by CPU time of one-thread processes.

    python benchmarks/panel.py [--rounds 3] [--sections conditional within] [--peer-python PATH]

Each measurement is a process of its own that makes a small fit first and then tells its fastest of
some calls, from formula and rows to fit. Ours and the peer's take turns in each round; a ratio is
the median over rounds of the peer's seconds by ours. Coefficients have to agree, or the run stops.
pyfixest is looked for in the Python of --peer-python, survival in R; where one is not found, its
line says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
CALLS = 5
TERMS = "x1 + x2 + x3"


@dataclass(frozen=True)
class Case:
    """Rows, ours, the peer, and what the target is.

    Attributes
    ----------
    says : str
    clients, waves : int
    kept : float
        Share of rows that stay in an unbalanced panel.
    ours, peer : str
        Keys of `CALLED`; the peer may be `clogit`, in R, or empty.
    least : float or None
        How many times the peer's seconds ours have to be fewer.
    most : float or None
        CPU seconds.
    agree : float
        Largest distance of coefficients from the peer's.
    """

    says: str
    clients: int
    waves: int
    kept: float
    ours: str
    peer: str
    least: float | None = None
    most: float | None = None
    agree: float = 1e-6


SECTIONS: dict[str, list[Case]] = {
    "conditional": [
        Case("conditional logit", 1_000, 10, 1.0, "conditional", "statsmodels", 100, agree=2e-4),
        Case("conditional logit", 1_000, 10, 1.0, "conditional", "clogit", 1),
        Case("conditional logit", 10_000, 20, 1.0, "conditional", "clogit", 1),
        Case("conditional logit", 100_000, 5, 1.0, "conditional", "", most=0.5),
    ],
    "within": [
        Case("two-way within", 100_000, 10, 0.9, "two_way", "pyfixest", 1 / 1.5, agree=1e-9),
        Case("two-way within", 100_000, 10, 0.9, "two_way", "linearmodels", 1, agree=1e-9),
        Case("random effects", 100_000, 10, 0.9, "random", "", most=3),
    ],
    "gee": [
        Case("GEE, exchangeable", 20_000, 5, 0.9, "averaged", "statsmodels_gee", 20),
        Case("GEE, independence", 20_000, 5, 0.9, "independent", "statsmodels_independent", 20),
    ],
}


def simulated(clients: int, waves: int, kept: float) -> object:
    """An exposure that goes with clients' levels, an amount and an outcome of 0 and 1."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(clients + waves)
    client = np.repeat(np.arange(clients), waves)
    wave = np.tile(np.arange(waves), clients)
    stays = rng.random(len(client)) < kept
    client, wave = client[stays], wave[stays]
    level = rng.normal(size=clients)[client]
    x = rng.normal(size=(len(client), 3)) + 0.5 * level[:, None]
    eta = x @ np.array([0.5, -0.3, 0.8]) - level
    rows = pd.DataFrame({"client": client, "wave": wave, "x1": x[:, 0], "x2": x[:, 1]})
    good = (rng.random(len(client)) < 1 / (1 + np.exp(-eta))).astype(float)
    return rows.assign(x3=x[:, 2], y=eta + 0.1 * wave + rng.normal(size=len(client)), good=good)


def _ours(estimator: str) -> Callable:
    from deepvalue_stats.models import Within, fit_panel

    chosen = Within(time_effects=True) if estimator == "two_way" else estimator
    outcome = "good" if estimator == "conditional_logit" else "y"

    def call(rows: object) -> list[float]:
        fit = fit_panel(f"{outcome} ~ {TERMS}", rows, time="wave", estimator=chosen)
        return [float(b) for b in fit.params[-3:]]

    return call


def _statsmodels() -> Callable:
    from statsmodels.discrete.conditional_models import ConditionalLogit

    def call(rows: object) -> list[float]:
        x = rows[["x1", "x2", "x3"]].to_numpy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = ConditionalLogit(rows["good"].to_numpy(), x, groups=rows["client"].to_numpy())
            return [float(b) for b in model.fit(disp=0).params]

    return call


def _averaged(correlation: str) -> Callable:
    from deepvalue_stats.models import fit_gee

    def call(rows: object) -> list[float]:
        fit = fit_gee(f"good ~ {TERMS}", rows, group="client", correlation=correlation)
        return [float(b) for b in fit.params[-3:]]

    return call


def _statsmodels_gee(correlation: str) -> Callable:
    from statsmodels.genmod import cov_struct, families
    from statsmodels.genmod.generalized_estimating_equations import GEE

    structure = getattr(cov_struct, correlation)

    def call(rows: object) -> list[float]:
        family = families.Binomial()
        model = GEE.from_formula(
            f"good ~ {TERMS}", "client", rows, family=family, cov_struct=structure()
        )
        return [float(b) for b in model.fit().params[-3:]]

    return call


def _linearmodels() -> Callable:
    from linearmodels.panel import PanelOLS

    def call(rows: object) -> list[float]:
        held = rows.set_index(["client", "wave"])
        x = held[["x1", "x2", "x3"]]
        model = PanelOLS(held["y"], x, entity_effects=True, time_effects=True)
        fit = model.fit(
            cov_type="clustered", cluster_entity=True, auto_df=False, count_effects=False
        )
        return [float(b) for b in fit.params]

    return call


def _pyfixest() -> Callable:
    import pyfixest

    def call(rows: object) -> list[float]:
        fit = pyfixest.feols(f"y ~ {TERMS} | client + wave", rows, vcov={"CRV1": "client"})
        return [float(b) for b in fit.coef()]

    return call


CALLED: dict[str, Callable[[], Callable]] = {
    "conditional": lambda: _ours("conditional_logit"),
    "two_way": lambda: _ours("two_way"),
    "random": lambda: _ours("random"),
    "averaged": lambda: _averaged("exchangeable"),
    "independent": lambda: _averaged("independence"),
    "statsmodels": _statsmodels,
    "statsmodels_gee": lambda: _statsmodels_gee("Exchangeable"),
    "statsmodels_independent": lambda: _statsmodels_gee("Independence"),
    "linearmodels": _linearmodels,
    "pyfixest": _pyfixest,
}


def once(name: str, clients: int, waves: int, kept: float) -> None:
    """Measure in this process and print one line of JSON."""
    call = CALLED[name]()
    call(simulated(200, waves, kept))
    rows = simulated(clients, waves, kept)
    calls = 1 if name.startswith("statsmodels") else CALLS
    seconds, params = [], []
    for _ in range(calls):
        began = time.process_time()
        params = call(rows)
        seconds.append(time.process_time() - began)
    print(json.dumps({"cpu": min(seconds), "params": params}))


def said(command: list[str]) -> dict:
    """The line of JSON that a one-thread process prints."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")
    environment = {**os.environ, **{f"{name}_NUM_THREADS": "1" for name in names}}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def peer_found(peer: str, python: str) -> bool:
    """Whether the peer can run here."""
    if peer == "clogit":
        asked = ["Rscript", "-e", "quit(status = !requireNamespace('survival', quietly = TRUE))"]
        return shutil.which("Rscript") is not None and _runs(asked)
    return _runs([_python(peer, python), "-c", f"import {peer.partition('_')[0]}"])


def _python(name: str, python: str) -> str:
    return python if name == "pyfixest" else sys.executable


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def measured(case: Case, rounds: int, python: str) -> dict[str, object]:
    """One line of the table."""
    size = [str(case.clients), str(case.waves), str(case.kept)]
    here = [sys.executable, "-W", "ignore", __file__, "--once", case.ours, *size]
    found = bool(case.peer) and peer_found(case.peer, python)
    mine, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        there = [_python(case.peer, python), "-W", "ignore", __file__, "--once", case.peer, *size]
        if found and case.peer == "clogit":
            path = Path(folder) / "rows.csv"
            simulated(case.clients, case.waves, case.kept).to_csv(path, index=False)
            there = ["Rscript", str(HERE / "panel.R"), str(path)]
        for _ in range(rounds):
            mine.append(said(here))
            if found:
                theirs.append(said(there))
    for one in theirs:
        gap = max(abs(a - b) for a, b in zip(mine[0]["params"], one["params"], strict=True))
        if gap > case.agree:
            raise SystemExit(f"{case.says}: {case.peer} differs by {gap:.1e}")
    own = statistics.median(one["cpu"] for one in mine)
    ratio = None
    if theirs:
        pairs = zip(mine, theirs, strict=True)
        ratio = statistics.median(b["cpu"] / a["cpu"] for a, b in pairs)
    met = ""
    if case.most is not None:
        met = "yes" if own <= case.most else "no"
    elif ratio is not None and case.least is not None:
        met = "yes" if ratio >= case.least else "no"
    peer = case.peer if found or not case.peer else f"{case.peer}: not found"
    target = f"{case.most} s" if case.most is not None else f"{case.least:.3g} x"
    return {
        "what": case.says,
        "clients x waves": f"{case.clients:,} x {case.waves}",
        "CPU s": f"{own:.4f}",
        "peer": peer,
        "peer / ours": "" if ratio is None else f"{ratio:.2f}",
        "target": target,
        "met": met,
    }


def written(lines: list[dict[str, object]], output: Path, command: str) -> None:
    """The table as CSV and Markdown."""
    import pandas as pd

    output.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(lines).to_csv(output / "table.csv", index=False)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "numba"))
    heads = list(lines[0])
    text = [
        "# Panels",
        "",
        f"    {command}",
        "",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {versions}",
        "CPU seconds of one thread, fastest call of a process, median over rounds; ratio: median",
        "over paired rounds of the peer's seconds by ours. Coefficients agree, or the run stops.",
        "",
        f"| {' | '.join(heads)} |",
        "|" + "---|" * len(heads),
        *(f"| {' | '.join(str(one[head]) for head in heads)} |" for one in lines),
        "",
    ]
    (output / "table.md").write_text("\n".join(text), encoding="utf-8")


def main() -> None:
    """Measure, or run one round for the process that measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sections", nargs="+", default=list(SECTIONS), choices=SECTIONS)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--output", type=Path, default=Path("reports/benchmarks/panel"))
    parser.add_argument("--once", nargs=4, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.once:
        name, clients, waves, kept = wanted.once
        once(name, int(clients), int(waves), float(kept))
        return
    lines = []
    for section in wanted.sections:
        for case in SECTIONS[section]:
            lines.append(measured(case, wanted.rounds, wanted.peer_python))
            print(lines[-1], flush=True)
    written(lines, wanted.output, f"python benchmarks/panel.py --rounds {wanted.rounds}")
    print((wanted.output / "table.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
