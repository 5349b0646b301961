"""What Dagster's UI shows beside an asset: descriptions, column schemas, pictures."""

from __future__ import annotations

import base64
from typing import Any

from dagster import AssetIn, AssetOut, MetadataValue, TableColumn, TableColumnConstraints, TableSchema

from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.automation.conditions import of_a_study
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import TableSpec

ENGINE_KINDS = {"duckdb", "narwhals"}


def column_schema(spec: TableSpec) -> TableSchema:
    """The columns of a table with their types and descriptions."""
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


def table_out(table: str, *, study: str | None = None, kinds: set[str] | None = None, **more: Any) -> AssetOut:  # noqa: ANN401
    """How an asset announces the table it writes."""
    found = TABLES[table]
    return AssetOut(
        key=asset_key(table, study),
        description=found.spec.description[:1].upper() + found.spec.description[1:] + ".",
        metadata={"dagster/column_schema": column_schema(found.spec)},
        kinds=kinds or ENGINE_KINDS,
        tags={"stage": found.spec.schema},
        automation_condition=of_a_study() if study else None,
        **more,
    )


def table_in(table: str, study: str | None = None) -> AssetIn:
    """How an asset names a table that it reads."""
    return AssetIn(key=asset_key(table, study))


def picture(png: bytes) -> MetadataValue:
    """A PNG as metadata that Dagster's UI shows."""
    return MetadataValue.md(f"![picture](data:image/png;base64,{base64.b64encode(png).decode('ascii')})")
