"""Which item measures which factor: one factor, several that correlate, or a bifactor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepvalue_stats.errors import DataError, Fault

GENERAL = "general"


@dataclass(frozen=True)
class Structure:
    """A pattern of loadings.

    Attributes
    ----------
    items : tuple of str, length p
    factors : tuple of str, length m
        Empty for the baseline model, in which no item has anything to do with another.
    pattern : boolean array, shape (p, m)
        Which loadings are free.
    correlated : bool
        Whether the factors may correlate.
    """

    items: tuple[str, ...]
    factors: tuple[str, ...]
    pattern: np.ndarray
    correlated: bool

    @property
    def general(self) -> bool:
        """Whether every item loads on the first factor, beside others."""
        return len(self.factors) > 1 and bool(self.pattern[:, 0].all())

    @property
    def baseline(self) -> Structure:
        """The same items without any factor."""
        return Structure(self.items, (), np.zeros((len(self.items), 0), dtype=bool), False)


def one_factor(items: Sequence[str]) -> Structure:
    """All items measure one thing.

    Raises
    ------
    DataError
        With fewer than three items: one factor of two items has more parameters than moments.
    """
    if len(items) < 3:
        raise DataError(
            f"a single factor needs three items, and {len(items)} were given",
            "items",
            "correlate the two items instead, or add a factor with further items",
        )
    return Structure(tuple(items), ("score",), np.ones((len(items), 1), dtype=bool), False)


def correlated_factors(subscales: Mapping[str, Sequence[str]]) -> Structure:
    """Each subscale measures its own thing, and the things may go together.

    A factor of two items is accepted here: its correlations with the other factors identify it.

    Raises
    ------
    DataError
        With fewer than two subscales, a subscale of one item, or an item of two subscales.
    """
    _check(subscales, least=2)
    items = [item for one in subscales.values() for item in one]
    columns = [np.isin(items, list(one)) for one in subscales.values()]
    return Structure(tuple(items), tuple(subscales), np.column_stack(columns), True)


def bifactor(subscales: Mapping[str, Sequence[str]]) -> Structure:
    """One general factor behind all items, and one of its own behind each subscale, uncorrelated.

    Raises
    ------
    DataError
        With fewer than two subscales, a subscale of fewer than three items (two loadings on a
        factor that correlates with nothing are not identified), or an item of two subscales.

    References
    ----------
    Holzinger and Swineford (1937), Psychometrika 2.
    """
    _check(subscales, least=3)
    items = [item for one in subscales.values() for item in one]
    columns = [np.ones(len(items), dtype=bool)]
    columns += [np.isin(items, list(one)) for one in subscales.values()]
    return Structure(tuple(items), (GENERAL, *subscales), np.column_stack(columns), False)


def _check(subscales: Mapping[str, Sequence[str]], *, least: int) -> None:
    faults = []
    if len(subscales) < 2:
        what = f"{len(subscales)} subscale given, and two are needed"
        faults.append(Fault(what, "subscales", "fit one factor instead"))
    items = [item for one in subscales.values() for item in one]
    for item in sorted({item for item in items if items.count(item) > 1}):
        fix = "leave it in one of them"
        faults.append(Fault(f"item '{item}' stands in more than one subscale", "subscales", fix))
    for name, one in subscales.items():
        if len(one) < least:
            what = f"subscale '{name}' has {len(one)} item{'s' * (len(one) != 1)}, needs {least}"
            faults.append(Fault(what, f"subscales.{name}", "join it with another one"))
    if faults:
        raise DataError.of(faults)
