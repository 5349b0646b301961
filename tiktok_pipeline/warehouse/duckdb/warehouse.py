"""The warehouse on DuckDB: typed tables, slices replaced in one transaction, a published copy put in place at once.

What the engine itself can do stands in `tiktok_pipeline.warehouse.duckdb.engine`. Values reach SQL as parameters; names come from specs, which admit plain identifiers
only. It does not know what a profile is, and it does not know Dagster.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw

from tiktok_pipeline.atomic_write import atomic_replace, draft_of
from tiktok_pipeline.warehouse.base import (
    ExternalSliceReader,
    Slice,
    StoredSlice,
    TableSpec,
    View,
    WarehouseError,
    check_slice,
)
from tiktok_pipeline.warehouse.duckdb.engine import DuckDBEngine
from tiktok_pipeline.warehouse.duckdb.publishing import publish
from tiktok_pipeline.warehouse.duckdb.tables import (
    check_columns,
    create_table,
    create_view,
    quoted,
    stored,
    stored_slices,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class DuckDBWarehouse(DuckDBEngine):
    """Tables in one DuckDB file, with the engine that they are computed in."""

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

    # Tables by slice.

    def replace_slice(
        self,
        table: TableSpec,
        slice_: Slice,
        rows: nw.LazyFrame[Any] | pd.DataFrame | pa.Table,
        *,
        delivery_id: str = "",
    ) -> int:
        """Delete the slice and insert ``rows`` by name, in one transaction; returns the rows written.

        Raises `WarehouseError` where columns are missing or unknown, or where the write fails; the old slice
        stays then.
        """
        pairs = list(check_slice(table, slice_))
        if table.derived is not None:
            msg = f"{table}: nothing is stored of it, its rows follow from {table.derived.of}"
            raise WarehouseError(msg)
        native = rows.to_native() if isinstance(rows, nw.LazyFrame) else rows
        check_columns(table, list(getattr(native, "column_names", None) or native.columns))
        self._create(table)
        where = " and ".join(f"{quoted(name)} = ?" for name, _ in pairs)
        values = [value for _, value in pairs]
        constants = ", ".join(f"? as {quoted(name)}" for name, _ in pairs)
        cells = ", ".join(stored(column) for column in table.frame_columns)
        with self._transaction(f"writing {table}"):
            # The old rows go last, so that rows made from the slice itself are still there to be read.
            newest = self._fetch_int(f"select coalesce(max(rowid), -1) from {table}")
            self._run(f"insert into {table} by name select {constants}, {cells} from rows", values, rows=native)
            self._run(f"delete from {table} where {where} and rowid <= {newest}", values)
            written = self._count(table, where, values)
            self._note_slice(table, slice_, written, delivery_id)
        return written

    def register_external_slice(
        self, table: TableSpec, slice_: Slice, rows: nw.LazyFrame[Any], *, delivery_id: str = ""
    ) -> int:
        """Note a slice whose rows lie elsewhere, and drop what is stored of it, in one transaction."""
        pairs = list(check_slice(table, slice_))
        check_columns(table, rows.collect_schema().names())
        self._create(table)
        where = " and ".join(f"{quoted(name)} = ?" for name, _ in pairs)
        with self._transaction(f"noting a slice of {table}"):
            counted = rows.to_native().aggregate("count(*)")
            there = int(counted.fetchall()[0][0])
            if table.derived is None:
                self._run(f"delete from {table} where {where}", [value for _, value in pairs])
            self._note_slice(table, slice_, there, delivery_id)
        return there

    def read_slice(self, table: TableSpec, slice_: Slice) -> nw.LazyFrame[Any]:
        """The slice as a lazy frame, without the slice columns, in the order of the spec."""
        pairs = list(check_slice(table, slice_))
        if self._external_slice_reader and (rows := self._external_slice_reader(self, table, slice_)) is not None:
            return rows
        self._create(table)
        names = ", ".join(quoted(name) for name in table.frame_names)
        where = " and ".join(f"{quoted(name)} = ?" for name, _ in pairs)
        return self._lazy(f"select {names} from {table} where {where}", [value for _, value in pairs])

    def read_table(self, table: TableSpec) -> nw.LazyFrame[Any]:
        """The whole table as a lazy frame."""
        self._create(table)
        return self._lazy(f"select * from {table}", [])

    def has_slice(self, table: TableSpec, slice_: Slice) -> bool:
        """Whether the slice has a row."""
        pairs = list(check_slice(table, slice_))
        self._create(table)
        where = " and ".join(f"{quoted(name)} = ?" for name, _ in pairs)
        return self._count(table, where, [value for _, value in pairs]) > 0

    def drop_slice(self, table: TableSpec, slice_: Slice) -> None:
        """Remove the slice, in one transaction."""
        pairs = list(check_slice(table, slice_))
        self._create(table)
        where = " and ".join(f"{quoted(name)} = ?" for name, _ in pairs)
        with self._transaction(f"dropping a slice of {table}"):
            if table.derived is None:
                self._run(f"delete from {table} where {where}", [value for _, value in pairs])
            self._forget_slice(table, slice_)

    def slices(self) -> list[StoredSlice]:
        """Every slice that was written and not dropped, in the order of table, snapshot and study."""
        return stored_slices(self._connection)

    def drop_snapshots(self, tables: Sequence[TableSpec], snapshots: Sequence[str]) -> None:
        """Remove every slice of the snapshots from all ``tables``, in one transaction."""
        sliced = [table for table in tables if "snapshot" in table.slice_by]
        for table in sliced:
            self._create(table)
        with self._transaction("dropping snapshots"):
            for table in (one for one in sliced if one.derived is None):
                self._run(f"delete from {table} where snapshot in (select unnest(?::varchar[]))", [list(snapshots)])
            self._run(
                "delete from meta.slices where snapshot in (select unnest(?::varchar[])) "
                "and table_name in (select unnest(?::varchar[]))",
                [list(snapshots), [str(table) for table in sliced]],
            )

    def set_delivery_id(self, snapshot: str, delivery_id: str) -> None:
        """Say of every slice of the snapshot that it stems from the delivery ``origin``."""
        self._run("update meta.slices set origin = ? where snapshot = ?", [delivery_id, snapshot])

    def publish(
        self, target: Path, *, tables: Sequence[TableSpec], snapshots: Sequence[str] | None, views: Sequence[View]
    ) -> list[StoredSlice]:
        """Bring the copy at ``target`` up to date; see `tiktok_pipeline.warehouse.duckdb.publishing`."""

        def of(chosen: Sequence[str] | None) -> list[StoredSlice]:
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
            return of(snapshots)
        except WarehouseError as problem:
            if snapshots is None or not _is_of_the_engine(problem):
                raise
            return of(None)  # the copy that lies there may be damaged inside; one made from nothing is not

    def rebuild(self) -> None:
        """Write the file anew and put it in place: what was deleted is in no block of it any more."""
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
        except duckdb.Error as problem:
            msg = f"{self._path}: could not be written anew, it is as it was: {' '.join(str(problem).split())[:300]}"
            raise WarehouseError(msg) from problem
        finally:
            self.close()
            draft.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connection, which lets go of the file; safe to call twice."""
        super().close()
        self._created.clear()

    # Inside.

    def _count(self, table: TableSpec, where: str, values: Sequence[str]) -> int:
        return self._fetch_int(f"select count(*) from {table} where {where}", values)

    def _fetch_int(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        return int(self._connection.execute(sql, list(parameters)).fetchall()[0][0])

    def _note_slice(self, table: TableSpec, slice_: Slice, rows: int, delivery_id: str) -> None:
        self._forget_slice(table, slice_)
        entry = [str(table), slice_.get("snapshot", ""), slice_.get("study", ""), rows, delivery_id, _now()]
        self._run("insert into meta.slices values (?, ?, ?, ?, ?, ?)", entry)

    def _forget_slice(self, table: TableSpec, slice_: Slice) -> None:
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
                create_view(self._connection, table)
        self._created[str(table)] = table

    @contextlib.contextmanager
    def _transaction(self, doing: str) -> Iterator[None]:
        connection = self._connection
        connection.begin()
        try:
            yield
            connection.commit()
        except BaseException as problem:
            with contextlib.suppress(duckdb.Error):
                connection.rollback()
            if self._path is not None:  # lets go of the lock; in memory, closing would lose all that is there
                self.close()
            if isinstance(problem, duckdb.Error):
                msg = f"{doing} failed, the table is as it was: {' '.join(str(problem).split())[:400]}"
                raise WarehouseError(msg) from problem
            raise


def _is_of_the_engine(problem: BaseException) -> bool:
    """Whether an error of the engine, but not a lack of room, is behind ``problem``."""
    cause = problem.__cause__
    while cause is not None:
        if isinstance(cause, duckdb.Error):
            return "no space" not in str(cause).lower() and "out of memory" not in str(cause).lower()
        cause = cause.__cause__
    return False


def _now() -> datetime:
    return datetime.now(tz=UTC).replace(tzinfo=None)
