"""The rule table: from an interval to an answer, from a design and its gates to a verb.

Nothing here is chosen by a person at the time of writing a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import stats

from deepvalue_stats.verdicts.verdict import Answer, Gate


@dataclass(frozen=True)
class Interval:
    """An estimate with what its intervals need; positive means benefit."""

    estimate: float
    std_error: float
    dof: float

    def bounds(self, level: float) -> tuple[float, float]:
        """Wald interval at a level."""
        half = float(stats.t.ppf((1 + level) / 2, self.dof)) * self.std_error
        return self.estimate - half, self.estimate + half

    def within(self, worthwhile: float) -> bool:
        """Whether two one-sided tests at 5 % put it inside plus and minus `worthwhile`."""
        low, high = self.bounds(0.90)
        return -worthwhile < low and high < worthwhile


def answer(interval: Interval, worthwhile: float) -> Answer:
    """Which of the five answers an interval gives, in this order.

    1. 90 % interval inside (-D, D): no worthwhile effect (two one-sided tests at 5 %)
    2. 95 % lower limit above 0: supported
    3. 95 % upper limit below 0: harm
    4. 90 % upper limit below D: not supported (a worthwhile gain is excluded, a loss is not)
    5. otherwise: inconclusive

    Parameters
    ----------
    interval : Interval
    worthwhile : float
        D, the smallest worthwhile difference, above 0.

    References
    ----------
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, for the first rule.
    """
    low95, high95 = interval.bounds(0.95)
    if interval.within(worthwhile):
        return "no worthwhile effect"
    if low95 > 0:
        return "supported"
    if high95 < 0:
        return "harm"
    return "not supported" if interval.bounds(0.90)[1] < worthwhile else "inconclusive"


def confirmed(found: Answer, p_adjusted: float, label: str) -> Answer:
    """A confirmatory claim holds only if it survives Holm over its family."""
    if label == "confirmatory" and found in ("supported", "harm") and not p_adjusted < SIZE:
        return "inconclusive"
    return found


def one_sided(found: Answer) -> Answer:
    """The answer of a claim that has no harm in it: a difference the other way is no support."""
    return "not supported" if found == "harm" else found


def alike(intervals: Iterable[Interval], p_values: Iterable[float], worthwhile: float) -> Answer:
    """Whether differences between all pairs of areas show them alike, in this order.

    1. every pair's 90 % interval inside (-D, D): supported
    2. a pair whose 90 % interval is not, and whose p-value is below 0.05: not supported
    3. otherwise: inconclusive, for a difference that was not shown may be there

    Parameters
    ----------
    intervals : iterable of Interval
        One a pair, at least one.
    p_values : iterable of float
        One a pair, adjusted over the pairs where they were.
    worthwhile : float
        D, the smallest worthwhile difference, above 0.

    References
    ----------
    Berger and Hsu (1996), Statistical Science 11: an intersection of two one-sided tests needs no
    adjustment over the pairs.
    """
    pairs = list(intervals)
    if all(pair.within(worthwhile) for pair in pairs):
        return "supported"
    return "not supported" if apart(pairs, p_values, worthwhile).any() else "inconclusive"


def apart(
    intervals: Iterable[Interval], p_values: Iterable[float], worthwhile: float
) -> np.ndarray:
    """Which pairs are shown to differ by what may matter, as `alike` asks; shape (pairs,)."""
    within = np.array([interval.within(worthwhile) for interval in intervals])
    return np.asarray(~within & (np.array(list(p_values)) < SIZE))


SIZE = 0.05

# verbs from the weakest to the strongest; a design that earns more would add one at the end
LADDER = ("goes with", "is followed by")
# the strongest verb that a design earns (no causal one: no design here makes it so), and what has
# to stand beside it in every sentence
VERBS: Mapping[str, str] = MappingProxyType(
    {"same_wave": "goes with", "next_wave": "is followed by", "landmark": "is followed by"}
)
PROVISOS: Mapping[str, str] = MappingProxyType(
    {"same_wave": "at the same interview", "next_wave": "one wave on", "landmark": ""}
)
# the strongest verb that a gate leaves when it caps: what puts the order in time in doubt leaves
# none that speaks of time, and the others none that says what brings about what
CEILINGS: Mapping[str, str] = MappingProxyType(
    {
        "timing": "goes with",
        "lead_placebo": "goes with",
        "same_rater": "is followed by",
        "measured_late": "is followed by",
        "assignment": "is followed by",
        "policing": "is followed by",
        "attrition": "is followed by",
        "groups": "is followed by",
        "clustering": "is followed by",
        "influence": "is followed by",
        "bands": "is followed by",
        "bands_alike": "is followed by",
        "mean_reliability": "is followed by",
        "ecological": "is followed by",
    }
)


def strongest_verb(design: str, gates: Iterable[Gate]) -> str:
    """The weakest of the design's verb and those that capping gates leave.

    Parameters
    ----------
    design : str
        same_wave, next_wave or landmark.
    gates : iterable of Gate

    Returns
    -------
    str
        One of `LADDER`.
    """
    left = [VERBS[design], *(CEILINGS[gate.name] for gate in gates if gate.outcome == "cap")]
    return min(left, key=LADDER.index)


# the claims as far as a design without a causal verb can test them
STATEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "C1": "Clients with a more effective relationship have good outcomes more often",
        "C2": "The difference is larger where confidence is low",
        "C3": "Below the neutral point, clients with a worse relationship have good outcomes less "
        "often",
        "C4": "The difference is alike across service areas",
        "C5": "Effective relationships rest on five working conditions",
        "C6": "Knowledge shared and the human bond both matter",
        "C7": "Reforms that break the link between client and practitioner undermine their aims",
        "C8": "Effective relationships are value for money",
    }
)

# fewer groups than the first: the robust covariance means nothing; than the second: it is too
# small (Cameron, Gelbach and Miller 2008)
FEWEST_GROUPS, FEW_GROUPS = 10, 40
# below this a band's estimate swings with single clients; a judgement, stated on the page
FEW_CLIENTS = 50
# more of the clients at the best score: a ceiling (Terwee et al. 2007, J Clin Epidemiol 60)
CEILING = 0.15
# more of them in the top tenth of the scale: so many are no longer told apart; a judgement
CROWDED = 0.50
# a standardised difference above this is no balance (Austin 2009, Statistics in Medicine 28)
UNBALANCED = 0.10
# less of the exposure's variance within practitioners: it is theirs alone; a judgement
LITTLE_WITHIN = 0.05
# a practitioner's mean of a lower reliability pulls what is between towards what is within
RELIABLE = 0.70
# up to this an interval that overlooks clustering is at most 5 % too narrow: the root of it
SMALL_DESIGN_EFFECT = 1.10
# above this a ratio of odds is no ratio of chances (Zhang and Yu 1998, JAMA 280)
COMMON = 0.10
# a correlation of sanctions with the exposure above which adjustment hardly parts the two
ENTANGLED = 0.30
# fewer areas: nothing is said of a further one
FEW_AREAS = 5
