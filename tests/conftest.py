"""Plans as tables, a small study on disc, and the command line in this process."""

import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from deepvalue_stats import cli
from deepvalue_stats.simulate.extracts import extracts
from deepvalue_stats.simulate.worked import worked_service
from deepvalue_stats.starter import write_starter

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def template():
    """Get the starter plan of an area as fresh tables."""

    def tables(area):
        path = ROOT / f"deepvalue_stats/plan/templates/{area}.toml"
        return tomllib.loads(path.read_text(encoding="utf-8"))

    return tables


@pytest.fixture
def employment(template):
    """The starter plan of employment as fresh tables: a clock of dates, no power, nothing timed."""
    raw = template("employment")
    del raw["power"], raw["models"]["waiting"]
    raw["clock"]["follow_up"]["incomplete"] = "exclude"
    return raw


@pytest.fixture
def health():
    """The plan of the analysis of HELPfull, with a clock of waves, as fresh tables."""
    path = ROOT / "analyses/help_primary_care/plan.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def starter(tmp_path_factory):
    """The starter study of employment without planted faults, and with few clients: it is fast."""
    folder = tmp_path_factory.mktemp("starter") / "study"
    write_starter("employment", folder)
    frames = extracts(worked_service("employment"), faults=False).frames["employment"]
    kept = set(frames["clients"]["client_id"][::2])
    for name, frame in frames.items():
        few = frame[frame["client_id"].isin(kept)] if "client_id" in frame else frame
        few.to_csv(folder / f"data/{name}.csv", index=False, lineterminator="\n")
    return folder


@pytest.fixture
def study(starter, tmp_path):
    """A copy of the small study to damage."""
    return Path(shutil.copytree(starter, tmp_path / "study"))


@pytest.fixture
def deepvalue(monkeypatch, capsys):
    """Call the command line; gives the exit code and what it said on each stream."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["deepvalue", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return call
