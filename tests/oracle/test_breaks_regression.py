"""Regressions with effects of clients and waves against linearmodels and against each other.

Tolerance 1e-9 relative: the same least squares by other roads. A complete panel makes Sun and
Abraham's weighted coefficients and the group-time effects with never-changed controls one number.
"""

import numpy as np
import pandas as pd
import pytest
from linearmodels import PanelOLS

from deepvalue_stats.models import bacon_weights, break_effects, sun_abraham
from deepvalue_stats.simulate import draw_families

COLUMNS = {
    "outcome": "worries",
    "client": "client",
    "time": "wave",
    "practitioner": "practitioner",
    "reason": "reason",
    "outside": ["outside"],
}


@pytest.fixture(scope="module")
def rows():
    return draw_families("breaks_hurt", 3, services=10, families=400)


@pytest.fixture(scope="module")
def complete(rows):
    by = rows.groupby("client")
    seen = by["wave"].transform("size") == rows["wave"].nunique()
    return rows[seen & (by["changed"].transform("sum") <= 1)]


def linear(rows, exposure, clusters):
    data = rows.assign(number=rows["client"].astype("int64")).set_index(["number", "wave"])
    fit = PanelOLS(data["worries"], exposure, entity_effects=True, time_effects=True)
    groups = pd.DataFrame({"cluster": clusters}, index=data.index)
    # clusters hold whole clients, whose effects then count for nothing
    return fit.fit(
        cov_type="clustered",
        clusters=groups,
        debiased=False,
        group_debias=True,
        auto_df=False,
        count_effects=False,
    )


def kept(rows):
    """Rows before a second change, with whether they are after the first and whose before it."""
    rows = rows.sort_values(["client", "wave"])
    changes = rows.groupby("client")["changed"].cumsum()
    first = rows.groupby("client")["practitioner"].transform("first")
    rows = rows.assign(after=(changes > 0).astype(float), first=first.astype("int64"))
    return rows[changes < 2]


def test_the_two_way_estimate_is_that_of_linearmodels(rows):
    found, used = bacon_weights(rows, **COLUMNS), kept(rows)
    exposure = used.assign(number=used["client"].astype("int64")).set_index(["number", "wave"])
    theirs = linear(used, exposure[["after"]], used["first"].to_numpy())
    assert found.estimate == pytest.approx(theirs.params["after"], rel=1e-9)
    # theirs has a factor (n - 1) / n of the variance
    factor = np.sqrt(len(used) / (len(used) - 1))
    assert found.std_error == pytest.approx(factor * theirs.std_errors["after"], rel=1e-9)


def test_pairs_make_up_the_two_way_estimate_of_a_complete_panel(rows, complete):
    for found in (bacon_weights(rows, **COLUMNS), bacon_weights(complete, **COLUMNS)):
        weights = np.array([pair.weight for pair in found.pairs])
        assert (weights > 0).all()
        assert weights.sum() == pytest.approx(1, abs=1e-12)
        made = sum(pair.weight * pair.estimate for pair in found.pairs)
        assert made == pytest.approx(found.balanced, rel=1e-12)
        forbidden = [pair.weight for pair in found.pairs if pair.comparison == "already"]
        assert found.forbidden == pytest.approx(sum(forbidden), rel=1e-12)
    whole = bacon_weights(complete, **COLUMNS)
    assert whole.balanced == pytest.approx(whole.estimate, rel=1e-9)


def test_sun_abraham_is_callaway_santanna_in_a_complete_panel(complete):
    ours = break_effects(complete, **COLUMNS, control="never")
    theirs = sun_abraham(complete, **COLUMNS)
    assert [row.event_time for row in theirs.curve] == list(ours.event_times)
    for one, other in zip(ours.curve, theirs.curve, strict=True):
        assert other.estimate == pytest.approx(one.estimate, abs=1e-10)
        assert (other.n_clients, other.n_controls) == (one.n_clients, one.n_controls)
    assert theirs.overall.estimate == pytest.approx(ours.overall.estimate, abs=1e-10)


def test_sun_abraham_is_the_saturated_regression_where_rows_are_missing(rows):
    found, used = sun_abraham(rows, **COLUMNS), kept(rows)
    change = used["wave"].where(used["changed"] == 1).groupby(used["client"]).transform("first")
    based = used["wave"].eq(change - 1).groupby(used["client"]).transform("any")
    used, change = used[change.isna() | based], change[change.isna() | based]
    event = used["wave"] - change
    cells = event.notna() & (event != -1)
    names = [f"{int(g)} {int(e)}" for g, e in zip(change[cells], event[cells], strict=True)]
    dummies = pd.get_dummies(pd.Series(names, index=used.index[cells]), dtype=float)
    dummies = dummies.reindex(used.index, fill_value=0.0)
    exposure = dummies.set_index(
        pd.MultiIndex.from_arrays([used["client"].astype("int64"), used["wave"]])
    )
    theirs = linear(used, exposure, used["first"].to_numpy())
    assert found.n_rows == len(used)
    for row in found.curve:
        mine = [name for name in dummies if name.split()[1] == str(row.event_time)]
        weights = dummies[mine].sum() / dummies[mine].to_numpy().sum()
        assert row.estimate == pytest.approx(float(weights @ theirs.params[mine]), abs=1e-9)
        variance = float(weights @ theirs.cov.loc[mine, mine] @ weights)
        variance *= len(used) / (len(used) - 1)
        assert row.std_error == pytest.approx(variance**0.5, rel=1e-8)
