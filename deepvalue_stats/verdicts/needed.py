"""How large a study that decides would have to be, from the precision of the one at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy import stats

# standard errors that fit into the smallest worthwhile difference, for four chances in five: of
# leaving out zero when it is there (2.80), and of ruling it out when there is none (2.93)
TO_FIND = float(stats.norm.ppf(0.975) + stats.norm.ppf(0.80))
TO_EXCLUDE = float(stats.norm.ppf(0.95) + stats.norm.ppf(0.90))


@dataclass(frozen=True)
class Needed:
    """The size of a study that decides.

    Attributes
    ----------
    practitioners : int or None
        None where the study at hand does not know its practitioners.
    clients : int
        As many to a practitioner as here.
    times : float
        How many times the study at hand.
    """

    practitioners: int | None
    clients: int
    times: float


def needed(row: pd.Series, worthwhile: float, errors: float = TO_FIND) -> Needed:
    """Find how many practitioners and clients a claim would need to be decided.

    Parameters
    ----------
    row : pandas.Series
        A row of an effect table with status ok, on the risk difference scale.
    worthwhile : float
        D, the smallest worthwhile difference, above 0.
    errors : float
        `TO_FIND`: 80 % power where the truth is D; `TO_EXCLUDE`: 80 % power to show equivalence
        where the truth is 0.

    Returns
    -------
    Needed

    Notes
    -----
    times = (errors SE / D)^2, at least 1, and practitioners = ceil(J times), clients likewise: the
    caseload and the likeness of one practitioner's clients stay as they are here.

    References
    ----------
    Julious (2004), Statistics in Medicine 23, for both multipliers.

    Examples
    --------
    >>> import pandas as pd
    >>> row = pd.Series({"std_error": 0.03, "n_practitioners": 60, "n_clients": 750})
    >>> found = needed(row, 0.06)
    >>> found.practitioners, found.clients, round(found.times, 2)
    (118, 1472, 1.96)
    """
    times = max((errors * float(row["std_error"]) / worthwhile) ** 2, 1.0)
    groups = row["n_practitioners"]
    practitioners = None if pd.isna(groups) else math.ceil(int(groups) * times)
    return Needed(practitioners, math.ceil(int(row["n_clients"]) * times), times)


def times_in_words(times: float) -> str:
    """How many times as large, as a sentence has it.

    Examples
    --------
    >>> times_in_words(1.1), times_in_words(1.5), times_in_words(3.8)
    ('about as many as here', 'about half as many again as here', 'about 4 times as many as here')
    """
    if times < 1.25:
        return "about as many as here"
    if times < 1.75:
        return "about half as many again as here"
    return f"about {times:.0f} times as many as here"
