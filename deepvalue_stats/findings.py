"""All that may leave the room: one bundle, written to a folder and read back as it was.

`collect` is the only way to build `Findings`, and it sends every table, figure series and count in
a sentence through disclosure control first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from deepvalue_stats.disclosure import SUPPRESSED, Log, Rules, protect, protect_phrase
from deepvalue_stats.errors import DataError
from deepvalue_stats.folders import staged
from deepvalue_stats.tables import (
    COUNTS,
    EFFECT_COLUMNS,
    NUMERIC,
    CountTable,
    Curve,
    EffectTable,
    Phrase,
    Series,
)
from deepvalue_stats.verdicts import Gate, Verdict, Wording

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Findings:
    """What a study found, cleared for release.

    Attributes
    ----------
    study : mapping
        name, area, question, status, caveats, label, design, profile, smallest_worthwhile,
        and the plan's words for outcome, exposure, modifier and bands.
    provenance : mapping
        plan and data digests, versions, seed. No times, no paths, no row counts of inputs.
    effects : EffectTable
        Without evidence: cleared.
    counts : mapping of str to CountTable
        flow, sources, participants, reliability, diagnostics, ...
    series : mapping of str to Series
        The data of each figure.
    verdicts : tuple of Verdict
        In the order of the plan's claims.
    wording : Wording
    disclosure : Log
        What was suppressed or rounded, by rule, without the numbers.
    """

    study: Mapping[str, Any]
    provenance: Mapping[str, Any]
    effects: EffectTable
    counts: Mapping[str, CountTable]
    series: Mapping[str, Series]
    verdicts: tuple[Verdict, ...]
    wording: Wording
    disclosure: Log


def collect(
    *,
    rules: Rules,
    study: Mapping[str, Any],
    provenance: Mapping[str, Any],
    effects: EffectTable,
    counts: tuple[CountTable, ...],
    series: tuple[Series | Curve, ...],
    verdicts: tuple[Verdict, ...],
    wording: Wording,
) -> Findings:
    """Clear everything for release and bind it together.

    Parameters
    ----------
    rules : Rules
        Threshold and rounding of the plan's profile.
    study, provenance : mapping
        See `Findings`; they hold no number about a person.
    effects, counts, series, verdicts, wording
        As they were made where the rows are, with their evidence.

    Returns
    -------
    Findings

    Raises
    ------
    DisclosureError
        Where a number comes without the evidence by which it could be judged.
    """
    cleared, log = protect(rules, effects=effects, counts=counts, series=series)

    def clear(phrase: Phrase) -> Phrase:
        return protect_phrase(rules, phrase)

    judged = tuple(_clear_verdict(verdict, cleared.effects, clear) for verdict in verdicts)
    withheld = {verdict.claim for verdict in judged if verdict.answer == "withheld"}

    def released(phrases: tuple[Phrase, ...]) -> tuple[Phrase, ...]:
        return tuple(clear(phrase) for phrase in phrases if phrase.claim not in withheld)

    return Findings(
        study=MappingProxyType(dict(study)),
        provenance=MappingProxyType(dict(provenance)),
        effects=cleared.effects,
        counts=MappingProxyType({table.name: table for table in cleared.counts}),
        series=MappingProxyType({one.name: one for one in cleared.series}),
        verdicts=judged,
        wording=Wording(released(wording.can_say), released(wording.cannot_say)),
        disclosure=log,
    )


def _clear_verdict(verdict: Verdict, effects: EffectTable, clear: Any) -> Verdict:
    gates = tuple(replace(gate, answer=clear(gate.answer)) for gate in verdict.gates)
    verdict = replace(verdict, gates=gates, sentence=clear(verdict.sentence))
    rests = effects.where(**verdict.rests_on).frame if verdict.rests_on else effects.frame[:0]
    if (rests["status"] == "suppressed").any():
        said = Phrase("Too few clients stand behind this estimate for it to be published.")
        return replace(verdict, answer="withheld", verb="", sentence=said)
    return verdict


def write_findings(findings: Findings, folder: Path) -> None:
    """Write a bundle as CSV and JSON, complete or not at all.

    Parameters
    ----------
    findings : Findings
    folder : Path
        Made, or replaced when it holds an earlier bundle; anything else there is refused.

    Raises
    ------
    DataError
        If the folder cannot be made, or holds anything that is not of an earlier bundle.
    """
    require_writable(folder)
    texts = _texts(findings)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        **findings.provenance,
        "files": {name: _sha256(text) for name, text in sorted(texts.items())},
    }
    texts["manifest.json"] = _json(manifest)
    with staged(folder) as fresh:
        for name, text in texts.items():
            (fresh / name).write_text(text, encoding="utf-8", newline="\n")


def require_writable(folder: Path) -> None:
    """Refuse a folder of findings that could not be made, or would bury what is no bundle.

    Raises
    ------
    DataError
    """
    taken = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if taken.exists() and not taken.is_dir():
        raise DataError(
            "this is a file, and findings are a folder", str(taken), "name another folder"
        )
    if folder.exists() and any(path.name not in _bundled(folder) for path in folder.iterdir()):
        raise DataError(
            "this folder holds something that is no bundle of findings",
            folder.name,
            "name an empty folder, or one of an earlier run",
        )


def _bundled(folder: Path) -> frozenset[str]:
    """The files of the bundle in a folder, by its manifest; none where that is of another kind."""
    try:
        manifest = _manifest(folder)
    except DataError:
        return frozenset()
    return frozenset((*manifest["files"], "manifest.json"))


def read_findings(folder: Path) -> Findings:
    """Read a bundle back.

    Parameters
    ----------
    folder : Path
        A folder written by `write_findings`.

    Returns
    -------
    Findings

    Raises
    ------
    DataError
        If there is no bundle, or a file is not what its manifest says: a page is never made
        from numbers that were changed by hand.
    """
    manifest = _manifest(folder)
    for name, digest in manifest["files"].items():
        if not _as_written(folder / name, digest):
            raise DataError(
                f"'{name}' is not the file that the manifest names",
                folder.name,
                "run the study again; findings are not edited by hand",
            )
    meta = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    provenance = {k: v for k, v in manifest.items() if k not in ("schema_version", "files")}
    return Findings(
        study=MappingProxyType(meta["study"]),
        provenance=MappingProxyType(provenance),
        effects=EffectTable(_read_effects(folder / "effects.csv")),
        counts=MappingProxyType({t["name"]: _read_counts(folder, t) for t in meta["counts"]}),
        series=MappingProxyType({s["name"]: _read_series(folder, s) for s in meta["series"]}),
        verdicts=tuple(_read_verdict(v) for v in meta["verdicts"]),
        wording=Wording(
            tuple(Phrase(text) for text in meta["wording"]["can_say"]),
            tuple(Phrase(text) for text in meta["wording"]["cannot_say"]),
        ),
        disclosure=Log(
            tuple(meta["disclosure"]["rules"]),
            _frame(folder / "disclosure.csv"),
        ),
    )


def _as_written(path: Path, digest: str) -> bool:
    try:
        return path.is_file() and _sha256(path.read_text(encoding="utf-8")) == digest
    except UnicodeDecodeError:
        return False


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: Any = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(
            "there are no findings here", str(folder), "run the study first: deepvalue run PLAN"
        ) from None
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise DataError(
            "the manifest is not one of findings", str(folder), "run the study again"
        ) from None
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise DataError(
            "these findings were written by another version of the results schema",
            str(folder),
            "run the study again",
        )
    return manifest


def _texts(findings: Findings) -> dict[str, str]:
    texts = {"effects.csv": _csv(findings.effects.frame)}
    texts |= {f"{name}.csv": _csv(table.frame) for name, table in findings.counts.items()}
    texts |= {f"{name}.series.csv": _csv(one.frame) for name, one in findings.series.items()}
    texts["disclosure.csv"] = _csv(findings.disclosure.decisions)
    texts["findings.json"] = _json(_meta(findings))
    texts["results_schema.json"] = _json(_schema(findings))
    return texts


def _meta(findings: Findings) -> dict[str, Any]:
    counts = [
        {
            "name": table.name,
            "caption": table.caption,
            "rules": list(table.rules.items()),
            "total": table.total,
            "notes": list(table.notes),
        }
        for table in findings.counts.values()
    ]
    series = [
        {"name": s.name, "caption": s.caption, "x_label": s.x_label, "y_label": s.y_label}
        for s in findings.series.values()
    ]
    wording = {
        "can_say": [str(phrase) for phrase in findings.wording.can_say],
        "cannot_say": [str(phrase) for phrase in findings.wording.cannot_say],
    }
    return {
        "study": dict(findings.study),
        "counts": counts,
        "series": series,
        "verdicts": [_verdict_meta(verdict) for verdict in findings.verdicts],
        "wording": wording,
        "disclosure": {"rules": list(findings.disclosure.rules)},
    }


def _verdict_meta(verdict: Verdict) -> dict[str, Any]:
    gates = [{**asdict(gate), "answer": str(gate.answer)} for gate in verdict.gates]
    return {
        "claim": verdict.claim,
        "statement": verdict.statement,
        "answer": verdict.answer,
        "verb": verdict.verb,
        "sentence": str(verdict.sentence),
        "gates": gates,
        "rests_on": dict(verdict.rests_on),
    }


def _read_verdict(meta: Mapping[str, Any]) -> Verdict:
    gates = tuple(Gate(**{**gate, "answer": Phrase(gate["answer"])}) for gate in meta["gates"])
    return Verdict(**{**meta, "gates": gates, "sentence": Phrase(meta["sentence"])})


def _schema(findings: Findings) -> dict[str, Any]:
    """Which column of which file obeys which disclosure rule: disclosure as data."""
    effects = {
        name: "statistic" if name in NUMERIC else "count" if name in COUNTS else "label"
        for name in EFFECT_COLUMNS
    }
    series = dict.fromkeys(("x", "y", "low", "high"), "statistic")
    return {
        "schema_version": SCHEMA_VERSION,
        "suppressed": SUPPRESSED,
        "files": {
            "effects.csv": effects,
            **{f"{name}.csv": dict(table.rules) for name, table in findings.counts.items()},
            **{
                f"{name}.series.csv": {"group": "label", **series, "n_clients": "count"}
                for name in findings.series
            },
            "disclosure.csv": dict.fromkeys(findings.disclosure.decisions.columns, "label"),
        },
    }


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _frame(path: Path) -> pd.DataFrame:
    return pd.read_csv(StringIO(path.read_text("utf-8")), dtype="str", keep_default_na=False)


def _read_effects(path: Path) -> pd.DataFrame:
    frame = _frame(path)
    for name in (*NUMERIC, "null_value"):
        frame[name] = pd.to_numeric(frame[name].replace("", None)).astype("float64")
    for name in COUNTS:
        frame[name] = pd.to_numeric(frame[name].replace("", None)).astype("Int64")
    return frame


def _read_counts(folder: Path, meta: Mapping[str, Any]) -> CountTable:
    return CountTable(
        name=meta["name"],
        caption=meta["caption"],
        frame=_frame(folder / f"{meta['name']}.csv"),
        rules=dict(meta["rules"]),
        total=meta["total"],
        notes=tuple(meta["notes"]),
    )


def _read_series(folder: Path, meta: Mapping[str, Any]) -> Series:
    frame = _frame(folder / f"{meta['name']}.series.csv")
    for name in ("x", "y", "low", "high"):
        frame[name] = pd.to_numeric(frame[name].replace("", None)).astype("float64")
    return Series(frame=frame, **meta)
