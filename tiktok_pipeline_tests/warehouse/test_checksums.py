"""Checksums: what was changed behind the pipeline's back is found, and nothing else is."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tiktok_pipeline.atomic_write import atomic_replace
from tiktok_pipeline.warehouse.base import DamagedDatabaseError, WarehouseError
from tiktok_pipeline.warehouse.duckdb import publishing
from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline.warehouse.duckdb.inspection import inspect_database
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, SCORES, THINGS, things

SUMS = "select table_name, snapshot, study from meta.checksums order by all"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    """A warehouse with two slices, and the published file beside it."""
    with DuckDBWarehouse(tmp_path / "store.duckdb") as warehouse:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "m1"}, {"name": "m2", "record": "secret"}))
        warehouse.replace_slice(THINGS, APRIL, things({"name": "a1", "rate": 0.5}))
        warehouse.publish(target_of(tmp_path), tables=[THINGS, SCORES], snapshots=None, views=[])
        yield warehouse


def target_of(folder: Path) -> Path:
    return folder / "published.duckdb"


def change(path: Path, sql: str) -> None:
    """Run a statement in a database file, as another program does."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("sql", "changed"),
    [
        ("update shelf.things set name = 'm3' where name = 'm2'", ("shelf.things 2024-03-01 : name",)),
        ("update shelf.things set rate = 0.25 where name = 'a1'", ("shelf.things 2024-04-01 : rate",)),
        ("update shelf.things set rate = rate", ()),
    ],
)
def test_a_changed_cell_is_found_in_its_column(
    store: DuckDBWarehouse, tmp_path: Path, sql: str, changed: tuple[str, ...]
) -> None:
    store.close()
    change(tmp_path / "store.duckdb", sql)
    assert inspect_database(tmp_path / "store.duckdb", read_all=True).changed == changed
    assert inspect_database(tmp_path / "store.duckdb").changed == (), "only a full reading compares"


def test_a_published_file_has_the_sums_of_its_columns(store: DuckDBWarehouse, tmp_path: Path) -> None:
    target = target_of(tmp_path)
    assert inspect_database(target, read_all=True).changed == ()
    assert query(target, SUMS)[1] == [("shelf.things", "2024-03-01", ""), ("shelf.things", "2024-04-01", "")]
    target.with_name("published.duckdb.sha256").unlink()
    change(target, "update shelf.things set name = 'x' where name = 'm1'")
    assert inspect_database(target, read_all=True).changed == ("shelf.things 2024-03-01 : name",)
    store.drop_snapshots([THINGS], ["2024-03-01"])
    store.publish(target, tables=[THINGS, SCORES], snapshots=["2024-03-01"], views=[])
    assert query(target, SUMS)[1] == [("shelf.things", "2024-04-01", "")]


def test_sums_of_another_version_of_the_engine_are_not_compared(store: DuckDBWarehouse, tmp_path: Path) -> None:
    store.close()
    change(tmp_path / "store.duckdb", "update meta.checksums set engine = 'v0', sums = '{\"name\": \"1\"}'")
    assert inspect_database(tmp_path / "store.duckdb", read_all=True).changed == ()


def test_a_file_of_an_earlier_day_without_checksums_still_opens(store: DuckDBWarehouse, tmp_path: Path) -> None:
    store.close()
    for path in (tmp_path / "store.duckdb", target_of(tmp_path)):
        change(path, "drop table meta.checksums")
    target_of(tmp_path).with_name("published.duckdb.sha256").unlink()
    assert inspect_database(target_of(tmp_path), read_all=True).changed == ()
    store.replace_slice(THINGS, APRIL, things({"name": "a2"}))
    store.publish(target_of(tmp_path), tables=[THINGS, SCORES], snapshots=["2024-04-01"], views=[])
    assert query(target_of(tmp_path), SUMS)[1] == [("shelf.things", "2024-04-01", "")]


def test_every_flipped_bit_of_the_published_file_is_found(store: DuckDBWarehouse, tmp_path: Path) -> None:
    store.close()
    target = target_of(tmp_path)
    target.chmod(0o600)
    whole = target.read_bytes()
    draw = random.Random(0)
    for place in [*range(0, 12_288, 1_111), *(draw.randrange(len(whole)) for _ in range(20)), len(whole) - 1]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << draw.randrange(8)
        target.write_bytes(flipped)
        with pytest.raises(DamagedDatabaseError, match="this database file is damaged"):
            inspect_database(target, read_all=True)
    os.truncate(target, len(whole) - 1)
    with pytest.raises(DamagedDatabaseError):
        inspect_database(target, read_all=True)
    target.write_bytes(whole)
    assert inspect_database(target, read_all=True).changed == ()


@pytest.mark.slow
def test_no_flipped_bit_of_a_data_block_is_served(store: DuckDBWarehouse, tmp_path: Path) -> None:
    """The engine's own checksums: a query over a flipped bit fails, or gives what it gave before."""
    store.close()
    path = tmp_path / "store.duckdb"
    sql = "select * from shelf.things order by all"
    whole, before = path.read_bytes(), query(path, sql)
    refused = 0
    for place in range(4_096, len(whole), len(whole) // 150):
        path.write_bytes(bytes([*whole[:place], whole[place] ^ 4, *whole[place + 1 :]]))
        try:
            assert query(path, sql) == before
        except WarehouseError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_while_the_file_is_replaced_leaves_no_wrong_checksum(
    store: DuckDBWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    replace = atomic_replace

    def killed(draft: Path, target: Path) -> None:
        if when == "after":
            replace(draft, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(publishing, "atomic_replace", killed)
    target = target_of(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.publish(target, tables=[THINGS, SCORES], snapshots=["2024-04-01"], views=[])
    assert inspect_database(target, read_all=True).changed == ()
    monkeypatch.undo()
    store.publish(target, tables=[THINGS, SCORES], snapshots=["2024-04-01"], views=[])
    (line,) = target.with_name("published.duckdb.sha256").read_text(encoding="ascii").splitlines()
    assert line.endswith("  published.duckdb")


def test_a_slice_has_one_sum_for_each_of_its_columns(store: DuckDBWarehouse) -> None:
    store.close()
    sql = "select sums from meta.checksums where snapshot = '2024-04-01'"
    ((sums,),) = query(Path(str(store._path)), sql)[1]
    assert set(json.loads(sums)) == set(THINGS.frame_names)
