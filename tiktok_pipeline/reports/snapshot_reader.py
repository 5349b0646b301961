"""Read the tables of one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.frames import count_rows, to_pandas
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import Warehouse


@dataclass(frozen=True)
class SnapshotReader:
    """Reads the slices of one snapshot."""

    warehouse: Warehouse
    snapshot: str

    def lazy(self, table: str, study: str | None = None) -> nw.LazyFrame[Any]:
        """Return a slice as a lazy frame."""
        spec = TABLES[table].spec
        values = {"snapshot": self.snapshot, "study": study or ""}
        return self.warehouse.read_slice(spec, {name: values[name] for name in spec.slice_by})

    def frame(self, table: str, study: str | None = None) -> pd.DataFrame:
        """Return a small slice as pandas."""
        return to_pandas(self.lazy(table, study))

    def count(self, table: str, source: str | None = None) -> int:
        """Return the number of rows of a slice, or of one source in it."""
        rows = self.lazy(table)
        return count_rows(rows if source is None else rows.filter(nw.col("source") == source))
