"""Make Dagster's records of a run fast to write: keep the connections to its SQLite databases open.

Dagster opens a database for each of about two thousand statements of a small refresh, compiles the statement again,
and waits for the disk twice. In write-ahead mode, which it uses, ``synchronous = NORMAL`` cannot damage the file.
After a loss of power the last events of a run may be missing, and
`tiktok_pipeline.orchestration.runs.orphaned_runs` ends that run; after a killed process none are missing. The tables
of the warehouse are not affected.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from dagster import DagsterInstance

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

_BUSY_SECONDS = 60.0
"""How long a statement waits for another process that writes, as in Dagster's own connections."""


@contextmanager
def fast_event_log(instance: DagsterInstance | None) -> Iterator[None]:
    """Keep the connections of the instance's run storage and event log open inside the block.

    Dagster has no setting for this. Storages that are not in SQLite are left alone.
    """
    if instance is None:
        yield
        return
    events = instance.event_log_storage
    with ExitStack() as stack:
        for storage, method in (
            (events, "run_connection"),
            (events, "index_connection"),
            (instance.run_storage, "connect"),
        ):
            connect = getattr(storage, method, None)
            if connect is not None and not isinstance(connect, _KeptConnections):
                kept = _KeptConnections(connect)
                stack.callback(kept.close)
                stack.enter_context(_replaced(storage, method, kept))
        has_table = getattr(events, "has_table", None)
        if has_table is not None and not hasattr(has_table, "cache_info"):
            # Dagster asks for each partition of each step.
            stack.enter_context(_replaced(events, "has_table", cache(has_table)))
        yield


@contextmanager
def _replaced(storage: object, method: str, function: Callable[..., Any]) -> Iterator[None]:
    """Replace a method of one object inside the block."""
    setattr(storage, method, function)
    try:
        yield
    finally:
        delattr(storage, method)


class _KeptConnections:
    """Replaces a storage's method that opens a connection: one pool of open connections for each database."""

    def __init__(self, connect: Callable[..., AbstractContextManager[Connection]]) -> None:
        self._connect = connect
        self._engines: dict[tuple[Hashable, ...], Engine | None] = {}

    @contextmanager
    def __call__(self, *database: Hashable) -> Iterator[Connection]:
        if database not in self._engines:
            with self._connect(*database) as first:  # creates the database
                self._engines[database] = _pool(first.engine.url)
        engine = self._engines[database]
        with engine.begin() if engine else self._connect(*database) as connection:
            yield connection

    def close(self) -> None:
        for engine in self._engines.values():
            if engine is not None:
                engine.dispose()


def _pool(url: URL) -> Engine | None:
    """Return a pool of connections that do not wait for the disk at every commit; None if this is not SQLite."""
    from sqlalchemy import QueuePool, create_engine, event  # noqa: PLC0415 - a dependency of Dagster

    if url.get_backend_name() != "sqlite":
        return None
    engine = create_engine(
        url, poolclass=QueuePool, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}
    )

    def relax(connection: Any, _: object) -> None:  # noqa: ANN401 - a connection of any driver
        connection.execute("pragma synchronous = normal")

    event.listen(engine, "connect", relax)
    return engine
