"""Laws of disclosure control, for all counts and all rules."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvalue_stats.disclosure import SUPPRESSED, Rules, protect, protect_phrase
from deepvalue_stats.tables import CountTable, EffectTable, Phrase, Series, effect_rows

RULES = {
    "group": "label",
    "rows": "count",
    "had": "outcome_count",
    "share": "share",
    "mean": "statistic",
}
NAMES = st.lists(
    st.sampled_from(["low", "mid", "high", "low minus high", "mid minus high"]),
    unique=True,
    min_size=1,
)


@st.composite
def tables(draw):
    """A table of rows and how many of them had the outcome."""
    rows = draw(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 1)), min_size=1, max_size=8))
    frame = pd.DataFrame(
        [(f"g{i}", n, int(n * p), np.nan, 3.5) for i, (n, p) in enumerate(rows)],
        columns=list(RULES),
    )
    return CountTable("t", "T", frame, RULES, total="rows")


@st.composite
def effect_tables(draw):
    rows = []
    for name in draw(NAMES):
        clients = draw(st.integers(0, 60))
        events = draw(st.integers(0, clients))
        rows.append(
            {
                "model": "m", "outcome": "o", "exposure": "e", "estimand": "x", "scale": "s",
                "contrast": "sd", "group": name, "estimate": 0.1, "std_error": 0.1, "dof": np.inf,
                "conf_low": 0.0, "conf_high": 0.2, "p_value": 0.3, "family": "", "claim": "",
                "null_value": 0.0, "unit": "u", "n_obs": clients, "n_clients": clients,
                "n_practitioners": draw(st.integers(0, 30)), "status": "ok", "events": events,
                "non_events": clients - events,
            }
        )  # fmt: skip
    return effect_rows(rows)


def series_of(table):
    """A point for every row of an effect table."""
    frame = table.frame[["group", "n_clients"]].astype({"n_clients": "int64"})
    frame = frame.assign(x=1.0, y=0.5, low=0.4, high=0.6)[
        ["group", "x", "y", "low", "high", "n_clients"]
    ]
    return Series("s", "S", frame, "x", "y", table.evidence)


rules = st.builds(
    Rules, st.just("own"), threshold=st.integers(1, 20), rounding=st.sampled_from([1, 3, 5, 10])
)


def cleared(rule, table, effects):
    found, _ = protect(rule, effects=effects, counts=(table,), series=(series_of(effects),))
    return found


def shown(found):
    """Every cell, effect and point that left the room."""
    frame = found.counts[0].frame
    cells = {(i, c) for c in frame for i in frame.index if frame.loc[i, c] != SUPPRESSED}
    rows = set(found.effects.frame.index[found.effects.frame["status"] == "ok"])
    counted = set(found.effects.frame.index[found.effects.frame["n_practitioners"].notna()])
    return cells, rows, counted, set(found.series[0].frame["group"])


@settings(max_examples=60, deadline=None)
@given(rules, st.integers(0, 20), tables(), effect_tables())
def test_a_stricter_threshold_never_shows_more(rule, more, table, effects):
    stricter = Rules("own", rule.threshold + more, rule.rounding)
    mild, strict = shown(cleared(rule, table, effects)), shown(cleared(stricter, table, effects))
    assert all(after <= before for before, after in zip(mild, strict, strict=True))


@settings(max_examples=60, deadline=None)
@given(rules, tables(), effect_tables())
def test_every_count_that_leaves_is_a_multiple_of_the_base(rule, table, effects):
    found = cleared(rule, table, effects)
    counts = found.counts[0].frame[["rows", "had"]].to_numpy().ravel()
    numbers = [int(text) for text in counts if text != SUPPRESSED]
    counted = found.effects.frame[["n_obs", "n_clients", "n_practitioners"]]
    numbers += [int(n) for n in counted.to_numpy().ravel() if pd.notna(n)]
    numbers += [int(text) for text in found.series[0].frame["n_clients"]]
    assert all(number % rule.rounding == 0 for number in numbers)


@settings(max_examples=60, deadline=None)
@given(rules, tables(), effect_tables())
def test_no_small_count_stands_behind_anything_that_leaves(rule, table, effects):
    found = cleared(rule, table, effects)
    before, after = table.frame, found.counts[0].frame
    for i in before.index:
        n, had = before.loc[i, "rows"], before.loc[i, "had"]
        assert after.loc[i, "rows"] == SUPPRESSED or n == 0 or n >= rule.threshold
        assert after.loc[i, "had"] == SUPPRESSED or min(had, n - had) >= rule.threshold
        if SUPPRESSED in (after.loc[i, "rows"], after.loc[i, "had"]):
            assert after.loc[i, "share"] == after.loc[i, "mean"] == SUPPRESSED
    left = found.effects.frame["status"] == "ok"
    assert (effects.evidence[left] >= rule.threshold).all(axis=None)


@settings(max_examples=60, deadline=None)
@given(rules, effect_tables())
def test_no_hidden_band_comes_back_as_a_difference_and_the_other_band(rule, effects):
    found, _ = protect(rule, effects=effects, counts=(), series=())
    status = dict(zip(found.effects.frame["group"], found.effects.frame["status"], strict=True))
    for group, state in status.items():
        if state == "ok":
            assert all(status.get(part, "ok") == "ok" for part in group.split(" minus "))


@settings(max_examples=60, deadline=None)
@given(rules, tables(), effect_tables())
def test_the_order_of_rows_changes_nothing(rule, table, effects):
    turned = CountTable("t", "T", table.frame[::-1].reset_index(drop=True), RULES, total="rows")
    back = EffectTable(
        effects.frame[::-1].reset_index(drop=True), effects.evidence[::-1].reset_index(drop=True)
    )
    one, other = cleared(rule, table, effects), cleared(rule, turned, back)
    pd.testing.assert_frame_equal(
        other.counts[0].frame[::-1].reset_index(drop=True), one.counts[0].frame
    )
    pd.testing.assert_frame_equal(
        other.effects.frame[::-1].reset_index(drop=True), one.effects.frame
    )


@given(rules, st.integers(0, 200))
def test_a_sentence_never_holds_a_count_below_the_threshold(rule, n):
    said = str(protect_phrase(rule, Phrase("{n}", {"n": n})))
    small = 0 < n < rule.threshold
    assert said == (
        f"fewer than {rule.threshold}" if small else str((2 * n + rule.rounding)
        // (2 * rule.rounding) * rule.rounding)
    )  # fmt: skip


@given(rules, st.integers(0, 200))
def test_rounding_twice_is_rounding_once(rule, n):
    once = str(protect_phrase(Rules("own", 1, rule.rounding), Phrase("{n}", {"n": n})))
    twice = protect_phrase(Rules("own", 1, rule.rounding), Phrase("{n}", {"n": int(once)}))
    assert str(twice) == once
