"""The types that every reader of a delivered file shares: a table, its layout and its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.base import FileFormat

LONGEST_QUOTED_CELL = 60
"""The problem of a damaged record quotes at most this many characters of one cell."""

ByteSource = Callable[[], IO[bytes]]
"""Opens the unpacked bytes of a table from their start. Readers that need several passes call it several times."""

KnowsName = Callable[[str], bool]
"""Whether a text is the name of a column that some dialect knows."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a delivered file writes a table.

    Attributes
    ----------
    container : str
        "csv", "json", "json lines", "xlsx" or "parquet".
    compression : str
        "gzip", "zip", or "" for none.
    member : str
        The name inside a zip archive, or the sheet of a workbook; "" for neither.
    encoding : str
        The encoding of a text, such as "utf-8", "utf-16" or "cp1252"; "" for binary formats.
    delimiter : str
        The character between two cells; "" for formats without one.
    notes : tuple of str
        Peculiarities, one sentence each, such as "2 lines above the header are skipped".
    """

    container: str
    compression: str = ""
    member: str = ""
    encoding: str = ""
    delimiter: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a delivered table.

    Attributes
    ----------
    row : int
        Ordinal among the records of the table, from 1. Damaged records count.
    line : int or None
        The line of the delivered text on which the record starts, from 1; None for formats without lines.
    cells : tuple of (str or None)
        As many as the header has. None is a cell that was not delivered, "" a cell that was delivered empty. All are
        None in a damaged record.
    problem : str or None
        Why the record cannot be read; None for an intact one. Quotes at most one cell, see `quote_cell`.
    """

    row: int
    line: int | None
    cells: tuple[str | None, ...]
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeliveredTable:
    """A table of a delivered file.

    Attributes
    ----------
    name : str
        A name for messages: the file's, with member or sheet where the file has several tables.
    layout : Layout
        How the file writes it.
    header : tuple of str
        Unique column names; see `unique_names`.
    read : callable
        Opens a new stream of the records, in bounded memory. Call `records`.
    plain_format : {"csv", "json", "ndjson", "parquet"} or None
        The format in which the engine reads the unpacked bytes as they are; None if they must be converted.
    source : callable or None
        Opens the unpacked bytes; to store a table with a ``plain_format`` as it is.
    n_records : int or None
        The number of records, counted without the engine; None where it is only known after reading.
    conflicts : tuple of str
        Column names that the file repeats with different cells. A dialect must not map one of them.
    """

    name: str
    layout: Layout
    header: tuple[str, ...]
    read: Callable[[], Iterator[Record]] = field(repr=False)
    plain_format: FileFormat | None = None
    source: ByteSource | None = field(default=None, repr=False)
    n_records: int | None = None
    conflicts: tuple[str, ...] = ()

    def records(self) -> Iterator[Record]:
        """Yield the records from the start; each call reads the file again."""
        return self.read()


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names with the position (from 1) appended to a repeated or empty one.

    Examples
    --------
    >>> unique_names(["likes", "id", "likes", ""])
    ('likes', 'id', 'likes (3)', 'column 4')
    """
    taken = Counter(names)
    unique: list[str] = []
    for position, name in enumerate(names, start=1):
        candidate = name or f"column {position}"
        if candidate in unique:
            candidate = f"{name} ({position})"
        while candidate in unique or (candidate != name and taken[candidate]):
            candidate += "'"
        unique.append(candidate)
    return tuple(unique)


def quote_cell(cell: str) -> str:
    r"""Return a cell for the problem of a damaged record: on one line, at most `LONGEST_QUOTED_CELL` characters.

    Examples
    --------
    >>> quote_cell("1\n2")
    "'1 2'"
    """
    return f"'{one_line(cell, max_characters=LONGEST_QUOTED_CELL)}'"
