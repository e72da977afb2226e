"""Identifiers: the one form in which they meet, and the check digit of an NHS number.

The rules of the normal form, version 1, in this order:

1. Unicode NFKC: full-width digits become plain ones, an accent becomes part of its letter.
2. Letters to upper case.
3. Every space goes, at the ends and within, the non-breaking one too, and what is not seen at all:
   soft hyphens, joiners, zero-width spaces, marks of direction and of byte order. What is then
   apart is composed anew (NFKC).
4. Ten digits written 3-3-4 lose their hyphens or dashes. No other hyphen goes: in "12-3" and "1-23"
   it tells two ids apart.

After them, and also for ids that are left as they are written, `padded` restores leading zeros.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from deepvalue_stats.data.text import UNSEEN

# to be raised with every change of the rules: pseudonyms of another version may not meet these
NORMALISER = 1
_GONE = dict.fromkeys(map(ord, UNSEEN))
_DASH = "[-\u2010-\u2015\u2212]?"
_GROUPS = re.compile(rf"(\d{{3}}){_DASH}(\d{{3}}){_DASH}(\d{{4}})", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)
_TEN_DIGITS = re.compile(r"\d{10}", re.ASCII)
_WEIGHTS = np.arange(10, 1, -1)


def normalised(identifier: str) -> str:
    """Put an id into its normal form; see the head of this module for the rules.

    Parameters
    ----------
    identifier : str

    Returns
    -------
    str
        The same for every way to write one id. What has nothing to be seen in it stays as it is.

    References
    ----------
    Unicode Standard Annex 15, for NFKC.

    Examples
    --------
    >>> normalised(" ab 12"), normalised("943-476-5919"), normalised("ab-12")
    ('AB12', '9434765919', 'AB-12')
    """
    text = unicodedata.normalize("NFKC", identifier).upper().translate(_GONE)
    text = unicodedata.normalize("NFKC", "".join(text.split()))
    groups = _GROUPS.fullmatch(text)
    return "".join(groups.groups()) if groups else text or identifier


def padded(identifier: str, width: int | None) -> str:
    """Restore the zeros that a spreadsheet took from a number; without a width, nothing."""
    digits = width is not None and _DIGITS.fullmatch(identifier)
    return identifier.zfill(width) if width is not None and digits else identifier


def nhs_numbers(identifiers: Sequence[str]) -> np.ndarray:
    """Tell which ids are ten digits of which the last is the check digit of the others.

    Parameters
    ----------
    identifiers : sequence of str
        In their normal form.

    Returns
    -------
    boolean array
        False for every NHS number in which one digit is wrong or two have changed places. True
        proves no identity: of ten digits at random 1 in 11 passes, and ten times the same digit.

    References
    ----------
    NHS Data Model and Dictionary, NHS NUMBER: the modulus 11 algorithm.

    Examples
    --------
    >>> nhs_numbers(["9434765919", "9434765918", "943476591"]).tolist()
    [True, False, False]
    """
    valid = np.array([_TEN_DIGITS.fullmatch(one) is not None for one in identifiers], dtype=bool)
    text = "".join(one for one, ten in zip(identifiers, valid, strict=True) if ten)
    digits = np.frombuffer(text.encode("ascii"), dtype=np.uint8).reshape(-1, 10) - ord("0")
    # a check digit of 10 does not exist, and no digit is equal to it
    valid[valid] = -(digits[:, :9] @ _WEIGHTS) % 11 == digits[:, 9]
    return valid
