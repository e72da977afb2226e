"""`fit_hazard`: the chance of an event in a period, given that it has not happened before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from deepvalue_stats.errors import Fault, ModelError
from deepvalue_stats.models.design import Design
from deepvalue_stats.models.fit import Convergence, ModelFit, ModelSpec
from deepvalue_stats.models.hazard.expansion import PATH, PERIOD, expand
from deepvalue_stats.models.hazard.plain import Plain, clustered, fit_plain
from deepvalue_stats.models.hazard.record import (
    BASELINE,
    LOG_PERIOD,
    Band,
    HazardRecord,
    bands_of,
    placed,
)
from deepvalue_stats.models.link import LINKS
from deepvalue_stats.models.marginal import binary_design, convergence_of, group_labels, ids_of
from deepvalue_stats.models.multilevel.fitting import fit_multilevel
from deepvalue_stats.models.multilevel.separation import separated_terms
from deepvalue_stats.models.multilevel.terms import Bar, split_formula
from deepvalue_stats.tables import read_only

Baseline = Literal["dummies", "log", "constant"]
# what stands before the covariates
HEAD = {"dummies": f"0 + {BASELINE}", "log": LOG_PERIOD, "constant": "1"}


def fit_hazard(
    formula: str,
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    link: Literal["cloglog", "logit"] = "cloglog",
    groups: str | Sequence[str] | None = None,
    baseline: Baseline = "dummies",
    cause: int = 1,
    period_days: float | None = None,
    start: str | None = None,
    spell: str | None = None,
    time_varying: pd.DataFrame | None = None,
    horizon: float | None = None,
    last: int | None = None,
    covariance: str | None = None,
    quadrature_points: int = 1,
    inference: Literal["t", "z"] = "t",
    client: str = "client",
    practitioner: str = "practitioner",
) -> ModelFit:
    """Fit a discrete-time hazard: how soon the event comes, and what makes it come sooner.

    For time to job entry, to the end of a debt, or to leaving a service, with practitioners who
    differ, covariates that change on the way, and several ways to end. Coefficients of a
    complementary log-log are logarithms of hazard ratios, the same for any length of the periods;
    `effect_by_horizon` says what they come to. Not for the course of a risk after its event.

    Parameters
    ----------
    formula : str
        `~ terms`, or `event ~ terms`; random effects in brackets as of `fit_multilevel`. `period`
        may stand in it, as in `rapport:period` for an effect that changes with time.
    data : pandas.DataFrame
        One row a spell; see `person_periods`.
    duration, event : str
        Columns; see `person_periods`.
    link : str
        cloglog: proportional hazards in continuous time, seen once a period. logit: proportional
        odds of the event in a period.
    groups : str or sequence of str, optional
        Columns with random intercepts, in the place of brackets.
    baseline : str
        How the hazard moves with time: dummies, one a period (a period without an event shares
        that of the next, and periods at the end one that has five events: `fit.hazard.note`); log,
        linear in the logarithm of the period; constant.
    cause : int
        The code of the event that is explained; a spell that ends by another cause is at risk no
        longer.
    period_days, start, spell, time_varying, horizon
        As of `person_periods`.
    last : int, optional
        The period from which on there is one dummy.
    covariance : str, optional
        Without random effects cluster:<column>, of clients when left out; with them model, or
        cluster:<column> as of `fit_multilevel`.
    quadrature_points, inference
        As of `fit_multilevel`; without random effects of no meaning.
    client, practitioner : str
        Columns by which persons are counted.

    Returns
    -------
    ModelFit
        With `hazard`, the record of its clock; a `MultilevelFit` where there are random effects.
        Its rows are persons and periods.

    Raises
    ------
    ModelError
        As `person_periods`; if nobody has the event of this cause; if the formula names another
        outcome; if clients are a group while no client has a second spell; as `fit_multilevel`.

    Notes
    -----
    With h the chance of the event in a period at risk, log(-log(1 - h)) = a(period) + x b + u,
    u normal. Other causes censor: the likelihoods of the causes are separate. A client's own
    frailty is not known from one event a client: it would be told from the form of the baseline
    alone. Without random effects the covariance is bread, meat and bread with expected information
    and the scores summed by cluster, times G/(G-1) (n-1)/(n-p).

    References
    ----------
    Prentice and Gloeckler (1978), Biometrics 34, equation 2; Jenkins (1995), Oxford Bulletin of
    Economics and Statistics 57; Allison (1982), Sociological Methodology 13, for several causes.
    """
    faults, terms = _read(formula, event, groups, data)
    if faults:
        raise ModelError.of(faults)
    rows = expand(
        data, duration=duration, event=event, client=client, period_days=period_days, start=start,
        spell=spell, time_varying=time_varying, horizon=horizon,
    )  # fmt: skip
    causes = tuple(int(code) for code in np.unique(rows.loc[rows[event] > 0, event]))
    rows[event] = (rows[event] == cause).astype("float64")
    if not rows[event].any():
        raise ModelError(
            f"nobody has an event of cause {cause} among {len(data)} spells",
            f"cause={cause}",
            "there is nothing to explain: look at the codes of the events",
        )
    paths = rows.pop(PATH).to_numpy()
    record = _record(rows, paths, event, (cause, *causes), period_days, baseline, last)
    rows = placed(rows, rows[PERIOD].to_numpy(), baseline, record.bands)
    right = " + ".join(part for part in (HEAD[baseline], terms.fixed) if part)
    fixed = f"{event} ~ {right}"
    if not terms.bars:
        return replace(
            _marginal(fixed, rows, link, covariance, client, practitioner), hazard=record
        )
    _refuse_frailty(terms.bars, data, client)
    mixed = " + ".join([fixed, *map(str, terms.bars)])
    fit = fit_multilevel(
        mixed, rows, link=link, covariance=covariance or "model",
        quadrature_points=quadrature_points, inference=inference, client=client,
        practitioner=practitioner,
    )  # fmt: skip
    return replace(fit, hazard=record)


@dataclass(frozen=True)
class _Terms:
    """The covariates of a formula, and its brackets."""

    fixed: str
    bars: tuple[Bar, ...]


def _read(
    formula: str, event: str, groups: str | Sequence[str] | None, data: pd.DataFrame
) -> tuple[list[Fault], _Terms]:
    """The fixed terms and the brackets of a formula, and what is wrong with it."""
    faults = []
    left, tilde, right = (part.strip() for part in formula.partition("~"))
    if not tilde or not right:
        faults.append(Fault("not a formula", formula, "write ~ terms, or ~ 1 for none"))
    if left and left != event:
        faults.append(
            Fault(f"the outcome is not '{event}'", formula, "leave it out, or name the event")
        )
    named = [groups] if isinstance(groups, str) else list(groups or ())
    if named and "|" in right:
        faults.append(Fault("groups are given twice", "groups", "use brackets or groups, not both"))
    bars = [Bar("1", (name,)) for name in named]
    if faults:
        return faults, _Terms("", ())
    fixed = right
    if "|" in right:
        mixed = split_formula(f"{event} ~ {right}")
        fixed = mixed.fixed.partition("~")[2].strip()
        bars = list(mixed.bars)
    taken = [name for name in (PERIOD, BASELINE, LOG_PERIOD) if name in data]
    faults += [
        Fault(f"the data have a column '{name}' already", "fit_hazard", "rename it")
        for name in taken
    ]
    return faults, _Terms("" if fixed == "1" else fixed.removeprefix("1 + "), tuple(bars))


def _record(
    rows: pd.DataFrame,
    paths: np.ndarray,
    event: str,
    causes: tuple[int, ...],
    period_days: float | None,
    baseline: Baseline,
    last: int | None,
) -> HazardRecord:
    """`causes`: the one that is explained, then all."""
    period = rows[PERIOD].to_numpy()
    at_risk = np.bincount(period)[1:]
    events = np.bincount(period, weights=rows[event].to_numpy())[1:].astype("int64")
    bands: tuple[Band, ...] = ()
    note = ""
    if baseline == "dummies":
        bands, note = bands_of(at_risk, events, last)
    return HazardRecord(
        cause=causes[0],
        causes=causes[1:],
        period_days=period_days,
        baseline=baseline,
        bands=bands,
        at_risk=read_only(at_risk),
        events=read_only(events),
        paths=read_only(paths),
        starts=read_only(np.flatnonzero(np.diff(paths, prepend=-1))),
        note=note,
    )


def _refuse_frailty(bars: tuple[Bar, ...], data: pd.DataFrame, client: str) -> None:
    """A client's own effect needs a client with two spells."""
    own = [bar for bar in bars if client in bar.group]
    if own and not data.duplicated(client).any():
        raise ModelError(
            f"no client has a second spell, so a frailty of '{client}' is not known from the data: "
            "with one event a client it would rest on the form of the baseline alone",
            str(own[0]),
            "leave it out; practitioners, who have many clients, may have one",
        )


def _marginal(
    formula: str,
    rows: pd.DataFrame,
    link: str,
    covariance: str | None,
    client: str,
    practitioner: str,
) -> ModelFit:
    """Maximum likelihood with a covariance that is robust to what clusters have in common."""
    chosen = LINKS[link]
    named = covariance or f"cluster:{client}"
    if not named.startswith("cluster:"):
        raise ModelError(
            f"no covariance '{named}' without random effects",
            "covariance",
            "use cluster:<column>",
        )
    cluster = named.removeprefix("cluster:")
    labels = group_labels(rows, cluster, formula)
    design = binary_design(formula, rows)
    found = fit_plain(design.matrix, design.response, chosen)
    return ModelFit(
        spec=ModelSpec(formula, "binomial", (), "hazard", named),
        terms=design.terms,
        params=read_only(found.params),
        covariance=read_only(clustered(found, design.matrix, labels)),
        dof=np.inf,
        link=chosen,
        design=design,
        n_groups={cluster: int(labels.max()) + 1},
        ids=ids_of(rows, client, practitioner),
        convergence=_judged(design, found),
        loglik=found.loglik,
        slopes=read_only(found.slopes),
    )


def _judged(design: Design, found: Plain) -> Convergence:
    """As of every marginal fit; what separates is named."""
    told = convergence_of(design, found.params, found.slopes, found.steps, -found.loglik)
    if not found.found and not told.message:
        told = replace(told, status="not_converged", message="the likelihood has no maximum found")
    if told.status == "ok":
        return told
    ones = np.ones(len(design.response))
    culprits = separated_terms(design.matrix, design.response, ones, design.terms)
    if not culprits:
        return told
    words = f"{', '.join(culprits)} separate the rows with the event from those without"
    return replace(told, status="separated", message=words)
