"""What the files of a panel hold: words for the data dictionary."""

from __future__ import annotations

from collections.abc import Mapping

from deepvalue_stats.simulate.extracts import CONFIDENCE_ITEMS, RATING_ITEMS
from deepvalue_stats.simulate.families.records import LEAVING

FAMILY_ROWS: Mapping[str, str] = {
    "interviews": "an interview of a family; who was not interviewed at a wave has no row",
    "families": "a family, as it was at the interview before advice",
    "advisers": "an adviser who held a post while the study ran",
}
_ID = {
    "family_id": ("text", "the family", "8 digits"),
    "adviser_id": ("text", "the adviser", "P and 3 digits"),
    "branch_id": ("text", "the branch", "S and 2 digits"),
}
_RATINGS = {
    name: ("whole number", "items of the relationship scale, none before advice", "1 to 5")
    for name in RATING_ITEMS
}
_CONFIDENCE = {
    name: ("whole number", "items of the confidence scale", "1 to 4") for name in CONFIDENCE_ITEMS
}
# by file and column, in the order of the file: type, meaning, allowed values
FAMILY_COLUMNS: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "interviews": {
        "family_id": _ID["family_id"],
        "wave": ("whole number", "years since the family asked for advice", "0 (before) to 5"),
        "interviewed_on": ("date", "day of the interview", ""),
        "adviser_id": (
            "text",
            "the adviser of the time; at wave 0 who then took the family on, of a closed case who "
            "closed it",
            "P and 3 digits",
        ),
        "branch_id": _ID["branch_id"],
        **_RATINGS,
        "in_control": ("whole number", "keeps up with all bills and debts", "0 or 1"),
        "resolved": ("whole number", "all debts sorted", "0 or 1"),
        "worries": ("whole number", "money worries", "0 (none) to 10"),
        "income_lost": ("whole number", "lost income in the year", "0 or 1"),
        "adviser_changed": (
            "text",
            "why the adviser is another than at the last interview: outside (the adviser left), "
            "own (the family asked, or the adviser decided); of a closed case outside says that "
            "who closed it has left",
            "none, outside, own",
        ),
        "case_closed": ("whole number", "the case is closed, and nobody advises", "0 or 1"),
    },
    "families": {
        "family_id": _ID["family_id"],
        "entry_year": ("whole number", "year of the interview before advice", "2014 to 2016"),
        **_CONFIDENCE,
        "age": ("whole number", "age in years of who is interviewed", "18 to 70"),
        "children": ("whole number", "children in the household", "0 to 6"),
        "tenure": ("text", "tenure of the home", "owner, private_rent, social_rent"),
        "creditors": ("whole number", "creditors", "1 to 40"),
        "arrears": ("whole number", "priority bills in arrears", "0 to 6"),
    },
    "advisers": {
        "adviser_id": _ID["adviser_id"],
        "branch_id": _ID["branch_id"],
        "started_on": ("date", "first day in post", ""),
        "left_on": ("date", "last day in post, empty for who stays", ""),
        "left_reason": (
            "text",
            "why the adviser left, never for anything about a family",
            f"{', '.join(LEAVING)}, or empty",
        ),
        "families": ("whole number", "families interviewed while with the adviser", "0 or more"),
    },
}
