"""Groups of rows: their labels, their numbers, and the shares of rows that have several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.coding import missing_counts
from deepvalue_stats.models.multilevel.terms import Bar

DENSE = 4  # combinations a row up to which a table of all of them is quicker than hashing
FIX = "give each member a share of 0 or more, and leave those without a member missing or 0"


@dataclass(frozen=True)
class Grouping:
    """How rows find their group: the recorded labels of one factor.

    Attributes
    ----------
    group : tuple of str
        Columns of the labels.
    shares : tuple of str
        Columns of the weights of a multiple membership.
    membership : bool
    parts : tuple of pandas.Index
        Labels of each column (of all columns together, for a multiple membership).
    joints : tuple of numpy.ndarray
        For each column after the first, the recorded combinations with those before it, sorted,
        as `code before * labels of the column + code of the column`.
    """

    group: tuple[str, ...]
    shares: tuple[str, ...]
    membership: bool
    parts: tuple[pd.Index, ...]
    joints: tuple[np.ndarray, ...] = ()

    def codes(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """Codes and shares of rows; -1 for a group that is not recorded, or a missing label."""
        if self.membership:
            present, shares = _membership_shares(self.group, self.shares, frame)
            found = [_lookup(frame[name], self.parts[0]) for name in self.group]
            codes = np.where(present, np.column_stack(found), -1)
            return _merged(codes, shares)
        codes = _lookup(frame[self.group[0]], self.parts[0])
        for name, part, joint in zip(self.group[1:], self.parts[1:], self.joints, strict=True):
            codes = _joint_lookup(codes, _lookup(frame[name], part), len(part), joint)
        return _frozen(codes), None

    @property
    def levels(self) -> pd.Index:
        """Labels of the groups; of combinations, a MultiIndex with one level a column."""
        if not self.joints:
            return self.parts[0]
        columns: list[pd.Index] = []
        rest = np.arange(len(self.joints[-1]))
        for part, joint in zip(self.parts[:0:-1], self.joints[::-1], strict=True):
            rest, last = np.divmod(joint[rest], len(part))
            columns.insert(0, part.take(last))
        columns.insert(0, self.parts[0].take(rest))
        return pd.MultiIndex.from_arrays(columns, names=list(self.group))


def record_grouping(
    bar: Bar, frame: pd.DataFrame
) -> tuple[Grouping, np.ndarray, np.ndarray | None]:
    """Number the groups of a bracket on complete rows, in the order of their sorted labels.

    Returns
    -------
    grouping : Grouping
    codes : numpy.ndarray of int64, shape (n,) or (n, r)
    shares : numpy.ndarray, shape (n, r), or None

    Raises
    ------
    ModelError
        If a label is missing, labels cannot be sorted, all rows belong to one group, or the
        shares of a multiple membership are not shares.
    """
    if bar.membership:
        return _record_membership(bar, frame)
    missing = missing_counts(bar.group, frame)
    if missing:
        raise ModelError.of(
            [
                Fault(
                    f"'{name}' is missing in {count} rows",
                    str(bar),
                    "restrict the data to rows with a known group, with a reason",
                )
                for name, count in missing.items()
            ]
        )
    codes, labels = _factorized(frame[bar.group[0]], bar)
    parts, joints = [labels], []
    for name in bar.group[1:]:
        more, labels = _factorized(frame[name], bar)
        codes, joint = _joined(codes, more, len(labels))
        parts.append(labels)
        joints.append(joint)
    n_groups = len(joints[-1]) if joints else len(parts[0])
    _refuse_one_group(n_groups, len(frame), bar)
    grouping = Grouping(bar.group, (), False, tuple(parts), tuple(joints))
    return grouping, _frozen(codes), None


def _refuse_one_group(n_groups: int, n_rows: int, bar: Bar) -> None:
    if n_groups < 2:
        raise ModelError(
            f"all {n_rows} rows belong to one {bar.name}, so nothing can be said across them",
            str(bar),
            "group by something that has more than one",
        )


def _factorized(labels: pd.Series, bar: Bar) -> tuple[np.ndarray, pd.Index]:
    """Codes in the order of the sorted labels; -1 where missing."""
    try:
        codes, levels = pd.factorize(labels, sort=True)
    except TypeError:
        raise ModelError(
            f"the labels of '{labels.name}' cannot be sorted",
            str(bar),
            "make them all text, or all numbers",
        ) from None
    return np.asarray(codes, dtype=np.int64), _plain_index(levels)


def _joined(before: np.ndarray, after: np.ndarray, n_after: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the combinations that occur, and these, sorted."""
    joint = before * n_after + after
    size = (int(before.max(initial=-1)) + 1) * n_after
    if size <= DENSE * len(joint):
        occurs = np.zeros(size, dtype=bool)
        occurs[joint] = True
        return (np.cumsum(occurs) - 1)[joint], np.flatnonzero(occurs)
    codes, found = pd.factorize(joint, sort=True)
    return codes.astype(np.int64, copy=False), np.asarray(found)


def _lookup(labels: pd.Series, levels: pd.Index) -> np.ndarray:
    """Recorded code of each label; -1 for one that is missing or not recorded."""
    codes, distinct = pd.factorize(labels)
    # a missing label has the code -1 and takes the entry after the last
    found = np.append(levels.get_indexer(_plain_index(distinct)), -1)
    return found.astype(np.int64)[codes]


def _plain_index(labels: Any) -> pd.Index:
    index: pd.Index = pd.Index(labels)
    if isinstance(index, pd.CategoricalIndex):
        index = index.categories.take(index.codes)
    return index


def _joint_lookup(
    before: np.ndarray, after: np.ndarray, n_after: int, joint: np.ndarray
) -> np.ndarray:
    wanted = before * n_after + after
    place = np.minimum(np.searchsorted(joint, wanted), len(joint) - 1)
    known = (before >= 0) & (after >= 0) & (joint[place] == wanted)
    return np.where(known, place, -1)


# --- multiple membership -------------------------------------------------------------------------


def _record_membership(
    bar: Bar, frame: pd.DataFrame
) -> tuple[Grouping, np.ndarray, np.ndarray | None]:
    present, shares = _membership_shares(bar.group, bar.shares, frame)
    labels = pd.concat([frame[name] for name in bar.group], ignore_index=True).rename(bar.name)
    codes = np.full(present.shape, -1, dtype=np.int64)
    codes.T[present.T], levels = _factorized(labels[present.ravel(order="F")], bar)
    if pd.api.types.is_float_dtype(levels.dtype) and (levels == levels.astype("int64")).all():
        # whole numbers turn into floats where another row has no such member
        levels = levels.astype("int64")
    _refuse_one_group(len(levels), len(frame), bar)
    grouping = Grouping(bar.group, bar.shares, True, (levels,))
    return grouping, *_merged(codes, shares)


def _membership_shares(
    group: Sequence[str], names: Sequence[str], frame: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Which members a row has, and their shares, both of shape (n, r)."""
    where = f"mm({', '.join(group)}{'; ' if names else ''}{', '.join(names)})"
    labelled = frame[list(group)].notna().to_numpy()
    if not names:
        _refuse_rows(np.asarray(~labelled.any(axis=1)), "have no member at all", where)
        return labelled, labelled / labelled.sum(axis=1, keepdims=True)
    try:
        shares = frame[list(names)].to_numpy(dtype="float64", na_value=np.nan)
    except (ValueError, TypeError):
        raise ModelError(f"the shares of {where} are not numbers", where, FIX) from None
    absent = np.isnan(shares)
    told = [
        ((labelled & absent), "have a member without a share"),
        ((~labelled & ~absent & (shares != 0)), "have a share without a member"),
        (shares < 0, "have a share below 0"),
        (np.isinf(shares), "have an infinite share"),
        (np.where(absent | ~labelled, 0, shares).sum(axis=1) == 0, "have shares that sum to 0"),
    ]
    faults = [fault for wrong, what in told for fault in _row_faults(wrong, what, where)]
    if faults:
        raise ModelError.of(faults)
    return labelled & (shares > 0), np.where(absent, 0.0, shares)


def _refuse_rows(wrong: np.ndarray, what: str, where: str) -> None:
    faults = _row_faults(wrong, what, where)
    if faults:
        raise ModelError.of(faults)


def _row_faults(wrong: np.ndarray, what: str, where: str) -> list[Fault]:
    rows = int((wrong if wrong.ndim == 1 else wrong.any(axis=1)).sum())
    return [Fault(f"{rows} rows {what}", where, FIX)] if rows else []


def _merged(codes: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and shares with a group that a row names twice counted once, for both shares."""
    codes, shares = np.array(codes, dtype=np.int64), np.array(shares)
    for later in range(1, codes.shape[1]):
        for earlier in range(later):
            same = (codes[:, later] >= 0) & (codes[:, later] == codes[:, earlier])
            shares[same, earlier] += shares[same, later]
            codes[same, later], shares[same, later] = -1, 0.0
    return _frozen(np.ascontiguousarray(codes)), _frozen(np.ascontiguousarray(shares))


def _frozen(values: np.ndarray) -> np.ndarray:
    values.setflags(write=False)
    return values
