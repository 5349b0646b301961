"""Stores what assets return and loads what they ask for: asset key -> table, partition key (and study) -> slice.

No SQL here: the warehouse writes and reads slices. Small tables pass their contract before they are written.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
from dagster import (
    InputContext,
    IOManager,
    IOManagerDefinition,
    OutputContext,
)

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest
from tiktok_pipeline.orchestration.asset_keys import slice_of, table_of
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tables import Table
from tiktok_pipeline.warehouse.base import Warehouse

_MANY_ROWS = 100_000
"""From so many rows on, how fast they were written is told in the log of the run."""


class ContractError(PipelineError):
    """A table that was computed does not keep its contract; nothing of it was written."""

    code = "contract"


@dataclass(frozen=True)
class ExternalRows:
    """Rows of a slice that lie in files of the home, or in the table that they derive from: they are read there, not stored."""

    rows: nw.LazyFrame[Any]


class WarehouseIOManager(IOManager):
    """Reads and writes slices of the warehouse; each is written with the delivery that it was made from."""

    def __init__(self, warehouse: Warehouse, raw: Path) -> None:
        self._warehouse = warehouse
        self._raw = raw

    def handle_output(self, context: OutputContext, obj: Any) -> None:  # noqa: ANN401 - a lazy frame or a small table
        """Write the frame in place of its slice, and say how many rows it has."""
        table = table_of(context.asset_key)
        slice_ = slice_of(table, context.asset_key, context.partition_key)
        delivery_id = compute_delivery_id(read_manifest(self._raw / context.partition_key))
        started = time.monotonic()
        if isinstance(obj, ExternalRows):
            written = self._warehouse.register_external_slice(table.spec, slice_, obj.rows, delivery_id=delivery_id)
        else:
            rows = _checked(obj, table) if isinstance(obj, pd.DataFrame) else obj
            written = self._warehouse.replace_slice(table.spec, slice_, rows, delivery_id=delivery_id)
        seconds = time.monotonic() - started
        if written >= _MANY_ROWS:
            rate = written / max(seconds, 1e-3)
            context.log.info(f"{table.spec}: {written:,} rows in {seconds:.1f} s, {rate:,.0f} a second")
        context.add_output_metadata({"dagster/row_count": written, "dagster/table_name": str(table.spec)})

    def load_input(self, context: InputContext) -> Any:  # noqa: ANN401 - a lazy frame
        """Give the slice as a lazy frame; nothing is read before it is used."""
        table = table_of(context.asset_key)
        return self._warehouse.read_slice(table.spec, slice_of(table, context.asset_key, context.partition_key))


def _checked(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    import pandera.errors as pandera_errors  # noqa: PLC0415

    try:
        return table.schema.validate(frame, lazy=True)
    except pandera_errors.SchemaErrors as problem:
        cases = problem.failure_cases[["column", "check"]].drop_duplicates().head(5)
        failed = "; ".join(f"{one['column']}: {one['check']}" for one in cases.to_dict("records"))
        msg = f"{table.spec}: the computed table breaks its contract, nothing was written: {failed}"
        raise ContractError(msg) from problem


def io_manager(settings: Settings) -> IOManagerDefinition:
    """The I/O manager over the resource ``warehouse``."""
    return IOManagerDefinition(
        resource_fn=lambda context: WarehouseIOManager(context.resources.warehouse, settings.raw),
        required_resource_keys={"warehouse"},
    )
