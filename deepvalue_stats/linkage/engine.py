"""Where a SQL text runs: in this process, or where the data already are.

One text runs on both. What differs between engines is here: how a source becomes a table, and how
rows come back.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pandas as pd

from deepvalue_stats.data import Dataset, wanted_columns
from deepvalue_stats.errors import LinkageError
from deepvalue_stats.linkage.sql import table
from deepvalue_stats.plan import Plan

# a table, a Parquet file, or a table of the engine's own kind
Source = Any


class Engine(Protocol):
    """What runs a SQL text over sources, each a table under the name that `sql.table` gives it."""

    @property
    def name(self) -> str:
        """As a manifest names it."""

    def run(self, text: str, sources: Mapping[str, Source]) -> pd.DataFrame:
        """Run one query, and bring its rows here."""

    def write(self, text: str, sources: Mapping[str, Source], path: Path) -> None:
        """Run one query, and write its rows as Parquet where the engine runs."""


@dataclass(frozen=True)
class DuckDB:
    """The embedded engine.

    Attributes
    ----------
    memory_limit : str, optional
        As `"1GB"`: what does not fit is kept on disk meanwhile, in a folder of its own that is
        deleted afterwards. Sources given as frames are in memory besides.
    threads : int, optional
    """

    memory_limit: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        """Refuse a limit that could not be read, before anything is."""
        if self.memory_limit is not None:
            _amount(self.memory_limit)

    @property
    def name(self) -> str:
        """The engine and its version."""
        return f"duckdb {duckdb.__version__}"

    def run(self, text: str, sources: Mapping[str, Source]) -> pd.DataFrame:
        """Run one query; a source is a frame, an Arrow table, or the path of a Parquet file."""
        with self._connection(sources) as connection:
            return connection.execute(self._in_parts(connection, text)).df()

    def write(self, text: str, sources: Mapping[str, Source], path: Path) -> None:
        """Run one query, and write its rows as Parquet."""
        with self._connection(sources) as connection:
            target = str(path).replace("'", "''")
            query = self._in_parts(connection, text)
            connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")

    def _in_parts(self, connection: duckdb.DuckDBPyConnection, text: str) -> str:
        """With little memory the rows are joined first and sorted then: a text orders last."""
        joined, order, by = text.rpartition("\nORDER BY ")
        if self.memory_limit is None or not order:
            return text
        connection.execute(f"CREATE TEMP TABLE joined AS {joined}")
        return f"SELECT * FROM joined ORDER BY {by}"

    @contextmanager
    def _connection(self, sources: Mapping[str, Source]) -> Iterator[duckdb.DuckDBPyConnection]:
        with tempfile.TemporaryDirectory() as spill, duckdb.connect() as connection:
            # nothing is fetched, and rows have the order that a query asks for
            connection.execute("SET autoinstall_known_extensions = false")
            connection.execute("SET preserve_insertion_order = false")
            if self.threads is not None:
                connection.execute(f"SET threads = {self.threads}")
            if self.memory_limit is None:
                # nothing is kept on disk
                connection.execute("SET temp_directory = ''")
            else:
                connection.execute(f"SET memory_limit = '{_amount(self.memory_limit)}'")
                connection.execute("SET temp_directory = '{}'".format(spill.replace("'", "''")))
            for name, source in sources.items():
                if isinstance(source, str | Path):
                    path = str(source).replace("'", "''")
                    view = f"CREATE VIEW {table(name)} AS SELECT * FROM read_parquet('{path}')"
                    connection.execute(view)
                else:
                    connection.register(table(name).strip('"'), source)
            yield connection


# as the SQL standard writes names, and with errors where others would give NULL
SPARK_SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
}


@dataclass(frozen=True)
class Spark:
    """A session of Spark: worth it where the data may not leave it, not for speed.

    Attributes
    ----------
    session : pyspark.sql.SparkSession
        Its settings are as before after each query.
    """

    session: Any

    @property
    def name(self) -> str:
        """The engine and its version."""
        return f"spark {self.session.version}"

    def run(self, text: str, sources: Mapping[str, Source]) -> pd.DataFrame:
        """Run one query; a source is a frame, a Spark table, or the path of a Parquet file."""
        with self._tables(sources):
            found: pd.DataFrame = self.session.sql(text).toArrow().to_pandas()
            return found

    def write(self, text: str, sources: Mapping[str, Source], path: Path) -> None:
        """Run one query, and write its rows as Parquet."""
        with self._tables(sources):
            self.session.sql(text).write.parquet(str(path))

    @contextmanager
    def _tables(self, sources: Mapping[str, Source]) -> Iterator[None]:
        before = {key: self.session.conf.get(key, None) for key in SPARK_SETTINGS}
        names = {name: table(name).strip('"') for name in sources}
        try:
            for key, value in SPARK_SETTINGS.items():
                self.session.conf.set(key, value)
            for name, source in sources.items():
                self._relation(source).createOrReplaceTempView(names[name])
            yield
        finally:
            for name in names.values():
                self.session.catalog.dropTempView(name)
            for key, value in before.items():
                if value is None:
                    self.session.conf.unset(key)
                else:
                    self.session.conf.set(key, value)

    def _relation(self, source: Source) -> Any:
        if isinstance(source, str | Path):
            return self.session.read.parquet(str(source))
        if isinstance(source, pd.DataFrame):
            # lazy: only whoever has Spark needs it, and a frame of pandas 3 is not Spark's to read
            import pyarrow as pa

            arrow = pa.Table.from_pandas(source, preserve_index=False)
            with warnings.catch_warnings():
                # of the version of pandas, which is not used: the rows go over as Arrow
                warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
                return self.session.createDataFrame(arrow)
        return source


def engine_of(engine: Any = "duckdb") -> Engine:
    """The engine that is meant: `"duckdb"`, `"spark"`, a SparkSession, or an engine.

    Raises
    ------
    LinkageError
        If there is no such engine, or Spark is asked for and not installed.
    """
    if engine == "duckdb":
        return DuckDB()
    if engine == "spark":
        return Spark(_session())
    if hasattr(engine, "run") and hasattr(engine, "write"):
        found: Engine = engine
        return found
    if hasattr(engine, "createDataFrame") and hasattr(engine, "sql"):
        return Spark(engine)
    raise LinkageError(
        "there is no such engine", "engine", 'use "duckdb", "spark", or a session of Spark'
    )


def brought_here(plan: Plan, frames: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Frames of pandas as they are, and of Spark's tables the columns that a plan uses."""
    return {name: _brought(plan, name, frame) for name, frame in frames.items()}


def _brought(plan: Plan, name: str, frame: Any) -> pd.DataFrame:
    if not hasattr(frame, "toArrow"):
        return frame  # type: ignore[no-any-return]
    wanted = wanted_columns(plan, name)
    # text as Spark writes it: a type that pandas would guess could change it
    columns = [f"CAST(`{one}` AS STRING) AS `{one}`" for one in frame.columns if one in wanted]
    found: pd.DataFrame = frame.selectExpr(*columns).toArrow().to_pandas()
    return found


def run_sql(text: str, data: Mapping[str, Dataset], engine: Engine | None = None) -> pd.DataFrame:
    """Run one query over data sets, with types that are the same whichever engine runs it.

    Parameters
    ----------
    text : str
    data : mapping of str to Dataset
    engine : Engine, optional
        The embedded one unless given.

    Returns
    -------
    pandas.DataFrame
        Whole numbers are int64, others float64 (and whole ones that can be missing); the rest is
        text, with None for what is missing.
    """
    found = (engine or DuckDB()).run(text, {name: _typed(one) for name, one in data.items()})
    return found.assign(**{str(name): _same(found[name]) for name in found})


def _typed(dataset: Dataset) -> pd.DataFrame:
    """A frame whose text is text, though all of it be missing."""
    texts = [c.name for c in dataset.schema.columns if c.dtype in ("id", "category")]
    return dataset.frame.astype(dict.fromkeys(texts, "string[python]"))


def _same(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        whole = pd.api.types.is_integer_dtype(column) and not column.isna().any()
        return column.astype("int64" if whole else "float64")
    return column.astype("object").where(column.notna(), None)


def _session() -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError as absent:
        raise LinkageError(
            "Spark is not installed",
            "engine",
            "pip install 'deepvalue-stats[spark]' (and Java 17), or use the embedded engine",
        ) from absent
    return SparkSession.builder.getOrCreate()


def _amount(text: str) -> str:
    """An amount of memory as DuckDB reads it."""
    number = text.strip().rstrip("KMGTkmgtIiBb").strip()
    unit = text.strip()[len(number) :].strip().upper()
    try:
        if float(number) > 0 and unit in ("KB", "MB", "GB", "TB", "KIB", "MIB", "GIB", "TIB"):
            return f"{number}{unit}"
    except ValueError:
        pass
    raise LinkageError(
        "this is no amount of memory", "engine, memory", "write a number and a unit, as in 500MB"
    )
