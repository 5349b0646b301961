"""Typed tables in DuckDB's words: how they are created, how a cell is stored, which slices there are.

Names come from specs, which admit plain identifiers only; values are parameters.
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
    """An identifier in SQL's double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A text in SQL's single quotes."""
    return "'" + text.replace("'", "''") + "'"


def create_table(
    connection: duckdb.DuckDBPyConnection, table: TableSpec, prefix: str = "", *, only_published: bool = False
) -> None:
    """Create the table from its contract where it is not there yet; ``prefix`` names the catalog (empty, or a name and a dot)."""
    cells = ", ".join(_definition(column) for column in table.columns if column.published or not only_published)
    connection.execute(f"create schema if not exists {prefix}{table.schema}")
    connection.execute(f"create table if not exists {prefix}{table} ({cells})")


def _definition(column: Column) -> str:
    # Of texts that do not repeat no dictionary can be made: Zstandard takes less time for them than DuckDB's own choice.
    packed = " USING COMPRESSION zstd" if column.is_high_cardinality else ""
    return f"{quoted(column.name)} {SQL_TYPES[column.type]}{'' if column.nullable else ' NOT NULL'}{packed}"


def create_view(connection: duckdb.DuckDBPyConnection, table: TableSpec, prefix: str = "") -> None:
    """Create the view that a derived table is, anew where it is there; ``prefix`` names the catalog (empty, or a name and a dot).

    The table that it is made of must be there. A table of its name, in which an older version stored the rows, goes.
    """
    if table.derived is None:
        msg = f"{table} is stored, not derived"
        raise ValueError(msg)
    rows = nw.from_native(connection.sql(f"select * from {table.derived.of}", alias="made_of"))
    names = [column.name for column in table.columns]
    sql = table.derived.rows(rows).select(names).to_native().sql_query()
    connection.execute(f"create schema if not exists {prefix}{table.schema}")
    stored_once = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = ? and table_name = ? "
        "and database_name = coalesce(?, current_catalog())",
        [table.schema, table.name, prefix.removesuffix(".") or None],
    ).fetchall()
    if stored_once[0][0]:
        connection.execute(f"drop table {prefix}{table}")
    connection.execute(f"create or replace view {prefix}{table} as {sql}")


def stored(column: Column) -> str:
    """The expression that stores a cell of the column: cast to its type, floats to its significant digits."""
    name = quoted(column.name)
    if column.type != "float":
        return f"cast({name} as {SQL_TYPES[column.type]}) as {name}"
    value = f"cast({name} as double)"
    digits = f"{column.digits - 1} - cast(floor(log10(abs({value}))) as integer)"
    return (
        f"case when isnan({value}) then null when {value} = 0 or isinf({value}) then {value} "
        f"else round({value}, {digits}) end as {name}"
    )


def check_columns(table: TableSpec, found: Sequence[str]) -> None:
    """Raise `WarehouseError` where a frame's columns are not those of the table's slices."""
    missing = [name for name in table.frame_names if name not in found]
    unknown = [name for name in found if name not in table.frame_names]
    if missing or unknown:
        msg = f"{table}: the frame lacks columns {missing} and brings unknown ones {unknown}; nothing was written"
        raise WarehouseError(msg)


def stored_slices(connection: duckdb.DuckDBPyConnection) -> list[StoredSlice]:
    """Every slice that was written, in the order of table, snapshot and study."""
    found = connection.execute(
        "select table_name, snapshot, study, rows, origin, written_at from meta.slices order by all"
    ).fetchall()
    return [StoredSlice(*row) for row in found]
