"""Erases a creator from a home: raw files, tables, pages, the copy for readers, exports and logs; a hash of the name stays.

The steps are in an order in which each can be done again: first the hash, so that whatever comes later is left out, then the
files, then what was made of them. Stopped half-way, it is ended by asking again for the same name.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import narwhals as nw
from dagster import AssetKey, DagsterInstance, JobDefinition

from tiktok_pipeline.home.manifest import (
    StoredFile,
    compute_delivery_id,
    file_sha256,
    read_manifest,
    snapshots_on_disk,
    store_files,
)
from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.runs.refresh import refresh_snapshot, refresh_tags
from tiktok_pipeline.privacy.redact import redact
from tiktok_pipeline.privacy.scrub import name_pattern, remove_files, scrub_event_log, scrub_log
from tiktok_pipeline.privacy.suppression import (
    SuppressionList,
    read_suppression_list,
    suppressed_rows,
    write_suppression_list,
)
from tiktok_pipeline.raw.dialects import DIALECTS, UnknownDialectError
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.schema import SOURCES, Source
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import TABLES, published_tables, segment_views_of
from tiktok_pipeline.warehouse.base import Engine, UnreadableFileError, Warehouse

OpenWarehouse = Callable[[], Warehouse]
Say = Callable[[str], None]


@dataclass(frozen=True)
class CreatorRecords:
    """What a home holds of a creator: every handle and number, and the records by (snapshot, file)."""

    handles: tuple[str, ...]
    numbers: tuple[str, ...]
    records: dict[tuple[str, str], tuple[int, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Handles and numbers."""
        return (*self.handles, *self.numbers)


@dataclass(frozen=True)
class ErasureResult:
    """What went: records of files, snapshots whose tables were made anew, files of people, records of Dagster."""

    records: int
    snapshots: tuple[str, ...]
    files: tuple[Path, ...]
    dagster_records: int


def find_creator(settings: Settings, name: str, engine: Engine) -> CreatorRecords:
    """Look for a handle or number in every raw file; numbers are followed to the other handles of the same account."""
    asked = name.strip().removeprefix("@")
    numbers: set[str] = set()
    handles = {asked}
    for _ in range(2):  # the handle's numbers, then those numbers' handles
        who = read_suppression_list(settings.forgotten_file).with_names({*handles, *numbers})
        for _, _, rows in _records(settings, who, engine):
            numbers |= {number for _, handle, number in rows if number and handle.lower() == asked.lower()}
            handles |= {handle for _, handle, number in rows if handle and number and number in {*numbers, asked}}
    who = SuppressionList(who.salt).with_names({*handles, *numbers})
    records = {
        (key, entry.file): tuple(row for row, _, _ in rows) for key, entry, rows in _records(settings, who, engine)
    }
    if asked in numbers or (asked.isdigit() and len(handles) > 1):
        handles.discard(asked)
        numbers.add(asked)
    return CreatorRecords(tuple(sorted(handles)), tuple(sorted(numbers)), records)


def forget(
    settings: Settings,
    found: CreatorRecords,
    *,
    open_engine: OpenWarehouse,
    open_warehouse: OpenWarehouse,
    instance: DagsterInstance,
    job: JobDefinition,
    studies: Sequence[Study],
    say: Say,
) -> ErasureResult:
    """Erase the creator everywhere; only for the one who holds the home's lock.

    ``job`` refreshes a snapshot; of it only what all studies share is run. The studies' figures still count the creator
    until their snapshots are refreshed.
    """
    forgotten = read_suppression_list(settings.forgotten_file).with_names(found.names)
    write_suppression_list(settings.forgotten_file, forgotten)
    with open_engine() as engine:
        say("rewriting the raw files ...")
        records = _redact_files(settings, forgotten, found.handles, engine)
    affected = _affected(settings, open_warehouse)
    pages = []
    for key in affected:
        say(f"snapshot {key}: making its shared tables anew ...")
        _remake(settings, key, forgotten, open_warehouse=open_warehouse, instance=instance, job=job)
        page = settings.reports / f"{key}.html"
        if page.exists():
            page.unlink()
            pages.append(key)
    say("rebuilding the database files ...")
    _rebuild(settings, open_warehouse, studies)
    for key in pages:
        refresh_snapshot(job, key, instance=instance, tags={}, selection=[AssetKey("report")], quiet=True)
    files: list[Path] = []
    dagster_records = 0
    if found.names:
        pattern = name_pattern(found.names)
        files = remove_files(settings, pattern)
        scrub_log(settings.failures_file, pattern)
        dagster_records = scrub_event_log(settings.dagster_home, pattern)
    write_suppression_list(settings.forgotten_file, replace(forgotten, unfinished=False))
    return ErasureResult(records, tuple(affected), tuple(files), dagster_records)


def _records(
    settings: Settings, who: SuppressionList, engine: Engine
) -> Iterator[tuple[str, StoredFile, list[tuple[int, str, str]]]]:
    """The records of ``who`` in every raw file that has one."""
    for key in snapshots_on_disk(settings.raw):
        for entry in read_manifest(settings.raw / key):
            rows, source = _raw_rows(settings.raw / key, entry, engine)
            found = suppressed_rows(rows, source, who, engine)
            if found:
                yield key, entry, found


def _raw_rows(folder: Path, entry: StoredFile, engine: Engine) -> tuple[nw.LazyFrame[Any], Source]:
    path = folder / entry.file
    dialect = next(one for one in DIALECTS if one.name == entry.dialect)
    kind = file_format(path)
    assert kind is not None, path  # noqa: S101 - a stored file has one of the endings
    with engine.reading(path):
        scan = engine.scan(path, kind)
        if dialect.missing(scan.header):
            msg = f"{path}: lacks the columns of its kind"
            raise UnknownDialectError(msg)
        rows = read_file(scan, dialect, source_file=entry.file, engine=engine, forgotten=entry.forgotten_rows)
    return rows, dialect.source


def _redact_files(settings: Settings, forgotten: SuppressionList, handles: Collection[str], engine: Engine) -> int:
    """Rewrite each raw file that holds the creator's records, or mentions them; gives the records that were blanked."""
    blanked = 0
    plain = sorted(handle for handle in handles if re.fullmatch(r"[A-Za-z0-9._]+", handle))
    for key in snapshots_on_disk(settings.raw):
        folder = settings.raw / key
        kept = {entry.file: entry for entry in read_manifest(folder)}
        for entry in list(kept.values()):
            rows, source = _raw_rows(folder, entry, engine)
            theirs = {row for row, _, _ in suppressed_rows(rows, source, forgotten, engine)}
            if not theirs and not _is_mentioned(rows, source, plain):
                continue
            with tempfile.TemporaryDirectory(prefix=".staging-", dir=settings.raw) as staging:
                target = Path(staging) / entry.file
                redact(folder / entry.file, target, rows=theirs, mentions=plain)
                rewritten = replace(
                    entry,
                    stored_sha256=file_sha256(target),
                    bytes=target.stat().st_size,
                    forgotten_rows=tuple(sorted({*entry.forgotten_rows, *theirs})),
                )
                if is_readable(target, rewritten, engine):
                    kept[entry.file] = rewritten
                    store_files(folder, {entry.file: target}, list(kept.values()))
                else:  # nothing but those who asked to be forgotten: there is no file without them
                    del kept[entry.file]
                    store_files(folder, {}, list(kept.values()))
            blanked += len(theirs)
    return blanked


def is_readable(path: Path, entry: StoredFile, engine: Engine) -> bool:
    """Whether a rewritten file is still one of its kind, with as many records."""
    try:
        rows, _ = _raw_rows(path.parent, replace(entry, file=path.name), engine)
        with engine.reading(path):
            return bool(rows.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows") == entry.rows)
    except (UnreadableFileError, UnknownDialectError):
        return False


def _is_mentioned(rows: nw.LazyFrame[Any], source: Source, handles: Collection[str]) -> bool:
    if not handles:
        return False
    mentions = [
        nw.col(name).str.to_lowercase().str.contains(f"@{handle.lower()}", literal=True)
        for name in (*source.columns, "extra", "read_problem")
        for handle in handles
    ]
    found = rows.filter(nw.any_horizontal(*mentions, ignore_nulls=True)).select(nw.len().alias("rows"))
    return bool(found.collect("pyarrow").item(0, "rows"))


def _affected(settings: Settings, open_warehouse: OpenWarehouse) -> list[str]:
    """The snapshots whose tables were made from other files than the manifest names now."""
    with open_warehouse() as warehouse:
        origins = {one.snapshot: one.delivery_id for one in warehouse.slices() if one.snapshot and not one.study}
        mixed = {
            one.snapshot
            for one in warehouse.slices()
            if one.snapshot and one.delivery_id != origins.get(one.snapshot)
        }
    return [
        key
        for key in snapshots_on_disk(settings.raw)
        if key in origins and (key in mixed or origins[key] != compute_delivery_id(read_manifest(settings.raw / key)))
    ]


def _remake(
    settings: Settings,
    key: str,
    forgotten: SuppressionList,
    *,
    open_warehouse: OpenWarehouse,
    instance: DagsterInstance,
    job: JobDefinition,
) -> None:
    """Make the shared tables of a snapshot from the rewritten files, take the creator out of the studies' tables."""
    shared = [
        *(asset_key(f"raw.{name}") for name in ("files", *(one.name for one in SOURCES))),
        *(asset_key(f"validated.{name}") for name in ("rejected", *(one.name for one in SOURCES))),
        *(asset_key(f"features.{name}") for name in ("statistics", *(one.name for one in SOURCES))),
    ]
    manifest = read_manifest(settings.raw / key)
    tags = {"tiktok_pipeline/snapshot": refresh_tags(key, manifest)["tiktok_pipeline/snapshot"]}
    outcome = refresh_snapshot(job, key, instance=instance, tags=tags, selection=shared, quiet=True)
    with open_warehouse() as warehouse:
        if outcome.failure is not None:  # too few good rows are left, say: no table may keep the creator for that
            warehouse.drop_snapshots([table.spec for table in TABLES.values()], [key])
            return
        for one in warehouse.slices():
            spec = TABLES[one.table].spec if one.table in TABLES else None
            if spec is not None and one.snapshot == key and one.study and "account_id" in spec.frame_names:
                slice_ = {"snapshot": key, "study": one.study}
                # By hash, because a run that was killed knew names that the files hold no more.
                rows = warehouse.salted_hash(warehouse.read_slice(spec, slice_), ["account_id"], forgotten.salt)
                kept = rows.filter(~nw.col("account_id_hash").is_in(sorted(forgotten.hashes)))
                staged = warehouse.persist(kept.select(spec.frame_names))
                warehouse.replace_slice(spec, slice_, staged, delivery_id=one.delivery_id)
        warehouse.set_delivery_id(key, compute_delivery_id(manifest))


def _rebuild(settings: Settings, open_warehouse: OpenWarehouse, studies: Sequence[Study]) -> None:
    with open_warehouse() as warehouse:
        warehouse.rebuild()
        if settings.published_file.exists():
            warehouse.publish(
                settings.published_file, tables=published_tables(), snapshots=None, views=segment_views_of(studies)
            )
