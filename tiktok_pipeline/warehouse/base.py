"""States what a warehouse is: the typed contract of a table, the port, and what can go wrong with it.

The stages know this file and nothing else of the room. No engine is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from tiktok_pipeline.errors import FileError, PipelineError

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd
    import pyarrow as pa

ColumnType = Literal["text", "integer", "float", "boolean", "date", "timestamp", "texts", "json"]
CastType = Literal["integer", "float", "date"]
FileFormat = Literal["csv", "json", "ndjson", "parquet"]
Slice = Mapping[str, str]
"""Which part of a table: a value for each of its slice columns."""

NULL_WORDS = ("null", "NULL", "None", "NaN")
"""The words in a delivered cell that mean: no value."""

WHITE_SPACE = " \t\n\v\f\r"
"""The characters that are stripped from both ends of a delivered cell."""

_IDENTIFIER = re.compile(r"^[a-z][a-z0-9_]*$")


class WarehouseError(PipelineError):
    """The warehouse cannot do what was asked; the text says what to do."""

    code = "warehouse"


class WarehouseLockedError(WarehouseError):
    """Another process held the database for longer than the configured wait."""

    code = "warehouse_locked"


class QueryError(WarehouseError):
    """A query is wrong; the text is the engine's first line."""

    code = "query"
    is_usage_error = True


class UnreadableFileError(FileError):
    """A file as a whole cannot be read; the text names it and what to do."""

    code = "unreadable_file"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table: name, type, what it says (with its unit), may it be NULL, may readers see it.

    A column ``is_high_cardinality`` where nearly every row has a text of its own: such texts are packed another way. Floats are stored to
    so many significant ``digits``: a sum over many rows differs in the last bits with the number of threads.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = True
    published: bool = True
    is_high_cardinality: bool = False
    digits: int = 12

    def __post_init__(self) -> None:
        """Refuse a name that is no plain lower-case identifier: names become SQL, so they are checked once here."""
        if not _IDENTIFIER.fullmatch(self.name):
            msg = f"column name {self.name!r}: expected lower-case letters, digits and underscores"
            raise ValueError(msg)


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """The contract of one table: where it stands, its typed columns, and which of them make a slice.

    ``columns`` holds the slice columns too; the frames that are written and read by slice do not carry them.
    ``rows_per`` names the columns that together identify a row. A table that is ``derived`` stores nothing: it is a view.
    """

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]
    slice_by: tuple[str, ...] = ("snapshot",)
    rows_per: tuple[str, ...] = ()
    derived: Derived | None = None

    def __post_init__(self) -> None:
        """Refuse names that are no identifiers, columns named twice, and slice columns that are not there."""
        names = [column.name for column in self.columns]
        for part in (self.schema, self.name):
            if not _IDENTIFIER.fullmatch(part):
                msg = f"table {self.schema}.{self.name}: {part!r} is no lower-case identifier"
                raise ValueError(msg)
        if len(set(names)) != len(names):
            msg = f"table {self}: a column is named twice"
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
    """What a table is computed from as it is read: ``rows`` gives its rows, slice columns included, for rows of ``of``.

    Each row must follow from one row alone, so that any part of the one table gives the same part of the other.
    """

    of: TableSpec
    rows: Callable[[nw.LazyFrame[Any]], nw.LazyFrame[Any]]


@dataclass(frozen=True)
class ScannedFile:
    """A file as the engine sees it.

    ``header`` holds the names as the file spells them; ``rows`` has ``source_row`` (the record's ordinal, from
    1), ``read_problem`` (text, NULL where the record is whole) and ``cell_0 .. cell_n``, all text, in the order
    of ``header``. Names out of a file never become identifiers: that is why the cells are numbered.
    """

    header: tuple[str, ...]
    rows: nw.LazyFrame[Any]


@dataclass(frozen=True)
class StoredSlice:
    """What the warehouse knows of a slice that it holds; ``snapshot`` and ``study`` are empty where it has none.

    ``origin`` names the delivery from which the rows were made: slices of one origin belong together.
    """

    table: str
    snapshot: str
    study: str
    rows: int
    delivery_id: str
    written_at: datetime


SliceCounts = dict[tuple[str, str, str], int]
"""Stored rows by (table, snapshot, study)."""


class Engine(Protocol):
    """What narwhals lacks on the engine. A ``with`` block closes it at its end."""

    def __enter__(self) -> Self:
        """Return the engine itself; it opens its database at first use."""
        ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the engine."""
        ...

    @property
    def connection_generation(self) -> int:
        """How often it was closed; frames of before a closing can no longer be read."""
        ...

    def scan(self, path: Path, file_format: FileFormat) -> ScannedFile:
        """Read a file lazily; raises `UnreadableFileError` where the file as a whole cannot be read."""
        ...

    def try_cast(self, frame: nw.LazyFrame[Any], types: Mapping[str, CastType]) -> nw.LazyFrame[Any]:
        """Cast the named text columns; a cell that does not fit becomes NULL, never an exception."""
        ...

    def strip_and_nullify(self, frame: nw.LazyFrame[Any], columns: Mapping[str, str]) -> nw.LazyFrame[Any]:
        """Add texts (new name -> column): white space around them off; empty, null, NULL, None and NaN become NULL."""
        ...

    def to_json(self, frame: nw.LazyFrame[Any], name: str, cells: Mapping[str, str]) -> nw.LazyFrame[Any]:
        """Add column ``name``: a JSON object of the columns ``cells`` maps (key -> column), NULLs left out."""
        ...

    def sample_key(self, frame: nw.LazyFrame[Any], column: str) -> nw.LazyFrame[Any]:
        """Add ``sample_key``: the head of the md5 of ``column`` (15 hexadecimal digits), the same on every machine."""
        ...

    def mark_repeated(self, frame: nw.LazyFrame[Any], column: str, *, among: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Add ``is_repeated``: whether the value of ``column`` stands in more than one row of ``among``.

        It may be true for a few values that do not; it is false for NULL. The count over ``among`` is done at once.
        """
        ...

    def salted_hash(self, frame: nw.LazyFrame[Any], columns: Sequence[str], salt: str) -> nw.LazyFrame[Any]:
        """Add ``<column>_hash``: the SHA-256, in hexadecimal, of ``salt`` and the text, A to Z in lower case."""
        ...

    def reading(self, path: Path) -> AbstractContextManager[None]:
        """Turn the engine's own errors inside the block into an `UnreadableFileError` that names ``path``."""
        ...

    def persist(self, frame: nw.LazyFrame[Any] | pa.Table, *, keep_until_close: bool = False) -> nw.LazyFrame[Any]:
        """Compute ``frame`` once, out of core, and give it back as a table that lasts until `unpersist_all` or `close`.

        A table in memory is brought into the engine in the same way. One that is kept ``keep_until_close`` outlasts `unpersist_all`.
        """
        ...

    def unpersist_all(self) -> None:
        """Drop the persisted frames that need not outlast this call; frames derived from them can no longer be read."""
        ...

    def close(self) -> None:
        """Close the database; safe to call twice."""
        ...


class Warehouse(Engine, Protocol):
    """Tables by slice, written whole or not at all."""

    def replace_slice(
        self,
        table: TableSpec,
        slice_: Slice,
        rows: nw.LazyFrame[Any] | pd.DataFrame | pa.Table,
        *,
        delivery_id: str = "",
    ) -> int:
        """Put ``rows`` in place of the slice, in one transaction; returns their count.

        ``origin`` names the delivery that they were made from; see `StoredSlice`.
        """
        ...

    def register_external_slice(
        self, table: TableSpec, slice_: Slice, rows: nw.LazyFrame[Any], *, delivery_id: str = ""
    ) -> int:
        """Note a slice whose ``rows`` lie elsewhere, and drop what is stored of it; returns their count.

        They are those of another table (see `Derived`), or stay in files, which `read_slice` reads (see `ExternalSliceReader`).
        """
        ...

    def read_slice(self, table: TableSpec, slice_: Slice) -> nw.LazyFrame[Any]:
        """The slice as a lazy frame without the slice columns; no rows where there is none."""
        ...

    def read_table(self, table: TableSpec) -> nw.LazyFrame[Any]:
        """The whole table as a lazy frame, slice columns included."""
        ...

    def has_slice(self, table: TableSpec, slice_: Slice) -> bool:
        """Whether the slice has at least one row."""
        ...

    def drop_slice(self, table: TableSpec, slice_: Slice) -> None:
        """Remove the slice."""
        ...

    def slices(self) -> list[StoredSlice]:
        """Every slice that was written and not dropped, those without a row too."""
        ...

    def drop_snapshots(self, tables: Sequence[TableSpec], snapshots: Sequence[str]) -> None:
        """Remove every slice of the snapshots from all ``tables``, in one transaction."""
        ...

    def set_delivery_id(self, snapshot: str, delivery_id: str) -> None:
        """Say of every slice of the snapshot that it stems from the delivery ``origin``: its files changed, its rows fit."""
        ...

    def publish(
        self, target: Path, *, tables: Sequence[TableSpec], snapshots: Sequence[str] | None, views: Sequence[View]
    ) -> list[StoredSlice]:
        """Bring the published copy at ``target`` up to date with snapshots, or build it anew where None; in place in one step.

        Gives the slices that were left out, because they stem from another delivery than the rest of their snapshot.
        """
        ...

    def rebuild(self) -> None:
        """Write the database anew, so that nothing of what was deleted stays in its file."""
        ...


@dataclass(frozen=True, kw_only=True)
class View:
    """A named query of the published file, e.g. ``segments.influencer_segments``.

    ``columns_from`` holds the tables whose columns it shows: the first that has a column describes it. ``rows_per`` names
    the columns that together identify a row.
    """

    schema: str
    name: str
    sql: str
    description: str
    columns_from: tuple[TableSpec, ...] = ()
    rows_per: tuple[str, ...] = ()


def check_slice(table: TableSpec, slice_: Slice) -> Iterator[tuple[str, str]]:
    """Yield the slice's (column, value) pairs in the table's order; raises `WarehouseError` where they do not fit."""
    if set(slice_) != set(table.slice_by):
        msg = f"{table}: a slice names {list(table.slice_by)}, this one names {sorted(slice_)}"
        raise WarehouseError(msg)
    for name in table.slice_by:
        yield name, slice_[name]


ExternalSliceReader = Callable[[Engine, TableSpec, Slice], "nw.LazyFrame[Any] | None"]
"""Gives the rows of a slice that stay in files, and None for one that is stored."""
