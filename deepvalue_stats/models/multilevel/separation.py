"""Separation: columns whose logit coefficients have no finite maximum-likelihood estimate.

The data are separated when some direction b has s_i x_i b >= 0 in every row and > 0 in one, with
s_i = 1 for a success and -1 for a failure: the likelihood then rises along b for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from deepvalue_stats.errors import ModelError

# rows that the linear programme starts with, and that it takes up in each further round
STARTING_ROWS = 500
FURTHER_ROWS = 200
# a row of unit length on the wrong side by less than this lies on the dividing plane
ON_PLANE = 1e-8
# singular values below this share of the largest are columns that others explain
RANK = 1e-11
# a coefficient below this share of the largest takes no part in a direction
NEGLIGIBLE = 1e-7
# a row of zeros is no longer than this after rounding; any other reaches 1 / sqrt(n p)
EMPTY = 1e-12


@dataclass(frozen=True)
class _Rows:
    """Rows of unit length in orthonormal coordinates, signed by their outcome.

    `signed` is (n, k); `mixed` marks rows with successes and failures, which must lie on the
    plane itself; `upper` (k, p) takes scaled coefficients to the coordinates; `taken` marks the
    rows of the programme, and what one question has taken up serves the next.
    """

    signed: np.ndarray
    mixed: np.ndarray
    upper: np.ndarray
    taken: np.ndarray


def separated_terms(
    matrix: np.ndarray, successes: np.ndarray, trials: np.ndarray, terms: tuple[str, ...]
) -> tuple[str, ...]:
    """Name the columns of a logit's fixed part that separate successes from failures.

    For explaining a fit whose coefficients run away. Random effects of any given variance do not
    matter: what separates without them has no finite estimate with them, and the other way round.
    Not for the random part: a group with one outcome only is no separation.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
        Columns of the fixed part, without missing values.
    successes, trials : numpy.ndarray, shape (n,)
        Successes out of trials; rows without trials say nothing.
    terms : tuple of str
        Names of the p columns.

    Returns
    -------
    tuple of str
        Empty when the data are not separated. Otherwise columns in the order of the matrix, such
        that the rest without them is not separated: every column that separates alone (or with
        the intercept), then smallest sets that separate only together. The intercept is named
        only if the outcome is constant.

    Raises
    ------
    ModelError
        If the linear programme fails.

    Notes
    -----
    Separation of the whole is decided by the linear programme of Konis (maximise the sum of
    s_i x_i b over -1 <= b <= 1 with all s_i x_i b >= 0), in orthonormal coordinates with rows of
    unit length, where a direction of separation must reach 1 / sqrt(n) in some row; rows enter as
    they are violated.

    References
    ----------
    Albert A, Anderson JA (1984). On the existence of maximum likelihood estimates in logistic
    regression models. Biometrika 71: 1-10, section 3. Konis K (2007). Linear programming
    algorithms for detecting separated data in binary logistic regression models. DPhil thesis,
    University of Oxford.

    Examples
    --------
    >>> dose = np.array([1.0, 2.0, 3.0, 4.0])
    >>> matrix = np.column_stack([np.ones(4), dose])
    >>> separated_terms(matrix, np.array([0, 0, 1, 1]), np.ones(4), ("Intercept", "dose"))
    ('dose',)
    >>> separated_terms(matrix, np.array([0, 1, 0, 1]), np.ones(4), ("Intercept", "dose"))
    ()
    """
    told = trials > 0
    if not told.all():
        matrix, successes, trials = matrix[told], successes[told], trials[told]
    if not len(matrix):
        return ()
    won, lost = successes > 0, successes < trials
    constant = _constant(matrix)
    if constant.any() and not (won.any() and lost.any()):
        return _named(terms, constant)
    alone = _alone(matrix, won, lost, bool(constant.any())) & ~constant
    return _named(terms, alone | _together(matrix, won, lost, constant, alone))


def _named(terms: tuple[str, ...], chosen: np.ndarray) -> tuple[str, ...]:
    return tuple(term for term, hit in zip(terms, chosen, strict=True) if hit)


def _constant(matrix: np.ndarray) -> np.ndarray:
    """Columns of one value other than zero."""
    first = matrix[0]
    return np.asarray((matrix == first).all(axis=0) & (first != 0))


def _alone(matrix: np.ndarray, won: np.ndarray, lost: np.ndarray, intercept: bool) -> np.ndarray:
    """Columns that separate on their own or, where there is an intercept, with it; exact."""
    least_won, most_won = _extremes(matrix, won)
    least_lost, most_lost = _extremes(matrix, lost)
    rising = (least_won >= 0) & (most_lost <= 0)
    falling = (most_won <= 0) & (least_lost >= 0)
    found = rising | falling
    if intercept:
        found |= (most_lost <= least_won) | (most_won <= least_lost)
    return np.asarray(found & (matrix != 0).any(axis=0))


def _extremes(matrix: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = matrix[chosen]
    return rows.min(axis=0, initial=np.inf), rows.max(axis=0, initial=-np.inf)


def _together(
    matrix: np.ndarray,
    won: np.ndarray,
    lost: np.ndarray,
    constant: np.ndarray,
    alone: np.ndarray,
) -> np.ndarray:
    """Columns that separate only in sets, one smallest set after the other."""
    rows = _signed_rows(matrix, won, lost, constant)
    found = np.zeros(len(constant), dtype=bool)
    while True:
        rest = ~(alone | found)
        direction = _direction(rows, rest)
        if direction is None:
            return found
        further = _smallest(rows, rest, constant, direction) & ~constant
        if not further.any():
            return found
        found |= further


def _smallest(
    rows: _Rows, columns: np.ndarray, constant: np.ndarray, direction: np.ndarray
) -> np.ndarray:
    """Leave columns out, the least weighty first, for as long as the rest still separates.

    Halves are tried before their parts, for most columns take no part in a separation.
    """
    weight = np.abs(direction)
    if _only(rows, columns, direction):
        return np.asarray(columns & (weight > NEGLIGIBLE * weight.max()))
    kept = columns.copy()
    order = np.argsort(weight, kind="stable")
    doubtful = [order[columns[order] & ~constant[order]]]
    while doubtful:
        part = doubtful.pop()
        kept[part] = False
        if _direction(rows, kept) is not None:
            continue
        kept[part] = True
        if len(part) > 1:
            half = (len(part) + 1) // 2
            doubtful += [part[half:], part[:half]]
    return kept


def _only(rows: _Rows, columns: np.ndarray, direction: np.ndarray) -> bool:
    """Whether no other direction separates: saves a programme for every column of a factor.

    So it is when the rows on the dividing plane are not separated themselves and leave no freedom
    but the direction.
    """
    margin = rows.signed @ (rows.upper @ direction)
    plane = np.abs(margin) <= ON_PLANE * np.abs(margin).max()
    if not plane.any():
        return False
    basis, _, _ = _span(rows, columns)
    on_plane = _Rows(rows.signed[plane], rows.mixed[plane], rows.upper, rows.taken[plane])
    upper: np.ndarray = np.linalg.qr(on_plane.signed @ basis, mode="r")  # type: ignore[assignment]
    held = np.linalg.matrix_rank(upper, rtol=ON_PLANE)
    return bool(held == basis.shape[1] - 1) and _recession(on_plane, basis) is None


def _signed_rows(
    matrix: np.ndarray, won: np.ndarray, lost: np.ndarray, constant: np.ndarray
) -> _Rows:
    scaled = _scaled(matrix, constant)
    # a far-off row would hide the differences between all others
    scaled /= _lengths(np.abs(scaled).max(axis=1, initial=0))[:, None]
    basis, upper = np.linalg.qr(scaled)
    basis /= _lengths(np.linalg.norm(basis, axis=1))[:, None]
    basis[lost & ~won] *= -1
    n = len(basis)
    taken = np.zeros(n, dtype=bool)
    taken[np.linspace(0, n - 1, min(n, STARTING_ROWS)).astype(int)] = True
    return _Rows(signed=basis, mixed=won & lost, upper=upper, taken=taken)


def _lengths(values: np.ndarray) -> np.ndarray:
    return np.where(values > EMPTY, values, 1)


def _scaled(matrix: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """Columns on a common scale, centred where an intercept takes up the shift."""
    scaled = np.array(matrix, dtype="float64")
    centred = ~constant & constant.any()
    scaled[:, centred] -= np.median(scaled[:, centred], axis=0)
    for k in range(scaled.shape[1]):
        column = scaled[:, k]
        apart = np.abs(column[column != 0])
        if len(apart):
            column /= np.median(apart)
    return scaled


def _direction(rows: _Rows, columns: np.ndarray) -> np.ndarray | None:
    """Scaled coefficients, shape (p,), along which the chosen columns separate; None if not."""
    basis, size, right = _span(rows, columns)
    if not len(size):
        return None
    gamma = _recession(rows, basis)
    if gamma is None:
        return None
    direction = np.zeros(len(columns))
    direction[columns] = right.T @ (gamma / size)
    return direction


def _span(rows: _Rows, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orthonormal basis of the chosen columns, with what takes its coordinates back to them."""
    left, size, right = np.linalg.svd(rows.upper[:, columns], full_matrices=False)
    spanned = size > RANK * size.max(initial=0)
    return left[:, spanned], size[spanned], right[spanned]


def _recession(rows: _Rows, basis: np.ndarray) -> np.ndarray | None:
    """Solve the programme on the violated rows only, which any solution of the whole obeys."""
    n = len(rows.signed)
    gain = rows.signed[~rows.mixed].sum(axis=0) @ basis
    taken = rows.taken
    while True:
        gamma = _programme(gain, rows.signed[taken] @ basis, rows.mixed[taken])
        margin = rows.signed @ (basis @ gamma)
        # a direction that separates reaches 1 / sqrt(n) in the row that gains most
        if margin[~rows.mixed].max(initial=0) < 0.5 / np.sqrt(n):
            return None
        wrong = np.where(rows.mixed, np.abs(margin), -margin)
        wrong[taken] = 0
        worst = np.argpartition(-wrong, min(n - 1, FURTHER_ROWS))[:FURTHER_ROWS]
        worst = worst[wrong[worst] > ON_PLANE]
        if not len(worst):
            return gamma
        taken[worst] = True


def _programme(gain: np.ndarray, signed: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    outcome = linprog(
        -gain / max(np.abs(gain).max(initial=0), 1.0),
        A_ub=-signed[~mixed],
        b_ub=np.zeros(int((~mixed).sum())),
        A_eq=signed[mixed],
        b_eq=np.zeros(int(mixed.sum())),
        bounds=(-1, 1),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if outcome.x is None:
        raise ModelError(
            "the search for separated outcomes did not end",
            "fixed part of the model",
            "take out columns that are nearly the same as others",
        )
    return np.asarray(outcome.x)
