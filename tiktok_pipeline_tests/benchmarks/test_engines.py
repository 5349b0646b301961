"""The benchmark `engines`: each difference between the tables of two engines is seen, and its size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from benchmarks.performance.engines import ByEngine, SameRows, compare_rows, table
from benchmarks.process import Measured
from tiktok_pipeline.warehouse.base import Column, TableSpec

SPEC = TableSpec(
    schema="shelf",
    name="things",
    description="things",
    columns=(
        Column(name="snapshot", type="text", description="slice"),
        Column(name="name", type="text", description="text"),
        Column(name="rate", type="float", description="float"),
    ),
    rows_per=("snapshot", "name"),
)
FIRST = "('march', 'a', 0.25), ('march', 'b', null), ('march', 'c', 8.0)"


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for name in ("first", "second"):
            connection.execute(f"attach '{tmp_path / name}.duckdb' as {name}; create schema {name}.shelf")
            connection.execute(f"create table {name}.shelf.things (snapshot varchar, name varchar, rate double)")
            connection.execute(f"insert into {name}.shelf.things values {FIRST}")
        yield connection


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("select 1", SameRows(3, 3, 0, 0, 0.0)),
        ("insert into second.shelf.things values ('march', 'd', 1.0)", SameRows(3, 4, 0, 0, 0.0)),
        ("update second.shelf.things set name = 'x' where name = 'a'", SameRows(3, 3, 3, 1, 0.96875)),
        ("update second.shelf.things set rate = 0.0 where name = 'b'", SameRows(3, 3, 1, 0, 0.0)),
        ("update second.shelf.things set rate = 10.0 where name = 'c'", SameRows(3, 3, 0, 1, 0.2)),
    ],
)
def test_a_difference_is_counted_and_measured(
    databases: duckdb.DuckDBPyConnection, change: str, expected: SameRows
) -> None:
    databases.execute(change)
    found = compare_rows(databases, SPEC)
    assert found == expected
    assert found.is_same == (change == "select 1")


def test_a_float_that_only_the_order_of_a_sum_changed_is_the_same(databases: duckdb.DuckDBPyConnection) -> None:
    databases.execute("update second.shelf.things set rate = 8.00000001 where name = 'c'")
    found = compare_rows(databases, SPEC)
    assert found.differing_floats == 1
    assert found.is_same


def test_infinity_and_no_number_are_the_same_as_themselves(databases: duckdb.DuckDBPyConnection) -> None:
    for name in ("first", "second"):
        databases.execute(f"insert into {name}.shelf.things values ('march', 'd', 'inf'), ('march', 'e', 'nan')")
    assert compare_rows(databases, SPEC) == SameRows(5, 5, 0, 0, 0.0)


def test_the_table_shows_the_ratio_and_the_tables_that_differ() -> None:
    runs = (Measured(2.0, 300.0, cpu_seconds=2.5), Measured(4.0, 310.0, cpu_seconds=3.5))
    other = SameRows(3, 3, 1, 0, 0.0)
    found = [
        ByEngine("duckdb", 3, runs, {}, {}),
        ByEngine("sail", 3, (Measured(6.0, 500.0, cpu_seconds=7.0),), {}, {"shelf.things": other}),
    ]
    assert table(found)[1] == [
        ("duckdb", "3", 3.0, 1.0, 3.0, "310", "-", "none"),
        ("sail", "3", 6.0, 2.0, 7.0, "500", 1, "shelf.things"),
    ]
