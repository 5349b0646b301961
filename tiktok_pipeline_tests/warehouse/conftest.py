"""Warehouses to test: the two ways of the one implementation, and an engine for lazy frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tiktok_pipeline.warehouse.base import Warehouse
from tiktok_pipeline.warehouse.duckdb import DuckDBWarehouse


@pytest.fixture(params=["memory", "file"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """Each implementation that the contract suite holds to the port."""
    opened = DuckDBWarehouse(None if request.param == "memory" else tmp_path / "store" / "tiktok.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def engine() -> Iterator[DuckDBWarehouse]:
    """An engine in memory."""
    opened = DuckDBWarehouse(None)
    yield opened
    opened.close()
