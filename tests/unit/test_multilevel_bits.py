"""One fit has one answer to the last bit, wherever its arrays lie in memory."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.models import fit_multilevel
from deepvalue_stats.models.multilevel.rows import apart


def drawn(n=1_844):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": rng.normal(size=n), "z": rng.normal(size=n), "p": rng.integers(0, 60, n)}
    )
    eta = 0.3 * frame["x"] - 0.5 + rng.normal(0, 0.5, 60)[frame["p"]]
    frame["y"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    return frame.assign(s=frame["p"] // 8)


@pytest.mark.parametrize("random", ["(1 | p)", "(1 | p) + (1 | s)", "(1 + x | p)"])
def test_a_fit_repeats_itself_while_memory_is_taken_and_given_back(random):
    """With arrays side by side five of thirty fits of nested intercepts differed in 1e-8."""
    frame, rng = drawn(), np.random.default_rng(5)
    held, seen = [], set()
    for _ in range(25):
        for _ in range(30):
            held.append(np.empty(rng.integers(10, 4_000)))
            if len(held) > 60:
                held.pop(rng.integers(60))
        fit = fit_multilevel(f"y ~ x + z + {random}", frame.copy())
        seen.add(fit.params.tobytes() + fit.interval_joint.tobytes())
    assert len(seen) == 1


def test_arrays_apart_are_far_from_each_other_and_from_the_ends_of_their_block():
    one, other = apart(10, 2)
    assert one.shape == other.shape == (10,)
    assert one.base is other.base
    block = one.base
    ends = [block.ctypes.data, block.ctypes.data + block.nbytes]
    places = sorted([*ends, one.ctypes.data, other.ctypes.data])
    assert min(np.diff(places)) >= 4_096
    assert places == [ends[0], one.ctypes.data, other.ctypes.data, ends[1]]
