"""The warehouse on DuckDB: typed tables, slices replaced in one transaction, a published copy put in place at once.

The only importer of duckdb. Values reach SQL as parameters; names come from specs, which admit plain identifiers
only. It does not know what a profile is, and it does not know Dagster.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw

from tiktok_pipeline.warehouse.base import (
    CastType,
    Column,
    ColumnType,
    FileFormat,
    Scan,
    Slice,
    TableSpec,
    View,
    WarehouseError,
    check_slice,
)
from tiktok_pipeline.warehouse.connection import check_version, connect, write_meta
from tiktok_pipeline.warehouse.files import advice, file_query, quoted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SIGNIFICANT_DIGITS = 12
"""Floats are stored to this many digits: sums differ in the last bits with the number of threads."""

_SQL_TYPES: Mapping[ColumnType, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "texts": "VARCHAR[]",
    "json": "VARCHAR",
}


class DuckDBWarehouse:
    """One DuckDB file, opened at first use and held until `close`; ``path=None`` keeps all in memory."""

    def __init__(
        self,
        path: Path | None,
        *,
        lock_timeout_seconds: float = 30.0,
        memory_limit: str | None = None,
        threads: int | None = None,
    ) -> None:
        self._path = path
        self._lock_timeout_seconds = lock_timeout_seconds
        self._memory_limit = memory_limit
        self._threads = threads
        self._open: duckdb.DuckDBPyConnection | None = None
        self._staged = 0

    # The engine: what narwhals lacks.

    def scan(self, path: Path, file_format: FileFormat) -> Scan:
        """Read a file lazily, all cells as text; see `tiktok_pipeline.warehouse.files`."""
        header, sql, parameters = file_query(self._connection, path, file_format)
        return Scan(header=header, rows=self._lazy(sql, parameters))

    @contextlib.contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """Turn the engine's errors inside the block into an `UnreadableFileError` that names ``path``."""
        try:
            yield
        except duckdb.Error as problem:
            raise advice(path, problem) from problem

    def try_cast(self, frame: nw.LazyFrame[Any], types: Mapping[str, CastType]) -> nw.LazyFrame[Any]:
        """Cast text columns; a cell that does not fit, NaN and infinity become NULL."""
        casts = []
        for name, type_ in types.items():
            cast = f"try_cast({quoted(name)} as {_SQL_TYPES[type_]})"
            casts.append(
                f"case when isfinite({cast}) then {cast} end as {quoted(name)}"
                if type_ == "float"
                else f"{cast} as {quoted(name)}"
            )
        return self._project(frame, f"* replace ({', '.join(casts)})")

    def to_json(self, frame: nw.LazyFrame[Any], name: str, cells: Mapping[str, str]) -> nw.LazyFrame[Any]:
        """Add a JSON object of the mapped columns, NULLs left out; NULL where nothing is left."""
        if not cells:
            return self._project(frame, f"*, null::varchar as {quoted(name)}")
        pairs = ", ".join(f"{_literal(key)}, {quoted(column)}" for key, column in cells.items())
        everything = f"json_merge_patch('{{}}', json_object({pairs}))::varchar"
        return self._project(frame, f"*, nullif({everything}, '{{}}') as {quoted(name)}")

    def sample_key(self, frame: nw.LazyFrame[Any], column: str) -> nw.LazyFrame[Any]:
        """Add ``sample_key``: the first 60 bits of the md5 of ``column``."""
        return self._project(frame, f"*, ('0x' || md5({quoted(column)})[:15])::bigint as sample_key")

    def staged(self, frame: nw.LazyFrame[Any] | pa.Table) -> nw.LazyFrame[Any]:
        """Compute ``frame`` once into a temporary table, which spills to disk where it must."""
        self._staged += 1
        table = f"staged_{self._staged}"
        rows = frame.to_native() if isinstance(frame, nw.LazyFrame) else frame
        self._run(f"create temp table {table} as select * from rows", rows=rows)
        return self._lazy(f"select * from temp.{table}", [])

    def drop_staged(self) -> None:
        """Drop the temporary tables of `staged`, which hold memory and disk until then."""
        for number in range(1, self._staged + 1):
            self._run(f"drop table if exists temp.staged_{number}")

    # Tables by slice.

    def replace_slice(
        self, table: TableSpec, slice_: Slice, rows: nw.LazyFrame[Any] | pd.DataFrame | pa.Table
    ) -> int:
        """Delete the slice and insert ``rows`` by name, in one transaction; returns the rows written.

        Raises `WarehouseError` where columns are missing or unknown, or where the write fails; the old slice
        stays then.
        """
        pairs = list(check_slice(table, slice_))
        native = rows.to_native() if isinstance(rows, nw.LazyFrame) else rows
        _check_columns(table, list(getattr(native, "column_names", None) or native.columns))
        self._create(table)
        where = " and ".join(f"{quoted(name)} = ?" for name, _ in pairs)
        values = [value for _, value in pairs]
        constants = ", ".join(f"? as {quoted(name)}" for name, _ in pairs)
        cells = ", ".join(_stored(column) for column in table.frame_columns)
        with self._transaction(f"writing {table}"):
            # The old rows go last, so that rows made from the slice itself are still there to be read.
            newest = self._fetch_int(f"select coalesce(max(rowid), -1) from {table}")
            self._run(f"insert into {table} by name select {constants}, {cells} from rows", values, rows=native)
            self._run(f"delete from {table} where {where} and rowid <= {newest}", values)
        return self._count(table, where, values)

    def read_slice(self, table: TableSpec, slice_: Slice) -> nw.LazyFrame[Any]:
        """The slice as a lazy frame, without the slice columns, in the order of the spec."""
        pairs = list(check_slice(table, slice_))
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
            self._run(f"delete from {table} where {where}", [value for _, value in pairs])

    def publish(self, target: Path, *, tables: Sequence[TableSpec], snapshot: str, views: Sequence[View]) -> None:
        """Copy the published file, replace one snapshot in the copy, and put it in place by `os.replace`.

        A missing file is built whole. Readers of the old file keep it until they close it.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.draft")
        for leftover in (draft, draft.with_name(draft.name + ".wal")):
            leftover.unlink(missing_ok=True)
        fresh = not target.exists()
        if not fresh:
            shutil.copyfile(target, draft)
        try:
            self._run("attach ? as published", [str(draft)])
            self._fill(tables, None if fresh else snapshot, views)
            self._run("detach published")
            _put_in_place(draft, target)
        finally:
            if self._open is not None:
                with contextlib.suppress(duckdb.Error):
                    self._open.execute("detach database if exists published")
            for leftover in (draft, draft.with_name(draft.name + ".wal")):
                leftover.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connection, which lets go of the file; safe to call twice."""
        if self._open is not None:
            self._open.close()
            self._open = None

    # Inside.

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._open is None:
            self._open = connect(
                self._path,
                timeout_seconds=self._lock_timeout_seconds,
                memory_limit=self._memory_limit,
                threads=self._threads,
            )
            try:
                check_version(self._open, self._path)
            except BaseException as problem:
                self.close()
                if isinstance(problem, duckdb.Error):
                    msg = f"{self._path}: cannot be read: {' '.join(str(problem).split())[:300]}"
                    raise WarehouseError(msg) from problem
                raise
        return self._open

    def _lazy(self, sql: str, parameters: Sequence[Any]) -> nw.LazyFrame[Any]:
        return nw.from_native(self._connection.sql(sql, params=list(parameters)))

    def _project(self, frame: nw.LazyFrame[Any], columns: str) -> nw.LazyFrame[Any]:
        projected: nw.LazyFrame[Any] = nw.from_native(frame.to_native().project(columns))
        return projected

    def _run(self, sql: str, parameters: Sequence[Any] = (), rows: Any = None) -> None:  # noqa: ANN401, ARG002
        """Run a statement; DuckDB finds ``rows`` (a relation, a frame, an Arrow table) by its name in this call."""
        self._connection.execute(sql, list(parameters))

    def _count(self, table: TableSpec, where: str, values: Sequence[str]) -> int:
        return self._fetch_int(f"select count(*) from {table} where {where}", values)

    def _fetch_int(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        return int(self._connection.execute(sql, list(parameters)).fetchall()[0][0])

    def _create(self, table: TableSpec) -> None:
        _create_table(self._connection, str(table), table.schema, table.columns)

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

    def _fill(self, tables: Sequence[TableSpec], snapshot: str | None, views: Sequence[View]) -> None:
        with self._transaction("preparing to publish"):
            for table in tables:
                self._create(table)
            for view in views:
                self._create_view("", view)
        with self._transaction("publishing"):
            for table in tables:
                self._copy(table, snapshot if "snapshot" in table.slice_by else None)
            for view in views:
                self._create_view("published.", view)
            write_meta(self._connection, "published.")
            at = "published.meta.published_at"
            self._run(f"create or replace table {at} as select ?::timestamp as published_at", [_now()])
        self._run("checkpoint published")

    def _create_view(self, catalog: str, view: View) -> None:
        self._run(f"create schema if not exists {catalog}{view.schema}")
        self._run(f"create or replace view {catalog}{view.schema}.{view.name} as {view.sql}")

    def _copy(self, table: TableSpec, snapshot: str | None) -> None:
        """Replace the snapshot's rows of a table in the attached copy; all rows where ``snapshot`` is None."""
        columns = [column for column in table.columns if column.published]
        _create_table(self._connection, f"published.{table}", f"published.{table.schema}", columns)
        names = ", ".join(quoted(column.name) for column in columns)
        where, values = ("", []) if snapshot is None else ("where snapshot = ?", [snapshot])
        self._run(f"delete from published.{table} {where}", values)
        self._run(f"insert into published.{table} by name select {names} from {table} {where}", values)


def _create_table(connection: duckdb.DuckDBPyConnection, name: str, schema: str, columns: Sequence[Column]) -> None:
    cells = ", ".join(
        f"{quoted(column.name)} {_SQL_TYPES[column.type]}{'' if column.nullable else ' NOT NULL'}"
        for column in columns
    )
    connection.execute(f"create schema if not exists {schema}")
    connection.execute(f"create table if not exists {name} ({cells})")


def _stored(column: Column) -> str:
    name = quoted(column.name)
    if column.type != "float":
        return f"cast({name} as {_SQL_TYPES[column.type]}) as {name}"
    value = f"cast({name} as double)"
    digits = f"{SIGNIFICANT_DIGITS - 1} - cast(floor(log10(abs({value}))) as integer)"
    return (
        f"case when isnan({value}) then null when {value} = 0 or isinf({value}) then {value} "
        f"else round({value}, {digits}) end as {name}"
    )


def _check_columns(table: TableSpec, found: Sequence[str]) -> None:
    missing = [name for name in table.frame_names if name not in found]
    unknown = [name for name in found if name not in table.frame_names]
    if missing or unknown:
        msg = f"{table}: the frame lacks columns {missing} and brings unknown ones {unknown}; nothing was written"
        raise WarehouseError(msg)


def _put_in_place(draft: Path, target: Path) -> None:
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _now() -> datetime:
    return datetime.now(tz=UTC).replace(tzinfo=None)
