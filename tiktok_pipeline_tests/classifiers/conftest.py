"""An engine in memory for the tests of this room, and one thread for the sums of a model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits

from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBWarehouse]:
    """One engine for a module; each test replaces the slice that it reads."""
    with DuckDBWarehouse(None) as warehouse:
        yield warehouse


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of OpenMP that spin for a busy core take many times as long as one; the program limits them, too."""
    with threadpool_limits(1):
        yield
