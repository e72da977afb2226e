"""The main effect in other ways: which there are, what each rests on, when there is none."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from test_study_evidence import sample

from deepvalue_stats.disclosure import Rules, protect
from deepvalue_stats.effects import average_effect
from deepvalue_stats.models import build_formula
from deepvalue_stats.plan.parts import Sensitivity
from deepvalue_stats.study import estimate_effects
from deepvalue_stats.study.correcting import corrected_name
from deepvalue_stats.study.estimating import missed_name, primary_sd
from deepvalue_stats.study.fitting import Fitted, fit_rows
from deepvalue_stats.study.specifying import NOTHING, _covariates, _own, specification_table
from deepvalue_stats.study.stressing import Stress, stress
from deepvalue_stats.tables import CountTable


@lru_cache
def studied():
    """A study with one more model of the same question, and others of other questions."""
    one = sample()
    model = one.model
    others = {
        "bare": model.model_copy(update={"role": "secondary", "covariates": model.covariates[:1]}),
        "split": model.model_copy(
            update={"role": "secondary", "split": "within_between", "split_by": "practitioner"}
        ),
    }
    plan = one.plan.model_copy(update={"models": {**one.plan.models, **others}})
    plan = plan.model_copy(update={"sensitivity": Sensitivity(leave_one_out=())})
    bare = fit_rows(
        plan, others["bare"], build_formula(plan, others["bare"]), one.primary.design.frame
    )
    fitted = Fitted({plan.primary: one.primary, "bare": bare}, one.banded, {})
    return plan, fitted, estimate_effects(plan, fitted), stress(plan, fitted)


def table_of(**changes):
    plan, fitted, effects, found = studied()
    told = {"plan": plan, "fitted": fitted, "effects": effects, "found": found} | changes
    return specification_table(**told)


def test_the_main_way_is_the_main_effect_and_there_is_one():
    plan, _, effects, _ = studied()
    main = table_of().frame.query("main == 'yes'")
    row = effects.row(model=plan.primary, group="all", contrast="sd", scale="risk_difference")
    assert len(main) == 1
    assert main["difference"].iloc[0] == pytest.approx(100 * row["estimate"], rel=1e-12)
    assert main["low"].iloc[0] == pytest.approx(100 * row["conf_low"], rel=1e-12)
    assert main["clients"].iloc[0] == row["n_clients"]


def without_one(plan, fitted, name):
    """The primary effect without a covariate, by scale."""
    model = plan.models[plan.primary]
    kept = tuple(other for other in model.covariates if other != name)
    less = model.model_copy(update={"covariates": kept})
    frame = fitted.fits[plan.primary].design.frame
    fit, unit = fit_rows(plan, less, build_formula(plan, less), frame), primary_sd(plan, fitted)
    return {
        scale: average_effect(fit, model.exposure, contrast=unit, scale=scale).frame.iloc[0]
        for scale in ("risk_difference", "risk_ratio")
    }


def test_every_covariate_is_left_out_once_and_then_all_of_them():
    plan, fitted, *_ = studied()
    model = plan.models[plan.primary]
    lines = table_of().frame.drop_duplicates("covariates").set_index("covariates")
    for name in model.covariates:
        without = f"without {name.replace('_', ' ')}"
        row = without_one(plan, fitted, name)["risk_difference"]
        assert lines.loc[without, "difference"] == pytest.approx(100 * row["estimate"], rel=1e-12)
    assert "none" in lines.index
    assert len(model.covariates) >= 2


def test_the_factor_of_a_covariate_is_that_of_the_same_refit():
    plan, fitted, _, found = studied()
    model = plan.models[plan.primary]
    as_is = average_effect(fitted.fits[plan.primary], model.exposure, scale="risk_ratio",
                           contrast=primary_sd(plan, fitted)).frame["estimate"].iloc[0]  # fmt: skip
    for name, factor in found.factors.items():
        moved = without_one(plan, fitted, name)["risk_ratio"]["estimate"] / as_is
        assert factor == pytest.approx(max(moved, 1 / moved), rel=1e-9)


def test_what_answers_another_question_is_no_way_of_answering_this_one():
    plan, *_ = studied()
    model = plan.models[plan.primary]
    assert _own(plan, "split") is None
    assert _own(plan, f"{plan.primary} x confidence score") is None
    next_wave = model.model_copy(update={"design": "next_wave"})
    within = model.model_copy(update={"estimator": "within"})
    both = {**plan.models, "next": next_wave, "within": within}
    other = plan.model_copy(update={"models": both})
    assert _own(other, "next") is None
    assert _own(other, "within") is None


def test_the_effect_without_the_error_in_the_score_is_a_way_of_its_model():
    plan, *_ = studied()
    model = plan.models[plan.primary]
    measure = plan.measures[model.exposure].model_copy(update={"error_correction": "simex"})
    asked = plan.model_copy(update={"measures": {**plan.measures, model.exposure: measure}})
    said = _own(asked, corrected_name(asked))
    assert said["otherwise"] == "error in the score taken out"
    assert (said["main"], said["covariates"]) == ("no", "all")
    assert said["estimator"].startswith(model.estimator)
    assert _own(plan, "") is None
    assert _own(plan, missed_name(plan))["otherwise"] == "missed outcomes counted in"


def test_other_covariates_are_named():
    plan, *_ = studied()
    model = plan.models[plan.primary]
    assert _covariates(model, model) == "all"
    first, *rest = model.covariates
    fewer = model.model_copy(update={"covariates": tuple(rest)})
    assert _covariates(model, fewer) == f"without {first}"
    assert _covariates(fewer, model) == f"with {first}"
    assert _covariates(model, model.model_copy(update={"covariates": ()})) == "none"


def swept(*rows):
    columns = ["minimum_weight", "group", "clients", "with_record", "share", "difference", "low",
               "high", "doubt", "with", "without"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    shown = columns[:-2]
    rules = dict.fromkeys(shown, "label")
    return CountTable("sweep", "", frame[shown], rules, evidence=frame[["with", "without"]])


def test_other_links_are_ways_too_but_for_bands_and_what_failed():
    found = swept(
        ("4", "all", 500, 200, 0.4, 5.5, 3.0, 8.0, "", 150, 300),
        ("4", "low", 200, 80, 0.4, 7.5, 3.0, 12.0, "", 60, 100),
        ("9", "all", 500, 100, 0.2, np.nan, np.nan, np.nan, "the model could not be fitted", 3, 4),
    )
    table = table_of(sweep=found)
    lines = table.frame[table.frame["otherwise"].str.startswith("links")]
    assert list(lines["otherwise"]) == ["links of weight 4 or more"]
    assert lines["difference"].iloc[0] == 5.5
    assert table.evidence["clients"].loc[lines.index[0]] == 150


def test_a_way_that_few_clients_stand_behind_is_hidden():
    few = swept(("4", "all", 500, 200, 0.4, 5.5, 3.0, 8.0, "", 4, 300))
    none = swept(("4", "all", 500, 200, 0.4, 5.5, 3.0, 8.0, "", 0, 300))
    effects = studied()[2]
    for found in (few, none):
        counts = (table_of(sweep=found),)
        cleared, _ = protect(Rules("acro", 10, 5), effects=effects, counts=counts, series=())
        assert set(cleared.counts[0].frame.iloc[-1][["difference", "low", "high"]]) == {"[c]"}
        assert "[c]" not in set(cleared.counts[0].frame.iloc[0])


def test_without_a_main_effect_to_show_there_is_a_reason_and_no_refit():
    plan, fitted, effects, _ = studied()
    hidden = effects.where(group=("low", "mid", "high"))
    table = specification_table(plan, fitted, hidden, Stress())
    assert table.frame.empty
    assert table.notes == (NOTHING,)


def test_the_estimates_do_not_hang_on_the_order_of_the_rows():
    plan, fitted, effects, found = studied()
    fit = fitted.fits[plan.primary]
    model = plan.models[plan.primary]
    mixed = fit.design.frame.sample(frac=1, random_state=2).reset_index(drop=True)
    again = fit_rows(plan, model, build_formula(plan, model), mixed)
    other = specification_table(plan, replace(fitted, fits={**fitted.fits, plan.primary: again}),
                                effects, found)  # fmt: skip
    np.testing.assert_allclose(other.frame["difference"], table_of().frame["difference"], rtol=1e-5)
