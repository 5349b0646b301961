"""How a run ended, as data for the command line, the failure log and JSON output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    DagsterEventType,
    DagsterExecutionInterruptedError,
    DagsterInstance,
)

from tiktok_pipeline.errors import expected_error_codes
from tiktok_pipeline.orchestration.asset_keys import readable_name
from tiktok_pipeline.safe_text import one_line

BROKEN_CONTRACT, STOPPED, UNEXPECTED = "broken_contract", "stopped", "unexpected"
"""Codes of failures that are not a `PipelineError`: a blocking check, a stop from outside, a defect."""


@dataclass(frozen=True)
class Failure:
    """Why a run failed.

    Attributes
    ----------
    step : str
        The step that failed, or the name of the blocking check.
    message : str
        What is wrong and what to do, in one line.
    code : str
        The code of the `PipelineError`, or one of the codes of this module.
    is_expected : bool
        False for a defect or a broken machine.
    """

    step: str
    message: str
    code: str
    is_expected: bool = True


@dataclass(frozen=True)
class CheckWarning:
    """An asset check that did not pass.

    Attributes
    ----------
    asset : str
        The table, with its study in parentheses.
    check : str
        The name of the check.
    severity : str
        ``warn`` or ``error``.
    summary : str
        What it found, in parentheses.
    """

    asset: str
    check: str
    severity: str
    summary: str

    def __str__(self) -> str:
        """Return the warning in one line."""
        return f"{self.asset}: check {self.check} {self.summary}"


@dataclass(frozen=True)
class Outcome:
    """How the run of one snapshot ended: Dagster's run id, what failed, and the checks that did not pass."""

    run_id: str
    failure: Failure | None = None
    warnings: tuple[CheckWarning, ...] = ()


def check_warnings(evaluations: Iterable[AssetCheckEvaluation]) -> tuple[CheckWarning, ...]:
    """Return the checks that did not pass."""
    return tuple(
        CheckWarning(
            asset=readable_name(evaluation.asset_key),
            check=evaluation.check_name,
            severity=evaluation.severity.value.lower(),
            summary=_summarize(evaluation),
        )
        for evaluation in evaluations
        if not evaluation.passed
    )


def failure_of(instance: DagsterInstance, run_id: str) -> Failure:
    """Return why a run failed, from Dagster's records: a blocking check, the first failed step, or the run itself."""
    evaluations = [
        entry.dagster_event.asset_check_evaluation_data
        for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
        if entry.dagster_event
    ]
    if blocking := [evaluation for evaluation in evaluations if _is_blocking(evaluation)]:
        return Failure(blocking[0].check_name, "; ".join(map(_describe_blocking, blocking)), BROKEN_CONTRACT)
    codes = expected_error_codes()
    for event_type in (DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE):
        for entry in instance.all_logs(run_id, of_type=event_type):
            event = entry.dagster_event
            if event is None:
                continue
            error = event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error
            if error is not None:
                return _failure_from_error(event.step_key or "the start of the run", error, codes)
            if not event.is_step_failure and event.message:
                return Failure("the run", one_line(event.message), UNEXPECTED, is_expected=False)
    return Failure("the run", "the run failed; see it in `tiktok-pipeline ui`", UNEXPECTED, is_expected=False)


def _is_blocking(evaluation: AssetCheckEvaluation) -> bool:
    """Whether the check stopped its run; the other checks of that severity only report."""
    return not evaluation.passed and evaluation.blocking is True and evaluation.severity == AssetCheckSeverity.ERROR


SUMMARY_KEYS = ("why", "drifted", "rejected", "rows", "leaks", "newest")
"""The metadata of a check that its one-line summary shows."""


def _summarize(evaluation: AssetCheckEvaluation) -> str:
    text = "; ".join(f"{name}: {value.value}" for name, value in evaluation.metadata.items() if name in SUMMARY_KEYS)
    return f"({one_line(text, max_characters=300)})" if text else "does not pass"


def _describe_blocking(evaluation: AssetCheckEvaluation) -> str:
    table = readable_name(evaluation.asset_key)
    metadata = evaluation.metadata
    rules = metadata["rows_by_broken_rule"].value if "rows_by_broken_rule" in metadata else {}
    listed = "; ".join(f"{rule} ({rows} rows)" for rule, rows in rules.items()) if isinstance(rules, dict) else ""
    return f"{table}: stored rows break its {evaluation.check_name}; downstream tables were not changed: {listed}"


class _StoredError(Protocol):
    """An error as Dagster stores it: the name of its class and its text, and the error that it was raised from."""

    @property
    def message(self) -> str: ...

    @property
    def cls_name(self) -> str | None: ...

    @property
    def cause(self) -> _StoredError | None: ...


def _failure_from_error(step: str, error: _StoredError, codes: Mapping[str, str]) -> Failure:
    """Return the failure with the text of the first expected error in a chain of causes, else of its root.

    An expected error is often raised from the engine's own error, whose text explains less.
    """
    chain = [error]
    while (cause := chain[-1].cause) is not None:
        chain.append(cause)
    if any(cause.cls_name == DagsterExecutionInterruptedError.__name__ for cause in chain):
        return Failure(step, "the run was stopped from outside: the service ended, or somebody stopped it", STOPPED)
    expected = next((cause for cause in chain if cause.cls_name in codes), None)
    text = (expected or chain[-1]).message.strip()
    message = one_line(text.partition(": ")[2] or text)  # the text begins with the name of the class
    if expected is None:
        return Failure(step, message, UNEXPECTED, is_expected=False)
    return Failure(step, message, codes[str(expected.cls_name)])
