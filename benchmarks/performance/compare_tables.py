"""Compare every table and view of two homes: names, columns, types and rows.

Only columns that hold wall-clock times are left out. Rows are compared as a multiset: their order does not
matter, their repetitions do. Nothing here imports the package, so one copy compares the homes of any two trees.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

CLOCK_COLUMNS = frozenset({"ingested_at", "written_at", "published_at"})
"""Columns that hold the wall-clock time of a run, in whatever table they are."""

ADDED_TABLES = frozenset({"meta.tables", "meta.columns"})
"""Tables that a later tree may have and an earlier one not."""

DATABASES: Mapping[str, Path] = {
    "warehouse": Path("warehouse", "tiktok.duckdb"),
    "published": Path("published", "tiktok.duckdb"),
}
"""The database files of a home, by the name that the output gives them."""

_SIDES = ("before", "after")


class CannotCompareError(RuntimeError):
    """There are no two homes to compare; the message names the cause and the remedy."""


@dataclass(frozen=True)
class Difference:
    """One difference between two database files.

    Attributes
    ----------
    database : str
        ``warehouse`` or ``published``.
    table : str
        Schema and name.
    description : str
        What differs, with counts of rows and names of columns. No value of a row, unless an error names it.
    """

    database: str
    table: str
    description: str


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Attributes
    ----------
    rows : mapping of str to int
        Rows before of each table that both sides have, by database and table.
    new : tuple of str
        Tables of `ADDED_TABLES` that only the later side has.
    differences : tuple of Difference
        Everything that differs, in the order of database and table.
    """

    rows: Mapping[str, int]
    new: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


@dataclass(frozen=True)
class _Table:
    """A table or view: its columns in order, each with its type."""

    is_view: bool
    columns: Mapping[str, str]


def compare_homes(before: Path, after: Path, *, left_out: Collection[str] = ()) -> Comparison:
    """Compare the warehouse files and the published files of two homes.

    Parameters
    ----------
    before, after : Path
        Two refreshed homes.
    left_out : collection of str
        Columns whose values may differ, each as ``schema.table.column``, beside `CLOCK_COLUMNS`.

    Returns
    -------
    Comparison
        The results of both database files.

    Raises
    ------
    CannotCompareError
        If a file is missing, or holds no table.
    """
    comparisons = [
        compare_files(name, before / path, after / path, left_out=left_out) for name, path in DATABASES.items()
    ]
    return Comparison(
        rows={table: rows for comparison in comparisons for table, rows in comparison.rows.items()},
        new=tuple(table for comparison in comparisons for table in comparison.new),
        differences=tuple(difference for comparison in comparisons for difference in comparison.differences),
    )


def compare_files(database: str, before: Path, after: Path, *, left_out: Collection[str] = ()) -> Comparison:
    """Compare every table and view of two database files.

    Parameters
    ----------
    database : str
        The name of the pair in the output.
    before, after : Path
        Two DuckDB files. They are opened read-only.
    left_out : collection of str
        Columns whose values may differ, each as ``schema.table.column``, beside `CLOCK_COLUMNS`.

    Returns
    -------
    Comparison
        The rows, the new tables and the differences.

    Raises
    ------
    CannotCompareError
        If a file is missing or holds no table, or if both paths name one file.
    """
    _check_files(before, after)
    rows: dict[str, int] = {}
    new = []
    differences = []
    with duckdb.connect() as connection:
        for side, path in zip(_SIDES, (before, after), strict=True):
            connection.execute(f'attach ? as "{side}" (read_only)', [str(path)])
        old_tables, new_tables = (_read_tables(connection, side) for side in _SIDES)
        if not old_tables or not new_tables:
            msg = f"{before if new_tables else after}: holds no table; refresh that home first"
            raise CannotCompareError(msg)
        for name in sorted({*old_tables, *new_tables}):
            label = f"{database} {name}"
            if name not in old_tables and name in ADDED_TABLES:
                new.append(label)
            elif name in old_tables and name in new_tables:
                excluded = {column for column in new_tables[name].columns if f"{name}.{column}" in left_out}
                rows[label], descriptions = _compare_table(
                    connection, name, old_tables[name], new_tables[name], CLOCK_COLUMNS | excluded
                )
                differences += [Difference(database, name, description) for description in descriptions]
            else:
                side = "before" if name in old_tables else "after"
                differences.append(Difference(database, name, f"the table is only {side}"))
    return Comparison(rows, tuple(new), tuple(differences))


def _check_files(before: Path, after: Path) -> None:
    for path in (before, after):
        if not path.is_file():
            msg = f"{path}: no such file; name a home that was refreshed"
            raise CannotCompareError(msg)
    if before.samefile(after):
        msg = f"{before}: both sides are this one file; name two homes"
        raise CannotCompareError(msg)


def _read_tables(connection: duckdb.DuckDBPyConnection, side: str) -> dict[str, _Table]:
    """Return the tables and views of one side, by schema and name."""
    views = dict(
        connection.execute(
            "select table_schema || '.' || table_name, table_type = 'VIEW' from information_schema.tables "
            "where table_catalog = ?",
            [side],
        ).fetchall()
    )
    columns: dict[str, dict[str, str]] = {name: {} for name in views}
    for name, column, type_ in connection.execute(
        "select table_schema || '.' || table_name, column_name, "
        "data_type || if(is_nullable = 'NO', ' not null', '') from information_schema.columns "
        "where table_catalog = ? order by table_schema, table_name, ordinal_position",
        [side],
    ).fetchall():
        columns[name][column] = type_
    return {name: _Table(is_view, columns[name]) for name, is_view in views.items()}


def _compare_columns(before: _Table, after: _Table) -> list[str]:
    descriptions = []
    if before.is_view != after.is_view:
        words = {False: "table", True: "view"}
        descriptions.append(f"a {words[before.is_view]} before, a {words[after.is_view]} after")
    for column in sorted({*before.columns, *after.columns}):
        old, current = before.columns.get(column), after.columns.get(column)
        if old is None or current is None:
            descriptions.append(f"column {column} only {'after' if old is None else 'before'}")
        elif old != current:
            descriptions.append(f"column {column} is {old} before, {current} after")
    if not descriptions and list(before.columns) != list(after.columns):
        descriptions.append("the columns are in another order")
    return descriptions


def _compare_table(
    connection: duckdb.DuckDBPyConnection, name: str, before: _Table, after: _Table, excluded: Collection[str]
) -> tuple[int, list[str]]:
    """Return the rows before, and what differs in columns and rows."""
    shared = [column for column, type_ in before.columns.items() if after.columns.get(column) == type_]
    rows, description = _compare_rows(connection, name, [column for column in shared if column not in excluded])
    return rows, [*_compare_columns(before, after), *([description] if description else [])]


def _compare_rows(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> tuple[int, str]:
    """Return the rows before, and how the rows differ in ``columns``; empty if they are the same."""
    try:
        old_count, new_count = (_count(connection, f"from {_quote(side, table)}") for side in _SIDES)
        only_before, only_after = _count_unmatched(connection, table, columns)
        if not only_before and not only_after:
            return old_count, ""
        differing = [column for column in columns if any(_count_unmatched(connection, table, [column]))]
    except duckdb.Error as error:
        return 0, f"the rows cannot be compared: {' '.join(str(error).split())[:200]}"
    detail = f"columns that differ: {', '.join(differing)}" if differing else "the same values in other rows"
    return old_count, (
        f"{only_before:,} of {old_count:,} rows only before, {only_after:,} of {new_count:,} only after"
        f"{f' ({detail})' if columns else ''}"
    )


def _count_unmatched(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> tuple[int, int]:
    """Count the rows of each side that the other lacks; a row that is repeated counts as often as it is."""
    names = ", ".join(_quote_name(column) for column in columns) or "1"
    before, after = (f"from {_quote(side, table)} select {names}" for side in _SIDES)
    return _count(connection, f"{before} except all {after}"), _count(connection, f"{after} except all {before}")


def _count(connection: duckdb.DuckDBPyConnection, rows: str) -> int:
    return int(connection.execute(f"select count(*) from ({rows})").fetchall()[0][0])  # noqa: S608


def _quote(side: str, table: str) -> str:
    schema, _, name = table.partition(".")
    return ".".join(_quote_name(part) for part in (side, schema, name))


def _quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def describe(comparison: Comparison) -> list[str]:
    """Return one line for each new table and each difference, and a closing line."""
    lines = [f"{table}: new" for table in comparison.new]
    lines += [f"{entry.database} {entry.table}: {entry.description}" for entry in comparison.differences]
    result = "equal" if comparison.is_equal else f"not equal: {len(comparison.differences)} differences"
    return [*lines, f"{result} ({len(comparison.rows)} tables, {sum(comparison.rows.values()):,} rows)"]


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return the result for `benchmarks.record.save`."""
    return {**asdict(comparison), "is_equal": comparison.is_equal}
