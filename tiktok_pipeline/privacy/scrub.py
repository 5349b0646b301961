"""Finds and removes a name outside of the tables and the raw files: exports, refused files, logs, Dagster's records.

Nothing of the program writes names there on purpose; what a failure quoted, and what a person put into the home, is found.
"""

from __future__ import annotations

import gzip
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from tiktok_pipeline.home.layout import REASON_SUFFIX
from tiktok_pipeline.settings import Settings

EXPORTS = (".csv", ".xlsx", ".parquet", ".json", ".ndjson", ".jsonl", ".gz", ".html", ".txt")
_BLOCK_BYTES = 1 << 20
_TOLD = ("StepFailureData", "JobFailureData", '"dagster_event": null')
"""What marks the records of Dagster in which a text of the data may stand: failures, and messages of the log."""


def name_pattern(names: Collection[str]) -> re.Pattern[bytes]:
    """One of the names as a whole word, in any case of letters."""
    either = b"|".join(re.escape(name.encode("utf-8")) for name in sorted(names))
    return re.compile(rb"(?<![A-Za-z0-9._])(?:" + either + rb")(?![A-Za-z0-9_]|\.[A-Za-z0-9_])", re.IGNORECASE)


def contains_name(path: Path, pattern: re.Pattern[bytes]) -> bool:
    """Whether a file holds the pattern, unpacked; a file that cannot be unpacked is searched as it is."""
    try:
        if path.suffix == ".parquet":
            return _parquet_holds(path, pattern)
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as archive:
                return any(_stream_holds(archive.open(name), pattern) for name in archive.namelist())
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as stream:
                return _stream_holds(stream, pattern)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, ValueError):
        pass
    with path.open("rb") as content:
        return _stream_holds(content, pattern)


def _stream_holds(stream: IO[bytes] | gzip.GzipFile, pattern: re.Pattern[bytes]) -> bool:
    tail = b""
    while block := stream.read(_BLOCK_BYTES):
        if pattern.search(tail + block):
            return True
        tail = (tail + block)[-512:]
    return False


def _parquet_holds(path: Path, pattern: re.Pattern[bytes]) -> bool:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=20_000):
            for column in batch.columns:
                if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                    text = "\n".join(one for one in column.to_pylist() if one is not None)
                    if pattern.search(text.encode("utf-8", "replace")):
                        return True
    return False


def remove_files(settings: Settings, pattern: re.Pattern[bytes]) -> list[Path]:
    """Delete the exports that people put into the home, and the refused files, that hold the pattern; gives their paths."""
    gone = []
    for path in _files_of_people(settings):
        if contains_name(path, pattern):
            path.unlink()
            gone.append(path)
            if path.parent == settings.refused and not path.name.endswith(REASON_SUFFIX):
                path.with_name(f"{path.name}{REASON_SUFFIX}").unlink(missing_ok=True)
    return gone


def _files_of_people(settings: Settings) -> Iterator[Path]:
    own = {settings.raw, settings.warehouse_file.parent, settings.published_file.parent, settings.reports}
    own |= {settings.dagster_home, settings.incoming, settings.home / "sample"}
    for path in sorted(settings.home.rglob("*")):
        inside = path.is_relative_to(settings.refused) or not any(path.is_relative_to(folder) for folder in own)
        if inside and path.is_file() and not path.is_symlink() and path.suffix.lower() in EXPORTS:
            yield path


def scrub_log(file: Path, pattern: re.Pattern[bytes]) -> None:
    """Take the name out of a text file of ours, and out of the one kept before it."""
    for one in (file, file.with_name(f"{file.name}.1")):
        if one.exists() and pattern.search(content := one.read_bytes()):
            draft = one.with_name(f".{one.name}.draft")
            draft.write_bytes(pattern.sub(b"[forgotten]", content))
            draft.replace(one)


def scrub_event_log(home: Path, pattern: re.Pattern[bytes]) -> int:
    """Delete the messages and failures of Dagster's records that hold the pattern, and the captured output; how many.

    The rest of a run's record stays: a word such as a name may be an asset's, and Dagster needs those.
    """
    removed = 0
    for captured in (*home.rglob("*.out"), *home.rglob("*.err")):
        if captured.is_file() and contains_name(captured, pattern):
            captured.unlink()
            removed += 1
    for database in sorted(home.rglob("*.db")):
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            removed += _scrub_events(connection, pattern)
            connection.execute("pragma wal_checkpoint(truncate)")
    return removed


def _scrub_events(connection: sqlite3.Connection, pattern: re.Pattern[bytes]) -> int:
    there = connection.execute("select 1 from sqlite_master where type = 'table' and name = 'event_logs'").fetchone()
    if there is None:
        return 0
    found = [
        row
        for row, event in connection.execute("select id, event from event_logs")
        if event is not None
        and any(mark in event for mark in _TOLD)
        and pattern.search(event.encode("utf-8", "replace"))
    ]
    connection.executemany("delete from event_logs where id = ?", [(row,) for row in found])
    connection.commit()
    if found:
        connection.execute("vacuum")
    return len(found)
