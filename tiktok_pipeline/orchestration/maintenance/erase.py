"""Erase a creator from a home: stored files, tables, reports, the published file, exports and logs.

What remains is a salted hash of the names. The steps are in an order in which each can be repeated: first the hash,
so that a later delivery is suppressed, then the files, then everything computed from them. An interrupted erasure
is completed by asking again for the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import narwhals as nw
from dagster import AssetKey, DagsterInstance, JobDefinition

from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest, snapshots_on_disk
from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.maintenance.scrub import scrub_event_log
from tiktok_pipeline.orchestration.runs.refresh import refresh_snapshot
from tiktok_pipeline.orchestration.runs.tags import SNAPSHOT_TAG
from tiktok_pipeline.privacy.find_creator import CreatorRecords
from tiktok_pipeline.privacy.redact_files import redact_stored_files
from tiktok_pipeline.privacy.scrub import name_pattern, remove_matching_files, scrub_log
from tiktok_pipeline.privacy.suppression import SuppressionList, read_suppression_list, write_suppression_list
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import TABLES, published_tables, segment_views_of
from tiktok_pipeline.warehouse.base import Warehouse


@dataclass(frozen=True, kw_only=True)
class Eraser:
    """What an erasure works with.

    Attributes
    ----------
    settings : Settings
        The home.
    open_engine, open_warehouse : callable
        Open an engine that reads files, and the warehouse of the home. Each step opens its own: a run of Dagster
        needs the database in between.
    instance : DagsterInstance
        Dagster's storage of the home.
    job : JobDefinition
        The job that refreshes a snapshot. Only the assets that all studies share, and the report, are materialized.
    studies : sequence of Study
        The studies whose views the published file has.
    log : callable
        Called with the name of each longer step.
    """

    settings: Settings
    open_engine: Callable[[], Warehouse]
    open_warehouse: Callable[[], Warehouse]
    instance: DagsterInstance
    job: JobDefinition
    studies: Sequence[Study]
    log: Callable[[str], None]


@dataclass(frozen=True)
class ErasureResult:
    """What was erased.

    Attributes
    ----------
    records : int
        Records of stored files that were blanked.
    snapshots : tuple of str
        Snapshots whose shared tables were rebuilt.
    files : tuple of Path
        Deleted exports and rejected files.
    dagster_records : int
        Deleted messages, failures and outputs of Dagster's runs.
    """

    records: int
    snapshots: tuple[str, ...]
    files: tuple[Path, ...]
    dagster_records: int


def erase(eraser: Eraser, creator: CreatorRecords) -> ErasureResult:
    """Erase a creator, and everyone whose erasure was interrupted; only for the holder of the home's lock.

    The statistics of the studies still count the creator until their snapshots are refreshed.

    Parameters
    ----------
    eraser : Eraser
        The home and what is needed to rebuild its tables.
    creator : CreatorRecords
        The creator's names, see `tiktok_pipeline.privacy.find_creator`. Without names, those of earlier erasures are
        erased again, for example after a backup was restored.

    Returns
    -------
    ErasureResult
        What was erased.
    """
    settings = eraser.settings
    suppression = read_suppression_list(settings.forgotten_file).with_names(creator.names)
    write_suppression_list(settings.forgotten_file, suppression)
    records = _redact_files(eraser, suppression, creator)
    snapshots = _stale_snapshots(eraser)
    with_report = _rebuild_snapshots(eraser, snapshots, suppression)
    _rebuild_databases(eraser)
    for snapshot in with_report:
        refresh_snapshot(
            eraser.job, snapshot, instance=eraser.instance, tags={}, selection=[AssetKey("report")], quiet=True
        )
    files, dagster_records = _scrub(settings, creator.names)
    write_suppression_list(settings.forgotten_file, replace(suppression, unfinished=False))
    return ErasureResult(records, tuple(snapshots), tuple(files), dagster_records)


def _redact_files(eraser: Eraser, suppression: SuppressionList, creator: CreatorRecords) -> int:
    eraser.log("rewriting the raw files ...")
    with eraser.open_engine() as engine:
        return redact_stored_files(eraser.settings.raw, suppression, handles=creator.handles, engine=engine)


def _stale_snapshots(eraser: Eraser) -> list[str]:
    """Return the snapshots whose tables were computed from other files than their manifest lists now."""
    raw = eraser.settings.raw
    with eraser.open_warehouse() as warehouse:
        slices = [stored_slice for stored_slice in warehouse.slices() if stored_slice.snapshot]
    shared = {stored_slice.snapshot: stored_slice.delivery_id for stored_slice in slices if not stored_slice.study}
    mixed = {
        stored_slice.snapshot
        for stored_slice in slices
        if stored_slice.delivery_id != shared.get(stored_slice.snapshot)
    }
    return [
        snapshot
        for snapshot in snapshots_on_disk(raw)
        if snapshot in shared
        and (snapshot in mixed or shared[snapshot] != compute_delivery_id(read_manifest(raw / snapshot)))
    ]


def _rebuild_snapshots(eraser: Eraser, snapshots: Sequence[str], suppression: SuppressionList) -> list[str]:
    """Rebuild the tables of the snapshots, remove their reports, and return those that had one."""
    with_report = []
    for snapshot in snapshots:
        eraser.log(f"snapshot {snapshot}: rebuilding its shared tables ...")
        _rebuild_snapshot(eraser, snapshot, suppression)
        report = eraser.settings.reports / f"{snapshot}.html"
        if report.exists():
            report.unlink()
            with_report.append(snapshot)
    return with_report


def _rebuild_snapshot(eraser: Eraser, snapshot: str, suppression: SuppressionList) -> None:
    """Rebuild the shared tables of a snapshot from the rewritten files, and filter the tables of the studies."""
    shared = [asset_key(name) for name, table in TABLES.items() if table.spec.slice_by == ("snapshot",)]
    manifest = read_manifest(eraser.settings.raw / snapshot)
    tags = {SNAPSHOT_TAG: snapshot}
    outcome = refresh_snapshot(
        eraser.job, snapshot, instance=eraser.instance, tags=tags, selection=shared, quiet=True
    )
    with eraser.open_warehouse() as warehouse:
        if outcome.failure is not None:  # for example too few valid rows are left; no table may keep the creator
            warehouse.drop_snapshots([table.spec for table in TABLES.values()], [snapshot])
            return
        _filter_study_tables(warehouse, snapshot, suppression)
        warehouse.set_delivery_id(snapshot, compute_delivery_id(manifest))


def _filter_study_tables(warehouse: Warehouse, snapshot: str, suppression: SuppressionList) -> None:
    """Remove the rows of suppressed creators from the tables of the studies."""
    for stored_slice in warehouse.slices():
        spec = TABLES[stored_slice.table].spec if stored_slice.table in TABLES else None
        if spec is None or stored_slice.snapshot != snapshot or not stored_slice.study:
            continue
        if "account_id" in spec.frame_names:
            key = {"snapshot": snapshot, "study": stored_slice.study}
            # By hash, because an interrupted erasure knew names that the files no longer hold.
            rows = warehouse.salted_hash(warehouse.read_slice(spec, key), ["account_id"], suppression.salt)
            kept = rows.filter(~nw.col("account_id_hash").is_in(sorted(suppression.hashes)))
            persisted = warehouse.persist(kept.select(spec.frame_names))
            warehouse.replace_slice(
                spec,
                key,
                persisted,
                delivery_id=stored_slice.delivery_id,
                computed_by=stored_slice.computed_by,
            )


def _rebuild_databases(eraser: Eraser) -> None:
    """Rewrite both database files, so that they keep no deleted row."""
    eraser.log("rebuilding the database files ...")
    published_file = eraser.settings.published_file
    with eraser.open_warehouse() as warehouse:
        warehouse.rebuild()
        if published_file.exists():
            views = segment_views_of(eraser.studies)
            warehouse.publish(published_file, tables=published_tables(), snapshots=None, views=views)


def _scrub(settings: Settings, names: Sequence[str]) -> tuple[list[Path], int]:
    """Remove the names from exports, rejected files, logs and Dagster's records."""
    if not names:
        return [], 0
    pattern = name_pattern(names)
    files = remove_matching_files(settings, pattern)
    scrub_log(settings.failures_file, pattern)
    return files, scrub_event_log(settings.dagster_home, pattern)
