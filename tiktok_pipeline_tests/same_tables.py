"""Compares the tables of two homes that different engines computed."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.performance.engines import both_warehouses, compare_rows
from tiktok_pipeline.warehouse.base import TableSpec


def count_rows(home: Path, spec: TableSpec) -> int:
    """Return the number of rows of a table of a home."""
    with duckdb.connect(str(home / "warehouse" / "tiktok.duckdb"), read_only=True) as connection:
        return int(connection.execute(f"select count(*) from {spec}").fetchall()[0][0])


def assert_same_rows(by_duckdb: Path, by_other: Path, spec: TableSpec) -> None:
    """Compare a table of two homes as the benchmark `engines` does."""
    with both_warehouses(by_duckdb, by_other) as connection:
        found = compare_rows(connection, spec)
    assert found.is_same, f"{spec}: {found}"
