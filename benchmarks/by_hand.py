"""A delta method as an analyst would write it for one model: NumPy arrays and no package."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

EXPOSURE, MODIFIER = "trust", "band"
Pairs = list[tuple[float, float]]


class ByHand:
    """Contrasts of a logit with the terms trust, and trust by band.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n, p)
    terms : list of str
    params : numpy.ndarray, shape (p,)
    covariance : numpy.ndarray, shape (p, p)
    frame : pandas.DataFrame, n rows
    """

    def __init__(
        self,
        matrix: np.ndarray,
        terms: list[str],
        params: np.ndarray,
        covariance: np.ndarray,
        frame: pd.DataFrame,
    ) -> None:
        self.matrix, self.params, self.covariance = matrix, params, covariance
        self.score = frame[EXPOSURE].to_numpy()
        bands = frame[MODIFIER].cat
        self.groups = [(bands.codes == code).to_numpy() for code in range(len(bands.categories))]
        self.columns = [terms.index(EXPOSURE)]
        units = [np.ones(len(frame))]
        for name, mask in zip(bands.categories, self.groups, strict=True):
            term = f"{EXPOSURE}:{MODIFIER}[T.{name}]"
            if term in terms:
                self.columns.append(terms.index(term))
                units.append(mask.astype("float64"))
        self.unit = np.column_stack(units)

    def levels(self, low: float, high: float, scale: str, by_band: bool) -> Pairs:
        """Everybody at one value against everybody at another."""
        return self._against(high, low, scale, by_band)

    def step(self, size: float) -> Pairs:
        """Everybody higher, against as is."""
        return self._against(self.score + size, self.score, "risk_difference", by_band=False)

    def slope(self, contrast: str, by_band: bool) -> Pairs:
        """The average derivative, a point or an SD."""
        size = self.score.std(ddof=1) if contrast == "sd" else 1.0
        p = expit(self.matrix @ self.params)
        weight = p * (1 - p)
        moved = self.unit @ self.params[self.columns]
        value, bend = weight * moved, weight * (1 - 2 * p) * moved
        told = []
        for rows in self._masks(by_band):
            gradient = bend[rows] @ self.matrix[rows]
            gradient[self.columns] += weight[rows] @ self.unit[rows]
            mean = value[rows].mean()
            told.append(self._pair(size * mean, size * gradient / len(value[rows])))
        return told

    def _against(
        self, high: np.ndarray | float, low: np.ndarray | float, scale: str, by_band: bool
    ) -> Pairs:
        ends = [self._chances(self._set(values)) for values in (high, low)]
        told = []
        for rows in self._masks(by_band):
            (up, by_up), (down, by_down) = (
                (p[rows].mean(), (p[rows] * (1 - p[rows])) @ matrix[rows] / len(p[rows]))
                for p, matrix in ends
            )
            if scale == "risk_ratio":
                told.append(self._pair(np.log(up / down), by_up / up - by_down / down))
            else:
                told.append(self._pair(up - down, by_up - by_down))
        return told

    def _set(self, values: np.ndarray | float) -> np.ndarray:
        matrix = self.matrix.copy(order="K")
        matrix[:, self.columns] = np.multiply(np.atleast_1d(values)[:, None], self.unit)
        return matrix

    def _chances(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return expit(matrix @ self.params), matrix

    def _masks(self, by_band: bool) -> list[np.ndarray | slice]:
        return list(self.groups) if by_band else [slice(None)]

    def _pair(self, value: float, gradient: np.ndarray) -> tuple[float, float]:
        return float(value), float(np.sqrt(gradient @ self.covariance @ gradient))
