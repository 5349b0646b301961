"""Fixtures: a warehouse in memory and in a file, an engine in memory, and the database files of version 1."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiktok_pipeline.warehouse.base import Warehouse
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


@pytest.fixture(params=["memory", "file"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """Each implementation of the protocol `Warehouse`."""
    with DuckDBWarehouse(None if request.param == "memory" else tmp_path / "store" / "tiktok.duckdb") as opened:
        yield opened


@pytest.fixture
def engine() -> Iterator[DuckDBWarehouse]:
    """An engine in memory."""
    with DuckDBWarehouse(None) as opened:
        yield opened


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """A folder with the two database files of a home that version 1 of the program refreshed."""
    for packed in (Path(__file__).parent / "version_1").glob("*.gz"):
        (tmp_path / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    return tmp_path
