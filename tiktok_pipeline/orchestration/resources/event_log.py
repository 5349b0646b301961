"""Makes Dagster's record of a run quick to write: a thousand small commits, each of which would wait for the disk twice.

Dagster opens and closes SQLite for every event. In write-ahead mode, which it uses, ``synchronous = NORMAL`` cannot damage
the file: after a loss of power the last events of a run may be missing (the run is then ended by
`tiktok_pipeline.orchestration.runs.dead_runs`), after a killed process none are. A second connection that stays open spares the
checkpoint that each last one to close would make. The tables are DuckDB's and not touched by any of this.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def fast_event_log() -> Iterator[None]:
    """For the time of a block, SQLite connections do not wait for the disk at every commit."""
    from sqlalchemy import event  # noqa: PLC0415 - Dagster brings it
    from sqlalchemy.engine import Engine  # noqa: PLC0415

    kept: dict[str, sqlite3.Connection] = {}

    def relax(connection: Any, _: object) -> None:  # noqa: ANN401 - whichever driver it is
        if not isinstance(connection, sqlite3.Connection):
            return
        connection.execute("pragma synchronous = normal")
        file = connection.execute("pragma database_list").fetchone()[2]
        if file:
            if file not in kept:
                kept[file] = sqlite3.connect(file, check_same_thread=False)
            # It counts as open only once it has read in the file's present mode.
            kept[file].execute("select count(*) from sqlite_master").fetchone()

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)
        for connection in kept.values():
            connection.close()
