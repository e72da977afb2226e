"""By how much the exposure moves in a printed effect."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from deepvalue_stats.errors import ModelError


@dataclass(frozen=True)
class Contrast:
    """A unit of the exposure.

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
        unit = "1 SD" if self.name == "sd" else "1 point"
        points = f" ({self.size:.3f} points)" if self.name == "sd" else ""
        return f"average derivative x {unit}{points}"


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
