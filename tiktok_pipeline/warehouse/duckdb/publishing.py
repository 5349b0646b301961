"""The published copy of the warehouse: brought up to date beside the old file, then put in its place in one step.

Only complete snapshots are copied: those whose shared tables were all computed from one delivery. A study that was
computed from an earlier delivery than the rest of its snapshot is left out until it is computed again.
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tiktok_pipeline.atomic_write import atomic_replace, copy_content, draft_of
from tiktok_pipeline.errors import FREE_SPACE
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.base import StoredSlice, TableSpec, View, WarehouseError
from tiktok_pipeline.warehouse.duckdb.checksums import accept_only, copy_checksums, write_file_checksum
from tiktok_pipeline.warehouse.duckdb.connection import is_damage, is_full
from tiktok_pipeline.warehouse.duckdb.meta import (
    META_TABLES,
    PUBLISHED_AT_TABLE,
    SLICES_TABLE,
    create_views,
    describe_table,
    describe_view,
    document,
)
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION, version_of, write_meta
from tiktok_pipeline.warehouse.duckdb.tables import create_table, drop_stored, quoted, stored_slices, view_query

STORAGE_VERSION = "v1.2.0"
"""The storage format of the published file: the oldest one with Zstandard, readable by DuckDB 1.2 and later."""

_CATALOG = "published"
_PREFIX = f"{_CATALOG}."

Transaction = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class _Content:
    """What one publish writes: ``snapshots`` without their ``stale`` slices, into an empty file if ``is_fresh``."""

    tables: tuple[TableSpec, ...]
    views: tuple[View, ...]
    snapshots: tuple[str, ...]
    stale: tuple[StoredSlice, ...]
    is_fresh: bool

    @property
    def stored(self) -> list[TableSpec]:
        """The tables that hold rows."""
        return [table for table in self.tables if table.derived is None]

    @property
    def derived(self) -> list[TableSpec]:
        """The tables that are views of other tables."""
        return [table for table in self.tables if table.derived is not None]


def publish(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    *,
    tables: Sequence[TableSpec],
    snapshots: Sequence[str] | None,
    views: Sequence[View],
    created: Sequence[TableSpec],
    transaction: Transaction,
) -> list[StoredSlice]:
    """Bring the published file up to date, in a copy that replaces it at the end.

    Readers of the old file keep it until they close it.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The warehouse.
    target : Path
        The published file. A missing file, and one of another version of the tables or of the storage, is rebuilt.
    tables : sequence of TableSpec
        The tables to publish, without the columns that are not ``published``.
    snapshots : sequence of str, optional
        The snapshots to replace; None rebuilds the file with all complete snapshots.
    views : sequence of View
        The views to create.
    created : sequence of TableSpec
        Tables of the warehouse that are described there, published or not.
    transaction : callable
        Opens a transaction on ``connection``; its argument names the work in an error.

    Returns
    -------
    list of StoredSlice
        The slices of studies that were left out.

    Raises
    ------
    WarehouseError
        If a requested snapshot is incomplete, or the file cannot be written. The old file is unchanged.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    slices = stored_slices(connection)
    mixed = _mixed_deliveries(slices)
    _check_complete(snapshots, mixed)
    draft = draft_of(target)
    _remove(draft)
    try:
        with _attached(connection, draft, None if snapshots is None else target) as is_fresh:
            complete = {stored.snapshot for stored in slices if stored.snapshot} - set(mixed)
            chosen = sorted(complete if is_fresh or snapshots is None else snapshots)
            stale = _stale_slices(slices, chosen)
            content = _Content(tuple(tables), tuple(views), tuple(chosen), tuple(stale), is_fresh)
            with transaction("preparing to publish"):
                queries = _create_in_warehouse(connection, content, created)
            with transaction("publishing"):
                _fill(connection, content, queries)
            connection.execute(f"checkpoint {_CATALOG}")
            connection.execute(f"detach {_CATALOG}")
        _make_read_only(draft)
        checksum = write_file_checksum(draft, target)
        # The log of a program that opened the old file for writing and died: it would be replayed into the new file.
        _wal_of(target).unlink(missing_ok=True)
        atomic_replace(draft, target)
        accept_only(target, checksum)
    except (duckdb.Error, OSError) as error:
        reason = "the disk is full" if is_full(error) else one_line(str(error))[:200]
        msg = f"{target}: could not be brought up to date and is unchanged: {reason}"
        remedy = "run `tiktok-pipeline doctor`, which names the damaged file" if is_damage(error) else None
        remedy = FREE_SPACE if is_full(error) else remedy
        raise WarehouseError(msg, remedy=remedy) from error
    finally:
        _remove(draft)
    return stale


@contextlib.contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, draft: Path, target: Path | None) -> Iterator[bool]:
    """Attach a copy of the published file, or an empty file; yields whether it is empty."""
    try:
        is_fresh = target is None or not _attach_copy(connection, draft, target)
        if is_fresh:
            _attach(connection, draft)
            write_meta(connection, _PREFIX)
        yield is_fresh
    finally:
        with contextlib.suppress(duckdb.Error):
            connection.execute(f"detach database if exists {_CATALOG}")


def _attach_copy(connection: duckdb.DuckDBPyConnection, draft: Path, target: Path) -> bool:
    """Attach a copy of the published file; return False if there is none that can be brought up to date."""
    if not target.exists():
        return False
    with target.open("rb") as old, draft.open("xb") as new:
        copy_content(old.fileno(), new.fileno())
    try:
        _attach(connection, draft)
        if version_of(connection, _CATALOG) == VERSION:
            return True
    except duckdb.Error:  # cut off by a broken disk, not a database, or of a later storage version
        pass
    connection.execute(f"detach database if exists {_CATALOG}")
    _remove(draft)
    return False


def _attach(connection: duckdb.DuckDBPyConnection, draft: Path) -> None:
    connection.execute(f"attach ? as {_CATALOG} (storage_version '{STORAGE_VERSION}')", [str(draft)])


def _remove(draft: Path) -> None:
    for leftover in (draft, _wal_of(draft)):
        leftover.unlink(missing_ok=True)


def _wal_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.wal")


def _make_read_only(file: Path) -> None:
    """Remove every permission to write: a client that opens the published file for writing is refused."""
    file.chmod(file.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _shared_delivery_ids(slices: Sequence[StoredSlice]) -> dict[str, dict[str, str]]:
    """Return, for each snapshot, the delivery ids of the tables that all studies share, each with one such table."""
    delivery_ids: dict[str, dict[str, str]] = {}
    for stored in slices:
        if stored.snapshot and not stored.study:
            delivery_ids.setdefault(stored.snapshot, {}).setdefault(stored.delivery_id, stored.table)
    return delivery_ids


def _mixed_deliveries(slices: Sequence[StoredSlice]) -> dict[str, str]:
    """Return the snapshots whose shared tables come from several deliveries, with the names of such tables."""
    shared = _shared_delivery_ids(slices)
    return {snapshot: " and ".join(tables.values()) for snapshot, tables in shared.items() if len(tables) > 1}


def _check_complete(snapshots: Sequence[str] | None, mixed: dict[str, str]) -> None:
    incomplete = sorted(set(snapshots or ()) & set(mixed))
    if incomplete:
        first = incomplete[0]
        msg = (
            f"snapshot {', '.join(incomplete)}: its tables come from different deliveries ({mixed[first]}); "
            f"nothing was published. Run `tiktok-pipeline refresh --all --snapshot {first}`"
        )
        raise WarehouseError(msg)


def _stale_slices(slices: Sequence[StoredSlice], snapshots: Sequence[str]) -> list[StoredSlice]:
    """Return the slices of studies that were computed from another delivery than the shared tables."""
    shared = _shared_delivery_ids(slices)
    return [
        stored
        for stored in slices
        if stored.snapshot in snapshots
        and stored.study
        and shared.get(stored.snapshot)
        and stored.delivery_id not in shared[stored.snapshot]
    ]


def _create_in_warehouse(
    connection: duckdb.DuckDBPyConnection, content: _Content, created: Sequence[TableSpec]
) -> dict[str, str]:
    """Create in the warehouse what is published, describe all its tables, and return the query of each view."""
    for table in content.stored:
        create_table(connection, table)
    for table in content.derived:
        drop_stored(connection, table)
    tables = {str(table): table for table in (*created, *content.tables)}
    queries = {name: view_query(connection, table) for name, table in tables.items() if table.derived}
    queries |= {f"{view.schema}.{view.name}": view.sql for view in content.views}
    create_views(connection, queries)
    _document(connection, (*META_TABLES, *tables.values()), content.views, queries)
    return queries


def _fill(connection: duckdb.DuckDBPyConnection, content: _Content, queries: Mapping[str, str]) -> None:
    """Write rows, views and descriptions into the attached file."""
    for table in (*content.stored, PUBLISHED_AT_TABLE):
        create_table(connection, table, _PREFIX, only_published=True)
    _delete(connection, content)
    for table in content.stored:
        _copy(connection, table, content)
    _copy_slices(connection, content)
    copy_checksums(connection, _PREFIX)
    names = [*map(str, content.derived), *(f"{view.schema}.{view.name}" for view in content.views)]
    create_views(connection, {name: queries[name] for name in names}, _CATALOG)
    connection.execute(f"delete from {_PREFIX}{PUBLISHED_AT_TABLE}")
    connection.execute(f"insert into {_PREFIX}{PUBLISHED_AT_TABLE} values (?)", [_now()])
    _document(connection, (*META_TABLES, PUBLISHED_AT_TABLE, *content.tables), content.views, queries, _CATALOG)


def _document(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[TableSpec],
    views: Sequence[View],
    queries: Mapping[str, str],
    catalog: str = "",
) -> None:
    described = [describe_table(table, queries.get(str(table))) for table in tables]
    document(connection, [*described, *map(describe_view, views)], catalog)


def _delete(connection: duckdb.DuckDBPyConnection, content: _Content) -> None:
    """Delete the rows that are copied again."""
    if content.is_fresh:
        return
    chosen = "snapshot in (select unnest(?::varchar[]))"
    for table in content.stored:
        if "snapshot" in table.slice_by:
            connection.execute(f"delete from {_PREFIX}{table} where {chosen}", [list(content.snapshots)])
        else:
            connection.execute(f"delete from {_PREFIX}{table}")
    connection.execute(
        f"delete from {_PREFIX}{SLICES_TABLE} where {chosen} or snapshot = ''", [list(content.snapshots)]
    )


def _copy(connection: duckdb.DuckDBPyConnection, table: TableSpec, content: _Content) -> None:
    names = ", ".join(quoted(column.name) for column in table.columns if column.published)
    insert = f"insert into {_PREFIX}{table} by name select {names} from {table}"
    if "snapshot" not in table.slice_by:
        connection.execute(insert)
        return
    for snapshot in content.snapshots:
        stale = [
            slice_.study for slice_ in content.stale if (slice_.snapshot, slice_.table) == (snapshot, str(table))
        ]
        if stale:
            connection.execute(
                f"{insert} where snapshot = ? and study not in (select unnest(?::varchar[]))", [snapshot, stale]
            )
        else:
            connection.execute(f"{insert} where snapshot = ?", [snapshot])


def _copy_slices(connection: duckdb.DuckDBPyConnection, content: _Content) -> None:
    connection.execute(
        f"insert into {_PREFIX}{SLICES_TABLE} select * from {SLICES_TABLE} "
        "where table_name in (select unnest(?::varchar[])) "
        "and (snapshot = '' or snapshot in (select unnest(?::varchar[])))",
        [[str(table) for table in content.tables], list(content.snapshots)],
    )
    for stale in content.stale:
        connection.execute(
            f"delete from {_PREFIX}{SLICES_TABLE} where table_name = ? and snapshot = ? and study = ?",
            [stale.table, stale.snapshot, stale.study],
        )


def _now() -> datetime:
    return datetime.now(tz=UTC).replace(tzinfo=None)
