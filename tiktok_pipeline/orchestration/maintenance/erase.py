"""Erase a creator from a home: stored files, tables, reports, the published file, exports and logs.

What remains is a salted hash of the names. The steps are in an order in which each can be repeated: first the
journal, which keeps the names and what is left to do, then the hash, so that a later delivery is suppressed, then the
files, then everything computed from them. An interrupted erasure is completed by the next one, whoever it is for. A
step that fails for any reason but the data stops the erasure, and no table is emptied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import narwhals as nw
from dagster import AssetKey, DagsterInstance, JobDefinition

from tiktok_pipeline.creators.schema import DEPARTURES_TABLE
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.explorer.lists import forget_members
from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest, snapshots_on_disk
from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.maintenance.scrub import scrub_records
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline.orchestration.runs.outcome import STOPPED
from tiktok_pipeline.orchestration.runs.refresh import refresh_snapshot
from tiktok_pipeline.orchestration.runs.tags import SNAPSHOT_TAG
from tiktok_pipeline.privacy.find_creator import CreatorRecords
from tiktok_pipeline.privacy.journal import Journal, read_journal, write_journal
from tiktok_pipeline.privacy.redact_files import redact_stored_files
from tiktok_pipeline.privacy.scrub import (
    files_with_names,
    remove_matching_files,
    scrub_log,
    unsearchable_files,
)
from tiktok_pipeline.privacy.suppression import SuppressionList, read_suppression_list, write_suppression_list
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import TABLES, published_tables, published_views
from tiktok_pipeline.validated.validate import SnapshotRejectedError
from tiktok_pipeline.warehouse.base import StoredSlice, TableSpec, Warehouse


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
        Deleted exports and refused files.
    dagster_records : int
        Deleted messages, failures and outputs of Dagster's runs.
    left : tuple of Path
        Files of the home that still hold a name, such as a delivery in the inbox.
    unsearched : tuple of Path
        Files of which a part could not be searched, such as a refused archive with a password.
    """

    records: int
    snapshots: tuple[str, ...]
    files: tuple[Path, ...]
    dagster_records: int
    left: tuple[Path, ...] = ()
    unsearched: tuple[Path, ...] = ()


class ErasureInterruptedError(PipelineError):
    """A step of an erasure failed; the next erasure goes on from there."""

    code = "erasure_interrupted"


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
    journal = read_journal(settings.erasure_journal)
    journal = journal.with_more(handles=creator.handles, numbers=creator.numbers)
    write_journal(settings.erasure_journal, journal)
    suppression = read_suppression_list(settings.forgotten_file).with_names(journal.names)
    write_suppression_list(settings.forgotten_file, suppression)
    records = _redact_files(eraser, suppression, journal)
    journal = journal.with_more(snapshots=_stale_snapshots(eraser))
    journal = journal.with_more(reports=[key for key in journal.snapshots if _report(settings, key).exists()])
    write_journal(settings.erasure_journal, journal)
    for snapshot in journal.snapshots:
        eraser.log(f"snapshot {snapshot}: rebuilding its shared tables ...")
        _rebuild_snapshot(eraser, snapshot, suppression)
    with eraser.open_warehouse() as warehouse:
        filter_departures(warehouse, suppression)
    _rebuild_databases(eraser)
    _rebuild_reports(eraser, journal.reports)
    files, dagster_records = _scrub(eraser, journal.names)
    settings.erasure_journal.unlink(missing_ok=True)
    write_suppression_list(settings.forgotten_file, replace(suppression, unfinished=False))
    left = tuple(files_with_names(settings, journal.names))
    unsearched = tuple(path for path in unsearchable_files(settings, journal.names) if path not in left)
    return ErasureResult(records, journal.snapshots, tuple(files), dagster_records, left, unsearched)


def _redact_files(eraser: Eraser, suppression: SuppressionList, journal: Journal) -> int:
    eraser.log("rewriting the raw files ...")
    with eraser.open_engine() as engine:
        return redact_stored_files(eraser.settings.raw, suppression, names=journal.names, engine=engine)


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


def _report(settings: Settings, snapshot: str) -> Path:
    return settings.reports / f"{snapshot}.html"


def _rebuild_reports(eraser: Eraser, snapshots: Sequence[str]) -> None:
    """Write the reports again; a snapshot whose tables were dropped has none any more."""
    with eraser.open_warehouse() as warehouse:
        there = {stored_slice.snapshot for stored_slice in warehouse.slices()}
    for snapshot in snapshots:
        _report(eraser.settings, snapshot).unlink(missing_ok=True)
        if snapshot in there:
            _run(eraser, snapshot, [AssetKey("report")])


def _rebuild_snapshot(eraser: Eraser, snapshot: str, suppression: SuppressionList) -> None:
    """Rebuild the shared tables of a snapshot from the rewritten files, and filter the tables of the studies."""
    manifest = read_manifest(eraser.settings.raw / snapshot)
    shared = [asset_key(name) for name, table in TABLES.items() if table.spec.slice_by == ("snapshot",)]
    is_usable = bool(manifest) and _run(eraser, snapshot, shared, unless=SnapshotRejectedError.code)
    with eraser.open_warehouse() as warehouse:
        if not is_usable:  # too few valid rows are left; no table may keep the creator
            warehouse.drop_snapshots([table.spec for table in TABLES.values()], [snapshot])
            return
        _filter_study_tables(warehouse, snapshot, suppression)
        warehouse.set_delivery_id(snapshot, compute_delivery_id(manifest))


def _run(eraser: Eraser, snapshot: str, assets: Sequence[AssetKey], *, unless: str = "") -> bool:
    """Materialize assets of a snapshot; return False if the run failed with the code ``unless``.

    Any other failure, such as a full disk or Ctrl-C, says nothing about the data: it stops the erasure.
    """
    add_snapshots(eraser.instance, [snapshot])  # restored without Dagster's records, or deleted in its UI
    outcome = refresh_snapshot(
        eraser.job,
        snapshot,
        instance=eraser.instance,
        tags={SNAPSHOT_TAG: snapshot},
        selection=assets,
        quiet=True,
    )
    if outcome.failure is None:
        return True
    if outcome.failure.code == unless:
        return False
    if outcome.failure.code == STOPPED:
        raise KeyboardInterrupt
    where = "" if outcome.failure.message.startswith("snapshot ") else f"snapshot {snapshot}: "
    raise ErasureInterruptedError(
        f"{where}{outcome.failure.message}; the erasure is not finished",
        remedy="fix the cause, then run `tiktok-pipeline forget` again to finish it",
    )


def _filter_study_tables(warehouse: Warehouse, snapshot: str, suppression: SuppressionList) -> None:
    """Remove the rows of suppressed creators from the tables of the studies."""
    for stored_slice in warehouse.slices():
        spec = TABLES[stored_slice.table].spec if stored_slice.table in TABLES else None
        if spec is None or stored_slice.snapshot != snapshot or not stored_slice.study:
            continue
        if "account_id" in spec.frame_names:
            _filter_slice(warehouse, spec, stored_slice, suppression)


def filter_departures(warehouse: Warehouse, suppression: SuppressionList) -> None:
    """Remove suppressed creators from the lists of who left; such a list is of a snapshot without the creator."""
    for stored_slice in warehouse.slices():
        if stored_slice.table == str(DEPARTURES_TABLE) and stored_slice.rows:
            _filter_slice(warehouse, DEPARTURES_TABLE, stored_slice, suppression)


def _filter_slice(
    warehouse: Warehouse, spec: TableSpec, stored_slice: StoredSlice, suppression: SuppressionList
) -> None:
    values = {"snapshot": stored_slice.snapshot, "study": stored_slice.study}
    key = {name: values[name] for name in spec.slice_by}
    # By hash, because an interrupted erasure knew names that the files no longer hold.
    rows = warehouse.salted_hash(warehouse.read_slice(spec, key), ["account_id"], suppression.salt)
    kept = rows.filter(~nw.col("account_id_hash").is_in(sorted(suppression.hashes)))
    persisted = warehouse.persist(kept.select(spec.frame_names))
    warehouse.replace_slice(
        spec, key, persisted, delivery_id=stored_slice.delivery_id, computed_by=stored_slice.computed_by
    )


def _rebuild_databases(eraser: Eraser) -> None:
    """Rewrite both database files, so that they keep no deleted row."""
    eraser.log("rebuilding the database files ...")
    published_file = eraser.settings.published_file
    with eraser.open_warehouse() as warehouse:
        warehouse.rebuild()
        if published_file.exists():
            views = published_views(eraser.studies)
            warehouse.publish(published_file, tables=published_tables(), snapshots=None, views=views)


def _scrub(eraser: Eraser, names: Sequence[str]) -> tuple[list[Path], int]:
    """Remove the names from lists, exports, refused files, logs and Dagster's records."""
    if not names:
        return [], 0
    settings = eraser.settings
    forget_members(settings.lists_file, names)
    files = remove_matching_files(settings, names)
    scrub_log(settings.failures_file, names)
    own_words = [*TABLES, *(study.name for study in eraser.studies)]
    return files, scrub_records(settings.dagster_home, names, own_words=own_words)
