"""`fit_panel`: what it refuses, what it leaves out and counts, and what its fits can speak of."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.effects import Levels, average_effect, average_risk
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import (
    FirstDifference,
    Random,
    Within,
    WithinBetween,
    fit_logit,
    fit_multilevel,
    fit_panel,
    hausman_test,
)
from deepvalue_stats.models.refitting import refit


def panel(clients=120, waves=4, seed=1):
    """Clients with levels that go with the exposure; y rises by 0.5 a point, z never changes."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(clients), waves)
    level = rng.normal(size=clients)[client]
    x = level + rng.normal(size=len(client))
    y = 0.5 * x - level + 0.2 * np.tile(np.arange(waves), clients) + rng.normal(size=len(client))
    return pd.DataFrame(
        {
            "client": client,
            "wave": np.tile(np.arange(waves), clients),
            "x": x,
            "y": y,
            "good": (y > 0).astype(float),
            "z": np.repeat(rng.normal(size=clients), waves),
            "area": np.repeat(rng.choice(["north", "south"], clients), waves),
            "practitioner": client // 6,
        }
    )


DATA = panel()
UNBALANCED = DATA.drop(index=[1, 4, 5, 6, 9, 12, 13]).reset_index(drop=True)


def fitted(formula="y ~ x", data=DATA, estimator="within", **options):
    return fit_panel(formula, data, time="wave", estimator=estimator, **options)


def refusal(*args, **options):
    with pytest.raises(ModelError) as told:
        fitted(*args, **options)
    return str(told.value)


def test_clients_with_one_wave_are_left_out_and_counted():
    fit = fitted(data=UNBALANCED)
    assert (fit.left_out.clients, fit.left_out.rows) == (1, 1)
    assert fit.left_out.reason == "clients with one wave only"
    assert fit.n_groups == {"client": 119}
    assert fit.n_obs == len(UNBALANCED) - 1
    assert "left out: 1 clients, 1 rows (clients with one wave only)" in fit.summary()


def test_gaps_are_not_differenced_over_unless_it_is_asked_for():
    dropped = fitted(data=UNBALANCED, estimator="first_difference")
    spanned = fitted(data=UNBALANCED, estimator=FirstDifference("span"))
    assert dropped.left_out.gaps == 2
    assert spanned.left_out.gaps == 0
    assert spanned.residual_dof - dropped.residual_dof == 2
    assert "no difference taken over 2 gaps between waves" in dropped.summary()


def test_a_fit_says_for_how_many_clients_anything_changes():
    fit = fitted("good ~ x + C(wave)", estimator="pooled")
    assert list(fit.changers) == ["good", "x", *(f"C(wave)[T.{k}]" for k in (1, 2, 3))]
    assert fit.changers["x"] == 1
    assert 0 < fit.changers["good"] < 1


def test_scores_sum_to_nothing_and_give_the_clustered_covariance():
    for estimator in ("pooled", "within", "first_difference", "between", "random"):
        fit = fitted(data=UNBALANCED, estimator=estimator, correction="HC0")
        scores = fit.scores
        size = np.abs(scores).sum(axis=0)
        np.testing.assert_allclose(scores.sum(axis=0) / size, 0, atol=1e-10, err_msg=estimator)


def test_missing_rows_are_refused_or_dropped_and_counted():
    holes = DATA.assign(x=DATA["x"].where(DATA.index % 50 != 0))
    assert "'x' in 10 rows" in refusal(data=holes)
    assert fitted(data=holes, missing="drop").design.dropped == {"x": 10}


def test_categories_keep_their_coding_without_an_intercept():
    fit = fitted("y ~ x * area + C(wave)", data=DATA.assign(area=np.where(DATA.x > 0, "n", "s")))
    assert fit.terms == (
        "x", "area[T.s]", "C(wave)[T.1]", "C(wave)[T.2]", "C(wave)[T.3]", "x:area[T.s]"
    )  # fmt: skip
    np.testing.assert_allclose(fit.design.rebuild(fit.design.frame), fit.design.matrix)


def test_a_panel_in_two_parts_that_nothing_connects_costs_one_wave_effect_less():
    """Half the clients have waves 0 and 1, half 2 and 3."""
    early, late = DATA["client"] < 60, DATA["wave"] < 2
    apart = DATA[early == late]
    fit = fitted(data=apart, estimator=Within(True), covariance="model")
    dummies = fitted("y ~ x + I(wave == 1) + I(wave == 3)", data=apart, covariance="model")
    assert fit.dof == dummies.dof == 240 - 120 - 2 - 1
    assert fit.params[0] == pytest.approx(dummies.params[0], rel=1e-10)


@pytest.mark.parametrize("estimator", ["within", "first_difference", "conditional_logit"])
def test_one_wave_is_refused_where_a_client_is_compared_with_itself(estimator):
    told = refusal("good ~ x", DATA[DATA["wave"] == 1], estimator)
    assert told == (
        f"ModelError: no client has more than one wave, so '{estimator}' has nothing to compare\n"
        "  where: client, wave\n"
        "  fix:   fit a model of one wave, as fit_logit, or add waves"
    )


@pytest.mark.parametrize("estimator", ["within", "first_difference", "conditional_logit"])
def test_what_is_fixed_about_a_client_is_refused_by_name(estimator):
    told = refusal("good ~ x + z + area", DATA, estimator)
    assert told == (
        "ModelError: z, area[T.south] never changes for any client, and what is fixed about a "
        "client has been taken out\n"
        f"  where: {estimator}\n"
        "  fix:   take it out, or use within_between, which can tell both"
    )


@pytest.mark.parametrize("estimator", ["within", "first_difference", "conditional_logit"])
def test_an_outcome_that_never_changes_is_refused(estimator):
    told = refusal("good ~ x", DATA.assign(good=(DATA["z"] > 0).astype(float)), estimator)
    assert told == (
        "ModelError: 'good' never changes for any client\n"
        f"  where: {estimator}\n"
        "  fix:   nothing within clients can be explained: use estimator='between'"
    )


def test_an_outcome_that_is_the_same_everywhere_is_refused():
    assert refusal(data=DATA.assign(y=1.0), estimator="pooled") == (
        "ModelError: 'y' is the same in all 480 rows\n"
        "  where: y ~ x\n"
        "  fix:   there is nothing to explain: check the outcome's definition and the flow"
    )


def test_what_the_waves_explain_is_refused_beside_time_effects():
    told = refusal("y ~ x + wave", DATA, Within(time_effects=True))
    assert told == (
        "ModelError: wave cannot be told apart from the terms before it and what 'within' takes "
        "out\n"
        "  where: y ~ x + wave\n"
        "  fix:   take it out"
    )


def test_no_adjacent_waves_are_refused():
    told = refusal(data=DATA[DATA["wave"] == (DATA["client"] % 2) * 1 + (DATA["wave"] // 2) * 2],
                   estimator="first_difference")  # fmt: skip
    assert told == (
        "ModelError: no client has two adjacent waves of the schedule\n"
        "  where: client, wave\n"
        '  fix:   use FirstDifference(gaps="span"), or estimator="within"'
    )


@pytest.mark.parametrize("estimator", ["within", "conditional_logit", "random"])
def test_clients_as_a_term_are_refused(estimator):
    told = refusal("good ~ x + C(client)", DATA, estimator)
    assert told == (
        "ModelError: the client ('client') is a term of the formula\n"
        "  where: good ~ x + C(client)\n"
        f"  fix:   take it out: '{estimator}' does with clients' levels what it says; use within "
        "for a linear model, and conditional_logit for odds, for dummies of clients in a logit "
        "make odds ratios too large (with two waves the log odds ratio is doubled)"
    )


def test_clients_as_dummies_of_a_logit_are_refused():
    with pytest.raises(ModelError) as told:
        fit_logit("good ~ x + C(client)", DATA, cluster="client")
    assert str(told.value) == (
        "ModelError: the client ('client') is a term of a logit, and dummies of clients make odds "
        "ratios too large (with two waves the log odds ratio is doubled)\n"
        "  where: good ~ x + C(client)\n"
        "  fix:   use fit_panel with estimator='conditional_logit', or 'within_between'"
    )


@pytest.mark.parametrize(
    ("options", "what", "fix"),
    [
        ({"estimator": "fixed"}, "no estimator 'fixed'", "use one of pooled, within, between, "
         "first_difference, random, within_between, conditional_logit"),
        ({"covariance": "HC1"}, "no covariance 'HC1'", "use model or cluster:<column>"),
        ({"correction": "HC2"}, "no correction 'HC2'", "use one of sss, HC0, HC1, HC3"),
        ({"correction": "HC1", "covariance": "model"},
         "a correction is for the clustered covariance of a linear estimator", "leave it out"),
        ({"covariance": "cluster:one"},
         "all rows belong to one one, so nothing can be said across them",
         "cluster by a column with more than one value"),
        ({"covariance": "cluster:wave", "estimator": "between"},
         "some clients have rows in more than one wave, and here a client is one row",
         "cluster by a column that is fixed for each client"),
        ({"formula": "y ~ 1"}, "the formula has no term", "add the exposure"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(options, what, fix):
    told = refusal(data=DATA.assign(one="all"), **options)
    assert told.startswith(f"ModelError: {what}\n")
    assert told.endswith(f"  fix:   {fix}")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: FirstDifference("skip"), "no way 'skip' with gaps"),
        (lambda: Random("nerlove"), "no variance components 'nerlove'"),
        (lambda: WithinBetween(powers=9), "not 1, 2, 3 or 4"),
    ],
)
def test_options_of_an_estimator_are_checked(make, what):
    with pytest.raises(ModelError, match=what):
        make()


def test_amemiyas_components_are_refused_beside_fixed_terms():
    told = refusal("y ~ x + z", DATA, Random("amemiya"))
    assert "would be counted as differences between clients" in told
    assert fitted("y ~ x + z", DATA, Random()).components.client > 0


def test_random_effects_without_variance_are_said_to_have_none():
    flat = DATA.assign(y=DATA["y"] - DATA.groupby("client")["y"].transform("mean"))
    fit = fitted(data=flat, estimator="random")
    assert fit.components.client == 0
    assert fit.convergence.singular
    assert fit.convergence.message == "no variance between clients beyond that of their rows"
    np.testing.assert_allclose(fit.params, fitted(data=flat, estimator="pooled").params)


def test_linear_models_of_chances_give_differences_in_risk():
    fit = fitted("good ~ x")
    row = average_effect(fit, "x", contrast="point").frame.iloc[0]
    assert row["estimate"] == pytest.approx(fit.params[0], rel=1e-12)
    assert row["std_error"] == pytest.approx(fit.bse[0], rel=1e-12)
    assert row["dof"] == 119
    step = average_effect(fit, "x", contrast=Levels(0, 2)).frame.iloc[0]
    assert step["estimate"] == pytest.approx(2 * fit.params[0], rel=1e-12)
    assert average_effect(fit, "x", scale="number_needed").frame["status"].tolist() == ["ok"]


@pytest.mark.parametrize("scale", ["risk_ratio", "odds_ratio"])
@pytest.mark.parametrize("estimator", ["within", "first_difference"])
def test_differences_give_no_ratios(estimator, scale):
    with pytest.raises(ModelError) as told:
        average_effect(fitted("good ~ x", estimator=estimator), "x", scale=scale)
    assert str(told.value) == (
        "ModelError: a fit that has taken out clients' own levels knows differences only\n"
        f"  where: {estimator}, scale risk ratio\n"
        '  fix:   use scale="risk_difference"; for risks and ratios fit the within-between logit'
    )


def test_differences_have_no_level():
    fit = fitted("good ~ x")
    with pytest.raises(ModelError) as told:
        fit.predict()
    assert str(told.value) == (
        "ModelError: a fit by 'within' knows differences only, and no level\n"
        "  where: predict()\n"
        '  fix:   fit estimator="within_between", which keeps the level'
    )
    with pytest.raises(ModelError, match="knows differences only"):
        average_risk(fit, "x", [0.0, 1.0])


def test_pooled_between_and_random_fits_have_a_level():
    for estimator in ("pooled", "between", "random"):
        fit = fitted("good ~ x", estimator=estimator)
        assert fit.predict().mean() == pytest.approx(DATA["good"].mean(), abs=0.02)
        assert average_risk(fit, "x", [0.0]).frame["status"].tolist() == ["ok"]
    with pytest.raises(ModelError, match="knows no odds of single clients"):
        average_effect(fit, "x", scale="log_odds")


def test_an_amount_has_no_difference_in_risk():
    with pytest.raises(ModelError, match="a linear model has no difference in risk"):
        average_effect(fitted(), "x")


def test_the_split_is_made_on_the_rows_used_and_says_how_many_waves():
    fit = fitted("y ~ x * area", data=UNBALANCED, estimator="within_between")
    assert fit.terms == (
        "Intercept", "x_within", "x_between", "area[T.south]", "client_waves",
        "x_within:area[T.south]", "x_between:area[T.south]",
    )  # fmt: skip
    frame = fit.design.frame
    means = UNBALANCED.groupby("client")["x"].transform("mean")
    np.testing.assert_allclose(frame["x_between"], means)
    np.testing.assert_allclose(frame["x_within"], UNBALANCED["x"] - means)
    assert frame["client_waves"].tolist() == fit.layout.rows[fit.layout.clients].tolist()


def test_a_balanced_split_has_no_count_of_waves_and_may_have_powers():
    fit = fitted("good ~ x + C(wave)", estimator=WithinBetween(powers=2, quadrature_points=7))
    assert fit.spec.formula == (
        "good ~ (x_within + x_between + x_between_2) + C(wave) + (1 | client)"
    )
    assert fit.spec.covariance == "cluster:client"
    row = average_effect(fit, "x_within", contrast="point").frame.iloc[0]
    assert row["status"] == "ok"


@pytest.mark.parametrize(
    ("formula", "estimator", "what"),
    [
        ("y ~ x + I(x**2)", WithinBetween(), "'x' stands within a function"),
        ("y ~ x", WithinBetween(split=["z"]), "'z' cannot be split"),
        ("y ~ z", WithinBetween(), "no number of the formula changes for any client"),
        ("y ~ x + x_between", WithinBetween(split=["x"]), "have columns already"),
    ],
)
def test_splits_that_cannot_be_made_are_refused(formula, estimator, what):
    rows = DATA.assign(x_between=DATA["z"]) if "x_between" in formula else DATA
    assert what in refusal(formula, rows, estimator)


@pytest.mark.parametrize(
    "estimator",
    ["pooled", Within(True), "between", FirstDifference("span"), Random("wallace_hussain"),
     "conditional_logit"],
)  # fmt: skip
@pytest.mark.parametrize("covariance", ["model", "cluster:practitioner"])
def test_the_same_rows_give_the_same_fit_again(estimator, covariance):
    fit = fitted("good ~ x", UNBALANCED, estimator, covariance=covariance)
    again = refit(fit, UNBALANCED)
    assert again.spec == fit.spec
    np.testing.assert_array_equal(again.params, fit.params)
    np.testing.assert_array_equal(again.covariance, fit.covariance)


def test_a_linear_split_is_not_fitted_again():
    with pytest.raises(ModelError, match="does not remember all it was made with"):
        refit(fitted(estimator="within_between"), DATA)


def test_too_many_times_for_an_effect_of_each_are_refused():
    times = DATA.assign(wave=np.arange(len(DATA)) / 7)
    many = pd.concat([times.assign(client=times["client"] + 120 * k, wave=times["wave"] + 100 * k)
                      for k in range(5)])  # fmt: skip
    assert refusal(data=many, estimator=Within(True)) == (
        "ModelError: 'wave' has 2400 times, too many for an effect of each\n"
        "  where: time_effects\n"
        "  fix:   put times together to at most 2000 waves, as months"
    )


def test_linear_estimators_do_not_load_a_compiler():
    code = (
        "import sys, numpy as np, pandas as pd\n"
        "from deepvalue_stats import fit_panel\n"
        "rows = pd.DataFrame({'client': np.repeat(range(9), 3), 'wave': [0, 1, 2] * 9})\n"
        "rows['x'] = np.sin(np.arange(27)); rows['y'] = rows['x'] + np.cos(np.arange(27) ** 2)\n"
        "fit_panel('y ~ x', rows, time='wave', estimator='within')\n"
        "print('numba' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_hausmans_test_finds_levels_that_go_with_the_exposure():
    found = hausman_test(fitted(estimator="within_between"))
    assert found.terms == ("x_within",)
    assert found.df == 1
    assert found.statistic > 0
    assert found.p_value < 1e-6
    logit = fitted("good ~ x", estimator=WithinBetween(quadrature_points=7))
    assert hausman_test(logit).p_value < 1e-4


def test_hausmans_test_needs_both_parts():
    with pytest.raises(ModelError) as told:
        hausman_test(fitted())
    assert str(told.value) == (
        "ModelError: no term has a part within clients and one between them\n"
        "  where: y ~ x\n"
        '  fix:   fit estimator="within_between"'
    )


def test_a_multilevel_fit_of_split_columns_can_be_tested_too():
    means = DATA.groupby("client")["x"].transform("mean")
    rows = DATA.assign(x_between=means, x_within=DATA["x"] - means)
    fit = fit_multilevel("y ~ x_within + x_between + (1 | client)", rows, family="gaussian")
    assert hausman_test(fit).p_value < 1e-6
