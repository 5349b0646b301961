"""The published file: its content, its replacement in one step, and readers that keep the old file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from benchmarks.reliability.crash import CannotMountError, limit_free_space, mount_small_disk
from tiktok_pipeline.warehouse.base import Column, TableSpec, View, WarehouseError
from tiktok_pipeline.warehouse.duckdb import publishing
from tiktok_pipeline.warehouse.duckdb.connection import published_delivery_ids, query
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, SCORES, THINGS, things

NEWEST = View(
    schema="segments",
    name="newest",
    sql="select name, rate from shelf.things where snapshot = '2024-04-01'",
    description="things of April",
    columns_from=(THINGS,),
    rows_per=("name",),
)
OTHERS = TableSpec(
    schema="shelf",
    name="others",
    description="a second table shared by all studies",
    columns=(
        Column(name="snapshot", type="text", description="slice", nullable=False),
        Column(name="other", type="text", description="text"),
    ),
)
LISTED = "select table_name, snapshot, study, rows, origin from meta.slices order by all"
SCORED = "select snapshot, study, score from shelf.scores order by all"
COUNTED = "select snapshot, count(*) from shelf.things group by all order by all"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    """A warehouse with two snapshots and a column that is not published."""
    with DuckDBWarehouse(tmp_path / "store.duckdb") as warehouse:
        fill(warehouse)
        yield warehouse


def fill(warehouse: DuckDBWarehouse) -> None:
    warehouse.replace_slice(THINGS, MARCH, things({"name": "m1"}, {"name": "m2", "record": "secret"}))
    warehouse.replace_slice(THINGS, APRIL, things({"name": "a1", "rate": 0.5}))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The path of the published file."""
    return tmp_path / "published" / "tiktok.duckdb"


def publish(store: DuckDBWarehouse, target: Path, snapshot: str, view: View = NEWEST) -> None:
    store.publish(target, tables=[THINGS, SCORES], snapshots=[snapshot], views=[view])


def files_beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path.suffix != ".sha256")


def test_the_first_publish_holds_all_snapshots(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    assert query(target, COUNTED)[1] == [("2024-03-01", 2), ("2024-04-01", 1)]
    assert files_beside(target) == ["tiktok.duckdb"]


def test_only_the_requested_tables_and_published_columns_are_written(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    tables = "select table_schema || '.' || table_name from information_schema.tables order by 1"
    assert [row[0] for row in query(target, tables)[1]] == [
        "meta.checksums",
        "meta.columns",
        "meta.published_at",
        "meta.slices",
        "meta.tables",
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
    types = dict(query(target, "select column_name, data_type from duckdb_columns() where table_name = 'things'")[1])
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
    store.drop_snapshots([THINGS], ["2024-03-01"])
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
def test_a_failed_publish_leaves_the_old_file_and_no_draft(
    store: DuckDBWarehouse, target: Path, *, fresh: bool
) -> None:
    if not fresh:
        publish(store, target, "2024-04-01")
    before = target.read_bytes() if target.exists() else None
    store.replace_slice(THINGS, APRIL, things({"name": "a2"}, {"name": "a3"}))
    broken = View(schema="segments", name="newest", sql="select nothing from shelf.things", description="broken")
    with pytest.raises(WarehouseError, match=r"publish.* failed, the table is unchanged: .*nothing"):
        publish(store, target, "2024-04-01", broken)
    assert (target.read_bytes() if target.exists() else None) == before
    assert files_beside(target) == ([] if fresh else ["tiktok.duckdb"])
    publish(store, target, "2024-04-01")
    assert query(target, COUNTED)[1] == [("2024-03-01", 2), ("2024-04-01", 2)]


def test_a_publish_that_cannot_replace_the_file_can_be_repeated(
    store: DuckDBWarehouse, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, target, "2024-04-01")
    before = target.read_bytes()

    def full(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "atomic_replace", full)
        with pytest.raises(WarehouseError, match=r"and is unchanged: the disk is full; free some space"):
            publish(store, target, "2024-04-01")
    assert (target.read_bytes() == before, files_beside(target)) == (True, ["tiktok.duckdb"])
    publish(store, target, "2024-04-01")


def test_a_publish_on_a_full_disk_says_so_and_can_be_repeated(tmp_path: Path) -> None:
    try:
        with mount_small_disk(tmp_path / "home") as home, DuckDBWarehouse(home / "warehouse.duckdb") as full:
            fill(full)
            target = home / "published" / "tiktok.duckdb"
            publish(full, target, "2024-03-01")
            for free in (0, 0.0625, 0.25):
                limit_free_space(home, free)
                with pytest.raises(WarehouseError, match=r"the disk is full.*; free some space"):
                    publish(full, target, "2024-04-01")
                assert files_beside(target) == ["tiktok.duckdb"]
            limit_free_space(home, 64)
            publish(full, target, "2024-04-01")
            assert query(target, COUNTED)[1] == [("2024-03-01", 2), ("2024-04-01", 1)]
    except CannotMountError as error:
        pytest.skip(str(error))


def test_a_client_that_wrote_to_the_published_file_and_died_locks_nobody_out(
    store: DuckDBWarehouse, target: Path
) -> None:
    publish(store, target, "2024-04-01")
    target.chmod(0o600)
    script = (
        "import duckdb, os, sys\nconnection = duckdb.connect(sys.argv[1])\n"
        "connection.execute('create table mine as select 1')\nos._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(target)], check=True)
    assert files_beside(target) == ["tiktok.duckdb", "tiktok.duckdb.wal"]
    publish(store, target, "2024-04-01")
    assert query(target, COUNTED)[1] == [("2024-03-01", 2), ("2024-04-01", 1)]
    assert files_beside(target) == ["tiktok.duckdb"]


def test_the_published_file_is_read_only(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    publish(store, target, "2024-03-01")
    assert target.stat().st_mode & 0o222 == 0


def test_the_draft_of_a_killed_publish_is_removed(store: DuckDBWarehouse, target: Path) -> None:
    target.parent.mkdir()
    for name in (".tiktok.duckdb.draft", ".tiktok.duckdb.draft.wal"):
        (target.parent / name).write_bytes(b"half a file")
    publish(store, target, "2024-04-01")
    assert files_beside(target) == ["tiktok.duckdb"]


def test_a_warehouse_in_memory_publishes_too(target: Path) -> None:
    with DuckDBWarehouse(None) as warehouse:
        warehouse.replace_slice(THINGS, APRIL, things({"name": "a1", "rate": 0.5}))
        publish(warehouse, target, "2024-04-01")
    assert query(target, "select name from segments.newest")[1] == [("a1",)]


def deliver(store: DuckDBWarehouse, slice_: dict[str, str], delivery_id: str, *, others: bool = True) -> None:
    """Write the shared tables of a snapshot; without ``others`` only the first, as an interrupted refresh does."""
    store.replace_slice(THINGS, slice_, things({"name": delivery_id}), delivery_id=delivery_id)
    if others:
        store.replace_slice(OTHERS, slice_, pa.table({"other": [delivery_id]}), delivery_id=delivery_id)


def score(store: DuckDBWarehouse, slice_: dict[str, str], study: str, score: int, delivery_id: str) -> None:
    store.replace_slice(SCORES, {**slice_, "study": study}, pa.table({"score": [score]}), delivery_id=delivery_id)


def publish_all(store: DuckDBWarehouse, target: Path, *snapshots: str) -> list[tuple[str, str, str]]:
    """Publish all three tables and return the slices that were left out."""
    left_out = store.publish(target, tables=[THINGS, OTHERS, SCORES], snapshots=snapshots or None, views=[NEWEST])
    return [(stale.table, stale.snapshot, stale.study) for stale in left_out]


@pytest.fixture
def refreshed(store: DuckDBWarehouse, target: Path) -> DuckDBWarehouse:
    """Two complete snapshots with one study each, published; the name of a thing is its delivery."""
    for slice_, delivery_id in ((MARCH, "m"), (APRIL, "a")):
        deliver(store, slice_, delivery_id)
        score(store, slice_, "x", 1, delivery_id)
    assert publish_all(store, target, "2024-03-01", "2024-04-01") == []
    return store


def test_the_published_file_lists_its_slices(refreshed: DuckDBWarehouse, target: Path) -> None:
    slices = [
        ("shelf.others", "2024-03-01", "", 1, "m"),
        ("shelf.others", "2024-04-01", "", 1, "a"),
        ("shelf.scores", "2024-03-01", "x", 1, "m"),
        ("shelf.scores", "2024-04-01", "x", 1, "a"),
        ("shelf.things", "2024-03-01", "", 1, "m"),
        ("shelf.things", "2024-04-01", "", 1, "a"),
    ]
    assert query(target, LISTED)[1] == slices
    deliver(refreshed, APRIL, "a2")
    score(refreshed, APRIL, "x", 2, "a2")
    publish_all(refreshed, target, "2024-04-01")
    assert query(target, LISTED)[1] == [(*row[:4], "a2" if row[4] == "a" else "m") for row in slices]
    assert query(target, "select version from meta.version")[1] == [(VERSION,)]


def test_an_incomplete_snapshot_is_rejected(refreshed: DuckDBWarehouse, target: Path) -> None:
    before = target.read_bytes()
    deliver(refreshed, APRIL, "a2", others=False)
    with pytest.raises(WarehouseError) as caught:
        publish_all(refreshed, target, "2024-03-01", "2024-04-01")
    text = str(caught.value)
    for part in (
        "snapshot 2024-04-01: its tables come from different deliveries",
        "shelf.others",
        "shelf.things",
        "nothing was published. Run `tiktok-pipeline refresh --all --snapshot 2024-04-01`",
    ):
        assert part in text
    assert (target.read_bytes() == before, files_beside(target)) == (True, ["tiktok.duckdb"])
    refreshed.replace_slice(OTHERS, APRIL, pa.table({"other": ["a2"]}), delivery_id="a2")
    score(refreshed, APRIL, "x", 2, "a2")
    assert publish_all(refreshed, target, "2024-04-01") == []
    assert query(target, "select name from shelf.things order by 1")[1] == [("a2",), ("m",)]


def test_an_incomplete_snapshot_stays_as_it_was_published(refreshed: DuckDBWarehouse, target: Path) -> None:
    deliver(refreshed, MARCH, "m2")
    deliver(refreshed, APRIL, "a2", others=False)
    assert publish_all(refreshed, target, "2024-03-01") == [("shelf.scores", "2024-03-01", "x")]
    assert query(target, "select name from shelf.things order by 1")[1] == [("a",), ("m2",)]
    assert query(target, SCORED)[1] == [("2024-04-01", "x", 1)]
    assert published_delivery_ids(target) == {"2024-03-01": "m2", "2024-04-01": "a"}


@pytest.mark.parametrize("first", [True, False], ids=["no file yet", "rebuilt"])
def test_a_rebuilt_file_holds_complete_snapshots_only(
    refreshed: DuckDBWarehouse, target: Path, *, first: bool
) -> None:
    deliver(refreshed, APRIL, "a2", others=False)
    if first:
        target.unlink()
        publish_all(refreshed, target, "2024-03-01")
    else:
        publish_all(refreshed, target)
    assert query(target, "select snapshot, name from shelf.things")[1] == [("2024-03-01", "m")]
    assert query(target, SCORED)[1] == [("2024-03-01", "x", 1)]
    assert {row[1] for row in query(target, LISTED)[1]} == {"2024-03-01"}


def test_a_study_of_an_earlier_delivery_is_left_out_and_returned(refreshed: DuckDBWarehouse, target: Path) -> None:
    score(refreshed, APRIL, "y", 5, "a")
    publish_all(refreshed, target, "2024-04-01")
    assert query(target, SCORED)[1] == [("2024-03-01", "x", 1), ("2024-04-01", "x", 1), ("2024-04-01", "y", 5)]
    deliver(refreshed, APRIL, "a2")
    score(refreshed, APRIL, "y", 6, "a2")
    left_out = publish_all(refreshed, target, "2024-04-01")
    assert left_out == [("shelf.scores", "2024-04-01", "x")]
    assert query(target, SCORED)[1] == [("2024-03-01", "x", 1), ("2024-04-01", "y", 6)]
    studies = "select snapshot, study, origin from meta.slices where study <> '' order by all"
    assert query(target, studies)[1] == [("2024-03-01", "x", "m"), ("2024-04-01", "y", "a2")]
    score(refreshed, APRIL, "x", 7, "a2")  # computed again
    assert publish_all(refreshed, target, "2024-04-01") == []
    assert query(target, SCORED)[1] == [("2024-03-01", "x", 1), ("2024-04-01", "x", 7), ("2024-04-01", "y", 6)]


def test_a_snapshot_with_a_new_delivery_id_is_published_completely(refreshed: DuckDBWarehouse, target: Path) -> None:
    deliver(refreshed, APRIL, "a2")
    refreshed.set_delivery_id("2024-04-01", "a3")
    assert publish_all(refreshed, target, "2024-04-01") == []
    assert query(target, SCORED)[1] == [("2024-03-01", "x", 1), ("2024-04-01", "x", 1)]
    assert published_delivery_ids(target) == {"2024-03-01": "m", "2024-04-01": "a3"}


def test_a_rebuilt_file_holds_no_deleted_text(refreshed: DuckDBWarehouse, target: Path) -> None:
    refreshed.replace_slice(THINGS, MARCH, things({"name": "hush_7f3a9c"}), delivery_id="m")
    publish_all(refreshed, target, "2024-03-01")
    assert b"hush_7f3a9c" in target.read_bytes()
    refreshed.drop_snapshots([THINGS, OTHERS, SCORES], ["2024-03-01"])
    assert publish_all(refreshed, target) == []
    assert b"hush_7f3a9c" not in target.read_bytes()
    assert query(target, "select snapshot, name from shelf.things")[1] == [("2024-04-01", "a")]
    assert query(target, "select name from segments.newest")[1] == [("a",)]
    assert {row[1] for row in query(target, LISTED)[1]} == {"2024-04-01"}


def overwritten(content: bytes, first: int, last: int | None) -> bytes:
    changed = bytearray(content)
    changed[first:last] = b"\xee" * len(changed[first:last])
    return bytes(changed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"no database\n" * 1000,
        lambda content: content[:100],
        lambda content: content[: len(content) // 2],
        lambda content: overwritten(content, 0, 4096),
        lambda content: overwritten(content, 12288, None),
        lambda content: overwritten(content, 12288, 12288 + 262144),
    ],
    ids=["empty", "text", "cut in its head", "cut in half", "head", "all blocks", "first block"],
)
def test_a_damaged_file_is_rebuilt(
    refreshed: DuckDBWarehouse, target: Path, damage: Callable[[bytes], bytes]
) -> None:
    target.write_bytes(damage(target.read_bytes()))
    assert publish_all(refreshed, target, "2024-04-01") == []
    assert query(target, "select snapshot, name from shelf.things order by all")[1] == [
        ("2024-03-01", "m"),
        ("2024-04-01", "a"),
    ]
    assert files_beside(target) == ["tiktok.duckdb"]


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
def test_a_file_of_another_version_is_rebuilt(refreshed: DuckDBWarehouse, target: Path, version: int) -> None:
    with duckdb.connect(str(target)) as connection:
        connection.execute(f"update meta.version set version = {version}")
        connection.execute("insert into shelf.things select * replace ('2024-05-01' as snapshot) from shelf.things")
    publish_all(refreshed, target, "2024-04-01")
    assert query(target, "select version from meta.version")[1] == [(VERSION,)]
    assert query(target, COUNTED)[1] == [("2024-03-01", 1), ("2024-04-01", 1)]


def test_published_delivery_ids_are_those_of_the_shared_tables(
    refreshed: DuckDBWarehouse, target: Path, version_1: Path
) -> None:
    score(refreshed, APRIL, "y", 1, "of its own")
    publish_all(refreshed, target, "2024-04-01")
    assert published_delivery_ids(target) == {"2024-03-01": "m", "2024-04-01": "a"}
    assert published_delivery_ids(target.with_name("none.duckdb")) == {}
    assert published_delivery_ids(version_1 / "published.duckdb") == {}


def test_a_damaged_file_has_no_delivery_ids(refreshed: DuckDBWarehouse, target: Path) -> None:
    """All its snapshots are then refreshed and the file is rebuilt; the error must not end the refresh."""
    target.write_bytes(target.read_bytes()[:5000])
    assert published_delivery_ids(target) == {}


COMMENTS = (
    "select schema_name || '.' || table_name, column_name, comment from duckdb_columns() "
    "where schema_name in ('shelf', 'segments') and comment is not null order by table_name, column_index"
)
TABLE_COMMENTS = (
    "select table_name, comment from duckdb_tables() where schema_name = 'shelf' "
    "union all select view_name, comment from duckdb_views() where schema_name = 'segments' order by 1"
)


@pytest.mark.parametrize("times", [1, 2])
def test_tables_views_and_columns_are_commented_in_both_files(
    store: DuckDBWarehouse, target: Path, tmp_path: Path, times: int
) -> None:
    for _ in range(times):
        publish(store, target, "2024-04-01")
    store.close()
    published = [column for column in THINGS.columns if column.published]
    view = [("segments.newest", "name", "text"), ("segments.newest", "rate", "float")]
    scores = [("shelf.scores", column.name, column.description) for column in SCORES.columns]
    for file, columns in ((target, published), (tmp_path / "store.duckdb", THINGS.columns)):
        things_columns = [("shelf.things", column.name, column.description) for column in columns]
        assert query(file, COMMENTS)[1] == [*view, *scores, *things_columns]
        assert query(file, TABLE_COMMENTS)[1] == [
            ("newest", "things of April"),
            ("scores", SCORES.description),
            ("things", THINGS.description),
        ]


def test_the_file_lists_its_tables(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    tables = "select * from meta.tables where schema_name <> 'meta' order by schema_name, table_name"
    assert query(target, tables) == (
        ["schema_name", "table_name", "kind", "description", "slice_by", "rows_per", "definition"],
        [
            ("segments", "newest", "view", "things of April", [], ["name"], NEWEST.sql),
            ("shelf", "scores", "table", SCORES.description, ["snapshot", "study"], [], None),
            ("shelf", "things", "table", THINGS.description, ["snapshot"], [], None),
        ],
    )
    listed = query(target, "select schema_name || '.' || table_name from meta.tables order by 1")[1]
    present = query(target, "select table_schema || '.' || table_name from information_schema.tables order by 1")[1]
    assert listed == present


def test_the_file_lists_its_columns(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    columns = "select * from meta.columns where table_name in ('scores', 'newest') order by table_name, position"
    assert query(target, columns) == (
        ["schema_name", "table_name", "column_name", "position", "type", "description", "nullable"],
        [
            ("segments", "newest", "name", 1, "VARCHAR", "text", True),
            ("segments", "newest", "rate", 2, "DOUBLE", "float", True),
            ("shelf", "scores", "snapshot", 1, "VARCHAR", "slice", False),
            ("shelf", "scores", "study", 2, "VARCHAR", "slice", False),
            ("shelf", "scores", "score", 3, "BIGINT", "integer", True),
        ],
    )
    names = "table_schema, table_name, column_name, ordinal_position"
    present = query(target, f"select {names} from information_schema.columns order by all")[1]
    assert (
        query(target, "select * exclude (type, description, nullable) from meta.columns order by all")[1] == present
    )


def test_a_changed_description_is_written_at_the_next_publish(store: DuckDBWarehouse, target: Path) -> None:
    publish(store, target, "2024-04-01")
    first, second, *others = THINGS.columns
    changed = replace(
        THINGS, description="it's new", columns=(first, replace(second, description="it's a name"), *others)
    )
    store.publish(target, tables=[changed, SCORES], snapshots=["2024-04-01"], views=[NEWEST])
    assert ("things", "it's new") in query(target, TABLE_COMMENTS)[1]
    assert ("shelf.things", "name", "it's a name") in query(target, COMMENTS)[1]
    listed = "select description from meta.tables where table_name = 'things'"
    assert query(target, listed)[1] == [("it's new",)]
    described = "select description from meta.columns where (table_name, column_name) = ('things', 'name')"
    assert query(target, described)[1] == [("it's a name",)]


def test_a_changed_view_replaces_the_old_one_in_both_files(
    store: DuckDBWarehouse, target: Path, tmp_path: Path
) -> None:
    publish(store, target, "2024-04-01")
    changed = replace(NEWEST, sql="select name from shelf.things where snapshot = '2024-03-01'")
    publish(store, target, "2024-04-01", changed)
    store.close()
    for file in (target, tmp_path / "store.duckdb"):
        assert query(file, "select * from segments.newest order by 1") == (["name"], [("m1",), ("m2",)])
        assert query(file, "select column_name from meta.columns where table_name = 'newest'")[1] == [("name",)]
        assert query(file, "select definition from meta.tables where table_name = 'newest'")[1] == [(changed.sql,)]


def test_a_dropped_view_is_created_again(store: DuckDBWarehouse, target: Path, tmp_path: Path) -> None:
    publish(store, target, "2024-04-01")
    store.close()
    for file in (target, tmp_path / "store.duckdb"):
        with duckdb.connect(str(file)) as connection:
            connection.execute("drop view segments.newest")
    publish(store, target, "2024-04-01")
    store.close()
    for file in (target, tmp_path / "store.duckdb"):
        assert query(file, "select name from segments.newest")[1] == [("a1",)]
        assert ("newest", "things of April") in query(file, TABLE_COMMENTS)[1]


def test_a_file_of_a_later_storage_version_is_rebuilt(refreshed: DuckDBWarehouse, target: Path) -> None:
    """Earlier versions of this program wrote such files."""
    later = target.with_name("later.duckdb")
    with duckdb.connect() as connection:
        connection.execute(f"attach '{target}' as old; attach '{later}' as later; copy from database old to later")
    later.replace(target)
    assert storage_version(target) > 65
    assert publish_all(refreshed, target, "2024-04-01") == []
    assert storage_version(target) == 65
    assert query(target, COUNTED)[1] == [("2024-03-01", 1), ("2024-04-01", 1)]
    publish_all(refreshed, target, "2024-04-01")
    assert storage_version(target) == 65


def storage_version(file: Path) -> int:
    """The number in a file's header: 65 is DuckDB 1.2's."""
    return int.from_bytes(file.read_bytes()[12:20], "little")
