"""Make Dagster's event log of a run fast to write: a thousand small commits, each of which waits for the disk twice.

Dagster opens and closes SQLite for every event. In write-ahead mode, which it uses, ``synchronous = NORMAL`` cannot
damage the file. After a loss of power the last events of a run may be missing, and
`tiktok_pipeline.orchestration.runs.orphaned_runs` ends that run; after a killed process none are missing. A second
connection that stays open avoids the checkpoint at every close. The tables of the warehouse are not affected.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def fast_event_log() -> Iterator[None]:
    """Inside the block, SQLite connections do not wait for the disk at every commit."""
    from sqlalchemy import event  # noqa: PLC0415 - a dependency of Dagster
    from sqlalchemy.engine import Engine  # noqa: PLC0415

    kept_open: dict[str, sqlite3.Connection] = {}

    def relax(connection: Any, _: object) -> None:  # noqa: ANN401 - a connection of any driver
        if not isinstance(connection, sqlite3.Connection):
            return
        connection.execute("pragma synchronous = normal")
        file = connection.execute("pragma database_list").fetchone()[2]
        if file:
            if file not in kept_open:
                kept_open[file] = sqlite3.connect(file, check_same_thread=False)
            # A connection counts as open only after its first read.
            kept_open[file].execute("select count(*) from sqlite_master").fetchone()

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)
        for connection in kept_open.values():
            connection.close()
