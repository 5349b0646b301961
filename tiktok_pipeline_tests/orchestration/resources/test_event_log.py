"""The fast event log: commits do not wait for the disk, the log survives, other databases are left alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from tiktok_pipeline.orchestration.resources.event_log import fast_event_log


def synchronous(file: Path) -> int:
    """How long a connection opened as Dagster opens it waits for the disk: 1 is normal, 2 is full."""
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(text("pragma synchronous")).scalar_one()
    engine.dispose()
    return int(found)


def write(file: Path, value: int) -> None:
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("insert into t values (:value)"), {"value": value})
    engine.dispose()


def test_commits_do_not_wait_inside_the_block_and_do_outside(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    before = synchronous(file)
    with fast_event_log():
        assert synchronous(file) == 1
    assert synchronous(file) == before != 1


def test_the_log_stays_open_between_events_and_is_whole_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    with sqlite3.connect(file) as first:
        first.execute("pragma journal_mode = wal")
        first.execute("create table t (value integer)")
    first.close()
    with fast_event_log():
        for value in range(5):
            write(file, value)
        assert (tmp_path / "log.db-wal").stat().st_size > 0  # the last one to close would have emptied it
    with sqlite3.connect(file) as after:
        assert after.execute("select count(*) from t").fetchone() == (5,)
    after.close()


def test_other_databases_are_left_alone(tmp_path: Path) -> None:
    with fast_event_log():
        engine = create_engine("sqlite://")
        with engine.connect() as connection:
            assert connection.execute(text("select 1")).scalar_one() == 1
        engine.dispose()
    assert list(tmp_path.iterdir()) == []
