"""What a text means as a value of each type, and which texts mean nothing.

Every function takes the distinct texts of a column that are neither missing nor suppressed, and
gives their values, NaN where there is none, with a mask over them for each kind of trouble.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from deepvalue_stats.data.dataset import Action, Column
from deepvalue_stats.data.ids import nhs_numbers, normalised, padded
from deepvalue_stats.data.text import UNSEEN

EXCEL = "excel"
ISO = "%Y-%m-%d"
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_EXCEL_DAY_0 = datetime.date(1899, 12, 30).toordinal() - _EPOCH
_FIRST_DAY = datetime.date(1900, 1, 1).toordinal() - _EPOCH
_LAST_DAY = datetime.date(2099, 12, 31).toordinal() - _EPOCH
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SERIAL = re.compile(r"\d{5}(\.\d+)?", re.ASCII)  # 18 May 1927 and later; four digits are a year
_DECIMAL = re.compile(r"\d+\.0+", re.ASCII)
_POWER = re.compile(r"\d(\.\d+)?[eE]\+\d+", re.ASCII)
# what databases and programs write where there is no date
_PLACEHOLDERS = (_FIRST_DAY, 0, _LAST_DAY)
_TO_MISSING = "mend the cells, or add the token that stands for a missing value to `missing`"


@dataclass(frozen=True)
class Kind:
    """One kind of trouble: a "fault" is refused or excluded, as the plan says."""

    what: str
    fix: str
    action: Literal["fault"] | Action = "fault"


Marks = list[tuple[Kind, np.ndarray]]

PADDED = Kind("leading zeros restored", "keep the column as text when extracting", "repaired")
DECIMAL = Kind(
    "ids written as decimal numbers, read without their .0",
    "keep the column as text when extracting",
    "repaired",
)
POWER = Kind(
    "an id in powers of ten, whose last digits are lost", "keep the column as text when extracting"
)
HIDDEN_SIGN = Kind(
    "a sign within an id that cannot be seen, or told from a space", "mend the cells"
)
SEVERAL_WAYS = Kind(
    "an id that is written in several ways, read as one",
    "extract ids in one form; if letter case tells two people apart, recode the ids",
    "noted",
)
NOT_NHS = Kind(
    "not an NHS number: 10 digits, the last a check digit (modulus 11)",
    "mend the ids, or take `check` out of the plan if they are of another kind",
)
PERCENT = Kind(
    "a percentage where a number is needed",
    "take the % sign out, and use percentages or shares throughout, not both",
)
COMMA = Kind(
    "a comma in a number", "write a point as the decimal sign, and nothing between thousands"
)
NOT_NUMBER = Kind("not a number", _TO_MISSING)
NOT_WHOLE = Kind("not a whole number", _TO_MISSING)
UNDOCUMENTED = Kind("undocumented code", "ask the data owner what the code means", "set missing")
NOT_DATE = Kind("not a date in the declared formats", "add the form to `dates`, or mend the cells")
TWO_DATES = Kind(
    "fits two date formats",
    "declare the one true form in the source's `dates`: a value must fit exactly one",
)
SERIAL = Kind(
    "an Excel serial number in a date column",
    'add "excel" to `dates` if the numbers count days since 1900',
)
PLACEHOLDER = Kind(
    "a date that often stands for none (1900-01-01, 1970-01-01, 2099-12-31)",
    "if it does here, add it to `missing` as it is written",
    "noted",
)
FAR_DATE = Kind("a date outside 1900-01-01 to 2099-12-31", _TO_MISSING)


def values_of(
    texts: Sequence[str], column: Column, forms: Sequence[str]
) -> tuple[np.ndarray, Marks]:
    """Give texts their values in a column's type.

    Parameters
    ----------
    texts : sequence of str
        Distinct, stripped, neither missing nor suppressed.
    column : Column
    forms : sequence of str
        Of dates.

    Returns
    -------
    values : array, shape (n_texts,)
        Text, or float64 with NaN for what has no value.
    marks : list of (Kind, boolean array)
    """
    match column.dtype:
        case "id":
            return _ids(texts, column)
        case "category":
            return _objects(texts), []
        case "item":
            return _items(texts, column)
        case "wave":
            values = floats(texts)
            return values, [(NOT_WHOLE, ~((values == np.floor(values)) & (abs(values) < 2**53)))]
        case "number":
            return _numbers(texts, column)
        case "date":
            return _dates(texts, forms)


def names_a_day(form: str) -> bool:
    """Check that a date form tells one day from another."""
    day = datetime.datetime(2013, 12, 31)
    try:
        return datetime.datetime.strptime(day.strftime(form), form) == day
    except ValueError:
        return False


def _objects(texts: Sequence[str]) -> np.ndarray:
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    return values


def _ids(texts: Sequence[str], column: Column) -> tuple[np.ndarray, Marks]:
    """Keep identifiers as text, in their normal form where the plan keys or checks them.

    Zeros that a spreadsheet took from a number are restored where the plan tells the width.
    """
    width, values = column.pad_to, _objects(texts)
    unseen, power = _spoilt(texts)
    noted: Marks = []
    if column.normalise:
        # what cannot be seen is no part of a normal form
        unseen[:] = False
        values = _objects([normalised(text) for text in texts])
        ways = Counter(values)
        noted.append((SEVERAL_WAYS, np.array([ways[text] > 1 for text in values], dtype=bool)))
    marks: Marks = [(HIDDEN_SIGN, unseen), (POWER, power), *noted]
    if width is not None:
        decimal = np.array([_DECIMAL.fullmatch(text) is not None for text in values], dtype=bool)
        values[decimal] = [text.partition(".")[0] for text in values[decimal]]
        long = np.array([len(text) > width for text in values], dtype=bool) & ~(unseen | power)
        too_long = Kind(f"id longer than {width} characters", "correct `pad_to`, or mend the cells")
        whole = _objects([padded(text, width) for text in values])
        marks += [(too_long, long), (DECIMAL, decimal), (PADDED, (whole != values) & ~decimal)]
        values = whole
    if column.check is not None:
        marks.append((NOT_NHS, ~nhs_numbers(list(values)) & ~power))
    return values, marks


def _spoilt(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mark ids with a sign that cannot be seen in them, and those that a spreadsheet rounded."""
    unseen, power = np.zeros((2, len(texts)), dtype=bool)
    together = "".join(texts)
    if not together.isascii():
        unseen[:] = [any(sign in UNSEEN for sign in text) for text in texts]
    if "+" in together:
        power[:] = [_POWER.fullmatch(text) is not None for text in texts]
    return unseen, power


def floats(texts: Sequence[str]) -> np.ndarray:
    """Read numbers, NaN where a text is none; `float` by itself would also take 1_000 and nan."""
    found = [float(text) if _NUMBER.fullmatch(text) else np.nan for text in texts]
    values = np.array(found, dtype=np.float64)
    values[np.isinf(values)] = np.nan
    return values


def _items(texts: Sequence[str], column: Column) -> tuple[np.ndarray, Marks]:
    """Read whole numbers in a range; codes for "does not apply" are missing without a word."""
    values = floats(texts)
    inapplicable = np.isin(values, column.set_missing)
    wrong = ~inapplicable & ~_whole_within(values, column)
    values[inapplicable] = np.nan
    fix = f"{_TO_MISSING}, or the code for 'does not apply' to the measure's `not_applicable`"
    return values, [(Kind(_outside(column), fix), wrong)]


def _numbers(texts: Sequence[str], column: Column) -> tuple[np.ndarray, Marks]:
    """Read numbers; a status outcome and a share are whole, and may be bounded."""
    values = floats(texts)
    undocumented = np.isin(values, column.set_missing)
    if column.role == "outcome" and column.highest is not None:
        marks = _binary(values, undocumented)
    elif column.highest is not None:
        marks = [(Kind(_outside(column), _TO_MISSING), ~_whole_within(values, column))]
    elif column.role == "outcome":
        marks = [(NOT_WHOLE, ~_whole_within(values, column))]
    else:
        marks = _unreadable(texts, values)
    values[undocumented] = np.nan
    return values, [*marks, (UNDOCUMENTED, undocumented)]


def _binary(values: np.ndarray, undocumented: np.ndarray) -> Marks:
    """Hold an outcome to two values: more mean that a rule is missing, and no row is to blame."""
    distinct = len(np.unique(values[~undocumented], equal_nan=False))
    kind = Kind(
        f"an outcome is 0 or 1, and the column has {distinct} distinct values",
        "say with any_of or all_equal which are a good outcome, and list codes without a meaning "
        "in `undocumented`",
        "refused",
    )
    return [(kind, ~undocumented & ~np.isin(values, (0, 1)))]


def _unreadable(texts: Sequence[str], values: np.ndarray) -> Marks:
    """Part the texts that are no number by what would make them one."""
    wrong = np.isnan(values)
    percent = wrong & np.array([text.endswith("%") for text in texts], dtype=bool)
    comma = np.array([_is_number(text.replace(",", "")) for text in texts], dtype=bool)
    comma &= wrong & ~percent
    return [(PERCENT, percent), (COMMA, comma), (NOT_NUMBER, wrong & ~percent & ~comma)]


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _whole_within(values: np.ndarray, column: Column) -> np.ndarray:
    lowest = -np.inf if column.lowest is None else column.lowest
    highest = np.inf if column.highest is None else column.highest
    whole: np.ndarray = (values == np.floor(values)) & (values >= lowest) & (values <= highest)
    return whole


def _outside(column: Column) -> str:
    return f"not a whole number from {column.lowest} to {column.highest}"


def _dates(texts: Sequence[str], forms: Sequence[str]) -> tuple[np.ndarray, Marks]:
    """Count days since 1970-01-01; every text must fit exactly one of the declared forms."""
    fits = [_days(text, forms) for text in texts]
    n_fits = np.array([len(days) for days in fits], dtype=np.int64)
    values = np.array([min(days, default=np.nan) for days in fits], dtype=np.float64)
    serial = np.array([_SERIAL.fullmatch(text) is not None for text in texts], dtype=bool)
    serial &= n_fits == 0
    far = (n_fits == 1) & ((values < _FIRST_DAY) | (values > _LAST_DAY))
    none = (n_fits == 0) & ~serial
    placeholder = (n_fits == 1) & np.isin(values, _PLACEHOLDERS)
    return values, [
        (NOT_DATE, none), (SERIAL, serial), (TWO_DATES, n_fits > 1), (FAR_DATE, far),
        (PLACEHOLDER, placeholder),
    ]  # fmt: skip


def _days(text: str, forms: Sequence[str]) -> set[int]:
    """Find the days that a text can mean; two forms that agree on the day count once."""
    days = set()
    for form in forms:
        if form == EXCEL:
            if _SERIAL.fullmatch(text):
                days.add(_EXCEL_DAY_0 + int(text[:5]))
            continue
        try:
            day = datetime.datetime.strptime(text, form)
        except ValueError:
            continue
        days.add(day.toordinal() - _EPOCH)
    return days
