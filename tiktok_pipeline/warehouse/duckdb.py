"""The warehouse on DuckDB: typed tables, slices replaced in one transaction, a published copy put in place at once.

The only importer of duckdb. Values reach SQL as parameters; names come from specs, which admit plain identifiers
only. It does not know what a profile is, and it does not know Dagster.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any

import duckdb
import narwhals as nw

from tiktok_pipeline.warehouse.base import (
    CastType,
    FileFormat,
    FilesOfSlice,
    Scan,
    Slice,
    StoredSlice,
    TableSpec,
    View,
    WarehouseError,
    check_slice,
)
from tiktok_pipeline.warehouse.connection import connect
from tiktok_pipeline.warehouse.files import advice, file_query
from tiktok_pipeline.warehouse.migrations import check_version
from tiktok_pipeline.warehouse.publishing import publish, put_in_place
from tiktok_pipeline.warehouse.tables import (
    SQL_TYPES,
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


_WHITE_SPACE = "' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"
_NO_VALUE = ("null", "NULL", "None", "NaN")


class DuckDBWarehouse:
    """One DuckDB file, opened at first use and held until `close`; ``path=None`` keeps all in memory."""

    def __init__(
        self,
        path: Path | None,
        *,
        lock_timeout_seconds: float = 30.0,
        memory_limit: str | None = None,
        threads: int | None = None,
        files_of_slice: FilesOfSlice | None = None,
    ) -> None:
        self._path = path
        self._files_of_slice = files_of_slice
        self._lock_timeout_seconds = lock_timeout_seconds
        self._memory_limit = memory_limit
        self._threads = threads
        self._open: duckdb.DuckDBPyConnection | None = None
        self._staged = 0
        self._created: set[str] = set()

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
            cast = f"try_cast({quoted(name)} as {SQL_TYPES[type_]})"
            casts.append(
                f"case when isfinite({cast}) then {cast} end as {quoted(name)}"
                if type_ == "float"
                else f"{cast} as {quoted(name)}"
            )
        return self._project(frame, f"* replace ({', '.join(casts)})")

    def without_blanks(self, frame: nw.LazyFrame[Any], columns: Mapping[str, str]) -> nw.LazyFrame[Any]:
        """Add texts without blanks; only one that begins or ends below "!", as white space does, is looked at closely."""
        texts = []
        for new, name in columns.items():
            text = quoted(name)
            stripped = f"trim({text}, {_WHITE_SPACE})"
            words = " ".join(f"when {text} = '{word}' then null" for word in _NO_VALUE)
            # A pattern, not a list: of a list the engine makes a join, through which all rows go.
            is_blank = f"regexp_matches({stripped}, '^({'|'.join(_NO_VALUE)})?$')"
            texts.append(
                f"case when {text} < '!' or {text}[-1] < '!' then case when not {is_blank} then {stripped} end "
                f"{words} else {text} end as {quoted(new)}"
            )
        return self._project(frame, f"*, {', '.join(texts)}")

    def to_json(self, frame: nw.LazyFrame[Any], name: str, cells: Mapping[str, str]) -> nw.LazyFrame[Any]:
        """Add a JSON object of the mapped columns, NULLs left out; NULL where nothing is left."""
        if not cells:
            return self._project(frame, f"*, null::varchar as {quoted(name)}")
        pairs = ", ".join(f"{_literal(key)}, {quoted(column)}" for key, column in cells.items())
        everything = f"json_merge_patch('{{}}', json_object({pairs}))::varchar"
        return self._project(frame, f"*, nullif({everything}, '{{}}') as {quoted(name)}")

    def sample_key(self, frame: nw.LazyFrame[Any], column: str) -> nw.LazyFrame[Any]:
        """Add ``sample_key``: the first 15 hexadecimal digits of the md5 of ``column``."""
        return self._project(frame, f"*, md5({quoted(column)})[:15] as sample_key")

    def mark_repeated(self, frame: nw.LazyFrame[Any], column: str, *, among: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Add ``is_repeated``, by the hashes that stand there more than once: numbers take a fraction of texts' memory."""
        name = quoted(column)
        hashes = among.select(column).to_native().project(f"hash({name}) as hashed")
        several = (
            hashes.aggregate("hashed, count(*) as rows", "hashed").filter("rows > 1").project("hashed as several")
        )
        repeated = self.staged(nw.from_native(several)).to_native()
        joined = frame.to_native().join(repeated, f"hash({name}) = several", how="left")
        return self._project(
            nw.from_native(joined), f"* exclude (several), several is not null and {name} is not null as is_repeated"
        )

    def salted_hash(self, frame: nw.LazyFrame[Any], columns: Sequence[str], salt: str) -> nw.LazyFrame[Any]:
        """Add ``<column>_hash``: the SHA-256 of ``salt`` and the text, the letters A to Z in lower case."""
        hashes = ", ".join(
            f"sha256({_literal(salt)} || translate({quoted(name)}, '{ascii_uppercase}', '{ascii_lowercase}')) "
            f"as {quoted(f'{name}_hash')}"
            for name in columns
        )
        return self._project(frame, f"*, {hashes}")

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
        self,
        table: TableSpec,
        slice_: Slice,
        rows: nw.LazyFrame[Any] | pd.DataFrame | pa.Table,
        *,
        origin: str = "",
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
            self._note_slice(table, slice_, written, origin)
        return written

    def leave_slice(self, table: TableSpec, slice_: Slice, rows: nw.LazyFrame[Any], *, origin: str = "") -> int:
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
            self._note_slice(table, slice_, there, origin)
        return there

    def read_slice(self, table: TableSpec, slice_: Slice) -> nw.LazyFrame[Any]:
        """The slice as a lazy frame, without the slice columns, in the order of the spec."""
        pairs = list(check_slice(table, slice_))
        if self._files_of_slice and (rows := self._files_of_slice(self, table, slice_)) is not None:
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

    def adopt(self, snapshot: str, origin: str) -> None:
        """Say of every slice of the snapshot that it stems from the delivery ``origin``."""
        self._run("update meta.slices set origin = ? where snapshot = ?", [origin, snapshot])

    def publish(
        self, target: Path, *, tables: Sequence[TableSpec], snapshots: Sequence[str] | None, views: Sequence[View]
    ) -> list[StoredSlice]:
        """Bring the copy at ``target`` up to date; see `tiktok_pipeline.warehouse.publishing`."""

        def of(chosen: Sequence[str] | None) -> list[StoredSlice]:
            return publish(
                self._connection,
                target,
                tables=tables,
                snapshots=chosen,
                views=views,
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
        draft = self._path.with_name(f".{self._path.name}.draft")
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
            put_in_place(draft, self._path)
        except duckdb.Error as problem:
            msg = f"{self._path}: could not be written anew, it is as it was: {' '.join(str(problem).split())[:300]}"
            raise WarehouseError(msg) from problem
        finally:
            self.close()
            draft.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connection, which lets go of the file; safe to call twice."""
        if self._open is not None:
            self._open.close()
            self._open = None
            self._created.clear()

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

    def _note_slice(self, table: TableSpec, slice_: Slice, rows: int, origin: str) -> None:
        self._forget_slice(table, slice_)
        entry = [str(table), slice_.get("snapshot", ""), slice_.get("study", ""), rows, origin, _now()]
        self._run("insert into meta.slices values (?, ?, ?, ?, ?, ?)", entry)

    def _forget_slice(self, table: TableSpec, slice_: Slice) -> None:
        values = [str(table), slice_.get("snapshot", ""), slice_.get("study", "")]
        self._run("delete from meta.slices where table_name = ? and snapshot = ? and study = ?", values)

    def _create(self, table: TableSpec) -> None:
        connection = self._connection
        if str(table) in self._created:
            return
        if table.derived is None:
            create_table(connection, str(table), table.schema, table.columns)
        else:
            self._create(table.derived.of)
            create_view(connection, table)
        self._created.add(str(table))

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


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _now() -> datetime:
    return datetime.now(tz=UTC).replace(tzinfo=None)
