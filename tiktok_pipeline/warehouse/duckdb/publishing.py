"""The copy that readers open: brought up to date beside the old one, put in its place in one step.

Only whole snapshots are copied: those of which all shared tables stem from one delivery. A study that was computed from an
earlier delivery than the rest of its snapshot is left out of the copy until it is computed anew, and that is told.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tiktok_pipeline.warehouse.base import StoredSlice, TableSpec, View, WarehouseError
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION, version_of, write_meta
from tiktok_pipeline.warehouse.duckdb.tables import create_table, create_view, quoted, stored_slices

Transaction = Callable[[str], AbstractContextManager[None]]


def publish(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    *,
    tables: Sequence[TableSpec],
    snapshots: Sequence[str] | None,
    views: Sequence[View],
    transaction: Transaction,
) -> list[StoredSlice]:
    """Replace ``snapshots`` in a copy of ``target`` and put the copy in place by `os.replace`; build it anew where None.

    A missing file, or one of another version, is built anew too. Gives the slices that were left out. Raises
    `WarehouseError` where a snapshot that was asked for is not whole. Readers of the old file keep it until they close it.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = target.with_name(f".{target.name}.draft")
    _remove(draft)
    stored = stored_slices(connection)
    broken = _mixed_deliveries(stored)
    if halves := sorted(set(snapshots or ()) & set(broken)):
        msg = (
            f"snapshot {', '.join(halves)}: its tables stem from different deliveries ({broken[halves[0]]}); nothing was "
            f"published. Run `tiktok-pipeline refresh --all --snapshot {halves[0]}`"
        )
        raise WarehouseError(msg)
    held = [table for table in tables if table.derived is None]
    derived = [table for table in tables if table.derived is not None]
    try:
        with _attached(connection, draft, None if snapshots is None else target) as is_fresh:
            whole = sorted({one.snapshot for one in stored if one.snapshot} - set(broken))
            chosen = whole if is_fresh or snapshots is None else sorted(snapshots)
            left_out = _stale_slices(stored, chosen)
            with transaction("preparing to publish"):
                for table in (*held, *derived):
                    if table.derived is None:
                        create_table(connection, table)
                    else:
                        create_view(connection, table)
                for view in views:
                    _create_view(connection, "", view)
            with transaction("publishing"):
                _clear(connection, None if is_fresh else chosen, held)
                for table in held:
                    _copy(connection, table, chosen, left_out)
                for table in derived:
                    create_view(connection, table, "published.")
                _copy_slices(connection, tables, chosen, left_out)
                for view in views:
                    _create_view(connection, "published.", view)
                at = "published.meta.published_at"
                connection.execute(f"create or replace table {at} as select ?::timestamp as published_at", [_now()])
            connection.execute("checkpoint published")
            connection.execute("detach published")
        atomic_replace(draft, target)
    except (duckdb.Error, OSError) as problem:
        why = " ".join(str(problem).split())[:200]
        msg = f"{target}: could not be brought up to date, readers have it as it was: {why}"
        raise WarehouseError(msg) from problem
    finally:
        _remove(draft)
    return left_out


@contextlib.contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, draft: Path, target: Path | None) -> Iterator[bool]:
    """Attach a copy of the published file as ``published``, a new one where there is none; gives whether it is empty."""
    try:
        is_fresh = target is None or not target.exists()
        if target is not None and not is_fresh:
            shutil.copyfile(target, draft)
            try:
                connection.execute("attach ? as published", [str(draft)])
                is_fresh = version_of(connection, "published") != VERSION
            except duckdb.Error:  # cut off by a broken disk, or no database at all: it is made anew
                is_fresh = True
            if is_fresh:
                connection.execute("detach database if exists published")
                _remove(draft)
        if is_fresh:
            connection.execute("attach ? as published", [str(draft)])
            write_meta(connection, "published.")
        yield is_fresh
    finally:
        with contextlib.suppress(duckdb.Error):
            connection.execute("detach database if exists published")


def atomic_replace(draft: Path, target: Path) -> None:
    """Replace ``target`` by ``draft`` so that a loss of power leaves the one or the other."""
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(draft: Path) -> None:
    for leftover in (draft, draft.with_name(draft.name + ".wal")):
        leftover.unlink(missing_ok=True)


def _shared_delivery_ids(stored: Sequence[StoredSlice]) -> dict[str, dict[str, str]]:
    """For each snapshot the tables that all studies share, by origin."""
    found: dict[str, dict[str, str]] = {}
    for one in stored:
        if one.snapshot and not one.study:
            found.setdefault(one.snapshot, {}).setdefault(one.delivery_id, one.table)
    return found


def _mixed_deliveries(stored: Sequence[StoredSlice]) -> dict[str, str]:
    """The snapshots whose shared tables have several origins, and which tables tell it."""
    shared = _shared_delivery_ids(stored)
    return {key: " and ".join(origins.values()) for key, origins in shared.items() if len(origins) > 1}


def _stale_slices(stored: Sequence[StoredSlice], snapshots: Sequence[str]) -> list[StoredSlice]:
    """The slices of studies that were made from another delivery than what all studies share."""
    shared = _shared_delivery_ids(stored)
    return [
        one
        for one in stored
        if one.snapshot in snapshots
        and one.study
        and shared.get(one.snapshot)
        and one.delivery_id not in shared[one.snapshot]
    ]


def _clear(
    connection: duckdb.DuckDBPyConnection, snapshots: Sequence[str] | None, tables: Sequence[TableSpec]
) -> None:
    """Delete what will be copied anew: the rows of ``snapshots``, all where None."""
    for table in tables:
        create_table(connection, table, "published.", only_published=True)
        if snapshots is None or "snapshot" not in table.slice_by:
            connection.execute(f"delete from published.{table}")
        else:
            connection.execute(
                f"delete from published.{table} where snapshot in (select unnest(?::varchar[]))", [list(snapshots)]
            )
    if snapshots is None:
        connection.execute("delete from published.meta.slices")
    else:
        connection.execute(
            "delete from published.meta.slices where snapshot in (select unnest(?::varchar[])) or snapshot = ''",
            [list(snapshots)],
        )


def _copy(
    connection: duckdb.DuckDBPyConnection, table: TableSpec, snapshots: Sequence[str], left_out: Sequence[StoredSlice]
) -> None:
    names = ", ".join(quoted(column.name) for column in table.columns if column.published)
    insert = f"insert into published.{table} by name select {names} from {table}"
    if "snapshot" not in table.slice_by:
        connection.execute(insert)
        return
    for snapshot in snapshots:
        late = [one.study for one in left_out if one.snapshot == snapshot and one.table == str(table)]
        if late:
            connection.execute(
                f"{insert} where snapshot = ? and study not in (select unnest(?::varchar[]))", [snapshot, late]
            )
        else:
            connection.execute(f"{insert} where snapshot = ?", [snapshot])


def _copy_slices(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[TableSpec],
    snapshots: Sequence[str],
    left_out: Sequence[StoredSlice],
) -> None:
    connection.execute(
        "insert into published.meta.slices select * from meta.slices where table_name in (select unnest(?::varchar[])) and "
        "(snapshot = '' or snapshot in (select unnest(?::varchar[])))",
        [[str(table) for table in tables], list(snapshots)],
    )
    for one in left_out:
        connection.execute(
            "delete from published.meta.slices where table_name = ? and snapshot = ? and study = ?",
            [one.table, one.snapshot, one.study],
        )


def _create_view(connection: duckdb.DuckDBPyConnection, catalog: str, view: View) -> None:
    connection.execute(f"create schema if not exists {catalog}{view.schema}")
    connection.execute(f"create or replace view {catalog}{view.schema}.{view.name} as {view.sql}")


def _now() -> datetime:
    return datetime.now(tz=UTC).replace(tzinfo=None)
