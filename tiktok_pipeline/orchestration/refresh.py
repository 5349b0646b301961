"""Materialises snapshots in this process and tells the caller, step by step, what is being done.

The command line works through this file; it shares the job with Dagster's UI.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    InitLoggerContext,
    JobDefinition,
    LoggerDefinition,
)

from tiktok_pipeline.orchestration.home_lock import HomeLockedError
from tiktok_pipeline.orchestration.io_manager import ContractError
from tiktok_pipeline.orchestration.shared_assets import UnknownSnapshotError
from tiktok_pipeline.validated.judge import SnapshotRejectedError
from tiktok_pipeline.warehouse.base import UnreadableFileError, WarehouseError, WarehouseLockedError

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

REFRESH_JOB = "refresh"
STEP_LOGGER = "steps"


@dataclass(frozen=True)
class Outcome:
    """How the run of one snapshot ended: Dagster's run id, and what failed (step, text, whether it is foreseen)."""

    run_id: str
    failed_step: str | None = None
    problem: str | None = None
    is_foreseen: bool = True


class _StepHandler(logging.Handler):
    """Hands the start of each step of a run to a callback."""

    def __init__(self, on_step: Callable[[str], None]) -> None:
        super().__init__(level=logging.DEBUG)
        self._on_step = on_step

    def emit(self, record: logging.LogRecord) -> None:
        """Look for Dagster's own event of a step that starts."""
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is not None and event.is_step_start:
            self._on_step(event.step_key)


def step_logger(on_step: Callable[[str], None]) -> LoggerDefinition:
    """A logger of Dagster that says nothing itself and calls ``on_step`` with the name of each step that starts."""

    def build(_: InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("tiktok_pipeline.steps", level=logging.DEBUG)
        logger.addHandler(_StepHandler(on_step))
        return logger

    return LoggerDefinition(logger_fn=build)


def foreseen_errors() -> tuple[type[BaseException], ...]:
    """The errors whose text is meant for the person who asked; any other is a defect or a broken machine."""
    return (
        WarehouseError,
        WarehouseLockedError,
        UnreadableFileError,
        SnapshotRejectedError,
        UnknownSnapshotError,
        ContractError,
        HomeLockedError,
    )


def refresh_job(definitions: Definitions) -> JobDefinition:
    """The job that materialises a snapshot."""
    return definitions.resolve_job_def(REFRESH_JOB)


def refresh_snapshot(
    job: JobDefinition,
    snapshot: str,
    *,
    instance: DagsterInstance,
    selection: Sequence[AssetKey] | None = None,
    quiet: bool = False,
    foreseen: tuple[type[BaseException], ...] = (),
) -> Outcome:
    """Materialise one snapshot in this process; a failure is told, not raised.

    ``quiet`` leaves the log to `step_logger`; ``foreseen`` are the errors whose text is meant for the person.
    """
    result = job.execute_in_process(
        partition_key=snapshot,
        run_config={"loggers": {STEP_LOGGER: {}}} if quiet else None,
        instance=instance,
        asset_selection=list(selection) if selection else None,
        raise_on_error=False,
        tags={"tiktok_pipeline/snapshot": snapshot},
    )
    if result.success:
        return Outcome(result.run_id)
    if broken := _broken_contracts(result):
        return Outcome(result.run_id, broken[0].check_name, "; ".join(map(_told, broken)))
    names = {one.__name__ for one in foreseen}
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            text, is_foreseen = _reason(event.step_failure_data.error, names)
            return Outcome(result.run_id, event.step_key, text, is_foreseen)
    return Outcome(result.run_id, "the run", "the run failed; see it in `tiktok-pipeline ui`", is_foreseen=False)


def _broken_contracts(result: ExecuteInProcessResult) -> list[AssetCheckEvaluation]:
    """The checks that stopped the run; a warning stops nothing."""
    found = result.get_asset_check_evaluations()
    return [one for one in found if not one.passed and one.severity == AssetCheckSeverity.ERROR]


def _told(check: AssetCheckEvaluation) -> str:
    table = ".".join(check.asset_key.path)
    rules = check.metadata["rows_by_broken_rule"].value if "rows_by_broken_rule" in check.metadata else {}
    listed = "; ".join(f"{rule} ({rows} rows)" for rule, rows in rules.items()) if isinstance(rules, dict) else ""
    return f"{table}: stored rows break its {check.check_name}, what comes after stays as it was: {listed}"


def _reason(error: SerializableErrorInfo, names: set[str]) -> tuple[str, bool]:
    """The text of the first foreseen error in a chain of causes, else of its root; and whether it is foreseen.

    The root alone would do for neither: a foreseen error is often raised from the engine's own, which says less.
    """
    chain = [error]
    while chain[-1].cause is not None:
        chain.append(chain[-1].cause)
    foreseen = next((one for one in chain if one.cls_name in names), None)
    message = (foreseen or chain[-1]).message.strip()
    return " ".join((message.partition(": ")[2] or message).split()), foreseen is not None
