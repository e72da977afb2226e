"""A plan that is not whole yet: its valid parts, and the names that the file gives."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deepvalue_stats.errors import Fault


@dataclass(frozen=True)
class Draft:
    """The valid parts of a plan, and every name that the file gives to its parts."""

    parts: Mapping[str, Any]
    named: Mapping[str, tuple[str, ...]]

    def one(self, key: str) -> Any:
        """A part that stands once, or None where it is faulty."""
        return self.parts.get(key)

    def many(self, key: str) -> Mapping[str, Any]:
        """The valid entries of a table of named parts."""
        return self.parts.get(key) or {}

    def names(self, key: str) -> tuple[str, ...]:
        """All names in a table of named parts, valid or not."""
        return self.named.get(key, ())


def unknown(what: str, name: str, where: str, known: Iterable[str]) -> Fault:
    """A name that is not there, with the one that was probably meant."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    meant = f", did you mean '{near[0]}'?" if near else ""
    choices = ", ".join(known) or "(none is declared)"
    return Fault(f"there is no {what} '{name}'{meant}", where, f"use one of {choices}")
