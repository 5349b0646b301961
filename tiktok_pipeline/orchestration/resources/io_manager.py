"""Store what assets return and load what they read (Dagster concept: I/O manager).

An asset key is a table, a partition key (and a study) a slice. A small table is checked against its contract before
it is written. No SQL here: the warehouse reads and writes slices.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
from dagster import InputContext, IOManager, IOManagerDefinition, OutputContext

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest
from tiktok_pipeline.orchestration.asset_keys import slice_of, table_of
from tiktok_pipeline.program_version import computed_by
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import Table
from tiktok_pipeline.warehouse.base import Warehouse

_LOGGED_ROWS = 100_000
"""From this many rows on, the log of the run reports how fast they were written."""


class ContractError(PipelineError):
    """A computed table breaks its contract; nothing was written."""

    code = "contract"


@dataclass(frozen=True)
class ExternalRows:
    """Rows that are not stored: the warehouse reads them from files, or derives them from another table."""

    rows: nw.LazyFrame[Any]


class WarehouseIOManager(IOManager):
    """Reads and writes slices of the warehouse. Each slice is stored with the id of its delivery.

    Parameters
    ----------
    warehouse : Warehouse
        The open warehouse of the run.
    raw : Path
        The folder of the snapshots, whose manifests give the delivery ids.
    studies : sequence of Study
        The studies, whose versions are stored with their slices.
    has_figures : bool
        Whether the run draws figures.
    """

    def __init__(
        self, warehouse: Warehouse, raw: Path, studies: Sequence[Study] = (), *, has_figures: bool = True
    ) -> None:
        self._warehouse = warehouse
        self._raw = raw
        self._study_versions = {study.name: study.version for study in studies}
        self._has_figures = has_figures

    def handle_output(self, context: OutputContext, obj: Any) -> None:  # noqa: ANN401 - a lazy frame or a small table
        """Replace the slice by the frame, and attach its number of rows as metadata.

        Raises
        ------
        ContractError
            If a small table breaks its contract.
        """
        table = table_of(context.asset_key)
        slice_ = slice_of(table, context.asset_key, context.partition_key)
        origin = {
            "delivery_id": compute_delivery_id(read_manifest(self._raw / context.partition_key)),
            "computed_by": computed_by(
                study_version=self._study_versions.get(slice_.get("study", ""), ""), has_figures=self._has_figures
            ),
        }
        started = time.monotonic()
        if isinstance(obj, ExternalRows):
            rows = self._warehouse.replace_external_slice(table.spec, slice_, obj.rows, **origin)
        else:
            frame = _validate(obj, table) if isinstance(obj, pd.DataFrame) else obj
            rows = self._warehouse.replace_slice(table.spec, slice_, frame, **origin)
        seconds = time.monotonic() - started
        if rows >= _LOGGED_ROWS:
            rate = rows / max(seconds, 1e-3)
            context.log.info(f"{table.spec}: {rows:,} rows in {seconds:.1f} s, {rate:,.0f} a second")
        context.add_output_metadata({"dagster/row_count": rows, "dagster/table_name": str(table.spec)})

    def load_input(self, context: InputContext) -> Any:  # noqa: ANN401 - a lazy frame
        """Return the slice as a lazy frame; nothing is read before it is used."""
        table = table_of(context.asset_key)
        return self._warehouse.read_slice(table.spec, slice_of(table, context.asset_key, context.partition_key))


def _validate(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    import pandera.errors as pandera_errors  # noqa: PLC0415

    try:
        return table.schema.validate(frame, lazy=True)
    except pandera_errors.SchemaErrors as error:
        cases = error.failure_cases[["column", "check"]].drop_duplicates().head(5)
        failed = "; ".join(f"{case['column']}: {case['check']}" for case in cases.to_dict("records"))
        msg = f"{table.spec}: the computed table breaks its contract, nothing was written: {failed}"
        raise ContractError(msg) from error


def io_manager(settings: Settings, studies: Sequence[Study] = ()) -> IOManagerDefinition:
    """Return the I/O manager over the run's ``warehouse``."""
    return IOManagerDefinition(
        resource_fn=lambda context: WarehouseIOManager(
            context.resources.warehouse, settings.raw, studies, has_figures=settings.pictures
        ),
        required_resource_keys={"warehouse"},
        description="Stores each asset as a slice of its table in the warehouse.",
    )
