"""What findings were made from: what may be said of it outside, and what stays in the room."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from deepvalue_stats.data import NORMALISER, Dataset
from deepvalue_stats.errors import DataError
from deepvalue_stats.folders import staged
from deepvalue_stats.linkage import key_id, read_key
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.definitions import DEFINITIONS
from deepvalue_stats.study.fitting import Fitted
from deepvalue_stats.study.manifest import file_digest, keyed
from deepvalue_stats.study.preparing import Prepared
from deepvalue_stats.study.words import outcome_words

RECORDED = (
    "deepvalue-stats", "numpy", "scipy", "pandas", "statsmodels", "numba", "formulaic", "pingouin",
    "duckdb",
)  # fmt: skip


def study_facts(plan: Plan) -> dict[str, object]:
    """What a page has to know of the plan."""
    model = plan.models[plan.primary]
    defined = DEFINITIONS.get(plan.outcomes[model.outcome].definition or "")
    hazards = [name for name, one in plan.models.items() if one.estimator == "hazard"]
    return {
        "name": plan.study.name,
        "area": plan.study.area,
        "question": plan.study.question,
        "status": plan.study.status,
        "caveats": list(plan.study.caveats),
        "label": plan.verdicts.label,
        "design": model.design or plan.clock.design,
        "profile": plan.disclosure.profile,
        "smallest_worthwhile": plan.verdicts.smallest_worthwhile,
        "outcome": model.outcome,
        "title_outcome": outcome_words(plan),
        "exposure": model.exposure,
        "modifier": plan.equity.modifier,
        "bands": list(plan.equity.bands),
        "reference": plan.equity.reference,
        "primary": plan.primary,
        **({"across": plan.across.by} if plan.across else {}),
        **({"definition": f"{defined.says} ({defined.source})"} if defined else {}),
        **({"hazards": hazards} if hazards else {}),
        **({"intervention": plan.intervention.model_dump()} if plan.intervention else {}),
        "settings": plan.settings,
    }


def provenance(plan: Plan, data: Mapping[str, Dataset]) -> dict[str, object]:
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
    return keyed(digest, read_key())


def require_room(room: Path) -> None:
    """Refuse, before anything is fitted, a room that could not be written.

    Raises
    ------
    DataError
    """
    if room.exists() and not room.is_dir():
        fix = "name another output folder"
        raise DataError("this is a file, and the room is a folder", str(room), fix)


def _pseudonyms(plan: Plan) -> dict[str, object]:
    """By what two runs can tell whether a client has one pseudonym in both."""
    if plan.ids.pseudonyms != "keyed":
        return {}
    return {"pseudonyms": {"key_id": key_id(read_key()), "normaliser": NORMALISER}}


def write_room(
    room: Path, prepared: Prepared, fitted: Fitted, folder: Path, began: datetime
) -> None:
    """What an analyst needs and nobody may take out: line numbers, SQL, times, paths."""
    problems = [p for dataset in prepared.data.values() for p in dataset.problems]
    problems += prepared.linked.problems
    manifest = {
        "began": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds(), 1),
        "folder": str(folder.resolve()),
        "sources": _sources(prepared, folder),
        "rows": {name: len(dataset.frame) for name, dataset in prepared.data.items()},
        "engine": prepared.linked.engine,
        "problems": [vars(problem) for problem in problems],
        "not_fitted": dict(fitted.failed),
        **_pseudonyms(prepared.plan),
    }
    texts = {
        "linkage.sql": f"{prepared.linked.sql}\n",
        "plan.toml": f"{prepared.plan.to_toml()}\n",
    }
    manifest["files"] = {
        name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(texts.items())
    }
    texts["manifest.json"] = f"{json.dumps(manifest, indent=1)}\n"
    with staged(room) as fresh:
        for name, text in texts.items():
            (fresh / name).write_text(text, encoding="utf-8", newline="\n")


def _sources(prepared: Prepared, folder: Path) -> dict[str, dict[str, str]]:
    """Each source as it was: plain hashes of its used columns, and of its file where it is one."""
    found = {}
    for name, dataset in sorted(prepared.data.items()):
        path = prepared.plan.sources[name].path
        place = folder / path
        whole = {"sha256": file_digest(place)} if place.is_file() else {}
        found[name] = {"path": path, "digest": dataset.digest, **whole}
    return found
