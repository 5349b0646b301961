"""Materialises snapshots in this process and tells the caller, step by step, what is being done, and why it failed.

The command line works through this file; it shares the jobs with Dagster's UI.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    InitLoggerContext,
    JobDefinition,
    LoggerDefinition,
)
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from tiktok_pipeline.orchestration.home_lock import HomeLockedError
from tiktok_pipeline.orchestration.io_manager import ContractError
from tiktok_pipeline.orchestration.manifest import ManifestError, StoredFile, delivery_of
from tiktok_pipeline.orchestration.room import NoRoomError
from tiktok_pipeline.orchestration.shared_assets import UnknownSnapshotError
from tiktok_pipeline.validated.judge import SnapshotRejectedError
from tiktok_pipeline.warehouse.base import UnreadableFileError, WarehouseError, WarehouseLockedError

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

REFRESH_JOB = "refresh"
STEP_LOGGER = "steps"


@dataclass(frozen=True)
class Failure:
    """Why a run failed: in which step, the text for the person, and whether it is one that is foreseen."""

    step: str
    why: str
    is_foreseen: bool = True


@dataclass(frozen=True)
class Outcome:
    """How the run of one snapshot ended: Dagster's run id, what failed, and the checks that warn."""

    run_id: str
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()


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
        ManifestError,
        NoRoomError,
        OSError,
    )


def refresh_tags(snapshot: str, manifest: Sequence[StoredFile]) -> dict[str, str]:
    """What lets one find the run of a delivery: its snapshot, its files and their hash."""
    names = ", ".join(one.file for one in manifest)
    return {
        "tiktok_pipeline/snapshot": snapshot,
        "tiktok_pipeline/delivery": delivery_of(manifest),
        "tiktok_pipeline/files": names if len(names) <= 200 else f"{names[:180]} ... ({len(manifest)} files)",
    }


def refresh_snapshot(
    job: JobDefinition,
    snapshot: str,
    *,
    instance: DagsterInstance,
    tags: Mapping[str, str],
    selection: Sequence[AssetKey] | None = None,
    quiet: bool = False,
) -> Outcome:
    """Materialise one snapshot in this process; a failure is told, not raised. ``quiet`` leaves the log to `step_logger`."""
    result = job.execute_in_process(
        partition_key=snapshot,
        run_config={"loggers": {STEP_LOGGER: {}}} if quiet else None,
        instance=instance,
        asset_selection=list(selection) if selection else None,
        raise_on_error=False,
        tags=dict(tags),
    )
    warnings = tuple(
        f"{'.'.join(one.asset_key.path)}: check {one.check_name} {_shown(one)}"
        for one in result.get_asset_check_evaluations()
        if not one.passed
    )
    if result.success:
        return Outcome(result.run_id, warnings=warnings)
    return Outcome(result.run_id, failure_of(instance, result.run_id), warnings)


def steps_of(job: JobDefinition, selection: Sequence[AssetKey]) -> list[str]:
    """The names of the steps that materialise and check the selected assets."""
    return [node.name for node in job.get_subset(asset_selection=set(selection)).nodes]


def publish_snapshots(
    job: JobDefinition, snapshots: Sequence[str], *, instance: DagsterInstance, quiet: bool = False
) -> Iterator[tuple[str, Outcome]]:
    """Publish snapshots whose tables are there: one run for all that stand together in Dagster's list of partitions."""
    for stretch in _stretches(snapshots, list(instance.get_dynamic_partitions("snapshots"))):
        result = job.execute_in_process(
            run_config={"loggers": {STEP_LOGGER: {}}} if quiet else None,
            instance=instance,
            asset_selection=[AssetKey("published")],
            raise_on_error=False,
            tags={ASSET_PARTITION_RANGE_START_TAG: stretch[0], ASSET_PARTITION_RANGE_END_TAG: stretch[-1]},
        )
        failure = None if result.success else failure_of(instance, result.run_id)
        yield f"{stretch[0]} to {stretch[-1]}", Outcome(result.run_id, failure)


def _stretches(wanted: Sequence[str], order: Sequence[str]) -> list[list[str]]:
    """``wanted``, in ``order``, cut wherever another stands in between."""
    found: list[list[str]] = []
    place = -2
    for at, key in enumerate(order):
        if key in wanted:
            if at == place + 1:
                found[-1].append(key)
            else:
                found.append([key])
            place = at
    return found


def failure_of(instance: DagsterInstance, run_id: str) -> Failure:
    """Why a run failed, from Dagster's record of it: a broken contract, the first step that failed, or the run itself."""
    evaluations = [
        entry.dagster_event.asset_check_evaluation_data
        for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
        if entry.dagster_event
    ]
    if broken := [one for one in evaluations if _stops(one)]:
        return Failure(broken[0].check_name, "; ".join(map(_told, broken)))
    names = {one.__name__ for one in foreseen_errors()}
    for kind in (DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE):
        for entry in instance.all_logs(run_id, of_type=kind):
            event = entry.dagster_event
            if event is None:
                continue
            error = event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error
            if error is not None:
                why, is_foreseen = _reason(error, names)
                return Failure(event.step_key or "the start of the run", why, is_foreseen)
            if not event.is_step_failure and event.message:
                return Failure("the run", " ".join(event.message.split()), is_foreseen=False)
    return Failure("the run", "the run failed; see it in `tiktok-pipeline ui`", is_foreseen=False)


def _stops(check: AssetCheckEvaluation) -> bool:
    """Whether the check stopped its run; the others of that severity only tell."""
    return not check.passed and check.blocking is True and check.severity == AssetCheckSeverity.ERROR


def _shown(check: AssetCheckEvaluation) -> str:
    """What a check found, in a few words: its metadata, cut."""
    words = "; ".join(f"{name}: {value.value}" for name, value in check.metadata.items() if name in _TOLD)
    return f"({words[:300]})" if words else "does not pass"


_TOLD = ("why", "drifted", "rejected", "rows", "leaks", "newest")
"""The metadata of checks that are shown where a check is told in one line."""


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
    if any(one.cls_name == "DagsterExecutionInterruptedError" for one in chain):
        return "the run was stopped from outside: the service ended, or somebody stopped it", True
    foreseen = next((one for one in chain if one.cls_name in names), None)
    message = (foreseen or chain[-1]).message.strip()
    return " ".join((message.partition(": ")[2] or message).split()), foreseen is not None
