"""The rule table as a page that a commissioner can read: docs/verdict_rules.md is this text."""

from __future__ import annotations

from collections.abc import Iterable

from deepvalue_stats.verdicts.gates import OF_BASIS, OF_EVIDENCE, TESTED, Rule
from deepvalue_stats.verdicts.rules import CEILINGS, LADDER, PROVISOS, STATEMENTS, VERBS

_OPENING = """\
# How a number becomes a sentence

No word of a verdict is chosen by the person who writes a report. Each claim has an answer, which
comes from its interval; a verb, which comes from the design and the gates; and a sentence, which
comes from both. This page is written by the program from the rules that it follows.

D is the smallest difference worth having, in outcomes per client for one standard deviation of the
relationship. The plan declares it before the data are seen. A difference above zero is a benefit.
"""

_ANSWERS = """\
## Answers, in this order

The first line that fits is the answer.

| | if | then |
|---|---|---|
| 1 | a gate blocks, or the model has no numbers | cannot be tested here |
| 2 | the 90% interval lies inside -D to D | no worthwhile effect |
| 3 | the 95% interval lies above zero | supported |
| 4 | the 95% interval lies below zero | harm |
| 5 | the 90% interval ends below D: a worthwhile gain is ruled out, a loss is not | not supported |
| 6 | otherwise | inconclusive |

Line 2 is two one-sided tests at 5% (Schuirmann 1987). A sentence with the answer "no worthwhile
effect" still gives the difference with its sign.

- In a confirmatory study "supported" and "harm" have to survive Holm's correction over the
  family of the plan; otherwise the answer is "inconclusive". A study is confirmatory only while the
  locked digest is that of its plan.
- C2 and C3 have no "harm" in them: where line 4 fits they are "not supported".
- C4 is "supported" if the 90% interval of every pair of areas lies inside -D to D; "not supported"
  if some pair's does not and its p-value, adjusted where it was, is below 0.05; otherwise
  "inconclusive". That areas were not shown to differ does not make them alike.
- Where disclosure control hides the estimate, the answer is "withheld".
- An inconclusive sentence says how many practitioners and clients would tell: those at hand times
  (2.80 SE / D) squared, which finds a difference of D four times in five. To rule it out where
  there is none takes (2.93 SE / D) squared, about a tenth more.
"""

_GATES = """\
## Gates

A gate is a question to the design, the data or the fit. A note tells the reader and changes
nothing. A cap leaves the estimate and the answer, and holds the verb down. A block leaves no
estimate. A question that does not arise, or that nobody could look into, is not on the page.
"""

_ON = """\
## What each claim rests on

| claim | in words | rests on |
|---|---|---|
"""
_RESTS = {
    "C1": "the difference in the chance of the outcome for one standard deviation of the "
    "relationship, in the primary model; its part within practitioners or clients where the plan "
    "takes it apart",
    "C2": "that difference at the lowest band of confidence, less that at the reference band, on "
    "the scale of chances",
    "C3": "the difference among clients below the neutral point that the plan declares, from a "
    "model with a slope of its own there. Whether a poor relationship is worse than none is never "
    "answered: nobody without one is compared",
    "C4": "the differences between every two service areas, from one model",
    "C5": "nothing yet: cannot be tested here",
    "C6": "nothing yet: cannot be tested here",
    "C7": "nothing yet: cannot be tested here",
    "C8": "nothing yet: cannot be tested here",
}

_IMPOSSIBLE = """\
## What cannot happen here

| mistake | cannot happen here, because |
|---|---|
| time during which the outcome could not have happened counts as follow-up | the landmark parts the window of ratings from that of outcomes, and a client with the outcome before it leaves |
| a rating given after the outcome is used | such rows leave before anything is fitted, and the flow counts them |
| a dummy for every client in a logit | no formula takes one; change within clients comes from the split in parts within and between |
| interaction on one scale only | both scales are always computed, and a verdict is on that of chances |
| relative excess risk worked out from ratios of odds | it is worked out from chances |
| "here but not there" | a band, or an area, has no p-value of its own; only the difference is tested |
| ratios of odds from two models side by side | tables compare differences in chances, averaged over clients |
| "not shown" read as "none" | only an interval inside -D to D gives "no worthwhile effect" |
| a change in score compared between bands of confidence | outcomes are compared, adjusted for where a client began, never changes |
| a table that ranks named staff | no table has a row for a practitioner |
| a single person told from a small cell | every number passes disclosure control on its way out, and there is no other way |
"""  # noqa: E501  a row of a table is one line


def rules_page() -> str:
    """Write the rules by which verdicts are worded.

    Returns
    -------
    str
        Markdown.
    """
    return "\n".join([_OPENING, _ANSWERS, _verbs(), _gates(), _claims(), _IMPOSSIBLE])


def _verbs() -> str:
    said = {"landmark": "ratings before a landmark, outcomes after it",
            "next_wave": "ratings at one wave, the outcome at the next",
            "same_wave": "rating and outcome at the same interview"}  # fmt: skip
    rows = [
        f"| {said[design]} | {verb} | {PROVISOS[design] or 'nothing'} |"
        for design, verb in reversed(list(VERBS.items()))
    ]
    ladder = " < ".join(f'"{verb}"' for verb in LADDER)
    lowest = [name for name, verb in CEILINGS.items() if verb == LADDER[0]]
    lines = [
        "## Verbs",
        "",
        f"From the weakest to the strongest: {ladder}. No design here earns a verb that says what "
        "brings about what.",
        "",
        "| design | strongest verb | said beside it |",
        "|---|---|---|",
        *rows,
        "",
        f"A cap of {' or '.join(f'`{name}`' for name in lowest)} brings the verb down to "
        f'"{LADDER[0]}". Every other cap leaves "{LADDER[-1]}" at the most.',
        "",
    ]
    return "\n".join(lines)


def _gates() -> str:
    rules = [(ask.__name__, rule) for ask, rule in OF_EVIDENCE]
    rules += [(ask.__name__, rule) for ask, rule in OF_BASIS]
    lines = ["| gate | question | passes | note | cap | block | claims |", "|---" * 7 + "|"]
    lines += [_row([f"`{name}`", *_cells(rule)]) for name, rule in rules]
    return "\n".join([_GATES, *lines, ""])


def _cells(rule: Rule) -> list[str]:
    claims = "C1 to C4" if rule.claims == TESTED else ", ".join(rule.claims)
    return [rule.question, rule.passes, rule.notes, rule.caps, rule.blocks, claims]


def _claims() -> str:
    rows = [_row([claim, said, _RESTS[claim]]) for claim, said in STATEMENTS.items()]
    return _ON + "\n".join([*rows, ""])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell or "-" for cell in cells) + " |"
