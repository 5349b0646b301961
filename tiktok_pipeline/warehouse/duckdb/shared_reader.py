"""Read one database file from many threads, while another process may replace it.

Connections of one process to one path share one open file: a new connection reads the old file for as long as any
other is open. So when the file on the disk is another one, running queries end, all connections are closed, and the
next query opens the new file.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.connection import ReadOnlyDatabase, open_read_only

if TYPE_CHECKING:
    import pyarrow as pa

_Identity = tuple[int, int, int]

Rows = list[dict[str, Any]]
Batches = tuple["pa.Schema", Iterator["pa.RecordBatch"]]


class SharedReader:
    """A database file that many threads read; values reach a query as its parameters (``?``).

    Parameters
    ----------
    path : Path
        The file. It need not exist yet.
    memory_limit : str, optional
        DuckDB's memory limit, e.g. ``"400MB"``.
    threads : int, optional
        DuckDB's number of threads.
    """

    def __init__(self, path: Path, *, memory_limit: str | None = None, threads: int | None = None) -> None:
        self._path = path
        self._limits: dict[str, Any] = {"memory_limit": memory_limit, "threads": threads}
        self._changed = threading.Condition()
        self._open = ExitStack()
        self._database: ReadOnlyDatabase | None = None
        self._identity: _Identity | None = None
        self._readers = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def identity(self) -> _Identity:
        """Return what changes when the file on the disk is replaced.

        Raises
        ------
        WarehouseError
            If the file does not exist.
        """
        try:
            status = self._path.stat()
        except OSError as error:
            msg = f"{self._path}: there is no published file"
            raise WarehouseError(msg, remedy="run `tiktok-pipeline refresh FILE` first") from error
        return status.st_ino, status.st_mtime_ns, status.st_size

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Return the rows of a query, each by column name; a file that cannot be read is opened again, once.

        Raises
        ------
        QueryError
            If the query is invalid.
        WarehouseError
            If the file cannot be read.
        """
        try:
            return self._rows(sql, parameters)
        except WarehouseError as error:
            if not isinstance(error.__cause__, duckdb.IOException | OSError | duckdb.InternalException):
                raise
            self.close()
            return self._rows(sql, parameters)

    def _rows(self, sql: str, parameters: Sequence[Any]) -> Rows:
        with self.reading() as database:
            names, rows = database.rows(sql, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    @contextmanager
    def batches(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Batches]:
        """Yield the columns and the Arrow batches of a query; the file stays open inside the block."""
        with self.reading() as database:
            yield database.batches(sql, parameters)

    @contextmanager
    def reading(self) -> Iterator[ReadOnlyDatabase]:
        """Yield a reader of the file as it is on the disk now; each thread has its own."""
        with self._changed:
            if self._identity != self.identity():
                self._changed.wait_for(lambda: self._readers == 0)
                self._reopen()
            database = self._database
            assert database is not None  # noqa: S101 - `_reopen` raises otherwise
            self._readers += 1
        try:
            with database.another() as own:
                yield own
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Close the file when no query runs; the next query opens it."""
        with self._changed:
            self._changed.wait_for(lambda: self._readers == 0)
            self._close()

    def _reopen(self) -> None:
        identity = self.identity()
        if identity == self._identity:  # another thread was faster
            return
        self._close()
        self._database = self._open.enter_context(open_read_only(self._path, **self._limits))
        self._identity = identity

    def _close(self) -> None:
        self._open.close()
        self._database = self._identity = None
