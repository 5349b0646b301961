"""Materialises snapshots in this process and tells the caller, step by step, what is being done, and why it failed.

The command line works through this file; it shares the jobs with Dagster's UI.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from dagster import (
    AssetKey,
    DagsterInstance,
    InitLoggerContext,
    JobDefinition,
    LoggerDefinition,
)
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from tiktok_pipeline.home.manifest import StoredFile, compute_delivery_id
from tiktok_pipeline.orchestration.runs.outcome import Outcome, check_warnings, failure_of

REFRESH_JOB = "refresh"

STEP_LOGGER = "steps"


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


def refresh_tags(snapshot: str, manifest: Sequence[StoredFile]) -> dict[str, str]:
    """What lets one find the run of a delivery: its snapshot, its files and their hash."""
    names = ", ".join(one.file for one in manifest)
    return {
        "tiktok_pipeline/snapshot": snapshot,
        "tiktok_pipeline/delivery": compute_delivery_id(manifest),
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
    warnings = check_warnings(result.get_asset_check_evaluations())
    if result.success:
        return Outcome(result.run_id, warnings=warnings)
    return Outcome(result.run_id, failure_of(instance, result.run_id), warnings)


def steps_of(job: JobDefinition, selection: Sequence[AssetKey]) -> list[str]:
    """The names of the steps that materialise and check the selected assets."""
    return [node.name for node in job.get_subset(asset_selection=set(selection)).nodes]


def publish_snapshots(
    job: JobDefinition, snapshots: Sequence[str], *, instance: DagsterInstance, quiet: bool = False
) -> Iterator[tuple[list[str], Outcome]]:
    """Publish finished snapshots, with one run for each contiguous range of Dagster's partitions.

    Yields
    ------
    tuple of (list of str, Outcome)
        The snapshots of a run and how it ended.
    """
    for stretch in _contiguous_ranges(snapshots, list(instance.get_dynamic_partitions("snapshots"))):
        result = job.execute_in_process(
            run_config={"loggers": {STEP_LOGGER: {}}} if quiet else None,
            instance=instance,
            asset_selection=[AssetKey("published")],
            raise_on_error=False,
            tags={ASSET_PARTITION_RANGE_START_TAG: stretch[0], ASSET_PARTITION_RANGE_END_TAG: stretch[-1]},
        )
        failure = None if result.success else failure_of(instance, result.run_id)
        yield stretch, Outcome(result.run_id, failure)


def _contiguous_ranges(wanted: Sequence[str], order: Sequence[str]) -> list[list[str]]:
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
