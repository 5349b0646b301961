"""The inspection of a database file: its version, its listed slices, and the rows that are really stored."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tiktok_pipeline.warehouse.base import View, WarehouseError
from tiktok_pipeline.warehouse.duckdb.inspection import Inspection, inspect_database
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, SCORES, THINGS, things

HOSTILE = "'; drop table shelf.things; --"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three slices with rows, one without."""
    path = tmp_path / "tiktok.duckdb"
    with DuckDBWarehouse(path) as warehouse:
        warehouse.replace_slice(THINGS, MARCH, things({}, {}), delivery_id="d1")
        warehouse.replace_slice(THINGS, APRIL, things(), delivery_id="d2")
        for study, values in {"x": [1, 2, 3], HOSTILE: [1]}.items():
            warehouse.replace_slice(SCORES, {**MARCH, "study": study}, pa.table({"score": values}), delivery_id="d1")
    return path


def test_listed_slices_and_stored_rows(file: Path) -> None:
    before = file.read_bytes()
    inspection = inspect_database(file)
    assert inspection.version == VERSION
    assert [
        (stored.table, stored.snapshot, stored.study, stored.rows, stored.delivery_id) for stored in inspection.slices
    ] == [
        ("shelf.scores", "2024-03-01", HOSTILE, 1, "d1"),
        ("shelf.scores", "2024-03-01", "x", 3, "d1"),
        ("shelf.things", "2024-03-01", "", 2, "d1"),
        ("shelf.things", "2024-04-01", "", 0, "d2"),
    ]
    assert inspection.counts == {
        ("shelf.scores", "2024-03-01", HOSTILE): 1,
        ("shelf.scores", "2024-03-01", "x"): 3,
        ("shelf.things", "2024-03-01", ""): 2,
    }
    assert file.read_bytes() == before


def test_lost_and_unlisted_rows_show_in_the_counts(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("delete from shelf.scores where score = 2")
        connection.execute("insert into shelf.scores values ('s9', 'y', 1)")
    inspection = inspect_database(file)
    assert inspection.counts["shelf.scores", "2024-03-01", "x"] == 2
    assert inspection.counts["shelf.scores", "s9", "y"] == 1
    assert [stored.rows for stored in inspection.slices if stored.study == "x"] == [3]


def test_views_and_meta_tables_are_not_counted(file: Path, tmp_path: Path) -> None:
    view = View(schema="segments", name="newest", sql="select * from shelf.things", description="all things")
    with DuckDBWarehouse(file) as warehouse:
        warehouse.publish(tmp_path / "published.duckdb", tables=[THINGS, SCORES], snapshots=None, views=[view])
    for path in (file, tmp_path / "published.duckdb"):
        assert {table for table, _, _ in inspect_database(path).counts} == {"shelf.scores", "shelf.things"}


def test_a_file_of_another_version_has_only_a_version(version_1: Path) -> None:
    for name in ("warehouse.duckdb", "published.duckdb"):
        before = (version_1 / name).read_bytes()
        assert inspect_database(version_1 / name) == Inspection(1, (), {})
        assert (version_1 / name).read_bytes() == before


@pytest.mark.parametrize("sql", ["select 1", "create schema meta; create table meta.version (version int)"])
def test_a_file_without_a_version_has_none(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)
    assert inspect_database(path) == Inspection(None, (), {})


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tiktok.duckdb"
    with pytest.raises(WarehouseError, match=r"tiktok[.]duckdb: no such database yet"):
        inspect_database(path)
    path.write_bytes(b"\xee" * 20_000)
    with pytest.raises(WarehouseError, match=r"tiktok[.]duckdb: this database file is damaged ") as caught:
        inspect_database(path)
    assert "\n" not in str(caught.value)
