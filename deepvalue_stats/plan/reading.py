"""From a TOML file to a `Plan`, or to one error that lists every fault of the file."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from deepvalue_stats.errors import Fault, PlanError
from deepvalue_stats.plan.checks import cross_faults
from deepvalue_stats.plan.draft import Draft
from deepvalue_stats.plan.parts import Plan
from deepvalue_stats.plan.subscales import expanded, of_the_measure, with_subscales

Raw = dict[str, Any]


def read_plan(path: Path | str) -> Plan:
    """Read a plan file.

    Parameters
    ----------
    path : path
        A TOML file; source paths in it are relative to its folder, and stay so in the plan.

    Returns
    -------
    Plan

    Raises
    ------
    PlanError
        With every fault of the file at once: unknown settings (and what was probably meant),
        missing ones (and the choices), values out of bounds, names that name nothing, designs
        that cannot carry a claim, and values that this version does not have yet.
    """
    path = Path(path)
    if path.is_dir():
        fix = f"try {path / 'plan.toml'}"
        raise PlanError("this is a folder, not a plan file", str(path), fix)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        raise PlanError(
            "there is no plan file here", str(path), "give the path of a plan.toml"
        ) from None
    except OSError:
        fix = "check that it may be read and is not open elsewhere"
        raise PlanError("the plan cannot be opened", str(path), fix) from None
    except UnicodeDecodeError:
        raise PlanError("the plan is not UTF-8 text", str(path), "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"not valid TOML: {error}", str(path), "mend the line named") from None
    return parse_plan(raw, where=str(path))


def parse_plan(raw: Mapping[str, Any], *, where: str = "plan") -> Plan:
    """Turn the tables of a plan file into a `Plan`; `where` opens each fault's place."""
    tables, faults = _inherit(dict(raw))
    draft, problems = _draft(tables)
    draft, whose = expanded(draft)
    faults += _once(raw, of_the_measure([*problems, *cross_faults(draft)], whose))
    if faults:
        raise PlanError.of([Fault(f.what, f"{where}, {f.where}", f.fix) for f in faults])
    plan = Plan.model_validate(tables)
    return plan.model_copy(update={"measures": with_subscales(plan.measures, plan.models)})


def _inherit(raw: Raw) -> tuple[Raw, list[Fault]]:
    """Give each model that is `like` another the keys that it does not set itself."""
    models = raw.get("models")
    if not isinstance(models, dict):
        return raw, []
    faults, done = [], {}
    for name, model in models.items():
        done[name] = model
        if not isinstance(model, dict) or "like" not in model:
            continue
        parent = _parent(models, model)
        if parent is None:
            stand_alone = [
                key
                for key, value in models.items()
                if isinstance(value, dict) and "like" not in value
            ]
            faults.append(
                Fault(
                    "`like` must name a model that stands on its own",
                    f"models.{name}.like",
                    f"use one of {', '.join(stand_alone) or '(there is none)'}",
                )
            )
            done[name] = {key: value for key, value in model.items() if key != "like"}
        else:
            done[name] = {**parent, **model}
    return {**raw, "models": done}, faults


def _parent(models: Raw, model: Raw) -> Raw | None:
    """The model that another is `like`, or None where that names no model of its own."""
    parent = models.get(model["like"]) if isinstance(model["like"], str) else None
    return parent if isinstance(parent, dict) and "like" not in parent else None


def _once(raw: Mapping[str, Any], faults: list[Fault]) -> list[Fault]:
    """Leave out faults that a model has from the one it is `like`, where they stand as well.

    A fault of a key that a model does not set itself is its own all the same where the model it is
    `like` does not have it: a logit that is like a GEE lacks a covariance. Of a model that is like
    none, nothing can be said of the keys it does not set.
    """
    own = raw.get("models")
    told = set(faults)
    kept = []
    for fault in faults:
        section, _, rest = fault.where.partition(".")
        name, _, key = rest.partition(".")
        model = own.get(name) if section == "models" and isinstance(own, dict) else None
        if isinstance(model, dict) and "like" in model and key.partition("[")[0] not in model:
            inherited = Fault(fault.what, f"models.{model['like']}.{key}", fault.fix)
            if inherited in told or _parent(dict(own or {}), model) is None:
                continue
            told.add(inherited)
        kept.append(fault)
    return kept


def _draft(raw: Raw) -> tuple[Draft, list[Fault]]:
    """Validate piece by piece, so that one bad piece does not hide the faults of the others."""
    faults: list[Fault] = []
    pieces: Raw = {}
    for key, field in Plan.model_fields.items():
        entry = _entry_model(field.annotation)
        if key not in raw:
            if field.is_required():
                faults.append(_missing((key,), field.annotation))
        elif entry is not None and isinstance(raw[key], dict):
            pieces[key] = {}
            for name, value in raw[key].items():
                part = _validated(entry, value, (key, name), faults)
                if part is not None:
                    pieces[key][name] = part
            if not raw[key] and field.is_required():
                faults.append(_missing((key,), field.annotation))
        elif (part_type := _part(field.annotation) or _optional_part(field.annotation)) is not None:
            pieces[key] = _validated(part_type, raw[key], (key,), faults)
        else:
            pieces[key] = _probe(key, raw[key], faults)
    known = list(Plan.model_fields)
    faults += [_unknown((key,), known) for key in raw if key not in known]
    named = {key: tuple(value) for key, value in raw.items() if isinstance(value, dict)}
    return Draft(pieces, named), faults


def _probe(key: str, value: object, faults: list[Fault]) -> object:
    """Check a setting of the top level that is not a table, by itself."""
    try:
        Plan.model_validate({key: value})
    except ValidationError as error:
        found = [item for item in error.errors() if item["loc"][:1] == (key,)]
        faults += [_fault((), Plan, item) for item in found]
        return None if found else value
    return value


def _validated(
    model: type[BaseModel], value: object, loc: tuple[str, ...], faults: list[Fault]
) -> BaseModel | None:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults += [_fault(loc, model, item) for item in error.errors()]
        kinds = {(item["type"], len(item["loc"])) for item in error.errors()}
        if kinds != {("extra_forbidden", 1)} or not isinstance(value, dict):
            return None
        # what is left is sound by itself, and may still be at odds with other parts
        extra = {item["loc"][0] for item in error.errors()}
        return model.model_validate({k: v for k, v in value.items() if k not in extra})


def _entry_model(annotation: Any) -> type[BaseModel] | None:
    """The part that each entry of a table of named parts must be, or None."""
    for inner in (annotation, *get_args(annotation)):
        if get_origin(inner) is dict:
            return _part(get_args(inner)[1])
    return None


def _part(annotation: Any) -> type[BaseModel] | None:
    """The annotation itself where it is a part of a plan."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _optional_part(annotation: Any) -> type[BaseModel] | None:
    """The part that a plan may have or not."""
    inner = get_args(annotation) if isinstance(annotation, UnionType) else ()
    return next((part for part in map(_part, inner) if part is not None), None)


def _dotted(loc: tuple[Any, ...]) -> str:
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _settings_at(model: type[BaseModel], loc: tuple[Any, ...]) -> dict[str, Any]:
    """Names (as a file writes them) and annotations of the settings beside the last step."""
    for step in loc[:-1]:
        annotation = _by_name(model).get(str(step))
        parts = [_part(inner) for inner in (annotation, *get_args(annotation))]
        known = [part for part in parts if part is not None]
        if not known:
            return {}
        model = known[0]
    return _by_name(model)


def _by_name(model: type[BaseModel]) -> dict[str, Any]:
    return {f.alias or name: f.annotation for name, f in model.model_fields.items()}


def _fault(prefix: tuple[str, ...], model: type[BaseModel], item: Any) -> Fault:
    """Pydantic's finding in this package's words; the value itself is never repeated."""
    loc = item["loc"]
    beside = _settings_at(model, loc)
    last = str(loc[-1]) if loc else ""
    where = _dotted((*prefix, *loc)) or "top level"
    match item["type"]:
        case "extra_forbidden":
            return _unknown((*prefix, *loc), list(beside))
        case "missing":
            return _missing((*prefix, *loc), beside.get(last))
        case "literal_error":
            return Fault("not one of the choices", where, f"use {item['ctx']['expected']}")
        case "value_error":
            said = str(item["msg"]).removeprefix("Value error, ")
            return Fault(said, where, "give what is needed and take out what is not")
        case _:
            said = str(item["msg"])
            return Fault(f"not a usable value: {said[:1].lower()}{said[1:]}", where, "change it")


def _unknown(loc: tuple[Any, ...], known: list[str]) -> Fault:
    near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.6)
    meant = f", did you mean '{near[0]}'?" if near else ""
    return Fault(
        f"unknown setting '{loc[-1]}'{meant}", _dotted(loc), f"use one of {', '.join(known)}"
    )


def _missing(loc: tuple[Any, ...], annotation: Any) -> Fault:
    choices = [
        str(choice)
        for inner in (annotation, *get_args(annotation))
        if get_origin(inner) is Literal
        for choice in get_args(inner)
    ]
    fix = f"set it to one of {', '.join(choices)}" if choices else "add it"
    return Fault(f"'{loc[-1]}' is missing and has no default", _dotted(loc), fix)
