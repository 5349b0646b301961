"""Looks into a database file without changing it: its version, its slices, and how many rows each really has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tiktok_pipeline.warehouse.base import QueryError, SliceCounts, StoredSlice
from tiktok_pipeline.warehouse.duckdb.connection import ReadOnlyDatabase, open_read_only
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION
from tiktok_pipeline.warehouse.duckdb.tables import quoted


@dataclass(frozen=True)
class Inspection:
    """What a database file says of itself, and what is in it; ``version`` is None where it says none."""

    version: int | None
    slices: tuple[StoredSlice, ...]
    counts: SliceCounts

    @property
    def is_of_this_version(self) -> bool:
        """Whether this program reads and writes the file as it is."""
        return self.version == VERSION


def inspect_database(path: Path) -> Inspection:
    """Look into ``path``; raises `tiktok_pipeline.warehouse.base.WarehouseError` where it cannot be read now."""
    with open_read_only(path) as reader:
        try:
            version = int(reader.rows("select version from meta.version")[1][0][0])
        except (QueryError, IndexError):
            version = None
        if version != VERSION:
            return Inspection(version, (), {})
        _, found = reader.rows(
            "select table_name, snapshot, study, rows, origin, written_at from meta.slices order by all"
        )
        return Inspection(version, tuple(StoredSlice(*row) for row in found), _counts(reader))


def _counts(reader: ReadOnlyDatabase) -> SliceCounts:
    _, tables = reader.rows(
        "select table_schema, table_name, bool_or(column_name = 'study') from information_schema.columns "
        "join information_schema.tables using (table_catalog, table_schema, table_name) "
        "where table_type = 'BASE TABLE' and table_schema <> 'meta' group by all having bool_or(column_name = 'snapshot') "
        "order by all"
    )
    counts: SliceCounts = {}
    for schema, name, has_study in tables:
        study = "study" if has_study else "''"
        _, rows = reader.rows(
            f"select snapshot, {study}, count(*) from {quoted(schema)}.{quoted(name)} group by 1, 2 order by 1, 2"
        )
        counts |= {(f"{schema}.{name}", str(snapshot), str(one)): int(count) for snapshot, one, count in rows}
    return counts
