"""A plan's multilevel models: their formulas, their groups, and what is told of their variance."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from test_verdicts import EVIDENCE

from deepvalue_stats.disclosure import protect, rules_of
from deepvalue_stats.effects import average_effect
from deepvalue_stats.models import build_random_part, fit_gee, fit_multilevel
from deepvalue_stats.plan import parse_plan
from deepvalue_stats.study.estimating import decisive_groups, too_few_groups
from deepvalue_stats.study.fitting import Fitted
from deepvalue_stats.study.tabulating import _random_effects
from deepvalue_stats.verdicts.gates import common_gates


def people(practitioners=40, services=6, n=1200, seed=8):
    rng = np.random.default_rng(seed)
    practitioner = rng.integers(practitioners, size=n)
    frame = pd.DataFrame({"client": np.arange(n).astype("str"), "practitioner": practitioner})
    frame["service"] = practitioner % services
    frame["x"] = rng.normal(size=n)
    own = rng.normal(size=(2, practitioners))[:, practitioner]
    eta = -0.3 + (0.4 + 0.4 * own[1]) * frame["x"] + 0.8 * own[0]
    return frame.assign(y=(rng.random(n) < expit(eta)).astype(float))


SLOPES = "y ~ x + (1 + x | practitioner) + (1 | service)"


@pytest.fixture(scope="module")
def fit():
    return fit_multilevel(SLOPES, people())


@pytest.fixture
def plan(employment):
    employment["models"]["gee"]["role"] = "secondary"
    return parse_plan(employment)


@pytest.mark.parametrize(
    ("changes", "formula"),
    [
        ({}, "(1 | practitioner) + (1 | service)"),
        ({"groups": ["client"]}, "(1 | client)"),
        (
            {"slopes": {"practitioner": ["relationship"]}},
            "(1 + relationship | practitioner) + (1 | service)",
        ),
        (
            {
                "split": "within_between",
                "split_by": "practitioner",
                "slopes": {"practitioner": ["relationship"], "service": ["age"]},
            },
            "(1 + relationship_within | practitioner) + (1 + age | service)",
        ),
        (
            {
                "split": "within_between",
                "split_by": "practitioner",
                "slopes": {"practitioner": ["relationship", "relationship_within"]},
            },
            "(1 + relationship_within | practitioner) + (1 | service)",
        ),
    ],
)
def test_each_group_has_an_intercept_and_the_slopes_that_the_plan_names(
    employment, changes, formula
):
    employment["models"] = {"main": {**employment["models"]["main"], **changes}}
    plan = parse_plan(employment)
    assert build_random_part(plan, plan.models["main"]) == formula


def test_practitioners_decide_where_there_are_some_and_else_the_fewest(fit):
    assert decisive_groups(fit) == ("practitioner", 40)
    alone = fit_multilevel("y ~ x + (1 | service)", people(services=5))
    assert decisive_groups(alone) == ("service", 5)
    gee = fit_gee("y ~ x", people(), group="service")
    assert decisive_groups(gee) == ("service", 6)


def test_few_services_above_many_practitioners_block_nothing(plan, fit):
    fitted = Fitted({"main": fit}, fit, {})
    assert too_few_groups(plan, fitted) == frozenset()
    few = fit_multilevel("y ~ x + (1 | practitioner)", people(practitioners=8))
    assert too_few_groups(plan, Fitted({"main": few}, fit, {})) == {"main"}


@pytest.mark.parametrize("few", ["main", "banded"])
def test_too_few_practitioners_for_a_model_are_too_few_for_its_correction(employment, fit, few):
    employment["measures"]["relationship"]["error_correction"] = "simex"
    plan = parse_plan(employment)
    less = fit_multilevel("y ~ x + (1 | practitioner)", people(practitioners=8))
    fitted = Fitted({"main": less}, fit, {}) if few == "main" else Fitted({"main": fit}, less, {})
    assert too_few_groups(plan, Fitted({"main": fit}, fit, {})) == frozenset()
    assert too_few_groups(plan, fitted) == {
        "main" if few == "main" else "main x confidence",
        "main, score error corrected (SIMEX)",
    }


def test_too_few_practitioners_are_too_few_for_missed_outcomes_as_well(employment, fit):
    audit = {"low": [88, 100], "mid": [92, 100], "high": [95, 100]}
    employment["links"]["outcomes"]["recall"] = audit
    plan = parse_plan(employment)
    few = fit_multilevel("y ~ x + (1 | practitioner)", people(practitioners=8))
    assert too_few_groups(plan, Fitted({"main": few}, fit, {})) == {
        "main",
        "main, missed outcomes counted",
    }


def test_how_far_practitioners_differ_is_told_of_sound_fits_only(plan, fit):
    few = fit_multilevel("y ~ x + (1 | practitioner)", people(practitioners=8))
    gee = fit_gee("y ~ x", people(), group="practitioner")
    table = _random_effects(plan, Fitted({"main": fit, "gee": gee, "split": few}, fit, {})).frame
    assert set(table["model"]) == {"main", "main x confidence"}
    main = table[table["model"] == "main"].set_index(["group", "effect"])
    spread = fit.variance_components
    sd = spread.loc[(spread["group"] == "practitioner") & (spread["term2"] == ""), "std_dev"]
    slopes = main.loc[("practitioner", "x")]
    mean = fit.params[fit.terms.index("x")]
    expected = [mean - 1.2815516 * sd.iloc[1], mean + 1.2815516 * sd.iloc[1]]
    np.testing.assert_allclose([slopes["slopes_from"], slopes["slopes_to"]], expected, rtol=1e-6)
    assert np.isnan(slopes["latent_icc"])
    intercepts = main.loc[("practitioner", "Intercept")]
    everything = sd.iloc[0] ** 2 + main.loc[("service", "Intercept"), "std_dev"] ** 2
    share = sd.iloc[0] ** 2 / (everything + np.pi**2 / 3)
    assert intercepts["latent_icc"] == pytest.approx(share, rel=1e-9)


def test_the_variance_between_few_services_stays_in_the_room(plan, fit):
    table = _random_effects(plan, Fitted({"main": fit}, fit, {}))
    effects = average_effect(fit, "x")
    cleared, _ = protect(rules_of(plan.disclosure), effects=effects, counts=(table,), series=())
    frame = cleared.counts[0].frame.set_index("group")
    assert set(frame.loc[["service"], "std_dev"]) == {"[c]"}
    assert "[c]" not in set(frame.loc[["practitioner"], "std_dev"])


@pytest.mark.parametrize(
    ("corrected", "said"),
    [
        (False, "Barely. The main model rests on 12 practitioners: the intervals are likely to be "
                "too narrow."),
        (True, "Barely. The main model rests on 12 practitioners: the intervals allow for it, and "
               "few stand for all others."),
    ],
)  # fmt: skip
def test_few_practitioners_are_told_of_either_way(corrected, said):
    evidence = replace(EVIDENCE, n_clusters=12, corrected=corrected)
    gate = next(gate for gate in common_gates(evidence) if gate.name == "groups")
    assert gate.outcome == "cap"
    assert str(gate.answer.cleared({"n": "12"})) == said
