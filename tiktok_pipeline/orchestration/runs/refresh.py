"""Materialize snapshots in this process, and report each step to the caller (Dagster concept: job run)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from dagster import AssetKey, DagsterInstance, InitLoggerContext, JobDefinition, LoggerDefinition

from tiktok_pipeline.orchestration.partitions import insertion_order
from tiktok_pipeline.orchestration.runs.outcome import Outcome, check_warnings, failure_of

REFRESH_JOB = "refresh"

STEP_LOGGER = "steps"
"""The name of `step_logger` in the definitions."""

_RANGE_START_TAG, _RANGE_END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""The tags by which one run materializes a range of partitions; Dagster exports no name for them."""


class _StepHandler(logging.Handler):
    """Passes the name of each step that starts to a callback."""

    def __init__(self, on_step: Callable[[str], None]) -> None:
        super().__init__(level=logging.DEBUG)
        self._on_step = on_step

    def emit(self, record: logging.LogRecord) -> None:
        """Call back if the record is Dagster's event of a step that starts."""
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is not None and event.is_step_start:
            self._on_step(event.step_key)


def step_logger(on_step: Callable[[str], None]) -> LoggerDefinition:
    """Return a Dagster logger that prints nothing and calls ``on_step`` with the name of each step that starts."""

    def build(_: InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("tiktok_pipeline.steps", level=logging.DEBUG)
        logger.addHandler(_StepHandler(on_step))
        return logger

    return LoggerDefinition(logger_fn=build)


def refresh_snapshot(
    job: JobDefinition,
    snapshot: str,
    *,
    instance: DagsterInstance,
    tags: Mapping[str, str],
    selection: Sequence[AssetKey] | None = None,
    quiet: bool = False,
) -> Outcome:
    """Materialize one snapshot in this process.

    Parameters
    ----------
    job : JobDefinition
        The job ``refresh`` or one of a study.
    snapshot : str
        The partition; Dagster must know it.
    instance : DagsterInstance
        Dagster's storage of the home.
    tags : mapping of str to str
        Tags of the run, see `tiktok_pipeline.orchestration.runs.tags`.
    selection : sequence of AssetKey, optional
        Only these assets of the job.
    quiet : bool
        Whether Dagster's log is left out, so that only `step_logger` reports.

    Returns
    -------
    Outcome
        How the run ended. A failure is returned, not raised.
    """
    result = job.execute_in_process(
        partition_key=snapshot,
        run_config=_run_config(quiet=quiet),
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
    """Return the names of the steps that materialize and check the selected assets."""
    return [node.name for node in job.get_subset(asset_selection=set(selection)).nodes]


def publish_snapshots(
    job: JobDefinition, snapshots: Sequence[str], *, instance: DagsterInstance, quiet: bool = False
) -> Iterator[tuple[list[str], Outcome]]:
    """Publish snapshots whose tables are complete: one run for each contiguous range of Dagster's partitions.

    Yields
    ------
    tuple of (list of str, Outcome)
        The snapshots of a run, and how it ended.
    """
    for partitions in _contiguous_ranges(snapshots, insertion_order(instance)):
        result = job.execute_in_process(
            run_config=_run_config(quiet=quiet),
            instance=instance,
            asset_selection=[AssetKey("published")],
            raise_on_error=False,
            tags={_RANGE_START_TAG: partitions[0], _RANGE_END_TAG: partitions[-1]},
        )
        failure = None if result.success else failure_of(instance, result.run_id)
        yield partitions, Outcome(result.run_id, failure)


def _run_config(*, quiet: bool) -> dict[str, dict[str, dict[str, object]]] | None:
    return {"loggers": {STEP_LOGGER: {}}} if quiet else None


def _contiguous_ranges(wanted: Sequence[str], order: Sequence[str]) -> list[list[str]]:
    """Return ``wanted`` in ``order``, split wherever ``order`` has another key in between."""
    ranges: list[list[str]] = []
    last = -2
    for position, key in enumerate(order):
        if key in wanted:
            if position == last + 1:
                ranges[-1].append(key)
            else:
                ranges.append([key])
            last = position
    return ranges
