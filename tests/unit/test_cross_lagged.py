"""The cross-lagged model with random intercepts: its parts, its doubts as data, its refusals."""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import fit_cross_lagged
from deepvalue_stats.models.dynamics.cross_lagged import LINEAR, NO_FULL, NO_OTHER, UNEVEN
from deepvalue_stats.models.dynamics.indices import ChiSquare, chi_square, fit_indices
from deepvalue_stats.models.dynamics.maximum import maximise
from deepvalue_stats.models.dynamics.patterns import (
    information,
    loglik,
    read_patterns,
    row_scores,
    score,
)
from deepvalue_stats.models.dynamics.structure import (
    cross_lagged,
    independent,
    matrices,
    places,
    saturated,
)


def panel(clients=500, waves=4, seed=4, between=1.0, persistence=0.3, effect=0.25, missing=0.0):
    """Deviations of x and y in which x moves y at the next wave, and y does not move x."""
    rng = np.random.default_rng(seed)
    level = between * rng.normal(size=(2, clients, 1))
    away = rng.normal(size=(2, clients, waves))
    for t in range(1, waves):
        away[:, :, t] += persistence * away[:, :, t - 1]
        away[1, :, t] += effect * away[0, :, t - 1]
    values = level + away
    values[rng.random(values.shape) < missing] = np.nan
    return pd.DataFrame(
        {
            "client": np.repeat(np.arange(clients), waves),
            "wave": np.tile(np.arange(1, waves + 1), clients),
            "x": values[0].ravel(),
            "y": values[1].ravel(),
        }
    )


DATA = panel()
GAPS = panel(missing=0.15)


def fitted(data=DATA, **options):
    return fit_cross_lagged("x", "y", data, **{"time": "wave"} | options)


def refusal(*args, **options):
    with pytest.raises(ModelError) as told:
        fitted(*args, **options)
    return str(told.value)


def path(fit, to, source):
    return fit.paths[(fit.paths["to"] == to) & (fit.paths["from"] == source)].iloc[0]


@pytest.mark.parametrize("data", [DATA, GAPS], ids=["complete", "gaps"])
def test_what_was_planted_is_found(data):
    fit = fitted(data)
    truth = {("x", "x"): 0.3, ("x", "y"): 0.0, ("y", "x"): 0.25, ("y", "y"): 0.3}
    for (to, source), value in truth.items():
        row = path(fit, to, source)
        assert abs(row["estimate"] - value) < 3.5 * row["std_error"]
    assert path(fit, "y", "x")["p_value"] < 0.01
    assert fit.proper
    assert fit.convergence.message == ""
    assert fit.indices.p_value > 0.01
    assert fit.equality.df == 8
    assert fit.indices.df == 2 * 4 + 36 - (8 + 3 + 12 + 4)
    assert fit.paths["kind"].tolist() == ["carry_over", "cross", "cross", "carry_over"]
    assert set(fit.paths["wave"]) == {"all"}
    assert fit.levels["estimate"][0] == pytest.approx(1.0, abs=0.35)


def test_free_paths_are_a_row_a_wave_and_compared_either_way_round():
    equal, free = fitted(), fitted(equal=False)
    assert len(free.paths) == 12
    assert free.paths["wave"].tolist()[:3] == ["2", "3", "4"]
    assert free.equality.statistic == pytest.approx(equal.equality.statistic, abs=1e-6)
    difference = equal.indices.chi2 - free.indices.chi2
    assert difference == pytest.approx(equal.equality.statistic, abs=1e-6)
    assert free.loglik > equal.loglik
    assert not free.equal


def test_which_errors_are_asked_for():
    robust, model = fitted(), fitted(errors="model")
    assert (robust.paths["std_error"] == robust.paths["robust_error"]).all()
    assert (model.paths["std_error"] == model.paths["model_error"]).all()
    assert (robust.paths["model_error"] == model.paths["model_error"]).all()
    assert robust.errors == "robust"
    assert (model.levels["std_error"] != robust.levels["std_error"]).all()


def test_standardised_paths_are_of_deviations_wave_by_wave():
    fit = fitted(DATA.assign(y=DATA["y"] * 50 + 7))
    plain = fitted()
    assert len(fit.standardised) == 12
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(fit.standardised[columns], plain.standardised[columns], rtol=1e-4)
    assert path(fit, "y", "x")["estimate"] == pytest.approx(50 * path(plain, "y", "x")["estimate"])
    assert fit.levels["estimate"][2] == pytest.approx(2500 * plain.levels["estimate"][2], rel=1e-5)
    assert fit.levels["estimate"][3] == pytest.approx(plain.levels["estimate"][3], rel=1e-4)


def test_missing_rows_and_missing_values_are_one_thing():
    dropped = GAPS[GAPS[["x", "y"]].notna().any(axis=1)]
    assert len(dropped) < len(GAPS)
    pd.testing.assert_frame_equal(fitted(GAPS).paths, fitted(dropped).paths)


def test_clients_without_any_value_are_left_out_and_counted():
    empty = pd.DataFrame({"client": [900, 900], "wave": [1, 2], "x": np.nan, "y": np.nan})
    fit = fitted(pd.concat([DATA, empty]))
    assert fit.lost == {"clients without any value of either": 1}
    assert fit.n_clients == 500
    assert (fit.n_rows, fit.n_patterns) == (2000, 1)
    assert fitted(GAPS).n_patterns > 30


def test_an_outcome_of_0_and_1_is_said_to_be_treated_as_a_number():
    rows = DATA.assign(y=(DATA["y"] > 0))
    fit = fitted(rows)
    assert fit.notes == (LINEAR,)
    assert LINEAR in fit.summary()
    assert fitted().notes == ()


def test_waves_that_are_not_equally_far_apart_are_said():
    assert fitted(DATA.assign(wave=DATA["wave"].map({1: 0, 2: 6, 3: 12, 4: 24}))).notes == (UNEVEN,)
    dates = pd.to_datetime("2020-01-01") + pd.to_timedelta(DATA["wave"] * 30, unit="D")
    assert fitted(DATA.assign(wave=dates)).notes == ()


def test_an_improper_solution_is_told_and_not_hidden():
    fit = fitted(panel(clients=200, waves=3, seed=2, between=0.0, persistence=0.0, effect=0.0))
    assert fit.convergence.status == "ok"
    assert fit.convergence.singular
    assert not fit.proper
    assert fit.improper
    assert fit.convergence.message == f"improper solution: {'; '.join(fit.improper)}"
    assert all(
        "below nought" in one or "correlation of the clients' levels" in one for one in fit.improper
    )
    assert fit.levels["estimate"].isna()[3] == any("below nought" in one for one in fit.improper)


def test_what_has_no_maximum_has_no_errors_and_no_indices():
    fit = fitted(panel(clients=12, waves=5, seed=7, between=0.0, persistence=0.9, missing=0.3))
    assert fit.convergence.status == "not_converged"
    assert fit.convergence.message == "the steps towards the maximum ran out"
    assert not fit.proper
    assert fit.paths[["std_error", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    assert fit.standardised["std_error"].isna().all()
    assert np.isnan([fit.indices.chi2, fit.indices.cfi, fit.equality.statistic]).all()
    assert fit.notes == (NO_OTHER, NO_FULL)


def test_the_summary_names_what_a_reader_looks_for():
    told = fitted().summary()
    assert told.startswith("random intercept cross-lagged panel model: x, y\n500 clients, 4 waves")
    assert "chi2" in told
    assert "paths equal over waves" in told


def test_what_is_no_panel_of_two_numbers_is_refused():
    with pytest.raises(ModelError) as told:
        fit_cross_lagged("name", "z", DATA.assign(name="a"), time="wave")
    assert str(told.value) == (
        "ModelError: 2 problems\n"
        "1. 'name' is not a number\n"
        "     where: name\n"
        "     fix:   code it as 0 and 1, or points\n"
        "2. no column 'z'\n"
        "     where: z\n"
        "     fix:   name a column of the data"
    )
    with pytest.raises(ModelError, match="are one column"):
        fit_cross_lagged("x", "x", DATA, time="wave")
    assert "no errors 'HC3'" in refusal(errors="HC3")


def test_two_waves_are_refused():
    assert refusal(DATA[DATA["wave"] < 3]) == (
        "ModelError: 2 waves, and levels cannot be told from what carries over with fewer than 3\n"
        "  where: wave\n"
        "  fix:   add waves, or fit a model of one outcome given the wave before"
    )


def test_waves_without_values_without_spread_and_never_together_are_refused_at_once():
    data = DATA.copy()
    data.loc[data["wave"] == 1, "x"] = np.nan
    data.loc[data["wave"] == 2, "y"] = 3.0
    odd = data["client"] % 2 == 1
    data.loc[(data["wave"] == 3) & odd, "x"] = np.nan
    data.loc[(data["wave"] == 4) & ~odd, "x"] = np.nan
    assert refusal(data) == (
        "ModelError: 3 problems\n"
        "1. no values of x at wave 1\n"
        "     where: data\n"
        "     fix:   leave out waves at which not both were asked\n"
        "2. the same value for everybody: y at wave 2\n"
        "     where: data\n"
        "     fix:   leave those waves out\n"
        "3. 1 pairs of variables and waves were never seen of the same client\n"
        "     where: data\n"
        "     fix:   leave out waves, or take designs that overlap"
    )


def test_too_few_clients_and_an_outcome_that_stays_are_refused():
    assert "8 clients are too few for 8 variables" in refusal(DATA[DATA["client"] < 8])
    gained = DATA.assign(y=(DATA["y"] > 1).groupby(DATA["client"]).cummax())
    assert "'y' changes one way only in these data: once it has happened" in refusal(gained)


# the parts


def wide(data):
    return data.pivot(index="client", columns="wave", values=["x", "y"]).to_numpy()


def moments(values):
    return np.nanmean(values, axis=0), np.nanvar(values, axis=0)


@pytest.mark.parametrize("equal", [True, False])
def test_slopes_are_those_of_the_likelihood(equal):
    values = wide(GAPS)
    patterns, where = read_patterns(values), places(4, equal=equal)
    structure = cross_lagged(where, *moments(values))
    rng = np.random.default_rng(1)
    theta = structure.start + 0.05 * rng.normal(size=len(structure.start))
    found = score(patterns, structure.implied(theta))
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = 1e-6
        ends = [structure.implied(theta + s * step) for s in (1, -1)]
        up, down = (loglik(patterns, one.mean, one.cov) for one in ends)
        assert found[place] == pytest.approx((up - down) / 2e-6, abs=2e-3)


def test_rows_add_up_and_the_information_is_what_scores_vary_by():
    values = wide(panel(clients=20000, seed=9, missing=0.2))
    seen = np.isfinite(values).any(axis=1)
    patterns, where = read_patterns(values[seen]), places(4, equal=True)
    structure = cross_lagged(where, *moments(values))
    at = structure.implied(maximise(patterns, structure).theta)
    rows = row_scores(patterns, at)
    np.testing.assert_allclose(rows.sum(axis=0), score(patterns, at), atol=1e-6)
    expected = information(patterns, at)
    away = rows.T @ rows - expected
    assert np.abs(away / np.sqrt(np.outer(np.diag(expected), np.diag(expected)))).max() < 0.08


def test_the_saturated_model_of_complete_rows_is_their_mean_and_covariance():
    values = wide(DATA)
    patterns = read_patterns(values)
    found = maximise(patterns, saturated(*moments(values)))
    p = values.shape[1]
    np.testing.assert_allclose(found.theta[:p], values.mean(axis=0))
    low = np.tril_indices(p)
    np.testing.assert_allclose(found.theta[p:], np.cov(values.T, bias=True)[low], atol=1e-8)
    alone = maximise(patterns, independent(*moments(values)))
    np.testing.assert_allclose(alone.theta, np.concatenate(moments(values)))
    assert alone.steps <= 3


def test_every_parameter_has_its_place():
    where = places(3, equal=False)
    theta = np.arange(1.0, len(where.names) + 1)
    psi, residual, paths = matrices(where, theta)
    named = dict(zip(where.names, theta, strict=True))
    assert psi[1, 0] == psi[0, 1] == named["level xy"]
    assert residual[4, 1] == residual[1, 4] == named["residual xy2"]
    assert paths[4, 0] == named["path yx2"]
    assert paths[2, 4] == named["path xy3"]
    assert (paths != 0).sum() == 8
    assert (residual != 0).sum() == 12


def test_indices_at_their_edges():
    perfect = fit_indices(ChiSquare(0.0, 0, np.nan), chi_square(0.0, -50.0, 15), 100)
    assert (perfect.rmsea, perfect.rmsea_low, perfect.rmsea_high, perfect.cfi) == (0, 0, 0, 1)
    assert np.isnan(perfect.p_value)
    bad = fit_indices(chi_square(0.0, -40.0, 10), chi_square(0.0, -90.0, 15), 200)
    assert bad.rmsea == pytest.approx(np.sqrt(70 / 2000))
    assert bad.rmsea_low < bad.rmsea < bad.rmsea_high
    assert bad.cfi == pytest.approx(1 - 70 / 165)
    unknown = fit_indices(chi_square(np.nan, -1.0, 3), chi_square(np.nan, -1.0, 3), 10)
    assert np.isnan([unknown.chi2, unknown.rmsea, unknown.cfi, unknown.p_value]).all()
