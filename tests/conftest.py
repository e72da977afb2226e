"""Plans as tables, a small study on disc, and the command line in this process."""

import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from deepvalue_stats import cli
from deepvalue_stats.simulate import simulate_service
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
    """The starter study without planted faults, and with every fifth client only: it runs fast."""
    folder = tmp_path_factory.mktemp("starter") / "study"
    write_starter("employment", folder, seed=20110523)
    service = simulate_service("employment", seed=20110523, faults=False)
    kept = set(service.frames["clients"]["client_id"][::5])
    for name, frame in service.frames.items():
        few = frame[frame["client_id"].isin(kept)]
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
