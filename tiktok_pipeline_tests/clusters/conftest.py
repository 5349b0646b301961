"""An in-memory engine for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBWarehouse]:
    """Return one engine for a module; each test replaces the slice that it reads."""
    with DuckDBWarehouse(None) as warehouse:
        yield warehouse
