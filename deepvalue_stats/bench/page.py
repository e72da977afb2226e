"""The scoreboard as files: tables, a picture, and a page whose words follow from the numbers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepvalue_stats.bench.estimators import ESTIMATORS
from deepvalue_stats.bench.judging import ANSWERS, FLAGS
from deepvalue_stats.bench.running import BenchResults
from deepvalue_stats.bench.samples import bench_parameters
from deepvalue_stats.bench.scoring import (
    CASE,
    HIGHEST,
    LOWEST,
    NAIVE,
    PRIMARY,
    preset_table,
    score_estimates,
    score_verdicts,
)
from deepvalue_stats.report.bench_figure import bench_figure
from deepvalue_stats.simulate import PRESETS, Preset

FALSE_SUPPORTED = 0.05
"""How often a claim that is not true may be called supported."""
# an interval is called wrong, and a verdict false, beyond so many Monte Carlo errors
ERRORS = 3
NOTICEABLE = 0.005
"""A bias that matters: a quarter of the smallest worthwhile difference of the plans."""
HONEST = "claim_true"
"""The service in which nothing is wrong and the claim is true."""
BY_BAND = ("bands", "low_minus_high")
COMMAND = "python -m deepvalue_stats.bench"
DIGITS = "%.6g"
# estimands that are no differences of chances
RATIOS = ("ratio_of_risk_ratios", "relative_excess_risk", "attributable_proportion")


def write_scoreboard(results: BenchResults, folder: Path) -> tuple[Path, ...]:
    """Write the scoreboard; equal results give equal bytes.

    Parameters
    ----------
    results : BenchResults
    folder : Path
        Made; files of the same name are replaced, others stay.

    Returns
    -------
    tuple of Path
        scoreboard.csv, verdicts.csv, presets.csv, scoreboard.svg and scoreboard.md.
    """
    scores = score_estimates(results.estimates, results.truths)
    verdicts = score_verdicts(results.verdicts)
    presets = preset_table(results.estimates, results.truths, results.verdicts)
    texts = {
        "scoreboard.csv": _csv(scores),
        "verdicts.csv": _csv(verdicts),
        "presets.csv": _csv(presets),
        "scoreboard.svg": bench_figure(figure_frame(scores)) + "\n",
        "scoreboard.md": "\n".join(page(scores, verdicts, presets)) + "\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        staged = folder / f".{name}.part"
        staged.write_text(text, encoding="utf-8", newline="\n")
        os.replace(staged, folder / name)
    return tuple(folder / name for name in texts)


def _csv(frame: pd.DataFrame) -> str:
    return str(frame.to_csv(index=False, float_format=DIGITS, lineterminator="\n"))


def figure_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """The data of the picture: one row a preset and area."""
    rows = []
    for preset, area in _cases(scores):
        row: dict[str, Any] = {"label": _label(preset, area)}
        for name, which in (("naive", NAIVE), ("package", PRIMARY)):
            found = _row(scores, preset, area, which)
            row["truth"] = 100 * found["truth"]
            row |= {f"{name}_{q}": 100 * found[q] for q in ("q05", "median", "q95")}
            row[f"{name}_coverage"] = found["coverage"]
        rows.append(row)
    return pd.DataFrame(rows)


def page(scores: pd.DataFrame, verdicts: pd.DataFrame, presets: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from _opening(presets)
    yield from _glance(scores, verdicts)
    yield from _gated(scores)
    yield from _false_supported(verdicts)
    yield "## Service by service"
    yield ""
    for name in presets["preset"]:
        yield from _section(PRESETS[str(name)], scores, verdicts, presets)
    yield from _register()


def _opening(presets: pd.DataFrame) -> Iterator[str]:
    yield "# Does the package tell truth from bias?"
    yield ""
    yield (
        f"Each of the services below was made up {_times(presets)}, with the truth known exactly "
        "from the generator's own potential outcomes. A hurried analysis and this package's "
        "estimators were run on each, and the package's verdicts were asked. Every sentence here "
        f"is chosen by rule from the numbers. Made by `{COMMAND}`."
    )
    yield ""
    yield (
        "Effects are in clients per 100 more with a good outcome, for a relationship one standard "
        "deviation better on the score as observed (of all clients there could be, so that the "
        "unit is the same in every replicate; the hurried analysis uses its own). The truth it is "
        "held to moves the true relationship by as much as goes with that step of the score. "
        "Numbers in brackets are Monte Carlo standard errors."
    )
    yield ""
    yield "![Estimates beside the truth, as in the table below](scoreboard.svg)"
    yield ""


def _times(presets: pd.DataFrame) -> str:
    """How often, and which services less often, whose areas count as services of their own."""
    most = int(presets["replicates"].max())
    fewer = presets[presets["replicates"] < most]
    counts = zip(fewer["preset"], fewer["replicates"], strict=True)
    said = [f"`{name}` {int(number):,}" for name, number in counts]
    return f"{most:,} times" + (f" (fewer of some: {', '.join(said)})" if said else "")


def _glance(scores: pd.DataFrame, verdicts: pd.DataFrame) -> Iterator[str]:
    yield "## At a glance"
    yield ""
    yield from _table_head(
        "service", "truth", "hurried: mean", "holds truth", "package: mean", "holds truth",
        "C1 supported", "most frequent answer to C1", "expected flag",
    )  # fmt: skip
    for preset, area in _cases(scores):
        naive, mine = (_row(scores, preset, area, which) for which in (NAIVE, PRIMARY))
        said = _verdict(verdicts, preset, area)
        yield _line(
            _label(preset, area), _per100(mine["truth"]), _per100(naive["mean"]),
            _percent(naive["coverage"]), _per100(mine["mean"]), _percent(mine["coverage"]),
            _percent(said["c1_supported"]), _most_frequent(said, "c1"), _flag_cell(said),
        )  # fmt: skip
    yield ""


def _gated(scores: pd.DataFrame) -> Iterator[str]:
    """The estimators that should be right, with a score without error."""
    held = scores[(scores["score"] == "error_free") & scores["truth"].notna()]
    if held.empty:
        return
    met = held["coverage"].between(LOWEST, HIGHEST)
    yield "## Where nothing is wrong, are the estimators right?"
    yield ""
    yield (
        f"With a score without error, intervals of 95% should hold the truth in {LOWEST} to "
        f"{HIGHEST} of all services: {int(met.sum())} of {len(met)} do. Each row is held to its "
        "own truth; log odds are for a given practitioner."
    )
    yield ""
    yield from _table_head("service", *_COLUMNS, "met")
    for good, (_, row) in zip(met, held.iterrows(), strict=True):
        yield _line(str(row["preset"]), *_cells(row), "yes" if good else "**no**")
    yield ""


def _false_supported(verdicts: pd.DataFrame) -> Iterator[str]:
    wrong = verdicts[verdicts["c1_false"].notna()]
    if wrong.empty:
        return
    yield '## How often is a claim "supported" that is not true?'
    yield ""
    yield (
        f"At most {FALSE_SUPPORTED:.0%} is wanted. A cause that nobody measured cannot be seen by "
        "any method that adjusts for what was measured: there, the error that counts is a sentence "
        "that claims a cause."
    )
    yield ""
    heads = ("C1", "C2", "C3", "any claim, by Holm")
    yield from _table_head("service", "truth", *heads, "met", "a cause claimed")
    for _, row in wrong.iterrows():
        keys = ("c1", "c2", "c3", "study")
        shares = [(row[f"{key}_false"], row[f"{key}_false_error"]) for key in keys]
        met = all(
            np.isnan(share) or share <= FALSE_SUPPORTED + ERRORS * error for share, error in shares
        )
        cells = ("true" if np.isnan(share) else f"{share:.3f} ({error:.3f})"
                 for share, error in shares)  # fmt: skip
        label, truth = _label(row["preset"], row["area"]), PRESETS[row["preset"]].truth
        yield _line(label, truth, *cells, "yes" if met else "**no**", _percent(row["causal"]))
    yield ""


def _section(
    preset: Preset, scores: pd.DataFrame, verdicts: pd.DataFrame, presets: pd.DataFrame
) -> Iterator[str]:
    yield f"### {preset.title} (`{preset.name}`)"
    yield ""
    yield f"**What happened.** {preset.story}"
    yield ""
    yield f"**A hurried analysis** {preset.naive}"
    yield from _by_area(_naive_words(row) for row in _rows(scores, preset.name, NAIVE))
    yield "**This package.**"
    areas = verdicts[verdicts["preset"] == preset.name]["area"]
    said = [_verdict(verdicts, preset.name, area) for area in areas]
    mine = list(zip(_rows(scores, preset.name, PRIMARY), said, strict=True))
    yield from _by_area(_package_words(row, one) for row, one in mine)
    if preset.flag == "assignment":
        yield _warned(preset.name, presets)
        yield ""
    yield "**Where it stands.**"
    bands = _rows(scores, preset.name, BY_BAND)
    yield from _by_area(
        _standing(preset.flag, row, band, one, verdicts)
        for (row, one), band in zip(mine, bands, strict=True)
    )
    yield from _table_head("area", *_COLUMNS)
    for _, row in scores[(scores["preset"] == preset.name) & scores["truth"].notna()].iterrows():
        yield _line(str(row["area"]), *_cells(row))
    yield ""


def _by_area(sentences: Iterable[str]) -> Iterator[str]:
    """One area's words as a paragraph, several as a list."""
    said = [sentence[0].upper() + sentence[1:] for sentence in sentences]
    yield ""
    yield from said if len(said) == 1 else (f"- {sentence}" for sentence in said)
    yield ""


def _naive_words(row: pd.Series) -> str:
    if pd.isna(row["mean"]):
        return f"{_opened(row)}it gives no estimate."
    return (
        f"{_opened(row)}it says {_per100(row['mean'])} per 100 on average, and the truth is "
        f"{_per100(row['truth'])}. Its intervals hold the truth in {_percent(row['coverage'])} of "
        f"the services; it finds a significant gain in {_percent(row['gain'])} and a significant "
        f"loss in {_percent(row['loss'])}."
    )


def _package_words(row: pd.Series, said: pd.Series) -> str:
    if pd.isna(row["mean"]):
        opening = f"{_opened(row)}no estimate in any of the services."
    else:
        opening = (
            f"{_opened(row)}{_per100(row['mean'])} per 100 on average, off by "
            f"{_per100(row['bias'])} ({100 * row['bias_error']:.2f}); intervals hold the truth in "
            f"{_percent(row['coverage'])}."
        )
        if row["refused"] > 0:
            opening += f" No estimate in {_percent(row['refused'])}."
    told = (f"{claim.upper()}: {_answers(said, claim)}." for claim in ("c1", "c2", "c3"))
    return " ".join([opening, *told])


def _answers(said: pd.Series, claim: str) -> str:
    shares = {answer: said[f"{claim}_{answer.replace(' ', '_')}"] for answer in ANSWERS}
    order = sorted((answer for answer in ANSWERS if shares[answer] > 0), key=lambda a: -shares[a])
    return ", ".join(f"{answer} {_percent(shares[answer])}" for answer in order)


def _standing(
    flag: str, row: pd.Series, bands: pd.Series, said: pd.Series, verdicts: pd.DataFrame
) -> str:
    """Whether the package is defeated, and whether it says so itself."""
    faults = [*_wrong(row, said), *_wrong_by_band(bands, said)]
    held_back = row["refused"] > FALSE_SUPPORTED
    if held_back:
        faults.append(f"it gives no estimate in {_percent(row['refused'])}")
    warned = _warning(flag, said, verdicts)
    if not faults:
        return f"{_opened(row)}right as far as its one number goes. {warned}".strip()
    verb = "holds back" if held_back and len(faults) == 1 else "is defeated here"
    return f"{_opened(row)}the package {verb}: {'; '.join(faults)}. {warned}".strip()


def _wrong(row: pd.Series, said: pd.Series) -> Iterator[str]:
    if said["c1_false"] > FALSE_SUPPORTED + ERRORS * said["c1_false_error"]:
        share = _percent(said["c1_false"])
        yield f'it calls C1 "supported" in {share} of the services, and C1 is not true'
    if row["coverage"] + ERRORS * row["coverage_error"] < LOWEST:
        yield f"its intervals hold the truth in {_percent(row['coverage'])} only"
    elif abs(row["bias"]) > max(NOTICEABLE, ERRORS * row["bias_error"]):
        yield f"it is off by {_per100(row['bias'])} per 100 on average"


def _wrong_by_band(bands: pd.Series, said: pd.Series) -> Iterator[str]:
    share = said["c2_supported"]
    error = np.sqrt(share * (1 - share) / said["replicates"])
    if bands["truth"] <= 0 and share > FALSE_SUPPORTED + ERRORS * error:
        yield f'it calls C2 "supported" in {_percent(share)}, and C2 is not true'
    if bands["coverage"] + ERRORS * bands["coverage_error"] < LOWEST:
        yield (
            "its intervals for low minus high confidence hold the truth in "
            f"{_percent(bands['coverage'])} only"
        )
    elif abs(bands["bias"]) > max(NOTICEABLE, ERRORS * bands["bias_error"]):
        yield f"its difference low minus high is off by {_per100(bands['bias'])} per 100"


def _warning(flag: str, said: pd.Series, verdicts: pd.DataFrame) -> str:
    if not flag:
        return ""
    if flag not in FLAGS:
        return f"No flag speaks: the package has none for this yet ({flag})."
    words = f"The flag `{flag}` fires in {_percent(said['flagged'])} of the services"
    honest = verdicts[verdicts["preset"] == HONEST]
    if honest.empty:
        return f"{words}."
    # a warning that is given everywhere tells no service from another
    return f"{words}, and in {_percent(honest[f'fires_{flag}'].item())} where nothing is wrong."


def _warned(name: str, presets: pd.DataFrame) -> str:
    rows = {str(row["preset"]): row for row in presets.to_dict("records")}
    mine = rows[name]
    text = (
        f"How far it warns: the E-value is {mine['e_value']:.2f} on average "
        f"({mine['e_value_limit']:.2f} at the limit nearer to 1). "
        f"Leaving out the strongest measured covariate ({_spoken(mine['benchmark'])}) multiplies "
        f"the risk ratio by {mine['benchmark_factor']:.3f}. "
    )
    if HONEST in rows:
        other = rows[HONEST]
        text += (
            f"Where the claim is true the E-value is {other['e_value']:.2f} "
            f"({other['e_value_limit']:.2f}): the number says how strong a hidden cause would have "
            "to be, and not whether there is one. "
        )
    share = mine["causal_verb"]
    no_verb = "No sentence of the package claims a cause"
    return text + (f"{no_verb}." if share == 0 else f"**{_percent(share)} claim a cause.**")


def _register() -> Iterator[str]:
    yield "## The estimators"
    yield ""
    for estimator in ESTIMATORS.values():
        yield f"- **{estimator.label}**: {estimator.description} Held to: {estimator.held_to}."
    yield ""
    yield (
        "Size is the share of p-values below 0.05 where the truth is nought, power where it is "
        "not. The parts within and between practitioners of a score with error, and its log odds, "
        "have a truth only where the relationship does nothing, and then it is nought; elsewhere "
        "they stand in scoreboard.csv only."
    )


_COLUMNS = (
    "estimator", "score", "estimand", "truth", "mean", "bias", "RMSE", "SE / spread", "coverage",
    "size or power", "no estimate",
)  # fmt: skip


def _cells(row: pd.Series) -> tuple[str, ...]:
    scale = 1.0 if str(row["estimand"]).startswith(("log_odds", *RATIOS)) else 100.0

    def number(name: str, digits: int = 2) -> str:
        if pd.isna(row[name]):
            return "–"
        # a minus before nothing but noughts is noise
        return f"{round(scale * row[name], digits) + 0.0:.{digits}f}"

    def with_error(name: str) -> str:
        return "–" if pd.isna(row[name]) else f"{row[name]:.3f} ({row[f'{name}_error']:.3f})"

    bias = "–" if pd.isna(row["bias"]) else f"{number('bias')} ({number('bias_error')})"
    tested = with_error("rejected")
    return (
        ESTIMATORS[str(row["estimator"])].label,
        _spoken(row["score"]),
        _spoken(row["estimand"]),
        number("truth"),
        number("mean"),
        bias,
        number("rmse"),
        "–" if pd.isna(row["se_over_spread"]) else f"{row['se_over_spread']:.2f}",
        with_error("coverage"),
        f"{row['called']} {tested}" if tested != "–" and row["called"] else "–",
        _percent(row["refused"]),
    )


def _flag_cell(said: pd.Series) -> str:
    if not said["flag"]:
        return "none"
    if said["flag"] not in FLAGS:
        return f"{said['flag']}: no such flag yet"
    return f"{said['flag']}: fires in {_percent(said['flagged'])}"


def _most_frequent(said: pd.Series, claim: str) -> str:
    return max(ANSWERS, key=lambda answer: said[f"{claim}_{answer.replace(' ', '_')}"])


def _cases(scores: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = scores[["preset", "area"]].drop_duplicates()
    return [(str(preset), str(area)) for preset, area in pairs.itertuples(index=False)]


def _label(preset: str, area: str) -> str:
    title = PRESETS[preset].title
    return f"{title}: {area}" if len(bench_parameters(preset).areas) > 1 else title


def _opened(row: pd.Series) -> str:
    several = len(bench_parameters(str(row["preset"])).areas) > 1
    return f"{str(row['area']).capitalize()}: " if several else ""


def _rows(scores: pd.DataFrame, preset: str, which: tuple[str, str]) -> list[pd.Series]:
    areas = [area for name, area in _cases(scores) if name == preset]
    return [_row(scores, preset, area, which) for area in areas]


def _row(scores: pd.DataFrame, preset: str, area: str, which: tuple[str, str]) -> pd.Series:
    place = dict(zip(CASE, (preset, area, "observed", *which), strict=True))
    return _only(scores, place)


def _verdict(verdicts: pd.DataFrame, preset: str, area: str) -> pd.Series:
    return _only(verdicts, {"preset": preset, "area": area})


def _only(frame: pd.DataFrame, place: Mapping[str, str]) -> pd.Series:
    """The one row at a place."""
    fits = (frame[list(place)] == pd.Series(place)).all(axis=1)
    return frame[fits].iloc[0]


def _per100(value: float) -> str:
    if pd.isna(value):
        return "–"
    said = f"{100 * value:+.1f}"
    return "0.0" if said in ("+0.0", "-0.0") else said


def _percent(share: float) -> str:
    if pd.isna(share):
        return "–"
    # neither never nor always, if it is not
    if 0 < share < 0.01:
        return "less than 1%"
    return "more than 99%" if 0.99 < share < 1 else f"{100 * share:.0f}%"


def _spoken(name: str) -> str:
    return str(name).replace("_", " ")


def _table_head(*names: str) -> Iterator[str]:
    yield _line(*names)
    yield _line(*("---" for _ in names))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
