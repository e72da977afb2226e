"""What a study says of a claim: the answer, the gates it passed, and the strongest verb allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from deepvalue_stats.tables import Phrase

Answer = Literal[
    "supported",
    "no worthwhile effect",
    "harm",
    "not supported",
    "inconclusive",
    "cannot be tested here",
    "withheld",
]
Outcome = Literal["pass", "note", "cap", "block"]


@dataclass(frozen=True)
class Gate:
    """One question put to the design or the fit.

    Attributes
    ----------
    name : str
        Key of the rule.
    question : str
        As a commissioner would ask it.
    outcome : str
        pass; note: a reader has to know it, and nothing else follows; cap: the estimate is shown
        and the verb is held down; block: no estimate.
    answer : Phrase
        What was found, in a sentence.
    """

    name: str
    question: str
    outcome: Outcome
    answer: Phrase


@dataclass(frozen=True)
class Verdict:
    """The answer to one claim.

    Attributes
    ----------
    claim : str
        C1 to C8.
    statement : str
        The claim in plain words.
    answer : str
        One of the fixed answers; `withheld` where disclosure control hid what it rests on.
    verb : str
        The strongest verb that design and gates allow.
    sentence : Phrase
        What a board paper may say.
    gates : tuple of Gate
    rests_on : mapping
        The effect rows that decide, by column and value: one row, or every pair of areas for C4;
        empty where no row could be made.
    """

    claim: str
    statement: str
    answer: Answer
    verb: str
    sentence: Phrase
    gates: tuple[Gate, ...]
    rests_on: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wording:
    """What a reader may and may not take from the page, chosen by rule from the evidence."""

    can_say: tuple[Phrase, ...]
    cannot_say: tuple[Phrase, ...]
