"""Engines: where a SQL text runs, and that its rows do not depend on it."""

import duckdb
import pandas as pd
import pytest
from linkage_language import linked, study

from deepvalue_stats.errors import LinkageError
from deepvalue_stats.linkage import DuckDB, engine_of, link, linkage_sql

THREE = {
    "contacts": "client  day  who\na  0  P\nb  0  Q\nb  90  Q",
    "ratings": "client  day  score\na  1  4\na  2  5\nb  11  1\nc  3  3\na  40  2\na  .  2"
    + "\na  3  4" * 20,
    "outcomes": "client  start\na  12",
}


def test_the_text_and_the_fate_of_every_rating_are_part_of_the_result():
    plan, data = study(**THREE)
    found = link(plan, data)
    assert found.sql == linkage_sql(plan, data)
    assert found.sql.startswith("WITH ")
    assert found.engine == f"duckdb {duckdb.__version__}"
    # in the window, after the outcome, before, after the window, no episode, no date
    assert found.fates == (22, 0, 0, 2, 1, 1)


def test_sources_in_files_give_the_rows_that_frames_give(tmp_path):
    plan, data = study(**THREE)
    files = {}
    for name, dataset in data.items():
        files[name] = tmp_path / f"{name}'s.parquet"
        dataset.frame.to_parquet(files[name])
    text = linkage_sql(plan, data)
    frames = {name: dataset.frame for name, dataset in data.items()}
    expected = DuckDB().run(text, frames)
    limited = DuckDB(memory_limit="200MB", threads=1)
    pd.testing.assert_frame_equal(limited.run(text, files), expected)
    limited.write(text, files, tmp_path / "it's.parquet")
    written = pd.read_parquet(tmp_path / "it's.parquet")
    assert written["client"].tolist() == expected["client"].tolist() == ["a", "b", "b"]


@pytest.mark.parametrize("amount", ["1", "lots", "-1GB", "GB", "1GB'; DROP"])
def test_what_is_no_amount_of_memory_is_refused_before_anything_is_read(amount):
    with pytest.raises(LinkageError) as refusal:
        DuckDB(memory_limit=amount)
    assert str(refusal.value) == (
        "LinkageError: this is no amount of memory\n"
        "  where: engine, memory\n"
        "  fix:   write a number and a unit, as in 500MB"
    )


def test_an_engine_that_is_none_is_refused():
    with pytest.raises(LinkageError) as refusal:
        engine_of("postgres")
    assert str(refusal.value) == (
        "LinkageError: there is no such engine\n"
        "  where: engine\n"
        '  fix:   use "duckdb", "spark", or a session of Spark'
    )


def test_without_spark_the_refusal_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)
    with pytest.raises(LinkageError) as refusal:
        engine_of("spark")
    assert str(refusal.value) == (
        "LinkageError: Spark is not installed\n"
        "  where: engine\n"
        "  fix:   pip install 'deepvalue-stats[spark]' (and Java 17), or use the embedded engine"
    )


def test_a_client_of_very_many_episodes_and_ratings_is_noted_before_the_join_is_slow():
    """One id for 30 spells and 30 ratings: 900 pairs for 30 ratings."""
    contacts = "client  day  who\n" + "\n".join(f"a  {40 * i}  P" for i in range(30))
    ratings = "client  day  score\n" + "\n".join(f"a  {i}  3" for i in range(30))
    (note,) = linked(contacts=contacts, ratings=ratings).problems
    assert (note.source, note.count, note.action) == ("ratings", 900, "noted")
    assert note.what == "joining ratings to episodes meets 30 pairs for each rating"
    few = "client  day  who\n" + "\n".join(f"a  {40 * i}  P" for i in range(20))
    assert linked(contacts=few, ratings=ratings).problems == ()


def test_rows_have_the_same_types_whatever_is_missing():
    plan, data = study(contacts="client  day  who\na  0  .", ratings="client  day  score\na  1  .")
    frame = link(plan, data).frame
    kinds = {name: str(frame[name].dtype) for name in ("episode", "index_day", "rapport", "job")}
    assert kinds == {"episode": "int64", "index_day": "int64", "rapport": "float64",
                     "job": "float64"}  # fmt: skip
    assert frame["practitioner"].tolist() == [None]
