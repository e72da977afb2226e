"""A messy extract and its clean twin: the same million ratings, with and without the faults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepvalue_stats.plan import Plan, parse_plan

ITEMS = [f"q{k}" for k in range(1, 7)]
COLUMNS = ["rating_id", "client_id", "adviser_id", "adviser_name", "rated_on", *ITEMS, "debt"]
NAMES = [
    "Zoë Hall", "“Bob” Frère", "Ann O’Neil", "Jürgen Groß", "Eve Stone", "Łukasz", "Iñigo, Jr",
    "Mae Lee", "Søren Dahl", "Renée Faÿ", "Tom Ash", "Uma Rao", "Väinö Salo", "Wim de Vries",
]  # fmt: skip
FIRST_DAY, DAYS, EXCEL_DAY_0 = 18_628, 1_460, -25_569
# the share of cells in each state; the rest are fine
ITEM_MESS = {"": 0.03, "99": 0.02, "n/a": 0.01, "*": 0.01, "6": 0.001, "3,5": 0.0005}
DEBT_MESS = {"": 0.05, "*": 0.02, "n/a": 0.01, "1,200": 0.001, "30%": 0.0005, "Ask": 0.0005}
DATE_MESS = {"": 0.005, "31/02/2023": 0.0005, "9999-12-31": 0.0005, "soon": 0.0005}
SLASHED, SERIAL = 0.30, 0.05
LOST_ZEROS, BLANK_CLIENTS, SPACED = 0.05, 0.002, 0.01
REPEATED_ROWS, SHARED_KEYS = 0.002, 0.001

PLAN = """
plan_version = 1
seed = 1
study = { name = "s", area = "debt", question = "?", status = "synthetic" }
effects.family = "exploratory"
equity = { modifier = "confidence", bands = { low = 1, high = 3 }, reference = "high" }
verdicts = { claims = ["C1"], label = "exploratory", smallest_worthwhile = 0.02 }
disclosure.profile = "open"
[reading]
on_fault = "exclude"
missing = ["", "n/a", "99"]
suppressed = ["*"]
dates = ["%Y-%m-%d", "%d/%m/%Y", "excel"]
[sources]
ratings = { path = "FILE", format = "csv", key = ["rating_id"] }
outcomes = { path = "outcomes.csv", format = "csv", key = ["client_id"] }
[ids]
client = { column = "client_id", pad_to = 8 }
practitioner = { column = "adviser_id" }
pseudonyms = "none"
[links.outcomes]
rule = "key"
cardinality = "one_to_many"
unlinked = "no_event"
[clock]
kind = "dates"
design = "landmark"
episodes = { source = "ratings", date = "rated_on", gap_days = 90, practitioner = "majority" }
index = "episode_start"
exposure = { date = "ratings.rated_on", from = ["index", 0], to = ["index", 90] }
follow_up = { from = ["index", 91], days = 365, incomplete = "exclude" }
[measures]
trust = { items = ["q1", "q2", "q3", "q4"], range = [1, 5], minimum_items = 2, rater = "client" }
[measures.confidence]
items = ["q5", "q6"]
range = [1, 5]
minimum_items = 1
rater = "client"
at = "baseline"
[outcomes.plan]
kind = "event"
date = "outcomes.agreed_on"
reported_by = "administrative"
[covariates]
debt = { column = "debt", type = "number", at = "baseline" }
name = { column = "adviser_name", type = "category", at = "baseline" }
[models.main]
role = "primary"
outcome = "plan"
exposure = "trust"
groups = ["practitioner"]
estimator = "gee"
"""


@dataclass(frozen=True)
class Extract:
    """Where the two files are."""

    folder: Path
    messy: str = "messy.csv"
    clean: str = "clean.csv"

    def plan(self, path: str) -> Plan:
        """A plan that reads one of the two as its ratings."""
        import tomllib

        return parse_plan(tomllib.loads(PLAN.replace("FILE", path)))


def make(folder: Path, rows: int, seed: int = 20110523) -> Extract:
    """Write both files, and a small table of outcomes beside them.

    Parameters
    ----------
    folder : path
    rows : int
    seed : int

    Returns
    -------
    Extract
        The messy file is cp1252 text with quotation marks where they are needed and rows repeated;
        the clean twin is utf-8 with one form of date and empty cells for what is missing.
    """
    rng = np.random.default_rng(seed)
    clean = _clean(rows, rng)
    messy = {name: cells.copy() for name, cells in clean.items()}
    _spoil(messy, rows, rng)
    order = _order(rows, rng)
    extract = Extract(folder)
    _write(folder / extract.messy, messy, order, "cp1252")
    _write(folder / extract.clean, clean, np.arange(rows), "utf-8")
    (folder / "outcomes.csv").write_text("client_id,agreed_on\n00000001,2023-06-01\n")
    return extract


def _clean(rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    clients = rng.integers(0, max(rows // 10, 1), rows)
    advisers = clients % 2_000
    days = _texts(np.arange(FIRST_DAY, FIRST_DAY + DAYS).astype("datetime64[D]"))
    cells = {
        "rating_id": _texts(f"R{i:07d}" for i in range(rows)),
        "client_id": _texts(f"{i * 97:08d}" for i in range(rows // 10 + 1))[clients],
        "adviser_id": _texts(f"P{i:04d}" for i in range(2_000))[advisers],
        "adviser_name": _texts(_quoted(name) for name in NAMES)[advisers % len(NAMES)],
        "rated_on": days[rng.integers(0, DAYS, rows)],
    }
    answers = _texts(range(1, 6))
    for name in ITEMS:
        cells[name] = answers[rng.integers(0, 5, rows)]
    pounds = np.minimum(rng.lognormal(7, 1, rows), 99_999).astype(int)
    cells["debt"] = _texts(f"{i}.5" for i in range(100_000))[pounds]
    return cells


def _spoil(cells: dict[str, np.ndarray], rows: int, rng: np.random.Generator) -> None:
    """Put the mess into a clean table."""
    days = cells["rated_on"].astype("datetime64[D]").astype(int)
    form = rng.random(rows)
    day = cells["rated_on"]
    slashed = form < SLASHED
    day[slashed] = [f"{text[8:]}/{text[5:7]}/{text[:4]}" for text in day[slashed]]
    serial = (form >= SLASHED) & (form < SLASHED + SERIAL)
    day[serial] = _texts(days[serial] - EXCEL_DAY_0)
    client = cells["client_id"]
    short = rng.random(rows) < LOST_ZEROS
    client[short] = [text.lstrip("0") or "0" for text in client[short]]
    spaced = rng.random(rows) < SPACED
    client[spaced] = [f" {text} " for text in client[spaced]]
    client[rng.random(rows) < BLANK_CLIENTS] = ""
    for name, mess in (
        *((item, ITEM_MESS) for item in ITEMS), ("debt", DEBT_MESS), ("rated_on", DATE_MESS),
    ):  # fmt: skip
        state = rng.random(rows)
        least = 0.0
        for text, share in mess.items():
            cells[name][(state >= least) & (state < least + share)] = _quoted(text)
            least += share
    shared = np.flatnonzero(rng.random(rows - 1) < SHARED_KEYS) + 1
    cells["rating_id"][shared] = cells["rating_id"][shared - 1]


def _order(rows: int, rng: np.random.Generator) -> np.ndarray:
    """Rows in order, some of them twice at a distance."""
    again = rng.integers(0, rows, int(rows * REPEATED_ROWS))
    places = rng.integers(0, rows, len(again))
    return np.insert(np.arange(rows), places, again)[:rows]


def _texts(values: object) -> np.ndarray:
    return np.array([str(value) for value in values], dtype=object)  # type: ignore[attr-defined]


def _quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text


def _write(path: Path, cells: dict[str, np.ndarray], order: np.ndarray, encoding: str) -> None:
    columns = [cells[name][order] for name in COLUMNS]
    with path.open("w", encoding=encoding, errors="replace", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines(",".join(row) + "\n" for row in zip(*columns, strict=True))
