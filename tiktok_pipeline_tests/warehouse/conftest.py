"""Fixtures: a warehouse in memory and in a file, an engine in memory, and the database files of version 1."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiktok_pipeline.warehouse.base import Warehouse
from tiktok_pipeline_tests.engines import ENGINES, SPARK_ENGINE, needs_sail, needs_spark, open_warehouse


@pytest.fixture(
    params=[
        "duckdb in memory",
        "duckdb in a file",
        pytest.param("sail in a file", marks=needs_sail()),
        pytest.param(f"{SPARK_ENGINE} in a file", marks=needs_spark()),
    ]
)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """Each implementation of the protocol `Warehouse`."""
    path = None if request.param.endswith("memory") else tmp_path / "store" / "tiktok.duckdb"
    with open_warehouse(request.param.partition(" ")[0], path) as opened:
        yield opened


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """Each engine, in memory."""
    with open_warehouse(request.param, None) as opened:
        yield opened


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """A folder with the two database files of a home that version 1 of the program refreshed."""
    for packed in (Path(__file__).parent / "version_1").glob("*.gz"):
        (tmp_path / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    return tmp_path
