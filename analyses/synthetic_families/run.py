"""Run the study and render its pages: `python analyses/synthetic_families/run.py`."""

from pathlib import Path

from deepvalue_stats import render, run_study

HERE = Path(__file__).parent
OUTPUT = Path("reports") / HERE.name

if __name__ == "__main__":
    run_study(HERE / "plan.toml", output=OUTPUT)
    for kind in ("summary", "technical"):
        render(OUTPUT / "findings", kind, OUTPUT / f"{kind}.html", notebook=HERE / f"{kind}.py")
