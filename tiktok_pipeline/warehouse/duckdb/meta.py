"""Schema ``meta``: the tables in which a database file describes itself, and the comments on its tables and columns.

A reader of the file finds here what each table holds, what a column means and in which unit, and which slices were
written. All texts come from the specs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb

from tiktok_pipeline.warehouse.base import Column, TableSpec, View
from tiktok_pipeline.warehouse.duckdb.tables import quoted, quoted_text


def _text(name: str, description: str) -> Column:
    return Column(name=name, type="text", description=description, nullable=False)


VERSION_TABLE = TableSpec(
    schema="meta",
    name="version",
    description="version of the tables in this file",
    columns=(Column(name="version", type="integer", description="version, from 1", nullable=False),),
    slice_by=(),
)
SLICES_TABLE = TableSpec(
    schema="meta",
    name="slices",
    description="every slice that was written: a table's rows of one snapshot, or of one study in one snapshot",
    columns=(
        _text("table_name", "schema and name of the table"),
        _text("snapshot", "the snapshot; empty if the table has none"),
        _text("study", "the study; empty if the table has none"),
        Column(name="rows", type="integer", description="number of rows in the slice", nullable=False),
        _text("origin", "id of the delivery from which the rows were computed"),
        Column(name="written_at", type="timestamp", description="time of writing, UTC", nullable=False),
        Column(
            name="computed_by",
            type="text",
            description="version of the program, study and settings that computed the rows; NULL: not known",
        ),
    ),
    slice_by=(),
    rows_per=("table_name", "snapshot", "study"),
)
CHECKSUMS_TABLE = TableSpec(
    schema="meta",
    name="checksums",
    description="the sums of the columns of every stored slice; `tiktok-pipeline doctor` compares them",
    columns=(
        _text("table_name", "schema and name of the table"),
        _text("snapshot", "the snapshot; empty if the table has none"),
        _text("study", "the study; empty if the table has none"),
        _text("engine", "version of the engine that computed the sums; another one hashes in another way"),
        _text("sums", "JSON: the sum of the hashes of all cells, by column"),
    ),
    slice_by=(),
    rows_per=("table_name", "snapshot", "study"),
)
PUBLISHED_AT_TABLE = TableSpec(
    schema="meta",
    name="published_at",
    description="when this file was brought up to date",
    columns=(Column(name="published_at", type="timestamp", description="time of publishing, UTC", nullable=False),),
    slice_by=(),
)
TABLES_TABLE = TableSpec(
    schema="meta",
    name="tables",
    description="every table and view of this file",
    columns=(
        _text("schema_name", "schema of the table"),
        _text("table_name", "name of the table, without its schema"),
        _text("kind", "table or view"),
        _text("description", "what the table holds"),
        Column(name="slice_by", type="texts", description="columns by which rows are replaced", nullable=False),
        Column(
            name="rows_per", type="texts", description="columns that identify a row; empty: none do", nullable=False
        ),
        Column(name="definition", type="text", description="query of a view; NULL for a table"),
    ),
    slice_by=(),
    rows_per=("schema_name", "table_name"),
)
COLUMNS_TABLE = TableSpec(
    schema="meta",
    name="columns",
    description="every column of every table and view of this file",
    columns=(
        _text("schema_name", "schema of the table"),
        _text("table_name", "name of the table, without its schema"),
        _text("column_name", "name of the column"),
        Column(
            name="position", type="integer", description="place of the column in its table, from 1", nullable=False
        ),
        _text("type", "type of the column in SQL"),
        _text("description", "meaning and unit of the column"),
        Column(name="nullable", type="boolean", description="whether the column may be NULL", nullable=False),
    ),
    slice_by=(),
    rows_per=("schema_name", "table_name", "column_name"),
)
META_TABLES = (VERSION_TABLE, SLICES_TABLE, CHECKSUMS_TABLE, TABLES_TABLE, COLUMNS_TABLE)
"""The tables of schema ``meta`` that every file has."""


@dataclass(frozen=True)
class Description:
    """What a file says about one of its tables or views.

    ``columns`` maps the name of a column to its description. ``definition`` is the query of a view; None for a table.
    """

    schema: str
    name: str
    text: str
    slice_by: tuple[str, ...]
    rows_per: tuple[str, ...]
    columns: Mapping[str, str]
    definition: str | None = None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def kind(self) -> Literal["table", "view"]:
        """Whether it is a table or a view."""
        return "table" if self.definition is None else "view"


def describe_table(table: TableSpec, definition: str | None = None) -> Description:
    """Return the description of a table; ``definition`` is the query of a derived one."""
    columns = {column.name: column.description for column in table.columns}
    return Description(
        table.schema, table.name, table.description, table.slice_by, table.rows_per, columns, definition
    )


def describe_view(view: View) -> Description:
    """Return the description of a view: of its own columns, and of those of the tables that it reads."""
    columns = dict(view.own_columns)
    for table in view.columns_from:
        for column in table.columns:
            columns.setdefault(column.name, column.description)
    return Description(view.schema, view.name, view.description, (), view.rows_per, columns, view.sql)


def create_views(connection: duckdb.DuckDBPyConnection, definitions: Mapping[str, str], catalog: str = "") -> None:
    """Create or replace views, except those that have the same definition already.

    A replaced view loses its comments, which are slow to write.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The database.
    definitions : mapping of str to str
        The query of each view, by schema and name.
    catalog : str, default ""
        The catalog they are in; empty for the current one.
    """
    prefix = f"{catalog}." if catalog else ""
    present = connection.execute(
        "select views.schema_name || '.' || views.view_name, definition from duckdb_views() as views "
        f"join {prefix}{TABLES_TABLE} as listed "
        "on listed.schema_name = views.schema_name and listed.table_name = views.view_name where database_name = ?",
        [catalog or _current(connection)],
    ).fetchall()
    unchanged = dict(present)
    for name, definition in definitions.items():
        if unchanged.get(name) != definition:
            connection.execute(f"create schema if not exists {prefix}{name.partition('.')[0]}")
            connection.execute(f"create or replace view {prefix}{name} as {definition}")


def document(connection: duckdb.DuckDBPyConnection, descriptions: Sequence[Description], catalog: str = "") -> None:
    """Write the comments of tables and views, and list them in ``meta.tables`` and ``meta.columns``.

    Only comments that differ are written: each costs about 0.1 ms.

    Parameters
    ----------
    connection : DuckDBPyConnection
        A connection inside a transaction.
    descriptions : sequence of Description
        Tables and views that exist.
    catalog : str, default ""
        The catalog they are in; empty for the current one.
    """
    prefix = f"{catalog}." if catalog else ""
    texts, columns = _catalog_texts(connection, catalog), _catalog_columns(connection, catalog)
    comments = [
        comment for description in descriptions for comment in _missing_comments(description, texts, columns, prefix)
    ]
    if comments:
        connection.execute("; ".join(comments))
    _list(connection, descriptions, columns, prefix)


@dataclass(frozen=True)
class _CatalogColumn:
    """A column as the engine lists it."""

    name: str
    position: int
    type: str
    comment: str | None
    nullable: bool


def _catalog_texts(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, str | None]:
    """Return the comment of each table and view."""
    rows = connection.execute(
        "select schema_name || '.' || table_name, comment from duckdb_tables() where database_name = $catalog "
        "union all "
        "select schema_name || '.' || view_name, comment from duckdb_views() where database_name = $catalog",
        {"catalog": catalog or _current(connection)},
    ).fetchall()
    return dict(rows)


def _catalog_columns(connection: duckdb.DuckDBPyConnection, catalog: str) -> dict[str, list[_CatalogColumn]]:
    """Return the columns of each table and view, in their order."""
    rows = connection.execute(
        "select schema_name || '.' || table_name, column_name, column_index, data_type, comment, is_nullable "
        "from duckdb_columns() where database_name = ? order by column_index",
        [catalog or _current(connection)],
    ).fetchall()
    columns: dict[str, list[_CatalogColumn]] = {}
    for table, *column in rows:
        columns.setdefault(table, []).append(_CatalogColumn(*column))
    return columns


def _current(connection: duckdb.DuckDBPyConnection) -> str:
    return str(connection.execute("select current_catalog()").fetchall()[0][0])


def _missing_comments(
    description: Description,
    texts: Mapping[str, str | None],
    columns: Mapping[str, Sequence[_CatalogColumn]],
    prefix: str,
) -> Iterator[str]:
    """Yield the statements that bring a table's comments up to date."""
    table = f"{prefix}{description}"
    if texts[str(description)] != description.text:
        yield f"comment on {description.kind} {table} is {quoted_text(description.text)}"
    for column in columns[str(description)]:
        text = description.columns.get(column.name)
        if text is not None and column.comment != text:
            yield f"comment on column {table}.{quoted(column.name)} is {quoted_text(text)}"


def _list(
    connection: duckdb.DuckDBPyConnection,
    descriptions: Sequence[Description],
    columns: Mapping[str, Sequence[_CatalogColumn]],
    prefix: str,
) -> None:
    """Replace the entries of the tables and their columns if any of them has changed."""
    tables = [
        (
            table.schema,
            table.name,
            table.kind,
            table.text,
            list(table.slice_by),
            list(table.rows_per),
            table.definition,
        )
        for table in descriptions
    ]
    cells = [
        (table.schema, table.name, column.name, column.position, column.type, text, column.nullable)
        for table in descriptions
        for column in columns[str(table)]
        for text in [table.columns.get(column.name, "")]
    ]
    names = [str(description) for description in descriptions]
    of_described = "schema_name || '.' || table_name in (select unnest(?::varchar[]))"
    for listing, rows in ((TABLES_TABLE, tables), (COLUMNS_TABLE, cells)):
        listed = connection.execute(f"select * from {prefix}{listing} where {of_described}", [names]).fetchall()
        if sorted(map(repr, listed)) != sorted(map(repr, rows)):
            connection.execute(f"delete from {prefix}{listing} where {of_described}", [names])
            values = ", ".join(f"unnest(${number})" for number in range(1, len(listing.columns) + 1))
            connection.execute(
                f"insert into {prefix}{listing} select {values}", [list(values) for values in zip(*rows, strict=True)]
            )
