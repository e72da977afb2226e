"""The truth, against a second and slower account of the same clients.

Nothing here calls the generator's own formulas: clients are drawn again from the parameters, and
effects are differences between the chances of a job under two relationships. Tolerances are five
Monte Carlo standard errors of a draw of this size.
"""

import numpy as np
import pandas as pd
import pytest

from deepvalue_stats.simulate import simulate_service

CLIENTS = 200_000
STEP = 0.05
BANDS = ("low", "mid", "high")


@pytest.fixture(scope="module")
def truth():
    return simulate_service("employment", seed=20110523).truth


@pytest.fixture(scope="module")
def redrawn(truth):
    return redraw(truth["parameters"], np.random.default_rng(99))


def sigmoid(log_odds):
    return 1 / (1 + np.exp(-log_odds))


def likert(latent, loading, cuts, rng):
    noise = rng.standard_normal(len(latent)) * np.sqrt(1 - loading**2)
    return 1.0 + np.searchsorted(cuts, loading * latent + noise)


def redraw(p, rng):
    """Clients of the service as a frame, written out one variable at a time."""
    share, link = p["adviser_share"], p["confidence_correlation"]
    confidence = rng.standard_normal(CLIENTS)
    own = rng.standard_normal(CLIENTS) * np.sqrt(1 - share - link**2)
    months_link = p["months_confidence_correlation"]
    months = months_link * confidence
    months += np.sqrt(1 - months_link**2) * rng.standard_normal(CLIENTS)
    months = np.round(p["months_out_median"] * np.exp(p["months_out_log_sd"] * months))
    age = np.round(rng.normal(p["age_mean"], p["age_sd"], CLIENTS))
    clients = pd.DataFrame(
        {
            "confidence": confidence,
            "client": link * confidence + own,
            "adviser": rng.standard_normal(CLIENTS) * np.sqrt(share),
            "own_odds": rng.standard_normal(CLIENTS) * p["adviser_outcome_sd"],
            "months": np.clip(months, 1, p["months_out_cap"]),
            "age": np.clip(age, *p["age_range"]),
        }
    )
    items = [
        likert(confidence, p["confidence_loading"], p["confidence_thresholds"], rng)
        for _ in range(p["confidence_items"])
    ]
    place = np.digitize(np.mean(items, axis=0), [2, 3])
    clients["band"] = np.array(BANDS)[place]
    clients["score"] = score(p, clients, rng)
    early = np.log(p["early_job_share"] / (1 - p["early_job_share"]))
    early += p["early_months_out_effect"] * np.log(clients["months"] / p["months_out_median"])
    clients["at_risk"] = rng.random(CLIENTS) > sigmoid(early)
    return clients


def score(p, clients, rng):
    relationship = (clients["client"] + clients["adviser"]).to_numpy()
    responder = np.log(p["responder_share"] / (1 - p["responder_share"]))
    responder += p["responder_by_confidence"] * clients["confidence"].to_numpy()
    responds = rng.random(CLIENTS) < sigmoid(responder)
    shifts = np.linspace(-1, 1, p["rating_items"]) * p["rating_item_spread"]
    ratings = []
    for _ in p["rating_days"]:
        latent = relationship + rng.standard_normal(CLIENTS) * p["occasion_sd"]
        latent = latent / np.sqrt(1 + p["occasion_sd"] ** 2)
        cuts = np.array(p["rating_thresholds"])
        items = [likert(latent, p["rating_loading"], cuts + shift, rng) for shift in shifts]
        empty = rng.random((len(items), CLIENTS)) < p["missing_item_share"]
        rating = np.nanmean(np.where(empty, np.nan, items), axis=0)
        given = responds & (rng.random(CLIENTS) < p["rating_share"])
        ratings.append(np.where(given, rating, np.nan))
    return pd.DataFrame(ratings).mean(axis=0).to_numpy()


def chance(p, clients, client_shift, adviser_shift):
    change = p["effect_by_confidence"] * clients["confidence"]
    within = (p["effect_within"] + change).clip(lower=0)
    between = (p["effect_between"] + change).clip(lower=0)
    return sigmoid(
        p["intercept"]
        + within * (clients["client"] + client_shift)
        + between * (clients["adviser"] + adviser_shift)
        + p["confidence_effect"] * clients["confidence"]
        + p["age_effect"] * (clients["age"] - p["age_mean"]) / 10
        + p["months_out_effect"] * np.log(clients["months"] / p["months_out_median"])
        + clients["own_odds"]
    )


def slope(p, clients, client_share, adviser_share):
    """The change in the chance a unit of relationship, shared out between the two parts."""
    up = chance(p, clients, STEP * client_share, STEP * adviser_share)
    down = chance(p, clients, -STEP * client_share, -STEP * adviser_share)
    return (up - down) / (2 * STEP)


def by_band(effect, band):
    means = effect.groupby(band).mean()
    return {"overall": effect.mean(), **means, "low_minus_high": means["low"] - means["high"]}


@pytest.fixture(scope="module")
def analysed(redrawn):
    return redrawn[redrawn["at_risk"] & redrawn["score"].notna()]


def test_effects_per_sd_of_the_relationship(truth, analysed):
    p = truth["parameters"]
    share = p["adviser_share"]
    found = by_band(slope(p, analysed, 1 - share, share), analysed["band"])
    found["within"] = slope(p, analysed, 1, 0).mean()
    found["between"] = slope(p, analysed, 0, 1).mean()
    assert truth["superpopulation"]["risk_difference"]["per_sd_relationship"] == pytest.approx(
        found, abs=0.0015
    )


def test_effects_per_sd_of_the_score(truth, analysed):
    p, centred = truth["parameters"], analysed["score"] - analysed["score"].mean()
    spread = np.sqrt((centred**2).mean())
    moves = [(centred * analysed[part]).mean() / spread for part in ("client", "adviser")]
    found = by_band(slope(p, analysed, *moves), analysed["band"])
    assert truth["superpopulation"]["risk_difference"]["per_sd_score"] == pytest.approx(
        found, abs=0.002
    )


def test_the_intercept_gives_the_base_rate_to_those_at_risk(truth, redrawn):
    p = truth["parameters"]
    at_risk = redrawn[redrawn["at_risk"]]
    assert chance(p, at_risk, 0, 0).mean() == pytest.approx(p["base_rate"], abs=0.002)


def test_effects_and_contrast_are_as_planned(truth):
    effects = truth["superpopulation"]["risk_difference"]["per_sd_relationship"]
    assert 0.06 < effects["overall"] < 0.08
    assert effects["low"] > 0.09 > effects["mid"] > 0.05 > effects["high"] > 0.02


def test_the_ceiling_is_mild_and_the_score_near_the_relationship(truth):
    known = truth["superpopulation"]
    assert 0.15 < known["score_top_tenth_share"] < 0.25
    assert known["score_relationship_correlation"] > 0.92


def test_monte_carlo_errors_are_small(truth):
    errors = truth["superpopulation"]["monte_carlo_se"]
    assert all(0 < error < 0.0005 for kind in errors.values() for error in kind.values())


def test_seeds_scatter_about_the_superpopulation():
    runs = [simulate_service("employment", seed=seed).truth for seed in range(1, 11)]
    known = runs[0]["superpopulation"]["risk_difference"]["per_sd_score"]["overall"]
    found = [run["sample"]["risk_difference"]["per_sd_score"]["overall"] for run in runs]
    assert np.mean(found) == pytest.approx(known, abs=4 * np.std(found) / np.sqrt(10))


def test_recorded_jobs_come_at_the_base_rate():
    events = clients = 0
    for seed in range(1, 21):
        frames = simulate_service("employment", seed=seed).frames
        index = pd.to_datetime(frames["contacts"].groupby("client_id")["met_on"].min())
        first = pd.to_datetime(frames["outcomes"].groupby("client_id")["job_start"].min())
        ends = pd.to_datetime(frames["clients"].set_index("client_id")["record_end"])
        day = (first - index).dt.days
        kept = ((ends - index).dt.days >= 456) & ~day.between(0, 90)
        events += (day[kept].between(91, 455)).sum()
        clients += kept.sum()
    # advisers differ, which widens the binomial standard error by a design effect of about 3
    assert events / clients == pytest.approx(0.30, abs=3 * np.sqrt(3 * 0.21 / clients))


def test_sample_counts_match_the_frames():
    service = simulate_service("employment", seed=7)
    sample, rows = service.truth["sample"], service.truth["rows"]
    assert sample["clients"] == rows["clients"] == len(service.frames["clients"])
    assert sample["practitioners"] == service.frames["contacts"]["adviser_id"].nunique()
