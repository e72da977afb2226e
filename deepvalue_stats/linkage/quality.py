"""Who could be linked: match rates, and how those without a record differ from the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import NormalDist

import numpy as np
import pandas as pd

from deepvalue_stats.data import Dataset, locate
from deepvalue_stats.plan import Plan
from deepvalue_stats.tables import LEVEL, CountTable, Rule

EVERYBODY = "all clients"
# the shares of services and practitioners that are told instead of any of their names
SPREAD = (0.1, 0.9)
# fewer clients of one unit say nothing of its share
FEWEST = 10
ONLY_EVENTS = (
    "No record is without an event, so the file may hold a row only for clients who had one: a "
    "client without a record may be one without the outcome, and shares here follow the outcome."
)
ALSO_OTHERS = (
    "Some records are without an event, so the file holds more than clients who had one: a client "
    "without any record may not have been found."
)
UNKNOWN = "unknown"


def linkage_table(
    plan: Plan, data: Mapping[str, Dataset], linked: Dataset, bands: pd.Series
) -> CountTable:
    """Match rates of the primary outcome's records, overall and by what clients are like.

    Parameters
    ----------
    plan : Plan
    data : mapping of str to Dataset
    linked : Dataset
        As `link` gives it, from the same data.
    bands : pandas.Series
        Confidence band by client id.

    Returns
    -------
    CountTable
        Named `linkage`: clients of the study, those with a record, the share with its Wilson
        interval, and for each characteristic the standardised difference between clients with a
        record and without one (of several groups, that of Yang and Dalton). Services and
        practitioners are not named: `low` and `high` are then the shares at their 10th and 90th
        percentile, over those with ten clients or more. Empty for a study of waves, where rating
        and outcome stand in one record.

    References
    ----------
    Gilbert and others (2018), GUILD, Journal of Public Health 40, step 2; Wilson (1927), Journal
    of the American Statistical Association 22; Yang and Dalton (2012), SAS Global Forum 335, for
    several groups; Austin (2009), Statistics in Medicine 28, for 0.10 as little.
    """
    lines: list[dict[str, object]] = []
    notes: tuple[str, ...] = ()
    if plan.clock.kind == "dates":
        study = _study(linked)
        found = study["client"].isin(_recorded(plan, data))
        lines += [_line(EVERYBODY, "", study, found)]
        for name, groups in _characteristics(plan, data, study, bands):
            lines += _by_group(name, groups, study, found)
        for role in ("service", "practitioner"):
            lines += _spread(role, study, found)
        notes = (
            ALSO_OTHERS if _holds_more_than_events(plan, data) else ONLY_EVENTS,
            "Standardised difference: between clients with a record and without one; above 0.1 "
            "either way they are not alike.",
        )
    rules: dict[str, Rule] = {
        "characteristic": "label",
        "group": "label",
        "clients": "count",
        "with_record": "outcome_count",
        "share": "share",
        "low": "statistic",
        "high": "statistic",
        "difference": "statistic",
    }
    frame = pd.DataFrame(lines, columns=list(rules)).astype(
        {"clients": "Int64", "with_record": "Int64"}
        | dict.fromkeys(("share", "low", "high", "difference"), "float64")
    )
    return CountTable(
        name="linkage",
        caption="Clients for whom a record of the outcome was found",
        frame=frame,
        rules=rules,
        total="clients",
        notes=notes,
    )


def wilson(found: int, n: int) -> tuple[float, float]:
    """The Wilson score interval of a share.

    Examples
    --------
    >>> [round(end, 3) for end in wilson(9, 10)]
    [0.596, 0.982]
    """
    if not n:
        return float("nan"), float("nan")
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share, weight = found / n, z**2 / n
    middle = (share + weight / 2) / (1 + weight)
    half = z * np.sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    return float(middle - half), float(middle + half)


def standardised_difference(groups: pd.Series, found: pd.Series) -> float:
    """How differently clients with a record and without one are spread over groups.

    Parameters
    ----------
    groups : pandas.Series, shape (n,)
    found : pandas.Series of bool, shape (n,)

    Returns
    -------
    float
        sqrt((p1 - p0)' S^-1 (p1 - p0)) over all groups but one, S the mean of the two multinomial
        covariances; of two groups the usual difference over its standard deviation, with the sign
        of the last. Not a number where either side is empty or there is one group.

    References
    ----------
    Yang and Dalton (2012), SAS Global Forum 335, equation 3.
    """
    names = pd.Categorical(groups).categories
    if len(names) < 2 or found.all() or not found.any():
        return float("nan")
    shares = [
        np.array([(groups[side] == name).mean() for name in names[1:]]) for side in (found, ~found)
    ]
    covariance = sum(np.diag(p) - np.outer(p, p) for p in shares) / 2
    apart = shares[0] - shares[1]
    size = float(np.sqrt(max(apart @ np.linalg.pinv(covariance) @ apart, 0.0)))
    return float(np.copysign(size, apart[0])) if len(names) == 2 else size


def _study(linked: Dataset) -> pd.DataFrame:
    """Every client with an episode, one row each, with whom they met where it is known."""
    roles = [name for name in ("client", "practitioner", "service") if name in linked.frame]
    left = [step.left_clients for step in linked.attrition if len(step.left_clients)]
    everybody = pd.concat([linked.frame[roles], *(part.to_frame("client") for part in left)])
    return everybody.drop_duplicates("client").reset_index(drop=True)


def _place(plan: Plan, data: Mapping[str, Dataset]) -> tuple[str, str]:
    outcome = plan.outcomes[plan.models[plan.primary].outcome]
    return locate(outcome.date or "", data)


def _recorded(plan: Plan, data: Mapping[str, Dataset]) -> pd.Series:
    source, _ = _place(plan, data)
    ids: pd.Series = data[source].frame[plan.ids.client.column]
    return ids.dropna()


def _holds_more_than_events(plan: Plan, data: Mapping[str, Dataset]) -> bool:
    source, day = _place(plan, data)
    return bool(data[source].frame[day].isna().any())


def _characteristics(
    plan: Plan, data: Mapping[str, Dataset], study: pd.DataFrame, bands: pd.Series
) -> Iterator[tuple[str, pd.Series]]:
    """What clients are like at baseline: the band, attributes, and covariates in groups."""
    yield plan.equity.modifier, _known(study["client"].map(bands))
    for name, covariate in plan.covariates.items():
        if covariate.at != "baseline":
            continue
        source, column = locate(covariate.column, data)
        one = data[source].frame.drop_duplicates(plan.ids.client.column)
        values = study["client"].map(one.set_index(plan.ids.client.column)[column])
        declared = plan.equity.also.get(name)
        if covariate.type == "category":
            yield name, _known(values)
        elif declared is not None:
            edges = [*declared.bands.values(), np.inf]
            cut = pd.cut(values.astype("float64"), edges, right=False, labels=list(declared.bands))
            yield name, _known(pd.Series(cut, index=study.index))
        else:
            yield name, _halves(values.astype("float64"))


def _known(groups: pd.Series) -> pd.Series:
    """Groups in their own order, those who are in none at the end."""
    names = [str(name) for name in pd.Categorical(groups).categories]
    text = groups.astype("object").where(groups.notna(), UNKNOWN).astype(str)
    present = [name for name in [*names, UNKNOWN] if (text == name).any()]
    return pd.Series(pd.Categorical(text, categories=present), index=groups.index)


def _halves(values: pd.Series) -> pd.Series:
    """A number that no plan cuts into bands: below its median, and from the median on."""
    upper = pd.Series(np.where(values < values.median(), "lower half", "upper half"))
    upper.index = values.index
    return _known(upper.where(values.notna(), None))


def _by_group(
    name: str, groups: pd.Series, study: pd.DataFrame, found: pd.Series
) -> list[dict[str, object]]:
    said = name.replace("_", " ")
    apart = standardised_difference(groups, found)
    lines = [
        _line(said, str(group), study[groups == group], found[groups == group])
        for group in pd.Categorical(groups).categories
    ]
    if lines:
        lines[0]["difference"] = apart
    return lines


def _line(
    characteristic: str, group: str, clients: pd.DataFrame, found: pd.Series
) -> dict[str, object]:
    n, k = len(clients), int(found.sum())
    low, high = wilson(k, n)
    return {
        "characteristic": characteristic,
        "group": group,
        "clients": n,
        "with_record": k,
        "share": k / n if n else np.nan,
        "low": low,
        "high": high,
        "difference": np.nan,
    }


def _spread(role: str, study: pd.DataFrame, found: pd.Series) -> list[dict[str, object]]:
    """How the share differs between units, none of which is named."""
    if role not in study or not study[role].notna().any():
        return []
    shares = found.groupby(study[role]).agg(["mean", "size"])
    shares = shares[shares["size"] >= FEWEST]
    if len(shares) < FEWEST:
        return []
    # of one unit a share with all its digits is a count
    low, high = shares["mean"].quantile(list(SPREAD)).round(2)
    clients, records = int(shares["size"].sum()), int(found[study[role].isin(shares.index)].sum())
    return [
        {
            "characteristic": f"{role}s",
            "group": f"{len(shares)} with {FEWEST} clients or more: their middle 80%",
            "clients": clients,
            "with_record": records,
            "share": records / clients,
            "low": float(low),
            "high": float(high),
            "difference": np.nan,
        }
    ]
