"""Whether the lead placebo fires as seldom as it says where nothing is wrong, and where much is.

Panels of families are drawn with and without an outcome that moves ratings, and every method tests
at 5% whether the next wave's rating goes with this wave's outcome. Where no outcome moves a rating
the share that fires is the size of the test; elsewhere it is its power. Beside the candidates stand
the shortcuts that look alike and are not.

`python -m deepvalue_stats.bench.lead_placebo --help` writes the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.special import stdtr

from deepvalue_stats.bench.tables import arguments, write_table
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import LeadPlacebo, WithinBetween, fit_panel, lead_placebo
from deepvalue_stats.models.dynamics.waves import at_wave
from deepvalue_stats.models.panel.layout import PanelLayout, panel_layout
from deepvalue_stats.models.panel.least_squares import least_squares
from deepvalue_stats.models.panel.transform import within_rows
from deepvalue_stats.simulate import FamilyParameters, draw_families, family_parameters

COMMAND = "python -m deepvalue_stats.bench.lead_placebo"
SIZE, SEED, BLOCK = 0.05, 22, 100
# replicates of the mixed logit, which takes thirty times as long as the others
MIXED, POINTS = 300, 7
FOUND = 0.8
WITHIN = "within, CR2 and t"
UNLIKE = "within, and unlike the wave before"
ODDS = "conditional logit"
SPLIT = "within-between logit"
NO_NOW = "without this wave's rating"
NO_CLIENT = "without clients' levels"
NEITHER = "without either"
METHODS = (WITHIN, UNLIKE, ODDS, SPLIT, NO_NOW, NO_CLIENT, NEITHER)
RATING, TRUE = "relationship", "true_relationship"


@dataclass(frozen=True)
class Panel:
    """A panel to draw.

    Attributes
    ----------
    name : str
    preset : str
    planted : bool
        Whether an outcome moves a rating, so that the placebo has something to find.
    changes : mapping of str to object
        Parameters that differ from the preset's.
    families : int, optional
    exposure : str
        The rating, or the true relationship, which nobody sees.
    mixed : bool
        Whether the within-between logit is fitted as well.
    """

    name: str
    preset: str
    planted: bool = False
    changes: Mapping[str, object] = field(default_factory=dict)
    families: int | None = None
    exposure: str = RATING
    mixed: bool = False

    @property
    def parameters(self) -> FamilyParameters:
        """What is drawn."""
        usual = family_parameters(self.preset, families=self.families)
        return replace(usual, **self.changes)  # type: ignore[arg-type]


FEW = 200
STRONG = {"effect_within": 0.8}
LONG = {"waves": 12, "occasion_persistence": 0.8, "dyad_share": 0.1, "dropout_share": 0.02}
PANELS = (
    Panel("nothing at all", "null"),
    Panel("the claim is true", "claim_true", mixed=True),
    Panel(f"the claim is true, {FEW} families", "claim_true", families=FEW),
    Panel("everyday", "everyday"),
    Panel("breaks hurt", "breaks_hurt"),
    Panel("a hidden trait", "confounded", mixed=True),
    Panel("who stays", "attrition"),
    Panel("outcomes persist", "claim_true", changes={"state_dependence": 1.0}),
    Panel("effect of 0.8", "claim_true", changes=STRONG),
    Panel("effect of 0.8, no error in ratings", "claim_true", changes=STRONG, exposure=TRUE),
    Panel("twelve waves, ratings that last", "claim_true", changes=LONG),
    Panel("outcome lifts both ratings", "reverse_caused", planted=True, mixed=True),
    Panel(f"outcome lifts both ratings, {FEW} families", "reverse_caused", True, families=FEW),
    Panel("outcome lifts its own rating", "reverse_caused", True, {"rating_lift_next": 0.0}),
    Panel("outcome lifts the next relationship", "feedback", planted=True),
)


def p_values(
    table: pd.DataFrame, exposure: str = RATING, *, mixed: bool = False
) -> Iterator[tuple[str, float, float]]:
    """What each method says of a panel: its name, the estimate and its p-value.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `draw_families`.
    exposure : str
    mixed : bool
        Whether the within-between logit is fitted.
    """
    asked = {"exposure": exposure, "time": "wave"}
    for method, estimator in ((WITHIN, "within"), (ODDS, "conditional_logit")):
        try:
            found = lead_placebo(f"outcome ~ {exposure}", table, estimator=estimator, **asked)  # type: ignore[arg-type]
        except ModelError:
            yield method, np.nan, np.nan
            continue
        yield method, found.estimate, found.p_value
        if estimator == "within":
            yield UNLIKE, found.asymmetry, _both(found)
    rows, waves = three_waves(table, exposure)
    layout = panel_layout(rows, client="client", time="wave")
    outcome = rows["outcome"].to_numpy(dtype="float64")
    if mixed:
        yield SPLIT, *_split(rows, waves)
    yield NO_NOW, *_linear(layout, outcome, waves[:, [0]], levels=False)
    yield NO_CLIENT, *_linear(layout, outcome, waves, levels=True)
    yield NEITHER, *_linear(layout, outcome, waves[:, [0]], levels=True)


def _both(found: LeadPlacebo) -> float:
    """The larger p-value of two tests, of which both have to fire and point one way."""
    one_way = found.estimate * found.asymmetry > 0
    return max(found.p_value, found.asymmetry_p) if one_way else 1.0


def three_waves(table: pd.DataFrame, exposure: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The placebo's own rows, with the exposure of the next wave, the same and the one before."""
    layout = panel_layout(table, client="client", time="wave")
    values = table[exposure].to_numpy(dtype="float64")
    waves = np.column_stack([at_wave(layout, values, step) for step in (1, 0, -1)])
    kept = np.isfinite(waves).all(axis=1)
    kept &= np.bincount(layout.clients, weights=kept)[layout.clients] > 1
    return table[kept].reset_index(drop=True), waves[kept]


def _split(rows: pd.DataFrame, waves: np.ndarray) -> tuple[float, float]:
    named = dict(zip(("later", "now", "before"), waves.T, strict=True))
    fit = fit_panel(
        "outcome ~ later + now + before + C(wave)",
        rows.assign(**named),
        time="wave",
        estimator=WithinBetween(split=tuple(named), quadrature_points=POINTS),
    )
    place = fit.terms.index("later_within")
    return float(fit.params[place]), float(fit.coefficients["p_value"].iloc[place])


def _linear(
    layout: PanelLayout, outcome: np.ndarray, exposures: np.ndarray, *, levels: bool
) -> tuple[float, float]:
    """Least squares with waves' effects, clustered by client; clients' levels left in, or out."""
    if levels:
        waves = (layout.waves[:, None] == np.arange(len(layout.schedule))).astype("float64")
        matrix, response = np.column_stack([exposures, waves]), outcome
    else:
        rows = within_rows(layout, outcome, exposures, time_effects=True)
        matrix, response = rows.matrix, rows.response
    found = least_squares(matrix, response)
    error = float(np.sqrt(found.clustered(layout.clients, "sss")[0, 0]))
    estimate = float(found.params[0])
    return estimate, float(2 * stdtr(layout.n_clients - 1, -abs(estimate) / error))


def block(panel: Panel, replicates: range, seed: int) -> pd.DataFrame:
    """Replicates of a panel: replicate, method, estimate, p_value."""
    parameters = panel.parameters
    rows = []
    for one in replicates:
        drawn = int(np.random.SeedSequence((seed, one)).generate_state(1)[0])
        table = draw_families(parameters, drawn)
        mixed = panel.mixed and one < MIXED
        for method, estimate, p_value in p_values(table, panel.exposure, mixed=mixed):
            rows.append((one, method, estimate, p_value))
    return pd.DataFrame(rows, columns=["replicate", "method", "estimate", "p_value"])


def score(panel: Panel, found: pd.DataFrame) -> pd.DataFrame:
    """How often each method fires, with what that says of it.

    Parameters
    ----------
    panel : Panel
    found : pandas.DataFrame
        Of `block`.
    """
    rows = []
    for method in (one for one in METHODS if one in set(found["method"])):
        told = found[found["method"] == method]
        said = told.dropna(subset=["p_value"])
        fired = float((said["p_value"] < SIZE).mean())
        rows.append(
            {
                "panel": panel.name,
                "planted": panel.planted,
                "method": method,
                "replicates": len(told),
                "silent": len(told) - len(said),
                "fired": round(fired, 4),
                "mean_estimate": round(float(said["estimate"].mean()), 4),
                "verdict": _verdict(panel.planted, fired, len(said)),
            }
        )
    return pd.DataFrame(rows)


def _verdict(planted: bool, fired: float, replicates: int) -> str:
    if planted:
        return "finds it" if fired >= FOUND else "often misses it"
    wide = band(replicates)
    if abs(fired - SIZE) <= wide:
        return "holds"
    return "too often" if fired > SIZE else "too seldom"


def band(replicates: int) -> float:
    """Three Monte Carlo standard errors of the share of an honest test."""
    return float(3 * np.sqrt(SIZE * (1 - SIZE) / max(replicates, 1)))


def run(
    panels: tuple[Panel, ...] = PANELS, replicates: int = 1000, seed: int = SEED, workers: int = 1
) -> pd.DataFrame:
    """The whole table.

    Parameters
    ----------
    panels : tuple of Panel
    replicates : int
        Of each panel.
    seed, workers : int
    """
    starts = range(0, replicates, BLOCK)
    jobs = [
        delayed(block)(panel, range(start, min(start + BLOCK, replicates)), seed + place)
        for place, panel in enumerate(panels)
        for start in starts
    ]
    done = Parallel(n_jobs=workers)(jobs)
    each = [done[i * len(starts) : (i + 1) * len(starts)] for i in range(len(panels))]
    scored = [
        score(panel, pd.concat(blocks, ignore_index=True))
        for panel, blocks in zip(panels, each, strict=True)
    ]
    return pd.concat(scored, ignore_index=True)


def page(table: pd.DataFrame) -> str:
    """The table in words: a row a panel, the methods beside each other.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `run`.
    """
    replicates = int(table["replicates"].max())
    wide, mixed = band(replicates), min(MIXED, replicates)
    lines = [
        "# The lead placebo",
        "",
        "How often a test at 5% finds that the next wave's rating goes with this wave's outcome, "
        f"in {replicates:,}",
        "panels of each kind (1,320 families and six waves unless said, of which three a family "
        "can be used).",
        f"Where no outcome moves a rating an honest test fires in {SIZE - wide:.3f} to "
        f"{SIZE + wide:.3f} of them;",
        "+ fires too often, - too seldom. Where one does, the share is the power. The first method",
        "is what `lead_placebo` does unless asked otherwise. The second fires where the next "
        "rating and its",
        "difference from the last both do, as error in ratings moves both neighbours alike. The",
        f"within-between logit rests on {mixed} panels ({SIZE - band(mixed):.3f} to "
        f"{SIZE + band(mixed):.3f}). The last three leave out what their names",
        "say.",
        "",
        f"| panel | an outcome moves a rating | {' | '.join(METHODS)} |",
        "|---" * (len(METHODS) + 2) + "|",
    ]
    marks = {"too often": " +", "too seldom": " -"}
    for name, part in table.groupby("panel", sort=False):
        told = part.set_index("method")
        cells = [
            f"{told['fired'][one]:.3f}{marks.get(str(told['verdict'][one]), '')}"
            if one in told.index
            else ""
            for one in METHODS
        ]
        planted = "yes" if part["planted"].iloc[0] else "no"
        lines.append(f"| {name} | {planted} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Made by `{COMMAND}`.", ""])


def main() -> int:
    """Write the table."""
    options = arguments(
        COMMAND,
        "How often the lead placebo fires, with and without a cause.",
        replicates=1000,
        of="panels of each kind",
        seed=SEED,
        folder="reports/lead_placebo",
    )
    told = options.parse_args()
    table = run(replicates=told.replicates, seed=told.seed, workers=told.workers)
    return write_table(told.output, table, page(table))


if __name__ == "__main__":
    sys.exit(main())
