"""The published copy: what it holds, that it is replaced in one step, and that readers are never disturbed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tiktok_pipeline.warehouse import duckdb as room
from tiktok_pipeline.warehouse.base import View, WarehouseError
from tiktok_pipeline.warehouse.connection import query
from tiktok_pipeline.warehouse.duckdb import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, SCORES, THINGS, things

NEWEST = View(
    schema="segments", name="newest", sql="select name, rate from shelf.things where snapshot = '2024-04-01'"
)
COUNTED = "select snapshot, count(*) from shelf.things group by all order by all"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    """A warehouse with two snapshots, and a table of stage raw that is not to be published."""
    warehouse = DuckDBWarehouse(tmp_path / "store.duckdb")
    warehouse.replace_slice(THINGS, MARCH, things({"name": "m1"}, {"name": "m2", "record": "secret"}))
    warehouse.replace_slice(THINGS, APRIL, things({"name": "a1", "rate": 0.5}))
    yield warehouse
    warehouse.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the published file goes."""
    return tmp_path / "published" / "tiktok.duckdb"


def publish(store: DuckDBWarehouse, target: Path, snapshot: str, view: View = NEWEST) -> None:
    store.publish(target, tables=[THINGS, SCORES], snapshot=snapshot, views=[view])


def files_beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_the_first_publish_holds_all_snapshots(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    assert query(target, COUNTED)[1] == [("2024-03-01", 2), ("2024-04-01", 1)]
    assert files_beside(target) == ["tiktok.duckdb"]


def test_only_what_is_asked_for_is_published(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    tables = "select table_schema || '.' || table_name from information_schema.tables order by 1"
    assert [row[0] for row in query(target, tables)[1]] == [
        "meta.published_at",
        "meta.version",
        "segments.newest",
        "shelf.scores",
        "shelf.things",
    ]
    columns = query(target, "select * from shelf.things")[0]
    assert columns == [column.name for column in THINGS.columns if column.name != "record"]
    assert b"secret" not in target.read_bytes()


def test_types_are_those_of_the_spec(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    types = dict(
        query(target, "select column_name, data_type from duckdb_columns() where table_name = 'things'")[1]  # type: ignore[arg-type]
    )
    assert (types["followers"], types["tags"], types["seen_on"]) == ("BIGINT", "VARCHAR[]", "DATE")


def test_views_work_in_the_file_alone(store: DuckDBWarehouse, target: Path, tmp_path: Path) -> None:
    publish(store, target, "2024-04-01")
    alone = target.rename(tmp_path / "renamed.duckdb")
    assert query(alone, "select * from segments.newest") == (["name", "rate"], [("a1", 0.5)])


def test_the_second_publish_replaces_one_snapshot(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    store.replace_slice(THINGS, MARCH, things({"name": "m3"}))
    store.replace_slice(THINGS, APRIL, things({"name": "a2"}, {"name": "a3"}))
    publish(store, target, "2024-04-01")
    assert query(target, COUNTED)[1] == [("2024-03-01", 2), ("2024-04-01", 2)]
    publish(store, target, "2024-03-01")
    assert query(target, COUNTED)[1] == [("2024-03-01", 1), ("2024-04-01", 2)]
    store.drop_slice(THINGS, MARCH)
    publish(store, target, "2024-03-01")
    assert query(target, COUNTED)[1] == [("2024-04-01", 2)]


def test_a_reader_keeps_the_old_file_until_it_closes(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    with duckdb.connect(str(target), read_only=True) as reader:
        assert reader.execute(COUNTED).fetchall() == [("2024-03-01", 2), ("2024-04-01", 1)]
        store.replace_slice(THINGS, APRIL, things({"name": "a2"}, {"name": "a3"}))
        publish(store, target, "2024-04-01")
        assert reader.execute(COUNTED).fetchall() == [("2024-03-01", 2), ("2024-04-01", 1)]
        assert reader.execute("select name from segments.newest").fetchall() == [("a1",)]
    assert query(target, COUNTED)[1] == [("2024-03-01", 2), ("2024-04-01", 2)]


def test_the_old_file_is_never_written_to(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    before = target.read_bytes()
    with target.open("rb") as reader:
        store.replace_slice(THINGS, APRIL, things({"name": "a2"}, {"name": "a3"}))
        publish(store, target, "2024-04-01")
        assert reader.read() == before
        assert os.fstat(reader.fileno()).st_ino != target.stat().st_ino


@pytest.mark.parametrize("fresh", [True, False], ids=["first publish", "second publish"])
def test_a_failing_publish_leaves_the_old_file_and_no_draft(
    store: DuckDBWarehouse, target: Path, *, fresh: bool
) -> None:
    if not fresh:
        publish(store, target, "2024-04-01")
    before = target.read_bytes() if target.exists() else None
    store.replace_slice(THINGS, APRIL, things({"name": "a2"}, {"name": "a3"}))
    broken = View(schema="segments", name="newest", sql="select nothing from shelf.things")
    with pytest.raises(WarehouseError, match=r"publish.* failed, the table is as it was: .*nothing"):
        publish(store, target, "2024-04-01", broken)
    assert (target.read_bytes() if target.exists() else None) == before
    assert files_beside(target) == ([] if fresh else ["tiktok.duckdb"])
    publish(store, target, "2024-04-01")
    assert query(target, COUNTED)[1] == [("2024-03-01", 2), ("2024-04-01", 2)]


def test_a_publish_that_cannot_be_put_in_place_can_be_repeated(
    store: DuckDBWarehouse, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, target, "2024-04-01")
    before = target.read_bytes()

    def full(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(room, "_put_in_place", full)
        with pytest.raises(OSError, match="No space left"):
            publish(store, target, "2024-04-01")
    assert (target.read_bytes() == before, files_beside(target)) == (True, ["tiktok.duckdb"])
    publish(store, target, "2024-04-01")


def test_the_draft_of_a_killed_publish_is_swept(store: DuckDBWarehouse, target: Path) -> None:
    target.parent.mkdir()
    for name in (".tiktok.duckdb.draft", ".tiktok.duckdb.draft.wal"):
        (target.parent / name).write_bytes(b"half a file")
    publish(store, target, "2024-04-01")
    assert files_beside(target) == ["tiktok.duckdb"]


def test_a_warehouse_in_memory_publishes_too(target: Path) -> None:
    warehouse = DuckDBWarehouse(None)
    warehouse.replace_slice(THINGS, APRIL, things({"name": "a1", "rate": 0.5}))
    publish(warehouse, target, "2024-04-01")
    warehouse.close()
    assert query(target, "select name from segments.newest")[1] == [("a1",)]
