"""What missed links do to an answer, and what counting them brings back, where the truth is known.

A service is drawn whose outcome records carry no client id, only a surname, a date of birth and a
postcode as somebody typed them, more often wrongly for clients of low confidence. Pairs that agree
in some of the three get the weight of Fellegi and Sunter, and the study is linked by them.

`python -m deepvalue_stats.bench.linkage_error --help` writes the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from deepvalue_stats.bench.plans import preset_plan
from deepvalue_stats.data import Dataset, read_text_tables, type_tables
from deepvalue_stats.effects import average_effect, per_sd
from deepvalue_stats.linkage import with_minimum
from deepvalue_stats.measures import BAND, with_bands
from deepvalue_stats.models import ModelFit, Recall, build_formula, fit_logit, fit_missed
from deepvalue_stats.plan import Plan
from deepvalue_stats.plan.optional import Link, LinkTable
from deepvalue_stats.plan.parts import ModelPlan, Source
from deepvalue_stats.simulate import (
    PRESETS,
    Parameters,
    Service,
    preset_parameters,
    simulate_parameters,
    superpopulation,
)
from deepvalue_stats.simulate.extracts import extracts
from deepvalue_stats.simulate.names import POSTCODES, SURNAMES, mistyped
from deepvalue_stats.study import Prepared, prepared_from

PRESET, AREA = "claim_true", "employment"
# how often each of the three is typed wrongly: two of them are right for 88 and 92 in a hundred
WRONG = {"low": 0.215, "mid": 0.17, "high": 0.17}
# two of the three agree; the date of birth and another; both others; all three
MINIMUMS = (12.0, 17.0, 20.0, 30.0)
AUDITED = 400
GROUPS = {"overall": "all", "low": "low", "low_minus_high": "low minus high"}
RECORD, PAIRS = "record_id", "pairs"


@dataclass(frozen=True)
class Planted:
    """A service whose records have lost their ids, and what only the generator knows.

    Attributes
    ----------
    plan : Plan
        Links by the table of pairs.
    frames : mapping of str to pandas.DataFrame
        Sources as text; `pairs` holds the candidates.
    owners : pandas.Series
        The client of each record, by record id.
    truth : mapping of str to float
        Risk difference for one SD of the score: overall, by band, low minus high.
    """

    plan: Plan
    frames: Mapping[str, pd.DataFrame]
    owners: pd.Series
    truth: Mapping[str, float]


def plant(seed: int, *, practitioners: int = 10, wrong: Mapping[str, float] = WRONG) -> Planted:
    """Draw a service, and link its records by what was typed.

    Parameters
    ----------
    seed : int
    practitioners : int
        In each of 24 services.
    wrong : mapping of str to float
        By confidence band, how often each of the three identifiers is typed wrongly.
    """
    parameters = replace(
        preset_parameters(PRESET, areas=(AREA,), services=24, practitioners=practitioners),
        link_sensitivity=(1.0, 1.0, 1.0),
        key_error_share=0.0,
    )
    service = simulate_parameters(parameters, seed=seed, name=PRESET)
    made = extracts(service, faults=False).frames[AREA]
    texts = {name: made[name] for name in preset_plan(PRESET, AREA).sources}
    rng = np.random.default_rng([seed, 1])
    records = service.frames["outcomes"].reset_index(drop=True)
    number = np.arange(len(records)).astype("str")
    ids = pd.Series(np.char.add("r", np.char.zfill(number, 7)))
    typed = _typed(records, _bands(service), wrong, rng).assign(**{RECORD: ids})
    client = preset_plan(PRESET, AREA).ids.client.column
    texts["outcomes"] = texts["outcomes"].drop(columns=client).assign(**{RECORD: ids.to_numpy()})
    pairs = candidates(service.frames["clients"], typed, parameters, wrong)
    texts[PAIRS] = pairs.rename(columns={"client_id": client}).astype("str")
    owners = pd.Series(records["client_id"].to_numpy(), index=ids.to_numpy())
    known = superpopulation(parameters).estimands[PRESETS[PRESET].target]["per_sd_score"]
    return Planted(_plan(), texts, owners, known)


def candidates(
    clients: pd.DataFrame, typed: pd.DataFrame, parameters: Parameters, wrong: Mapping[str, float]
) -> pd.DataFrame:
    """Pairs that agree in the date of birth, or in surname and postcode, with their weight.

    The weight is the sum of log2(m/u) over identifiers that agree and log2((1-m)/(1-u)) over those
    that do not, m from how often they are typed wrongly and u from how common each value is.

    References
    ----------
    Fellegi and Sunter (1969), Journal of the American Statistical Association 64, section 2.
    """
    keys = ("surname", "born_on", "postcode")
    shares = [share for _, share in zip(parameters.bands, wrong.values(), strict=True)]
    m = 1 - float(np.mean(shares))
    blocks = [
        clients.merge(typed, on=list(on), suffixes=("", "_typed"))
        for on in (("born_on",), ("surname", "postcode"))
    ]
    found = pd.concat([block[["client_id", RECORD]] for block in blocks]).drop_duplicates()
    both = found.merge(clients[["client_id", *keys]], on="client_id").merge(
        typed[[RECORD, *keys]], on=RECORD, suffixes=("", "_typed")
    )
    weight = np.zeros(len(both))
    for key in keys:
        u = both[key].map(clients[key].value_counts(normalize=True)).to_numpy(dtype="float64")
        agrees = (both[key] == both[f"{key}_typed"]).to_numpy()
        weight += np.where(agrees, np.log2(m / u), np.log2((1 - m) / (1 - u)))
    return both[["client_id", RECORD]].assign(weight=weight.round(4))


def replicate(seed: int) -> list[dict[str, object]]:
    """One service: its effect by ids, by each least weight, and with missed outcomes counted."""
    planted = plant(seed)
    whole, typed = with_ids(planted), _read(planted.plan, planted.frames)
    lines = _lines(seed, planted, "every record by its id", whole, None)
    for minimum in MINIMUMS:
        prepared = prepared_from(with_minimum(planted.plan, "outcomes", minimum), typed)
        audit = audited(whole, prepared, np.random.default_rng([seed, 2]))
        lines += _lines(seed, planted, f"weight {minimum:g} or more", prepared, audit)
    return lines


def with_ids(planted: Planted) -> Prepared:
    """As if every record had kept its id: the best that any link could do."""
    client = planted.plan.ids.client.column
    owned = planted.owners.rename(client).rename_axis(RECORD).reset_index().assign(weight="50")
    plan = planted.plan
    return prepared_from(plan, _read(plan, {**planted.frames, PAIRS: owned}))


def _read(plan: Plan, frames: Mapping[str, pd.DataFrame]) -> dict[str, Dataset]:
    return type_tables(plan, read_text_tables(plan, folder=Path(), frames=frames))


def audited(
    whole: Prepared, linked: Prepared, rng: np.random.Generator, size: int = AUDITED
) -> dict[str, tuple[int, int]]:
    """Look for the records of some clients known to have had the outcome: found, and looked for."""
    outcome = linked.plan.models[linked.plan.primary].outcome
    real = whole.linked.frame.set_index("client")[outcome]
    seen = linked.linked.frame.set_index("client")[outcome]
    bands = linked.bands.reindex(real.index)
    counts = {}
    for band in linked.plan.equity.bands:
        known = real.index[(real == 1) & (bands == band)]
        some = rng.permutation(len(known))[:size]
        counts[band] = (int((seen.reindex(known[some]) == 1).sum()), len(some))
    return counts


def effects(
    prepared: Prepared, audit: Mapping[str, tuple[int, int]] | None = None, seed: int = 0
) -> pd.DataFrame:
    """Risk differences for one SD: overall, by band and low minus high; missed ones counted in."""
    plan, model = prepared.plan, prepared.plan.models[prepared.plan.primary]
    rows = with_bands(plan, prepared.primary_rows).frame
    rows = rows[rows[BAND].notna()]
    formula = build_formula(plan, model, modifier=f"C({BAND})")
    if audit is None:
        fits: ModelFit | tuple[ModelFit, ...] = fit_logit(formula, rows, cluster="practitioner")
    else:
        recall = {band: Recall.audited(found, of) for band, (found, of) in audit.items()}
        rng = np.random.default_rng([seed, 3])
        fits = fit_missed(formula, rows, cluster="practitioner", recall=recall, by=BAND, rng=rng)
    unit = per_sd(rows[model.exposure])
    tables = [
        average_effect(fits, model.exposure, contrast=unit),
        average_effect(fits, model.exposure, contrast=unit, by=BAND, reference="high"),
    ]
    return pd.concat([table.frame for table in tables])


def _lines(
    seed: int,
    planted: Planted,
    link: str,
    prepared: Prepared,
    audit: Mapping[str, tuple[int, int]] | None,
) -> list[dict[str, object]]:
    lines = []
    for way, counts in (("as found", None), ("missed counted", audit)):
        if way != "as found" and audit is None:
            continue
        frame = effects(prepared, counts, seed)
        for name, group in (
            ("overall", "all"),
            ("low", "low"),
            ("low_minus_high", "low minus high"),
        ):
            row = frame[frame["group"] == group].iloc[0]
            truth = planted.truth[name]
            lines.append(
                {
                    "seed": seed,
                    "link": link,
                    "way": way,
                    "effect": name,
                    "truth": truth,
                    "estimate": row["estimate"],
                    "covered": bool(row["conf_low"] <= truth <= row["conf_high"]),
                    "clients": int(frame["n_clients"].iloc[0]),
                    "recall": np.nan if audit is None else _share(audit, tuple(audit)),
                    "recall_low": np.nan if audit is None else _share(audit, ("low",)),
                }
            )
    return lines


def _share(audit: Mapping[str, tuple[int, int]], bands: Sequence[str]) -> float:
    return sum(audit[band][0] for band in bands) / sum(audit[band][1] for band in bands)


def _plan() -> Plan:
    """The preset's plan, linked by pairs and fitted by a logit, whose misses can be counted."""
    plan = preset_plan(PRESET, AREA)
    model = plan.models[plan.primary]
    logit = ModelPlan(
        role="primary",
        outcome=model.outcome,
        exposure=model.exposure,
        covariates=model.covariates,
        estimator="logit",
        covariance="cluster:practitioner",
    )
    table = LinkTable(
        source=PAIRS,
        record=RECORD,
        weight="weight",
        minimum=MINIMUMS[0],
        try_also=MINIMUMS[1:],
    )
    link = Link(rule="table", cardinality="one_to_many", unlinked="no_event", table=table)
    records = plan.sources["outcomes"].model_copy(update={"key": (RECORD,)})
    key = (plan.ids.client.column, RECORD)
    pairs = Source(path="pairs.csv", format="csv", key=key)
    return plan.model_copy(
        update={
            "models": {plan.primary: logit},
            "links": {**plan.links, "outcomes": link},
            "sources": {**plan.sources, "outcomes": records, PAIRS: pairs},
        }
    )


def _bands(service: Service) -> pd.Series:
    """The confidence band of each client, by id."""
    clients = service.frames["clients"]
    items = [name for name in map(str, clients) if name[0] == "c" and name[1:].isdigit()]
    score = clients[items].astype("float64").mean(axis=1)
    names = [name for name, _ in service.parameters.bands]
    edges = [*(low for _, low in service.parameters.bands), np.inf]
    band = pd.cut(score, edges, right=False, labels=names).astype("object")
    return pd.Series(band.to_numpy(), index=clients["client_id"].to_numpy())


def _typed(
    records: pd.DataFrame, bands: pd.Series, wrong: Mapping[str, float], rng: np.random.Generator
) -> pd.DataFrame:
    """The three identifiers of each record as they were typed."""
    share = records["client_id"].map(bands).map(wrong).fillna(max(wrong.values())).to_numpy()
    found = {}
    for key, words in (("surname", SURNAMES), ("postcode", POSTCODES)):
        other = dict(zip(words, mistyped(words)[:, 0], strict=True))
        errs = rng.random(len(records)) < share
        found[key] = records[key].where(~errs, records[key].map(other))
    errs = rng.random(len(records)) < share
    found["born_on"] = records["born_on"].where(~errs, records["born_on"] + pd.Timedelta(days=365))
    return pd.DataFrame(found)


def summary(lines: pd.DataFrame) -> pd.DataFrame:
    """Means over services, and the share of intervals that hold the truth."""
    grouped = lines.groupby(["link", "way", "effect"], sort=False)
    found = grouped.agg(
        services=("seed", "size"),
        clients=("clients", "mean"),
        recall=("recall", "mean"),
        recall_low=("recall_low", "mean"),
        truth=("truth", "mean"),
        estimate=("estimate", "mean"),
        std_error=("estimate", "sem"),
        coverage=("covered", "mean"),
    )
    return found.reset_index()


def written(found: pd.DataFrame, output: Path, command: str) -> None:
    """The table as CSV and Markdown; effects per 100 clients."""
    output.mkdir(parents=True, exist_ok=True)
    found.round(5).to_csv(output / "table.csv", index=False)
    rows = [
        f"| {row['link']} | {row['way']} | {str(row['effect']).replace('_', ' ')} "
        f"| {_plain(row['recall'])} | {_plain(row['recall_low'])} | {100 * row['truth']:.2f} "
        f"| {100 * row['estimate']:.2f} ({100 * row['std_error']:.2f}) | {row['coverage']:.3f} |"
        for _, row in found.iterrows()
    ]
    lines = [
        "# Missed links, and what counting them brings back",
        "",
        f"    {command}",
        "",
        f"{int(found['services'].iloc[0])} made-up services, some {found['clients'].mean():,.0f} "
        "clients analysed in each, whose outcome records are linked by surname, date of",
        f"birth and postcode as typed, each wrong for {WRONG['low']:.1%} of the records of "
        f"clients of low confidence and {WRONG['high']:.1%} of the others'.",
        "A client without a linked record counts as one without the outcome. Recall: of up to "
        f"{AUDITED} clients in each band known to",
        "have had the outcome, the share whose record was linked; the correction is given these "
        "counts and nothing else.",
        "Effects: per 100 clients, for one standard deviation of the score, by a logit with "
        "intervals robust to practitioners;",
        "beside an estimate the Monte Carlo error of its mean.",
        "",
        "| link | outcomes | effect | recall | recall, low | truth | estimate | coverage of 95% |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]
    (output / "table.md").write_text("\n".join(lines), encoding="utf-8")


def _plain(share: float) -> str:
    return "" if np.isnan(share) else f"{share:.3f}"


def main() -> None:
    """Run the replicates and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m deepvalue_stats.bench.linkage_error",
        description="Missed links in made-up services, and what counting them brings back.",
    )
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("reports/linkage_error"))
    told = parser.parse_args()
    work = Parallel(n_jobs=told.workers, return_as="generator")
    runs = work(delayed(replicate)(seed) for seed in range(1, told.replicates + 1))
    lines = pd.DataFrame([line for lines in runs for line in lines])
    command = f"python -m deepvalue_stats.bench.linkage_error --replicates {told.replicates}"
    written(summary(lines), told.output, command)


if __name__ == "__main__":
    main()
