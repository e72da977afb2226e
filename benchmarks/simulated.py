"""Rows for the speed benchmarks: eight covariates and four structures of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

COVARIATES = [f"x{k}" for k in range(1, 9)]
COEFFICIENTS = np.array([0.4, -0.3, 0.2, 0.1, 0.0, -0.1, 0.05, 0.25])
INTERCEPT = -0.5
SERVICES = {500: 5, 10_000: 20, 100_000: 100, 1_000_000: 500, 5_000_000: 1_000}
CROSSED = {500: 10, 10_000: 50, 100_000: 500, 1_000_000: 2_000}
CLIENT_SD, PRACTITIONER_SD, SERVICE_SD, SLOPE_SD, CORRELATION = 0.8, 0.6, 0.4, 0.3, 0.3


@dataclass(frozen=True)
class Case:
    """A structure of groups: the random part as lme4 writes it, and what it is in words."""

    random: str
    described: str

    @property
    def formula(self) -> str:
        """The whole model."""
        return f"y ~ {' + '.join(COVARIATES)} + {self.random}"


CASES = {
    "slope": Case("(1 + x1 | practitioner)", "correlated slope, one factor"),
    "nest": Case("(1 | practitioner) + (1 | service)", "two nested factors"),
    "nest3": Case("(1 | client) + (1 | practitioner) + (1 | service)", "three nested factors"),
    "cross": Case("(1 | client) + (1 | practitioner)", "two crossed factors"),
}


def simulate(case: str, rows: int, seed: int = 20110523) -> pd.DataFrame:
    """Rows in random order: y, x1 to x8 and the groups that the case's formula names.

    Parameters
    ----------
    case : str
        A key of `CASES`.
    rows : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, len(COVARIATES)))
    eta = INTERCEPT + x @ COEFFICIENTS
    groups = _groups(case, rows, rng)
    if case == "slope":
        n_groups = int(groups["practitioner"].max()) + 1
        first, second = rng.normal(size=(2, n_groups))
        slopes = SLOPE_SD * (CORRELATION * first + np.sqrt(1 - CORRELATION**2) * second)
        own = groups["practitioner"]
        eta += PRACTITIONER_SD * first[own] + slopes[own] * x[:, 0]
    else:
        spread = {"client": CLIENT_SD, "practitioner": PRACTITIONER_SD, "service": SERVICE_SD}
        for name, codes in groups.items():
            eta += spread[name] * rng.normal(size=int(codes.max()) + 1)[codes]
    outcome = (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype("int64")
    return pd.DataFrame({"y": outcome, **dict(zip(COVARIATES, x.T.copy(), strict=True)), **groups})


def _groups(case: str, rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    services = SERVICES.get(rows, max(5, rows // 2_000))
    practitioners = max(10, rows // 50)
    if case == "slope":
        return {"practitioner": rng.integers(0, practitioners, rows)}
    if case == "cross":
        held = CROSSED.get(rows, max(10, rows // 500))
        return {
            "client": rng.integers(0, rows // 10, rows),
            "practitioner": rng.integers(0, held, rows),
        }
    service_of = rng.integers(0, services, practitioners)
    if case == "nest":
        own = rng.integers(0, practitioners, rows)
        return {"practitioner": own, "service": service_of[own]}
    practitioner_of = rng.integers(0, practitioners, rows // 5)
    client = rng.integers(0, rows // 5, rows)
    own = practitioner_of[client]
    return {"client": client, "practitioner": own, "service": service_of[own]}


BANDS = ["low", "middle", "high"]


def clients(rows: int, seed: int = 20110523) -> pd.DataFrame:
    """Clients once each: y, trust from 1 to 5, band, age, need, x1 to x4, their practitioner.

    Parameters
    ----------
    rows : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    n_practitioners = max(10, rows // 500)
    own = rng.integers(0, n_practitioners, rows)
    trust = np.clip(rng.normal(3.5, 0.9, rows), 1, 5)
    band = rng.choice(BANDS, rows)
    age, need = rng.normal(40, 12, rows), rng.integers(0, 5, rows).astype("float64")
    others = rng.normal(size=(rows, 4))
    eta = -0.5 + (0.4 + 0.15 * (band == "low")) * (trust - 3.5) + 0.2 * (band == "high")
    eta += 0.01 * (age - 40) - 0.1 * need + others @ COEFFICIENTS[:4]
    eta += PRACTITIONER_SD * rng.normal(size=n_practitioners)[own]
    return pd.DataFrame(
        {
            "client": np.arange(rows),
            "practitioner": own,
            "y": (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype("int64"),
            "trust": trust,
            "band": pd.Categorical(band, categories=BANDS),
            "age": age,
            "need": need,
            **{f"x{k}": others[:, k - 1] for k in range(1, 5)},
        }
    )
