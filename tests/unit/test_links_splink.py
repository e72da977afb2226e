"""Candidate links by Splink: pairs with weights, from identifiers with slips."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from linkage_language import plan_with

from deepvalue_stats.data import read_data
from deepvalue_stats.errors import LinkageError
from deepvalue_stats.linkage import candidate_links, resolve_links
from deepvalue_stats.simulate import preset_parameters, simulate_parameters

COMPARE = {"surname": "name", "born_on": "date", "postcode": "text"}
BLOCKS = (("born_on",), ("postcode",), ("surname",))


@pytest.fixture(scope="module")
def files():
    """Clients, and outcome records whose identifiers are each wrong for one in eight."""
    parameters = replace(
        preset_parameters("claim_true", areas=("employment",), services=6, practitioners=10),
        link_sensitivity=(1.0, 1.0, 1.0),
        key_error_share=0.125,
    )
    frames = simulate_parameters(parameters, seed=1).frames
    clients, records = (
        frames[name].assign(born_on=frames[name]["born_on"].dt.strftime("%Y-%m-%d"))
        for name in ("clients", "outcomes")
    )
    records = records.rename(columns={"client_id": "owner"})
    ids = [f"r{i:05d}" for i in range(len(records))]
    return clients[["client_id", *COMPARE]], records[["owner", *COMPARE]].assign(record_id=ids)


def linked(files, **more):
    clients, records = files
    asked = {"client": "client_id", "record": "record_id", "compare": COMPARE, "block_on": BLOCKS}
    return candidate_links(clients, records, seed=1, **(asked | more))


def test_most_records_find_their_client_and_hardly_any_another(files, tmp_path):
    pytest.importorskip("splink", reason="needs the extra [linkage]")
    pairs = linked(files, charts=tmp_path / "charts")
    assert list(pairs) == ["client_id", "record_id", "weight", "probability"]
    best = pairs.sort_values("weight").drop_duplicates("record_id", keep="last")
    best = best[best["weight"] >= 0].set_index("record_id")["client_id"]
    owner = files[1].set_index("record_id")["owner"]
    right = best == owner.reindex(best.index)
    assert right.mean() > 0.97
    assert right.sum() / len(owner) > 0.93
    # the weight is log2 of the odds
    odds = pairs["probability"] / (1 - pairs["probability"])
    low = pairs["weight"].between(-4, 8)
    assert (np.log2(odds[low]) - pairs["weight"][low]).abs().max() < 1e-3
    for page in (tmp_path / "charts").iterdir():
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'<script[^>]+src="http', text), "a chart needs no network"
    assert sorted(page.name for page in (tmp_path / "charts").iterdir()) == [
        "m_u_parameters.html",
        "match_weights.html",
    ]


def test_a_plan_reads_the_table_and_gives_records_their_clients(files):
    pytest.importorskip("splink", reason="needs the extra [linkage]")
    clients, records = files
    pairs = linked(files)
    plan = plan_with(
        {
            "ids.client.column": "client_id",
            "sources.pairs": {"path": "-", "format": "csv", "key": ["client_id", "record_id"]},
            "links.outcomes": {
                "rule": "table",
                "cardinality": "one_to_many",
                "unlinked": "no_event",
                "table": {
                    "source": "pairs", "record": "record_id", "weight": "weight", "minimum": 0.0,
                },
            },
        }
    )  # fmt: skip
    known = clients[["client_id"]].assign(n=range(len(clients)))
    dated = {"day": "2020-01-01", "who": "P", "last": "2022-01-01", "conf": 2, "score": 4}
    frames = {
        "contacts": known.assign(**{name: dated[name] for name in ("day", "who")}),
        "ratings": known.assign(**{name: dated[name] for name in ("day", "score")}),
        "clients": known.assign(**{name: dated[name] for name in ("conf", "last")}),
        "outcomes": records[["record_id"]].assign(start="2020-01-20", n=range(len(records))),
        "pairs": pairs.drop(columns="probability"),
    }
    text = {name: one.astype("string[python]").astype("object") for name, one in frames.items()}
    found = resolve_links(plan, read_data(plan, folder=Path(), frames=text))["outcomes"]
    owner = records.set_index("record_id")["owner"]
    right = found.frame["client_id"].to_numpy() == owner[found.frame["record_id"]].to_numpy()
    assert right.mean() > 0.97
    assert right.sum() / len(owner) > 0.9
    assert len(found.frame) + sum(step.left for step in found.attrition) == len(records)


def test_equal_seeds_give_equal_tables(files):
    pytest.importorskip("splink", reason="needs the extra [linkage]")
    pd.testing.assert_frame_equal(linked(files), linked(files))


def test_all_that_is_wrong_is_told_at_once():
    frame = pd.DataFrame({"id": ["1", "1"], "name": ["Lee", "Lee"]})
    with pytest.raises(LinkageError) as refusal:
        candidate_links(
            frame,
            frame.rename(columns={"id": "record"}).assign(record=["1", None]),
            client="id",
            record="record",
            compare={"name": "sound", "born": "date"},
            block_on=[["name", "town"]],
            seed=1,
        )
    told = str(refusal.value)
    assert told.startswith("LinkageError: 7 problems")
    for what in (
        "there is no column 'born'\n     where: clients",
        "'id' is missing or stands twice\n     where: clients",
        "there is no column 'born'\n     where: records",
        "'record' is missing or stands twice\n     where: records",
        "there is no such comparison\n     where: compare.name",
        "'town' is not compared\n     where: block_on",
        "the weights cannot be learnt from one rule\n     where: block_on",
    ):
        assert what in told


def test_without_splink_the_refusal_says_what_to_install(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(LinkageError) as refusal:
        linked(files)
    assert str(refusal.value) == (
        "LinkageError: Splink is not installed\n"
        "  where: candidate_links\n"
        "  fix:   pip install 'deepvalue-stats[linkage]', or bring pairs that another program "
        "weighed"
    )
