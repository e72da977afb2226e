"""The truth, against a second and slower account of the same services.

Nothing here calls the generator's own formulas: clients are drawn again from the parameters, each
client's relationship is flipped to what it might have been, and outcomes are drawn as 0 or 1 in
both worlds with the same chance numbers. Tolerances are Monte Carlo standard errors, from batches.

Long because the second account is whole, and every estimand is held to the same one.
"""

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from deepvalue_stats.simulate import (
    AREAS,
    Parameters,
    draw_service,
    preset_parameters,
    simulate_parameters,
    superpopulation,
)

BATCHES, CLIENTS, DRAWS = 20, 12_000, 40
STEP = 0.15
BANDS = ("low", "mid", "high")
# policing, a hidden cause and barred clients at once
MIXED = replace(
    preset_parameters("policing"),
    effect_within=0.30,
    effect_between=0.50,
    conditions_effect=0.15,
    barred_share=0.10,
    hidden_relationship=0.40,
    hidden_effect=0.50,
)
SERVICES = {
    "logit": preset_parameters("claim_true"),
    "everything": preset_parameters("everyday"),
    "log": preset_parameters("additive_only"),
    "identity": preset_parameters("ratio_only"),
    "attrition": replace(preset_parameters("attrition"), effect_within=0.30, areas=("debt",)),
    "mixed": MIXED,
    "areas": replace(
        preset_parameters("alike", areas=("health", "employment")), effect_by_area=(0.5, 1.5)
    ),
}
SIZES = {"services": 3, "practitioners": 2, "caseload": 20.0}


def sigmoid(odds):
    return 1 / (1 + np.exp(-odds))


def log_odds(share):
    return np.log(share / (1 - share))


def of_area(p, area, name):
    return np.array([getattr(AREAS[key], name) for key in p.areas])[area]


def likert(latent, loading, cuts, rng):
    noise = rng.standard_normal(len(latent)) * np.sqrt(1 - loading**2)
    return 1.0 + np.searchsorted(cuts, loading * latent + noise)


@lru_cache
def score_moments():
    """Mean and SD of the confidence score, from a large draw of its own."""
    p, rng = Parameters(), np.random.default_rng(5)
    trait = rng.standard_normal(2_000_000)
    score = sum(
        likert(trait, p.confidence_loading, p.confidence_thresholds, rng)
        for _ in range(p.confidence_items)
    )
    return score.mean() / p.confidence_items, score.std() / p.confidence_items


class Clients:
    """Clients drawn anew, one variable at a time, and their chances in any world."""

    def __init__(self, p, intercepts, rng):
        n = CLIENTS
        self.p, self.intercepts = p, np.array(intercepts)
        self.area = np.arange(n) % len(p.areas)
        self.confidence = rng.standard_normal(n)
        answers = [
            likert(self.confidence, p.confidence_loading, p.confidence_thresholds, rng)
            for _ in range(p.confidence_items)
        ]
        said = np.mean(answers, axis=0)
        self.band = np.digitize(said, [bound for _, bound in p.bands[1:]])
        link = p.need_confidence_correlation
        need = link * self.confidence + np.sqrt(1 - link**2) * rng.standard_normal(n)
        self.hidden = rng.standard_normal(n)
        mean, spread = score_moments()
        named = (
            p.confidence_correlation * (said - mean) / spread
            + p.need_relationship * need
            + p.hidden_relationship * self.hidden
        )
        # what is left of a variance of 1
        rest = 1 - p.practitioner_share - named.var()
        self.client = named + np.sqrt(rest) * rng.standard_normal(n)
        self.conditions, self.strictness = rng.standard_normal((2, n))
        known = p.conditions_relationship, p.sanction_relationship
        part = known[0] * self.conditions + known[1] * self.strictness
        part += np.sqrt(1 - np.sum(np.square(known))) * rng.standard_normal(n)
        self.practitioner = np.sqrt(p.practitioner_share) * part
        self.relationship = self.client + self.practitioner
        median = of_area(p, self.area, "need_median")
        counted = np.rint(median * np.exp(of_area(p, self.area, "need_log_sd") * need))
        self.need = np.log(np.clip(counted, 1, of_area(p, self.area, "need_cap")) / median)
        self.age = np.clip(np.rint(rng.normal(p.age_mean, p.age_sd, n)), *p.age_range)
        self.open = rng.random(n) >= p.barred_share
        self.own = rng.standard_normal(n) * self.own_spread()
        early = log_odds(p.early_outcome_share) + p.early_need_effect * self.need
        self.at_risk = ~((rng.random(n) < sigmoid(early)) & self.open)
        agrees = log_odds(p.consent_share) + p.consent_by_confidence * self.confidence
        self.at_risk &= rng.random(n) < sigmoid(agrees)
        self.score = self.rate(rng)

    def own_spread(self):
        p = self.p
        icc = of_area(p, self.area, "outcome_icc") if p.outcome_icc is None else p.outcome_icc
        base = of_area(p, self.area, "base_rate") if p.base_rate is None else p.base_rate
        on_logit = np.sqrt(icc / (1 - icc)) * np.pi / np.sqrt(3)
        # d log(x) and d x by d logit(x)
        return on_logit * {"logit": 1.0, "log": 1 - base, "identity": base * (1 - base)}[p.scale]

    def rate(self, rng):
        p, n = self.p, CLIENTS
        good = rng.random(n) < self.chance()
        odds = log_odds(p.responder_share) + p.responder_by_confidence * self.confidence
        odds += good * (p.responder_by_outcome + p.responder_by_both * self.relationship)
        responds = rng.random(n) < sigmoid(odds)
        shifts = np.linspace(-1, 1, p.rating_items) * p.rating_item_spread
        ratings = []
        for _ in p.rating_days:
            latent = self.relationship + p.occasion_sd * rng.standard_normal(n)
            latent = latent / np.sqrt(1 + p.occasion_sd**2)
            cuts = np.array(p.rating_thresholds)
            items = [likert(latent, p.rating_loading, cuts + shift, rng) for shift in shifts]
            kept = rng.random((len(items), n)) >= p.missing_item_share
            given = responds & (rng.random(n) < p.rating_share) & (kept.sum(axis=0) >= 6)
            with np.errstate(invalid="ignore"):
                mean = (np.array(items) * kept).sum(axis=0) / kept.sum(axis=0)
            ratings.append(np.where(given, mean, np.nan))
        known = np.isfinite(ratings)
        number = known.sum(axis=0)
        total = np.where(known, ratings, 0).sum(axis=0)
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)

    def chance(self, client=0.0, practitioner=0.0, conditions=0.0, own=1.0):
        """The chance of the outcome in a world with other relationships or conditions."""
        p = self.p
        strength = np.maximum(1 + p.effect_by_confidence * self.confidence, 0)
        if p.effect_by_area:
            strength = strength * np.array(p.effect_by_area)[self.area]
        mine, theirs = self.client + client, self.practitioner + practitioner
        short = np.maximum(p.neutral - mine - theirs, 0)
        total = (
            self.intercepts[self.area]
            + strength * (p.effect_within * mine + p.effect_between * theirs)
            - strength * p.effect_below_neutral * short
            + p.confidence_effect * self.confidence
            + p.age_effect * (self.age - p.age_mean) / 10
            + p.need_effect * self.need
            + p.hidden_effect * self.hidden
            + p.sanction_effect * self.strictness
            + p.conditions_effect * (self.conditions + conditions)
            + own * self.own
        )
        if p.scale == "logit":
            found = sigmoid(total)
        else:
            found = np.clip(np.exp(total) if p.scale == "log" else total, 0, 0.98)
        return found * self.open


def lasting(p, area, rng):
    """For every draw: would the second outcome follow the first, and would it come without it?"""
    shape = len(area), DRAWS
    first, later = (of_area(p, area, f"second_{name}")[:, None] for name in ("after", "otherwise"))
    spells = of_area(p, area, "spells")[:, None]
    if not spells.any():
        return rng.random(shape) < first, rng.random(shape) < later
    mean = -182 / np.log(first)
    start = rng.integers(0, p.follow_up_days, shape)
    length, next_length = np.ceil(mean * rng.exponential(size=(2, *shape)))
    next_start = start + length + rng.integers(14, 120, shape)
    again = (rng.random(shape) < p.second_spell_share) & (next_start < p.follow_up_days)
    by_spell = (length >= 182) | (again & (next_length >= 182))
    return np.where(spells, by_spell, rng.random(shape) < first), rng.random(shape) < later


def brute_force(clients, rng):
    """Every estimand from outcomes drawn as 0 or 1 in both worlds, by group of clients."""
    p = clients.p
    # a draw from each fortieth of the unit interval, in no order
    level = rng.permuted(np.tile(np.arange(DRAWS), (CLIENTS, 1)), axis=1)
    level = (level + rng.random((CLIENTS, 1))) / DRAWS
    share = p.practitioner_share

    def outcomes(**world):
        return level < clients.chance(**world)[:, None]

    def slope(client=0.0, practitioner=0.0, conditions=0.0, own=1.0):
        up, down = (
            outcomes(
                client=step * client,
                practitioner=step * practitioner,
                conditions=step * conditions,
                own=own,
            )
            for step in (STEP, -STEP)
        )
        return (up.mean(axis=1) - down.mean(axis=1)) / (2 * STEP)

    def one_sided(step):
        """The slope to one side, so that nobody crosses the neutral point."""
        here, near, far = (
            outcomes(client=k * step * (1 - share), practitioner=k * step * share).mean(axis=1)
            for k in (0, 1, 2)
        )
        return (-3 * here + 4 * near - far) / (2 * step)

    both = {"client": 1 - share, "practitioner": share}
    below = clients.relationship < p.neutral
    follows, comes = lasting(p, clients.area, rng)

    def at(value):
        away = value - clients.relationship
        return outcomes(client=(1 - share) * away, practitioner=share * away).mean(axis=1)

    def second(sign):
        first = outcomes(client=sign * STEP * (1 - share), practitioner=sign * STEP * share)
        return np.where(first, follows, comes).mean(axis=1)

    rise = np.maximum(p.neutral - clients.relationship, 0)
    through = p.conditions_relationship * np.sqrt(share)
    columns = {
        "within": slope(client=1),
        "between": slope(practitioner=1),
        "both": slope(**both),
        "near": np.where(below, one_sided(-STEP), one_sided(STEP)),
        "typical": slope(**both, own=0.0),
        "direct": slope(conditions=1),
        "total": slope(conditions=1, practitioner=through),
        "second": (second(1) - second(-1)) / (2 * STEP),
        "as_it_is": outcomes().mean(axis=1),
        "better": outcomes(**both).mean(axis=1),
        "at_neutral": outcomes(client=(1 - share) * rise, practitioner=share * rise).mean(axis=1),
        "all_neutral": at(p.neutral),
        "less": at(-1.0),
        "more": at(1.0),
        # everybody with the relationship of somebody of the highest band
        "lent": at(rng.choice(clients.relationship[clients.band == len(BANDS) - 1], CLIENTS)),
    }
    rated = clients.at_risk & ~np.isnan(clients.score)
    groups = {"at_risk": clients.at_risk, "rated": rated}
    return {
        f"{group}.{name}": value
        for group, rows in groups.items()
        for name, value in averages(clients, columns, rows, rated).items()
    }


def averages(clients, columns, rows, rated):
    """The estimands of a group under the truth's own names."""
    p = clients.p
    mean = {name: values[rows].mean() for name, values in columns.items()}
    bands = {"overall": rows} | {name: rows & (clients.band == i) for i, name in enumerate(BANDS)}
    below = rows & (clients.relationship < p.neutral)
    score = clients.score[rated]
    moves = [
        np.mean((part[rated] - part[rated].mean()) * (score - score.mean())) / score.std()
        for part in (clients.client, clients.practitioner)
    ]
    by_score = moves[0] * columns["within"] + moves[1] * columns["between"]
    found = {
        "per_sd_relationship.within": mean["within"],
        "per_sd_relationship.between": mean["between"],
        "typical.overall": mean["typical"],
        "second_outcome.overall": mean["second"],
        "neutral.below": columns["near"][below].mean(),
        "neutral.above": columns["near"][rows & ~below].mean(),
        "neutral.share_below": below.sum() / rows.sum(),
        "neutral.gain_per_100_below": 100
        * (columns["at_neutral"] - columns["as_it_is"])[below].mean(),
        **{
            f"neutral.gain_per_100_below_{name}": 100
            * (columns["at_neutral"] - columns["as_it_is"])[below & (clients.band == i)].mean()
            for i, name in enumerate(BANDS)
        },
        "conditions.direct": mean["direct"],
        "conditions.total": mean["total"],
        "conditions.indirect": mean["total"] - mean["direct"],
        "base_rate": mean["as_it_is"],
        "score_mean": score.mean(),
        "score_sd": score.std(),
    }
    for name, chosen in bands.items():
        found[f"per_sd_relationship.{name}"] = columns["both"][chosen].mean()
        found[f"per_sd_score.{name}"] = by_score[chosen].mean()
        found[f"per_point_score.{name}"] = by_score[chosen].mean() / score.std()
        found[f"risk_ratio_per_sd.{name}"] = (
            columns["better"][chosen].mean() / columns["as_it_is"][chosen].mean()
        )
        found[f"levels.less_{name}"] = columns["less"][chosen].mean()
        found[f"levels.more_{name}"] = columns["more"][chosen].mean()
    below_minus_above = found["neutral.below"] - found["neutral.above"]
    found["neutral.below_minus_above"] = below_minus_above
    found |= of_cells({name.split(".")[1]: v for name, v in found.items() if "levels." in name})
    found |= of_gap({name: [v[bands["low"]].mean(), v[bands["high"]].mean()]
                     for name, v in columns.items()})  # fmt: skip
    for kind in ("per_sd_relationship", "per_sd_score", "per_point_score"):
        found[f"{kind}.low_minus_high"] = found[f"{kind}.low"] - found[f"{kind}.high"]
    if len(p.areas) > 1:
        for place, name in enumerate(p.areas):
            found[f"by_area.{name}"] = columns["both"][rows & (clients.area == place)].mean()
    return found


def of_cells(levels):
    """Interaction from four chances, with the lowest of them as the reference."""
    cells = {(b, a): levels[f"{a}_{b}"] for b in ("low", "high") for a in ("less", "more")}
    b0, a0 = min(cells, key=cells.get)
    b1, a1 = {"low": "high", "high": "low"}[b0], {"less": "more", "more": "less"}[a0]
    rr10, rr01, rr11 = (cells[cell] / cells[b0, a0] for cell in ((b0, a1), (b1, a0), (b1, a1)))
    reri = rr11 - rr10 - rr01 + 1
    difference = {b: cells[b, "more"] - cells[b, "less"] for b in ("low", "high")}
    ratio = {b: cells[b, "more"] / cells[b, "less"] for b in ("low", "high")}
    return {
        "interaction.interaction_contrast": difference["low"] - difference["high"],
        "interaction.ratio_of_risk_ratios": ratio["low"] / ratio["high"],
        "interaction.relative_excess_risk": reri,
        "interaction.attributable_proportion": reri / rr11,
        "interaction.synergy_index": (rr11 - 1) / (rr10 + rr01 - 2),
    }


def of_gap(columns):
    """The parts of the gap between the bands; each column has the low and the high band's mean."""
    low, high = columns["as_it_is"]
    lent, (neutral_low, neutral_high) = columns["lent"][0], columns["all_neutral"]
    return {
        "decomposition.gap": high - low,
        "decomposition.access": lent - low,
        "decomposition.left": high - lent,
        "decomposition.returns": (high - neutral_high) - (lent - neutral_low),
        "decomposition.rest": neutral_high - neutral_low,
    }


def flat(known, errors=False):
    """The truth under one level of names."""
    found = {
        f"{group}.{kind}.{name}": value
        for group, kinds in (known.monte_carlo_se if errors else known.estimands).items()
        for kind, values in kinds.items()
        for name, value in values.items()
    }
    if not errors:
        for group, facts in known.summary.items():
            found |= {
                f"{group}.{key}": facts[key] for key in ("base_rate", "score_mean", "score_sd")
            }
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_the_truth_is_what_brute_force_finds(name):
    p = SERVICES[name]
    known = superpopulation(p)
    rng = np.random.default_rng(99)
    runs = [brute_force(Clients(p, known.intercepts, rng), rng) for _ in range(BATCHES)]
    truth, errors = flat(known), flat(known, errors=True)
    planted = {
        f"{group}.log_odds.{part}" for group in known.estimands for part in ("within", "between")
    }
    shares = {f"{group}.conditions.indirect_share" for group in known.estimands}
    assert truth.keys() - planted - shares == runs[0].keys()
    wrong = {}
    for key in runs[0]:
        values = np.array([run[key] for run in runs])
        error = np.hypot(values.std(ddof=1) / np.sqrt(BATCHES), errors.get(key, 0.0))
        if key.endswith(("base_rate", "score_mean", "score_sd")):
            error *= np.sqrt(2)  # the superpopulation's own error, which it does not give
        if abs(values.mean() - truth[key]) > 4.5 * error + 1e-9:
            wrong[key] = (truth[key], values.mean(), error)
    assert not wrong


def test_the_brute_force_could_tell_an_effect_from_one_a_few_per_cent_larger():
    p = SERVICES["logit"]
    known, rng = superpopulation(p), np.random.default_rng(7)
    clients = Clients(replace(p, effect_within=p.effect_within * 1.06), known.intercepts, rng)
    runs = [brute_force(clients, rng)["at_risk.per_sd_relationship.within"] for _ in range(5)]
    truth = known.estimands["at_risk"]["per_sd_relationship"]["within"]
    assert np.mean(runs) > 1.02 * truth


@pytest.mark.parametrize("name", SERVICES)
def test_per_point_is_per_sd_over_the_sd(name):
    known = superpopulation(SERVICES[name])
    for group, found in known.estimands.items():
        spread = known.summary[group]["score_sd"]
        for key, value in found["per_sd_score"].items():
            assert found["per_point_score"][key] == pytest.approx(value / spread, rel=1e-9)


def test_planted_log_odds_are_told_only_where_they_are_the_same_for_everybody():
    assert superpopulation(SERVICES["logit"]).estimands["rated"]["log_odds"] == {
        "within": 0.30,
        "between": 0.22,
    }
    for name in ("everything", "log", "identity", "mixed"):
        assert "log_odds" not in superpopulation(SERVICES[name]).estimands["rated"]


@pytest.mark.parametrize("name", SERVICES)
def test_monte_carlo_errors_are_small(name):
    known = superpopulation(SERVICES[name])
    for group, kinds in known.monte_carlo_se.items():
        for kind, errors in kinds.items():
            for key, error in errors.items():
                if kind == "risk_ratio_per_sd":
                    assert error < 0.004
                elif kind == "interaction":
                    # ratios of ratios are the least certain of all
                    assert error < 0.05
                elif "gain_per_100" not in key and key not in ("share_below", "indirect_share"):
                    assert error < 0.02 * max(abs(known.estimands[group][kind][key]), 0.05)


def test_the_truth_does_not_depend_on_the_size_of_the_service():
    p = Parameters()
    other = replace(p, **SIZES, caseload_cv=0.1, key_error_share=0.5)
    assert superpopulation(other) == superpopulation(p)


def test_the_truth_is_ready_for_json_and_names_what_it_holds():
    truth = simulate_parameters(replace(SERVICES["everything"], **SIZES), seed=2).truth
    assert json.loads(json.dumps(truth, allow_nan=False)) == truth
    assert set(truth["intercepts"]) == set(AREAS)
    for group in ("at_risk", "rated"):
        names = set(truth["sample"]["estimands"][group])
        assert names == set(truth["superpopulation"]["estimands"][group])
        assert names <= set(truth["definitions"])


def analysed(service):
    """The frame of what is known, for clients at risk with a full record, from the frames alone."""
    p, frames = service.parameters, service.frames
    index = frames["contacts"].groupby("client_id")["met_on"].min()
    first = frames["outcomes"].groupby("client_id")["started_on"].min()
    ends = frames["clients"].set_index("client_id")["record_end"]
    rows = service.known.set_index("client_id")
    day = (first.reindex(rows.index) - index.reindex(rows.index)).dt.days
    covers = (ends.reindex(rows.index) - index.reindex(rows.index)).dt.days
    kept = ~(day < p.landmark_day) & (covers >= p.landmark_day + p.follow_up_days - 1)
    return rows[kept]


def test_the_sample_truth_is_of_its_own_clients():
    service = simulate_parameters(replace(Parameters(), **SIZES | {"services": 20}), seed=3)
    p, rows, sample = service.parameters, analysed(service), service.truth["sample"]
    found = sample["estimands"]["at_risk"]
    chance = rows["chance"]
    slope = (chance * (1 - chance)).mean()
    share = p.practitioner_share
    both = (1 - share) * p.effect_within + share * p.effect_between
    raised = sigmoid(log_odds(chance) + both)
    assert sample["clients_analysed"]["at_risk"] == len(rows)
    assert sample["clients_in_extracts"] == len(service.frames["clients"])
    assert sample["summary"]["at_risk"]["base_rate"] == pytest.approx(chance.mean(), abs=1e-6)
    assert found["per_sd_relationship"]["within"] == pytest.approx(
        p.effect_within * slope, abs=2e-6
    )
    assert found["per_sd_relationship"]["between"] == pytest.approx(
        p.effect_between * slope, abs=2e-6
    )
    assert found["per_sd_relationship"]["overall"] == pytest.approx(both * slope, abs=2e-6)
    assert found["risk_ratio_per_sd"]["overall"] == pytest.approx(
        raised.mean() / chance.mean(), abs=2e-6
    )
    below = rows["relationship"] < p.neutral
    assert found["neutral"]["share_below"] == pytest.approx(below.mean(), abs=1e-6)
    gain = sigmoid(log_odds(chance) + both * (p.neutral - rows["relationship"])) - chance
    assert found["neutral"]["gain_per_100_below"] == pytest.approx(
        100 * gain[below].mean(), abs=2e-6
    )


def test_outcomes_not_linked_are_counted_of_clients_at_risk_alone():
    own = replace(Parameters(), **SIZES, early_outcome_share=0.5, link_sensitivity=(0.5, 0.5, 0.5))
    sample = simulate_parameters(own, seed=1).truth["sample"]
    draw = draw_service(own, 1)
    lost = draw.consented & ~draw.linked & draw.outcomes.said & draw.outcomes.at_risk
    assert sample["outcomes_not_linked"] == lost.sum()


def test_seeds_scatter_about_the_superpopulation():
    p = replace(Parameters(), **SIZES | {"services": 30})
    known = superpopulation(p).estimands["rated"]
    runs = [simulate_parameters(p, seed=seed).truth["sample"] for seed in range(1, 13)]
    for kind, name in (
        ("per_sd_score", "overall"),
        ("per_sd_relationship", "within"),
        ("per_sd_relationship", "low_minus_high"),
        ("risk_ratio_per_sd", "high"),
    ):
        found = np.array([run["estimands"]["rated"][kind][name] for run in runs])
        error = found.std(ddof=1) / np.sqrt(len(found))
        assert found.mean() == pytest.approx(known[kind][name], abs=4 * error), (kind, name)
