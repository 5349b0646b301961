"""A derived table is a view of another table, in the warehouse and in the published file; it stores no rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from tiktok_pipeline.warehouse.base import Column, Derived, TableSpec, Warehouse, WarehouseError
from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline_tests.engines import ENGINES, open_warehouse
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, THINGS, rows_of, things


def doubled(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    return rows.select("snapshot", "name", (nw.col("followers") * 2).alias("twice"))


DOUBLES = TableSpec(
    schema="shelf",
    name="doubles",
    description="computed from things",
    columns=(
        Column(name="snapshot", type="text", description="slice", nullable=False),
        Column(name="name", type="text", description="text", nullable=False),
        Column(name="twice", type="integer", description="integer"),
    ),
    derived=Derived(THINGS, doubled),
)
MARCH_ROWS = [{"name": "a", "twice": 2}, {"name": "b", "twice": 4}]


@pytest.fixture(params=ENGINES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    with open_warehouse(request.param, tmp_path / "w.duckdb") as opened:
        opened.replace_slice(THINGS, MARCH, things({"name": "a", "followers": 1}, {"name": "b", "followers": 2}))
        opened.replace_slice(THINGS, APRIL, things({"name": "c", "followers": 3}))
        yield opened


def test_its_rows_are_computed_from_the_other_table(warehouse: Warehouse) -> None:
    assert sorted(rows_of(warehouse.read_slice(DOUBLES, MARCH)), key=lambda row: row["name"]) == MARCH_ROWS
    assert rows_of(warehouse.read_slice(DOUBLES, APRIL)) == [{"name": "c", "twice": 6}]
    warehouse.replace_slice(THINGS, APRIL, things({"name": "d", "followers": 4}))
    assert rows_of(warehouse.read_slice(DOUBLES, APRIL)) == [{"name": "d", "twice": 8}]


def test_it_has_no_rows_before_the_other_table_exists(engine: Warehouse) -> None:
    assert rows_of(engine.read_slice(DOUBLES, MARCH)) == []


def test_a_slice_is_listed_and_dropped_and_the_other_table_keeps_its_rows(warehouse: Warehouse) -> None:
    rows = warehouse.read_slice(DOUBLES, MARCH)
    assert warehouse.replace_external_slice(DOUBLES, MARCH, rows, delivery_id="one delivery") == 2
    listed = {(stored.table, stored.snapshot, stored.rows, stored.delivery_id) for stored in warehouse.slices()}
    assert ("shelf.doubles", "2024-03-01", 2, "one delivery") in listed
    warehouse.drop_snapshots([DOUBLES], ["2024-03-01"])
    assert {stored.table for stored in warehouse.slices()} == {"shelf.things"}
    assert len(rows_of(warehouse.read_slice(THINGS, MARCH))) == 2


def test_a_snapshot_is_dropped_from_both(warehouse: Warehouse) -> None:
    warehouse.replace_external_slice(DOUBLES, MARCH, warehouse.read_slice(DOUBLES, MARCH))
    warehouse.drop_snapshots([DOUBLES, THINGS], ["2024-03-01"])
    assert rows_of(warehouse.read_slice(DOUBLES, MARCH)) == []
    assert {(stored.table, stored.snapshot) for stored in warehouse.slices()} == {("shelf.things", "2024-04-01")}


def test_it_cannot_be_written(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"^shelf\.doubles: cannot be written, it is a view of shelf\.things$"):
        warehouse.replace_slice(DOUBLES, MARCH, warehouse.read_slice(DOUBLES, MARCH))


def test_readers_query_it_like_a_table(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.replace_external_slice(DOUBLES, MARCH, warehouse.read_slice(DOUBLES, MARCH))
    target = tmp_path / "published.duckdb"
    for snapshots in (["2024-03-01"], ["2024-03-01", "2024-04-01"]):
        warehouse.publish(target, tables=[DOUBLES, THINGS], snapshots=snapshots, views=[])
        rows = query(target, "select name, twice from shelf.doubles where snapshot = '2024-03-01' order by name")[1]
        assert rows == [("a", 2), ("b", 4)]
    assert query(target, "select count(*) from shelf.doubles")[1] == [(3,)]
    types = query(target, "select table_type from information_schema.tables where table_name = 'doubles'")[1]
    assert types == [("VIEW",)]


def test_its_view_survives_a_rebuild(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.read_slice(DOUBLES, MARCH)
    warehouse.rebuild()
    warehouse.close()
    assert query(tmp_path / "w.duckdb", "select sum(twice) from shelf.doubles")[1] == [(12,)]


def test_its_view_replaces_the_table_of_an_older_version(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.replace_slice(
        replace(DOUBLES, derived=None), MARCH, things({"name": "old"}).select(["name"]).append_column("twice", [[9]])
    )
    warehouse.close()
    assert sorted(rows_of(warehouse.read_slice(DOUBLES, MARCH)), key=lambda row: row["name"]) == MARCH_ROWS
    warehouse.close()
    assert query(tmp_path / "w.duckdb", "select count(*) from shelf.doubles")[1] == [(3,)]
