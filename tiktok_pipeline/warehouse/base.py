"""What a warehouse is: the contract of a table, the protocols `Engine` and `Warehouse`, and their errors.

The stages import this module and nothing else of the package ``warehouse``. It imports no engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tiktok_pipeline.errors import FileError, PipelineError
from tiktok_pipeline.warehouse.engine import CastType as CastType  # noqa: PLC0414 - the stages import `base` alone
from tiktok_pipeline.warehouse.engine import Engine as Engine  # noqa: PLC0414
from tiktok_pipeline.warehouse.engine import FileFormat as FileFormat  # noqa: PLC0414
from tiktok_pipeline.warehouse.engine import ScannedFile as ScannedFile  # noqa: PLC0414

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd
    import pyarrow as pa

ColumnType = Literal["text", "integer", "float", "boolean", "date", "timestamp", "texts", "json"]
Slice = Mapping[str, str]
"""A part of a table: a value for each of its slice columns."""

_IDENTIFIER = re.compile(r"^[a-z][a-z0-9_]*$")


class WarehouseError(PipelineError):
    """An operation of the warehouse failed."""

    code = "warehouse"


class WarehouseLockedError(WarehouseError):
    """Another process held the database for longer than the configured timeout."""

    code = "warehouse_locked"


class DamagedDatabaseError(WarehouseError):
    """A database file cannot be read because it is damaged."""

    code = "damaged_database"


class QueryError(WarehouseError):
    """A query is invalid; the message is the first line of the engine's error."""

    code = "query"
    is_usage_error = True


class UnreadableFileError(FileError):
    """A file as a whole cannot be read."""

    code = "unreadable_file"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name, type
        A lower-case identifier, and the type of the values.
    description : str
        The meaning, with the unit.
    nullable : bool
        Whether a cell may be NULL.
    published : bool
        Whether the published file has the column.
    is_high_cardinality : bool
        Whether nearly every row has a different text. Such a column is compressed without a dictionary.
    digits : int
        Significant digits to which a float is stored. The last bits of a sum depend on the number of threads.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = True
    published: bool = True
    is_high_cardinality: bool = False
    digits: int = 12

    def __post_init__(self) -> None:
        """Reject a name that is not an identifier: names become part of SQL and are checked only here."""
        if not _IDENTIFIER.fullmatch(self.name):
            msg = f"column name {self.name!r}: expected lower-case letters, digits and underscores"
            raise ValueError(msg)


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """The contract of one table.

    Attributes
    ----------
    schema, name : str
        Lower-case identifiers.
    description : str
        What the table holds.
    columns : tuple of Column
        All columns, the slice columns included. A frame of one slice does not carry the slice columns.
    slice_by : tuple of str
        The columns by which rows are replaced.
    rows_per : tuple of str
        The columns that together identify a row.
    derived : Derived, optional
        What the rows are computed from. Such a table is a view and stores nothing.
    """

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]
    slice_by: tuple[str, ...] = ("snapshot",)
    rows_per: tuple[str, ...] = ()
    derived: Derived | None = None

    def __post_init__(self) -> None:
        """Reject names that are not identifiers, repeated columns, and unknown slice or key columns."""
        names = [column.name for column in self.columns]
        for part in (self.schema, self.name):
            if not _IDENTIFIER.fullmatch(part):
                msg = f"table {self.schema}.{self.name}: {part!r} is not a lower-case identifier"
                raise ValueError(msg)
        if len(set(names)) != len(names):
            msg = f"table {self}: duplicate column name"
            raise ValueError(msg)
        if missing := {*self.slice_by, *self.rows_per} - set(names):
            msg = f"table {self}: columns {sorted(missing)} of its slice or key are not among its columns"
            raise ValueError(msg)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def frame_columns(self) -> tuple[Column, ...]:
        """The columns that a frame of one slice carries."""
        return tuple(column for column in self.columns if column.name not in self.slice_by)

    @property
    def frame_names(self) -> list[str]:
        """The names of `frame_columns`, in order."""
        return [column.name for column in self.frame_columns]


@dataclass(frozen=True)
class Derived:
    """How a derived table is computed when it is read.

    ``rows`` maps rows of table ``of`` to rows of the derived table, slice columns included. Each row depends on one
    row only, so that a part of ``of`` gives the same part of the derived table.
    """

    of: TableSpec
    rows: Callable[[nw.LazyFrame[Any]], nw.LazyFrame[Any]]


@dataclass(frozen=True, kw_only=True)
class View:
    """A named query of the published file, e.g. ``segments.influencer_segments``.

    ``own_columns`` describes the columns that the view computes. ``columns_from`` holds the tables whose columns it
    shows; any other column is described by the first of them that has it. ``rows_per`` names the columns that
    together identify a row.
    """

    schema: str
    name: str
    sql: str
    description: str
    columns_from: tuple[TableSpec, ...] = ()
    rows_per: tuple[str, ...] = ()
    own_columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredSlice:
    """One entry of ``meta.slices``.

    ``snapshot`` and ``study`` are empty if the table does not have the column. ``delivery_id`` is the delivery that
    the rows were computed from: slices of one delivery belong together. ``written_at`` is in UTC. ``computed_by`` is
    the version of the program, the study and the settings that computed them; empty if it is not known.
    """

    table: str
    snapshot: str
    study: str
    rows: int
    delivery_id: str
    written_at: datetime
    computed_by: str = ""


SliceCounts = dict[tuple[str, str, str], int]
"""Stored rows by (table, snapshot, study)."""


class Warehouse(Engine, Protocol):
    """Tables whose slices are replaced as a whole."""

    def replace_slice(
        self,
        table: TableSpec,
        slice_: Slice,
        rows: nw.LazyFrame[Any] | pd.DataFrame | pa.Table,
        *,
        delivery_id: str = "",
        computed_by: str = "",
    ) -> int:
        """Replace a slice in one transaction.

        Parameters
        ----------
        table, slice_ : TableSpec, Slice
            A table that is not derived, and a value for each of its slice columns.
        rows : LazyFrame, DataFrame or pyarrow.Table
            The new rows, with the columns `TableSpec.frame_names` in any order.
        delivery_id : str, default ""
            The delivery that the rows were computed from.
        computed_by : str, default ""
            The version of what computed them, see `tiktok_pipeline.program_version`.

        Returns
        -------
        int
            Number of rows written.

        Raises
        ------
        WarehouseError
            If columns are missing or unknown, or the write fails. The old slice stays.
        """
        ...

    def replace_external_slice(
        self,
        table: TableSpec,
        slice_: Slice,
        rows: nw.LazyFrame[Any],
        *,
        delivery_id: str = "",
        computed_by: str = "",
    ) -> int:
        """Replace a slice by ``rows`` that are not stored: list it in ``meta.slices`` and return the number of rows.

        Rows that were stored for the slice are deleted.

        The rows are those of a derived table, or stay in files; see `ExternalSliceReader`.
        """
        ...

    def read_slice(self, table: TableSpec, slice_: Slice) -> nw.LazyFrame[Any]:
        """Return a slice as a lazy frame without the slice columns; it has no rows if the slice does not exist."""
        ...

    def read_snapshots(self, table: TableSpec, snapshots: Sequence[str]) -> nw.LazyFrame[Any]:
        """Return the rows of several snapshots of a stored or derived table as a lazy frame with all columns."""
        ...

    def slices(self) -> list[StoredSlice]:
        """Return every slice that was written and not dropped, also those without rows, in a fixed order."""
        ...

    def drop_snapshots(self, tables: Sequence[TableSpec], snapshots: Sequence[str]) -> None:
        """Delete every slice of the snapshots from all ``tables``, in one transaction."""
        ...

    def set_delivery_id(self, snapshot: str, delivery_id: str) -> None:
        """Set the delivery of every slice of a snapshot whose files were rewritten without changing its rows."""
        ...

    def publish(
        self, target: Path, *, tables: Sequence[TableSpec], snapshots: Sequence[str] | None, views: Sequence[View]
    ) -> list[StoredSlice]:
        """Bring the published file up to date in one step.

        Parameters
        ----------
        target : Path
            The published file.
        tables, views : sequence of TableSpec, sequence of View
            What to publish.
        snapshots : sequence of str, optional
            The snapshots to replace; None rebuilds the file.

        Returns
        -------
        list of StoredSlice
            The slices that were left out: they were computed from another delivery than the rest of their snapshot.

        Raises
        ------
        WarehouseError
            If a snapshot is incomplete or the file cannot be written; the published file is unchanged.
        """
        ...

    def rebuild(self) -> None:
        """Write the database file again, so that no block of it holds deleted rows."""
        ...


ExternalSliceReader = Callable[[Engine, TableSpec, Slice], "nw.LazyFrame[Any] | None"]
"""Returns the rows of a slice that stay in files, or None for a slice that is stored."""


def check_slice(table: TableSpec, slice_: Slice) -> Iterator[tuple[str, str]]:
    """Yield the (column, value) pairs of a slice, in the order of the table.

    Raises
    ------
    WarehouseError
        If the columns are not the table's slice columns.
    """
    if set(slice_) != set(table.slice_by):
        msg = f"{table}: a slice names {list(table.slice_by)}, this one names {sorted(slice_)}"
        raise WarehouseError(msg)
    for name in table.slice_by:
        yield name, slice_[name]
