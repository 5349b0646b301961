"""Typed tables in DuckDB's SQL: how they are created, how a cell is stored, and which slices exist.

Names come from specs, which accept only identifiers; values are parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import narwhals as nw

from tiktok_pipeline.warehouse.base import Column, ColumnType, StoredSlice, TableSpec, WarehouseError

SQL_TYPES: Mapping[ColumnType, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "texts": "VARCHAR[]",
    "json": "VARCHAR",
}


def quoted(identifier: str) -> str:
    """Return an identifier in SQL's double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """Return a text in SQL's single quotes."""
    return "'" + text.replace("'", "''") + "'"


def create_table(
    connection: duckdb.DuckDBPyConnection, table: TableSpec, prefix: str = "", *, only_published: bool = False
) -> None:
    """Create a table from its spec unless it exists.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The database.
    table : TableSpec
        A table that is not derived.
    prefix : str, default ""
        The catalog: empty, or its name and a dot.
    only_published : bool, default False
        Whether to leave out the columns that are not ``published``.
    """
    cells = ", ".join(_definition(column) for column in table.columns if column.published or not only_published)
    connection.execute(f"create schema if not exists {prefix}{table.schema}")
    connection.execute(f"create table if not exists {prefix}{table} ({cells})")


def _definition(column: Column) -> str:
    # No dictionary helps where texts do not repeat: Zstandard is faster there than DuckDB's own choice.
    compression = " USING COMPRESSION zstd" if column.is_high_cardinality else ""
    return f"{quoted(column.name)} {SQL_TYPES[column.type]}{'' if column.nullable else ' NOT NULL'}{compression}"


def view_query(connection: duckdb.DuckDBPyConnection, table: TableSpec) -> str:
    """Return the query of a derived table; the table that it is computed from exists in the current catalog."""
    if table.derived is None:
        msg = f"{table} is not derived"
        raise ValueError(msg)
    rows = nw.from_native(connection.sql(f"select * from {table.derived.of}", alias="source"))
    names = [column.name for column in table.columns]
    return str(table.derived.rows(rows).select(names).to_native().sql_query())


def drop_stored(connection: duckdb.DuckDBPyConnection, table: TableSpec) -> None:
    """Drop the table in which an older version of this program stored the rows of a derived table."""
    stored = connection.execute(
        "select count(*) from duckdb_tables() "
        "where schema_name = ? and table_name = ? and database_name = current_catalog()",
        [table.schema, table.name],
    ).fetchall()
    if stored[0][0]:
        connection.execute(f"drop table {table}")


def stored_cell(column: Column) -> str:
    """Return the expression that stores a cell: cast to the column's type, floats rounded to significant digits."""
    name = quoted(column.name)
    if column.type != "float":
        return f"cast({name} as {SQL_TYPES[column.type]}) as {name}"
    value = f"cast({name} as double)"
    digits = f"{column.digits - 1} - cast(floor(log10(abs({value}))) as integer)"
    return (
        f"case when isnan({value}) then null when {value} = 0 or isinf({value}) then {value} "
        f"else round({value}, {digits}) end as {name}"
    )


def check_columns(table: TableSpec, columns: Sequence[str]) -> None:
    """Raise `WarehouseError` if a frame's columns are not `TableSpec.frame_names`, in any order."""
    missing = [name for name in table.frame_names if name not in columns]
    unknown = [name for name in columns if name not in table.frame_names]
    if missing or unknown:
        msg = f"{table}: the frame lacks columns {missing} and has unknown columns {unknown}; nothing was written"
        raise WarehouseError(msg)


def stored_slices(connection: duckdb.DuckDBPyConnection) -> list[StoredSlice]:
    """Return every slice that was written, in the order of table, snapshot and study."""
    rows = connection.execute(
        "select table_name, snapshot, study, rows, origin, written_at, coalesce(computed_by, '') from meta.slices "
        "order by all"
    ).fetchall()
    return [StoredSlice(*row) for row in rows]
