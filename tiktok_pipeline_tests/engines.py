"""Warehouses of each engine, for the tests that hold for all of them."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from tiktok_pipeline.warehouse.base import Warehouse
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


def needs_sail() -> pytest.MarkDecorator:
    """Skip a test where the extra `sail` is not installed; `.ci/run` asks for it, so that it skips nothing."""
    is_missing = find_spec("pysail") is None and os.environ.get("SAIL") != "1"
    return pytest.mark.skipif(is_missing, reason="the extra `sail` is not installed")


ENGINES = ("duckdb", pytest.param("sail", marks=needs_sail()))
"""The parameters of a fixture or a test that holds for every engine."""


def open_warehouse(engine: str, path: Path | None) -> Warehouse:
    """Return a warehouse of an engine; without a path its tables are in memory."""
    storage = DuckDBWarehouse(path)
    if engine == "duckdb":
        return storage
    from tiktok_pipeline.warehouse.spark.warehouse import SparkWarehouse

    return SparkWarehouse(engine, storage, path)


def with_sql(frame: nw.LazyFrame[Any], *columns: str) -> nw.LazyFrame[Any]:
    """Select columns in SQL that both engines understand."""
    native = frame.to_native()
    selected = native.selectExpr(*columns) if hasattr(native, "selectExpr") else native.project(", ".join(columns))
    rows: nw.LazyFrame[Any] = nw.from_native(selected)
    return rows
