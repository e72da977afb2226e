"""Multilevel formulas: the fixed part, and the brackets that say what varies over what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.coding import absent_columns, used_columns

NAME = r"(?:`[^`]+`|[^\W\d][\w.]*)"
INDEPENDENT = "\0"  # stands for || while a bracket is split at its bar
CLOSES = {"(": ")", "[": "]", "{": "}"}
EXAMPLE = "(1 + rapport | practitioner)"

T = TypeVar("T")


@dataclass(frozen=True)
class Bar:
    """Effects that vary over groups: one bracket of the formula.

    Attributes
    ----------
    effects : str
        The terms left of the bar; the intercept is implied unless they begin with 0.
    group : tuple of str
        Columns that together say which group a row belongs to; of a multiple membership, the
        columns of the groups that share a row.
    shares : tuple of str
        Columns with the weights of a multiple membership, as many as `group`; empty for equal
        weights.
    correlated : bool
        Whether the effects may be correlated; False for `||`, which makes every column of the
        effects independent of the others, those of one category or spline included (lme4 keeps
        them together).
    membership : bool
        Whether a row may belong to several groups.
    """

    effects: str
    group: tuple[str, ...]
    shares: tuple[str, ...] = ()
    correlated: bool = True
    membership: bool = False

    @property
    def name(self) -> str:
        """What a table calls the factor: practitioner, service:practitioner or mm(a, b)."""
        return f"mm({', '.join(self.group)})" if self.membership else ":".join(self.group)

    def __str__(self) -> str:
        return f"({self.effects} {'|' if self.correlated else '||'} {self.name})"


@dataclass(frozen=True)
class MixedFormula:
    """A multilevel formula taken apart.

    Attributes
    ----------
    outcome : str
    fixed : str
        `outcome ~ terms`, ready for `build_design`; the terms are 1 or 0 when there are no others.
    bars : tuple of Bar
    failures : str or None
        The column of failures, where the outcome was written `cbind(successes, failures)`.
    """

    outcome: str
    fixed: str
    bars: tuple[Bar, ...]
    failures: str | None = None


def split_formula(formula: str) -> MixedFormula:
    """Take a formula in the syntax of lme4 apart.

    Parameters
    ----------
    formula : str
        `outcome ~ fixed terms + (effects | group) + ...`. A group is a column, an interaction
        `a:b`, a nesting `a/b` (which is `a` and `a:b`), or a multiple membership
        `mm(adviser_1, adviser_2; share_1, share_2)`; `||` makes the effects independent. The
        outcome is a column, or `cbind(successes, failures)`.

    Returns
    -------
    MixedFormula

    Raises
    ------
    ModelError
        With every fault of the formula: brackets that do not match, an empty side, a bar outside
        of a bracket, a group or an outcome that is not a column's name, no bracket at all.

    Notes
    -----
    Powers, splines and contrasts of the fixed part go through untouched.

    References
    ----------
    Bates, Maechler, Bolker, Walker 2015, table 2 (syntax). Browne, Goldstein, Rasbash 2001,
    equation 3 (multiple membership).

    Examples
    --------
    >>> parts = split_formula("job ~ rapport + bs(age, df=4) + (1 + rapport | area/service)")
    >>> parts.fixed
    'job ~ rapport + bs(age, df=4)'
    >>> [str(bar) for bar in parts.bars]
    ['(1 + rapport | area)', '(1 + rapport | area:service)']
    """
    sides = [side.strip() for side in _split(formula, "~", formula)]
    if len(sides) != 2 or not all(sides):
        raise ModelError(
            "not a formula", formula, f"write outcome ~ terms, one ~ only, as y ~ x + {EXAMPLE}"
        )
    faults: list[Fault] = []
    outcome = _or_faults(partial(_outcome, sides[0], formula), faults)
    terms = _or_faults(partial(_terms, sides[1], formula), faults) or []
    kept: list[tuple[str, str]] = []
    bars: list[Bar] = []
    for sign, term in terms:
        found = _or_faults(partial(_bars, term, sign, formula), faults)
        bars += found or ()
        if found == ():
            kept.append((sign, term))
    if not bars and not faults:
        faults.append(
            Fault(
                "the formula has no random effects",
                formula,
                f"add what varies over groups, as {EXAMPLE}, or use fit_logit or fit_gee",
            )
        )
    if faults or outcome is None:
        raise ModelError.of(faults)
    response, failures = outcome
    return MixedFormula(
        outcome=_bare(response),
        fixed=f"{response} ~ {_joined(kept)}",
        bars=tuple(bars),
        failures=None if failures is None else _bare(failures),
    )


def formula_columns(mixed: MixedFormula) -> tuple[str, ...]:
    """Every column that a formula names, outcome first.

    Examples
    --------
    >>> formula_columns(split_formula("y ~ cr(age, df=4) + (1 + x | mm(a, b; v, w))"))
    ('y', 'age', 'x', 'a', 'b', 'v', 'w')
    """
    counts = () if mixed.failures is None else (mixed.failures,)
    right = mixed.fixed.partition(" ~ ")[2]
    names = [mixed.outcome, *counts, *used_columns(right, mixed.fixed)]
    return tuple(dict.fromkeys([*names, *(n for bar in mixed.bars for n in bar_columns(bar))]))


def bar_columns(bar: Bar) -> tuple[str, ...]:
    """The columns that one bracket names: of its effects, its groups and its shares."""
    return (*used_columns(bar.effects, str(bar)), *bar.group, *bar.shares)


def refuse_missing_columns(mixed: MixedFormula, frame: pd.DataFrame) -> None:
    """Refuse a formula that names columns which a frame does not have.

    Raises
    ------
    ModelError
        With one fault for the fixed part and one for each bracket that names such a column.
    """
    counts = () if mixed.failures is None else (mixed.failures,)
    right = mixed.fixed.partition(" ~ ")[2]
    fixed = (mixed.outcome, *counts, *used_columns(right, mixed.fixed))
    refuse_absences([(mixed.fixed, fixed), *((str(b), bar_columns(b)) for b in mixed.bars)], frame)


def refuse_absences(places: Iterable[tuple[str, tuple[str, ...]]], frame: pd.DataFrame) -> None:
    """Raise one ModelError for all places that name columns which a frame does not have."""
    told = [(absent_columns(names, frame), where) for where, names in places]
    fix = f"use some of {', '.join(map(str, frame.columns))}"
    faults = [Fault(what, where, fix) for what, where in told if what]
    if faults:
        raise ModelError.of(faults)


def _or_faults(parse: Callable[[], T], faults: list[Fault]) -> T | None:
    """What a parse gives; where it fails, nothing, and its faults are kept for later."""
    try:
        return parse()
    except ModelError as error:
        faults += error.faults
        return None


def _outcome(text: str, formula: str) -> tuple[str, str | None]:
    if re.fullmatch(NAME, text):
        return text, None
    counts = re.fullmatch(rf"cbind\(\s*({NAME})\s*,\s*({NAME})\s*\)", text)
    if counts:
        return counts[1], counts[2]
    raise ModelError(
        f"the outcome '{text}' is not a column",
        formula,
        "name a column, or cbind(successes, failures) of two; trials are given by keyword",
    )


def _terms(text: str, formula: str) -> list[tuple[str, str]]:
    """Terms of a side with the sign in front of each."""
    found: list[tuple[str, str]] = []
    sign, start = "+", 0
    places = [i for i, free in enumerate(_free(text, formula)) if free and text[i] in "+-"]
    for place in [*places, len(text)]:
        term = text[start:place].strip()
        if term:
            found.append((sign, term))
        elif start > 0 or place == len(text):
            raise ModelError(
                "a term is missing after a sign", formula, "write a term after every + and -"
            )
        sign, start = text[place : place + 1], place + 1
    return found


def _joined(terms: list[tuple[str, str]]) -> str:
    if not terms:
        return "1"
    (sign, first), *others = terms
    head = first if sign == "+" else f"-{first}"
    return " ".join([head, *(f"{sign} {term}" for sign, term in others)])


def _bars(term: str, sign: str, formula: str) -> tuple[Bar, ...]:
    """The brackets that a term stands for; none when it belongs to the fixed part."""
    if re.match(r"offset\s*\(", term):
        raise ModelError("an offset stands in the formula", formula, "give it by keyword: offset=")
    if not any(f and c == "|" for f, c in zip(_free(term, formula, True), term, strict=True)):
        return ()
    inner = _unwrapped(term)
    marked = inner.replace("||", INDEPENDENT)
    sides = [side.strip() for side in _split(marked, f"|{INDEPENDENT}", formula)]
    correlated = INDEPENDENT not in marked
    if inner == term or sign == "-" or len(sides) == 1:
        raise ModelError(
            f"a bar stands where it has no meaning: {term}",
            formula,
            f"add effects that vary over groups as a bracket of their own: + {EXAMPLE}",
        )
    if len(sides) != 2 or not all(sides):
        raise ModelError(
            f"a bracket needs effects, one bar and a group: {term}", formula, f"write {EXAMPLE}"
        )
    used_columns(sides[0], f"{formula}: {term}")
    shared = re.fullmatch(r"mm\s*\((.*)\)", sides[1], re.DOTALL)
    if shared:
        return (_membership(sides[0], shared[1], correlated, term, formula),)
    groups = _groups(sides[1], term, formula)
    return tuple(Bar(sides[0], group, correlated=correlated) for group in groups)


def _groups(text: str, term: str, formula: str) -> list[tuple[str, ...]]:
    """Columns of each factor: `a/b` is a, and b within a."""
    groups: list[tuple[str, ...]] = []
    for level in _split(_unwrapped(text), "/", formula):
        names = _names(_split(_unwrapped(level.strip()), ":", formula), term, formula)
        above = groups[-1] if groups else ()
        groups.append(tuple(dict.fromkeys([*above, *names])))
    return groups


def _membership(effects: str, text: str, correlated: bool, term: str, formula: str) -> Bar:
    lists = [_split(part, ",", formula) for part in _split(text, ";", formula)]
    group = _names(lists[0], term, formula)
    shares = _names(lists[1], term, formula) if len(lists) == 2 else ()
    wrong = len(lists) > 2 or len(group) < 2 or len(set(group)) < len(group)
    if wrong or (len(lists) == 2 and len(shares) != len(group)):
        raise ModelError(
            f"a multiple membership needs two columns of groups or more, "
            f"and as many of shares or none: {term}",
            formula,
            "write (1 | mm(adviser_1, adviser_2; share_1, share_2))",
        )
    return Bar(effects, group, shares, correlated, membership=True)


def _names(parts: list[str], term: str, formula: str) -> tuple[str, ...]:
    names = [part.strip() for part in parts]
    wrong = [name for name in names if not re.fullmatch(NAME, name)]
    if wrong:
        raise ModelError(
            f"'{', '.join(wrong)}' is not a column to group by: {term}",
            formula,
            "name a column, a:b for their combinations, or a/b for b within a; "
            "give each factor its own bracket",
        )
    return tuple(_bare(name) for name in names)


def _bare(name: str) -> str:
    return name.strip("`")


def _unwrapped(text: str) -> str:
    """A text without brackets around the whole of it."""
    while text.startswith("(") and text.endswith(")") and not any(_free(text, text)):
        text = text[1:-1].strip()
    return text


def _split(text: str, marks: str, formula: str) -> list[str]:
    """Parts of a text between marks that stand outside of brackets and quotes."""
    parts, start = [], 0
    for place, free in enumerate(_free(text, formula)):
        if free and text[place] in marks:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _free(text: str, formula: str, through_groups: bool = False) -> list[bool]:
    """Whether each character stands outside of brackets and quotes.

    With `through_groups`, brackets that only group terms count as absent, and those of a call
    do not.
    """
    free: list[bool] = []
    closing: list[str] = []
    shut = 0
    hides: list[bool] = []
    quote = ""
    for place, char in enumerate(text):
        inside = bool(quote) or shut > 0
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'`":
            quote, inside = char, True
        elif char in CLOSES:
            call = char != "(" or (place > 0 and re.match(r"[\w.`\])]", text[place - 1]))
            hides.append(bool(call) or not through_groups)
            closing.append(CLOSES[char])
            shut += hides[-1]
            inside = True
        elif char in CLOSES.values():
            if not closing or closing.pop() != char:
                raise ModelError(
                    f"a '{char}' closes nothing", formula, "open as many brackets as you close"
                )
            shut -= hides.pop()
            inside = True
        free.append(not inside)
    if quote or closing:
        raise ModelError(
            f"a {'quotation' if quote else 'bracket'} is not closed, '{quote or closing[-1]}' is "
            "missing",
            formula,
            "close every bracket and quotation that is opened",
        )
    return free
