"""Remove a creator's names from Dagster's records: messages and failures that quote them, tags, captured output."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import dagster
from dagster import DagsterEventType

from tiktok_pipeline.privacy.content import contains_name
from tiktok_pipeline.privacy.spelling import NamePattern, is_distinctive, is_number, name_in_path, name_pattern
from tiktok_pipeline.upkeep.record_checksums import forget_checksums

_QUOTING_EVENTS = ("StepFailureData", "JobFailureData", '"dagster_event": null')
"""Marks of the events whose text may quote a cell: failures, and messages of a log."""

_FORGOTTEN_NUMBER = "0"


def scrub_records(dagster_home: Path, names: Collection[str], *, own_words: Collection[str]) -> int:
    """Delete the messages, failures and captured output with a name, and replace the names in all other records.

    Parameters
    ----------
    dagster_home : Path
        Dagster's storage in the home.
    names : collection of str
        Handles and numbers.
    own_words : collection of str
        The names of tables and studies. A name that is part of such a word, or of one of Dagster's, stays in the
        other records: Dagster needs them.

    Returns
    -------
    int
        The number of deleted events and files.
    """
    pattern = name_pattern(names)
    removed = 0
    forget_checksums(dagster_home)
    for captured in (*dagster_home.rglob("*.out"), *dagster_home.rglob("*.err")):
        if captured.is_file() and contains_name(captured, pattern):
            captured.unlink()
            removed += 1
    words = " ".join([*own_words, *dir(dagster), *DagsterEventType.__members__]).lower()
    replaceable = [name for name in names if is_distinctive(name) and name.lower() not in words]
    for database in sorted(dagster_home.rglob("*.db")):
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            removed += _delete_events(connection, pattern)
            _replace_names(connection, replaceable)
            connection.execute("pragma wal_checkpoint(truncate)")
    return removed


def _delete_events(connection: sqlite3.Connection, pattern: NamePattern) -> int:
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


def _replace_names(connection: sqlite3.Connection, names: Collection[str]) -> None:
    """Replace the names in every text of every table, for example in tags that list delivered files."""
    numbers = [name for name in names if is_number(name)]
    handles = [name for name in names if not is_number(name)]
    steps = [(name_in_path(handles), "forgotten"), (name_in_path(numbers), _FORGOTTEN_NUMBER)]

    def without_names(cell: str | bytes | float | None) -> str | bytes | float | None:
        if not isinstance(cell, str):
            return cell
        for pattern, replacement in steps:
            cell = pattern.sub(replacement, cell)
        return cell

    if not names:
        return
    connection.create_function("without_names", 1, without_names, deterministic=True)
    changed = 0
    for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
        quoted = table.replace('"', '""')
        for _, column, type_, *_ in connection.execute(f'pragma table_info("{quoted}")').fetchall():
            if "char" in type_.lower() or "text" in type_.lower() or "clob" in type_.lower():
                cell = f'"{column}"'
                changed += connection.execute(
                    f'update or replace "{quoted}" set {cell} = without_names({cell}) '  # noqa: S608 - SQLite's own names
                    f"where {cell} is not null and without_names({cell}) <> {cell}"
                ).rowcount
    connection.commit()
    if changed:
        connection.execute("vacuum")
