"""Stores what assets return and loads what they ask for: asset key -> table, partition key (and study) -> slice.

No SQL here: the warehouse writes and reads slices. Small tables pass their contract before they are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
from dagster import (
    AssetKey,
    InitResourceContext,
    InputContext,
    IOManager,
    IOManagerDefinition,
    OutputContext,
    ResourceDefinition,
)

from tiktok_pipeline.orchestration.home_lock import home_lock
from tiktok_pipeline.orchestration.tables import Table, table_of
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import Slice, Warehouse

OpenWarehouse = Callable[[], Warehouse]


class ContractError(ValueError):
    """A table that was computed does not keep its contract; nothing of it was written."""


class WarehouseIOManager(IOManager):
    """Reads and writes slices of the warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def handle_output(self, context: OutputContext, obj: Any) -> None:  # noqa: ANN401 - a lazy frame or a small table
        """Write the frame in place of its slice, and say how many rows it has."""
        table = table_of(context.asset_key)
        rows = _checked(obj, table) if isinstance(obj, pd.DataFrame) else obj
        written = self._warehouse.replace_slice(
            table.spec, slice_of(table, context.asset_key, context.partition_key), rows
        )
        context.add_output_metadata({"dagster/row_count": written, "dagster/table_name": str(table.spec)})

    def load_input(self, context: InputContext) -> Any:  # noqa: ANN401 - a lazy frame
        """Give the slice as a lazy frame; nothing is read before it is used."""
        table = table_of(context.asset_key)
        return self._warehouse.read_slice(table.spec, slice_of(table, context.asset_key, context.partition_key))


def slice_of(table: Table, key: AssetKey, snapshot: str) -> Slice:
    """The slice of a table that an asset stands for in one snapshot."""
    values = {"snapshot": snapshot, "study": key.path[1]}
    return {name: values[name] for name in table.spec.slice_by}


def _checked(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    import pandera.errors as pandera_errors  # noqa: PLC0415

    try:
        return table.schema.validate(frame, lazy=True)
    except pandera_errors.SchemaErrors as problem:
        failed = problem.failure_cases[["column", "check", "failure_case"]].head(5).to_dict("records")
        msg = f"{table.spec}: the computed table breaks its contract, nothing was written: {failed}"
        raise ContractError(msg) from problem


def warehouse_resource(settings: Settings, open_warehouse: OpenWarehouse) -> ResourceDefinition:
    """The warehouse for the time of a run, with the home's lock held."""

    def provide(context: InitResourceContext) -> Iterator[Warehouse]:
        say = context.log.info if context.log else (lambda _: None)
        with home_lock(settings.lock_file, timeout_seconds=settings.lock_timeout_seconds, say=say):
            warehouse = open_warehouse()
            try:
                yield warehouse
            finally:
                warehouse.close()

    return ResourceDefinition(resource_fn=provide, description=f"DuckDB at {settings.warehouse_file}")


def io_manager() -> IOManagerDefinition:
    """The I/O manager over the resource ``warehouse``."""
    return IOManagerDefinition(
        resource_fn=lambda context: WarehouseIOManager(context.resources.warehouse),
        required_resource_keys={"warehouse"},
    )
