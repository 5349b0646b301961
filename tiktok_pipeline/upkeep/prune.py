"""Remove old snapshots: rows, files and reports. An interrupted removal is completed by doing it again.

The files are hidden first: after an interruption no refresh takes them for a snapshot that is not published yet. Rows
without files, which an interruption may leave, are found by ``doctor`` and removed by repeating the command.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from tiktok_pipeline.home.cleanup import PRUNED_PREFIX
from tiktok_pipeline.home.manifest import snapshots_on_disk
from tiktok_pipeline.raw.snapshots import day_of, is_snapshot_key
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import TABLES, published_tables, published_views
from tiktok_pipeline.warehouse.base import Warehouse


def all_snapshots(settings: Settings, warehouse: Warehouse, *, known_to_dagster: Iterable[str]) -> list[str]:
    """Return every snapshot that has rows, files or a partition, oldest first."""
    with_rows = {stored_slice.snapshot for stored_slice in warehouse.slices() if stored_slice.snapshot}
    return sorted({*with_rows, *snapshots_on_disk(settings.raw), *known_to_dagster})


def select_prunable(snapshots: Sequence[str], *, keep: int | None, before: date | None) -> list[str]:
    """Return the snapshots to remove.

    Parameters
    ----------
    snapshots : sequence of str
        All keys. One that is not a snapshot key, such as a mistyped partition, is neither counted nor removed.
    keep : int, optional
        Keep this number of the newest snapshots.
    before : date, optional
        Remove the snapshots before this day; ignored if ``keep`` is given.

    Examples
    --------
    >>> select_prunable(["2024-01-31", "2024-02-29", "2024-03-31", "typo"], keep=1, before=None)
    ['2024-01-31', '2024-02-29']
    >>> select_prunable(["2024-01-31", "2024-02-29"], keep=None, before=date(2024, 2, 29))
    ['2024-01-31']
    """
    real = sorted(key for key in snapshots if is_snapshot_key(key))
    if keep is not None:
        return real[: max(0, len(real) - keep)]
    return [key for key in real if before is not None and day_of(key) < before]


def prune(
    settings: Settings,
    snapshots: Sequence[str],
    *,
    warehouse: Warehouse,
    studies: Sequence[Study],
    delete_records: Callable[[str], None],
) -> None:
    """Remove snapshots; only for the holder of the home's lock.

    Parameters
    ----------
    settings : Settings
        The home.
    snapshots : sequence of str
        The snapshots to remove.
    warehouse : Warehouse
        The warehouse of the home.
    studies : sequence of Study
        The studies whose views the published file has.
    delete_records : callable
        Called with each snapshot after its files are gone, to delete what the orchestrator keeps of it.
    """
    for snapshot in filter(is_snapshot_key, snapshots):
        folder = settings.raw / snapshot
        if folder.exists():
            hidden = folder.with_name(f"{PRUNED_PREFIX}{snapshot}")
            shutil.rmtree(hidden, ignore_errors=True)
            folder.rename(hidden)
    warehouse.drop_snapshots([table.spec for table in TABLES.values()], snapshots)
    if settings.published_file.exists():
        views = published_views(studies)
        # A rebuilt file has no block with removed rows, but lacks a snapshot whose newest delivery was refused.
        replaced = list(snapshots) if _has_mixed_deliveries(warehouse) else None
        warehouse.publish(settings.published_file, tables=published_tables(), snapshots=replaced, views=views)
    for snapshot in snapshots:
        if is_snapshot_key(snapshot):  # any other text might name a path outside of the home
            (settings.reports / f"{snapshot}.html").unlink(missing_ok=True)
            shutil.rmtree(settings.reports / snapshot, ignore_errors=True)
            shutil.rmtree(settings.raw / f"{PRUNED_PREFIX}{snapshot}", ignore_errors=True)
        delete_records(snapshot)


def _has_mixed_deliveries(warehouse: Warehouse) -> bool:
    """Return whether the shared tables of a snapshot come from several deliveries: its newest one was refused."""
    deliveries: dict[str, set[str]] = {}
    for stored in warehouse.slices():
        if stored.snapshot and not stored.study:
            deliveries.setdefault(stored.snapshot, set()).add(stored.delivery_id)
    return any(len(ids) > 1 for ids in deliveries.values())
