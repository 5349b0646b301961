"""Inspect a database file read-only: its version, its listed slices, and the number of rows that each really has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tiktok_pipeline.warehouse.base import QueryError, SliceCounts, StoredSlice, WarehouseError
from tiktok_pipeline.warehouse.duckdb.connection import ReadOnlyDatabase, open_read_only
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION
from tiktok_pipeline.warehouse.duckdb.tables import quoted


@dataclass(frozen=True)
class Inspection:
    """The content of a database file.

    ``version`` is None if the file has none. ``slices`` (as listed) and ``counts`` (as stored) are empty if the
    version is not that of this program.
    """

    version: int | None
    slices: tuple[StoredSlice, ...]
    counts: SliceCounts


def inspect_database(path: Path, *, read_all: bool = False) -> Inspection:
    """Return the content of a database file; with ``read_all`` every cell is read, and so every block is checked.

    Raises
    ------
    WarehouseError
        If the file cannot be read now.
    """
    with open_read_only(path) as database:
        try:
            version = int(database.rows("select version from meta.version")[1][0][0])
        except (QueryError, IndexError):
            version = None
        if version != VERSION:
            return Inspection(version, (), {})
        if read_all:
            _read_all(database)
        return Inspection(version, tuple(_slices(database)), _counts(database))


def published_slices(path: Path) -> tuple[list[StoredSlice], dict[str, tuple[str, ...]]]:
    """Return the slices that a published file lists, and the slice columns of each of its tables.

    Returns
    -------
    slices : list of StoredSlice
        Empty if the file does not exist, cannot be read, or is of another version.
    slice_columns : dict of str to tuple of str
        By table, such as ``clusters.fits``.
    """
    if not path.exists():
        return [], {}
    try:
        with open_read_only(path) as database:
            (version,) = database.rows("select version from meta.version")[1][0]
            if version != VERSION:
                return [], {}
            _, tables = database.rows(
                "select schema_name || '.' || table_name, slice_by from meta.tables where schema_name <> 'meta'"
            )
            return _slices(database), {str(table): tuple(columns) for table, columns in tables}
    except (WarehouseError, IndexError):
        return [], {}


def _slices(database: ReadOnlyDatabase) -> list[StoredSlice]:
    _, rows = database.rows(
        "select table_name, snapshot, study, rows, origin, written_at, coalesce(computed_by, '') "
        "from meta.slices order by all"
    )
    return [StoredSlice(*row) for row in rows]


def _read_all(database: ReadOnlyDatabase) -> None:
    _, tables = database.rows(
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' order by all"
    )
    for schema, name in tables:
        database.rows(f"select bit_xor(hash(cells)) from {quoted(schema)}.{quoted(name)} as cells")


def _counts(database: ReadOnlyDatabase) -> SliceCounts:
    _, tables = database.rows(
        "select table_schema, table_name, bool_or(column_name = 'study') from information_schema.columns "
        "join information_schema.tables using (table_catalog, table_schema, table_name) "
        "where table_type = 'BASE TABLE' and table_schema <> 'meta' "
        "group by all having bool_or(column_name = 'snapshot') order by all"
    )
    # A column "study" need not be part of the slice.
    _, described = database.rows("select schema_name || '.' || table_name, slice_by from meta.tables")
    slice_columns = {str(table): tuple(columns) for table, columns in described}
    counts: SliceCounts = {}
    for schema, name, has_study in tables:
        is_by_study = has_study and "study" in slice_columns.get(f"{schema}.{name}", ("study",))
        study_column = "study" if is_by_study else "''"
        _, rows = database.rows(
            f"select snapshot, {study_column}, count(*) from {quoted(schema)}.{quoted(name)} "
            "group by 1, 2 order by 1, 2"
        )
        counts |= {(f"{schema}.{name}", str(snapshot), str(study)): int(count) for snapshot, study, count in rows}
    return counts
