"""Analyse one service of each preset, and render the page: `python analyses/bias_zoo/run.py`."""

import shutil
from pathlib import Path

from rich.progress import track

from deepvalue_stats.bench import write_examples
from deepvalue_stats.report import render_notebook
from deepvalue_stats.simulate import PRESETS

HERE = Path(__file__).parent
SCOREBOARD = Path("reports/bench/presets.csv")
OUTPUT = Path("reports") / HERE.name

if __name__ == "__main__":
    folder = OUTPUT / "findings"
    write_examples(folder, track(list(PRESETS), description="Services"))
    shutil.copy(SCOREBOARD, folder)
    for path in render_notebook(
        HERE / "bias_zoo.py", folder, OUTPUT / "bias_zoo.html", kind="teaching"
    ):
        print(path)
