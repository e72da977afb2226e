"""By how much the exposure moves in a printed effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepvalue_stats.errors import ModelError


@dataclass(frozen=True)
class Contrast:
    """A unit of the exposure.

    A difference is the average derivative in that unit. A ratio has no such derivative: it is that
    of everybody one unit higher against everybody as they are.

    Attributes
    ----------
    name : str
        sd or point, as the table's `contrast` column says.
    size : float
        The unit in the exposure's own points.
    """

    name: str
    size: float

    @property
    def estimand(self) -> str:
        """What is estimated, in words: the average derivative, not a forward step."""
        return f"average derivative x {self._unit}"

    @property
    def step(self) -> Step:
        """Everybody one unit higher, against everybody as they are."""
        return Step(f"{self.name} step", self.size, f"everybody {self._unit} higher, against as is")

    @property
    def _unit(self) -> str:
        return f"1 SD ({self.size:.3f} points)" if self.name == "sd" else "1 point"


@dataclass(frozen=True)
class Step:
    """Everybody's exposure higher by a stated amount, against everybody's as it is.

    Attributes
    ----------
    name : str
        As the table's `contrast` column says.
    size : float
        In the exposure's own points; below 0 for lower.
    estimand : str
        What is compared, in words.
    """

    name: str
    size: float
    estimand: str

    def settings(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The exposure with the step and without it, shapes (n,)."""
        return values + self.size, values


@dataclass(frozen=True)
class Levels:
    """Everybody's exposure at one value, against everybody's at another.

    Attributes
    ----------
    low, high : float
        In the exposure's own points; the effect is that of `high` against `low`.
    name : str
        As the table's `contrast` column says.
    """

    low: float
    high: float
    name: str = "levels"

    @property
    def estimand(self) -> str:
        """What is compared, in words."""
        return f"everybody at {self.high:.4g}, against everybody at {self.low:.4g}"

    def settings(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The exposure at the one value and at the other, shapes (n,)."""
        return np.full_like(values, self.high), np.full_like(values, self.low)


POINT = Contrast("point", 1.0)


def per_sd(values: pd.Series) -> Contrast:
    """One standard deviation (n - 1) of an exposure on the model's own rows.

    Raises
    ------
    ModelError
        If the exposure does not vary.
    """
    size = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    if not size > 0:
        raise ModelError(
            f"'{values.name}' is the same in all {len(values)} rows",
            "exposure",
            "an effect per SD needs an exposure that varies",
        )
    return Contrast("sd", size)
