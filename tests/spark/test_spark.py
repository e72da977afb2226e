"""Spark gives the rows that the embedded engine gives, and a study the same findings."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

if os.environ.get("DEEPVALUE_TEST_ENGINE") != "spark":
    pytest.skip("Spark needs Java and half a minute a study: make spark", allow_module_level=True)

from hypothesis import given, settings
from linkage_histories import WITHOUT_SHRINKING, clocks, read, seeds, tables_of
from linkage_language import plan_with, spark_session, study

from deepvalue_stats.linkage import DuckDB, Spark, link
from deepvalue_stats.linkage.engine import run_sql
from deepvalue_stats.linkage.landmark import fan_out_sql, fate_counts_sql
from deepvalue_stats.plan import read_plan
from deepvalue_stats.study import run_study

ROOT = Path(__file__).parents[2]


@settings(max_examples=25, deadline=None, phases=WITHOUT_SHRINKING)
@given(changes=clocks(), seed=seeds)
def test_both_engines_agree_on_awkward_histories(changes, seed):
    """Whole numbers and texts to the bit, other numbers within 1e-12."""
    plan = plan_with(changes)
    data = read(plan, tables_of(plan, seed, n_clients=200))
    here, there = (link(plan, data, engine=one) for one in (DuckDB(), Spark(spark_session())))
    assert there.sql == here.sql
    assert there.fates == here.fates
    assert list(there.frame.dtypes) == list(here.frame.dtypes)
    for name in here.frame:
        ours, theirs = here.frame[name], there.frame[name]
        if ours.dtype == "float64":
            np.testing.assert_allclose(theirs, ours, rtol=1e-12, atol=0)
        else:
            assert theirs.equals(ours), name


def written(output):
    """Every file of the findings, byte for byte."""
    folder = output / "findings"
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", ["synthetic_employment", "help_primary_care"])
def test_a_study_from_end_to_end_has_the_same_findings(name, tmp_path):
    plan = read_plan(ROOT / "analyses" / name / "plan.toml")
    folder = ROOT / "analyses" / name
    run_study(plan, folder=folder, output=tmp_path / "here")
    run_study(plan, folder=folder, output=tmp_path / "there", engine=spark_session())
    assert written(tmp_path / "there") == written(tmp_path / "here")


def test_a_source_that_lives_in_spark_is_read_from_there(tmp_path):
    plan = read_plan(ROOT / "analyses/synthetic_employment/plan.toml")
    folder = ROOT / "analyses/synthetic_employment"
    texts = {
        name: pd.read_csv(folder / source.path, dtype="str", keep_default_na=False)
        for name, source in plan.sources.items()
        if source.path.endswith(".csv")
    }
    session = spark_session()
    tables = {
        name: session.read.option("header", True).csv(str(folder / plan.sources[name].path))
        for name in texts
    }
    run_study(plan, frames=texts, folder=folder, output=tmp_path / "here")
    run_study(plan, frames=tables, folder=folder, output=tmp_path / "there", engine=session)
    assert written(tmp_path / "there") == written(tmp_path / "here")


def test_the_settings_of_a_session_are_left_as_they_were():
    session = spark_session()
    before = dict(session.conf.getAll)
    plan, data = study()
    schemas = {name: one.schema for name, one in data.items()}
    for text in (fate_counts_sql(plan, schemas), fan_out_sql(plan, schemas)):
        assert run_sql(text, data, Spark(session)).equals(run_sql(text, data))
    assert dict(session.conf.getAll) == before
    assert session.catalog.listTables() == []
