"""An engine in memory for the tests of ingestion."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


@pytest.fixture
def engine() -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(None) as opened:
        yield opened
