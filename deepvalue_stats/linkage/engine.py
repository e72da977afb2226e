"""Running a SQL text on registered sources with the embedded engine."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pandas as pd

from deepvalue_stats.data import Dataset
from deepvalue_stats.linkage.sql import table


def run_sql(text: str, data: Mapping[str, Dataset]) -> pd.DataFrame:
    """Run one query over the sources, each a view under the name that `sql.table` gives it.

    Parameters
    ----------
    text : str
    data : mapping of str to Dataset

    Returns
    -------
    pandas.DataFrame
    """
    with duckdb.connect() as connection:
        # nothing is fetched, and nothing is kept on disk
        connection.execute("SET autoinstall_known_extensions = false")
        for name, dataset in data.items():
            connection.register(table(name).strip('"'), dataset.frame)
        return connection.execute(text).df()
