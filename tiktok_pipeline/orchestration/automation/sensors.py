"""The sensors (Dagster concept: sensor): new files, new deliveries, failed runs, changed studies.

What is new is decided by content, never by the clock: a snapshot is refreshed once for each delivery, which is a hash
of its files. A tick reads names, sizes, manifests and the list of published deliveries. It opens and hashes no
delivered file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dagster import (
    AssetSelection,
    AutomationConditionSensorDefinition,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunFailureSensorContext,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    run_failure_sensor,
    sensor,
)

from tiktok_pipeline.home.failure_log import log_failure
from tiktok_pipeline.home.lock import lock_holder
from tiktok_pipeline.home.manifest import (
    ManifestError,
    StoredFile,
    compute_delivery_id,
    read_manifest,
    snapshots_on_disk,
)
from tiktok_pipeline.ingest.inbox import inbox_files, settled_names
from tiktok_pipeline.orchestration.automation.jobs import INGEST_JOB
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline.orchestration.runs.orphaned_runs import fail_orphaned_runs
from tiktok_pipeline.orchestration.runs.outcome import failure_of
from tiktok_pipeline.orchestration.runs.refresh import REFRESH_JOB
from tiktok_pipeline.orchestration.runs.tags import DELIVERY_TAG, FILES_TAG, INTERRUPTED_TAG, list_files, refresh_tags
from tiktok_pipeline.settings import Settings

TICK_SECONDS = 15

_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

_MAX_RUNS = 4
"""Runs of one delivery after which a person must act, if each was killed."""

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 60.0, 3600.0

_CLOCK_SKEW_NS = 60 * 10**9
"""A file whose times are further in the future has a wrong clock, so that its age says nothing."""


def sensors(settings: Settings, published_deliveries: Callable[[], Mapping[str, str]]) -> list[SensorDefinition]:
    """Return the sensors; all of them are on by default.

    Parameters
    ----------
    settings : Settings
        The home.
    published_deliveries : callable
        Return the id of the delivery from which each published snapshot was computed.
    """
    return [
        _incoming_sensor(settings),
        _delivery_sensor(settings, published_deliveries),
        _failure_sensor(settings),
        AutomationConditionSensorDefinition(
            "changed_studies",
            target=AssetSelection.all(),
            default_status=DefaultSensorStatus.RUNNING,
            description="Recomputes the assets of a changed study, then the published file and the reports.",
        ),
    ]


def _incoming_sensor(settings: Settings) -> SensorDefinition:
    @sensor(
        name="new_scrapes",
        job_name=INGEST_JOB,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Starts the job {INGEST_JOB} when a file in {settings.incoming} is complete.",
    )
    def new_scrapes(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        files = inbox_files(settings)
        settled = settled_names(files, settings.incoming, settings.settle_seconds)
        # A file whose times are in the future is complete when two ticks see the same size and times.
        before = json.loads(context.cursor or "{}")
        now = {name: [file.bytes, file.modified_ns, file.changed_ns] for name, file in files.items()}
        settled |= {
            name
            for name, stat in now.items()
            if before.get(name) == stat and stat[2] > time.time_ns() + _CLOCK_SKEW_NS
        }
        if not settled:
            waiting = f"{len(files)} file(s) are still being written" if files else "no file in incoming"
            return SensorResult(skip_reason=waiting, cursor=json.dumps(now))
        if reason := _reason_to_wait(context.instance):
            return SensorResult(skip_reason=reason, cursor=json.dumps(now))
        tags = {FILES_TAG: list_files(sorted(settled))}
        return SensorResult(run_requests=[RunRequest(tags=tags)], cursor=json.dumps(now))

    return new_scrapes


def _reason_to_wait(instance: DagsterInstance) -> str | None:
    """Return why no ingest run may start now, if so; the pause doubles after each failure."""
    records = instance.get_run_records(RunsFilter(job_name=INGEST_JOB), limit=10)
    if any(record.dagster_run.status in _UNFINISHED for record in records):
        return "an ingest run is in progress"
    failed = 0
    for record in records:
        if record.dagster_run.status not in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED):
            break
        failed += 1
    if not failed:
        return None
    pause = min(_FIRST_PAUSE_SECONDS * 2 ** (failed - 1), _LONGEST_PAUSE_SECONDS)
    waited = time.time() - records[0].update_timestamp.timestamp()
    left = pause - waited if waited >= 0 else 0.0  # the clock went back: its difference says nothing
    return f"the last {failed} run(s) failed; the next attempt is in {left:.0f} s" if left > 0 else None


def _delivery_sensor(settings: Settings, published_deliveries: Callable[[], Mapping[str, str]]) -> SensorDefinition:
    @sensor(
        name="new_deliveries",
        job_name=REFRESH_JOB,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Starts the job {REFRESH_JOB} for each snapshot whose files changed since it was published.",
    )
    def new_deliveries(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        fail_orphaned_runs(context.instance)
        if holder := lock_holder(settings.lock_file):
            return SkipReason(f"process {holder} is using this home")
        done: dict[str, str] = json.loads(context.cursor or "{}")
        manifests = _read_manifests(settings.raw, context.log.error)
        deliveries = {key: compute_delivery_id(manifest) for key, manifest in manifests.items()}
        new = [key for key, delivery in deliveries.items() if done.get(key) != delivery]
        add_snapshots(context.instance, new)
        published = published_deliveries() if new else {}
        states = {
            key: _state_of(context.instance, deliveries[key], is_published=published.get(key) == deliveries[key])
            for key in new
        }
        wanted = [key for key, state in states.items() if state.needs_run]
        return SensorResult(
            run_requests=[
                RunRequest(
                    run_key=f"{key} {deliveries[key]} {states[key].runs}",
                    partition_key=key,
                    tags=refresh_tags(key, manifests[key]),
                )
                for key in wanted
            ],
            skip_reason=None if wanted else "every delivery is published or had its run",
            cursor=json.dumps(
                {key: delivery for key, delivery in deliveries.items() if key not in states or states[key].is_done}
            ),
        )

    return new_deliveries


def _read_manifests(raw: Path, log: Callable[[str], None]) -> dict[str, list[StoredFile]]:
    """Return the manifests of all snapshots; a damaged one is logged and left out."""
    manifests = {}
    for key in snapshots_on_disk(raw):
        try:
            manifests[key] = read_manifest(raw / key)
        except ManifestError as error:
            log(str(error))
    return manifests


@dataclass(frozen=True)
class _DeliveryState:
    """How many runs a delivery had, whether it needs another, whether there is nothing left to do."""

    runs: int
    needs_run: bool
    is_done: bool


def _state_of(instance: DagsterInstance, delivery_id: str, *, is_published: bool) -> _DeliveryState:
    """Return the state of a delivery.

    It needs one run, and another if the last was killed: that may have been after publishing, before the report.
    A run that failed on its data is not repeated, since only a person can correct them. A published delivery without
    a run was published by a run that this instance has no record of.
    """
    records = instance.get_run_records(RunsFilter(tags={DELIVERY_TAG: delivery_id}))
    if not records:
        return _DeliveryState(0, needs_run=not is_published, is_done=is_published)
    last = records[0].dagster_run
    if last.status in _UNFINISHED or last.tags.get("dagster/will_retry") == "true":
        return _DeliveryState(len(records), needs_run=False, is_done=False)
    was_killed = last.status == DagsterRunStatus.FAILURE and last.tags.get("dagster/failure_reason") != "STEP_FAILURE"
    again = was_killed and len(records) < _MAX_RUNS
    return _DeliveryState(len(records), needs_run=again, is_done=not again)


def _failure_sensor(settings: Settings) -> SensorDefinition:
    @run_failure_sensor(
        name="failures",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=TICK_SECONDS,
        description=f"Appends one line to {settings.failures_file} for each failed run.",
    )
    def failures(context: RunFailureSensorContext) -> None:
        run = context.dagster_run
        if INTERRUPTED_TAG in run.tags:
            return
        failure = failure_of(context.instance, run.run_id)
        log_failure(
            settings.failures_file,
            run_id=run.run_id,
            step=failure.step,
            message=failure.message or context.failure_event.message or "no reason was recorded",
            tags=run.tags,
        )

    return failures
