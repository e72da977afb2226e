"""Keyed pseudonyms: an id that cannot be found by trying all ids, and links as before."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from deepvalue_stats.data import Dataset
from deepvalue_stats.errors import LinkageError
from deepvalue_stats.linkage.contract import lost_zeros
from deepvalue_stats.plan import Plan

KEY, KEY_FILE = "DEEPVALUE_KEY", "DEEPVALUE_KEY_FILE"
MINIMUM_BYTES = 16
LENGTH = 32


def read_key(environment: Mapping[str, str] = os.environ) -> bytes:
    """The secret key, from `DEEPVALUE_KEY` or the file that `DEEPVALUE_KEY_FILE` names.

    Raises
    ------
    LinkageError
        If there is none, or it is shorter than 16 bytes.
    """
    text = environment.get(KEY, "")
    if not text and KEY_FILE in environment:
        path = Path(environment[KEY_FILE])
        text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    if len(text.encode()) < MINIMUM_BYTES:
        raise LinkageError(
            "there is no usable key for the pseudonyms",
            f"environment, {KEY} or {KEY_FILE}",
            f"set one of them to a secret of at least {MINIMUM_BYTES} bytes, kept by the owner",
        )
    return text.encode()


def pseudonym(identifier: str, key: bytes) -> str:
    """HMAC-SHA-256 of an id, 128 bits of it in hexadecimal."""
    return hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()[:LENGTH]


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
    declared = (plan.ids.client, plan.ids.practitioner, plan.ids.service)
    columns = {one.column for one in declared if one is not None}
    return {
        name: replace(
            dataset,
            frame=dataset.frame.assign(
                **{c: _mapped(dataset.frame[c], key) for c in columns if c in dataset.frame}
            ),
        )
        for name, dataset in data.items()
    }


def _mapped(ids: pd.Series, key: bytes) -> pd.Series:
    """Hash the distinct ids only: a client has many rows."""
    known = {identifier: pseudonym(str(identifier), key) for identifier in ids.dropna().unique()}
    return ids.map(known)
