"""Parts of a plan that many studies have no use for."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepvalue_stats.plan.base import Codes, Names, Part

Share = Annotated[float, Field(ge=0, lt=1)]
Difference = Annotated[float, Field(gt=-1, lt=1)]


class Across(Part):
    """The service areas whose effects claim C4 compares: groups of a category covariate."""

    by: str


class Breaks(Part):
    """Changes of practitioner that nobody chose: a design of its own, for studies of waves.

    `reason` is a covariate that says, at the wave after a change, why the practitioner changed;
    `outside` are its values that have nothing to do with client or relationship, as leave,
    retirement or a closed office. Every other change counts as made within the pair, and such
    clients are left out, counted. `closed` is a covariate of 0 and 1 that says whether a case had
    been closed: who leaves after that should take nothing away, which is a placebo.
    """

    reason: str
    outside: Annotated[Names, Field(min_length=1)]
    closed: str | None = None


class Triangulation(Part):
    """Estimates of one effect side by side, and which of them, named beforehand, speaks.

    `speaks` names the approach on whose estimate claim C1 rests: the primary model itself, or that
    of the same client over time, by a logit (within_between) or a linear model (within).
    """

    speaks: Literal["primary", "within_between", "within"]


class Intervention(Part):
    """What the service does, in the owner's short words; printed as they stand, decides nothing."""

    name: str | None = None
    why: str | None = None
    materials: str | None = None
    procedures: str | None = None
    who_provided: str | None = None
    how: str | None = None
    where: str | None = None
    when_and_how_much: str | None = None
    tailoring: str | None = None
    modifications: str | None = None
    how_well_planned: str | None = None
    how_well_actual: str | None = None


class Power(Part):
    """The design whose chances are asked for before the data: who, how many, how large an effect.

    What is left out is taken from the plan's data where they can be read, and named otherwise.
    Effects are differences in risk: with a score a standard deviation of the error-free
    relationship, with arms between the practitioners of one half and those of the other.
    """

    practitioners: Annotated[Codes, Field(min_length=1)]
    clients_per_practitioner: Annotated[float, Field(ge=1)] | None = None
    caseload_cv: Annotated[float, Field(ge=0, le=3)] | None = None
    base_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    icc: Share | None = None
    exposure_icc: Annotated[float, Field(ge=0, le=1)] | None = None
    reliability: Annotated[float, Field(gt=0, le=1)] | None = None
    attrition: Share | None = None
    match_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    effect: Difference | None = None
    effect_low_minus_high: Difference | None = None
    damage: Difference | None = None
    neutral_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    exposure: Literal["score", "arms"] = "score"
    replicates: Annotated[int, Field(ge=2)] = 1000


Found = Annotated[int, Field(ge=0)]
Audit = Annotated[tuple[Found, Annotated[int, Field(ge=1)]], Field(strict=False)]


class LinkTable(Part):
    """Candidate links that were found elsewhere, one a row: a client, a record and a weight.

    A record goes to its candidate of largest weight, from `minimum` on. The study is worked out
    again with each minimum of `try_also`.
    """

    source: str
    record: str
    weight: str
    minimum: float
    try_also: Annotated[tuple[float, ...], Field(strict=False)] = ()


class LinkPasses(Part):
    """Identifiers by which a record finds its client: passes of columns that agree exactly.

    `clients` is the source that holds the clients with their identifiers, under the same column
    names. A record that one pass has linked is left out of the later ones. `dates` names those of
    the columns that are dates, which may be written in several forms.
    """

    clients: str
    agree: Annotated[
        tuple[Annotated[Names, Field(min_length=1)], ...], Field(strict=False, min_length=1)
    ]
    dates: Names = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of any pass."""
        return tuple(dict.fromkeys(column for one in self.agree for column in one))


class Link(Part):
    """How one source is joined to the clients, and what a client without a record means.

    `recall` is what an audit found, by confidence band: of so many clients known to have had the
    outcome (the second number) so many had a record (the first).
    """

    rule: Literal["key", "passes", "table"]
    cardinality: Literal["one_to_one", "one_to_many"]
    unlinked: Literal["no_event", "unknown", "exclude", "bounds"]
    recall: dict[str, Audit] = Field(default_factory=dict)
    table: LinkTable | None = None
    passes: LinkPasses | None = None

    @model_validator(mode="after")
    def _rule_named(self) -> Self:
        for rule in ("table", "passes"):
            if (self.rule == rule) != (getattr(self, rule) is not None):
                raise ValueError(f'rule = "{rule}" and {rule} go together')
        return self
