"""What a refusal looks like, and what the command line ends with."""

import pytest

from deepvalue_stats.errors import (
    DataError,
    DeepValueError,
    DisclosureError,
    Fault,
    LinkageError,
    ModelError,
    PlanError,
)


def faults(n):
    return [Fault(f"what {i}", f"where {i}", f"fix {i}") for i in range(1, n + 1)]


def test_one_fault_says_what_where_and_how_to_put_it_right():
    error = DataError("no rows", "source 'jobs'", "extract it again")
    assert str(error) == "DataError: no rows\n  where: source 'jobs'\n  fix:   extract it again"


def test_two_faults_are_numbered():
    assert str(ModelError.of(faults(2))) == (
        "ModelError: 2 problems\n"
        "1. what 1\n"
        "     where: where 1\n"
        "     fix:   fix 1\n"
        "2. what 2\n"
        "     where: where 2\n"
        "     fix:   fix 2"
    )


@pytest.mark.parametrize(("n", "last"), [(10, "     fix:   fix 10"), (11, "... and 1 more")])
def test_the_first_ten_faults_are_shown_and_the_rest_counted(n, last):
    lines = str(PlanError.of(faults(n))).splitlines()
    assert lines[0] == f"PlanError: {n} problems"
    assert lines[-1] == last
    assert "     where: where 10" in lines
    assert "     where: where 11" not in lines


def test_all_faults_are_kept_however_many_are_shown():
    assert PlanError.of(faults(25)).faults == tuple(faults(25))


def test_an_error_of_faults_is_of_the_class_that_was_asked():
    assert type(LinkageError.of(faults(1))) is LinkageError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PlanError, 10),
        (DataError, 11),
        (LinkageError, 12),
        (ModelError, 13),
        (DisclosureError, 14),
    ],
)
def test_every_stage_has_its_exit_code(error, code):
    assert error.exit_code == code
    assert issubclass(error, DeepValueError)


def test_a_refusal_without_a_fix_cannot_be_made():
    with pytest.raises(TypeError):
        DataError("no rows", "source 'jobs'")
