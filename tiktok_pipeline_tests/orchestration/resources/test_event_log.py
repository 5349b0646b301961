"""The fast event log: connections stay open, commits do not wait for the disk, and no record is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dagster import DagsterInstance, job
from sqlalchemy import make_url, text

from tiktok_pipeline.orchestration.resources.event_log import fast_event_log

NORMAL, FULL = 1, 2


@job
def nothing() -> None:
    """A job without a step."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as opened:
        yield opened


def synchronous(instance: DagsterInstance, database: str) -> int:
    """Return how long a commit waits for the disk."""
    storage = cast("Any", instance.run_storage if database == "runs" else instance.event_log_storage)
    opened = storage.connect() if database == "runs" else storage.index_connection()
    with opened as connection:
        return int(connection.execute(text("pragma synchronous")).scalar_one())


def open_connection(instance: DagsterInstance) -> Any:
    with cast("Any", instance.event_log_storage).index_connection() as connection:
        return connection.connection.driver_connection


@pytest.mark.parametrize("database", ["runs", "events"])
def test_commits_do_not_wait_inside_the_block_and_do_outside(instance: DagsterInstance, database: str) -> None:
    with fast_event_log(instance):
        assert synchronous(instance, database) == NORMAL
    assert synchronous(instance, database) == FULL


def test_a_connection_stays_open_inside_the_block(instance: DagsterInstance) -> None:
    with fast_event_log(instance):
        assert open_connection(instance) is open_connection(instance)
    assert open_connection(instance) is not open_connection(instance)


def test_a_table_is_looked_up_once_inside_the_block(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    storage = cast("Any", instance.event_log_storage)

    def has_table(_: Any, name: str) -> bool:
        asked.append(name)
        return True

    monkeypatch.setattr(type(storage), "has_table", has_table)
    with fast_event_log(instance):
        assert [storage.has_table("dynamic_partitions") for _ in range(3)] == [True] * 3
    assert asked == ["dynamic_partitions"]


def test_every_record_is_there_after_the_block(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance, fast_event_log(instance):
        run = nothing.execute_in_process(instance=instance)
        assert run.success
        written = [entry.message for entry in instance.all_logs(run.run_id)]
    with DagsterInstance.local_temp(str(tmp_path)) as reopened:
        assert [entry.message for entry in reopened.all_logs(run.run_id)] == written
        assert [stored.run_id for stored in reopened.get_runs()] == [run.run_id]
    assert not list(tmp_path.rglob("*-wal")), "closing the last connection moves everything into the database"


def test_a_second_block_inside_the_first_changes_nothing(instance: DagsterInstance) -> None:
    with fast_event_log(instance):
        kept = open_connection(instance)
        with fast_event_log(instance):
            assert open_connection(instance) is kept
        assert open_connection(instance) is kept


def test_an_instance_in_memory_keeps_its_records() -> None:
    with DagsterInstance.ephemeral() as instance:
        with fast_event_log(instance):
            run = nothing.execute_in_process(instance=instance)
        assert instance.all_logs(run.run_id)


def test_a_storage_that_is_not_in_sqlite_is_left_alone() -> None:
    opened: list[str] = []

    @contextmanager
    def connect(*database: str) -> Iterator[Any]:
        opened.extend(database)
        yield SimpleNamespace(engine=SimpleNamespace(url=make_url("postgresql://server/dagster")))

    storage = SimpleNamespace(run_connection=connect, index_connection=connect, connect=connect, has_table=bool)
    server = cast("DagsterInstance", SimpleNamespace(event_log_storage=storage, run_storage=storage))
    with fast_event_log(server):
        for _ in range(2):
            with storage.run_connection("one run"):
                pass
    assert opened == ["one run"] * 3, "once to learn what it is, then each time"
