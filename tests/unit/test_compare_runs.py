"""What is said of two runs: sentences, causes, and what is refused."""

from dataclasses import replace
from types import MappingProxyType

import pytest

from deepvalue_stats.errors import DataError
from deepvalue_stats.report.compare import Change, Comparison, Moved, compare, in_short, step, why
from deepvalue_stats.report.numbers import Estimate

NOTHING = Comparison("jobs", (("C1", "supported", "supported"),), (), 0, (), ())
TURNED = replace(NOTHING, verdicts=(("C1", "supported", "unclear"),))


def one(value, status="ok"):
    return Estimate("all", value, value - 2, value + 2, 30.0, "100", "100", "9", status)


def changed(*causes):
    return tuple(Change(cause, cause, "a", "b") for cause in causes)


@pytest.mark.parametrize(
    ("earlier", "later", "said"),
    [
        (one(5), one(6.5), "1.5 higher per 100 clients, inside the earlier interval"),
        (one(5), one(2), "3.0 lower per 100 clients, outside the earlier interval"),
        (one(5), one(5.01), "moved by less than 0.1 per 100 clients"),
        (None, one(5), "only in the later run"),
        (one(5), None, "only in the earlier run"),
        (one(5), one(5, "suppressed"), "no longer published or estimated"),
        (one(5, "suppressed"), one(5), "published now"),
        (one(5, "suppressed"), one(5, "not_converged"), "in neither run"),
    ],
)
def test_one_effect_in_words(earlier, later, said):
    assert step(Moved("main", earlier, later)) == said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (NOTHING, "Nothing that is recorded changed."),
        (replace(NOTHING, changes=changed("data")),
         "Only what is recorded changed (the data): no figure moved."),
        (TURNED, "Nothing that is recorded changed, and yet figures moved: run both again on one "
                 "machine before either is used."),
        (replace(TURNED, changes=changed("code", "code")),
         "Of what is recorded, only the code or a library changed: what moved comes from there."),
        (replace(TURNED, changes=changed("seed", "data", "plan")),
         "The data, the plan and the seed changed at once: which of them moved a figure cannot be "
         "told apart. Run the study again with one of them changed at a time."),
    ],
)  # fmt: skip
def test_why(found, said):
    assert why(found) == said


def test_in_short():
    assert in_short(NOTHING) == [
        "Nothing changed: data, plan, code and seed are the same, and so is every figure."
    ]
    assert in_short(replace(TURNED, changes=changed("data")))[:2] == [
        "Verdicts that moved: C1 from supported to unclear.",
        "No difference in risk moved.",
    ]


class Run:
    """As much of findings as names a study."""

    def __init__(self, name):
        self.study = MappingProxyType({"name": name})


def test_two_studies_are_refused():
    with pytest.raises(DataError) as refused:
        compare(Run("jobs"), Run("debts"))
    assert str(refused.value) == (
        "DataError: these are two studies, 'jobs' and 'debts'\n"
        "  where: compare\n"
        "  fix:   name two runs of one study"
    )
