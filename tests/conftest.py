"""Plans as tables, a small study on disc, and the command line in this process."""

import shutil
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from deepvalue_stats import cli
from deepvalue_stats.starter import write_starter

ROOT = Path(__file__).parents[1]


@pytest.fixture
def employment():
    """The starter plan, with a clock of dates, as fresh tables."""
    template = ROOT / "deepvalue_stats/plan/templates/employment.toml"
    return tomllib.loads(template.read_text(encoding="utf-8"))


@pytest.fixture
def health():
    """The plan of the analysis of HELPfull, with a clock of waves, as fresh tables."""
    path = ROOT / "analyses/help_primary_care/plan.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def starter(tmp_path_factory):
    """The starter study with every fifth client only, so that a run of it is quick."""
    folder = tmp_path_factory.mktemp("starter") / "study"
    write_starter("employment", folder, seed=20110523)
    clients = pd.read_csv(folder / "data/clients.csv", dtype=str)["client_id"]
    kept = set(clients[::5])
    for path in sorted((folder / "data").glob("*.csv")):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame = frame[frame["client_id"].str.zfill(8).isin(kept)]
        frame.to_csv(path, index=False, lineterminator="\n")
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
