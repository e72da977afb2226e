"""The three areas of service: what their files call things, and how often the outcome is good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Area:
    """One area of service.

    Attributes
    ----------
    name : str
        Key of the area, as a plan's `study.area` has it.
    practitioner, service : str
        What the area calls them.
    practitioner_column, service_column : str
        Their identifiers in the extracts.
    need, need_column : str
        The measured complexity of a client's case, a count of one or more, and its column.
    need_median, need_log_sd, need_cap : float, float, int
        Log-normal distribution of that count.
    outcome, outcome_columns : str, tuple of str
        The positive outcome, and the columns of its record.
    spells : bool
        Whether an outcome record is a spell with an end (a job), and the second definition is a
        spell that lasts; otherwise the second definition has a date of its own.
    second : str
        The second, stricter or other, definition of the outcome.
    base_rate : float
        Share of the clients at risk at the landmark who have the outcome within the follow-up.
    second_after, second_otherwise : float
        Chance of the second outcome for clients with and without the first.
    outcome_icc : float
        Share of the variance of the latent outcome that lies between practitioners.
    sanctions : bool
        Whether contacts record a sanction.
    step : str
        What the monthly panel records.
    """

    name: str
    practitioner: str
    service: str
    practitioner_column: str
    service_column: str
    need: str
    need_column: str
    need_median: float
    need_log_sd: float
    need_cap: int
    outcome: str
    outcome_columns: tuple[str, str]
    spells: bool
    second: str
    base_rate: float
    second_after: float
    second_otherwise: float
    outcome_icc: float
    sanctions: bool
    step: str


_EMPLOYMENT = Area(
    name="employment",
    practitioner="adviser",
    service="office",
    practitioner_column="adviser_id",
    service_column="office_id",
    need="months out of work",
    need_column="months_out",
    need_median=14.0,
    need_log_sd=0.8,
    need_cap=96,
    outcome="a job start",
    outcome_columns=("job_start", "job_end"),
    spells=True,
    second="a job that lasts 26 weeks",
    # Restart: 42% with first earnings and 25% with a job outcome in 12 months (Department for Work
    # and Pensions 2023); the lower figure is the one planned for
    base_rate=0.25,
    second_after=0.65,
    second_otherwise=0.0,
    outcome_icc=0.05,
    sanctions=True,
    step="an application or interview in the month",
)

_DEBT = Area(
    name="debt",
    practitioner="adviser",
    service="branch",
    practitioner_column="adviser_id",
    service_column="branch_id",
    need="creditors",
    need_column="creditors",
    need_median=6.0,
    need_log_sd=0.6,
    need_cap=40,
    outcome="progress with the debts",
    outcome_columns=("progress_on", "resolved_on"),
    spells=False,
    second="all debts resolved",
    # 12% completely sorted and 63% with progress after three months, 12% without much of either
    # (StepChange 2019, 2020): 75% with progress or more
    base_rate=0.75,
    second_after=0.16,
    second_otherwise=0.0,
    outcome_icc=0.03,
    sanctions=False,
    step="a payment kept up in the month",
)

_HEALTH = Area(
    name="health",
    practitioner="practitioner",
    service="clinic",
    practitioner_column="practitioner_id",
    service_column="clinic_id",
    need="cigarettes a day",
    need_column="cigarettes_a_day",
    need_median=15.0,
    need_log_sd=0.5,
    need_cap=60,
    outcome="a four-week quit",
    outcome_columns=("quit_on", "completed_on"),
    spells=False,
    second="the course completed",
    # 49 to 52% of those who set a quit date had quit at four weeks by their own account (NHS
    # Digital, Statistics on NHS Stop Smoking Services 2005 to 2020)
    base_rate=0.50,
    second_after=0.80,
    second_otherwise=0.45,
    outcome_icc=0.05,
    sanctions=False,
    step="the quit plan kept to in the month",
)

AREAS: Mapping[str, Area] = MappingProxyType({a.name: a for a in (_EMPLOYMENT, _DEBT, _HEALTH)})
