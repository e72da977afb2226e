"""The register of instruments: what is known of a scale before anyone answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Instrument:
    """A published scale, or one of our own wording, with its source.

    Attributes
    ----------
    name : str
        The key that a plan gives as `instrument`.
    n_items : int
        How many items the full form has.
    response_range : tuple of int
        Lowest and highest response of an item.
    reversed_items : tuple of int
        Positions (from 1) of items whose high response means a poor relationship.
    direction : str
        What a high score means.
    licence, reference : str
        Terms of use, and where the scale was published.
    """

    name: str
    n_items: int
    response_range: tuple[int, int]
    reversed_items: tuple[int, ...]
    direction: str
    licence: str
    reference: str


INSTRUMENTS: Mapping[str, Instrument] = MappingProxyType(
    {
        "deep_value": Instrument(
            name="deep_value",
            n_items=12,
            response_range=(1, 5),
            reversed_items=(),
            direction="a higher score is a more effective relationship",
            licence="MIT, wording of this package",
            reference=(
                "Elements named by Bell and Smerdon (2011), Deep Value, Community Links: "
                "understanding, respect, trust, time, practical knowledge, agreed goals"
            ),
        ),
        "pcas_communication_interpersonal": Instrument(
            name="pcas_communication_interpersonal",
            n_items=10,
            response_range=(1, 6),
            reversed_items=(),
            direction="a higher score is a better rated physician",
            licence="items not shipped; ask the authors",
            reference="Safran et al. (1998), The Primary Care Assessment Survey, Medical Care 36",
        ),
    }
)
