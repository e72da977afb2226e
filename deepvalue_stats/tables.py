"""The publishable shapes: what a result may look like, and which disclosure rule each number obeys.

Disclosure and report know only these. A table is an immutable description; frames are handed out
as copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

EFFECT_COLUMNS = (
    "model", "outcome", "exposure", "estimand", "scale", "contrast", "group",
    "estimate", "std_error", "dof", "conf_low", "conf_high", "p_value", "p_adjusted",
    "family", "claim", "null_value", "unit",
    "n_obs", "n_clients", "n_practitioners", "status",
)  # fmt: skip
NUMERIC = ("estimate", "std_error", "dof", "conf_low", "conf_high", "p_value", "p_adjusted")
COUNTS = ("n_obs", "n_clients", "n_practitioners")
STATUSES = ("ok", "not_converged", "failed_gate", "suppressed")
LEVEL = 0.95


@dataclass(frozen=True)
class Kind:
    """A kind of effect.

    Attributes
    ----------
    name : str
        As the `scale` column has it.
    label : str
        As a page has it.
    unit : str
    null_value : float
        Where there is no effect; not a number where none is tested.
    scaling : str
        identity; logit: intervals are symmetric on the logit scale; log: intervals are symmetric,
        and `std_error` stands, on the log scale; inverse: the number is one over a difference in
        risk, and so are its limits, and it has no `std_error`.
    """

    name: str
    label: str
    unit: str
    null_value: float
    scaling: Literal["identity", "logit", "log", "inverse"] = "identity"


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("risk", "chance", "probability", np.nan, "logit"),
            Kind("risk_difference", "difference in risk", "probability", 0.0),
            Kind("risk_ratio", "ratio of risks", "ratio", 1.0, "log"),
            Kind("odds_ratio", "ratio of odds, averaged over clients", "ratio", 1.0, "log"),
            Kind("number_needed", "number needed", "clients", np.inf, "inverse"),
            Kind("log_odds", "difference in log odds", "log odds", 0.0),
            Kind("interaction_contrast", "interaction contrast", "probability", 0.0),
            Kind("relative_excess_risk", "relative excess risk (RERI)", "ratio", 0.0),
            Kind("attributable_proportion", "attributable proportion", "share", 0.0),
            Kind("synergy_index", "synergy index", "ratio", 1.0, "log"),
            Kind("ratio_of_risk_ratios", "ratio of risk ratios", "ratio", 1.0, "log"),
            Kind("ratio_of_odds_ratios", "ratio of odds ratios", "ratio", 1.0, "log"),
            Kind("time_gained", "time gained within the horizon", "days", 0.0),
            Kind("gap", "gap between groups", "probability", 0.0),
            Kind("slope_index", "slope index of inequality", "probability", 0.0),
            Kind("relative_index", "relative index of inequality", "ratio", 1.0, "log"),
            Kind("concentration_index", "concentration index", "index", 0.0),
            Kind("erreygers_index", "Erreygers' index", "index", 0.0),
            Kind("excess_failures", "clients without the outcome who might have had it", "clients",
                 0.0),
        )
    }
)  # fmt: skip

Rule = Literal["label", "count", "outcome_count", "share", "statistic"]
"""How a column may leave the room.

label: as it is. count: thresholded and rounded, a zero may stand. outcome_count: so many *had*
something, out of the `total` beside it; thresholded on both sides, a zero hidden as well.
share: the outcome count as a part of the total, worked out from the *rounded* counts.
statistic: a number about a group, hidden where a count beside it is hidden, and of no more digits
than a reader needs: from a mean of whole responses to ten digits the exact count can be worked out.
"""


@dataclass(frozen=True)
class EffectTable:
    """Estimates, one row each, complete in itself.

    Attributes
    ----------
    frame : pandas.DataFrame
        The columns of `EFFECT_COLUMNS`, in that order. `dof` is infinite where the reference
        distribution is the normal. Unless `status` is ok the numeric cells are missing.
    evidence : pandas.DataFrame or None
        Row for row what the disclosure gate judges and no page shows: `events` and `non_events`
        among the clients behind the estimate. None once the table is cleared.
    """

    frame: pd.DataFrame
    evidence: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if tuple(self.frame.columns) != EFFECT_COLUMNS:
            raise ValueError("an effect table has exactly the columns of EFFECT_COLUMNS, in order")
        if not set(self.frame["status"]) <= set(STATUSES):
            raise ValueError(f"status is one of {', '.join(STATUSES)}")
        if self.evidence is not None and len(self.evidence) != len(self.frame):
            raise ValueError("evidence is row for row")
        broken = self.frame["status"].ne("ok")
        if self.frame.loc[broken, list(NUMERIC)].notna().any(axis=None):
            raise ValueError("a row that is not ok has no numbers")

    def __len__(self) -> int:
        return len(self.frame)

    def where(self, **values: object) -> EffectTable:
        """The rows in which each named column has the value (or one of a tuple of values)."""
        keep = pd.Series(True, index=self.frame.index)
        for name, value in values.items():
            wanted = value if isinstance(value, tuple) else (value,)
            keep &= self.frame[name].isin(wanted)
        evidence = None if self.evidence is None else self.evidence[keep.to_numpy()]
        return EffectTable(_fresh(self.frame[keep]), None if evidence is None else _fresh(evidence))

    def row(self, **values: object) -> pd.Series:
        """The one row that fits, or a KeyError."""
        found = self.where(**values).frame
        if len(found) != 1:
            raise KeyError(f"{len(found)} rows fit {values}, not one")
        return found.iloc[0]

    def labelled(self, **values: str) -> EffectTable:
        """The same table with whole columns set, as `claim` or `model`."""
        return replace(self, frame=self.frame.assign(**values)[list(EFFECT_COLUMNS)])


def effect_rows(rows: Iterable[Mapping[str, object]]) -> EffectTable:
    """Build an effect table from one mapping a row; `events` and `non_events` are its evidence."""
    frame = pd.DataFrame.from_records([dict(row) for row in rows])
    evidence = frame[["events", "non_events"]].astype("int64")
    frame = frame.reindex(columns=list(EFFECT_COLUMNS))
    frame = frame.astype(dict.fromkeys((*NUMERIC, "null_value"), "float64"))
    frame = frame.astype(dict.fromkeys(COUNTS, "Int64"))
    return EffectTable(frame, evidence)


def stack(tables: Iterable[EffectTable]) -> EffectTable:
    """One table of several, in their order."""
    parts = list(tables)
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    evidence = [part.evidence for part in parts if part.evidence is not None]
    whole = pd.concat(evidence, ignore_index=True) if len(evidence) == len(parts) else None
    return EffectTable(frame, whole)


@dataclass(frozen=True)
class CountTable:
    """Counts with their labels, as a flow, match rates or a description of who is in the study.

    Attributes
    ----------
    name : str
        File name and key in the findings.
    caption : str
        What the table shows, in one line.
    frame : pandas.DataFrame
        The cells.
    rules : mapping of str to str
        For every column the disclosure rule it obeys; see `Rule`.
    total : str or None
        The column that an `outcome_count` is a part of.
    notes : tuple of str
        What a reader has to know, printed under the table.
    evidence : pandas.DataFrame or None
        Row for row how many persons stand behind a count whose unit is not a person: under the
        count's own column name, or `with` and `without` for the sides of an `outcome_count`. None
        once the table is cleared.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    rules: Mapping[str, Rule]
    total: str | None = None
    notes: tuple[str, ...] = ()
    evidence: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if tuple(self.frame.columns) != tuple(self.rules):
            raise ValueError(f"table {self.name}: every column needs its disclosure rule, in order")
        if self.evidence is not None and len(self.evidence) != len(self.frame):
            raise ValueError(f"table {self.name}: evidence is row for row")
        object.__setattr__(self, "rules", MappingProxyType(dict(self.rules)))


@dataclass(frozen=True)
class Series:
    """The data of one figure: lines or points with intervals, nothing of any single person.

    Attributes
    ----------
    name, caption : str
        Key in the findings, and the figure's title.
    frame : pandas.DataFrame
        Columns `group`, `x`, `y`, `low`, `high`, `n_clients`.
    x_label, y_label : str
        Axis titles, with units.
    evidence : pandas.DataFrame or None
        Row for row `events` and `non_events`; None once cleared.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    x_label: str
    y_label: str
    evidence: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if tuple(self.frame.columns) != ("group", "x", "y", "low", "high", "n_clients"):
            raise ValueError(f"series {self.name}: columns are group, x, y, low, high, n_clients")


@dataclass(frozen=True)
class Curve:
    """Who left a state on which day, and how: what a curve of cumulative incidence is drawn from.

    The gate turns it into a `Series`, from counts that may leave.

    Attributes
    ----------
    name, caption : str
        Key in the findings, and the figure's title.
    frame : pandas.DataFrame
        Columns `group`, `day`, `events` (had the outcome), `others` (left otherwise, so that the
        outcome cannot follow) and `lost` (not seen any longer): clients of that day. One row a
        group and day on which anybody left, in the order of days within a group.
    clients : mapping of str to int
        How many of each group were there at first.
    x_label, y_label : str
    """

    name: str
    caption: str
    frame: pd.DataFrame
    clients: Mapping[str, int]
    x_label: str
    y_label: str

    def __post_init__(self) -> None:
        if tuple(self.frame.columns) != ("group", "day", "events", "others", "lost"):
            raise ValueError(f"curve {self.name}: columns are group, day, events, others, lost")
        if not set(self.frame["group"]) <= set(self.clients):
            raise ValueError(f"curve {self.name}: a group comes without its clients")


@dataclass(frozen=True)
class Evidence:
    """What the verdict gates judge: facts of the design and the fit, made where the rows are.

    Attributes
    ----------
    design : str
        landmark or same_wave.
    rater, reported_by : str
        Who rates the relationship, and who reports the outcome.
    exposure, outcome, modifier : str
        In the plan's words.
    cluster : str
        The groups on whose number the primary fit's intervals rest.
    n_clusters : int
        How many of those there are.
    bands : mapping of str to int
        Clients in each confidence band of the fit with bands.
    low, reference : str
        The bands that C2 compares.
    converged : mapping of str to bool
        Whether the primary fit, and the one with bands, are sound, by model name.
    corrected : bool
        Whether the primary fit's intervals allow for few groups.
    area : str
        employment, debt or health.
    claims : mapping of str to str
        Why a claim of the plan cannot be tested on these data, by claim; a claim that can is not
        here.
    split_by : str
        The groups by which the primary exposure is split in its parts within and between.
    within_share : float or None
        Share of the exposure's variance that lies within practitioners: near 0 it is theirs alone.
    mean_reliability : float or None
        Reliability of a practitioner's mean exposure, ICC(2).
    reliability : float or None
        Omega of the primary exposure's items, or alpha where there is no omega.
    alike_in_bands, alike_in_areas : str
        What of the exposure may be compared between confidence bands, and between areas: means,
        slopes, nothing, not_known; empty where nobody looked.
    design_effect : float or None
        By how much practitioners' clients being alike inflates the variance of a mean outcome.
    clustered : bool
        Whether the primary fit knows that rows of one practitioner belong together.
    at_top : float or None
        Share of clients whose exposure score is the highest there can be.
    near_top : float or None
        Share of them in the top tenth of the scale.
    rated_differs : mapping of str to float
        Standardised difference between clients of the cohort with a usable rating and those
        without one, by characteristic (outcome, confidence).
    adjusted : tuple of str
        Covariates of the primary model, in the plan's words.
    unlinked : str
        What a client without a record in the outcome source means; empty where outcomes are not
        linked.
    sanctions : str
        adjusted, measured (but not in the primary model), or unmeasured; empty outside of
        employment.
    sanctions_correlation : float or None
        Correlation of practitioners' sanction rates with their mean exposure.
    measured_late : tuple of str
        Covariates of the primary model measured with or after the exposure, in the plan's words.
    lead_p : float or None
        Of `lead_placebo`: an exposure cannot cause what was before it.
    lead_unknown : str
        Why a study of waves has none.
    neutral : float or None
        The neutral point that the plan declares.
    shape_p : float or None
        p-value for slopes below and above the neutral point being one.
    quadrature_doubt : str
        What is doubtful about the primary fit, in words.
    base_rate : float or None
        Share of the primary model's rows with the outcome.
    locked : bool
        Whether the plan was locked before the run (a confirmatory plan always is).
    influence : mapping of str to bool
        Whether leaving out a single unit (by kind: practitioner, service) moves the answer to C1.
    n_clients : int
        Clients in the primary fit.
    n_practitioners : int or None
        Practitioners in the primary fit.
    across : tuple of str
        Names of the groups that C4 compares.
    same_client : bool
        Whether the estimate on which C1 rests compares the same client with itself.
    """

    design: str
    rater: str
    reported_by: str
    exposure: str
    outcome: str
    modifier: str
    cluster: str
    n_clusters: int
    bands: Mapping[str, int]
    low: str
    reference: str
    converged: Mapping[str, bool]
    corrected: bool = False
    area: str = ""
    claims: Mapping[str, str] = field(default_factory=dict)
    split_by: str = ""
    within_share: float | None = None
    mean_reliability: float | None = None
    reliability: float | None = None
    alike_in_bands: str = ""
    alike_in_areas: str = ""
    design_effect: float | None = None
    clustered: bool = True
    at_top: float | None = None
    near_top: float | None = None
    rated_differs: Mapping[str, float] = field(default_factory=dict)
    adjusted: tuple[str, ...] = ()
    unlinked: str = ""
    sanctions: str = ""
    sanctions_correlation: float | None = None
    measured_late: tuple[str, ...] = ()
    lead_p: float | None = None
    lead_unknown: str = ""
    neutral: float | None = None
    shape_p: float | None = None
    quadrature_doubt: str = ""
    base_rate: float | None = None
    locked: bool = False
    influence: Mapping[str, bool] = field(default_factory=dict)
    n_clients: int = 0
    n_practitioners: int | None = None
    across: tuple[str, ...] = ()
    same_client: bool = False


def _fresh(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.reset_index(drop=True).copy()


def read_only(values: np.ndarray) -> np.ndarray:
    """A copy of an array that nobody can write to."""
    copy = np.array(values)
    copy.setflags(write=False)
    return copy


@dataclass(frozen=True)
class Phrase:
    """A sentence whose counts have not been cleared yet.

    Attributes
    ----------
    template : str
        With the name of each count in braces.
    counts : mapping of str to int
    claim : str
        The claim whose answer it gives away: it leaves only where the answer may leave.

    Examples
    --------
    >>> Phrase("It rests on {n} clients.", {"n": 46}).cleared({"n": "45"})
    Phrase(template='It rests on 45 clients.', counts={})
    """

    template: str
    counts: Mapping[str, int] = field(default_factory=dict)
    claim: str = field(default="", repr=False)

    def cleared(self, words: Mapping[str, str]) -> Phrase:
        """The same sentence with the words that disclosure control allows for its counts."""
        return Phrase(self.template.format(**words) if self.counts else self.template)

    def __str__(self) -> str:
        if self.counts:
            raise ValueError("a sentence with counts has to pass disclosure control first")
        return self.template


def more_or_fewer(value: float) -> str:
    """A difference per 100 in words, the same on every page and in every sentence.

    Examples
    --------
    >>> more_or_fewer(5.66), more_or_fewer(-2.0), more_or_fewer(0.0)
    ('5.7 more', '2.0 fewer', 'no more and no fewer')
    """
    size = f"{abs(value):.1f}"
    if not size.strip("0."):
        return "no more and no fewer"
    return f"{size} {'more' if value > 0 else 'fewer'}"


def plausible_range(low: float, high: float) -> str:
    """A 95% interval per 100 in words.

    Examples
    --------
    >>> plausible_range(1.4, 10.0)
    '1.4 to 10.0 more'
    >>> plausible_range(-10.8, -1.4)
    '1.4 to 10.8 fewer'
    >>> plausible_range(-2.0, 4.5)
    '2.0 fewer to 4.5 more'
    """
    if low >= 0:
        return f"{low:.1f} to {high:.1f} more"
    if high <= 0:
        return f"{abs(high):.1f} to {abs(low):.1f} fewer"
    return f"{abs(low):.1f} fewer to {high:.1f} more"


def needed_in_words(estimate: float, low: float, high: float) -> str:
    """A number needed and its limits, as a page has them.

    Parameters
    ----------
    estimate, low, high : float
        Of a row of `number_needed`.

    Returns
    -------
    str

    Examples
    --------
    >>> needed_in_words(17.6, 9.6, 103.1)
    '17.6 clients for one more good outcome (9.6 to 103.1)'
    >>> needed_in_words(46.2, 18.9, -105.1)
    '46.2 clients for one more good outcome (18.9 for one more, through infinity, to 105.1 for one less)'
    >>> needed_in_words(float("inf"), 50.0, -50.0)
    'infinite (50.0 for one more, through infinity, to 50.0 for one less)'
    """  # noqa: E501  the second example is one line
    if np.isinf(estimate):
        opening = "infinite"
    else:
        less = "less" if estimate < 0 else "more"
        opening = f"{abs(estimate):.1f} clients for one {less} good outcome"
    if low > 0 > high:
        return (
            f"{opening} ({low:.1f} for one more, through infinity, to {abs(high):.1f} for one less)"
        )
    near, far = sorted((abs(low), abs(high)))
    return f"{opening} ({near:.1f} to {far:.1f})"
