"""What may leave the room: small tables before and after the gate."""

import io

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.disclosure import Rules, protect, protect_phrase, rules_of
from deepvalue_stats.errors import DisclosureError
from deepvalue_stats.plan.parts import Disclosure
from deepvalue_stats.tables import CountTable, EffectTable, Phrase, Series, effect_rows

ACRO = Rules("acro", 10, 5)
OPEN = Rules("open", 0, 1)
NOTHING = effect_rows([dict.fromkeys(("events", "non_events"), 0) | {"status": "ok"}]).where(
    status="none"
)


def frame_of(text):
    """A text table with its columns under their names; a dot is a missing cell."""
    return pd.read_csv(io.StringIO(text), sep=r"\s+", na_values=".", keep_default_na=False)


def written(frame):
    return [" ".join(str(cell) or "." for cell in row) for row in frame.itertuples(index=False)]


def cleared(text, rules=ACRO, total=None, evidence=None, **columns):
    """The rows of a count table after the gate."""
    table = CountTable("t", "T", frame_of(text), columns, total=total, evidence=evidence)
    found, _ = protect(rules, effects=NOTHING, counts=(table,), series=())
    return written(found.counts[0].frame)


def effects(text, **cells):
    """Effect rows from a table of group, clients, events and practitioners."""
    rows = []
    for row in frame_of(text).itertuples():
        base = {
            "model": "main", "outcome": "job", "exposure": "trust",
            "estimand": "average derivative x 1 SD (0.676 points)", "scale": "risk_difference",
            "contrast": "sd", "group": row.group, "estimate": 0.05, "std_error": 0.01,
            "dof": np.inf, "conf_low": 0.03, "conf_high": 0.07, "p_value": 0.001, "family": "",
            "claim": "", "null_value": 0.0, "unit": "probability", "n_obs": row.clients + 2,
            "n_clients": row.clients, "n_practitioners": row.practitioners, "status": "ok",
            "events": row.events, "non_events": row.clients - row.events,
        }  # fmt: skip
        rows.append(base | cells)
    return effect_rows(rows)


def shown(table, rules=ACRO):
    """Group, status, clients and practitioners of every effect row after the gate."""
    found, _ = protect(rules, effects=table, counts=(), series=())
    columns = ["group", "status", "n_obs", "n_clients", "n_practitioners"]
    frame = found.effects.frame[columns].astype(object)
    return written(frame.where(frame.notna(), ""))


# --- counts --------------------------------------------------------------------------------------


def test_a_count_below_the_threshold_is_suppressed_and_a_zero_may_stand():
    text = """
step n
a    0
b    1
c    9
d    10
e    12
f    13
g    .
"""
    assert cleared(text, step="label", n="count") == [
        "a 0",
        "b [c]",
        "c [c]",
        "d 10",
        "e 10",
        "f 15",
        "g .",
    ]


def test_halves_are_rounded_up_so_that_equal_counts_round_equally():
    text = "n\n10\n11\n15\n25\n35\n"
    assert cleared(text, Rules("own", 1, 10), n="count") == ["10", "10", "20", "30", "40"]


def test_how_many_had_an_outcome_is_judged_with_those_who_had_not():
    text = """
group  had all
none   0   50
few    9   50
enough 10  50
most   40  50
nearly 41  50
every  50  50
"""
    rules = {"group": "label", "had": "outcome_count", "all": "count"}
    assert cleared(text, total="all", **rules) == [
        "none [c] 50",
        "few [c] 50",
        "enough 10 50",
        "most 40 50",
        "nearly [c] 50",
        "every [c] 50",
    ]


def test_a_share_is_of_the_rounded_counts():
    text = "group had all share\na 12 51 .\nb 23 48 .\n"
    rules = {"group": "label", "had": "outcome_count", "all": "count", "share": "share"}
    assert cleared(text, total="all", **rules) == ["a 10 50 0.2", "b 25 50 0.5"]


def test_share_and_statistic_go_with_any_suppressed_count_of_their_row():
    text = "group clients had all share mean\na 9 20 40 . 3.5\nb 20 9 40 . 3.5\nc 20 20 40 . 3.5\n"
    rules = {
        "group": "label",
        "clients": "count",
        "had": "outcome_count",
        "all": "count",
        "share": "share",
        "mean": "statistic",
    }
    assert cleared(text, total="all", **rules) == [
        "a [c] 20 40 [c] [c]",
        "b 20 [c] 40 [c] [c]",
        "c 20 20 40 0.5 3.5",
    ]


def test_twelve_interviews_of_four_clients_are_four_clients():
    text = "group had all share\nlow 12 60 .\nhigh 30 60 .\n"
    persons = pd.DataFrame({"with": [4, 20], "without": [20, 20]})
    rules = {"group": "label", "had": "outcome_count", "all": "count", "share": "share"}
    assert cleared(text, total="all", evidence=persons, **rules) == [
        "low [c] 60 [c]",
        "high 30 60 0.5",
    ]


def test_a_statistic_beside_rounded_counts_has_three_digits():
    # 41.7 / 12 to ten digits would give away that 12 clients, and not 11, are behind it
    text = "n mean\n12 3.4722222222\n12 0.00123456\n12 45.678\n"
    rules = {"n": "count", "mean": "statistic"}
    assert cleared(text, **rules) == ["10 3.47", "10 0.00123", "10 45.7"]
    assert cleared(text, OPEN, **rules)[0] == "12 3.472222222"


def test_the_open_profile_leaves_counts_as_they_are():
    text = "group had all share\na 0 7 .\nb 7 7 .\nc 3 7 .\n"
    rules = {"group": "label", "had": "outcome_count", "all": "count", "share": "share"}
    assert cleared(text, OPEN, total="all", **rules) == [
        "a 0 7 0",
        "b 7 7 1",
        "c 3 7 0.4285714286",
    ]


def test_the_opensafely_profile_suppresses_seven_or_fewer_and_rounds_to_five():
    rules = rules_of(Disclosure(profile="opensafely"))
    assert cleared("n\n0\n7\n8\n12\n13\n", rules, n="count") == ["0", "[c]", "10", "10", "15"]


@pytest.mark.parametrize(
    ("settings", "threshold", "rounding"),
    [
        ({"profile": "open"}, 0, 1),
        ({"profile": "acro"}, 10, 5),
        ({"profile": "acro", "threshold": 20}, 20, 5),
        ({"profile": "opensafely"}, 8, 5),
        ({"profile": "own", "threshold": 6, "rounding": 3}, 6, 3),
    ],
)
def test_a_profile_is_a_threshold_and_a_base(settings, threshold, rounding):
    rules = rules_of(Disclosure(**settings))
    assert (rules.threshold, rules.rounding) == (threshold, rounding)
    assert rules.open == (settings["profile"] == "open")


def test_an_own_profile_suppresses_and_rounds_as_it_says():
    rules = rules_of(Disclosure(profile="own", threshold=6, rounding=3))
    assert cleared("n\n5\n6\n7\n8\n", rules, n="count") == ["[c]", "6", "6", "9"]
    assert rules.says() == (
        "Counts below 6, and what would leave fewer than 6 for the rest, are suppressed and "
        "marked [c].",
        "Other counts are rounded to the nearest 3; totals are rounded on their own, so parts "
        "may not add up to them.",
    )


def test_the_open_profile_says_that_nothing_is_hidden():
    assert OPEN.says() == (
        "The data are declared public or synthetic: counts are neither suppressed nor rounded.",
    )


# --- effects -------------------------------------------------------------------------------------


def test_an_effect_needs_enough_clients_on_either_side_of_the_outcome():
    text = """
group  clients events practitioners
all    100     50     20
none   100     0      20
few    100     9      20
enough 100     10     20
most   100     90     20
nearly 100     91     20
every  100     100    20
small  18      9      20
"""
    assert shown(effects(text)) == [
        "all ok 100 100 20",
        "none suppressed . . .",
        "few suppressed . . .",
        "enough ok 100 100 20",
        "most ok 100 100 20",
        "nearly suppressed . . .",
        "every suppressed . . .",
        "small suppressed . . .",
    ]


def test_few_practitioners_are_not_counted_and_the_effect_stands():
    text = "group clients events practitioners\na 100 50 9\nb 100 50 10\nc 100 50 12\n"
    assert shown(effects(text)) == ["a ok 100 100 .", "b ok 100 100 10", "c ok 100 100 10"]


def test_a_suppressed_effect_keeps_no_number_at_all():
    table = effects("group clients events practitioners\na 100 5 20\n", p_adjusted=0.02)
    found, log = protect(ACRO, effects=table, counts=(), series=())
    row = found.effects.frame.iloc[0]
    assert found.effects.evidence is None
    assert row[["estimate", "std_error", "dof", "conf_low", "conf_high", "p_value", "p_adjusted"]
               ].isna().all()  # fmt: skip
    assert row["estimand"] == "average derivative x 1 SD"
    assert written(log.decisions) == [
        "effects estimate clients and outcome 1 all",
        "effects n_practitioners count 1 all",
    ]


def test_a_difference_of_bands_goes_with_either_band():
    # low = (low minus high) + high: a suppressed band must not come back by addition
    text = """
group           clients events practitioners
low             60      5      20
mid             90      40     20
high            90      40     20
low_minus_high  150     45     20
mid_minus_high  180     80     20
"""
    table = effects(text)
    names = table.frame["group"].str.replace("_minus_", " minus ")
    table = EffectTable(table.frame.assign(group=names), table.evidence)
    assert [line.split(" ok ")[0] for line in shown(table)] == [
        "low suppressed . . .",
        "mid",
        "high",
        "low minus high suppressed . . .",
        "mid minus high",
    ]


def test_a_band_that_is_hidden_in_one_model_is_not_hidden_in_another():
    text = "group clients events practitioners\nlow 60 5 20\n"
    one, other = effects(text), effects(text.replace(" 5 ", " 30 "), model="split")
    both = EffectTable(
        pd.concat([one.frame, other.frame], ignore_index=True),
        pd.concat([one.evidence, other.evidence], ignore_index=True),
    )
    assert [line.split()[1] for line in shown(both)] == ["suppressed", "ok"]


def test_the_open_profile_leaves_effects_as_they_are():
    text = "group clients events practitioners\na 3 0 1\n"
    assert shown(effects(text), OPEN) == ["a ok 5 3 1"]


def test_effects_without_evidence_are_refused():
    table = EffectTable(effects("group clients events practitioners\na 100 50 20\n").frame)
    with pytest.raises(DisclosureError) as refused:
        protect(ACRO, effects=table, counts=(), series=())
    assert str(refused.value) == (
        "DisclosureError: an effect table comes without evidence\n"
        "  where: effects\n"
        "  fix:   build it with `average_effect`, which counts clients with and without the outcome"
    )


# --- figures -------------------------------------------------------------------------------------


def series(text, evidence=True):
    frame = frame_of(text)
    told = frame[["events", "non_events"]] if evidence else None
    columns = ["group", "x", "y", "low", "high", "n_clients"]
    return Series("curve", "C", frame[columns], "x", "y", told)


CURVE = """
group  x y   low high n_clients events non_events
enough 1 0.5 0.4 0.6  32        16     16
few    1 0.5 0.4 0.6  32        9      23
rest   1 0.5 0.4 0.6  32        23     9
none   1 0.5 0.4 0.6  32        0      32
small  1 0.5 0.4 0.6  9         9      0
"""


def test_a_point_with_too_few_behind_it_leaves_the_figure():
    found, _ = protect(ACRO, effects=NOTHING, counts=(), series=(series(CURVE),))
    assert written(found.series[0].frame) == ["enough 1 0.5 0.4 0.6 30"]
    assert found.series[0].evidence is None


def test_the_open_profile_leaves_figures_as_they_are():
    found, _ = protect(OPEN, effects=NOTHING, counts=(), series=(series(CURVE),))
    assert len(found.series[0].frame) == 5


def test_a_figure_without_evidence_is_refused():
    with pytest.raises(DisclosureError) as refused:
        protect(ACRO, effects=NOTHING, counts=(), series=(series(CURVE, evidence=False),))
    assert str(refused.value) == (
        "DisclosureError: a figure's data come without evidence\n"
        "  where: curve\n"
        "  fix:   give the clients with and without the outcome behind each point"
    )


def test_an_outcome_count_without_its_total_is_refused():
    with pytest.raises(DisclosureError) as refused:
        cleared("had\n20\n", had="outcome_count")
    assert str(refused.value) == (
        "DisclosureError: an outcome count comes without its total\n"
        "  where: t.had\n"
        "  fix:   name the column of the total, so that the complement can be judged"
    )


# --- sentences and the log -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "words"),
    [(0, "0"), (1, "fewer than 10"), (9, "fewer than 10"), (10, "10"), (13, "15")],
)
def test_a_count_in_a_sentence_obeys_the_rules(n, words):
    phrase = protect_phrase(ACRO, Phrase("It rests on {n} clients.", {"n": n}))
    assert str(phrase) == f"It rests on {words} clients."


def test_a_sentence_that_is_cleared_already_stays_as_it_is():
    once = protect_phrase(ACRO, Phrase("It rests on {n} clients.", {"n": 12}))
    assert protect_phrase(Rules("own", 50, 50), once) == once


def test_the_log_says_what_was_done_without_a_number_of_anyone():
    table = CountTable(
        "t",
        "T",
        frame_of("step n m\na 5 20\nb 50 20\n"),
        {"step": "label", "n": "count", "m": "count"},
    )
    _, log = protect(ACRO, effects=NOTHING, counts=(table,), series=())
    assert written(log.decisions)[2:] == ["t n count 2 some", "t m count 2 none"]
    assert log.rules == ACRO.says()


def test_what_is_cleared_cannot_be_taken_for_what_is_not():
    table = effects("group clients events practitioners\na 100 50 20\n")
    found, _ = protect(ACRO, effects=table, counts=(), series=(series(CURVE),))
    with pytest.raises(DisclosureError):
        protect(ACRO, effects=found.effects, counts=(), series=())
    with pytest.raises(DisclosureError):
        protect(ACRO, effects=table, counts=(), series=found.series)
