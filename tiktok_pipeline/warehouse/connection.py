"""Opens database files: for writing with a bounded wait, for reading one query, and only in a version that fits.

What is in the tables is not known here.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb

from tiktok_pipeline.warehouse.base import QueryError, WarehouseError, WarehouseLockedError

VERSION = 1
"""Version of the tables, kept in ``meta.version`` of every database file."""

_POLL_SECONDS = 0.2


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
    path.parent.mkdir(parents=True, exist_ok=True)
    config["temp_directory"] = str(path.with_name(path.name + ".tmp"))
    deadline = time.monotonic() + timeout_seconds
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
            time.sleep(_POLL_SECONDS)


def query(path: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one read-only query over a database file: (column names, rows).

    The connection reads that file and nothing else. Raises `WarehouseError` where the file or the query is wrong.
    """
    if not path.exists():
        msg = f"{path}: no such database yet; run `tiktok-pipeline refresh FILE` first"
        raise WarehouseError(msg)
    try:
        with duckdb.connect(str(path), read_only=True, config={"enable_external_access": False}) as connection:
            cursor = connection.execute(sql)
            if cursor is None:
                msg = "there is no statement in it; expected one such as: select * from meta.version"
                raise QueryError(msg)
            names = [str(column[0]) for column in cursor.description or []]
            return names, cursor.fetchall()
    except duckdb.IOException as problem:
        msg = f"{path}: cannot be read now: {' '.join(str(problem).split())[:300]}"
        raise WarehouseError(msg) from problem
    except duckdb.Error as problem:
        raise QueryError(str(problem).strip().partition("\n")[0]) from problem


def _locked(path: Path, waited_seconds: float, text: str) -> str:
    holder = (
        text[text.find("held in") :].split(". ", maxsplit=1)[0] if "held in" in text else "held by another program"
    )
    return (
        f"{path}: waited {waited_seconds:g} s for the database, {holder}. Close what has it open (a notebook, a BI tool, "
        "`sql --warehouse`), or let it read published/tiktok.duckdb instead, and try again"
    )


def check_version(connection: duckdb.DuckDBPyConnection, path: Path | None) -> None:
    """Write the version into a new database; raises `WarehouseError` where a file has another one."""
    there = connection.execute(
        "select count(*) from information_schema.tables where table_schema = 'meta' and table_name = 'version'"
    ).fetchall()[0][0]
    if not there:
        write_meta(connection, "")
        return
    version = int(connection.execute("select version from meta.version").fetchall()[0][0])
    if version != VERSION:
        msg = f"{path}: made by version {version} of the tables, this program writes version {VERSION}; install the other one"
        raise WarehouseError(msg)


def write_meta(connection: duckdb.DuckDBPyConnection, prefix: str) -> None:
    """Put the version into the catalog that ``prefix`` names (empty, or a name and a dot)."""
    connection.execute(f"create schema if not exists {prefix}meta")
    connection.execute(f"create or replace table {prefix}meta.version as select {VERSION}::integer as version")
