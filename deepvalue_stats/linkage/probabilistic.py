"""Candidate links by Splink: a table of pairs, which a plan reads like anybody else's.

Nothing else of the package knows Splink: an analysis reads the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from deepvalue_stats.errors import Fault, LinkageError

Comparison = Literal["name", "date", "text", "exact"]
KINDS = ("name", "date", "text", "exact")
# pairs of a lower weight are no candidates of anything
LOWEST = -5.0
PAIRS = 1e6
RECALL = 0.8


def candidate_links(
    clients: pd.DataFrame,
    records: pd.DataFrame,
    *,
    client: str,
    record: str,
    compare: Mapping[str, Comparison],
    block_on: Sequence[Sequence[str]],
    seed: int,
    charts: Path | None = None,
) -> pd.DataFrame:
    """Weigh pairs of a client and a record by how alike their identifiers are.

    Parameters
    ----------
    clients, records : pandas.DataFrame
        Text, with the columns of `compare` in both; dates as 2020-01-31.
    client, record : str
        Columns of their ids, unique in each.
    compare : mapping of str to {"name", "date", "text", "exact"}
        Names are compared by sound and spelling, with common ones counting less; dates by day,
        month and year; texts by the number of slips.
    block_on : sequence of sequences of str
        Only pairs that agree in all columns of one of these are looked at. Two or more, of
        different columns: the weights of a column are learnt where another one agrees.
    seed : int
    charts : path, optional
        A folder for two pages, which need no network: the weight of each kind of agreement, and
        how often it occurs among pairs that match and that do not.

    Returns
    -------
    pandas.DataFrame
        Columns `client`, `record` (by their given names), `weight` (log2 of the Bayes factor times
        the prior odds) and `probability`, in order of client and record. For `rule = "table"`.

    Raises
    ------
    LinkageError
        If Splink is not installed, or a column is missing, ids repeat, or rules do not suffice.

    Notes
    -----
    The prior odds take the pairs that agree in every column for 80 in 100 of all that match:
    another share moves every weight by the same amount, and the least weight of a plan with it.

    What no rule of `block_on` brings together can have no weight: a missed link there stays
    missed, whatever the least weight of the plan.

    References
    ----------
    Fellegi and Sunter (1969), Journal of the American Statistical Association 64; Linacre and
    others (2022), International Journal of Population Data Science 7, for Splink.
    """
    _require(clients, records, client, record, compare, block_on)
    splink = _splink()
    database = splink.DuckDBAPI()
    sides = [
        database.register(_side(frame, key, compare), dataset_display_name=name)
        for name, frame, key in (("clients", clients, client), ("records", records, record))
    ]
    rules = [splink.block_on(*columns) for columns in block_on]
    settings = splink.SettingsCreator(
        link_type="link_only",
        comparisons=[_comparison(column, kind) for column, kind in compare.items()],
        blocking_rules_to_generate_predictions=rules,
    )
    linker = splink.Linker(sides, settings, log_level="ERROR")
    training = linker.training
    sure = [splink.block_on(*compare)]
    training.estimate_probability_two_random_records_match(sure, recall=RECALL)
    training.estimate_u_using_random_sampling(max_pairs=PAIRS, seed=seed)
    for rule in rules:
        training.estimate_parameters_using_expectation_maximisation(rule)
    found = linker.inference.predict(threshold_match_weight=LOWEST).as_pandas_dataframe()
    if charts is not None:
        charts.mkdir(parents=True, exist_ok=True)
        pictures = linker.visualisations
        for name in ("match_weights", "m_u_parameters"):
            page = charts / f"{name}.html"
            # it tells where it has saved, which is where it was asked to
            with redirect_stdout(StringIO()):
                getattr(pictures, f"{name}_chart")().save_offline_chart(str(page), overwrite=True)
    left = (found["source_dataset_l"] == "clients").to_numpy()
    ids = found["unique_id_l"], found["unique_id_r"]
    table = pd.DataFrame(
        {
            client: ids[0].where(left, ids[1]),
            record: ids[1].where(left, ids[0]),
            "weight": found["match_weight"].round(6),
            "probability": found["match_probability"].round(9),
        }
    )
    return table.sort_values([client, record], ignore_index=True)


def _require(
    clients: pd.DataFrame,
    records: pd.DataFrame,
    client: str,
    record: str,
    compare: Mapping[str, Comparison],
    block_on: Sequence[Sequence[str]],
) -> None:
    faults = []
    for name, frame, key in (("clients", clients, client), ("records", records, record)):
        absent = [column for column in (key, *compare) if column not in frame]
        faults += [Fault(f"there is no column '{one}'", name, "add it") for one in absent]
        if key in frame and (frame[key].isna().any() or frame[key].duplicated().any()):
            faults.append(Fault(f"'{key}' is missing or stands twice", name, "give one row an id"))
    for column, kind in compare.items():
        if kind not in KINDS:
            fix = f"use one of {', '.join(KINDS)}"
            faults.append(Fault("there is no such comparison", f"compare.{column}", fix))
    stray = sorted({column for rule in block_on for column in rule} - set(compare))
    faults += [Fault(f"'{one}' is not compared", "block_on", "add it to compare") for one in stray]
    if len({tuple(rule) for rule in block_on}) < 2:
        fix = "give two or more, of different columns"
        faults.append(Fault("the weights cannot be learnt from one rule", "block_on", fix))
    if faults:
        raise LinkageError.of(faults)


def _side(frame: pd.DataFrame, key: str, compare: Mapping[str, Comparison]) -> pd.DataFrame:
    """The id and the identifiers as text; a blank is missing, and agrees with nothing."""
    side = frame[[key, *compare]].rename(columns={key: "unique_id"}).astype("object")
    return side.where(side.notna() & (side != ""), None).astype("string[python]")


def _comparison(column: str, kind: Comparison) -> Any:
    import splink.comparison_library as library

    if kind == "name":
        return library.NameComparison(column).configure(term_frequency_adjustments=True)
    if kind == "date":
        return library.DateOfBirthComparison(column, input_is_string=True)
    if kind == "text":
        return library.DamerauLevenshteinAtThresholds(column, [1, 2])
    return library.ExactMatch(column)


def _splink() -> Any:
    """Load Splink only for whoever links with it."""
    try:
        import splink
    except ImportError as absent:
        raise LinkageError(
            "Splink is not installed",
            "candidate_links",
            "pip install 'deepvalue-stats[linkage]', or bring pairs that another program weighed",
        ) from absent
    return splink
