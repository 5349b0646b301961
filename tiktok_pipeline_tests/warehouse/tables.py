"""Synthetic tables for the tests of the warehouse: one with every type of column, one with two slice columns."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pyarrow as pa

from tiktok_pipeline.warehouse.base import Column, TableSpec, Warehouse

THINGS = TableSpec(
    schema="shelf",
    name="things",
    description="one column of each type",
    columns=(
        Column(name="snapshot", type="text", description="slice", nullable=False),
        Column(name="name", type="text", description="text", nullable=False),
        Column(name="followers", type="integer", description="integer"),
        Column(name="likes", type="integer", description="integer"),
        Column(name="rate", type="float", description="float"),
        Column(name="is_new", type="boolean", description="boolean"),
        Column(name="seen_on", type="date", description="date"),
        Column(name="stored_at", type="timestamp", description="timestamp"),
        Column(name="tags", type="texts", description="list of text"),
        Column(name="record", type="json", description="JSON", published=False),
    ),
)

SCORES = TableSpec(
    schema="shelf",
    name="scores",
    description="two slice columns",
    columns=(
        Column(name="snapshot", type="text", description="slice", nullable=False),
        Column(name="study", type="text", description="slice", nullable=False),
        Column(name="score", type="integer", description="integer"),
    ),
    slice_by=("snapshot", "study"),
)

MARCH = {"snapshot": "2024-03-01"}
APRIL = {"snapshot": "2024-04-01"}

_TYPES = {
    "name": pa.string(),
    "followers": pa.int64(),
    "likes": pa.int64(),
    "rate": pa.float64(),
    "is_new": pa.bool_(),
    "seen_on": pa.date32(),
    "stored_at": pa.timestamp("us"),
    "tags": pa.list_(pa.string()),
    "record": pa.string(),
}


def things(*rows: dict[str, Any]) -> pa.Table:
    """Return rows of `THINGS` (without the slice); columns that a row does not name are NULL."""
    cells = {name: [row.get(name) for row in rows] for name in _TYPES}
    cells["name"] = [row.get("name", f"thing {place}") for place, row in enumerate(rows)]
    return pa.table({name: pa.array(values, _TYPES[name]) for name, values in cells.items()})


def read(warehouse: Warehouse, table: TableSpec, slice_: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of a slice, in the order of their first column."""
    return rows_of(warehouse.read_slice(table, slice_).sort(table.frame_names[0]))


def read_all(warehouse: Warehouse, table: TableSpec) -> list[dict[str, Any]]:
    """Return the rows of every listed slice of a table, with the slice columns."""
    slices = [
        {"snapshot": stored.snapshot, "study": stored.study}
        for stored in warehouse.slices()
        if stored.table == str(table)
    ]
    own = [{name: slice_[name] for name in table.slice_by} for slice_ in slices]
    return [{**slice_, **row} for slice_ in own for row in read(warehouse, table, slice_)]


def rows_of(frame: nw.LazyFrame[Any]) -> list[dict[str, Any]]:
    """Return the rows of a lazy frame as dictionaries."""
    rows: list[dict[str, Any]] = frame.collect("pyarrow").to_native().to_pylist()
    return rows
