"""Laws of the effects of breaks, for any panel."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import break_effects
from deepvalue_stats.simulate import draw_families

COLUMNS = {
    "outcome": "worries",
    "client": "client",
    "time": "wave",
    "practitioner": "practitioner",
    "reason": "reason",
    "outside": ["outside"],
    "strata": "service",
}
LAW = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 10_000)


def drawn(seed):
    return draw_families("everyday", seed, services=4, families=120)


def effects(rows, **options):
    try:
        return break_effects(rows, **COLUMNS, **options)
    except ModelError:
        # so few practitioners that fewer than two of them left
        assume(False)


def numbers(found):
    rows = (*found.curve, found.overall)
    return np.array([[row.estimate, row.std_error, row.joint_low, row.joint_high] for row in rows])


def same(one, other, scale=1.0):
    assert one.event_times == other.event_times
    np.testing.assert_allclose(scale * numbers(one), numbers(other), rtol=1e-8, atol=1e-10)


@LAW
@given(seeds)
def test_the_order_of_rows_says_nothing(seed):
    rows = drawn(seed)
    mixed = rows.sample(frac=1, random_state=seed)
    same(effects(rows), effects(mixed))
    assert effects(rows).flow == effects(mixed).flow


@LAW
@given(seeds)
def test_names_say_nothing(seed):
    rows = drawn(seed)
    named = rows.assign(
        client="c" + rows["client"].astype(str).str[::-1] + rows["client"].astype(str),
        practitioner=-rows["practitioner"].astype("int64"),
        service="s" + rows["service"].astype(str),
        wave=2 * rows["wave"] + 7,
    )
    same(effects(rows), effects(named))


@LAW
@given(seeds, st.floats(0.1, 50))
def test_units_carry_over(seed, factor):
    rows = drawn(seed)
    same(effects(rows), effects(rows.assign(worries=factor * rows["worries"])), factor)


@LAW
@given(seeds)
def test_clients_levels_and_what_moves_a_service_at_a_wave_say_nothing(seed):
    rows = drawn(seed)
    level = rows["client"].astype("int64") % 17
    moved = np.sin(rows["service"].astype("int64") + 3.0 * rows["wave"])
    same(effects(rows), effects(rows.assign(worries=rows["worries"] + level + 5 * moved)))


@LAW
@given(seeds)
def test_clients_twice_over_say_no_more(seed):
    rows = drawn(seed)
    twin = rows.assign(client=rows["client"].astype(str) + "twin")
    same(effects(rows), effects(pd.concat([rows, twin], ignore_index=True)))


@LAW
@given(seeds)
def test_event_times_make_up_the_average(seed):
    found = effects(drawn(seed))
    after = [row for row in found.curve if row.event_time >= 0]
    sizes = [row.n_clients for row in after]
    estimates = [row.estimate for row in after]
    assert np.average(estimates, weights=sizes) == pytest.approx(found.overall.estimate)
    groups = [row for row in found.groups if row.event_time >= 0]
    by_group = np.average(
        [row.estimate for row in groups], weights=[row.n_clients for row in groups]
    )
    assert by_group == pytest.approx(found.overall.estimate)


@LAW
@given(seeds)
def test_a_covariate_that_is_the_same_in_a_stratum_adjusts_for_nothing(seed):
    rows = drawn(seed)
    rows["size"] = rows["service"].astype("int64") * 1.5
    same(effects(rows), effects(rows, covariates=["size"]))
