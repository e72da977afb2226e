"""The clock of a plan: episodes, the day from which they count, what explains, what follows."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from deepvalue_stats.plan.base import Anchor, Days, Names, Part

Summary = Literal["mean", "first", "last", "slope", "sd", "n"]


class Episodes(Part):
    """A client's spells with the service.

    Either they are built from dated contacts, each a run no further apart than `gap_days`, or each
    row of the source is one, from `start` to `end` (none: it still runs). `contacts` then names
    the dates of the contacts, from which the practitioner is taken; without it each row says whose
    it is.

    Rows of one client may overlap: `keep_first` leaves out an episode that begins while an earlier
    one runs, `split` ends the earlier one on the day on which the later begins. An episode belongs
    to whom the client met `first` or most often (`majority`) up to the end of the exposure window;
    `split` begins a new episode where the practitioner changes.
    """

    source: str
    date: str | None = None
    gap_days: Annotated[int, Field(ge=1)] | None = None
    start: str | None = None
    end: str | None = None
    contacts: str | None = None
    overlap: Literal["refuse", "keep_first", "split"] = "refuse"
    practitioner: Literal["first", "majority", "split"] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        built = [name for name in ("date", "gap_days") if getattr(self, name) is not None]
        listed = [name for name in ("start", "end", "contacts") if getattr(self, name) is not None]
        if built and listed:
            raise ValueError(
                f"{built[0]} builds episodes from contacts, {listed[0]} reads them from a table: "
                "keep one"
            )
        if len(built) < 2 and not (self.start and self.end):
            raise ValueError(
                "give date and gap_days to build episodes from contacts, or start and end to read "
                "them from a table"
            )
        if built and self.overlap != "refuse":
            raise ValueError("episodes built from contacts do not overlap: leave overlap out")
        if self.contact_date is None and self.practitioner is not None:
            raise ValueError(
                "each row says whose episode it is: leave practitioner out, or name contacts"
            )
        if self.contact_date is not None and self.practitioner is None:
            raise ValueError("say whose an episode is: practitioner = first, majority or split")
        if listed and self.practitioner == "split":
            raise ValueError("only episodes built from contacts are split by practitioner")
        return self

    @property
    def built(self) -> bool:
        """Whether episodes are built from contacts."""
        return self.gap_days is not None

    @property
    def contact_date(self) -> str | None:
        """The dates of the contacts, as `source.column`; None where no contacts are read."""
        return self.qualified(self.date) if self.built else self.contacts

    def qualified(self, column: str | None) -> str:
        """A column of the episodes' own source with the source's name."""
        column = column or ""
        return column if column.startswith(f"{self.source}.") else f"{self.source}.{column}"


class Exposure(Part):
    """Which ratings count as the exposure: those dated from..to, less the lag, early ones first.

    `summary` makes one number of them, the exposure; those of `also` stand beside it in the
    analysis table, as `<measure>__slope`. A slope is in points per 30 days.
    """

    date: str
    start: Anchor = Field(alias="from")
    end: Anchor = Field(alias="to")
    lag_days: Days = 0
    minimum_ratings: Annotated[int, Field(ge=1)] = 1
    early: Annotated[int, Field(ge=1)] | None = None
    summary: Summary = "mean"
    also: Annotated[tuple[Summary, ...], Field(strict=False)] = ()


class FollowUp(Part):
    """Equal follow-up from the landmark: what happens before it or is not seen to its end leaves.

    `incomplete = "exclude"` takes out every client whose record ends before the follow-up does,
    with or without an event, so that both outcomes had the same time to be seen. A record ends on
    the earliest day of `censor` (a client without one is not known to have been observed), on the
    day of `death` (a client without one lives), and with `next_episode` on the day before the
    client's next episode begins.
    """

    start: Anchor = Field(alias="from")
    days: Annotated[int, Field(ge=1)]
    censor: Names = ()
    death: str | None = None
    next_episode: bool = False
    incomplete: Literal["exclude", "hazard"]


class Clock(Part):
    """What comes before what. `landmark` holds it by date on every row; `same_wave` cannot.

    Windows count from the index: the start of the episode, the day of its rating number
    `index_rating` (who has fewer is left out), or one day for everybody, `index_date` (who has no
    open episode then is left out).
    """

    kind: Literal["dates", "waves"]
    design: Literal["landmark", "same_wave"]
    wave: str | None = None
    baseline: int | None = None
    episodes: Episodes | None = None
    index: Literal["episode_start", "nth_rating", "date"] | None = None
    index_rating: Annotated[int, Field(ge=1)] | None = None
    index_date: str | None = None
    exposure: Exposure | None = None
    follow_up: FollowUp | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        waves, dates = ("wave", "baseline"), ("episodes", "index", "exposure", "follow_up")
        needed, barred = (waves, dates) if self.kind == "waves" else (dates, waves)
        absent = [name for name in needed if getattr(self, name) is None]
        extra = [name for name in barred if getattr(self, name) is not None]
        if absent or extra:
            said = [f"needs {', '.join(absent)}"] if absent else []
            said += [f"has no use for {', '.join(extra)}"] if extra else []
            raise ValueError(f"a clock of {self.kind} {' and '.join(said)}")
        for key, kind in (("index_rating", "nth_rating"), ("index_date", "date")):
            if (getattr(self, key) is not None) != (self.index == kind):
                raise ValueError(f'index = "{kind}" and {key} go together')
        return self

    @field_validator("index_date")
    @classmethod
    def _a_day(cls, text: str | None) -> str | None:
        if text is not None:
            datetime.date.fromisoformat(text)
        return text

    @property
    def index_day(self) -> int:
        """The day of `index_date`, counted from 1970-01-01."""
        date = datetime.date.fromisoformat(self.index_date or "")
        return (date - datetime.date(1970, 1, 1)).days

    @property
    def dated(self) -> tuple[Episodes, Exposure, FollowUp]:
        """The three parts that a clock of dates has, as its validator has seen to."""
        if self.episodes is None or self.exposure is None or self.follow_up is None:
            raise ValueError("a clock of waves has no episodes")
        return self.episodes, self.exposure, self.follow_up

    def place(self, anchor: tuple[str, int]) -> tuple[str, int]:
        """Where an anchor lies: so many days after the `index` or after the `episode_start`."""
        name, offset = anchor
        if name == "exposure_end" and self.exposure is not None:
            base, end = self.place(self.exposure.end)
            return base, end + offset
        # a rule that counts from the episode's start has one origin, by whichever name
        return ("episode_start" if self.index == "episode_start" else name), offset

    @property
    def landmark(self) -> tuple[str, int]:
        """The first day of follow-up, as `place` gives it."""
        return self.place(self.dated[2].start)


# what plans could not say at first, and what those plans meant: it leaves their digests alone
UNSAID: dict[str, dict[str, object]] = {
    "episodes": {"start": None, "end": None, "contacts": None},
    "exposure": {"also": []},
    "follow_up": {"death": None, "next_episode": False},
}
UNSAID_OF_CLOCK: dict[str, object] = {"index_rating": None, "index_date": None}
