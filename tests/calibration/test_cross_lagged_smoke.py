"""Whether the limits of cross-lagged paths hold the planted value as often as they say.

Deviations with heavy tails, of clients who drop out by what was seen last. Bands of three Monte
Carlo standard errors.
"""

import numpy as np
import pandas as pd

from deepvalue_stats.models import fit_cross_lagged

STUDIES, CLIENTS, WAVES = 120, 300, 4
# to and from: x carries over, y moves x, x moves y, y carries over
PLANTED = np.array([0.3, 0.0, 0.2, 0.25])


def draw(rng):
    """One study, with what clients who left would have said taken out."""
    level = rng.multivariate_normal([0, 0], [[1.0, 0.4], [0.4, 1.0]], CLIENTS).T
    values = np.zeros((2, CLIENTS, WAVES))
    here = np.ones((CLIENTS, WAVES), dtype=bool)
    last = 1.2 * rng.standard_t(8, size=(2, CLIENTS))
    for t in range(WAVES):
        if t:
            last = PLANTED.reshape(2, 2) @ last + rng.standard_t(8, size=(2, CLIENTS))
            chance = 1 / (1 + np.exp(2.2 + 0.5 * values[0, :, t - 1]))
            here[:, t] = here[:, t - 1] & (rng.random(CLIENTS) > chance)
        values[:, :, t] = level + last
    frame = {
        "client": np.repeat(np.arange(CLIENTS), WAVES),
        "wave": np.tile(np.arange(WAVES), CLIENTS),
        "x": values[0].ravel(),
        "y": values[1].ravel(),
    }
    return pd.DataFrame(frame)[here.ravel()]


def test_robust_limits_are_honest_with_heavy_tails_and_drop_out():
    rng = np.random.default_rng(15)
    held, estimates, equal = [], [], []
    for _ in range(STUDIES):
        fit = fit_cross_lagged("x", "y", draw(rng), time="wave")
        if fit.convergence.status != "ok":
            continue
        low, high = fit.paths["conf_low"].to_numpy(), fit.paths["conf_high"].to_numpy()
        held.append((low <= PLANTED) & (high >= PLANTED))
        estimates.append(fit.paths["estimate"].to_numpy())
        equal.append(fit.equality.p_value < 0.05)
    assert len(held) >= 0.97 * STUDIES
    wide = 3 * np.sqrt(0.05 * 0.95 / len(held))
    assert (np.abs(np.mean(held, axis=0) - 0.95) <= wide).all()
    spread = np.std(estimates, axis=0) / np.sqrt(len(held))
    assert (np.abs(np.mean(estimates, axis=0) - PLANTED) <= 3.5 * spread).all()
    # paths are equal over waves, and the test of it says so; heavy tails make it a little free
    assert np.mean(equal) <= 0.05 + 2 * wide
