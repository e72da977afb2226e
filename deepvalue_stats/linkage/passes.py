"""Deterministic links: records find their client by identifiers that agree, pass by pass."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from deepvalue_stats.data import Dataset, Problem, normalised
from deepvalue_stats.plan.optional import LinkPasses

TIED = "record that goes equally well with several clients"
SECOND = "record of a client who has a better one"
NO_PASS = "record that no pass has linked"


def linked_by_passes(
    records: Dataset, register: Dataset, client: str, passes: LinkPasses, single: bool
) -> tuple[Dataset, pd.Series, pd.Series, tuple[str, ...]]:
    """Link records pass by pass; in each, all its columns agree and are known on both sides.

    Parameters
    ----------
    records, register : Dataset
        Both with the columns of the passes; the register with the client's id.
    client : str
        Column of the client's id.
    passes : LinkPasses
    single : bool
        Whether a client has one record: then that of the earliest pass stays, and of these the
        first line.

    Returns
    -------
    records : Dataset
        With a note of how many each pass has linked.
    whose : pandas.Series
        The client of each record, or None.
    why : pandas.Series of str
        Why there is none.
    reasons : tuple of str

    Notes
    -----
    Texts are compared in the normal form of ids, without any sign that is no letter or digit. A
    record that agrees with several clients in one pass is linked by a later one if at all.

    References
    ----------
    Jenkins, Lynn, Jäckle and Sala (2008), International Journal of Social Research Methodology 11.
    """
    ours, theirs = (_plain(one.frame, passes) for one in (records, register))
    theirs = theirs.assign(owner=register.frame[client].reset_index(drop=True))
    whose = pd.Series(None, index=ours.index, dtype="object")
    tied = pd.Series(False, index=ours.index)
    by = pd.Series(0, index=ours.index)
    for number, columns in enumerate(passes.agree, 1):
        keys = [passes.columns.index(column) for column in columns]
        left = ours.loc[whose.isna(), keys].dropna().rename_axis("row").reset_index()
        found = left.merge(_one_each(theirs, keys), on=keys).set_index("row")
        sure = ~found["several"]
        whose[found.index[sure]] = found["owner"][sure]
        tied[found.index[~sure]] = True
        by[found.index[sure]] = number
    why = pd.Series("", index=ours.index, dtype="object")
    why[whose.isna()] = NO_PASS
    why[whose.isna() & tied] = TIED
    if single:
        order = pd.DataFrame({"client": whose, "pass": by, "line": records.frame["line"]})
        ranked = order[why == ""].sort_values(["pass", "line"], kind="stable")
        why[ranked.index[ranked["client"].duplicated().to_numpy()]] = SECOND
    return _noted(records, by, passes), whose, why, (NO_PASS, TIED, SECOND)


def _one_each(register: pd.DataFrame, keys: list[int]) -> pd.DataFrame:
    """Tell for each value of the keys one client, and whether there are several.

    So a record meets one row at most: paired with all who share a name, the records of a common
    one would need memory by the square.
    """
    known = register[[*keys, "owner"]].dropna().drop_duplicates()
    several = known.duplicated(keys, keep=False)
    return known.assign(several=several).drop_duplicates(keys)


def _noted(records: Dataset, by: pd.Series, passes: LinkPasses) -> Dataset:
    """Count what each pass has linked."""
    notes = tuple(
        Problem(
            records.schema.name,
            ", ".join(columns),
            f"linked by pass {number} of {len(passes.agree)}",
            int((by == number).sum()),
            int(records.frame.loc[by == number, "line"].min()),
            "noted",
            "ask how often such records belong to somebody else",
        )
        for number, columns in enumerate(passes.agree, 1)
        if (by == number).any()
    )
    return replace(records, problems=(*records.problems, *notes))


def _plain(frame: pd.DataFrame, passes: LinkPasses) -> pd.DataFrame:
    """The columns of the passes as they are compared, by number: a name may be any."""
    return pd.DataFrame(
        {
            number: frame[column] if column in passes.dates else _letters(frame[column])
            for number, column in enumerate(passes.columns)
        }
    ).reset_index(drop=True)


def _letters(texts: pd.Series) -> pd.Series:
    """Letters and digits alone, worked out once for each distinct text."""
    forms = {text: _form(str(text)) for text in texts.dropna().unique()}
    # a column without any text would become one of numbers, which does not merge with texts
    return texts.astype("object").map(forms).astype("object")


def _form(text: str) -> str | None:
    return "".join(sign for sign in normalised(text) if sign.isalnum()) or None
