"""How far practitioners differ, told of groups of them and never of one.

A practitioner is a colleague whom others know: a mark for each, in order, says who is last. So the
estimates are ranked, cut into groups of equal size, and only means over a group leave the room.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from deepvalue_stats.disclosure import rules_of
from deepvalue_stats.models import ModelFit
from deepvalue_stats.plan import Plan
from deepvalue_stats.study.estimating import too_few_groups
from deepvalue_stats.study.fitting import Fitted
from deepvalue_stats.study.words import in_words, outcome_words
from deepvalue_stats.tables import LEVEL, CountTable, Rule

WHO = "practitioner"
# of one group, and of one practitioner's clients, where the plan's own threshold asks for no more
FEWEST = 10
LEAST_GROUPS, MOST_GROUPS = 3, 10
# points that stand for the rows of a fit, whose predictors are averaged over
POINTS = 200
NO_MODEL = (
    "No multilevel model of this outcome has practitioners in it, so their effects are not known."
)
NOT_SOUND = "The model with practitioners in it may not be shown, so neither may what it says here."
NONE_DIFFER = (
    "The model detects no difference between practitioners once clients are alike, so there is "
    "nothing to rank."
)


@dataclass(frozen=True)
class Ranked:
    """Practitioners in the order of their estimates.

    Attributes
    ----------
    chance, low, high : numpy.ndarray, shape (J,)
        The chance of the outcome with each, and the ends of its interval.
    average : float
        The chance with an average practitioner.
    """

    chance: np.ndarray
    low: np.ndarray
    high: np.ndarray
    average: float


def practitioner_effects_table(plan: Plan, fitted: Fitted) -> CountTable:
    """Shrunken effects of practitioners, ranked and averaged over groups of at least ten.

    Parameters
    ----------
    plan : Plan
    fitted : Fitted

    Returns
    -------
    CountTable
        Named `practitioner_effects`: for each group, from the lowest estimates to the highest, its
        practitioners, their clients, the mean of their estimated chances of the outcome per 100
        clients alike, and the means of the ends of their own 95% intervals; `average` is the
        chance with an average practitioner. Empty, with the reason as its note, where there is no
        such model, where it shows no difference, and below three groups.

    Notes
    -----
    The chance with practitioner j is the mean over the model's rows of g(x'b + u_j), u_j the most
    likely effect given the data, drawn towards the mean the more the fewer the clients, all other
    random effects at zero; its interval takes u_j within 1.96 conditional standard deviations and
    the coefficients as known. Left out are practitioners with fewer clients than the threshold,
    and with ten at least.

    References
    ----------
    Goldstein and Spiegelhalter (1996), Journal of the Royal Statistical Society A 159: 385-443, on
    intervals and on how little ranks tell.
    """
    fewest = max(FEWEST, rules_of(plan.disclosure).threshold)
    fit = _with_practitioners(plan, fitted)
    if fit is None:
        return _table(plan, [], [], (NO_MODEL,))
    name = next(name for name, one in fitted.fits.items() if one is fit)
    if fit.convergence.status != "ok" or name in too_few_groups(plan, fitted):
        return _table(plan, [], [], (NOT_SOUND,))
    effects, errors, codes = _effects(fit)
    if not np.ptp(effects) > 0:
        return _table(plan, [], [], (NONE_DIFFER,))
    clients = pd.DataFrame({"who": codes, "client": fit.design.frame["client"].to_numpy()})
    caseload = clients.groupby("who")["client"].nunique()
    kept = caseload.index[caseload >= fewest].to_numpy(dtype="int64")
    if len(kept) < LEAST_GROUPS * fewest:
        return _table(plan, [], [], (_too_few(fewest),))
    order = kept[np.argsort(effects[kept], kind="stable")]
    groups = np.array_split(order, min(MOST_GROUPS, len(order) // fewest))
    ranked = rank_chances(fit, effects[order], errors[order])
    return _table(plan, *_lines(fit, codes, groups, ranked), _notes(plan, name, fewest))


def _with_practitioners(plan: Plan, fitted: Fitted) -> ModelFit | None:
    """The primary model if practitioners are in it, or else the first of its outcome that is."""
    outcome = plan.models[plan.primary].outcome
    for name in dict.fromkeys([plan.primary, *fitted.fits]):
        fit, model = fitted.fits.get(name), plan.models[name]
        whole = model.split == "none" and model.estimator == "multilevel" and model.rows is None
        if fit is None or not whole or model.outcome != outcome or model.design is not None:
            continue
        if fit.random is not None and WHO in [one.name for one in fit.random.design.factors]:
            return fit
    return None


def _effects(fit: ModelFit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every practitioner the effect and its standard deviation, and who saw which row.

    Where the exposure's effect differs between them as well, at the mean of the exposure.
    """
    assert fit.random is not None
    names = [one.name for one in fit.random.design.factors]
    factor = fit.random.design.factors[names.index(WHO)]
    modes, covariance = fit.random.modes[names.index(WHO)]
    at = fit.random.design.columns[list(factor.columns)].mean(axis=1)
    return modes @ at, np.sqrt(np.einsum("a,nab,b->n", at, covariance, at)), factor.codes


def rank_chances(fit: ModelFit, effects: np.ndarray, errors: np.ndarray) -> Ranked:
    """The chance of the outcome with each of some practitioners, clients being alike.

    Parameters
    ----------
    fit : ModelFit
    effects, errors : numpy.ndarray, shape (J,)
        On the scale of the predictor.

    Returns
    -------
    Ranked
    """
    eta = fit.design.matrix @ fit.params
    shares = (np.arange(POINTS) + 0.5) / POINTS
    typical = np.quantile(eta, shares)
    half = float(ndtri((1 + LEVEL) / 2)) * errors

    def chance(moved: np.ndarray) -> np.ndarray:
        return np.asarray(fit.link.mean(typical[:, None] + moved).mean(axis=0))

    average = float(chance(np.zeros(1))[0])
    return Ranked(chance(effects), chance(effects - half), chance(effects + half), average)


def _lines(
    fit: ModelFit, codes: np.ndarray, groups: list[np.ndarray], ranked: Ranked
) -> tuple[list[dict[str, object]], list[int]]:
    """A line for each group, and how many of its clients had the rarer outcome."""
    persons, positive = fit.design.frame["client"].to_numpy(), fit.design.response == 1
    lines, fewest, start = [], [], 0
    for place, group in enumerate(groups):
        here, stop = np.isin(codes, group), start + len(group)
        sides = [len(set(persons[here & side])) for side in (positive, ~positive)]
        means = {
            name: 100 * float(getattr(ranked, name)[start:stop].mean())
            for name in ("chance", "low", "high")
        }
        lines.append(
            {
                "group": f"{place + 1} of {len(groups)}",
                "practitioners": len(group),
                "clients": len(set(persons[here])),
                **means,
                "average": 100 * ranked.average,
            }
        )
        # a side without any client tells as much as one with a single client
        fewest.append(max(1, min(sides)))
        start = stop
    return lines, fewest


def _too_few(fewest: int) -> str:
    return (
        f"Fewer than {LEAST_GROUPS * fewest} practitioners have {fewest} clients or more: any "
        "picture of their effects could point at one of them, so there is none."
    )


def _notes(plan: Plan, name: str, fewest: int) -> tuple[str, ...]:
    return (
        f"By model {in_words(name)}. Practitioners are ranked by their own estimates and cut into "
        f"groups of {fewest} or more; a line is the mean over its group, never one person. Those "
        f"with fewer than {fewest} clients are left out.",
        f"Chance: {outcome_words(plan)}, per 100 clients who are alike in all that the model "
        "adjusts for. Low, high: means of the ends of the practitioners' own 95% intervals. The "
        "estimates are drawn towards the mean, more so with few clients.",
        "Where intervals overlap, ranks are mostly chance: the groups say how far practitioners "
        "may differ, and nothing of who is good.",
    )


def _table(
    plan: Plan, lines: list[dict[str, object]], fewest: list[int], notes: tuple[str, ...]
) -> CountTable:
    rules: dict[str, Rule] = {
        "group": "label",
        "practitioners": "count",
        "clients": "count",
        "chance": "statistic",
        "low": "statistic",
        "high": "statistic",
        "average": "statistic",
    }
    frame = pd.DataFrame(lines, columns=list(rules)).astype(
        {
            name: "int64" if rule == "count" else "float64"
            for name, rule in rules.items()
            if rule != "label"
        }
    )
    return CountTable(
        name="practitioner_effects",
        caption=f"Chance of {outcome_words(plan)} by practitioners, ranked and in groups",
        frame=frame,
        rules=rules,
        notes=notes,
        evidence=pd.DataFrame({"clients": fewest}, dtype="int64"),
    )
