"""What assets declare about the tables they read and write (Dagster concept: metadata).

Dagster's UI shows it: descriptions, column schemas, figures, and numbers, which it plots over materializations. No
asset is defined here.
"""

from __future__ import annotations

import base64
import math
from typing import Any

from dagster import AssetIn, AssetOut, MetadataValue, TableColumn, TableColumnConstraints, TableSchema

from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.automation.conditions import on_study_change
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import TableSpec

Frame = Any
"""An asset's input: a narwhals ``LazyFrame[Any]`` over the warehouse. Dagster accepts no generic type here."""

ENGINE_KINDS = {"duckdb", "narwhals"}


def column_schema(spec: TableSpec) -> TableSchema:
    """Return the columns of a table with their types and descriptions."""
    return TableSchema(
        columns=[
            TableColumn(
                name=column.name,
                type=column.type,
                description=column.description,
                constraints=TableColumnConstraints(nullable=column.nullable),
            )
            for column in spec.columns
        ]
    )


def table_out(
    table: str, *, study: Study | None = None, kinds: set[str] | None = None, is_required: bool = True
) -> AssetOut:
    """Declare the table that an asset writes.

    Parameters
    ----------
    table : str
        Name of the table with its schema.
    study : Study, optional
        The study whose part of the table it is. Its version is the asset's code version, and a changed study
        recomputes its assets.
    kinds : set of str, optional
        What computes the table, shown as icons; by default the engine.
    is_required : bool
        Whether the asset always writes the table.
    """
    spec = TABLES[table].spec
    text = f"{spec.description[:1].upper()}{spec.description[1:]}."
    return AssetOut(
        key=asset_key(table, study.name if study else None),
        description=f"Study {study.name}: {text}" if study else text,
        metadata={"dagster/column_schema": column_schema(spec)},
        kinds=kinds or ENGINE_KINDS,
        tags={"stage": spec.schema},
        automation_condition=on_study_change() if study else None,
        code_version=study.version if study else None,
        is_required=is_required,
    )


def table_in(table: str, study: Study | None = None) -> AssetIn:
    """Declare a table that an asset reads."""
    return AssetIn(key=asset_key(table, study.name if study else None))


def figure_metadata(png: bytes) -> MetadataValue:
    """Return a PNG as metadata that Dagster's UI shows."""
    return MetadataValue.md(f"![figure](data:image/png;base64,{base64.b64encode(png).decode('ascii')})")


def numbers(**values: float | None) -> dict[str, float | None]:
    """Return numeric metadata, which Dagster plots over time; a missing or infinite value becomes None.

    Dagster draws the lines that the latest event names, so an asset must always give the same names. It cannot store
    numpy numbers, so they become floats.

    Examples
    --------
    >>> numbers(worst_jaccard=0.5, smallest_segment=float("nan"), worst_psi=None)
    {'worst_jaccard': 0.5, 'smallest_segment': None, 'worst_psi': None}
    """
    return {
        name: float(value) if value is not None and math.isfinite(value) else None for name, value in values.items()
    }
