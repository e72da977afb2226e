"""Missed links with a known truth: the gap is told, the sweep moves, counting brings it back."""

import numpy as np
import pytest

from deepvalue_stats.bench.linkage_error import MINIMUMS, WRONG, audited, plant, with_ids
from deepvalue_stats.linkage import with_minimum
from deepvalue_stats.study import prepare, run_study

SEED = 3
# two of three identifiers right for .88 and .92; only the date of birth and the postcode, or all
LENIENT, STRICT = MINIMUMS[0], MINIMUMS[2]


@pytest.fixture(scope="module")
def planted():
    return plant(SEED)


@pytest.fixture(scope="module")
def audits(planted, tmp_path_factory):
    """What looking for the records of 400 clients in each band finds, by least weight."""
    whole, folder = with_ids(planted), tmp_path_factory.mktemp("none")
    return {
        minimum: audited(
            whole,
            prepare(
                with_minimum(planted.plan, "outcomes", minimum),
                folder=folder,
                frames=planted.frames,
            ),
            np.random.default_rng(SEED),
        )
        for minimum in (LENIENT, STRICT)
    }


@pytest.fixture(scope="module")
def findings(planted, audits):
    """The study linked with a least weight that looks safe, and told what an audit found."""
    plan = with_minimum(planted.plan, "outcomes", STRICT)
    table = plan.links["outcomes"].table.model_copy(update={"try_also": (LENIENT, 30.0)})
    link = plan.links["outcomes"].model_copy(update={"table": table, "recall": audits[STRICT]})
    return run_study(plan.model_copy(update={"links": {"outcomes": link}}), frames=planted.frames)


def test_the_link_finds_fewer_of_those_who_were_typed_worse(audits):
    assert WRONG["low"] > WRONG["mid"] == WRONG["high"]
    shares = {band: found / known for band, (found, known) in audits[LENIENT].items()}
    assert shares == pytest.approx({"low": 0.88, "mid": 0.92, "high": 0.92}, abs=0.03)


def test_the_quality_report_shows_the_gap(findings):
    found = findings.counts["linkage"].frame
    bands = found[found["characteristic"] == "confidence"].set_index("group")
    share = bands["share"].astype("float64")
    # records are of events, so the gap holds the outcome's own gradient as well as the misses
    assert share["low"] < share["mid"] < share["high"]
    assert abs(float(bands["difference"]["low"])) > 0.1


def test_the_sweep_shows_the_effect_shrink_as_the_least_weight_rises(findings):
    found = findings.counts["sweep"].frame
    for group in ("all", "low"):
        effect = found[found["group"] == group]["difference"].astype("float64").to_numpy()
        share = found[found["group"] == group]["share"].astype("float64").to_numpy()
        assert (np.diff(effect) < 0).all()
        assert (np.diff(share) < 0).all()


def test_counting_the_missed_outcomes_brings_the_truth_back_into_the_interval(findings, planted):
    truth, name = planted.truth["overall"], "main, missed outcomes counted"
    as_found = findings.effects.row(claim="C1")
    counted = findings.effects.row(model=name, contrast="sd", group="all")
    assert as_found["conf_high"] < truth
    assert counted["conf_low"] < truth < counted["conf_high"]
