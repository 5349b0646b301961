"""Columns of invented cells, and what detection and rewriting make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import narwhals as nw
import pyarrow as pa

from tiktok_pipeline.frames import fetch_row
from tiktok_pipeline.raw.schema import PROFILE_COLUMNS, PROFILES
from tiktok_pipeline.validated.clean import TYPES
from tiktok_pipeline.validated.formats.canonical import canonical_cells
from tiktok_pipeline.validated.formats.detect import detect_formats
from tiktok_pipeline.validated.formats.evidence import evidence_expressions
from tiktok_pipeline.validated.formats.formats import FormatOptions, Formats
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

Cells = Sequence[str | None]
TODAY = date(2026, 11, 26)


def rows_of(engine: DuckDBWarehouse, **columns: Cells) -> nw.LazyFrame[Any]:
    """Rows of raw.profiles with these columns; every other column is NULL."""
    size = max(len(cells) for cells in columns.values())
    texts = {
        name: pa.array(list(columns.get(name, [None] * size)), pa.string())
        for name in (*PROFILE_COLUMNS, "read_problem", "extra")
    }
    places = {"source_file": pa.array(["f.csv"] * size), "source_row": pa.array(range(1, size + 1), pa.int64())}
    return engine.persist(pa.table(places | {"dialect": pa.array(["tracker"] * size)} | texts))


def detect(engine: DuckDBWarehouse, options: FormatOptions | None = None, /, **columns: Cells) -> Formats:
    """The formats of a file with these columns."""
    rows = rows_of(engine, **columns)
    measures = fetch_row(rows.select(*evidence_expressions(PROFILES, today=TODAY)))
    return detect_formats(rows, measures, source=PROFILES, engine=engine, file="f.csv", today=TODAY, options=options)


def read(engine: DuckDBWarehouse, options: FormatOptions | None = None, /, **columns: Cells) -> dict[str, list[Any]]:
    """The typed values of a file with these columns, after detection and rewriting; None for an unreadable cell."""
    formats = detect(engine, options, **columns)
    return read_as(engine, formats, **columns)


def read_as(engine: DuckDBWarehouse, formats: Formats, **columns: Cells) -> dict[str, list[Any]]:
    """The typed values in given formats."""
    rewritten = canonical_cells(rows_of(engine, **columns), {"f.csv": formats}, engine)
    typed = engine.try_cast(rewritten, {name: TYPES[name] for name in columns})
    table = typed.sort("source_row").select(*columns).collect("pyarrow").to_native()
    values: Mapping[str, list[Any]] = table.to_pydict()
    return dict(values)
