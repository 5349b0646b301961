"""Open database files: for writing with a bounded wait, or read-only.

The contents of the tables do not belong here.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tiktok_pipeline.errors import FREE_SPACE
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.base import DamagedDatabaseError, QueryError, WarehouseError, WarehouseLockedError
from tiktok_pipeline.warehouse.duckdb.infinities import may_be_infinite, rows_with_infinities

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.1, 2.0
_BROKEN = (duckdb.InternalException, duckdb.FatalException, duckdb.SerializationException)
"""What the engine raises if its own data make no sense."""

_LESS_MEMORY = "ask for fewer rows or columns at once"

_DAMAGE = re.compile(
    "corrupt|checksum|not a valid duckdb|deserializ|could not read enough|could not read all|truncated|"
    "been invalidated|failed to load|replay",
    re.IGNORECASE,
)

_SETTINGS = threading.Lock()
_FULL = re.compile("no space left|disk quota|could not write|disk is full", re.IGNORECASE)

MEND_DATABASE = (
    "run `tiktok-pipeline doctor --fix`, which moves it aside, then `tiktok-pipeline refresh --all`, which computes "
    "it again from raw/; or restore a backup: `tiktok-pipeline restore DIR`"
)

_NO_STATEMENT = "the query holds no statement; expected one such as: select * from meta.tables"


def connect(
    path: Path | None,
    *,
    timeout_seconds: float,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open a database for writing.

    Parameters
    ----------
    path : Path, optional
        The file, created if it does not exist; None opens a database in memory.
    timeout_seconds : float
        How long to wait while another process holds the file.
    memory_limit : str, optional
        DuckDB's memory limit, e.g. ``"2GB"``.
    threads : int, optional
        DuckDB's number of threads.

    Returns
    -------
    DuckDBPyConnection
        An open connection.

    Raises
    ------
    WarehouseLockedError
        If another process still holds the file after ``timeout_seconds``.
    WarehouseError
        If the file cannot be opened.
    """
    config = _limits(memory_limit, threads)
    if path is None:
        return in_utc(duckdb.connect(config=config))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    config["temp_directory"] = str(path.with_name(path.name + ".tmp"))
    deadline = time.monotonic() + timeout_seconds
    pause = _FIRST_POLL_SECONDS
    while True:
        try:
            return in_utc(duckdb.connect(str(path), config=config))
        except duckdb.Error as error:
            text = one_line(str(error))
            if "could not set lock" not in text.lower():
                raise engine_error(path, error) from error
            if time.monotonic() >= deadline:
                raise WarehouseLockedError(_locked(path, timeout_seconds, text)) from error
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause = min(pause * 2, _LONGEST_POLL_SECONDS)


def in_utc(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Set the session's zone to UTC and return the connection: a time must not depend on the zone of the machine."""
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _lock_settings(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the zone to UTC for all cursors, and then let no query change a setting, such as a log file or its limits.

    Connections of this process to the same file share one engine, which may be locked already.
    """
    with _SETTINGS:
        ((is_locked,),) = connection.execute("select current_setting('lock_configuration')").fetchall()
        if not is_locked:
            connection.execute("set global TimeZone = 'UTC'; set lock_configuration = true")


class ReadOnlyDatabase:
    """One database file, opened read-only. Values reach a query as its parameters (``?``)."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self._path = path
        self._connection = connection
        self._reader: pa.RecordBatchReader | None = None

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the column names and all rows of a query.

        Raises
        ------
        QueryError
            If the query is invalid.
        WarehouseError
            If the file cannot be read.
        """
        self.close()
        with _translate_errors(self._path):
            cursor = self._connection.execute(sql, list(parameters))
            if cursor is None:
                raise QueryError(_NO_STATEMENT)
            names = [str(column[0]) for column in cursor.description or []]
            return names, cursor.fetchall()

    def shown_rows(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return as `rows`, with the text ``infinity`` for dates and times without an end, which Python lacks."""
        names, rows = self.rows(sql)
        if not any(may_be_infinite(row) for row in rows):
            return names, rows
        with _translate_errors(self._path):
            return names, rows_with_infinities(self._connection.sql(sql))

    def batches(
        self, sql: str, parameters: Sequence[Any] = (), *, rows_per_batch: int = 20_000
    ) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Return the columns and the rows of a query, in Arrow batches of at most ``rows_per_batch`` rows.

        Only one batch is in memory at a time. The next query closes the batches that are not read yet.

        Raises
        ------
        QueryError
            If the query is invalid.
        WarehouseError
            If the file cannot be read; also while the batches are read.
        """
        self.close()
        with _translate_errors(self._path):
            relation = self._connection.sql(sql, params=list(parameters))
            if relation is None:
                raise QueryError(_NO_STATEMENT)
            self._reader = relation.to_arrow_reader(rows_per_batch)
        return self._reader.schema, self._iterate(self._reader)

    @contextmanager
    def another(self) -> Iterator[ReadOnlyDatabase]:
        """Yield a second reader of the same open file, for another thread."""
        with self._connection.cursor() as cursor:
            reader = ReadOnlyDatabase(self._path, cursor)
            try:
                yield reader
            finally:
                reader.close()

    def close(self) -> None:
        """Close the batches that were not read to their end: open ones block the next opening of the file forever."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _iterate(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (OSError, ValueError, duckdb.Error) as error:  # Arrow raises DuckDB's errors as its own
                raise engine_error(self._path, error) from error
            yield batch


@contextmanager
def open_read_only(
    path: Path, *, memory_limit: str | None = None, threads: int | None = None
) -> Iterator[ReadOnlyDatabase]:
    """Open a database file read-only; queries cannot reach other files.

    All queries inside the block read the same file, even if another one replaces it meanwhile.

    Parameters
    ----------
    path : Path
        The database file.
    memory_limit : str, optional
        DuckDB's memory limit, e.g. ``"2GB"``.
    threads : int, optional
        DuckDB's number of threads.

    Yields
    ------
    ReadOnlyDatabase
        The open file.

    Raises
    ------
    WarehouseError
        If the file does not exist or cannot be read.
    """
    if not path.exists():
        msg = f"{path}: no such database yet; run `tiktok-pipeline refresh FILE` first"
        raise WarehouseError(msg)
    config = _limits(memory_limit, threads) | {"enable_external_access": False}
    with _translate_errors(path):
        connection = duckdb.connect(str(path), read_only=True, config=config)
        _lock_settings(connection)
    with connection:
        reader = ReadOnlyDatabase(path, connection)
        try:
            yield reader
        finally:
            reader.close()


def query(path: Path, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the column names and all rows of one read-only query; see `ReadOnlyDatabase.rows`."""
    with open_read_only(path) as reader:
        return reader.rows(sql, parameters)


def published_delivery_ids(path: Path) -> dict[str, str]:
    """Return, for each published snapshot, the delivery of its shared tables; empty if the file does not exist."""
    if not path.exists():
        return {}
    try:
        _, rows = query(
            path, "select snapshot, any_value(origin) from meta.slices where study = '' and snapshot <> '' group by 1"
        )
    except WarehouseError:  # damaged, or of a version without such a list: everything counts as unpublished
        return {}
    return {str(snapshot): str(delivery_id) for snapshot, delivery_id in rows}


def shown_query(path: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the column names and all rows of one read-only query; see `ReadOnlyDatabase.shown_rows`."""
    with open_read_only(path) as reader:
        return reader.shown_rows(sql)


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors inside the block into a `WarehouseError` or a `QueryError`."""
    try:
        yield
    except (duckdb.IOException, *_BROKEN) as error:
        raise engine_error(path, error) from error
    except (OverflowError, ValueError) as error:
        msg = f"a value of the result cannot be shown ({one_line(str(error))})"
        raise QueryError(msg, remedy="cast it to text: cast(... as varchar)") from error
    except duckdb.OutOfMemoryException as error:
        if _FULL.search(str(error)):
            raise engine_error(path, error) from error
        raise QueryError("the query needs more memory than it may take", remedy=_LESS_MEMORY) from error
    except duckdb.Error as error:
        if is_damage(error):
            raise engine_error(path, error) from error
        first, *others = str(error).strip().splitlines() or [""]
        raise QueryError(first, details=[line for line in others if line.strip()]) from error


def is_full(error: Exception) -> bool:
    """Return whether the engine or the system raised the error because a disk is full."""
    return _FULL.search(str(error)) is not None


def is_damage(error: Exception) -> bool:
    """Return whether the engine raised an error because a database file is damaged."""
    if is_full(error):  # the engine also says "invalidated" then, and the file is as it was
        return False
    is_unclassified = type(error) is duckdb.Error  # a wrong checksum is raised without a class of its own
    is_of_file = is_unclassified or isinstance(error, duckdb.IOException) or not isinstance(error, duckdb.Error)
    return isinstance(error, _BROKEN) or (is_of_file and _DAMAGE.search(str(error)) is not None)


def engine_error(path: Path, error: Exception) -> WarehouseError:
    """Return the expected error for one of the engine's: which file is damaged, and how to get it back.

    Every block of a database has a checksum, which the engine compares when it reads the block.
    """
    if is_full(error):
        return WarehouseError(f"{path}: the disk is full", remedy=FREE_SPACE)
    if not is_damage(error):
        return WarehouseError(_unreadable(path, error))
    reason = one_line(str(error).partition("Stack Trace")[0], max_characters=160)
    return DamagedDatabaseError(f"{path}: this database file is damaged ({reason})", remedy=MEND_DATABASE)


_Config = dict[str, str | bool | int | float | list[str]]


def _limits(memory_limit: str | None, threads: int | None) -> _Config:
    config: _Config = {}
    if memory_limit:
        config["memory_limit"] = memory_limit
    if threads:
        config["threads"] = threads
    return config


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read now: {one_line(str(error))[:300]}"


def _locked(path: Path, waited_seconds: float, text: str) -> str:
    holder = (
        text[text.find("held in") :].split(". ", maxsplit=1)[0] if "held in" in text else "held by another program"
    )
    return (
        f"{path}: waited {waited_seconds:g} s for the database, {holder}. Close the program that has it open "
        "(a notebook, a BI tool, `sql --warehouse`), or let it read published/tiktok.duckdb instead, and try again"
    )
