"""What several looks cost: adjusted p-values over a named family."""

from __future__ import annotations

from typing import Literal

import numpy as np

from deepvalue_stats.tables import EFFECT_COLUMNS, EffectTable

Family = Literal["exploratory", "confirmatory"]


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment: p_(i) times (m - i + 1), made monotone, at most 1.

    Parameters
    ----------
    p_values : numpy.ndarray, shape (m,)

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6.
    """
    order = np.argsort(p_values, kind="stable")
    m = len(p_values)
    adjusted = np.maximum.accumulate(p_values[order] * (m - np.arange(m)))
    return _back(np.minimum(adjusted, 1.0), order)


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's step-up adjustment: p_(i) times m / i, made monotone, at most 1.

    Parameters
    ----------
    p_values : numpy.ndarray, shape (m,)

    References
    ----------
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57.
    """
    order = np.argsort(p_values, kind="stable")
    m = len(p_values)
    scaled = p_values[order] * m / np.arange(1, m + 1)
    adjusted = np.minimum.accumulate(scaled[::-1])[::-1]
    return _back(np.minimum(adjusted, 1.0), order)


def _back(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    result = np.empty_like(values)
    result[order] = values
    return result


def adjust(table: EffectTable, family: Family, members: np.ndarray) -> EffectTable:
    """Fill `p_adjusted` and `family` for the rows that belong to the family.

    Parameters
    ----------
    table : EffectTable
    family : str
        exploratory: Benjamini-Hochberg. confirmatory: Holm.
    members : boolean array, shape (n_rows,)
        The distinct questions asked; a change of unit of the same question is none.

    Returns
    -------
    EffectTable
    """
    frame = table.frame.copy()
    counted = members & frame["p_value"].notna().to_numpy()
    method = holm if family == "confirmatory" else benjamini_hochberg
    rule = "Holm" if family == "confirmatory" else "Benjamini-Hochberg"
    frame.loc[counted, "p_adjusted"] = method(frame.loc[counted, "p_value"].to_numpy())
    frame["family"] = np.where(counted, f"{family}: {rule} over {int(counted.sum())}", "")
    return EffectTable(frame[list(EFFECT_COLUMNS)], table.evidence)
