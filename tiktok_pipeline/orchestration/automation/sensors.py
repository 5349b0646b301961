"""What Dagster does by itself: the jobs, the sensors that see new files, the schedule, and what follows a changed study.

What is new is told by content, never by the clock: a snapshot is refreshed once for each delivery (the hash of its
manifest). A tick looks at names, sizes and manifests; nothing is opened or hashed in it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
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
from tiktok_pipeline.ingest.inbox import settled_names
from tiktok_pipeline.orchestration.automation.jobs import INGEST_JOB
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline.orchestration.runs.dead_runs import fail_orphaned_runs
from tiktok_pipeline.orchestration.runs.outcome import failure_of
from tiktok_pipeline.orchestration.runs.refresh import REFRESH_JOB, refresh_tags
from tiktok_pipeline.raw.snapshots import list_inbox
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings

TICK_SECONDS = 15

_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

_MOST_RUNS = 4
"""Of one delivery, where each was killed."""

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 60.0, 3600.0


def sensors(settings: Settings) -> list[SensorDefinition]:
    """Those that are on by default: new files, new deliveries, failed runs, changed studies."""
    return [
        _incoming_sensor(settings),
        _delivered_sensor(settings),
        _failure_sensor(settings),
        AutomationConditionSensorDefinition(
            "changed_studies",
            target=AssetSelection.all(),
            default_status=DefaultSensorStatus.RUNNING,
            description="Computes anew what a changed study changes, the pages and the copy for readers after it.",
        ),
    ]


def _incoming_sensor(settings: Settings) -> SensorDefinition:
    @sensor(
        name="new_scrapes",
        job_name=INGEST_JOB,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Asks for a run when whole files lie in {settings.incoming}.",
    )
    def new_scrapes(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        looks = list_inbox(settings.incoming)
        settled = settled_names(looks, settings.incoming, settings.settle_seconds)
        # A file whose times lie in the future settles when two looks agree.
        before = json.loads(context.cursor or "{}")
        now = {name: [look.bytes, look.modified_ns, look.changed_ns] for name, look in looks.items()}
        settled |= {
            name for name, look in now.items() if before.get(name) == look and look[2] > time.time_ns() + 60 * 10**9
        }
        if not settled:
            waiting = f"{len(looks)} file(s) are still being written" if looks else "no file in incoming"
            return SensorResult(skip_reason=waiting, cursor=json.dumps(now))
        if pause := _pause(context.instance):
            return SensorResult(skip_reason=pause, cursor=json.dumps(now))
        tags = {"tiktok_pipeline/files": _names(sorted(settled))}
        return SensorResult(run_requests=[RunRequest(tags=tags)], cursor=json.dumps(now))

    return new_scrapes


def _pause(instance: DagsterInstance) -> str | None:
    """Why no run that takes files in is to be asked for now; after failures the pause doubles each time."""
    records = instance.get_run_records(RunsFilter(job_name=INGEST_JOB), limit=10)
    if any(record.dagster_run.status in _UNFINISHED for record in records):
        return "a run that takes files in is under way"
    failed = 0
    for record in records:
        if record.dagster_run.status not in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED):
            break
        failed += 1
    if not failed:
        return None
    pause = min(_FIRST_PAUSE_SECONDS * 2 ** (failed - 1), _LONGEST_PAUSE_SECONDS)
    left = pause - (time.time() - records[0].update_timestamp.timestamp())
    return f"the last {failed} run(s) failed; the next try is in {left:.0f} s" if left > 0 else None


def _delivered_sensor(settings: Settings) -> SensorDefinition:
    @sensor(
        name="new_deliveries",
        job_name=REFRESH_JOB,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Asks for one run for each snapshot that got a file, or lost a creator who asked to be forgotten.",
    )
    def new_deliveries(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        fail_orphaned_runs(context.instance)
        if holder := lock_holder(settings.lock_file):
            return SkipReason(f"process {holder} is using this home")
        done: dict[str, str] = json.loads(context.cursor or "{}")
        there = _manifests(settings.raw, context.log.error)
        deliveries = {key: compute_delivery_id(manifest) for key, manifest in there.items()}
        new = [key for key, delivery in deliveries.items() if done.get(key) != delivery]
        add_snapshots(context.instance, new)
        states = {key: _state_of(context.instance, deliveries[key]) for key in new}
        wanted = [key for key, state in states.items() if state.is_wanted]
        return SensorResult(
            run_requests=[
                RunRequest(
                    run_key=f"{key} {deliveries[key]} {states[key].runs}",
                    partition_key=key,
                    tags=refresh_tags(key, there[key]),
                )
                for key in wanted
            ],
            skip_reason=None if wanted else "every delivery had its run",
            cursor=json.dumps(
                {key: one for key, one in deliveries.items() if key not in states or states[key].is_done}
            ),
        )

    return new_deliveries


def _manifests(raw: Path, say: Callable[[str], None]) -> dict[str, list[StoredFile]]:
    """The manifests of all snapshots; one that is damaged is told and does not keep the others."""
    found = {}
    for key in snapshots_on_disk(raw):
        try:
            found[key] = read_manifest(raw / key)
        except ManifestError as problem:
            say(str(problem))
    return found


@dataclass(frozen=True)
class _State:
    """How far a delivery is: how many runs it had, whether it wants another, whether there is nothing more to do."""

    runs: int
    is_wanted: bool
    is_done: bool


def _state_of(instance: DagsterInstance, delivery: str) -> _State:
    """A delivery wants one run; another where the last was killed. Bad data is not tried again: only a person can mend it."""
    records = instance.get_run_records(RunsFilter(tags={"tiktok_pipeline/delivery": delivery}))
    if not records:
        return _State(0, is_wanted=True, is_done=False)
    last = records[0].dagster_run
    if last.status in _UNFINISHED or last.tags.get("dagster/will_retry") == "true":
        return _State(len(records), is_wanted=False, is_done=False)
    was_killed = last.status == DagsterRunStatus.FAILURE and last.tags.get("dagster/failure_reason") != "STEP_FAILURE"
    again = was_killed and len(records) < _MOST_RUNS
    return _State(len(records), is_wanted=again, is_done=not again)


def _failure_sensor(settings: Settings) -> SensorDefinition:
    @run_failure_sensor(
        name="failures",
        default_status=DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=TICK_SECONDS,
        description=f"Writes one line to {settings.failures_file} for each run that failed.",
    )
    def failures(context: RunFailureSensorContext) -> None:
        run = context.dagster_run
        failure = failure_of(context.instance, run.run_id)
        log_failure(
            settings.failures_file,
            run_id=run.run_id,
            step=failure.step,
            message=failure.message or context.failure_event.message or "no reason was recorded",
            tags=run.tags,
        )

    return failures


def _names(files: Sequence[str]) -> str:
    """The names of files as a tag of a run: short, and one line."""
    shown = ", ".join(map(one_line, files))
    return shown if len(shown) <= 200 else f"{shown[:180]} ... ({len(files)} files)"
