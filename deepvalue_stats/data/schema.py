"""What each column of each source is, compiled from the uses that the plan has for it.

A column may have several uses. The first decides its role, in the order ids, items, clock,
outcomes, covariates, key; its type is the stricter of two that go together, and all others are
refused:

- an id that is also a category stays text;
- a wave that is also a category or a number is a wave;
- an item that is also a number (a status read from it, say) or a category is an item;
- a number that is also a category is a number;
- a key column has the type of its other use, and is an id without one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deepvalue_stats.data.dataset import Column, Dataset, Dtype, Role, TableSchema
from deepvalue_stats.errors import Fault, PlanError
from deepvalue_stats.plan.measure import resolve_measure
from deepvalue_stats.plan.parts import OutcomePlan, Plan

ROLES: tuple[Role, ...] = (
    "client", "practitioner", "service", "item", "clock", "outcome", "covariate", "key",
)  # fmt: skip
_STRICTER: Mapping[frozenset[str], Dtype] = {
    frozenset({"id", "category"}): "id",
    frozenset({"wave", "category"}): "wave",
    frozenset({"wave", "number"}): "wave",
    frozenset({"item", "number"}): "item",
    frozenset({"item", "category"}): "item",
    frozenset({"number", "category"}): "number",
}
_WORDS: Mapping[Dtype, str] = {
    "id": "an identifier",
    "item": "an item",
    "date": "a date",
    "wave": "a wave",
    "number": "a number",
    "category": "a category",
}


@dataclass(frozen=True)
class _Use:
    """One place of a plan that names a column, and what it takes the column to be.

    `dtype` is None for a key, which takes what the other uses say. `source` is None where the plan
    does not name it; `everywhere` marks a column that is read in each source that has it.
    """

    where: str
    what: str
    source: str | None
    column: str
    dtype: Dtype | None
    role: Role
    lowest: int | None = None
    highest: int | None = None
    pad_to: int | None = None
    set_missing: tuple[int, ...] = ()
    everywhere: bool = False
    normalise: bool = False
    check: Literal["nhs_modulus_11"] | None = None


def compile_schemas(plan: Plan, headers: Mapping[str, Sequence[str]]) -> dict[str, TableSchema]:
    """Compile the table schema of every source from the plan's uses of its columns.

    Parameters
    ----------
    plan : Plan
    headers : mapping of str to sequence of str
        The headers of every source.

    Returns
    -------
    dict of str to TableSchema
        Columns stand in the order of the file.

    Raises
    ------
    PlanError
        With every column that no source has, or that several have and the plan does not place,
        and every column whose uses contradict one another.
    """
    faults: list[Fault] = []
    uses: dict[tuple[str, str], list[_Use]] = {}
    # whose a record is stands in another table, and its source need not say so
    elsewhere = {name for name, link in plan.links.items() if link.rule != "key"}
    own = {name: columns for name, columns in headers.items() if name not in elsewhere}
    client = plan.ids.client.column
    faults += [
        Fault(
            f"source '{name}' has a column '{client}', and its clients are found by a link",
            f"links.{name}.rule",
            'set rule = "key", or rename the column if it is no id of these clients',
        )
        for name in headers
        if name in elsewhere and client in headers[name]
    ]
    for use in _uses(plan):
        sources, problems = _resolved(use, own if use.role == "client" else headers)
        faults += problems
        for source in sources:
            uses.setdefault((source, use.column), []).append(use)
    columns: dict[tuple[str, str], Column] = {}
    for (source, name), several in uses.items():
        merged = _merged(source, name, several)
        if isinstance(merged, Column):
            columns[source, name] = merged
        else:
            faults += merged
    if faults:
        raise PlanError.of(list(dict.fromkeys(faults)))
    return {
        source: TableSchema(
            source,
            tuple(plan.sources[source].key),
            tuple(columns[source, name] for name in names if (source, name) in columns),
        )
        for source, names in headers.items()
    }


def wanted_columns(plan: Plan, source: str) -> frozenset[str]:
    """Name every column that the plan may use of a source; what it does not name is never read."""
    return frozenset(use.column for use in _uses(plan) if use.source in (None, source))


def locate(column: str, data: Mapping[str, Dataset] | Mapping[str, TableSchema]) -> tuple[str, str]:
    """Find the source in which a column of the plan stands.

    Parameters
    ----------
    column : str
        As the plan writes it: `column` or `source.column`.
    data : mapping of str to Dataset or TableSchema
        By source.

    Returns
    -------
    source, column : str

    Raises
    ------
    PlanError
        If no source has it, or several have.

    Examples
    --------
    >>> trust = Column("q1", "item", "item", "ratings", 1, 5)
    >>> locate("q1", {"ratings": TableSchema("ratings", (), (trust,))})
    ('ratings', 'q1')
    """
    source, name = _placed(column, data)
    schemas = {key: one.schema if isinstance(one, Dataset) else one for key, one in data.items()}
    found = [
        key
        for key, schema in schemas.items()
        if source in (None, key) and name in {one.name for one in schema.columns}
    ]
    if len(found) != 1:
        have = f"the sources {', '.join(found)} have" if found else "no source has"
        fix = "write source.column" if found else "correct the name in the plan"
        raise PlanError(f"{have} the column '{name}'", f"column '{column}'", fix)
    return found[0], name


def _placed(column: str, sources: Iterable[str]) -> tuple[str | None, str]:
    """Take `source.column` apart; a column without a known source before its point is whole."""
    source, dot, name = column.partition(".")
    return (source, name) if dot and source in sources else (None, column)


def _uses(plan: Plan) -> Iterator[_Use]:
    """Go through every use, in the order in which the first decides the role."""
    yield from _id_uses(plan)
    yield from _pass_uses(plan)
    yield from _item_uses(plan)
    yield from _clock_uses(plan)
    yield from _outcome_uses(plan)
    yield from _covariate_uses(plan)
    for name, source in plan.sources.items():
        for i, column in enumerate(source.key):
            where = f"sources.{name}.key[{i}]"
            yield _Use(where, f"the key of '{name}' has", name, column, None, "key")


def _id_uses(plan: Plan) -> Iterator[_Use]:
    for role in ROLES[:3]:
        one = getattr(plan.ids, role)
        if one is None:
            continue
        where, what = f"ids.{role}.column", f"the {role}'s id is"
        source, column = _placed(one.column, plan.sources)
        use = _Use(where, what, source, column, "id", role, everywhere=source is None)
        # behind pseudonyms nobody could see that two ways to write one id have not met
        normalise = plan.ids.pseudonyms == "keyed" or one.check is not None
        yield replace(use, pad_to=one.pad_to, normalise=normalise, check=one.check)
    for name, link in plan.links.items():
        if link.table is not None:
            where, table = f"links.{name}.table", link.table
            for source in (name, table.source):
                what = "the links need the record's id"
                yield _Use(f"{where}.record", what, source, table.record, "id", "key")
            what = "the links are weighed by"
            yield _Use(f"{where}.weight", what, table.source, table.weight, "number", "key")


def _pass_uses(plan: Plan) -> Iterator[_Use]:
    """Go through the identifiers of passes, which both sources hold."""
    for name, link in plan.links.items():
        if link.passes is None:
            continue
        for column in link.passes.columns:
            for source in (name, link.passes.clients):
                dtype: Dtype = "date" if column in link.passes.dates else "category"
                where, what = f"links.{name}.passes", "records are linked by"
                yield _Use(where, what, source, column, dtype, "key")


def _item_uses(plan: Plan) -> Iterator[_Use]:
    """Go through the items; a subscale has those of its measure, and they are told of once."""
    seen = set()
    for name, measure in plan.measures.items():
        resolved = resolve_measure(name, measure)
        lowest, highest = resolved.response_range
        for i, item in enumerate(resolved.items):
            where, what = f"measures.{name}.items[{i}]", f"measure '{name}' uses item"
            use = _Use(where, what, *_placed(item, plan.sources), "item", "item")
            codes = resolved.not_applicable
            if (item, lowest, highest, codes) not in seen:
                yield replace(use, lowest=lowest, highest=highest, set_missing=codes)
            seen.add((item, lowest, highest, codes))


def _clock_uses(plan: Plan) -> Iterator[_Use]:
    clock = plan.clock
    if clock.wave:
        source, column = _placed(clock.wave, plan.sources)
        use = _Use("clock.wave", "the clock's wave is", source, column, "wave", "clock")
        yield replace(use, everywhere=source is None)
    for where, column in _dates(plan):
        yield _Use(where, "the clock uses date", *_placed(column, plan.sources), "date", "clock")


def _dates(plan: Plan) -> Iterator[tuple[str, str]]:
    """Go through the dates on the clock, those of outcomes included."""
    clock = plan.clock
    if clock.episodes:
        for key in ("date", "start", "end"):
            if getattr(clock.episodes, key):
                column = clock.episodes.qualified(getattr(clock.episodes, key))
                yield f"clock.episodes.{key}", column
        if clock.episodes.contacts:
            yield "clock.episodes.contacts", clock.episodes.contacts
    if clock.exposure:
        yield "clock.exposure.date", clock.exposure.date
    if clock.follow_up:
        for i, column in enumerate(clock.follow_up.censor):
            yield f"clock.follow_up.censor[{i}]", column
        if clock.follow_up.death:
            yield "clock.follow_up.death", clock.follow_up.death
    for name, outcome in plan.outcomes.items():
        if outcome.date:
            yield f"outcomes.{name}.date", outcome.date
        if outcome.end:
            yield f"outcomes.{name}.end", outcome.end


def _outcome_uses(plan: Plan) -> Iterator[_Use]:
    """Go through the columns of a status; one that is the outcome itself holds 0 and 1 alone."""
    for name, outcome in plan.outcomes.items():
        for key, column in _states(outcome):
            where, what = f"outcomes.{name}.{key}", f"outcome '{name}' uses column"
            use = _Use(where, what, *_placed(column, plan.sources), "number", "outcome")
            use = replace(use, set_missing=outcome.undocumented)
            yield replace(use, lowest=0, highest=1) if outcome.column else use


def _states(outcome: OutcomePlan) -> Iterator[tuple[str, str]]:
    if outcome.column:
        yield "column", outcome.column
    if outcome.any_of:
        yield "any_of.column", outcome.any_of.column
    if outcome.all_equal:
        for i, column in enumerate(outcome.all_equal.columns):
            yield f"all_equal.columns[{i}]", column


def _covariate_uses(plan: Plan) -> Iterator[_Use]:
    for name, covariate in plan.covariates.items():
        where, what = f"covariates.{name}.column", f"covariate '{name}' uses column"
        dtype: Dtype = "category" if covariate.type == "category" else "number"
        use = _Use(where, what, *_placed(covariate.column, plan.sources), dtype, "covariate")
        yield replace(use, lowest=0, highest=1) if covariate.type == "share" else use


def _resolved(use: _Use, headers: Mapping[str, Sequence[str]]) -> tuple[list[str], list[Fault]]:
    """Find the sources in which a use has its column, and what is wrong about it."""
    among = list(headers) if use.source is None else [use.source]
    found = [source for source in among if use.column in headers[source]]
    if use.role == "client" and use.everywhere:
        lacking = [source for source in among if source not in found]
        return found, [_absent(use, [source], headers) for source in lacking]
    if not found:
        return [], [_absent(use, among, headers)]
    if len(found) > 1 and not use.everywhere:
        several = ", ".join(found)
        what = f"{use.what} '{use.column}', which the sources {several} all have"
        ways = " or ".join(f"'{source}.{use.column}'" for source in found)
        return [], [Fault(what, use.where, f"write {ways}")]
    return found, []


def _absent(use: _Use, among: Sequence[str], headers: Mapping[str, Sequence[str]]) -> Fault:
    """Word the lack of a column, with the headers that were probably meant, and no other."""
    alone = len(among) == 1
    have = f"which source '{among[0]}' does not have" if alone else "which no source has"
    known = {name.casefold(): name for source in among for name in headers[source]}
    near = [known[name] for name in difflib.get_close_matches(use.column.casefold(), known)]
    place = "the source" if alone else "a source"
    meant = f"did you mean {' or '.join(repr(name) for name in near)}? If not, " if near else ""
    fix = f"{meant}correct the name, or add '{use.column}' to {place}"
    return Fault(f"{use.what} '{use.column}', {have}", use.where, fix)


def _merged(source: str, name: str, uses: Sequence[_Use]) -> Column | list[Fault]:
    """Make one column from all its uses, or the faults of those that contradict the first."""
    if name == "line":
        what = f"source '{source}' has a column 'line', a name of the package's own"
        return [Fault(what, uses[0].where, "rename it in the file and in the plan")]
    first, *others = [use for use in uses if use.dtype] or [replace(uses[0], dtype="id")]
    column = Column(
        name, first.dtype or "id", first.role, source,
        first.lowest, first.highest, first.pad_to, first.set_missing, first.normalise, first.check,
    )  # fmt: skip
    faults = []
    for use in others:
        joined = _joined(column, use)
        if joined is None:
            faults.append(_contradiction(column, first, use))
        else:
            column = joined
    return faults or column


def _joined(column: Column, use: _Use) -> Column | None:
    """Give the column one more use, or None if the use contradicts it."""
    same = use.dtype == column.dtype
    dtype = column.dtype if same else _STRICTER.get(frozenset({column.dtype, use.dtype or ""}))
    bounds = (use.lowest, use.highest)
    known = (column.lowest, column.highest)
    both_ids = {column.role, use.role} <= set(ROLES[:3])
    if dtype is None or both_ids or (None not in (*bounds, *known) and bounds != known):
        return None
    lowest, highest = known if use.lowest is None else bounds
    codes = tuple(dict.fromkeys((*column.set_missing, *use.set_missing)))
    return replace(column, dtype=dtype, lowest=lowest, highest=highest, set_missing=codes)


def _contradiction(column: Column, first: _Use, use: _Use) -> Fault:
    if use.dtype == column.dtype:
        reading = f"as {_WORDS[column.dtype]} in two ways"
    else:
        reading = f"as {_WORDS[column.dtype]} and as {_WORDS[use.dtype or 'id']}"
    return Fault(
        f"column '{column.name}' of source '{column.source}' is read {reading}",
        f"{first.where} and {use.where}",
        "name another column in one of the two",
    )
