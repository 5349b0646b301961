"""Removes old snapshots whole: rows, files, pages, partitions and runs. Stopped half-way, it is ended by doing it again.

The rows go first, in one transaction: what is left of a snapshot after that is without rows, never rows without a file.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from dagster import DagsterInstance, RunsFilter

from tiktok_pipeline.home.cleanup import PRUNED_PREFIX
from tiktok_pipeline.home.manifest import snapshots_on_disk
from tiktok_pipeline.orchestration.partitions import known_snapshots
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import TABLES, published_tables, segment_views_of
from tiktok_pipeline.warehouse.base import Warehouse


def every_snapshot(settings: Settings, warehouse: Warehouse, instance: DagsterInstance) -> list[str]:
    """Every snapshot of which anything is left anywhere, oldest first."""
    stored = {one.snapshot for one in warehouse.slices() if one.snapshot}
    return sorted({*stored, *snapshots_on_disk(settings.raw), *known_snapshots(instance)})


def prunable(snapshots: Sequence[str], *, keep: int | None, before: str | None) -> list[str]:
    """Which of the snapshots go: all but the newest ``keep``, or those before the day ``before``."""
    if keep is not None:
        return sorted(snapshots)[: max(0, len(snapshots) - keep)]
    return sorted(key for key in snapshots if before is not None and key[:10] < before)


def prune(
    settings: Settings,
    snapshots: Sequence[str],
    *,
    warehouse: Warehouse,
    instance: DagsterInstance,
    studies: Sequence[Study],
) -> None:
    """Remove the snapshots; only for the one who holds the home's lock."""
    warehouse.drop_snapshots([table.spec for table in TABLES.values()], snapshots)
    if settings.published_file.exists():
        warehouse.publish(
            settings.published_file, tables=published_tables(), snapshots=None, views=segment_views_of(studies)
        )
    for key in snapshots:
        (settings.reports / f"{key}.html").unlink(missing_ok=True)
        shutil.rmtree(settings.reports / key, ignore_errors=True)
        folder = settings.raw / key
        if folder.exists():
            gone = folder.with_name(f"{PRUNED_PREFIX}{key}")
            shutil.rmtree(gone, ignore_errors=True)
            folder.rename(gone)
            shutil.rmtree(gone)
        for record in instance.get_run_records(RunsFilter(tags={"dagster/partition": key})):
            instance.delete_run(record.dagster_run.run_id)
        instance.delete_dynamic_partition("snapshots", key)
