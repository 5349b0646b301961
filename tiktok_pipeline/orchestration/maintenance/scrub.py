"""Remove a creator's names from Dagster's records: messages and failures that quote them, and captured output."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tiktok_pipeline.privacy.scrub import contains_name

_QUOTING_EVENTS = ("StepFailureData", "JobFailureData", '"dagster_event": null')
"""Marks of the events whose text may quote a cell: failures, and messages of a log."""


def scrub_event_log(dagster_home: Path, pattern: re.Pattern[bytes]) -> int:
    """Delete the messages, failures and captured output that match.

    The other records of a run stay: a word such as a name may be an asset's, and Dagster needs those.

    Parameters
    ----------
    dagster_home : Path
        Dagster's storage in the home.
    pattern : re.Pattern of bytes
        The names, see `tiktok_pipeline.privacy.scrub.name_pattern`.

    Returns
    -------
    int
        The number of deleted events and files.
    """
    removed = 0
    for captured in (*dagster_home.rglob("*.out"), *dagster_home.rglob("*.err")):
        if captured.is_file() and contains_name(captured, pattern):
            captured.unlink()
            removed += 1
    for database in sorted(dagster_home.rglob("*.db")):
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            removed += _delete_events(connection, pattern)
            connection.execute("pragma wal_checkpoint(truncate)")
    return removed


def _delete_events(connection: sqlite3.Connection, pattern: re.Pattern[bytes]) -> int:
    has_events = "select 1 from sqlite_master where type = 'table' and name = 'event_logs'"
    if connection.execute(has_events).fetchone() is None:
        return 0
    matches = [
        (event_id,)
        for event_id, event in connection.execute("select id, event from event_logs")
        if event is not None
        and any(mark in event for mark in _QUOTING_EVENTS)
        and pattern.search(event.encode("utf-8", "replace"))
    ]
    connection.executemany("delete from event_logs where id = ?", matches)
    connection.commit()
    if matches:
        connection.execute("vacuum")
    return len(matches)
