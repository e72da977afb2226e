"""Whether the tests with few practitioners err as seldom as they say, by planted truth.

Clients of a practitioner share a random intercept with the bridge distribution (Wang and Louis
2003, Biometrika 90), over which a logit given the practitioner is exactly a logit of the
population: the planted log odds are the truth of every method. Every method tests the planted value
at 5%, so the share rejected is the size of its test and one less the coverage of its interval.

`python -m deepvalue_stats.bench.few_clusters --help` writes the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.optimize import brentq
from scipy.special import expit, logit, stdtr

from deepvalue_stats.bench.tables import arguments, write_table
from deepvalue_stats.models.clusters.adjusted import (
    POWERS,
    ClusterCovariance,
    adjusted_covariance,
    cluster_sums,
)
from deepvalue_stats.models.clusters.covariance import between_terms
from deepvalue_stats.models.clusters.gate import advice_of, effective_clusters
from deepvalue_stats.models.clusters.wild import wild_logit
from deepvalue_stats.models.gee import gee_logit, whitened

PRACTITIONERS = (10, 20, 40, 80)
CASELOADS = ("equal", "uneven")
EXPOSURES = ("continuous", "one_in_five", "one_in_ten", "client")
EXPOSED = {"one_in_five": 5, "one_in_ten": 10}
EFFECTS = (0.0, 0.5)
BASE, ICC, CLIENTS, UNEVEN, ADJUSTED = 0.35, 0.05, 15, 1.0, 0.3
COMMAND = "python -m deepvalue_stats.bench.few_clusters"
SIZE, DRAWS, SEED = 0.05, 399, 20
# log odds of the exposure, among intercept, exposure and the clients' covariate
PLACE = 1
BLOCK = 100
AUTO, WILD = "chosen by the clusters (auto)", "wild cluster bootstrap"
# beyond this linear predictor a fit has no finite answer
SEPARATED = 14.0


@dataclass(frozen=True)
class Cell:
    """A design.

    Attributes
    ----------
    practitioners : int
    caseloads : str
        equal, or uneven: log-normal with a standard deviation as large as its mean.
    exposure : str
        continuous or one_in_five, of the practitioner; client, half of them at random.
    effect : float
        Planted log odds.
    """

    practitioners: int
    caseloads: str
    exposure: str
    effect: float


@dataclass(frozen=True)
class Drawn:
    """Clients: matrix of intercept, exposure and covariate, outcome and practitioner."""

    matrix: np.ndarray
    outcome: np.ndarray
    labels: np.ndarray


def draw(cell: Cell, phi: float, rng: np.random.Generator) -> Drawn:
    """Draw the clients of one study.

    Parameters
    ----------
    cell : Cell
    phi : float
        Of the bridge distribution; see `shrinkage`.
    rng : numpy.random.Generator
    """
    count = cell.practitioners
    sizes = np.full(count, CLIENTS)
    if cell.caseloads == "uneven":
        spread = np.log(1 + UNEVEN**2)
        drawn = rng.lognormal(np.log(CLIENTS) - spread / 2, np.sqrt(spread), count)
        sizes = np.maximum(np.round(drawn).astype(int), 1)
    labels = np.repeat(np.arange(count), sizes)
    if cell.exposure == "continuous":
        exposure = rng.standard_normal(count)[labels]
    elif cell.exposure in EXPOSED:
        exposed = np.arange(count) < count // EXPOSED[cell.exposure]
        exposure = rng.permutation(exposed)[labels].astype("float64")
    else:
        exposure = (rng.random(len(labels)) < 0.5).astype("float64")
    covariate = rng.standard_normal(len(labels))
    odds = logit(BASE) + cell.effect * exposure + ADJUSTED * covariate
    between = np.asarray(bridge(rng.random(count), phi))[labels]
    outcome = (rng.random(len(labels)) < expit(odds / phi + between)).astype("float64")
    matrix = np.column_stack([np.ones(len(labels)), exposure, covariate])
    return Drawn(matrix, outcome, labels)


def bridge(chance: np.ndarray, phi: float) -> np.ndarray:
    """Quantiles of the bridge distribution, by inversion."""
    angle = phi * np.pi
    return np.asarray(np.log(np.sin(angle * chance) / np.sin(angle * (1 - chance))) / phi)


def shrinkage() -> float:
    """By how much coefficients shrink over practitioners whose outcomes have the planted ICC."""
    chances = (np.arange(20000) + 0.5) / 20000

    def beyond(phi: float) -> float:
        given = expit(logit(BASE) / phi + bridge(chances, phi))
        return float(given.var() / (BASE * (1 - BASE))) - ICC

    return float(brentq(beyond, 0.5, 0.9999))


def p_values(drawn: Drawn, truth: float, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """What each method says against the truth; not a number where it says nothing.

    Parameters
    ----------
    drawn : Drawn
    truth : float
    rng : numpy.random.Generator
        For the bootstrap.
    """
    matrix, outcome, labels = drawn.matrix, drawn.outcome, drawn.labels
    clusters = len(np.unique(labels))
    by_clusters = float(clusters - between_terms(matrix, labels))
    for correlation in ("exchangeable", "independence"):
        solved = gee_logit(matrix, outcome, labels, correlation=correlation)
        if np.abs(matrix @ solved.params).max() > SEPARATED:
            return
        columns, residual = whitened(
            matrix, outcome, labels, solved.params, alpha=solved.alpha, correlation=correlation
        )
        sums = cluster_sums(columns, residual, labels)
        gap = float(solved.params[PLACE]) - truth
        unit = np.eye(matrix.shape[1])[PLACE]
        told = {kind: adjusted_covariance(sums, kind) for kind in POWERS}
        degrees = {kind: float(found.degrees(unit)[0]) for kind, found in told.items()}
        for kind, found in told.items():
            if kind == "robust":
                yield f"{correlation}: robust, normal", _p(gap, found, np.inf)
            yield f"{correlation}: {kind}, t(J - p)", _p(gap, found, by_clusters)
            yield f"{correlation}: {kind}, Satterthwaite", _p(gap, found, degrees[kind])
        if correlation == "exchangeable":
            worth = effective_clusters(columns, labels, unit, 0.0)
            advice = advice_of(labels, worth, clusters, "practitioner")
            chosen = {
                "normal": np.inf,
                "clusters": by_clusters,
                "satterthwaite": degrees["kauermann_carroll"],
            }[advice.degrees]
            yield AUTO, _p(gap, told[advice.covariance], chosen)
            yield "degrees", degrees["kauermann_carroll"]
            yield "effective", worth
    tested = wild_logit(
        matrix, outcome, labels, PLACE, rng=rng, null=truth, draws=DRAWS, interval=False
    )
    yield WILD, tested.p_value


def _p(gap: float, found: ClusterCovariance, degrees: float) -> float:
    variance = float(found.covariance[PLACE, PLACE])
    if not variance > 0 or not degrees > 0:
        return np.nan
    return float(2 * stdtr(degrees, -abs(gap) / np.sqrt(variance)))


def block(cell: Cell, replicates: int, seed: tuple[int, ...]) -> pd.DataFrame:
    """Replicates of a cell, one row each."""
    rng, phi = np.random.default_rng(seed), shrinkage()
    return pd.DataFrame(
        [dict(p_values(draw(cell, phi, rng), cell.effect, rng)) for _ in range(replicates)]
    )


def cells(practitioners: tuple[int, ...] = PRACTITIONERS) -> list[Cell]:
    """All designs."""
    every = [Cell(*one) for one in product(practitioners, CASELOADS, EXPOSURES, EFFECTS)]
    # one exposed practitioner cannot be told from the exposure
    return [cell for cell in every if cell.practitioners // EXPOSED.get(cell.exposure, 1) > 1]


def score(cell: Cell, found: pd.DataFrame) -> pd.DataFrame:
    """How often each method rejects the truth, with the band of an honest one.

    Parameters
    ----------
    cell : Cell
    found : pandas.DataFrame
        One row a replicate.
    """
    rows = []
    for method in found.columns.difference(["degrees", "effective"], sort=False):
        said = found[method].dropna()
        wide = 3 * np.sqrt(SIZE * (1 - SIZE) / len(said))
        share = float((said < SIZE).mean())
        rows.append(
            {
                **vars(cell),
                "effective": round(float(found["effective"].mean()), 1),
                "degrees": round(float(found["degrees"].mean()), 1),
                "method": method,
                "replicates": len(found),
                "silent": len(found) - len(said),
                "rejected": round(share, 4),
                "verdict": _verdict(share - SIZE, wide),
            }
        )
    return pd.DataFrame(rows)


def _verdict(beyond: float, wide: float) -> str:
    if abs(beyond) <= wide:
        return "holds"
    return "too often" if beyond > 0 else "too seldom"


def run(
    practitioners: tuple[int, ...] = PRACTITIONERS,
    replicates: int = 1000,
    seed: int = SEED,
    workers: int = 1,
) -> pd.DataFrame:
    """The whole table.

    Parameters
    ----------
    practitioners : tuple of int
    replicates : int
        Of each cell.
    seed, workers : int
    """
    designs = cells(practitioners)
    parts = range(-(-replicates // BLOCK))
    jobs = [
        delayed(block)(cell, min(BLOCK, replicates - part * BLOCK), (seed, i, part))
        for i, cell in enumerate(designs)
        for part in parts
    ]
    done = Parallel(n_jobs=workers)(jobs)
    per_cell = [done[i * len(parts) : (i + 1) * len(parts)] for i in range(len(designs))]
    return pd.concat(
        [
            score(cell, pd.concat(blocks, ignore_index=True))
            for cell, blocks in zip(designs, per_cell, strict=True)
        ],
        ignore_index=True,
    )


SHOWN = (
    "exchangeable: robust, normal",
    AUTO,
    "exchangeable: mancl_derouen, t(J - p)",
    "exchangeable: kauermann_carroll, Satterthwaite",
    "exchangeable: ford_westgate, t(J - p)",
    WILD,
)


def page(table: pd.DataFrame) -> str:
    """The table in words: a row a design, the methods of `SHOWN` beside each other.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `run`.
    """
    replicates = int(table["replicates"].iloc[0])
    wide = 3 * np.sqrt(SIZE * (1 - SIZE) / replicates)
    columns = ("practitioners", "caseloads", "exposure", "log odds", "worth", "silent")
    lines = [
        "# Tests with few practitioners",
        "",
        f"How often a test at 5% rejects the planted value, in {replicates:,} studies of each",
        f"design: {CLIENTS} clients a practitioner (uneven: log-normal, with a standard deviation",
        f"as large as the mean), base rate {BASE}, ICC {ICC}, a covariate of the client, and log",
        "odds of 0 and 0.5.",
        f"An honest test is between {SIZE - wide:.3f} and {SIZE + wide:.3f}; + rejects too often,",
        "- too seldom. One less the share is the coverage of the 95% interval. Silent: studies",
        "without a finite answer. All methods are in table.csv.",
        "",
        f"| {' | '.join([*columns, *SHOWN])} |",
        "|---" * (len(columns) + len(SHOWN)) + "|",
    ]
    design = ["practitioners", "caseloads", "exposure", "effect"]
    for key, part in table.groupby(design, sort=False):
        told = part.set_index("method")
        marks = {"holds": "", "too often": " +", "too seldom": " -"}
        cells_of = [
            f"{float(told['rejected'][name]):.3f}{marks[told['verdict'][name]]}" for name in SHOWN
        ]
        first = part.iloc[0]
        head = [*map(str, key), str(first["effective"]), str(first["silent"])]
        lines.append(f"| {' | '.join([*head, *cells_of])} |")
    return "\n".join([*lines, "", f"Made by `{COMMAND}`.", ""])


def main() -> int:
    """Write the table."""
    options = arguments(
        COMMAND,
        "How often tests with few practitioners reject the truth.",
        replicates=1000,
        of="studies of each design",
        seed=SEED,
        folder="reports/few_clusters",
    )
    options.add_argument("--practitioners", type=int, nargs="+", default=PRACTITIONERS)
    told = options.parse_args()
    table = run(tuple(told.practitioners), told.replicates, told.seed, told.workers)
    return write_table(told.output, table, page(table))


if __name__ == "__main__":
    sys.exit(main())
