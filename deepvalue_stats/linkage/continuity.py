"""How continuous the help was, by confidence band."""

from __future__ import annotations

import pandas as pd

from deepvalue_stats.tables import CountTable, Rule

INDICES = ("practitioners_seen", "upc", "coc", "secon")


def continuity_table(frame: pd.DataFrame, bands: pd.Series, names: tuple[str, ...]) -> CountTable:
    """Contacts, practitioners and continuity up to the landmark, for all clients and by band.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `link` gives it, a row a client.
    bands : pandas.Series
        Confidence band by client id.
    names : tuple of str
        The bands, lowest first.

    Returns
    -------
    CountTable
        Named `continuity`: clients with three contacts or more whose practitioner is known, and
        over these the mean number of practitioners, of the usual provider's share (UPC), of the
        chance that two contacts were with one practitioner (COC), and that two successive ones
        were (SECON). Empty where no contacts are read.

    References
    ----------
    Bice and Boxerman (1977), Medical Care 15; Breslau and Reeb (1975), Journal of Medical
    Education 50; Steinwachs (1979), Medical Care 17.
    """
    rules: dict[str, Rule] = {"group": "label", "clients": "count"}
    rules |= dict.fromkeys(INDICES, "statistic")
    lines = []
    if "upc" in frame:
        known = frame[frame["upc"].notna()]
        band = known["client"].map(bands)
        groups = {"all": known, **{name: known[(band == name).to_numpy()] for name in names}}
        lines = [
            {"group": name, "clients": len(rows), **rows[list(INDICES)].mean().to_dict()}
            for name, rows in groups.items()
        ]
    table = pd.DataFrame(lines, columns=list(rules)).astype({"clients": "int64"})
    return CountTable(
        name="continuity",
        caption="How continuous the contacts were, from the start to the end of the rating window",
        frame=table,
        rules=rules,
        notes=(
            "Of clients with three contacts or more whose practitioner is known. UPC: the share "
            "of contacts with whom the client met most. COC: the chance that two of the contacts "
            "were with one practitioner; SECON: that two successive ones were.",
        ),
    )
