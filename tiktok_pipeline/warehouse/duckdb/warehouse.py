"""The warehouse on DuckDB: typed tables, slices replaced in one transaction, and the published copy.

Operations on frames are in `tiktok_pipeline.warehouse.duckdb.engine`. Values reach SQL as parameters; names come from
specs, which accept only identifiers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw

from tiktok_pipeline.atomic_write import atomic_replace, draft_of
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.base import (
    ExternalSliceReader,
    Slice,
    StoredSlice,
    TableSpec,
    View,
    WarehouseError,
    check_slice,
)
from tiktok_pipeline.warehouse.duckdb.checksums import column_sums, drop_checksums, list_checksums
from tiktok_pipeline.warehouse.duckdb.connection import engine_error, is_damage, is_full
from tiktok_pipeline.warehouse.duckdb.engine import DuckDBEngine
from tiktok_pipeline.warehouse.duckdb.meta import SLICES_TABLE, create_views
from tiktok_pipeline.warehouse.duckdb.publishing import publish
from tiktok_pipeline.warehouse.duckdb.tables import (
    check_columns,
    create_table,
    drop_stored,
    quoted,
    stored_cell,
    stored_slices,
    view_query,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class DuckDBWarehouse(DuckDBEngine):
    """Tables in one DuckDB file, and the engine that computes them.

    Parameters
    ----------
    path : Path, optional
        The database file, opened at first use; None keeps everything in memory.
    lock_timeout_seconds : float, default 30.0
        How long to wait while another process holds the file.
    memory_limit : str, optional
        DuckDB's memory limit, e.g. ``"2GB"``.
    threads : int, optional
        DuckDB's number of threads.
    external_slice_reader : ExternalSliceReader, optional
        Reads the slices whose rows stay in files.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        lock_timeout_seconds: float = 30.0,
        memory_limit: str | None = None,
        threads: int | None = None,
        external_slice_reader: ExternalSliceReader | None = None,
    ) -> None:
        super().__init__(path, lock_timeout_seconds=lock_timeout_seconds, memory_limit=memory_limit, threads=threads)
        self._external_slice_reader = external_slice_reader
        self._created: dict[str, TableSpec] = {}

    def replace_slice(
        self,
        table: TableSpec,
        slice_: Slice,
        rows: nw.LazyFrame[Any] | pd.DataFrame | pa.Table,
        *,
        delivery_id: str = "",
        computed_by: str = "",
    ) -> int:
        """Replace a slice in one transaction; see `tiktok_pipeline.warehouse.base.Warehouse.replace_slice`."""
        pairs = list(check_slice(table, slice_))
        if table.derived is not None:
            msg = f"{table}: cannot be written, it is a view of {table.derived.of}"
            raise WarehouseError(msg)
        native = rows.to_native() if isinstance(rows, nw.LazyFrame) else rows
        check_columns(table, list(getattr(native, "column_names", None) or native.columns))
        self._create(table)
        where = " and ".join(f"{quoted(name)} = ?" for name, _ in pairs)
        values = [value for _, value in pairs]
        constants = ", ".join(f"? as {quoted(name)}" for name, _ in pairs)
        cells = ", ".join(stored_cell(column) for column in table.frame_columns)
        with self._transaction(f"writing {table}"):
            # The old rows are deleted last: the new ones may be computed from them.
            newest = self._fetch_int(f"select coalesce(max(rowid), -1) from {table}")
            self._run(f"insert into {table} by name select {constants}, {cells} from rows", values, rows=native)
            self._run(f"delete from {table} where {where} and rowid <= {newest}", values)
            written, sums = self._count(table, where, values)
            self._list_slice(table, slice_, written, delivery_id, computed_by)
            list_checksums(self._connection, table, slice_, sums)
        return written

    def replace_external_slice(
        self,
        table: TableSpec,
        slice_: Slice,
        rows: nw.LazyFrame[Any],
        *,
        delivery_id: str = "",
        computed_by: str = "",
    ) -> int:
        """List a slice without storing its rows, and delete its stored rows, in one transaction."""
        check_columns(table, rows.collect_schema().names())
        return self.list_external_slice(
            table,
            slice_,
            lambda: int(rows.to_native().aggregate("count(*)").fetchall()[0][0]),
            delivery_id=delivery_id,
            computed_by=computed_by,
        )

    def list_external_slice(
        self,
        table: TableSpec,
        slice_: Slice,
        count: Callable[[], int],
        *,
        delivery_id: str = "",
        computed_by: str = "",
    ) -> int:
        """List a slice of ``count()`` rows that are not stored, and delete its stored rows, in one transaction."""
        pairs = list(check_slice(table, slice_))
        self._create(table)
        where = " and ".join(f"{quoted(name)} = ?" for name, _ in pairs)
        with self._transaction(f"listing a slice of {table}"):
            row_count = count()
            if table.derived is None:
                self._run(f"delete from {table} where {where}", [value for _, value in pairs])
            self._list_slice(table, slice_, row_count, delivery_id, computed_by)
            list_checksums(self._connection, table, slice_, {})
        return row_count

    def read_slice(self, table: TableSpec, slice_: Slice) -> nw.LazyFrame[Any]:
        """Return a slice as a lazy frame without the slice columns, in the order of the spec."""
        pairs = list(check_slice(table, slice_))
        if self._external_slice_reader and (rows := self._external_slice_reader(self, table, slice_)) is not None:
            return rows
        self._create(table)
        names = ", ".join(quoted(name) for name in table.frame_names)
        where = " and ".join(f"{quoted(name)} = ?" for name, _ in pairs)
        return self._lazy(f"select {names} from {table} where {where}", [value for _, value in pairs])

    def read_snapshots(self, table: TableSpec, snapshots: Sequence[str]) -> nw.LazyFrame[Any]:
        """Return the rows of several snapshots as a lazy frame with all columns, in the order of the spec."""
        self._create(table)
        names = ", ".join(quoted(column.name) for column in table.columns)
        places = ", ".join("?" for _ in snapshots) or "null"
        return self._lazy(f"select {names} from {table} where snapshot in ({places})", list(snapshots))

    def slices(self) -> list[StoredSlice]:
        """Return every slice that was written and not dropped, in the order of table, snapshot and study."""
        return stored_slices(self._connection)

    def drop_snapshots(self, tables: Sequence[TableSpec], snapshots: Sequence[str]) -> None:
        """Delete every slice of the snapshots from all ``tables``, in one transaction."""
        sliced = [table for table in tables if "snapshot" in table.slice_by]
        for table in sliced:
            self._create(table)
        with self._transaction("dropping snapshots"):
            for table in sliced:
                if table.derived is None:
                    self._run(
                        f"delete from {table} where snapshot in (select unnest(?::varchar[]))", [list(snapshots)]
                    )
            self._run(
                "delete from meta.slices where snapshot in (select unnest(?::varchar[])) "
                "and table_name in (select unnest(?::varchar[]))",
                [list(snapshots), [str(table) for table in sliced]],
            )
            drop_checksums(self._connection, sliced, snapshots)

    def set_delivery_id(self, snapshot: str, delivery_id: str) -> None:
        """Set the delivery of every slice of a snapshot."""
        self._run("update meta.slices set origin = ? where snapshot = ?", [delivery_id, snapshot])

    def publish(
        self, target: Path, *, tables: Sequence[TableSpec], snapshots: Sequence[str] | None, views: Sequence[View]
    ) -> list[StoredSlice]:
        """Bring the published file up to date; see `tiktok_pipeline.warehouse.duckdb.publishing.publish`."""

        def publish_snapshots(chosen: Sequence[str] | None) -> list[StoredSlice]:
            return publish(
                self._connection,
                target,
                tables=tables,
                snapshots=chosen,
                views=views,
                created=tuple(self._created.values()),
                transaction=self._transaction,
            )

        try:
            return publish_snapshots(snapshots)
        except WarehouseError as error:
            if snapshots is None or not _may_be_damage(error):
                raise
            return publish_snapshots(None)  # the file may be damaged inside: rebuild it

    def rebuild(self) -> None:
        """Write the file again and replace the old one: no block of it holds deleted rows."""
        if self._path is None:
            return
        draft = draft_of(self._path)
        draft.unlink(missing_ok=True)
        connection = self._connection
        try:
            (catalog,) = connection.execute("select current_catalog()").fetchall()[0]
            connection.execute("attach ? as rebuilt", [str(draft)])
            connection.execute(f"copy from database {quoted(str(catalog))} to rebuilt")
            connection.execute("checkpoint rebuilt")
            connection.execute("detach rebuilt")
            connection.execute("checkpoint")
            self.close()
            atomic_replace(draft, self._path)
        except duckdb.Error as error:
            if is_damage(error):
                raise engine_error(self._path, error) from error
            msg = f"{self._path}: could not be rebuilt, it is unchanged: {one_line(str(error))[:300]}"
            raise WarehouseError(msg) from error
        finally:
            self.close()
            draft.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connection and release the file; safe to call twice."""
        super().close()
        self._created.clear()

    def _count(self, table: TableSpec, where: str, values: Sequence[str]) -> tuple[int, dict[str, str]]:
        """Return the number of rows of a slice, and the checksum of each of its columns."""
        names = table.frame_names
        sql = f"select {', '.join(['count(*)', *column_sums(names)])} from {table} where {where}"
        rows, *sums = self._connection.execute(sql, list(values)).fetchall()[0]
        return int(rows), dict(zip(names, sums, strict=True))

    def _fetch_int(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        return int(self._connection.execute(sql, list(parameters)).fetchall()[0][0])

    def _list_slice(self, table: TableSpec, slice_: Slice, rows: int, delivery_id: str, computed_by: str) -> None:
        self._unlist_slice(table, slice_)
        names = (str(table), slice_.get("snapshot", ""), slice_.get("study", ""))
        entry = [*names, rows, delivery_id, _now(), computed_by]
        self._run(f"insert into {SLICES_TABLE} values (?, ?, ?, ?, ?, ?, ?)", entry)

    def _unlist_slice(self, table: TableSpec, slice_: Slice) -> None:
        values = [str(table), slice_.get("snapshot", ""), slice_.get("study", "")]
        self._run("delete from meta.slices where table_name = ? and snapshot = ? and study = ?", values)

    def _create(self, table: TableSpec) -> None:
        if str(table) in self._created:
            return
        if table.derived is not None:
            self._create(table.derived.of)
        with self._transaction(f"creating {table}"):
            if table.derived is None:
                create_table(self._connection, table)
            else:
                drop_stored(self._connection, table)
                create_views(self._connection, {str(table): view_query(self._connection, table)})
        self._created[str(table)] = table

    @contextlib.contextmanager
    def _transaction(self, work: str) -> Iterator[None]:
        connection = self._connection
        connection.begin()
        try:
            yield
            connection.commit()
        except BaseException as error:
            with contextlib.suppress(duckdb.Error):
                connection.rollback()
            if self._path is not None:  # releases the file; closing a database in memory would lose its rows
                self.close()
            if isinstance(error, duckdb.Error):
                if self._path is not None and (is_damage(error) or is_full(error)):
                    raise engine_error(self._path, error) from error
                msg = f"{work} failed, the table is unchanged: {one_line(str(error))[:400]}"
                raise WarehouseError(msg) from error
            raise


def _may_be_damage(error: BaseException) -> bool:
    """Return whether DuckDB raised the error, and not for lack of disk space or memory."""
    cause = error.__cause__
    while cause is not None:
        if isinstance(cause, duckdb.Error):
            return "no space" not in str(cause).lower() and "out of memory" not in str(cause).lower()
        cause = cause.__cause__
    return False


def _now() -> datetime:
    return datetime.now(tz=UTC).replace(tzinfo=None)
