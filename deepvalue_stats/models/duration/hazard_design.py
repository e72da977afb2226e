"""The design of a hazard model: its constant is in the baseline, and it has no mean."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.coding import Coding
from deepvalue_stats.models.design import Design, build_design
from deepvalue_stats.models.duration.curves import refuse_absent_cause
from deepvalue_stats.models.duration.times import Roles, Spells, read_spells
from deepvalue_stats.models.link import STEEPEST, Link
from deepvalue_stats.tables import read_only


def _relative(eta: np.ndarray, order: int) -> tuple[np.ndarray, ...]:
    ratio = np.exp(np.minimum(np.asarray(eta, dtype="float64"), STEEPEST))
    return (ratio,) * (order + 1)


RELATIVE = Link("log", _relative)


def no_mean(instead: str) -> ModelError:
    """The refusal to speak of means."""
    return ModelError("a hazard model has no mean to predict", "predict", f"use {instead}")


@dataclass(frozen=True)
class WithoutIntercept(Coding):
    """A coding whose constant column, the first, goes into the baseline."""

    def matrix(self, frame: pd.DataFrame) -> np.ndarray:
        """As `Coding.matrix`, without the constant."""
        return super().matrix(frame)[:, 1:]

    def multiples_of(self, name: str) -> np.ndarray | None:
        """As `Coding.multiples_of`, of the columns that are left."""
        places = super().multiples_of(name)
        return None if places is None else places - 1


def read_hazard(
    formula: str, data: pd.DataFrame, roles: Roles, cause: int
) -> tuple[Design, Spells]:
    """The design and the durations of a hazard model, refused with the faults of both.

    The response is whether this exit happened, and the constant has no column: the baseline is it.
    """
    faults: list[Fault] = []
    spells, design, event = None, None, roles.event
    try:
        spells = read_spells(data, roles)
        refuse_absent_cause(spells, cause)
    except ModelError as error:
        faults.extend(error.faults)
    try:
        left = formula.partition("~")[0].strip().strip("`")
        if left != event:
            words = f"the formula's left side is not the event '{event}'"
            raise ModelError(words, formula, f"write {event} ~ terms")
        died = np.zeros(len(data)) if spells is None else (spells.cause == cause).astype("float64")
        design = _without_constant(build_design(formula, data.assign(**{event: died})), formula)
    except ModelError as error:
        faults.extend(error.faults)
    if faults or spells is None or design is None:
        raise ModelError.of(faults)
    return replace(design, frame=data.reset_index(drop=True)), spells


def _without_constant(design: Design, formula: str) -> Design:
    if design.terms[0] != "Intercept":
        raise ModelError(
            "the formula leaves the constant out",
            formula,
            "leave out 0 and -1: a hazard model has its constant in the baseline",
        )
    if len(design.terms) == 1:
        raise ModelError("no terms to explain the event by", formula, "name at least one term")
    coding = design._recorded
    return replace(
        design,
        matrix=read_only(design.matrix[:, 1:]),
        terms=design.terms[1:],
        _recorded=WithoutIntercept(coding.right, coding.terms[1:], coding.columns, coding._spec),
    )
