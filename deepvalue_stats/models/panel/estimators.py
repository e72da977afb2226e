"""The estimators of a panel, and the options that each of them has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from deepvalue_stats.errors import ModelError

Components = Literal["swamy_arora", "amemiya", "wallace_hussain"]
COMPONENTS = ("swamy_arora", "amemiya", "wallace_hussain")


@dataclass(frozen=True)
class Pooled:
    """All rows as if each were another client; only the standard errors know better."""

    name: ClassVar[str] = "pooled"


@dataclass(frozen=True)
class Within:
    """Each client against the client's own mean: everything fixed about a client cancels.

    Attributes
    ----------
    time_effects : bool
        Also against the mean of the wave: what happened to everybody cancels.
    """

    name: ClassVar[str] = "within"
    time_effects: bool = False


@dataclass(frozen=True)
class Between:
    """Clients' means against each other, each client counted once."""

    name: ClassVar[str] = "between"


@dataclass(frozen=True)
class FirstDifference:
    """Each client's change since the wave before.

    Attributes
    ----------
    gaps : str
        What becomes of two rows of a client with waves between them that the client missed. drop:
        no difference is taken, and the pair is counted. span: it is, as if they were adjacent (as
        R's plm does).
    """

    name: ClassVar[str] = "first_difference"
    gaps: Literal["drop", "span"] = "drop"

    def __post_init__(self) -> None:
        if self.gaps not in ("drop", "span"):
            raise ModelError(f"no way '{self.gaps}' with gaps", "gaps", "use drop or span")


@dataclass(frozen=True)
class Random:
    """Clients' levels as random effects that have nothing to do with the exposure.

    Attributes
    ----------
    components : str
        How their variance is estimated: swamy_arora, amemiya or wallace_hussain.
    """

    name: ClassVar[str] = "random"
    components: Components = "swamy_arora"

    def __post_init__(self) -> None:
        if self.components not in COMPONENTS:
            raise ModelError(
                f"no variance components '{self.components}'",
                "components",
                f"use one of {', '.join(COMPONENTS)}",
            )


@dataclass(frozen=True)
class WithinBetween:
    """Random effects, with the exposure split into a client's mean and the distance from it.

    Attributes
    ----------
    split : sequence of str, optional
        Columns to split; every numeric column of the formula, but for the time, that varies
        within clients when left out.
    powers : int
        Up to which power the clients' means enter: the split of a logit is not exact, and
        powers of the mean tell how much that matters.
    wave_count : bool, optional
        Whether the number of a client's waves enters as `client_waves`; when left out, it does
        where clients differ in it.
    quadrature_points : int
        Of a binary outcome's logit.
    """

    name: ClassVar[str] = "within_between"
    split: Sequence[str] | None = None
    powers: int = 1
    wave_count: bool | None = None
    quadrature_points: int = 15

    def __post_init__(self) -> None:
        if self.powers not in (1, 2, 3, 4):
            raise ModelError(
                "not 1, 2, 3 or 4", "powers", "1 is the mean itself, 2 adds its square"
            )


@dataclass(frozen=True)
class ConditionalLogit:
    """Which of a client's waves had the good outcome, given how many had."""

    name: ClassVar[str] = "conditional_logit"


Estimator = Pooled | Within | Between | FirstDifference | Random | WithinBetween | ConditionalLogit
BY_NAME: dict[str, type[Estimator]] = {
    one.name: one
    for one in (Pooled, Within, Between, FirstDifference, Random, WithinBetween, ConditionalLogit)
}


def as_estimator(asked: str | Estimator) -> Estimator:
    """An estimator by its name with its own defaults, or as it is given."""
    if not isinstance(asked, str):
        return asked
    if asked not in BY_NAME:
        raise ModelError(f"no estimator '{asked}'", "estimator", f"use one of {', '.join(BY_NAME)}")
    return BY_NAME[asked]()
