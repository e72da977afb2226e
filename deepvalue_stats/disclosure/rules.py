"""The rules of a disclosure profile, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from deepvalue_stats.plan.checks import PROMISED
from deepvalue_stats.plan.parts import Disclosure


@dataclass(frozen=True)
class Rules:
    """When a count may leave the room.

    Attributes
    ----------
    profile : str
    threshold : int
        A count below it is suppressed, on the unrounded count, and so is the rest of its total.
        0 switches the rule off: for public and synthetic data only.
    rounding : int
        What passes is rounded to the nearest multiple of it; 1 leaves it as it is.
    """

    profile: str
    threshold: int
    rounding: int

    @property
    def open(self) -> bool:
        """Whether nothing is hidden."""
        return self.threshold == 0 and self.rounding == 1

    def says(self) -> tuple[str, ...]:
        """The rules in words, for the foot of a page."""
        if self.open:
            return (
                "The data are declared public or synthetic: "
                "counts are neither suppressed nor rounded.",
            )
        return (
            f"Counts below {self.threshold}, and what would leave fewer than {self.threshold} "
            "for the rest, are suppressed and marked [c].",
            f"Other counts are rounded to the nearest {self.rounding}; "
            "totals are rounded on their own, so parts may not add up to them.",
        )


@dataclass(frozen=True)
class Log:
    """What disclosure control did: the rules in words, and one line a table and rule.

    Attributes
    ----------
    rules : tuple of str
    decisions : pandas.DataFrame
        Columns `table`, `column`, `rule`, `cells`, `suppressed`; all text, no number of a person.
    """

    rules: tuple[str, ...]
    decisions: pd.DataFrame


# acro: defaults of the ACRO tool (threshold 10). opensafely: 7 or fewer are suppressed, and the
# rest rounded to the nearest 5, the defaults of OpenSAFELY's measures. A plan may ask a named
# profile for more than it promises, and never for less.
PROFILES: Mapping[str, Rules] = MappingProxyType(
    {
        "open": Rules("open", 0, 1),
        **{name: Rules(name, *promised) for name, promised in PROMISED.items()},
    }
)


def rules_of(disclosure: Disclosure) -> Rules:
    """The rules that a plan's disclosure table asks for."""
    if disclosure.profile == "own":
        return Rules("own", disclosure.threshold or 1, disclosure.rounding or 1)
    profile = PROFILES[disclosure.profile]
    return Rules(
        profile.profile,
        disclosure.threshold or profile.threshold,
        disclosure.rounding or profile.rounding,
    )


def round_to(count: int | np.ndarray, base: int) -> np.ndarray:
    """The nearest multiple of `base`, halves upwards, so that equal counts round equally."""
    values = np.asarray(count, dtype=np.int64)
    return np.asarray((2 * values + base) // (2 * base) * base)
