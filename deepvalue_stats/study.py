"""A study from its plan to its findings: the only module that knows the order."""

from __future__ import annotations

import hashlib
import hmac
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from deepvalue_stats.data import (
    Dataset,
    problems_report,
    read_text_tables,
    reading_notes,
    type_tables,
)
from deepvalue_stats.disclosure import rules_of
from deepvalue_stats.effects import POINT, adjust, average_effect, per_sd, predicted_curve
from deepvalue_stats.equity import effect_by_confidence
from deepvalue_stats.errors import DataError, Fault, ModelError, PlanError
from deepvalue_stats.findings import Findings, collect, write_findings
from deepvalue_stats.linkage import (
    flow_table,
    link,
    linkage_sql,
    model_rows,
    pseudonymise,
    read_key,
    sources_table,
)
from deepvalue_stats.measures import (
    BAND,
    client_bands,
    reliability,
    score,
    with_bands,
    within_between,
)
from deepvalue_stats.models import ModelFit, build_formula, exposure_columns, fit_gee, fit_logit
from deepvalue_stats.plan import Plan, defaults_in_force, read_plan
from deepvalue_stats.tables import CountTable, EffectTable, Evidence, Rule, Series, stack
from deepvalue_stats.verdicts import judge, withhold, word

LOCK = "plan.lock"
STAGES = ("reading", "scoring", "linking", "fitting", "judging", "writing")
RECORDED = (
    "deepvalue-stats", "numpy", "scipy", "pandas", "statsmodels", "formulaic", "pingouin", "duckdb",
)  # fmt: skip
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """A study whose rows are linked and whose models are not fitted yet.

    Attributes
    ----------
    plan : Plan
    data : mapping of str to Dataset
        Sources, read, pseudonymised where asked for, and scored.
    linked : Dataset
        A row for every unit of analysis.
    bands : pandas.Series
        Confidence band by client.
    notes : tuple of str
        How each source was read, as what encoding was recognised.
    """

    plan: Plan
    data: Mapping[str, Dataset]
    linked: Dataset
    bands: pd.Series
    notes: tuple[str, ...] = ()

    @property
    def primary_rows(self) -> Dataset:
        """The rows of the primary model, with the ledger of how they came to be."""
        return model_rows(self.plan, self.plan.models[self.plan.primary], self.linked)

    @property
    def flow(self) -> CountTable:
        """The denominator, before any estimate exists."""
        return flow_table(self.primary_rows, self.bands, tuple(self.plan.equity.bands))

    @property
    def sources(self) -> CountTable:
        """Rows read, left out and linked, source by source."""
        return sources_table(self.plan, self.data, self.linked)


@dataclass(frozen=True)
class Fitted:
    """The fits of a study.

    Attributes
    ----------
    fits : mapping of str to ModelFit
        By model name; the primary one is always there.
    banded : ModelFit
        The primary model with the exposure free to differ by confidence band.
    failed : mapping of str to str
        Models that could not be fitted, with the reason.
    """

    fits: Mapping[str, ModelFit]
    banded: ModelFit
    failed: Mapping[str, str]


def run_study(
    plan: Plan | Path | str,
    *,
    frames: Mapping[str, pd.DataFrame] | None = None,
    output: Path | str | None = None,
    folder: Path | str | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Run a study from its plan to its findings.

    Parameters
    ----------
    plan : Plan or path
        A plan, or the file that holds it.
    frames : mapping of str to pandas.DataFrame, optional
        Sources given as frames instead of files.
    output : path, optional
        A folder in which `findings/`, which may leave, and `room/`, which may not, are written.
    folder : path, optional
        What source paths are relative to: the plan file's folder unless given.
    progress : callable, optional
        Called with the name of each stage as it begins; see `STAGES`.

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
    say = progress or (lambda _stage: None)
    prepared = prepare(plan, folder=folder, frames=frames, progress=say)
    say("fitting")
    fitted = fit_models(prepared)
    effects = estimate_effects(plan, fitted)
    say("judging")
    evidence = gather_evidence(plan, fitted)
    verdicts = judge(plan, effects, evidence)
    findings = collect(
        rules=rules_of(plan.disclosure),
        study=_study(plan),
        provenance=_provenance(plan, prepared.data),
        effects=withhold(effects, verdicts),
        counts=count_tables(prepared, fitted),
        series=_series(plan, fitted, evidence),
        verdicts=verdicts,
        wording=word(verdicts, evidence),
    )
    if output is not None:
        say("writing")
        write_findings(findings, Path(output) / "findings")
        _write_room(Path(output) / "room", prepared, folder, began)
    return findings


def prepare(
    plan: Plan,
    *,
    folder: Path,
    frames: Mapping[str, pd.DataFrame] | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Read, score and link, and stop before anything is fitted.

    Parameters
    ----------
    plan : Plan
    folder : Path
        What source paths are relative to.
    frames : mapping of str to pandas.DataFrame, optional
    progress : callable, optional

    Returns
    -------
    Prepared

    Raises
    ------
    PlanError, DataError, LinkageError
    """
    say = progress or (lambda _stage: None)
    say("reading")
    tables = read_text_tables(plan, folder=folder, frames=frames)
    data = type_tables(plan, tables)
    if plan.ids.pseudonyms == "keyed":
        data = pseudonymise(plan, data, read_key())
    say("scoring")
    scored = score(plan, data)
    bands = client_bands(plan, scored)
    if bands.isna().all():
        raise DataError(
            f"no client has a usable '{plan.equity.modifier}' score at baseline",
            f"measures.{plan.equity.modifier}",
            "check its items, missing tokens, minimum_items and bands; without it nothing can be "
            "said of equity",
        )
    say("linking")
    return Prepared(plan, scored, link(plan, scored), bands, tuple(reading_notes(tables)))


def describe(prepared: Prepared) -> list[str]:
    """What an evaluator sees before any estimate exists: exact counts, for the room only.

    Parameters
    ----------
    prepared : Prepared

    Returns
    -------
    list of str
        How the sources were read, problems, rows by source, the flow, and defaults in force.
    """
    plan = prepared.plan
    problems = [
        *problems_report(prepared.data),
        *problems_report({"the clock": prepared.linked}),
    ]
    return [
        f"Plan {plan.study.name}, digest {plan.digest[:12]}. Counts are exact: for the room only.",
        "",
        "How the sources were read",
        *(f"  {line}" for line in prepared.notes),
        "",
        "Problems",
        *(f"  {line}" for line in problems or ["none"]),
        "",
        prepared.sources.caption,
        prepared.sources.frame.to_string(index=False),
        "",
        f"{prepared.flow.caption} (model {plan.primary})",
        prepared.flow.frame.to_string(index=False),
        "",
        "Defaults in force",
        *(f"  {line}" for line in defaults_in_force(plan)),
    ]


def write_lock(plan: Plan, folder: Path) -> Path:
    """Lock a plan: a confirmatory analysis holds only while the digest beside it is the plan's."""
    path = folder / LOCK
    path.write_text(f"{plan.digest}\n", encoding="utf-8", newline="\n")
    return path


# --- fits --------------------------------------------------------------------------------------


def fit_models(prepared: Prepared) -> Fitted:
    """Fit every model of the plan; one that cannot be fitted is reported, unless it is primary."""
    plan, fits, failed = prepared.plan, {}, {}
    for name in plan.models:
        try:
            fits[name] = fit_model(prepared, name)
        except ModelError as error:
            if name == plan.primary:
                raise
            failed[name] = error.faults[0].what
    return Fitted(fits, fit_model(prepared, plan.primary, banded=True), failed)


def fit_model(prepared: Prepared, name: str, *, banded: bool = False) -> ModelFit:
    """Fit one model of the plan, with the exposure free to differ by band where asked."""
    plan = prepared.plan
    model = plan.models[name]
    also = (plan.equity.modifier,) if banded else ()
    rows = model_rows(plan, model, prepared.linked, also=also)
    if model.split_by:
        rows = within_between(rows, model.exposure, model.split_by)
    if banded:
        rows = _comparable(plan, with_bands(plan, rows))
    formula = build_formula(plan, model, modifier=BAND if banded else None)
    try:
        if model.estimator == "gee":
            group = model.groups[0]
            return fit_gee(formula, rows.frame, group=group, correlation=model.correlation)
        cluster = str(model.covariance).removeprefix("cluster:")
        return fit_logit(formula, rows.frame, cluster=cluster)
    except ModelError as error:
        where = f"models.{name}"
        raise ModelError.of(
            [Fault(f.what, f"{where}: {f.where}", f.fix) for f in error.faults]
        ) from None


def _comparable(plan: Plan, rows: Dataset) -> Dataset:
    """Rows with a band, and every band of the comparison filled."""
    rows = rows.restrict(rows.frame[BAND].notna().to_numpy(), "confidence below the lowest band")
    present = set(rows.frame[BAND].dropna())
    low = next(iter(plan.equity.bands))
    absent = [band for band in (low, plan.equity.reference) if band not in present]
    if absent:
        raise ModelError(
            f"no row of the primary model is in the band {' or '.join(absent)}",
            "equity.bands",
            "look at the flow by band; choose bands, in a new plan, that hold clients",
        )
    used = rows.frame[BAND].cat.remove_unused_categories()
    return rows.with_columns(**{BAND: used})


# --- effects -----------------------------------------------------------------------------------


def estimate_effects(plan: Plan, fitted: Fitted) -> EffectTable:
    """Every effect of the study in one table, with claims named and p-values adjusted."""
    parts = [_effects_of(plan, name, fit) for name, fit in fitted.fits.items()]
    parts.append(_effects_by_band(plan, fitted.banded))
    table = _claimed(plan, stack(parts))
    frame = table.frame
    tests = (frame["scale"] == "risk_difference") & (frame["contrast"] == "sd")
    tests &= frame["p_value"].notna()
    if plan.effects.family == "confirmatory":
        tests &= frame["claim"].ne("")
    return adjust(table, plan.effects.family, tests.to_numpy())


def _effects_of(plan: Plan, name: str, fit: ModelFit) -> EffectTable:
    model = plan.models[name]
    sd = per_sd(fit.design.frame[model.exposure])
    contrasts = [sd if per == "sd" else POINT for per in plan.effects.per]
    rows = [
        average_effect(fit, column, contrast=contrast)
        for column in exposure_columns(model)
        for contrast in contrasts
    ]
    rows += [
        average_effect(fit, column, contrast=sd, scale="log_odds")
        for column in exposure_columns(model)
    ]
    return stack(rows).labelled(model=name)


def _effects_by_band(plan: Plan, fit: ModelFit) -> EffectTable:
    model = plan.models[plan.primary]
    sd = per_sd(fit.design.frame[model.exposure])
    rows = [
        effect_by_confidence(
            fit,
            column,
            contrast=sd if per == "sd" else POINT,
            reference=plan.equity.reference,
        )
        for column in exposure_columns(model)
        for per in plan.effects.per
    ]
    table = stack(rows).labelled(model=banded_name(plan))
    # a p-value for one band invites "here but not there": only a difference of bands is tested
    frame = table.frame.copy()
    frame.loc[frame["group"].isin(list(plan.equity.bands)), "p_value"] = np.nan
    return replace(table, frame=frame)


def banded_name(plan: Plan) -> str:
    """How the primary model with the bands in it is named in the table."""
    return f"{plan.primary} x {plan.equity.modifier}"


def _claimed(plan: Plan, table: EffectTable) -> EffectTable:
    """Label the one row on which each claim rests."""
    exposure = exposure_columns(plan.models[plan.primary])[0]
    low = next(iter(plan.equity.bands))
    rests = {
        "C1": (plan.primary, "all"),
        "C2": (banded_name(plan), f"{low} minus {plan.equity.reference}"),
    }
    frame = table.frame.assign(claim="")
    decides = (frame["scale"] == "risk_difference") & (frame["exposure"] == exposure)
    decides &= frame["contrast"] == plan.effects.per[0]
    for claim in plan.verdicts.claims:
        model, group = rests[claim]
        frame.loc[decides & (frame["model"] == model) & (frame["group"] == group), "claim"] = claim
    return replace(table, frame=frame)


def gather_evidence(plan: Plan, fitted: Fitted) -> Evidence:
    """What the gates judge."""
    model, fit = plan.models[plan.primary], fitted.fits[plan.primary]
    cluster, n_clusters = next(iter(fit.n_groups.items()))
    bands = fitted.banded.design.frame.groupby(BAND, observed=True)["client"].nunique()
    outcome = plan.outcomes[model.outcome]
    return Evidence(
        design=plan.clock.design,
        rater=plan.measures[model.exposure].rater,
        reported_by=outcome.reported_by,
        exposure=_words(model.exposure),
        outcome=_outcome_words(plan),
        modifier=_words(plan.equity.modifier),
        cluster=cluster,
        n_clusters=n_clusters,
        bands={str(name): int(n) for name, n in bands.items()},
        low=next(iter(plan.equity.bands)),
        reference=plan.equity.reference,
        converged={
            plan.primary: fit.convergence.status == "ok",
            banded_name(plan): fitted.banded.convergence.status == "ok",
        },
    )


# --- what is printed beside the effects --------------------------------------------------------


def count_tables(prepared: Prepared, fitted: Fitted) -> tuple[CountTable, ...]:
    """Flow, sources, participants, reliability, diagnostics and problems."""
    plan = prepared.plan
    return (
        prepared.flow,
        prepared.sources,
        _participants(plan, fitted.banded),
        reliability(plan, prepared.data),
        _diagnostics(plan, fitted),
        _problems(prepared),
    )


def _participants(plan: Plan, fit: ModelFit) -> CountTable:
    model, frame = plan.models[plan.primary], fit.design.frame
    groups = {"all": frame, **{str(k): g for k, g in frame.groupby(BAND, observed=True)}}
    rows = [
        {
            "group": name,
            "clients": members["client"].nunique(),
            "rows": len(members),
            "with_outcome": int(members[model.outcome].sum()),
            "share": np.nan,
            "exposure_mean": float(members[model.exposure].mean()),
            "exposure_sd": float(members[model.exposure].std()) if len(members) > 1 else np.nan,
        }
        for name, members in groups.items()
    ]
    rules: dict[str, Rule] = {
        "group": "label",
        "clients": "count",
        "rows": "count",
        "with_outcome": "outcome_count",
        "share": "share",
        "exposure_mean": "statistic",
        "exposure_sd": "statistic",
    }
    return CountTable(
        name="participants",
        caption=f"Who is in the analysis, by {_words(plan.equity.modifier)} at baseline",
        frame=pd.DataFrame(rows, columns=list(rules)),
        rules=rules,
        total="rows",
        notes=(
            f"With outcome: rows in which the client had the outcome, {_outcome_words(plan)}.",
            f"Exposure: the {_words(model.exposure)} score in its own points.",
        ),
    )


def _diagnostics(plan: Plan, fitted: Fitted) -> CountTable:
    every = {**fitted.fits, banded_name(plan): fitted.banded}
    rows = [
        {
            "model": name,
            "role": plan.models[name].role if name in plan.models else "equity",
            "estimator": fit.spec.estimator,
            "covariance": fit.spec.covariance,
            "correlation": fit.association.get("alpha", np.nan),
            "rows": fit.n_obs,
            "groups": next(iter(fit.n_groups.values())),
            "status": fit.convergence.status.replace("_", " "),
            "doubt": fit.convergence.message,
            "formula": fit.spec.formula,
        }
        for name, fit in every.items()
    ]
    rows += [
        {"model": name, "role": plan.models[name].role, "status": "not fitted", "doubt": why}
        for name, why in fitted.failed.items()
    ]
    rules: dict[str, Rule] = {
        "model": "label",
        "role": "label",
        "estimator": "label",
        "covariance": "label",
        "correlation": "statistic",
        "rows": "count",
        "groups": "count",
        "status": "label",
        "doubt": "label",
        "formula": "label",
    }
    frame = pd.DataFrame(rows, columns=list(rules)).astype({"rows": "Int64", "groups": "Int64"})
    return CountTable("diagnostics", "What was fitted, and how it went", frame, rules)


def _problems(prepared: Prepared) -> CountTable:
    found = [p for dataset in prepared.data.values() for p in dataset.problems]
    found += prepared.linked.problems
    columns = ["source", "column", "problem", "count", "action"]
    rows = [(p.source, p.column, p.what, p.count, p.action) for p in found]
    return CountTable(
        name="problems",
        caption="Trouble in the records, and what was done about it",
        frame=pd.DataFrame(rows, columns=columns).astype({"count": "int64"}),
        rules={name: "count" if name == "count" else "label" for name in columns},
    )


def _series(plan: Plan, fitted: Fitted, evidence: Evidence) -> tuple[Series, ...]:
    model = plan.models[plan.primary]
    column = exposure_columns(model)[0]
    curve = predicted_curve(fitted.banded, column, by=BAND)
    label = f"{evidence.exposure.capitalize()} score, points"
    if model.split_by:
        label += f" above or below the {model.split_by}'s mean"
    return (
        replace(
            curve,
            caption=f"Chance of {evidence.outcome} by {evidence.exposure} score and "
            f"{evidence.modifier}",
            x_label=label,
            y_label=f"{evidence.outcome.capitalize()}, per 100 clients",
        ),
    )


# --- provenance --------------------------------------------------------------------------------


def _words(name: str) -> str:
    return name.replace("_", " ")


def _outcome_words(plan: Plan) -> str:
    name = plan.models[plan.primary].outcome
    return plan.outcomes[name].label or _words(name)


def _study(plan: Plan) -> dict[str, object]:
    model = plan.models[plan.primary]
    return {
        "name": plan.study.name,
        "area": plan.study.area,
        "question": plan.study.question,
        "status": plan.study.status,
        "caveats": list(plan.study.caveats),
        "label": plan.verdicts.label,
        "design": plan.clock.design,
        "profile": plan.disclosure.profile,
        "smallest_worthwhile": plan.verdicts.smallest_worthwhile,
        "outcome": model.outcome,
        "title_outcome": _outcome_words(plan),
        "exposure": model.exposure,
        "modifier": plan.equity.modifier,
        "bands": list(plan.equity.bands),
        "reference": plan.equity.reference,
        "primary": plan.primary,
    }


def _provenance(plan: Plan, data: Mapping[str, Dataset]) -> dict[str, object]:
    """Digests, versions and seed; no times and no paths, so that two runs give equal bytes."""
    return {
        "plan": plan.digest,
        "data": {name: _public_digest(plan, data[name].digest) for name in sorted(data)},
        "versions": {"python": platform.python_version(), **{p: version(p) for p in RECORDED}},
        "seed": plan.seed,
        "package": f"deepvalue_stats {version('deepvalue-stats')}",
    }


def _public_digest(plan: Plan, digest: str) -> str:
    """A plain hash of a small file can be confirmed by guessing it: confidential ones are keyed."""
    if plan.study.status != "confidential":
        return digest
    return hmac.new(read_key(), digest.encode(), hashlib.sha256).hexdigest()


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


def _write_room(room: Path, prepared: Prepared, folder: Path, began: datetime) -> None:
    """What an analyst needs and nobody may take out: line numbers, SQL, times, paths."""
    room.mkdir(parents=True, exist_ok=True)
    problems = [p for dataset in prepared.data.values() for p in dataset.problems]
    problems += prepared.linked.problems
    manifest = {
        "began": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds(), 1),
        "folder": str(folder.resolve()),
        "rows": {name: len(dataset.frame) for name, dataset in prepared.data.items()},
        "problems": [vars(problem) for problem in problems],
    }
    (room / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    (room / "linkage.sql").write_text(
        linkage_sql(prepared.plan, prepared.data) + "\n", encoding="utf-8"
    )
    (room / "plan.toml").write_text(prepared.plan.to_toml(), encoding="utf-8")
