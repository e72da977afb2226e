"""The rule table: from an interval to an answer, from a design to a verb.

Nothing here is chosen by a person at the time of writing a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from scipy import stats

from deepvalue_stats.verdicts.verdict import Answer


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
    low90, high90 = interval.bounds(0.90)
    low95, high95 = interval.bounds(0.95)
    if -worthwhile < low90 and high90 < worthwhile:
        return "no worthwhile effect"
    if low95 > 0:
        return "supported"
    if high95 < 0:
        return "harm"
    return "not supported" if high90 < worthwhile else "inconclusive"


def confirmed(found: Answer, p_adjusted: float, label: str) -> Answer:
    """A confirmatory claim holds only if it survives Holm over its family."""
    if label == "confirmatory" and found in ("supported", "harm") and not p_adjusted < 0.05:
        return "inconclusive"
    return found


# the strongest verb that a design earns (no causal one: no design here makes it so), and what has
# to stand beside it in every sentence
VERBS: Mapping[str, str] = MappingProxyType(
    {"same_wave": "goes with", "next_wave": "is followed by", "landmark": "is followed by"}
)
PROVISOS: Mapping[str, str] = MappingProxyType(
    {"same_wave": "at the same interview", "next_wave": "one wave on", "landmark": ""}
)

# the claims as far as a design without a causal verb can test them
STATEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "C1": "Clients with a more effective relationship have good outcomes more often",
        "C2": "The difference is larger where confidence is low",
    }
)

# fewer groups than the first: the robust covariance means nothing; than the second: it is too
# small (Cameron, Gelbach and Miller 2008)
FEWEST_GROUPS, FEW_GROUPS = 10, 40
# below this a band's estimate swings with single clients; a judgement, stated on the page
FEW_CLIENTS = 50
