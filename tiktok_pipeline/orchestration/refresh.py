"""Materialises snapshots in this process and tells the caller, step by step, what is being done.

The command line works through this file; it shares the job with Dagster's UI.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dagster import AssetKey, DagsterInstance, Definitions, InitLoggerContext, JobDefinition, LoggerDefinition

from tiktok_pipeline.orchestration.home_lock import HomeLockedError
from tiktok_pipeline.orchestration.io_manager import ContractError
from tiktok_pipeline.orchestration.shared_assets import UnknownSnapshotError
from tiktok_pipeline.validated.judge import SnapshotRejectedError
from tiktok_pipeline.warehouse.base import UnreadableFileError, WarehouseError, WarehouseLockedError

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
    names = {one.__name__ for one in foreseen}
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            if error is not None:
                text = error.message.strip().partition(": ")[2] or error.message.strip()
                return Outcome(result.run_id, event.step_key, " ".join(text.split()), (error.cls_name or "") in names)
    failed = [e for e in result.get_asset_check_evaluations() if not e.passed] if result.all_events else []
    what = ", ".join(f"{one.asset_key.to_user_string()}: {one.check_name}" for one in failed) or "the run"
    return Outcome(result.run_id, what, f"{what} failed; see the run in `tiktok-pipeline ui`")
