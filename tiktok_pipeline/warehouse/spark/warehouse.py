"""The warehouse whose tables are computed by Spark and stored in the DuckDB file.

Rows pass as Parquet files in a temporary folder: Spark writes what it computed and DuckDB inserts it in its
transaction; DuckDB writes what Spark is to read.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import narwhals as nw

from tiktok_pipeline.warehouse.base import (
    ExternalSliceReader,
    Slice,
    StoredSlice,
    TableSpec,
    View,
    check_slice,
)
from tiktok_pipeline.warehouse.duckdb.tables import check_columns
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline.warehouse.spark.engine import Rows, SparkEngine
from tiktok_pipeline.warehouse.spark.errors import EngineError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_SOURCE_ORDER = ("source_file", "source_row")


class SparkWarehouse(SparkEngine):
    """Tables in one DuckDB file, and the engine on Spark that computes them.

    Parameters
    ----------
    engine : str
        ``sail``, or the address of a server.
    storage : DuckDBWarehouse
        The tables; it is closed with this warehouse.
    file : Path, optional
        The file of ``storage``, beside which the temporary folder is made; None if its tables are in memory.
    external_slice_reader : ExternalSliceReader, optional
        Reads the slices whose rows stay in files.
    """

    def __init__(
        self,
        engine: str,
        storage: DuckDBWarehouse,
        file: Path | None,
        *,
        external_slice_reader: ExternalSliceReader | None = None,
    ) -> None:
        super().__init__(engine, storage, file)
        self._storage = storage
        self._external_slice_reader = external_slice_reader
        self._handed_over: dict[tuple[str, str], Rows] = {}

    def replace_slice(
        self,
        table: TableSpec,
        slice_: Slice,
        rows: Rows | pd.DataFrame | pa.Table,
        *,
        delivery_id: str = "",
        computed_by: str = "",
    ) -> int:
        """Replace a slice in one transaction; see `tiktok_pipeline.warehouse.base.Warehouse.replace_slice`."""
        origin = {"delivery_id": delivery_id, "computed_by": computed_by}
        self._outdate([table])
        if not isinstance(rows, nw.LazyFrame):
            return self._storage.replace_slice(table, slice_, rows, **origin)
        list(check_slice(table, slice_))
        try:
            check_columns(table, rows.collect_schema().names())
            folder = self._write(rows)
        except EngineError as error:
            msg = f"writing {table} failed, the table is unchanged: {error.message}"
            raise EngineError(msg, remedy=error.remedy) from error
        try:
            return self._storage.replace_slice(table, slice_, self._stored_order(table, folder), **origin)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def replace_external_slice(
        self, table: TableSpec, slice_: Slice, rows: Rows, *, delivery_id: str = "", computed_by: str = ""
    ) -> int:
        """List a slice without storing its rows; see `tiktok_pipeline.warehouse.base.Warehouse`."""
        list(check_slice(table, slice_))
        check_columns(table, rows.collect_schema().names())
        self._outdate([table])
        return self._storage.list_external_slice(
            table, slice_, lambda: int(rows.to_native().count()), delivery_id=delivery_id, computed_by=computed_by
        )

    def read_slice(self, table: TableSpec, slice_: Slice) -> Rows:
        """Return a slice as a lazy frame of Spark, as it is now."""
        if self._external_slice_reader and (rows := self._external_slice_reader(self, table, slice_)) is not None:
            return rows
        if table.derived is None:
            key = (str(table), str(list(check_slice(table, slice_))))
            if key not in self._handed_over:
                self._handed_over[key] = self._hand_over(self._storage.read_slice(table, slice_))
            return self._handed_over[key]
        self._storage.read_slice(table, slice_)  # creates the view for the readers of the file
        of = self.read_slice(table.derived.of, slice_)
        with_slice = of.with_columns(*(nw.lit(value).alias(name) for name, value in check_slice(table, slice_)))
        return table.derived.rows(with_slice).select(table.frame_names)

    def read_snapshots(self, table: TableSpec, snapshots: Sequence[str]) -> Rows:
        """Return the rows of several snapshots as a lazy frame of Spark with all columns."""
        if table.derived is None:
            return self._hand_over(self._storage.read_snapshots(table, snapshots))
        rows = table.derived.rows(self.read_snapshots(table.derived.of, snapshots))
        return rows.select([column.name for column in table.columns])

    def slices(self) -> list[StoredSlice]:
        """Return every slice that was written and not dropped, in the order of table, snapshot and study."""
        return self._storage.slices()

    def drop_snapshots(self, tables: Sequence[TableSpec], snapshots: Sequence[str]) -> None:
        """Delete every slice of the snapshots from all ``tables``, in one transaction."""
        self._outdate(tables)
        self._storage.drop_snapshots(tables, snapshots)

    def set_delivery_id(self, snapshot: str, delivery_id: str) -> None:
        """Set the delivery of every slice of a snapshot."""
        self._storage.set_delivery_id(snapshot, delivery_id)

    def publish(
        self, target: Path, *, tables: Sequence[TableSpec], snapshots: Sequence[str] | None, views: Sequence[View]
    ) -> list[StoredSlice]:
        """Bring the published file up to date; DuckDB copies it."""
        return self._storage.publish(target, tables=tables, snapshots=snapshots, views=views)

    def rebuild(self) -> None:
        """Write the database file again."""
        self._storage.rebuild()

    def close(self) -> None:
        """End the session, remove the temporary folder and release the file; safe to call twice."""
        self._handed_over.clear()
        super().close()

    def _outdate(self, tables: Sequence[TableSpec]) -> None:
        """Forget what was handed over of tables; frames that hold it stay readable until `close`."""
        names = {str(table) for table in tables}
        self._handed_over = {key: rows for key, rows in self._handed_over.items() if key[0] not in names}

    def _stored_order(self, table: TableSpec, folder: Path) -> Rows:
        """Return what Spark wrote as a frame of DuckDB, in source order or in that of the table's key."""
        names = table.frame_names
        order = _SOURCE_ORDER if set(_SOURCE_ORDER) <= set(names) else table.rows_per
        return self._storage.read_parquet(folder).sort([name for name in order if name in names] or names)
