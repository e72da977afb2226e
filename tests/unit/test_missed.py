"""Outcomes that a link missed: what it does to effects, and what counting them brings back."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit

from deepvalue_stats.effects import Levels, average_effect
from deepvalue_stats.errors import ModelError
from deepvalue_stats.models import Recall, fit_logit, fit_missed
from deepvalue_stats.models.refitting import refit

FORMULA = "found ~ x * band"
SHARES = {"low": 0.55, "high": 0.95}
STEP = Levels(-1, 1)


def drawn(seed=1, n=6_000, practitioners=120):
    """Clients whose outcomes are found in the shares above, fewer where the effect is larger."""
    rng = np.random.default_rng(seed)
    band, who = rng.choice(["low", "high"], n), rng.integers(0, practitioners, n)
    x = rng.normal(0, 1, n) - 0.3 * (band == "low")
    eta = -0.6 + 0.4 * x + 0.3 * (band == "high") + 0.2 * x * (band == "low")
    eta += rng.normal(0, 0.3, practitioners)[who]
    true = (rng.random(n) < expit(eta)).astype(float)
    found = true * (rng.random(n) < np.where(band == "low", SHARES["low"], SHARES["high"]))
    bands = pd.Categorical(band, ["low", "high"])
    return pd.DataFrame(
        {"x": x, "band": bands, "practitioner": who, "client": np.arange(n), "true": true,
         "found": found}
    )  # fmt: skip


def counted(frame, recall, **more):
    return fit_missed(
        FORMULA, frame, cluster="practitioner", recall=recall, by="band",
        rng=np.random.default_rng(2), **more,
    )  # fmt: skip


def effects(fit):
    return average_effect(fit, "x", contrast=STEP, by="band", reference="high").frame


def test_misses_turn_a_gradient_round_and_counting_them_turns_it_back():
    recall = {name: Recall(share) for name, share in SHARES.items()}
    found = {"true": [], "found": [], "counted": []}
    for seed in range(12):
        frame = drawn(seed)
        found["true"].append(fit_logit("true ~ x * band", frame, cluster="practitioner"))
        found["found"].append(fit_logit(FORMULA, frame, cluster="practitioner"))
        found["counted"].append(counted(frame, recall)[0])
    means = {
        name: np.mean([effects(fit)["estimate"] for fit in fits], axis=0)
        for name, fits in found.items()
    }
    # low, high, low minus high
    assert means["true"][2] > 0.05
    assert means["found"][2] < 0
    # three Monte Carlo errors of the difference of two means
    apart = np.array([effects(a)["estimate"] - effects(b)["estimate"]
                      for a, b in zip(found["counted"], found["true"], strict=True)])  # fmt: skip
    error = apart.std(axis=0, ddof=1) / np.sqrt(len(apart))
    assert (np.abs(apart.mean(axis=0)) < 3 * error).all()


def test_where_nothing_is_missed_it_is_the_logit():
    frame = drawn()
    everything = {"low": Recall(1.0), "high": Recall(1.0)}
    fit, logit = counted(frame, everything)[0], fit_logit(FORMULA, frame, cluster="practitioner")
    np.testing.assert_allclose(fit.params, logit.params, rtol=1e-7)
    np.testing.assert_allclose(fit.covariance, logit.covariance, rtol=1e-6)


def test_the_estimate_solves_its_equation_by_another_optimiser():
    frame = drawn(n=800)
    fit = counted(frame, {name: Recall(share) for name, share in SHARES.items()})[0]
    shares = frame["band"].map(SHARES).to_numpy(dtype="float64")
    z, x = frame["found"].to_numpy() / shares, fit.design.matrix

    def criterion(b):
        return np.logaddexp(0, x @ b).sum() - z @ (x @ b)

    other = minimize(criterion, np.zeros(4), jac=lambda b: x.T @ (expit(x @ b) - z), tol=1e-12)
    np.testing.assert_allclose(fit.params, other.x, atol=1e-6)


def test_without_covariates_it_is_rogan_and_gladens_share():
    frame = drawn()
    fit = fit_missed("found ~ 1", frame, cluster="client", by="band",
                     recall={"low": Recall(0.8), "high": Recall(0.8)},
                     rng=np.random.default_rng(1))[0]  # fmt: skip
    assert expit(fit.params[0]) == pytest.approx(frame["found"].mean() / 0.8)


def test_what_an_audit_leaves_open_widens_the_interval():
    frame = drawn()
    audits = ({"low": (11, 20), "high": (19, 20)}, {"low": (1100, 2000), "high": (1900, 2000)})
    few, many = (
        effects(counted(frame, {n: Recall.audited(*one) for n, one in audit.items()}, draws=40))
        for audit in audits
    )
    known = effects(counted(frame, {n: Recall(s) for n, s in SHARES.items()})[0])
    assert few["std_error"][0] > 1.5 * many["std_error"][0]
    assert many["std_error"][0] == pytest.approx(known["std_error"][0], rel=0.15)
    assert few["estimate"][0] == pytest.approx(known["estimate"][0], abs=few["std_error"][0])


def test_an_audit_is_a_beta_distribution():
    recall = Recall.audited(44, 50)
    beta = stats.beta(44.5, 6.5)
    assert (recall.share, recall.std_error) == pytest.approx((beta.mean(), beta.std()))
    draws = recall.draws(20_000, np.random.default_rng(3))
    assert stats.kstest(draws, beta.cdf).pvalue > 0.001
    assert (Recall(0.7).draws(3, np.random.default_rng(1)) == 0.7).all()


@pytest.mark.parametrize(("share", "error"), [(0, 0), (1.1, 0), (0.5, 0.6), (np.nan, 0)])
def test_an_impossible_recall_is_refused(share, error):
    with pytest.raises(ModelError, match="a recall is no share"):
        Recall(share, error)


@pytest.mark.parametrize(("found", "of"), [(3, 2), (0, 0), (-1, 5)])
def test_an_impossible_audit_is_refused(found, of):
    with pytest.raises(ModelError, match="cannot find more than it looks for"):
        Recall.audited(found, of)


def test_every_group_without_a_recall_is_named():
    frame = drawn(n=300)
    with pytest.raises(ModelError) as refusal:
        counted(frame, {"mid": Recall(0.5)})
    assert [fault.what for fault in refusal.value.faults] == [
        "no recall for the group 'high'", "no recall for the group 'low'",
    ]  # fmt: skip


def test_more_outcomes_than_a_recall_allows_are_refused():
    frame = drawn(n=400).assign(found=1.0)
    frame.loc[0, "found"] = 0.0
    with pytest.raises(ModelError, match="more outcomes were found than the recall of high, low"):
        counted(frame, {"low": Recall(0.5), "high": Recall(0.5)})


def test_a_fit_with_misses_counted_is_not_fitted_again_without_them():
    fit = counted(drawn(n=400), {"low": Recall(0.8), "high": Recall(0.9)})[0]
    with pytest.raises(ModelError, match="does not remember"):
        refit(fit, fit.design.frame)
