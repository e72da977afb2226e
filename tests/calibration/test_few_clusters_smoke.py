"""A short run of the bench of few clusters: the chosen covariance is honest, the plain one is not.

Bands of three Monte Carlo standard errors; the full table is kept with the reports.
"""

import numpy as np
import pytest

from deepvalue_stats.bench.few_clusters import (
    AUTO,
    BASE,
    ICC,
    WILD,
    Cell,
    block,
    draw,
    page,
    run,
    score,
    shrinkage,
)

STUDIES = 250
PLAIN = "exchangeable: robust, normal"


def rejected(cell):
    table = score(cell, block(cell, STUDIES, (7, cell.practitioners)))
    return table.set_index("method")["rejected"]


@pytest.mark.parametrize(
    "cell",
    [Cell(20, "equal", "continuous", 0.0), Cell(20, "uneven", "one_in_five", 0.5)],
    ids=["continuous", "one_in_five"],
)
def test_twenty_practitioners_are_judged_honestly_by_what_is_chosen_only(cell):
    found = rejected(cell)
    wide = 3 * np.sqrt(0.05 * 0.95 / STUDIES)
    assert abs(found[AUTO] - 0.05) <= wide
    assert abs(found[WILD] - 0.05) <= wide
    assert found[PLAIN] > 0.05 + wide


def test_the_planted_practitioners_are_as_alike_as_they_should_be():
    rng = np.random.default_rng(1)
    drawn = draw(Cell(4000, "equal", "client", 0.0), shrinkage(), rng)
    assert drawn.outcome.mean() == pytest.approx(BASE, abs=0.01)
    means = drawn.outcome.reshape(4000, -1).mean(axis=1)
    p, n = drawn.outcome.mean(), len(drawn.outcome) / 4000
    alike = (means.var() / (p * (1 - p)) - 1 / n) / (1 - 1 / n)
    assert alike == pytest.approx(ICC, abs=0.01)


def test_the_page_has_a_row_for_each_design():
    table = run(practitioners=(10,), replicates=3)
    text = page(table)
    assert text.count("\n| 10 |") == 12
    assert table["verdict"].isin(["holds", "too often", "too seldom"]).all()
