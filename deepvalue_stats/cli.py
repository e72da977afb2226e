"""The command line: parsing, progress and exit codes, and nothing else.

The library is loaded inside the commands, so that asking for help is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from deepvalue_stats.errors import DeepValueError

app = typer.Typer(
    name="deepvalue",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="rich",
    help="Does the relationship between practitioner and client raise the chance of a good outcome?"
    "\n\nA study is a plan file: [bold]init[/] writes one, [bold]check[/] shows who would be in "
    "it, [bold]run[/] fits it and renders its pages.",
    epilog="Exit codes: 0 fine, 10 plan, 11 data, 12 linkage, 13 model, 14 disclosure.",
)

PlanPath = Annotated[Path, typer.Argument(help="A plan file, as analyses/jobs/plan.toml.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write into.")]


def _library(name: str) -> Any:
    return import_module(f"deepvalue_stats.{name}")


@app.command(epilog="Example: deepvalue init employment --output my_study")
def init(
    area: Annotated[str, typer.Argument(help="employment (debt and health come later).")],
    output: Output = None,
    seed: Annotated[int, typer.Option(help="Seed of the made-up extracts.")] = 20110523,
) -> None:
    """Write a commented plan, made-up extracts that fit it, and its two notebooks."""
    folder = output or Path(area)
    written = _library("starter").write_starter(area, folder, seed=seed)
    typer.echo(f"Wrote {len(written)} files to {folder}. Next:")
    typer.echo(f"  deepvalue check {folder / 'plan.toml'}")
    typer.echo(f"  deepvalue run {folder / 'plan.toml'}")


@app.command(epilog="Example: deepvalue check analyses/help_primary_care/plan.toml")
def check(
    plan: PlanPath,
    lock: Annotated[
        bool, typer.Option("--lock", help="Write plan.lock, for a confirmatory analysis.")
    ] = False,
) -> None:
    """Read, check and link, and print problems and the participant flow; fit nothing."""
    study = _library("study")
    read = _library("plan").read_plan(plan)
    with _stages("Checking", study.STAGES[:3]) as say:
        prepared = study.prepare(read, folder=plan.parent, progress=say)
    for line in study.describe(prepared):
        typer.echo(line)
    if lock:
        typer.echo(f"Locked: {study.write_lock(read, plan.parent)}")


@app.command(epilog="Example: deepvalue run analyses/help_primary_care/plan.toml -o reports/help")
def run(
    plan: PlanPath,
    output: Output = None,
    pages: Annotated[bool, typer.Option(help="Render the two pages as well.")] = True,
) -> None:
    """Run a study and render its commissioner summary and technical report."""
    study = _library("study")
    read = _library("plan").read_plan(plan)
    folder = output or Path("reports") / read.study.name
    stages = (*study.STAGES, *(("summary page", "technical page") if pages else ()))
    made: tuple[Path, ...] = ()
    with _stages(f"Running {read.study.name}", stages) as say:
        findings = study.run_study(read, folder=plan.parent, output=folder, progress=say)
        if pages:
            made = _render_both(folder, plan.parent, say)
    for verdict in findings.verdicts:
        typer.echo(f"{verdict.claim} {verdict.answer}. {verdict.sentence}")
    typer.echo(f"Findings: {folder / 'findings'} (may leave the room once released by a person)")
    typer.echo(f"Room:     {folder / 'room'} (may not)")
    for path in made:
        typer.echo(f"Page:     {path}")


@app.command(epilog="Example: deepvalue report reports/help_primary_care")
def report(
    folder: Annotated[Path, typer.Argument(help="A folder that holds findings/.")],
    notebooks: Annotated[
        Path | None, typer.Option(help="Folder with summary.py and technical.py of its own.")
    ] = None,
) -> None:
    """Render the pages of findings anew, without the data."""
    with _stages("Rendering", ("summary page", "technical page")) as say:
        made = _render_both(folder, notebooks, say)
    for path in made:
        typer.echo(f"Page: {path}")


@app.command(epilog="Example: deepvalue simulate employment --seed 1 --output data")
def simulate(
    preset: Annotated[str, typer.Argument(help="employment.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")],
    seed: Annotated[int, typer.Option(help="Whole number; equal seeds give equal files.")],
    faults: Annotated[
        bool, typer.Option(help="Plant the troubles of real extracts, counted in truth.json.")
    ] = True,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite earlier files.")] = False,
) -> None:
    """Write the made-up extracts of a service whose truth is known."""
    module = _library("simulate")
    service = module.simulate_service(preset, seed=seed, faults=faults)
    for path in module.write_service(service, output, replace=replace):
        typer.echo(f"Wrote {path}")


@app.command(epilog="Example: deepvalue manifest reports/help_primary_care")
def manifest(
    folder: Annotated[Path, typer.Argument(help="A folder that holds findings/.")],
) -> None:
    """Print what findings were made from, after checking that no file was changed since."""
    findings = _library("findings").read_findings(folder / "findings")
    for key, value in findings.provenance.items():
        if isinstance(value, dict):
            for name, one in value.items():
                typer.echo(f"{key}.{name}: {one}")
        else:
            typer.echo(f"{key}: {value}")


def _render_both(folder: Path, beside: Path | None, say: Any) -> tuple[Path, ...]:
    """Render each page from the notebook that stands beside the plan, or else the packaged one."""
    made: list[Path] = []
    for kind in ("summary", "technical"):
        say(f"{kind} page")
        own = beside / f"{kind}.py" if beside else None
        notebook = own if own and own.is_file() else None
        render = _library("report").render
        made += render(folder / "findings", kind, folder / f"{kind}.html", notebook=notebook)
    return tuple(made)


@contextmanager
def _stages(title: str, names: tuple[str, ...]) -> Iterator[Any]:
    """A progress bar over named stages, on the error stream."""
    rich, console = import_module("rich.progress"), import_module("rich.console")
    columns = (
        rich.TextColumn("{task.description:<16}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeElapsedColumn(),
    )
    with rich.Progress(*columns, console=console.Console(stderr=True)) as bar:
        task = bar.add_task(title, total=len(names))
        begun: list[str] = []

        def say(stage: str) -> None:
            bar.update(task, description=stage, completed=len(begun))
            begun.append(stage)

        yield say
        bar.update(task, description=title, completed=len(names))


def main() -> None:
    """Run the command line; a refusal ends with its own exit code and no traceback."""
    try:
        app()
    except DeepValueError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
