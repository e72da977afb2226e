"""Keyed pseudonyms: an id that cannot be found by trying all ids, and links as before."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from deepvalue_stats.data import Dataset
from deepvalue_stats.errors import LinkageError
from deepvalue_stats.linkage.contract import lost_zeros
from deepvalue_stats.plan import Plan

PEOPLE = ("client", "practitioner", "service")
KEY, KEY_FILE = "DEEPVALUE_KEY", "DEEPVALUE_KEY_FILE"
MINIMUM_BYTES = 16
LENGTH = 32
BLOCK = 64  # bytes that SHA-256 takes in at a time
INNER, OUTER = 0x36, 0x5C
# no normal form of an id has a small letter or a space: this is nobody's pseudonym
KEY_ID_OF = b"deepvalue_stats key id"
KEY_ID_LENGTH = 8


def read_key(environment: Mapping[str, str] = os.environ) -> bytes:
    """The secret key, from `DEEPVALUE_KEY` or the file that `DEEPVALUE_KEY_FILE` names.

    Raises
    ------
    LinkageError
        If there is none, or it is shorter than 16 bytes.
    """
    key = environment.get(KEY, "").encode(errors="surrogateescape")
    if not key and KEY_FILE in environment:
        path = Path(environment[KEY_FILE])
        key = path.read_bytes().strip() if path.is_file() else b""
    if len(key) < MINIMUM_BYTES:
        raise LinkageError(
            "there is no usable key for the pseudonyms",
            f"environment, {KEY} or {KEY_FILE}",
            f"set one of them to a secret of at least {MINIMUM_BYTES} bytes, kept by the owner",
        )
    return key


def key_id(key: bytes) -> str:
    """A name for a key by which two runs can be told to have had the same one.

    It does not give the key away, but whoever has it can confirm a key that is guessed: a key is
    drawn at random, and its name stays in the room.
    """
    return hmac.new(key, KEY_ID_OF, hashlib.sha256).hexdigest()[:KEY_ID_LENGTH]


def pseudonym(identifier: str, key: bytes) -> str:
    """HMAC-SHA-256 of an id in its normal form, 128 bits of it in hexadecimal.

    Parameters
    ----------
    identifier : str
        As the sources are read, which is `padded(normalised(...))` of `deepvalue_stats.data`.
    key : bytes

    Returns
    -------
    str

    References
    ----------
    RFC 2104, for HMAC.
    """
    return keyed(key)(identifier)


def keyed(key: bytes) -> Callable[[str], str]:
    """Make the function that gives an id its pseudonym; see `pseudonym`.

    An HMAC hashes twice, and each time begins with a block that depends on the key alone. Both
    blocks are taken in once here, so that an id costs two short hashes and not four.
    """
    short = hashlib.sha256(key).digest() if len(key) > BLOCK else key
    block = short.ljust(BLOCK, b"\0")
    begun, ended = (hashlib.sha256(bytes(b ^ pad for b in block)) for pad in (INNER, OUTER))

    def hashed(identifier: str) -> str:
        inner, outer = begun.copy(), ended.copy()
        inner.update(identifier.encode())
        outer.update(inner.digest())
        return outer.hexdigest()[:LENGTH]

    return hashed


def pseudonymise(plan: Plan, data: Mapping[str, Dataset], key: bytes) -> dict[str, Dataset]:
    """Replace every id of every source; equal ids stay equal, a missing one stays missing.

    Raises
    ------
    LinkageError
        If ids would meet but for lost leading zeros: behind pseudonyms nobody could see it.
    """
    faults = list(lost_zeros(plan, data))
    if faults:
        raise LinkageError.of(faults)
    hashed = keyed(key)
    return {
        name: replace(
            dataset,
            frame=dataset.frame.assign(
                **{
                    column.name: _mapped(dataset.frame[column.name], hashed)
                    for column in dataset.schema.columns
                    if column.role in PEOPLE
                }
            ),
        )
        for name, dataset in data.items()
    }


def _mapped(ids: pd.Series, hashed: Callable[[str], str]) -> pd.Series:
    """Hash the distinct ids only: a client has many rows."""
    codes, distinct = pd.factorize(ids)
    # a missing id has code -1, and takes the last of these; a list, as going through an index of
    # pandas one by one takes longer than hashing
    pool = np.array([*map(hashed, distinct.tolist()), None], dtype=object)
    return pd.Series(pool[codes], index=ids.index, name=ids.name, dtype=ids.dtype)
