"""The command line: parsing, progress and exit codes, and nothing else.

The library is loaded inside the commands, so that asking for help is quick.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

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
EngineName = Annotated[
    str, typer.Option("--engine", help="Where records are joined: duckdb or spark.")
]
Memory = Annotated[
    str | None,
    typer.Option(help="Limit of the join, as 1GB; what does not fit is kept on disk meanwhile."),
]

PAGES = ("summary", "technical")


def _library(name: str) -> Any:
    return import_module(f"deepvalue_stats.{name}")


def _engine(name: str, memory: str | None) -> Any:
    """What joins the records; a limit of memory is the embedded engine's."""
    if memory is None:
        return name
    if name != "duckdb":
        raise _library("errors").LinkageError(
            f"the engine {name} keeps its own memory",
            "--memory",
            "leave it out, and set the memory of the session",
        )
    return _library("linkage").DuckDB(memory_limit=memory)


@app.command(epilog="Example: deepvalue init debt --output my_study")
def init(
    area: Annotated[str, typer.Argument(help="employment, debt or health.")],
    output: Output = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the made-up extracts.", show_default="the area's own"),
    ] = None,
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
    engine: EngineName = "duckdb",
    memory: Memory = None,
) -> None:
    """Read, check and link, and print problems and the participant flow; fit nothing."""
    study = _library("study")
    read = _library("plan").read_plan(plan)
    with _stages("Checking", study.STAGES[:3]) as say:
        prepared = study.prepare(
            read, folder=plan.parent, progress=say, engine=_engine(engine, memory)
        )
    for line in study.describe(prepared):
        typer.echo(line)
    if lock:
        typer.echo(f"Locked: {study.write_lock(read, plan.parent)}")


@app.command(epilog="Example: deepvalue run analyses/help_primary_care/plan.toml -o reports/help")
def run(
    plan: PlanPath,
    output: Output = None,
    pages: Annotated[bool, typer.Option(help="Render the two pages as well.")] = True,
    engine: EngineName = "duckdb",
    memory: Memory = None,
) -> None:
    """Run a study and render its commissioner summary and technical report."""
    study = _library("study")
    read = _library("plan").read_plan(plan)
    folder = output or Path("reports") / read.study.name
    stages = (*study.STAGES, *(("summary page", "technical page") if pages else ()))
    made: tuple[Path, ...] = ()
    with _stages(f"Running {read.study.name}", stages) as say:
        findings = study.run_study(
            read,
            folder=plan.parent,
            output=folder,
            progress=say,
            engine=_engine(engine, memory),
        )
        if pages:
            made = _render_both(folder, plan.parent, say)
    for verdict in findings.verdicts:
        typer.echo(f"{verdict.claim} {verdict.answer}. {verdict.sentence}")
    typer.echo(f"Findings: {folder / 'findings'} (may leave the room once released by a person)")
    typer.echo(f"Room:     {folder / 'room'} (may not)")
    for path in made:
        typer.echo(f"Page:     {path}")


@app.command(epilog="Example: deepvalue report reports/help_primary_care --also docx,xlsx")
def report(
    folder: Annotated[Path, typer.Argument(help="A folder that holds findings/.")],
    notebooks: Annotated[
        Path | None, typer.Option(help="Folder with summary.py and technical.py of its own.")
    ] = None,
    also: Annotated[
        str,
        typer.Option(
            help="Further forms of both pages, with commas between: docx, xlsx (all tables), md, "
            "tex (tables), csv (effects)."
        ),
    ] = "",
) -> None:
    """Render the pages of findings anew, without the data."""
    asked = [name for name in also.split(",") if name.strip()]
    forms = _library("report.writers").require_forms(asked, "--also") if asked else ()
    names = [f"{kind} {form}" for kind in PAGES for form in ("page", *forms)]
    with _stages("Rendering", tuple(names)) as say:
        made = _render_both(folder, notebooks, say, forms)
    for path in made:
        typer.echo(f"Page: {path}")


class _ListingPresets(TyperCommand):
    """A command whose help lists the presets, which are looked up only when help is asked for."""

    presets = "PRESETS"

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, with the presets after the example."""
        presets = getattr(_library("simulate"), self.presets).values()
        titles = "\n".join(f"  {one.name}: {one.title}" for one in presets)
        example, self.epilog = self.epilog, f"{self.epilog}\n\nPresets:\n{titles}"
        super().format_help(ctx, formatter)
        self.epilog = example


class _ListingFamilyPresets(_ListingPresets):
    """The same for panels of families."""

    presets = "FAMILY_PRESETS"


@app.command(
    cls=_ListingPresets,
    epilog="Example: deepvalue simulate claim_true --area debt --seed 1 --output data",
)
def simulate(
    preset: Annotated[str, typer.Argument(help="What is true, and what misleads: see below.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")],
    seed: Annotated[int, typer.Option(help="Whole number; equal seeds give equal files.")],
    area: Annotated[
        list[str] | None,
        typer.Option(
            help="employment, debt or health; give it again for more areas, which then "
            "have a folder each.",
            show_default="the preset's own",
        ),
    ] = None,
    services: Annotated[
        int | None, typer.Option(help="Services an area.", show_default="the preset's own")
    ] = None,
    practitioners: Annotated[
        int | None, typer.Option(help="Practitioners a service.", show_default="the preset's own")
    ] = None,
    caseload: Annotated[
        float | None,
        typer.Option(help="Mean clients a practitioner.", show_default="the preset's own"),
    ] = None,
    faults: Annotated[
        bool, typer.Option(help="Plant the troubles of real extracts, counted in truth.json.")
    ] = True,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite earlier files.")] = False,
) -> None:
    """Write the made-up extracts of a service whose truth is known."""
    service = _library("simulate").simulate_service(
        preset,
        seed=seed,
        areas=tuple(area) if area else None,
        services=services,
        practitioners=practitioners,
        caseload=caseload,
    )
    write = _library("simulate.files").write_service
    for path in write(service, output, faults=faults, replace=replace):
        typer.echo(f"Wrote {path}")


@app.command(
    "simulate-families",
    cls=_ListingFamilyPresets,
    epilog="Example: deepvalue simulate-families claim_true --seed 1 --output data",
)
def simulate_families(
    preset: Annotated[str, typer.Argument(help="What is true, and what misleads: see below.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")],
    seed: Annotated[int, typer.Option(help="Whole number; equal seeds give equal files.")],
    services: Annotated[
        int | None, typer.Option(help="Branches.", show_default="the preset's own")
    ] = None,
    practitioners: Annotated[
        int | None, typer.Option(help="Advisers a branch.", show_default="the preset's own")
    ] = None,
    families: Annotated[
        int | None, typer.Option(help="Families.", show_default="the preset's own")
    ] = None,
    waves: Annotated[
        int | None,
        typer.Option(
            help="Yearly interviews, with the one before advice.", show_default="the preset's own"
        ),
    ] = None,
    faults: Annotated[
        bool, typer.Option(help="Plant the troubles of real extracts, counted in truth.json.")
    ] = True,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite earlier files.")] = False,
) -> None:
    """Write the made-up yearly interviews of families in debt advice, whose truth is known."""
    module = _library("simulate")
    panel = module.simulate_families(
        preset,
        seed=seed,
        services=services,
        practitioners=practitioners,
        families=families,
        waves=waves,
    )
    for path in module.write_families(panel, output, faults=faults, replace=replace):
        typer.echo(f"Wrote {path}")


@app.command(
    epilog="Example: deepvalue power analyses/synthetic_employment/plan.toml --replicates 200"
)
def power(
    plan: PlanPath,
    output: Output = None,
    replicates: Annotated[
        int | None,
        typer.Option(min=2, help="Made-up studies for each number of practitioners."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The plan's own unless given.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core unless given.")
    ] = None,
) -> None:
    r"""Work out the power and precision of a plan's design, with its own estimator.

    The plan's \[power] section says how many practitioners to try. What it leaves out is taken
    from the plan's data, where they can be read.
    """
    module = _library("power")
    read = _library("plan").read_plan(plan)
    folder = output or Path("reports") / f"{read.study.name}_power"
    module.require_power_folder(folder)
    design = module.resolve_design(read, folder=plan.parent)
    for line in module.describe_settings(design):
        typer.echo(line)
    number = replicates or read.power.replicates
    with _counted("Studies", number * len(design.practitioners)) as done:
        table = module.power_of(
            design, seed=seed, replicates=number, workers=workers, progress=done
        )
    typer.echo("")
    for line in module.describe_power(table):
        typer.echo(line)
    for path in module.write_power(table, folder):
        typer.echo(f"Wrote {path}")


manifests = typer.Typer(
    no_args_is_help=True,
    help="What findings were made from, and whether the files are still those of the run.",
    epilog="Example: deepvalue manifest verify reports/help_primary_care",
)
app.add_typer(manifests, name="manifest")


@manifests.command(epilog="Example: deepvalue manifest show reports/help_primary_care")
def show(
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


@manifests.command(epilog="Example: deepvalue manifest verify reports/help_primary_care")
def verify(
    folder: Annotated[Path, typer.Argument(help="A folder that holds findings/.")] = Path(),
) -> None:
    """Compute every digest anew and list what changed, is missing, or is in no manifest.

    Where the room is there, its files and the data are checked too; a copy without the room or
    without the key is checked as far as it goes, and what could not be checked is said.
    """
    module = _library("study.manifest")
    checks = module.verify_manifest(folder)
    for line in module.describe_checks(checks):
        typer.echo(line)
    module.require_unchanged(checks, folder)


@app.command(epilog="Example: deepvalue compare reports/may reports/june -o may_june.html")
def compare(
    earlier: Annotated[Path, typer.Argument(help="A folder that holds findings/.")],
    later: Annotated[Path, typer.Argument(help="The same of a later run of the study.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path(
        "comparison.html"
    ),
    also: Annotated[
        str, typer.Option(help="Further forms, with commas between: docx, xlsx, md, tex, csv.")
    ] = "",
) -> None:
    """Say what moved between two runs of a study, and what may have moved it."""
    asked = [name for name in also.split(",") if name.strip()]
    forms = _library("report.writers").require_forms(asked, "--also") if asked else ()
    made = _library("report.compare").write_comparison(
        earlier / "findings", later / "findings", output, also=forms
    )
    for path in made:
        typer.echo(f"Page: {path}")


def _render_both(
    folder: Path, beside: Path | None, say: Any, forms: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Render each page from the notebook that stands beside the plan, or else the packaged one."""
    made: list[Path] = []
    for kind in PAGES:
        own = beside / f"{kind}.py" if beside else None
        notebook = own if own and own.is_file() else None
        render = _library("report").render
        for form in ("html", *forms):
            say(f"{kind} {'page' if form == 'html' else form}")
            place = folder / f"{kind}.{form}"
            made += render(folder / "findings", kind, place, notebook=notebook)
    _library("study.manifest").write_pages(folder, made)
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


@contextmanager
def _counted(title: str, total: int) -> Iterator[Any]:
    """A progress bar over a number of equal pieces of work, on the error stream."""
    rich, console = import_module("rich.progress"), import_module("rich.console")
    columns = (
        rich.TextColumn("{task.description:<16}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=console.Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.advance(task, done)


def main() -> None:
    """Run the command line; a refusal ends with its own exit code and no traceback."""
    try:
        app()
    except DeepValueError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
