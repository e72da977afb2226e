"""Names and places of nobody, and what a hurried typist makes of them."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

TextArray = NDArray[np.str_]

_FIRST: tuple[str, ...] = ("Bar", "Bel", "Cal", "Dar", "Fen", "Gar", "Hal", "Har", "Kel", "Lan")
_FIRST += ("Mar", "Nor", "Pel", "Ros", "Sel", "Tar", "Ul", "Wes", "Wil", "Yar")
_LAST: tuple[str, ...] = (
    "bury",
    "cott",
    "dale",
    "ford",
    "gate",
    "ham",
    "ley",
    "low",
    "more",
    "ridge",
)
_LAST += ("sby", "shaw", "ton", "vale", "well", "wick")
SURNAMES: TextArray = np.array([a + b for a, b in product(_FIRST, _LAST)])

# no postcode begins with ZZ
_DISTRICTS = [f"ZZ{number}" for number in range(1, 41)]
_UNITS = [f"{digit}{pair}" for digit in range(1, 10) for pair in ("AB", "DF", "HJ", "LN", "PQ")]
POSTCODES: TextArray = np.array([f"{a} {b}" for a, b in product(_DISTRICTS, _UNITS)])

VARIANTS = 3


def mistyped(words: TextArray) -> TextArray:
    """Spell each word wrongly in three ways: two letters swapped, one left out, one doubled.

    The fault is in the last part of a postcode, as a space too many or too few is none.

    Returns
    -------
    numpy.ndarray
        One row a word, one column a way.
    """
    return np.array([_variants(str(word)) for word in words])


def _variants(word: str) -> tuple[str, str, str]:
    start = word.rfind(" ") + 1
    middle = (start + len(word)) // 2
    # the letters about the middle, or the two before them where these are the same
    second = middle if word[middle] != word[middle - 1] else middle - 1
    swapped = word[: second - 1] + word[second] + word[second - 1] + word[second + 1 :]
    dropped = word[: middle + 1] + word[middle + 2 :]
    doubled = word[:middle] + word[middle] + word[middle:]
    return swapped, dropped, doubled
