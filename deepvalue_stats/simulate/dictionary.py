"""The data dictionary of the synthetic extracts, made from the plans' schemas and the generator.

`python -m deepvalue_stats.simulate.dictionary synthetic_data/README.md` writes it.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from deepvalue_stats.data import Column, TableSchema, compile_schemas
from deepvalue_stats.plan import Plan, parse_plan
from deepvalue_stats.simulate.areas import AREAS, Area
from deepvalue_stats.simulate.extracts import CONFIDENCE_ITEMS, RATING_ITEMS, file_columns
from deepvalue_stats.simulate.families.columns import FAMILY_COLUMNS, FAMILY_ROWS
from deepvalue_stats.simulate.families.extracts import FAMILY_FAULTS
from deepvalue_stats.simulate.families.presets import FAMILY_PRESETS
from deepvalue_stats.simulate.presets import PRESETS
from deepvalue_stats.simulate.spoiling import FAULT_DEFINITIONS
from deepvalue_stats.simulate.worked import FAMILY_FOLDER, PRESET, command, family_command

# columns that a preset has to ask for
_ONLY_SOMETIMES = frozenset({"barred"})
_TYPES: Mapping[str, str] = {
    "id": "text",
    "item": "whole number",
    "date": "date",
    "wave": "whole number",
    "number": "number",
    "category": "text",
}
_ROWS: Mapping[str, str] = {
    "ratings": "a rating of the {practitioner} by the client",
    "contacts": "a meeting of a client and {a_practitioner}",
    "outcomes": "{record}",
    "clients": "a client who agreed to the records being linked",
    "staffing": "{a_practitioner}",
    "steps": "a client and month: the panel",
    **FAMILY_ROWS,
}
# by the generator's own word for the column: type, meaning, allowed values
_COLUMNS: Mapping[str, tuple[str, str, str]] = {
    "rating_id": ("text", "number of the rating", "R and 5 digits"),
    "contact_id": ("text", "number of the contact", "K and 5 digits"),
    "client_id": ("text", "the client", "8 digits"),
    "practitioner_id": ("text", "the {practitioner}", "P and 3 digits"),
    "service_id": ("text", "the {service}", "S and 2 digits"),
    "rated_on": ("date", "day of the rating", ""),
    "met_on": ("date", "day of the contact", ""),
    "sanction": ("whole number", "a sanction was applied at the contact", "0 or 1"),
    "surname": ("text", "surname, a key for linking", ""),
    "born_on": ("date", "date of birth, a key for linking", ""),
    "postcode": ("text", "postcode, a key for linking", "none that exists"),
    "age": ("whole number", "age in years at the first contact", "18 to 65"),
    "need": ("whole number", "{need} at the first contact", "1 to {need_cap}"),
    "barred": ("whole number", "nothing could bring the outcome about", "0 or 1"),
    "record_end": ("date", "last day of the outcome record", ""),
    "left_on": ("date", "last day in post, empty for who stays", ""),
    "left_reason": ("text", "why the {practitioner} left", "outside (the work), own, or empty"),
    "caseload": ("whole number", "clients of the {practitioner}", "1 or more"),
    "autonomy": ("whole number", "working condition: room to decide", "0 to 100"),
    "time": ("whole number", "working condition: time for each client", "0 to 100"),
    "training": ("whole number", "working condition: training and support", "0 to 100"),
    "trust": ("whole number", "working condition: trust by the organisation", "0 to 100"),
    "separation": (
        "whole number",
        "working condition: support kept apart from policing",
        "0 to 100",
    ),
    "wave": ("whole number", "month of the panel", "1 to 6"),
    "on": ("date", "day of the month's record", ""),
    "step": ("whole number", "{step}", "0 or 1"),
    RATING_ITEMS[0]: ("whole number", "items of the relationship scale", "1 to 5"),
    CONFIDENCE_ITEMS[0]: ("whole number", "items of the confidence scale", "1 to 4"),
}
# words for one column that mean another thing in another file
_IN_FILE: Mapping[tuple[str, str], str] = {
    ("outcomes", "client_id"): "the client; a number that is nobody's where the link fails",
    ("outcomes", "started_on"): "the day of {outcome}",
    ("outcomes", "ended_on"): "the day on which it ended, empty while it lasts",
    ("outcomes", "second_on"): "{second}: the day, empty for none",
    ("staffing", "started_on"): "first day in post",
}

_HEAD = """\
# Synthetic data

Extracts of three services that do not exist, and a yearly panel of families who do not exist
either, one folder each. No row describes a real person, practitioner or office, and nothing found
in these files says anything about a real service. They are there to show that an analysis finds
what was planted, and catches the faults that real extracts have. This page is made from the plans
and the generator; a test makes it again.

What is true of all three services (the preset `{preset}`): {story}

What is true of the families (the preset `{preset}` of panels): {family_story}

`truth.json` in each folder holds the parameters, the planted effects with their definitions (from
the generator's own chances of an outcome, not from a fitted model), the rows of every file, and
the planted faults.

`make data` makes the files again, byte for byte on Python 3.11 to 3.13:

```
{commands}
```

`deepvalue simulate --help` lists the other services that can be made, and
`deepvalue simulate-families --help` the other panels: what is true of each, and what misleads.
`deepvalue init debt --output my_study` writes the plan beside the extracts.

## Planted faults

No row has two. `truth.json` counts them under `extracts`, for the services area by area. An
analysis that refuses faulty rows stops here; one that excludes them should report these counts.

| fault | rows |
|---|---|
{faults}

`clients.csv` of the debt service is as a spreadsheet saves "CSV": semicolons, and the encoding
cp1252. `outcomes.csv` of the health service is as it saves "CSV UTF-8": semicolons, and a
byte-order mark. Both end their lines in carriage return and line feed.
"""


def dictionary() -> str:
    """Write the page about all extracts: their faults, files and columns.

    Returns
    -------
    str
        Markdown. Type and allowed values of a column that a plan reads come from the schema
        compiled from that plan; of all others, from the generator.
    """
    head = _HEAD.format(
        preset=PRESET,
        story=PRESETS[PRESET].story,
        family_story=FAMILY_PRESETS[PRESET].story,
        commands="\n".join([*map(command, AREAS), family_command()]),
        faults="\n".join(f"| `{name}` | {words} |" for name, words in FAULT_DEFINITIONS.items()),
    )
    return "\n".join([head, *(_area_page(area) for area in AREAS.values()), _family_page()])


def _area_page(area: Area) -> str:
    plan = _plan(area.name)
    columns = {
        file: {name: own for name, own in named.items() if own not in _ONLY_SOMETIMES}
        for file, named in file_columns(area).items()
    }
    return _page(area.name, area, plan, columns)


def _family_page() -> str:
    """Tell of the panel, whose files have the generator's own words for headers."""
    columns = {file: {name: name for name in named} for file, named in FAMILY_COLUMNS.items()}
    faults = [f"| `{name}` | {words} |" for name, words in FAMILY_FAULTS.items()]
    head = ["", "Faults planted here, in interviews after wave 0 and in families:", ""]
    head += ["| fault | rows |", "|---|---|", *faults]
    return _page(FAMILY_FOLDER, AREAS["debt"], _plan("families"), columns, head)


def _page(
    folder: str,
    area: Area,
    plan: Plan,
    columns: Mapping[str, Mapping[str, str]],
    more: Iterable[str] = (),
) -> str:
    headers = {file: tuple(columns[file]) for file in plan.sources}
    schemas = compile_schemas(plan, headers)
    head = [
        f"## {folder.replace('_', ' ').capitalize()}",
        "",
        f"`analyses/{plan.study.name}/plan.toml` asks: {plan.study.question}",
        *more,
    ]
    tables = [
        _file_table(folder, area, plan, file, columns[file], schemas.get(file)) for file in columns
    ]
    return "\n".join([*head, *tables, ""])


def _file_table(
    folder: str,
    area: Area,
    plan: Plan,
    file: str,
    columns: Mapping[str, str],
    schema: TableSchema | None,
) -> str:
    read = {column.name: column for column in schema.columns} if schema else {}
    unread = "" if schema else " The plan does not read this file."
    row = f"One row is {_said(_ROWS[file], area)}.{unread}"
    lines = ["", f"### `{folder}/{file}.csv`", "", row, ""]
    lines += ["| column | type | meaning | values | use in the plan |", "|---|---|---|---|---|"]
    for _, group in groupby(columns.items(), key=lambda pair: _stem(pair[1])):
        several = list(group)
        name, own = several[0]
        shown = f"`{name}`" if len(several) == 1 else f"`{name}` to `{several[-1][0]}`"
        kind, meaning, values = _described(area, file, own, read.get(name))
        used = ", ".join(f"`{use}`" for use in _uses(plan, file, name)) if name in read else "none"
        lines.append(f"| {shown} | {kind} | {meaning} | {values} | {used} |")
    return "\n".join(lines)


def _described(area: Area, file: str, own: str, column: Column | None) -> tuple[str, str, str]:
    """Give type, meaning and allowed values; what the plan's schema says of a column goes first."""
    known = FAMILY_COLUMNS.get(file, _COLUMNS)
    kind, meaning, values = known.get(own, ("date", "", ""))
    meaning = _said(_IN_FILE.get((file, own), meaning), area)
    values = _said(values, area)
    if column is None:
        return kind, meaning, values
    if column.pad_to is not None:
        values = f"{column.pad_to} digits"
    if column.lowest is not None and column.highest is not None:
        apart = " or " if column.highest - column.lowest == 1 else " to "
        values = f"{column.lowest}{apart}{column.highest}"
    return _TYPES[column.dtype], meaning, values


def _stem(own: str) -> str:
    """Items of one scale are told of together."""
    return own[0] if own in RATING_ITEMS + CONFIDENCE_ITEMS else own


def _said(words: str, area: Area) -> str:
    article = "an" if area.practitioner[0] in "aeiou" else "a"
    spell = f"a spell that began with {area.outcome}"
    return words.format(
        practitioner=area.practitioner,
        a_practitioner=f"{article} {area.practitioner}",
        service=area.service,
        need=area.need,
        need_cap=area.need_cap,
        outcome=area.outcome,
        second=area.second,
        step=area.step,
        record=spell if area.spells else f"a client with {area.outcome} or {area.second}",
    )


def _plan(name: str) -> Plan:
    template = files("deepvalue_stats").joinpath("plan", "templates", f"{name}.toml")
    return parse_plan(tomllib.loads(template.read_text(encoding="utf-8")))


def _uses(plan: Plan, file: str, column: str) -> list[str]:
    """Name every setting of the plan in which the column stands."""
    found = [
        where.removesuffix(".column")
        for where, value in _settings(plan.model_dump(by_alias=True), "")
        if value in (column, f"{file}.{column}")
    ]
    elsewhere = [f"sources.{other}." for other in plan.sources if other != file]
    return [
        where
        for where in dict.fromkeys(found)
        if not where.startswith(tuple(elsewhere)) and not where.startswith("models.")
    ]


def _settings(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Go through the values of a plan, entries of a list under the list's own name."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _settings(entry, f"{where}.{key}" if where else key)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _settings(entry, where)
    else:
        yield where, value


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(dictionary(), encoding="utf-8", newline="\n")
