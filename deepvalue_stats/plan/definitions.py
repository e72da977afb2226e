"""The register of outcome definitions: what counts as a good outcome, for how long, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Definition:
    """A definition that others have used, so that results can be laid beside theirs.

    Attributes
    ----------
    name : str
        The key that a plan gives as `definition`.
    words : str
        What it is, as a sentence names it.
    sustained_days : int
        How long the outcome has to last; 0 where it counts as soon as it happens.
    says : str
        The definition in full.
    source : str
    spells : bool
        Whether it is read from spells with a beginning and an end.
    """

    name: str
    words: str
    sustained_days: int
    says: str
    source: str
    spells: bool = False


_ALL = (
    Definition(
        "first_job",
        "a first job",
        0,
        "The first day of paid work after the landmark, however long it lasts.",
        "Department for Work and Pensions (2023), Restart scheme statistics: first earnings",
        True,
    ),
    Definition(
        "sustained_job_26_weeks",
        "a job that lasts half a year",
        182,
        "Paid work that lasts 182 days without a break, dated by its first day. Restart pays for "
        "earnings of 16 hours a week over 26 weeks at the National Living Wage, or for six months "
        "of self-employment: earnings may be reached sooner, and spells may be added up.",
        "Department for Work and Pensions (2023), Restart scheme statistics: job outcome",
        True,
    ),
    Definition(
        "self_employed_6_months",
        "half a year of self-employment",
        183,
        "Self-employment that lasts 183 days without a break, dated by its first day.",
        "Department for Work and Pensions (2023), Restart scheme statistics: job outcome",
        True,
    ),
    Definition(
        "quit_4_weeks",
        "four weeks without smoking",
        28,
        "No smoking for 28 days, dated by the quit date. The Russell Standard asks 25 to 42 days "
        "after that date whether there was none in the last 14, and counts who cannot be reached "
        "as smoking.",
        "West, Hajek, Stead and Stapleton (2005), Addiction 100, for the Russell Standard",
    ),
    Definition(
        "debt_progress",
        "progress with debts",
        0,
        "Debts are being repaid as agreed, or are sorted.",
        "StepChange Debt Charity (2019, 2020), client outcome surveys: some or fair progress",
    ),
    Definition(
        "debt_sorted",
        "all debts sorted",
        0,
        "No problem debt is left.",
        "StepChange Debt Charity (2019, 2020), client outcome surveys: completely sorted",
    ),
)

DEFINITIONS: Mapping[str, Definition] = MappingProxyType({one.name: one for one in _ALL})
