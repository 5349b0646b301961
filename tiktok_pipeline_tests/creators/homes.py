"""A warehouse in memory with snapshots of invented creators, whose tables of stage ``creators`` are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.analysis.creator_tables import compare_creators, departures, growth, identities
from tiktok_pipeline.creators.schema import COMPARISONS_TABLE, DEPARTURES_TABLE, GROWTH_TABLE, IDENTITIES_TABLE
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.validated.schema import ACTIVITY_TABLE, PROFILES_TABLE
from tiktok_pipeline.warehouse.base import TableSpec
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

Profile = Mapping[str, Any]


def profile(account_id: str, tiktok_id: str | None, **cells: Any) -> dict[str, Any]:
    """Return a row of ``validated.profiles``; what is not given is ordinary."""
    row: dict[str, Any] = dict.fromkeys(PROFILES_TABLE.frame_names)
    ordinary = {"followers": 1_000, "likes": 10_000, "videos_count": 100, "source_file": "f", "source_row": 1}
    return {**row, **ordinary, "account_id": account_id, "tiktok_id": tiktok_id, **cells}


@dataclass
class CreatorHome:
    """Snapshots that arrive one after the other."""

    warehouse: DuckDBWarehouse = field(default_factory=lambda: DuckDBWarehouse(None))

    def arrive(self, snapshot: str, profiles: Sequence[Profile], activity: Sequence[str] = ()) -> None:
        """Store the profiles of a snapshot and the handles of its activity file, and compute its tables."""
        frame = pd.DataFrame(profiles, columns=PROFILES_TABLE.frame_names)
        texts = ("tiktok_id", "nickname", "biography", "bio_link", "language", "region")
        frame = frame.astype(dict.fromkeys(texts, "string"))
        self.warehouse.replace_slice(PROFILES_TABLE, {"snapshot": snapshot}, frame)
        if activity:
            row = dict.fromkeys(ACTIVITY_TABLE.frame_names, 1.0) | {"source_file": "a", "source_row": 1}
            users = pd.DataFrame([{**row, "account_id": handle} for handle in activity])
            self.warehouse.replace_slice(ACTIVITY_TABLE, {"snapshot": snapshot}, users)
        self.compute(snapshot)

    def compute(self, snapshot: str) -> None:
        """Compute the tables of stage ``creators`` of a snapshot."""
        where = {"snapshot": snapshot}
        profiles = self.warehouse.read_slice(PROFILES_TABLE, where)
        activity = self.warehouse.read_slice(ACTIVITY_TABLE, where)
        found = identities(self.warehouse, snapshot, profiles, activity)
        self.warehouse.replace_slice(IDENTITIES_TABLE, where, found)
        known = self.warehouse.read_slice(IDENTITIES_TABLE, where)
        self.warehouse.replace_slice(DEPARTURES_TABLE, where, departures(self.warehouse, snapshot, known))
        self.warehouse.replace_slice(GROWTH_TABLE, where, growth(self.warehouse, snapshot, known, profiles))
        row = compare_creators(self.warehouse, snapshot, known, profiles)
        self.warehouse.replace_slice(COMPARISONS_TABLE, where, row)
        self.warehouse.unpersist_all()

    def rows(self, table: TableSpec, snapshot: str) -> pd.DataFrame:
        """Return a slice, ordered by handle if it has one."""
        frame = to_pandas(self.warehouse.read_slice(table, {"snapshot": snapshot}))
        return frame.sort_values("account_id", ignore_index=True) if "account_id" in frame else frame

    def creators(self, snapshot: str) -> dict[str, str]:
        """Return the creator behind each handle."""
        rows = self.rows(IDENTITIES_TABLE, snapshot)
        return dict(zip(rows["account_id"], rows["creator_id"], strict=True))

    def row(self, table: TableSpec, snapshot: str, account_id: str) -> dict[str, Any]:
        """Return the row of a handle."""
        rows = self.warehouse.read_slice(table, {"snapshot": snapshot}).filter(nw.col("account_id") == account_id)
        (row,) = rows.collect("pyarrow").to_native().to_pylist()
        return dict(row)
