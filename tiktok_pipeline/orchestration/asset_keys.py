"""Translate between tables and the asset keys by which Dagster knows them."""

from __future__ import annotations

from dagster import AssetKey

from tiktok_pipeline.tables import TABLES, Table
from tiktok_pipeline.warehouse.base import Slice


def asset_key(table: str, study: str | None = None) -> AssetKey:
    """Return ``[stage, table]``, or ``[stage, study, table]`` for one study's part of the table.

    Parameters
    ----------
    table : str
        Name of the table with its schema, such as ``clusters.models``.
    study : str, optional
        Name of the study, for a table that is sliced by study.
    """
    schema, name = table.split(".")
    return AssetKey([schema, *([study] if study else []), name])


def table_of(key: AssetKey) -> Table:
    """Return the table behind an asset key; raises `KeyError` for an asset that is not a table."""
    return TABLES[f"{key.path[0]}.{key.path[-1]}"]


def slice_of(table: Table, key: AssetKey, snapshot: str) -> Slice:
    """Return the slice of a table that an asset stores for one snapshot."""
    values = {"snapshot": snapshot, "study": key.path[1]}
    return {name: values[name] for name in table.spec.slice_by}
