"""Inspect a database file read-only: its version, its listed slices, and the number of rows that each really has."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from tiktok_pipeline.warehouse.base import (
    DamagedDatabaseError,
    QueryError,
    SliceCounts,
    StoredSlice,
    WarehouseError,
)
from tiktok_pipeline.warehouse.duckdb.checksums import changed_columns, column_sums, is_unchanged
from tiktok_pipeline.warehouse.duckdb.connection import MEND_DATABASE, ReadOnlyDatabase, open_read_only
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION


@dataclass(frozen=True)
class Inspection:
    """The content of a database file.

    Attributes
    ----------
    version : int, optional
        None if the file has none. Everything else is empty if it is not that of this program.
    slices : tuple of StoredSlice
        The slices as listed.
    counts : SliceCounts
        The rows as stored.
    changed : tuple of str
        The columns of slices whose cells are not those that were written.
    """

    version: int | None
    slices: tuple[StoredSlice, ...] = ()
    counts: SliceCounts = field(default_factory=dict)
    changed: tuple[str, ...] = ()


def inspect_database(path: Path, *, read_all: bool = False) -> Inspection:
    """Return the content of a database file; with ``read_all`` every cell is read and compared with its checksums.

    Raises
    ------
    DamagedDatabaseError
        If the file is damaged; without ``read_all`` only what opening and counting touch is found.
    WarehouseError
        If the file cannot be read now.
    """
    if read_all and not is_unchanged(path):
        msg = f"{path}: this database file is damaged (it is not the one that was published: another checksum)"
        raise DamagedDatabaseError(msg, remedy=MEND_DATABASE)
    with open_read_only(path) as database:
        try:
            version = int(database.rows("select version from meta.version")[1][0][0])
        except (QueryError, IndexError):
            version = None
        if version != VERSION:
            return Inspection(version)
        counts, changed = _read_tables(database, read_all=read_all)
        return Inspection(version, tuple(_slices(database)), counts, tuple(changed))


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


def _read_tables(database: ReadOnlyDatabase, *, read_all: bool) -> tuple[SliceCounts, list[str]]:
    """Return the rows of each slice; with ``read_all`` also the columns whose sums are not in ``meta.checksums``."""
    expected = _expected_sums(database) if read_all else {}
    _, described = database.rows("select schema_name || '.' || table_name, slice_by from meta.tables")
    slice_columns = {str(table): tuple(columns) for table, columns in described}
    _, tables = database.rows(
        "select table_schema || '.' || table_name, list(column_name order by column_name) "
        "from information_schema.columns "
        "join information_schema.tables using (table_catalog, table_schema, table_name) "
        "where table_type = 'BASE TABLE' group by all order by all"
    )
    counts: SliceCounts = {}
    changed: list[str] = []
    for table, columns in tables:
        # A column "study" need not be part of the slice.
        slice_by = [name for name in slice_columns.get(table, ("snapshot", "study")) if name in columns]
        cells = [column for column in columns if column not in slice_by] if read_all else []
        keys = [name if name in slice_by else "''" for name in ("snapshot", "study")]
        selected = ", ".join([*keys, "count(*)", *column_sums(cells)])
        _, rows = database.rows(f"select {selected} from {table} group by 1, 2 order by 1, 2")
        for snapshot, study, count, *sums in rows if "snapshot" in slice_by and not table.startswith("meta.") else ():
            key = (str(table), str(snapshot), str(study))
            counts[key] = int(count)
            differing = changed_columns(expected.get(key, {}), dict(zip(cells, sums, strict=True)))
            changed += [f"{' '.join(key)}: {column}" for column in differing]
    return counts, changed


def _expected_sums(database: ReadOnlyDatabase) -> dict[tuple[str, str, str], dict[str, str]]:
    """Return the sums of each slice that this version of the engine wrote; another one hashes in another way."""
    try:
        _, rows = database.rows(
            "select table_name, snapshot, study, sums from meta.checksums where engine = version() order by all"
        )
    except QueryError:  # a file of an earlier day has none
        return {}
    return {(table, snapshot, study): json.loads(sums) for table, snapshot, study, sums in rows}
