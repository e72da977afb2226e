"""The order of a study, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepvalue_stats.disclosure import rules_of
from deepvalue_stats.errors import PlanError
from deepvalue_stats.findings import Findings, collect, require_writable, write_findings
from deepvalue_stats.plan import Plan, read_plan
from deepvalue_stats.study.balancing import balance_table
from deepvalue_stats.study.breaking import breaks_tables, event_series
from deepvalue_stats.study.colleagues import practitioner_effects_table
from deepvalue_stats.study.estimating import estimate_effects, primary_sd, too_few_groups
from deepvalue_stats.study.evidence import gather_evidence
from deepvalue_stats.study.fitting import Fitted, fit_models
from deepvalue_stats.study.measuring import measure_scales
from deepvalue_stats.study.missing import missing_table
from deepvalue_stats.study.paces import second_opinions
from deepvalue_stats.study.panel import panel_table
from deepvalue_stats.study.past import dynamics_tables
from deepvalue_stats.study.preparing import Progress, prepare
from deepvalue_stats.study.provenance import provenance, require_room, study_facts, write_room
from deepvalue_stats.study.shape import find_shape
from deepvalue_stats.study.specifying import specification_table
from deepvalue_stats.study.stressing import sensitivity_table, stress
from deepvalue_stats.study.sweeping import linked_source, sweep
from deepvalue_stats.study.tabulating import count_tables, figure_series
from deepvalue_stats.study.triangulating import triangulation_table
from deepvalue_stats.study.waiting import waiting_curve
from deepvalue_stats.tables import CountTable, EffectTable
from deepvalue_stats.verdicts import judge, withhold, word

LOCK = "plan.lock"
STAGES = (
    "reading",
    "scoring",
    "linking",
    "measuring",
    "fitting",
    "stressing",
    "judging",
    "writing",
)


def run_study(
    plan: Plan | Path | str,
    *,
    frames: Mapping[str, Any] | None = None,
    output: Path | str | None = None,
    folder: Path | str | None = None,
    progress: Progress | None = None,
    engine: Any = "duckdb",
) -> Findings:
    """Run a study from its plan to its findings.

    Parameters
    ----------
    plan : Plan or path
        A plan, or the file that holds it.
    frames : mapping of str to DataFrame, optional
        Sources given as frames, of pandas or of Spark, instead of files.
    output : path, optional
        A folder in which `findings/`, which may leave, and `room/`, which may not, are written.
    folder : path, optional
        What source paths are relative to: the plan file's folder unless given.
    progress : callable, optional
        Called with the name of each stage as it begins; see `STAGES`.
    engine : "duckdb", "spark", SparkSession or Engine
        Where records are joined; the findings are the same.

    Returns
    -------
    Findings

    Raises
    ------
    PlanError, DataError, LinkageError, ModelError, DisclosureError
        At the stage that refuses, and then nothing is written.
    """
    began = datetime.now(UTC)
    plan, folder = _opened(plan, folder)
    _require_lock(plan, folder)
    if output is not None:
        require_writable(Path(output) / "findings")
        require_room(Path(output) / "room")
    say = progress or (lambda _stage: None)
    prepared = prepare(plan, folder=folder, frames=frames, progress=say, engine=engine)
    say("measuring")
    measured = measure_scales(prepared, engine=engine)
    say("fitting")
    fitted = fit_models(prepared)
    effects = estimate_effects(plan, fitted)
    say("stressing")
    found, shape = stress(plan, fitted), find_shape(plan, fitted)
    say("judging")
    linked = prepared.linked.frame
    evidence = gather_evidence(plan, fitted, effects, linked, found.influence, measured)
    verdicts = judge(plan, effects, evidence)
    too_few = too_few_groups(plan, fitted)
    alike = evidence.alike_in_bands
    shown = withhold(effects, verdicts, too_few=too_few, alike_in_bands=alike)
    # what the main model may not show, a curve in its place may not show either
    withheld = plan.primary in too_few
    curves, at_risk = waiting_curve(prepared)
    swept = None if withheld or linked_source(plan) is None else sweep(prepared)
    findings = collect(
        rules=rules_of(plan.disclosure),
        study=study_facts(plan),
        provenance=provenance(plan, prepared.data),
        effects=shown,
        counts=(
            *count_tables(prepared, fitted, measured),
            balance_table(prepared),
            missing_table(prepared),
            practitioner_effects_table(plan, fitted),
            sensitivity_table(plan, fitted, shown, found),
            specification_table(plan, fitted, shown, found, swept),
            *_over_waves(plan, fitted, shown),
            *at_risk,
            *(() if withheld else second_opinions(prepared, fitted, primary_sd(plan, fitted))),
            *(() if withheld else (shape.table,)),
            *(() if swept is None else (swept,)),
        ),
        series=(
            *figure_series(plan, fitted, evidence),
            *(() if withheld else shape.series),
            *curves,
            *(event_series(plan, fitted.broken) if fitted.broken else ()),
        ),
        verdicts=verdicts,
        wording=word(verdicts, evidence),
    )
    if output is not None:
        say("writing")
        write_findings(findings, Path(output) / "findings")
        write_room(Path(output) / "room", prepared, fitted, folder, began)
    return findings


def _over_waves(plan: Plan, fitted: Fitted, shown: EffectTable) -> Iterator[CountTable]:
    """Who is followed over waves, the effect by every approach, the past, and breaks."""
    withheld = plan.primary in too_few_groups(plan, fitted)
    if fitted.followed is not None:
        yield panel_table(plan.models[plan.primary], fitted.followed.frame)
        yield triangulation_table(plan, fitted.followed, shown, fitted.past, fitted.broken)
    if fitted.past is not None and not withheld:
        yield from dynamics_tables(plan, fitted.past)
    if fitted.broken is not None:
        yield from breaks_tables(fitted.broken)


def write_lock(plan: Plan, folder: Path) -> Path:
    """Lock a plan: a confirmatory analysis holds only while the digest beside it is the plan's."""
    path = folder / LOCK
    path.write_text(f"{plan.digest}\n", encoding="utf-8", newline="\n")
    return path


def _opened(plan: Plan | Path | str, folder: Path | str | None) -> tuple[Plan, Path]:
    if isinstance(plan, Plan):
        return plan, Path(folder or ".")
    return read_plan(plan), Path(folder or Path(plan).parent)


def _require_lock(plan: Plan, folder: Path) -> None:
    if plan.verdicts.label != "confirmatory":
        return
    path = folder / LOCK
    locked = path.read_text(encoding="utf-8").strip() if path.is_file() else None
    if locked == plan.digest:
        return
    raise PlanError(
        "a confirmatory analysis needs a lock with the plan's digest, and "
        + ("the plan has changed since it was locked" if locked else "there is none"),
        "verdicts.label",
        "lock the plan before the outcomes are seen (deepvalue check PLAN --lock), or set label "
        '(and effects.family) to "exploratory"',
    )
