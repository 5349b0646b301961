"""Warehouses of each engine, for the tests that hold for all of them."""

from __future__ import annotations

import os
import shutil
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


def needs_spark(*, takes_minutes: bool = False) -> pytest.MarkDecorator:
    """Skip a test where Apache Spark or Java is not installed, and with SPARK=0; SPARK=1 lets it fail there.

    A test that takes minutes runs only with SPARK=all.
    """
    asked = os.environ.get("SPARK")
    has_java = bool(os.environ.get("JAVA_HOME") or shutil.which("java"))
    is_missing = asked == "0" or find_spec("py4j") is None or not has_java
    if takes_minutes:
        return pytest.mark.skipif(asked != "all", reason="takes minutes with Apache Spark: SPARK=all runs it")
    return pytest.mark.skipif(
        is_missing and asked not in ("1", "all"), reason="the extra `spark` or Java is not installed"
    )


SPARK_ENGINE = "local[2]"
"""Apache Spark on this machine."""

SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Options of a JVM of a test: it compiles quickly rather than well."""

for _options in ("SPARK_SUBMIT_OPTS", "SPARK_LAUNCHER_OPTS"):
    os.environ.setdefault(_options, SHORT_LIVED)

ENGINES = ("duckdb", pytest.param("sail", marks=needs_sail()), pytest.param(SPARK_ENGINE, marks=needs_spark()))
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
