"""An engine in memory for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


@pytest.fixture
def engine() -> Iterator[DuckDBWarehouse]:
    """An engine in memory."""
    with DuckDBWarehouse(None) as opened:
        yield opened
