"""Every refusal of the package: what is wrong, where, and how to put it right.

A message carries names, line numbers, counts and allowed values, and never a person's value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

SHOWN = 10


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, where it is, and what to do about it."""

    what: str
    where: str
    fix: str


class DeepValueError(Exception):
    """The base of all refusals; `exit_code` is what the command line ends with.

    Parameters
    ----------
    what, where, fix : str
        The three things that a reader needs, for the first (usually the only) fault.
    others : sequence of Fault
        Further faults of the same stage, reported together with the first.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, where: str, fix: str, others: Sequence[Fault] = ()) -> None:
        self.faults = (Fault(what, where, fix), *others)
        super().__init__(what, where, fix, tuple(others))

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> DeepValueError:
        """One error for all faults found in one pass.

        Examples
        --------
        >>> print(PlanError.of([Fault("no seed", "plan.toml, seed", "add a whole number")]))
        PlanError: no seed
          where: plan.toml, seed
          fix:   add a whole number
        """
        first, *others = faults
        return cls(first.what, first.where, first.fix, others)

    def __str__(self) -> str:
        name = type(self).__name__
        if len(self.faults) == 1:
            return f"{name}: {_lines(self.faults[0])}"
        shown = [f"{i}. {_lines(fault, '   ')}" for i, fault in enumerate(self.faults[:SHOWN], 1)]
        if len(self.faults) > SHOWN:
            shown.append(f"... and {len(self.faults) - SHOWN} more")
        return "\n".join([f"{name}: {len(self.faults)} problems", *shown])


def _lines(fault: Fault, indent: str = "") -> str:
    return f"{fault.what}\n{indent}  where: {fault.where}\n{indent}  fix:   {fault.fix}"


class PlanError(DeepValueError):
    """The plan file cannot be read, or asks for what it may not have."""

    exit_code = 10


class DataError(DeepValueError):
    """A source cannot be read, or its content breaks the plan's schema or clock."""

    exit_code = 11


class LinkageError(DeepValueError):
    """Records cannot be joined under the declared contract."""

    exit_code = 12


class ModelError(DeepValueError):
    """A model cannot be fitted, or a fit cannot carry the question put to it."""

    exit_code = 13


class DisclosureError(DeepValueError):
    """Something was about to leave the room that may not."""

    exit_code = 14
