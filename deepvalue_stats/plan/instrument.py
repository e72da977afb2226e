"""What is known of a scale before anyone answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from deepvalue_stats.plan.base import Rater


def _none() -> Mapping[str, tuple[int, ...]]:
    return MappingProxyType({})


def _no_words() -> Mapping[Rater, tuple[str, ...]]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Instrument:
    """A published scale, or one of our own wording, with its source.

    Attributes
    ----------
    name : str
        The key that a plan gives as `instrument`.
    title : str
        What the scale is called.
    n_items : int
        How many items the full form has.
    response_range : tuple of int
        Lowest and highest response of an item.
    raters : tuple of str
        For whom there is a form: client, practitioner, observer.
    direction : str
        What a high score means.
    licence, reference : str
        Terms of use, and where the scale was published.
    scoring : "mean" or "sum"
        How its authors make the score. The package's own is always the mean of the answered items,
        in the items' units; a sum is that times the number of items.
    reversed_items : tuple of int, or None
        Positions (from 1) of items whose high response means a poor relationship. None: there are
        some, which ones could not be verified, and a plan has to name them.
    minimum_items : int or None
        Fewer answered items give no score, by the authors' rule; None where no rule was found.
    missing_rule : str
        What is done about items that were not answered or do not apply.
    subscales : mapping of str to tuple of int
        Positions (from 1) of each subscale's items.
    notes, unverified : tuple of str
        What a user has to know, and which facts could not be checked against a source.
    responses : tuple of str
        What the responses are called, lowest first; only where the wording is our own.
    wording : mapping of str to tuple of str
        The items for each rater; only where the wording is our own.
    """

    name: str
    title: str
    n_items: int
    response_range: tuple[int, int]
    raters: tuple[Rater, ...]
    direction: str
    licence: str
    reference: str
    scoring: Literal["mean", "sum"]
    reversed_items: tuple[int, ...] | None = ()
    minimum_items: int | None = None
    missing_rule: str = ""
    subscales: Mapping[str, tuple[int, ...]] = field(default_factory=_none)
    notes: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    responses: tuple[str, ...] = ()
    wording: Mapping[Rater, tuple[str, ...]] = field(default_factory=_no_words)

    @property
    def total_range(self) -> tuple[int, int]:
        """Lowest and highest sum of all items."""
        low, high = self.response_range
        return self.n_items * low, self.n_items * high
