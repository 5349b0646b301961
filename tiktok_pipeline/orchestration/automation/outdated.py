"""The sensor of snapshots that another one left out of date (Dagster concept: sensor).

A snapshot that arrives between two others, or is computed anew, changes what the next one goes on from. The sensor
looks only after the published file has changed, and requests one snapshot at a time, the oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from dagster import (
    AssetKey,
    AssetSelection,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from tiktok_pipeline.analysis.outdated import Outdated, find_outdated
from tiktok_pipeline.home.lock import HomeLockedError, home_lock
from tiktok_pipeline.orchestration.assets.incoming import INCOMING
from tiktok_pipeline.orchestration.automation.conditions import PUBLISHES
from tiktok_pipeline.orchestration.runs.outdated import assets_to_renew, why_outdated
from tiktok_pipeline.orchestration.runs.tags import SNAPSHOT_TAG
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Warehouse

_TICK_SECONDS = 60
_GOING_ON = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def outdated_sensor(
    settings: Settings,
    studies: Sequence[Study],
    open_warehouse: Callable[[], Warehouse],
    keys_of_group: Callable[[str], Collection[AssetKey]],
) -> SensorDefinition:
    """Return the sensor; it is on by default.

    Parameters
    ----------
    settings : Settings
        The home.
    studies : sequence of Study
        The studies.
    open_warehouse : callable
        Open the warehouse of the home.
    keys_of_group : callable
        Return the assets of a study.
    """

    @sensor(
        name="outdated_snapshots",
        target=AssetSelection.all() - AssetSelection.assets(INCOMING),
        minimum_interval_seconds=_TICK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Computes again what a snapshot that arrived late leaves out of date in the next one.",
    )
    def outdated_snapshots(context: SensorEvaluationContext) -> SensorResult | SkipReason:
        published = settings.published_file
        seen = str(published.stat().st_mtime_ns) if published.exists() else ""
        if not seen or seen == context.cursor:
            return SkipReason("nothing was published since the last look")
        if context.instance.get_run_records(RunsFilter(statuses=_GOING_ON), limit=1):
            return SkipReason("a run is in progress")
        try:
            with home_lock(settings.lock_file, timeout_seconds=0.0):
                outdated = _first_outdated(studies, open_warehouse)
        except HomeLockedError as error:
            return SkipReason(str(error))
        if outdated is None:
            return SensorResult(skip_reason="every snapshot goes on from the one before", cursor=seen)
        keys = assets_to_renew(keys_of_group, outdated)
        context.log.info(f"snapshot {outdated.snapshot}: {why_outdated(outdated)}")
        return SensorResult(
            run_requests=[
                RunRequest(
                    run_key=f"{outdated.snapshot} {seen}",
                    partition_key=outdated.snapshot,
                    asset_selection=keys,
                    tags={SNAPSHOT_TAG: outdated.snapshot, PUBLISHES: "yes"},
                )
            ],
            cursor=seen,
        )

    return outdated_snapshots


def _first_outdated(studies: Sequence[Study], open_warehouse: Callable[[], Warehouse]) -> Outdated | None:
    with open_warehouse() as warehouse:
        stored = {slice_.snapshot for slice_ in warehouse.slices() if slice_.snapshot}
        return next(iter(find_outdated(warehouse, studies, stored)), None)
