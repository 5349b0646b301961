"""Opens database files: for writing with a bounded wait, for reading and nothing else.

What is in the tables is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tiktok_pipeline.warehouse.base import QueryError, WarehouseError, WarehouseLockedError

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.1, 2.0
_NO_STATEMENT = "there is no statement in it; expected one such as: select * from meta.version"


def connect(
    path: Path | None,
    *,
    timeout_seconds: float,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open a database for writing, waiting at most ``timeout_seconds`` for another process to let go of it."""
    config: dict[str, str | bool | int | float | list[str]] = {}
    if memory_limit:
        config["memory_limit"] = memory_limit
    if threads:
        config["threads"] = threads
    if path is None:
        return duckdb.connect(config=config)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    config["temp_directory"] = str(path.with_name(path.name + ".tmp"))
    deadline = time.monotonic() + timeout_seconds
    pause = _FIRST_POLL_SECONDS
    while True:
        try:
            return duckdb.connect(str(path), config=config)
        except duckdb.Error as problem:
            text = " ".join(str(problem).split())
            if "could not set lock" not in text.lower():
                msg = f"{path}: cannot be opened: {text[:300]}"
                raise WarehouseError(msg) from problem
            if time.monotonic() >= deadline:
                raise WarehouseLockedError(_locked(path, timeout_seconds, text)) from problem
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause = min(pause * 2, _LONGEST_POLL_SECONDS)


class ReadOnlyDatabase:
    """One database file, open for reading and nothing else; values of a query are its parameters (``?``)."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self._path = path
        self._connection = connection
        self._answer: pa.RecordBatchReader | None = None

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Answer a query whole: (column names, rows)."""
        self.close()
        with _translate_errors(self._path):
            cursor = self._connection.execute(sql, list(parameters))
            if cursor is None:
                raise QueryError(_NO_STATEMENT)
            names = [str(column[0]) for column in cursor.description or []]
            return names, cursor.fetchall()

    def batches(
        self, sql: str, parameters: Sequence[Any] = (), *, rows_per_batch: int = 20_000
    ) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Answer a query piece by piece: (columns, Arrow batches of at most ``rows_per_batch`` rows).

        However many rows there are, few are in memory. Read them to their end before the next query, or leave them.
        """
        self.close()
        with _translate_errors(self._path):
            answer = self._connection.sql(sql, params=list(parameters))
            if answer is None:
                raise QueryError(_NO_STATEMENT)
            self._answer = answer.to_arrow_reader(rows_per_batch)
        return self._answer.schema, self._one_by_one(self._answer)

    def close(self) -> None:
        """Let go of an answer that was not read to its end: held, it would block the next opening of the file for ever."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def _one_by_one(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (OSError, ValueError, duckdb.Error) as problem:  # Arrow tells the engine's errors as its own
                raise WarehouseError(_unreadable(self._path, problem)) from problem
            yield batch


@contextmanager
def open_read_only(
    path: Path, *, memory_limit: str | None = None, threads: int | None = None
) -> Iterator[ReadOnlyDatabase]:
    """Open a database file for reading; the connection reads that file and nothing else.

    All queries inside the block see the same file, also where another is put in its place meanwhile. Raises
    `WarehouseError` where the file cannot be read; its queries raise that, or `QueryError` where they are wrong.
    """
    if not path.exists():
        msg = f"{path}: no such database yet; run `tiktok-pipeline refresh FILE` first"
        raise WarehouseError(msg)
    config: dict[str, str | bool | int | float | list[str]] = {"enable_external_access": False}
    if memory_limit:
        config["memory_limit"] = memory_limit
    if threads:
        config["threads"] = threads
    with _translate_errors(path):
        connection = duckdb.connect(str(path), read_only=True, config=config)
    with connection:
        reader = ReadOnlyDatabase(path, connection)
        try:
            yield reader
        finally:
            reader.close()


def query(path: Path, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one read-only query over a database file: (column names, rows); see `open_read_only`."""
    with open_read_only(path) as reader:
        return reader.rows(sql, parameters)


def published_delivery_ids(path: Path) -> dict[str, str]:
    """The delivery from which the shared tables of each published snapshot were made; none where there is no such file."""
    if not path.exists():
        return {}
    try:
        _, rows = query(
            path, "select snapshot, any_value(origin) from meta.slices where study = '' and snapshot <> '' group by 1"
        )
    except WarehouseError:  # of a version that kept no such list, or damaged: what is not known is made anew
        return {}
    return {str(snapshot): str(delivery_id) for snapshot, delivery_id in rows}


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    """Turn the engine's errors inside the block into ours."""
    try:
        yield
    except duckdb.IOException as problem:
        raise WarehouseError(_unreadable(path, problem)) from problem
    except duckdb.Error as problem:
        first, *others = str(problem).strip().splitlines() or [""]
        raise QueryError(first, details=[line for line in others if line.strip()]) from problem


def _unreadable(path: Path, problem: Exception) -> str:
    return f"{path}: cannot be read now: {' '.join(str(problem).split())[:300]}"


def _locked(path: Path, waited_seconds: float, text: str) -> str:
    holder = (
        text[text.find("held in") :].split(". ", maxsplit=1)[0] if "held in" in text else "held by another program"
    )
    return (
        f"{path}: waited {waited_seconds:g} s for the database, {holder}. Close what has it open (a notebook, a BI tool, "
        "`sql --warehouse`), or let it read published/tiktok.duckdb instead, and try again"
    )
