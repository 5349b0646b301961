"""How a run ended: expected errors are told apart from defects by their class, also a subclass, also a cause."""

from __future__ import annotations

from typing import ClassVar

import pytest
from dagster import DagsterInstance, job, op

from tiktok_pipeline.errors import OS_ERROR_CODE, PipelineError
from tiktok_pipeline.orchestration.runs.outcome import UNEXPECTED, Failure, failure_of


class TornFileError(PipelineError):
    """An expected error with a code."""

    code: ClassVar[str] = "torn_file"


class TornScrapeError(TornFileError):
    """A subclass that has no code of its own."""


def failure_from(error: Exception, cause: Exception | None = None) -> Failure:
    """Return the failure of a run whose one step raises ``error`` from ``cause``."""

    @op
    def read() -> None:
        raise error from cause

    @job
    def reading() -> None:
        read()

    with DagsterInstance.ephemeral() as instance:
        result = reading.execute_in_process(instance=instance, raise_on_error=False)
        return failure_of(instance, result.run_id)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TornFileError("a.csv is torn", remedy="deliver it again"), "torn_file"),
        (TornScrapeError("a.csv is torn", remedy="deliver it again"), "torn_file"),
        (PermissionError(13, "Permission denied", "a.csv"), OS_ERROR_CODE),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), OS_ERROR_CODE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_an_expected_error_is_recognized_by_its_class(error: Exception, code: str) -> None:
    failure = failure_from(error)
    assert (failure.step, failure.code, failure.is_expected) == ("read", code, True)
    assert failure.message == str(error)


def test_an_expected_error_is_found_among_the_causes() -> None:
    failure = failure_from(RuntimeError("the step failed"), cause=TornFileError("a.csv is torn"))
    assert failure == Failure("read", "a.csv is torn", "torn_file")


def test_a_defect_is_unexpected_and_has_the_text_of_its_root() -> None:
    failure = failure_from(RuntimeError("the step failed"), cause=ZeroDivisionError("float division by zero"))
    assert failure == Failure("read", "float division by zero", UNEXPECTED, is_expected=False)
