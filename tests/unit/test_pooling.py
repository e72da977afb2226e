"""Pooling over imputations: what is pooled on which scale, and what is not pooled at all."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit

from deepvalue_stats.effects import Contrast, average_effect, average_risk
from deepvalue_stats.effects.pooling import pool, pool_tables, pooled_wald
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_logit
from deepvalue_stats.tables import NUMERIC, EffectTable, effect_rows


def row(scale="risk_difference", estimate=0.1, std_error=0.05, **others):
    return {
        "model": "main",
        "scale": scale,
        "group": "all",
        "estimate": estimate,
        "std_error": std_error,
        "dof": 40.0,
        "p_value": 0.5,
        "n_obs": 100,
        "n_clients": 80,
        "n_practitioners": None,
        "events": 30,
        "non_events": 50,
        "status": "ok",
    } | others


def table(*rows):
    return effect_rows(rows)


def pooled_row(*rows):
    return pool_tables([table(one) for one in rows]).frame.iloc[0]


# --- arrays --------------------------------------------------------------------------------------


def test_imputations_that_agree_give_back_the_one_answer():
    found = pool(np.full((4, 1), 0.3), np.full((4, 1), 0.04), 20.0)
    assert (found.estimate[0], found.std_error[0]) == pytest.approx((0.3, 0.2))
    assert (found.between[0], found.increase[0]) == (0, 0)
    # of Barnard and Rubin, who allow for a variance that is estimated
    assert found.dof[0] == pytest.approx(21 / 23 * 20)
    assert found.missing[0] == pytest.approx(2 / (found.dof[0] + 3))
    unlimited = pool(np.full((4, 1), 0.3), np.full((4, 1), 0.04))
    assert (unlimited.dof[0], unlimited.missing[0]) == (np.inf, 0)


def test_two_numbers_pooled_by_hand():
    found = pool(np.array([[1.0], [3.0]]), np.array([[0.5], [1.5]]))
    assert (found.estimate[0], found.within[0], found.between[0]) == (2, 1, 2)
    assert found.std_error[0] == pytest.approx(2.0)
    assert found.increase[0] == pytest.approx(3.0)
    assert found.dof[0] == pytest.approx((1 + 1 / 3) ** 2)


def test_degrees_of_freedom_may_differ_by_estimate():
    estimates, variances = np.array([[1.0, 1.0], [2.0, 2.0]]), np.ones((2, 2))
    found = pool(estimates, variances, np.array([10.0, np.inf]))
    assert found.dof[0] == pytest.approx(pool(estimates, variances, 10.0).dof[0])
    assert found.dof[1] == pytest.approx(pool(estimates, variances).dof[1])


@pytest.mark.parametrize("m", [0, 1])
def test_fewer_than_two_imputations_are_nothing_to_pool(m):
    for ask in (
        lambda: pool(np.ones((m, 2)), np.ones((m, 2))),
        lambda: pooled_wald(np.ones((m, 2)), np.ones((m, 2, 2))),
        lambda: pool_tables([table(row())] * m),
    ):
        with pytest.raises(ModelError, match="there is nothing to pool") as refused:
            ask()
        assert f"where: {m} imputations" in str(refused.value)


def test_a_variance_of_nought_is_refused():
    with pytest.raises(ModelError, match="a variance that is not above 0"):
        pool(np.array([[1.0], [2.0]]), np.array([[1.0], [0.0]]))


# --- several coefficients together ---------------------------------------------------------------


def wald_of(estimates, *, dof=np.inf):
    k = estimates.shape[1]
    return pooled_wald(estimates, np.broadcast_to(np.eye(k), (len(estimates), k, k)), dof)


def test_imputations_that_agree_give_the_usual_wald_test():
    found = wald_of(np.tile([1.0, 2.0], (3, 1)))
    assert (found.statistic, found.increase) == (2.5, 0)
    assert found.denominator == np.inf
    assert found.p_value == pytest.approx(stats.chi2.sf(5.0, 2))


def test_in_many_data_the_degrees_of_freedom_are_those_of_li_raghunathan_and_rubin():
    estimates = np.array([[1.0, 2.0], [1.2, 1.6], [0.7, 2.1], [1.3, 2.2], [0.9, 1.8]])
    found = wald_of(estimates)
    r = 1.2 * estimates.var(axis=0, ddof=1).mean()
    assert found.increase == pytest.approx(r)
    assert found.denominator == pytest.approx(4 + 4 * (1 + 0.75 / r) ** 2)
    nearly = wald_of(estimates, dof=1e9)
    assert found.denominator / 3 < nearly.denominator < 3 * found.denominator
    assert wald_of(estimates, dof=60.0).denominator < nearly.denominator


def test_few_imputations_have_a_rule_of_their_own():
    estimates = np.array([[1.0, 2.0], [1.2, 1.6]])
    found = wald_of(estimates)
    expected = 2 * 1.5 * (1 + 1 / found.increase) ** 2 / 2
    assert found.denominator == pytest.approx(expected)
    assert wald_of(estimates, dof=60.0).denominator == found.denominator


def test_too_few_degrees_of_freedom_for_what_is_missing_are_refused():
    estimates = np.random.default_rng(1).normal(size=(6, 2))
    with pytest.raises(ModelError, match="too few degrees of freedom to test coefficients"):
        wald_of(estimates, dof=5.0)


# --- tables --------------------------------------------------------------------------------------


def test_differences_are_pooled_as_they_are():
    found = pooled_row(row(estimate=0.10, std_error=0.05), row(estimate=0.14, std_error=0.07))
    by_hand = pool(np.array([[0.10], [0.14]]), np.array([[0.05], [0.07]]) ** 2, 40.0)
    half = stats.t.ppf(0.975, by_hand.dof[0]) * by_hand.std_error[0]
    assert found["estimate"] == pytest.approx(0.12)
    assert found["std_error"] == pytest.approx(by_hand.std_error[0])
    assert found["dof"] == pytest.approx(by_hand.dof[0])
    assert (found["conf_low"], found["conf_high"]) == pytest.approx((0.12 - half, 0.12 + half))
    expected = 2 * stats.t.sf(0.12 / by_hand.std_error[0], by_hand.dof[0])
    assert found["p_value"] == pytest.approx(expected)


@pytest.mark.parametrize("scale", ["risk_ratio", "odds_ratio", "synergy_index"])
def test_ratios_are_pooled_as_logs_on_which_their_errors_stand(scale):
    found = pooled_row(row(scale, 1.2, 0.1), row(scale, 1.6, 0.2))
    logs = pool(np.log([[1.2], [1.6]]), np.array([[0.1], [0.2]]) ** 2, 40.0)
    half = stats.t.ppf(0.975, logs.dof[0]) * logs.std_error[0]
    ends = np.exp(logs.estimate[0] + np.array([-half, 0, half]))
    told = found[["conf_low", "estimate", "conf_high"]].to_numpy(dtype=float)
    np.testing.assert_allclose(told, ends)
    assert found["estimate"] == pytest.approx(np.sqrt(1.2 * 1.6))
    assert found["std_error"] == pytest.approx(logs.std_error[0])
    expected = 2 * stats.t.sf(logs.estimate[0] / logs.std_error[0], logs.dof[0])
    assert found["p_value"] == pytest.approx(expected)


def test_chances_are_pooled_as_logits_and_are_not_tested():
    chances, errors = np.array([[0.9], [0.97]]), np.array([[0.02], [0.01]])
    rows = [
        row("risk", p, e, p_value=np.nan) for p, e in zip(chances[:, 0], errors[:, 0], strict=True)
    ]
    found = pooled_row(*rows)
    logits = pool(logit(chances), (errors / (chances * (1 - chances))) ** 2, 40.0)
    half = stats.t.ppf(0.975, logits.dof[0]) * logits.std_error[0]
    ends = expit(logits.estimate[0] + np.array([-half, 0, half]))
    told = found[["conf_low", "estimate", "conf_high"]].to_numpy(dtype=float)
    np.testing.assert_allclose(told, ends)
    assert found["std_error"] == pytest.approx(logits.std_error[0] * ends[1] * (1 - ends[1]))
    assert np.isnan(found["p_value"])
    assert found["conf_high"] < 1


def test_numbers_needed_are_not_pooled():
    with pytest.raises(ModelError, match="numbers needed are not pooled"):
        pooled_row(*[row("number_needed", 10.0, np.nan)] * 2)


@pytest.mark.parametrize("change", [{"group": "low"}, {"model": "gee"}, {"estimand": "1 SD (0.8)"}])
def test_rows_that_are_not_the_same_question_are_not_pooled(change):
    with pytest.raises(ModelError, match="the tables do not have the same rows"):
        pooled_row(row(), row(**change))
    with pytest.raises(ModelError, match="the tables do not have the same rows"):
        pool_tables([table(row(), row(**change)), table(row())])


NOTHING = {name: np.nan for name in ("estimate", "std_error", "dof", "p_value")}


def test_a_row_that_failed_once_is_not_ok_and_each_says_why():
    failed = row(status="not_converged", **NOTHING)
    suppressed = row(status="suppressed", **NOTHING)
    found = pool_tables([table(row(), row(), row()), table(suppressed, row(), failed)]).frame
    assert list(found["status"]) == ["suppressed", "ok", "not_converged"]
    assert found.loc[[0, 2], list(NUMERIC)].isna().all(axis=None)
    assert found.loc[1, ["estimate", "conf_low", "p_value"]].notna().all()


def test_counts_are_means_and_the_gate_judges_the_fewest():
    few = row(n_obs=90, n_clients=71, events=12, non_events=59)
    pooled = pool_tables([table(row()), table(few), table(row())])
    found = pooled.frame.iloc[0]
    assert (found["n_obs"], found["n_clients"]) == (97, 77)
    assert pd.isna(found["n_practitioners"])
    assert pooled.frame["n_obs"].dtype == "Int64"
    assert pooled.evidence.to_dict("list") == {"events": [12], "non_events": [50]}


def test_without_all_evidence_there_is_none():
    whole = table(row())
    assert pool_tables([whole, EffectTable(whole.frame)]).evidence is None


def test_what_was_adjusted_before_pooling_is_not_carried_over():
    one = table(row()).labelled(p_adjusted=0.04, family="confirmatory: Holm over 2")
    found = pool_tables([one, one]).frame.iloc[0]
    assert pd.isna(found["p_adjusted"])
    assert pd.isna(found["family"])


# --- fits ----------------------------------------------------------------------------------------


def imputed_fits(m=3, n=300):
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"client": np.arange(n).astype("str"), "x": rng.normal(3, 1, size=n)})
    frame["age"] = rng.normal(40, 10, size=n)
    frame["y"] = (rng.random(n) < expit(0.5 * (frame["x"] - 3))).astype(float)
    missing = rng.random(n) < 0.3
    draws = [frame["age"].where(~missing, rng.normal(40, 10, size=n)) for _ in range(m)]
    return [fit_logit("y ~ x + age", frame.assign(age=age), cluster="client") for age in draws]


@pytest.mark.parametrize("scale", ["risk_difference", "odds_ratio", "log_odds"])
def test_an_effect_of_several_fits_is_pooled_from_those_of_each(scale):
    fits = imputed_fits()
    found = average_effect(fits, "x", scale=scale)
    each = [average_effect(fit, "x", scale=scale) for fit in fits]
    pd.testing.assert_frame_equal(found.frame, pool_tables(each).frame)
    assert found.frame["status"].eq("ok").all()
    values = np.array([one.frame["estimate"] for one in each])
    assert found.frame["estimate"].between(values.min(axis=0), values.max(axis=0)).all()


def test_chances_at_a_setting_are_pooled_inside_zero_and_one():
    tables = [average_risk(fit, "x", [1.0, 3.0]) for fit in imputed_fits()]
    found = pool_tables(tables).frame
    assert ((found["conf_low"] > 0) & (found["conf_high"] < 1)).all()
    assert found["p_value"].isna().all()


def test_an_exposure_that_is_itself_imputed_has_one_unit_for_all():
    fits = imputed_fits()
    size = np.mean([fit.design.frame["age"].std() for fit in fits])
    common = average_effect(fits, "age").frame
    assert common["estimand"][0] == f"average derivative x 1 SD ({size:.3f} points)"
    found = average_effect(fits, "age", contrast=Contrast("sd", 10.0)).frame
    assert found["estimand"][0] == "average derivative x 1 SD (10.000 points)"
