"""One engine in memory for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBWarehouse]:
    """An engine in memory."""
    with DuckDBWarehouse(None) as opened:
        yield opened
