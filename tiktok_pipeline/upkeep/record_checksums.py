"""Checksums of Dagster's records: SQLite has none, so a letter that changed in a finished run would not be seen.

Records also change by right: a tick is added, a run is deleted in the web interface. So what is compared is what does
not change any more: the events, checks and tags of a run that has ended, as long as it has the same number of them;
and every other row whose times and other cells did not both change, as they do when Dagster writes it. Ticks of
sensors and schedules are left out: Dagster writes their outcome without a time.
"""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.home.manifest import check_content, with_checksum
from tiktok_pipeline.safe_text import one_line

FILE = "checksums.json"
"""The file beside Dagster's records that keeps their checksums."""

_OF_RUNS = ("event_logs", "asset_check_executions", "run_tags")
_OF_ROWS = (
    *("runs", "asset_keys", "asset_event_tags", "dynamic_partitions", "snapshots", "instigators"),
    *("secondary_indexes", "alembic_version"),
)
_LEFT_OUT = {"asset_keys": ("cached_status_data",), "sqlite_master": ("rootpage",)}
"""Columns that Dagster or SQLite fill again. Other tables are of the same kind, such as heartbeats of the daemon."""
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")


_ESCAPED = re.compile(r"\\x[0-9a-f]{2}")
"""A byte that is not UTF-8, as `_text` shows it."""


class _Sums(NamedTuple):
    """The number of rows, and the sums of the checksums of their times and of their other cells."""

    rows: int
    times: int
    cells: int


_Database = dict[str, dict[str, _Sums]]
"""The sums of a database by table and by run or row."""


def record_checksums(dagster_home: Path) -> None:
    """Keep the checksums of what does not change any more; what was damaged before stays known as such.

    A database that cannot be read now keeps its earlier checksums. Only for the holder of the home's lock.
    """
    file = dagster_home / FILE
    known, is_sound = _read(file)
    if not is_sound:
        return
    with suppress(sqlite3.Error, OSError):  # what was asked for is done
        ended = _ended_runs(dagster_home)
        found = dict(_record(dagster_home, known, ended, since=file.stat().st_mtime if file.exists() else 0.0))
        if found != known:
            content = {"dagster": version("dagster"), "databases": found}
            atomic_write_text(file, json.dumps(with_checksum(json.loads(json.dumps(content)))))


def forget_checksums(dagster_home: Path) -> None:
    """Remove the checksums before records are rewritten, as an erasure does."""
    (dagster_home / FILE).unlink(missing_ok=True)


def changed_records(dagster_home: Path) -> Iterator[str]:
    """Yield what changed in Dagster's records since they were final, with the names of databases and tables."""
    known, is_sound = _read(dagster_home / FILE)
    if not is_sound:
        yield f"{dagster_home / FILE}: damaged"
    try:
        runs = _runs(dagster_home)
    except sqlite3.Error:  # the structure is damaged, which is told already
        return
    for path in sorted(dagster_home.rglob("*.db")):
        try:
            with closing(_open(path)) as connection:
                before = known.get(_name(dagster_home, path), {})
                yield from (f"{path}: {found}" for found in _changes(connection, before, runs))
        except sqlite3.Error as error:
            yield f"{path}: {one_line(str(error))}"


def _changes(connection: sqlite3.Connection, known: _Database, runs: Collection[str]) -> Iterator[str]:
    now = _all_sums(connection, runs)
    for table, sums in known.items():
        # Dagster keeps some rows of a run that was deleted; they are not compared.
        kept = [key for key in sums if table not in _OF_RUNS or key in runs]
        changed = sum(_is_changed(table, sums[key], now.get(table, {}).get(key)) for key in kept)
        if changed:
            yield f"{table}: {changed} {'run(s)' if table in _OF_RUNS else 'row(s)'} changed after the last write"
    for table in _OF_RUNS:
        if misspelled := _misspelled(now.get(table, {}), runs):
            yield f"{table}: the run of {misspelled} row(s) changed"


def _misspelled(sums: Mapping[str, _Sums], runs: Collection[str]) -> int:
    """Count the rows whose run does not exist, and differs in one letter from one that does.

    Such a row is missing from its run as if Dagster had deleted it.
    """
    strangers = {_ESCAPED.sub("?", key): total.rows for key, total in sums.items() if key not in runs}
    if not strangers:
        return 0
    nearly = {similar for run in runs for similar in _with_one_letter_open(run)}
    return sum(rows for key, rows in strangers.items() if not nearly.isdisjoint(_with_one_letter_open(key)))


def _with_one_letter_open(run: str) -> Iterator[str]:
    return (f"{run[:place]}?{run[place + 1 :]}" for place in range(len(run)))


def _is_changed(table: str, before: _Sums, now: _Sums | None) -> bool:
    """Return whether a row, or a run's rows, are other than they were without having been written again."""
    if now is None or now.rows != before.rows:  # deleted, or more was added
        return False
    times, cells = now.times != before.times, now.cells != before.cells
    return (times or cells) if table in _OF_RUNS else times != cells


def _record(
    dagster_home: Path, known: Mapping[str, _Database], ended: Collection[str], *, since: float
) -> Iterator[tuple[str, _Database]]:
    for path in sorted(dagster_home.rglob("*.db")):
        name = _name(dagster_home, path)
        before = known.get(name, {})
        is_unchanged = path.stem in ended and before and path.stat().st_mtime < since
        if is_unchanged:
            yield name, before
            continue
        try:
            with closing(_open(path)) as connection:
                now = _all_sums(connection, ended, before)
        except sqlite3.Error:
            yield name, before
            continue
        for table in _OF_RUNS:
            now[table] = {key: sums for key, sums in now.get(table, {}).items() if key in ended}
        yield name, {table: _merged(table, before.get(table, {}), sums) for table, sums in now.items() if sums}


def _merged(table: str, before: Mapping[str, _Sums], now: Mapping[str, _Sums]) -> dict[str, _Sums]:
    """Return the sums of now, but those from before where the rows were changed without being written."""
    return {key: _kept(table, before.get(key), sums) for key, sums in now.items()}


def _kept(table: str, before: _Sums | None, now: _Sums) -> _Sums:
    return before if before and _is_changed(table, before, now) else now


def _all_sums(connection: sqlite3.Connection, runs: Collection[str], before: _Database | None = None) -> _Database:
    """Return the sums of all tables that are compared; those in ``before`` of as many rows are not read again."""
    there = [_text(name) for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
    by_row = [table for table in _OF_ROWS if table in there]
    return {table: _sums_by_row(connection, table) for table in ("sqlite_master", *by_row)} | {
        table: _sums_by_run(connection, table, runs, (before or {}).get(table, {}))
        for table in _OF_RUNS
        if table in there
    }


def _sums_by_run(
    connection: sqlite3.Connection, table: str, runs: Collection[str], before: Mapping[str, _Sums]
) -> dict[str, _Sums]:
    # Without its index: there the run of a row may be another than in the row.
    counted = connection.execute(f"select run_id, count(*) from {table} not indexed group by run_id")  # noqa: S608
    counts = {_text(run): int(rows) for run, rows in counted}
    kept = {run: known for run, known in before.items() if known.rows == counts.get(run)}
    cells = dict.fromkeys((run for run in counts if run in runs and run not in kept), 0)
    if cells:
        read = connection.execute(f"select run_id, * from {table} not indexed")  # noqa: S608
        for run, *row in read:
            if (key := _text(run)) in cells:
                cells[key] = (cells[key] + _crc(row)) % 2**32
    return {run: kept.get(run) or _Sums(rows, 0, cells.get(run, 0)) for run, rows in counts.items()}


def _sums_by_row(connection: sqlite3.Connection, table: str) -> dict[str, _Sums]:
    left_out = _LEFT_OUT.get(table, ())
    read = connection.execute(f"select rowid, * from {table}")  # noqa: S608 - a name of this module
    names = [name for name, *_ in read.description]
    times = [place for place, name in enumerate(names) if place and "timestamp" in name]
    cells = [place for place, name in enumerate(names) if place and place not in times and name not in left_out]
    return {
        str(row[0]): _Sums(1, _crc([row[place] for place in times]), _crc([row[place] for place in cells]))
        for row in read
    }


def _crc(cells: Sequence[Any]) -> int:
    return zlib.crc32(repr(tuple(cells)).encode())


def _ended_runs(dagster_home: Path) -> set[str]:
    return {run for run, status in _runs(dagster_home).items() if status in _ENDED}


def _runs(dagster_home: Path) -> dict[str, str]:
    """Return the status of each run."""
    found: dict[str, str] = {}
    for path in dagster_home.rglob("runs.db"):
        with closing(_open(path)) as connection:
            rows = connection.execute("select run_id, status from runs").fetchall()
            found |= {_text(run): _text(status) for run, status in rows}
    return found


def _open(path: Path) -> sqlite3.Connection:
    """Open a database to read; texts are bytes, because damaged ones need not be UTF-8."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)
    connection.text_factory = bytes
    return connection


def _text(cell: object) -> str:
    return cell.decode("utf-8", "backslashreplace") if isinstance(cell, bytes) else str(cell or "")


def _name(dagster_home: Path, path: Path) -> str:
    return path.relative_to(dagster_home).as_posix()


def _read(file: Path) -> tuple[dict[str, _Database], bool]:
    """Return the sums of each database, none if another version of Dagster wrote them, and whether they are sound."""
    if not file.exists():
        return {}, True
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        check_content(content)
        if content["dagster"] != version("dagster"):
            return {}, True
        return {
            name: {table: {key: _Sums(*sums) for key, sums in keys.items()} for table, keys in tables.items()}
            for name, tables in content["databases"].items()
        }, True
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}, False


def sqlite_problem(path: Path, pragma: Literal["quick_check", "integrity_check"]) -> str:
    """Return what SQLite finds wrong in the structure of a file; "" if nothing."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            return next((str(row[0]) for row in connection.execute(f"pragma {pragma}(1)") if row[0] != "ok"), "")
    except (sqlite3.Error, UnicodeError) as error:
        return one_line(str(error))
