"""What an engine is: the operations on frames that narwhals lacks. `tiktok_pipeline.warehouse.base` exports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

if TYPE_CHECKING:
    import narwhals as nw
    import pyarrow as pa

CastType = Literal["integer", "float", "date"]
FileFormat = Literal["csv", "json", "ndjson", "parquet"]


@dataclass(frozen=True)
class ScannedFile:
    """A file as the engine reads it.

    Attributes
    ----------
    header : tuple of str
        The column names as the file spells them. They never become identifiers, so the cells are numbered instead.
    rows : LazyFrame
        ``source_row`` (ordinal of the record, from 1), ``read_problem`` (text; NULL if the record is intact) and
        ``cell_0`` to ``cell_n`` (text), in the order of ``header``.
    """

    header: tuple[str, ...]
    rows: nw.LazyFrame[Any]


class Engine(Protocol):
    """The operations that narwhals lacks. A ``with`` block closes the engine at its end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    @property
    def connection_generation(self) -> int:
        """The number of times the connection was closed. A frame from an earlier generation can no longer be read."""
        ...

    @property
    def engine_address(self) -> str:
        """Where the engine is: empty inside of this process, else an address, to which a connection is opened."""
        ...

    @property
    def engine_ui(self) -> str:
        """The address of the engine's own pages, on which people see what it does; empty if it has none."""
        ...

    def scan(self, path: Path, file_format: FileFormat) -> ScannedFile:
        """Read a file lazily, every cell as text; raises `UnreadableFileError` for an unreadable file."""
        ...

    def try_cast(self, frame: nw.LazyFrame[Any], types: Mapping[str, CastType]) -> nw.LazyFrame[Any]:
        """Cast the text columns that ``types`` names; a cell that does not fit, NaN and infinity become NULL."""
        ...

    def strip_and_nullify(
        self, frame: nw.LazyFrame[Any], columns: Mapping[str, str], *, missing: Mapping[str, str] | None = None
    ) -> nw.LazyFrame[Any]:
        """Add texts without surrounding white space; an empty text and a word that means missing become NULL.

        ``columns`` maps the name of each new column to the column that it is computed from. ``missing`` maps new
        columns to the regular expression that matches their words; without an entry it is
        `tiktok_pipeline.missing_values.NULL_PATTERN`.
        """
        ...

    def to_json(self, frame: nw.LazyFrame[Any], name: str, cells: Mapping[str, str]) -> nw.LazyFrame[Any]:
        """Add column ``name``: a JSON object without NULLs, or NULL if it would be empty.

        ``cells`` maps each key of the object to the column that holds its value.
        """
        ...

    def sample_key(self, frame: nw.LazyFrame[Any], column: str) -> nw.LazyFrame[Any]:
        """Add ``sample_key``: the first 15 hexadecimal digits of the MD5 of ``column``, equal on every machine."""
        ...

    def bucket(self, frame: nw.LazyFrame[Any], column: str, name: str, *, buckets: int) -> nw.LazyFrame[Any]:
        """Add ``name``: a number from 0 to ``buckets`` - 1 that rows with equal texts in ``column`` share.

        Which number it is may differ between versions of the engine: use it only to split rows.
        """
        ...

    def mark_repeated(self, frame: nw.LazyFrame[Any], column: str, *, among: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Add ``is_repeated``: whether the value of ``column`` occurs in more than one row of ``among``.

        It is false for NULL. Values are compared by a 64-bit hash: it may be true for a few values that occur once.
        ``among`` is counted at once, not lazily.
        """
        ...

    def unnest_items(
        self,
        frame: nw.LazyFrame[Any],
        column: str,
        *,
        keys: Mapping[str, Sequence[str]],
        link_mark: str,
        among: nw.LazyFrame[Any] | None = None,
    ) -> nw.LazyFrame[Any]:
        """Replace a text column that holds a list by one row for each item; a repeated item gives one row.

        Parameters
        ----------
        frame : LazyFrame
            Rows with the text column.
        column : str
            A JSON array of objects, or any other text with links.
        keys : mapping of str to sequence of str
            New text columns. In an object, the first of these keys that it has gives the value. The first new
            column identifies an item, and is the only one that a link gives.
        link_mark : str
            Text before the identifier in a link, such as ``"/video/"``. The identifier ends at white space or one of
            ``, ; / ? # & " ' ] )``.
        among : LazyFrame, optional
            Rows among which those of ``frame`` are, by default ``frame``. Whether any of their texts has an object is
            found out at once, not lazily.
        """
        ...

    def snowflake_time(self, frame: nw.LazyFrame[Any], column: str, name: str) -> nw.LazyFrame[Any]:
        """Add a UTC timestamp: the upper 32 bits of the 64-bit id in a text column, as seconds since 1970.

        It is NULL for a text that is not a whole number of 64 bits.
        """
        ...

    def salted_hash(self, frame: nw.LazyFrame[Any], columns: Sequence[str], salt: str) -> nw.LazyFrame[Any]:
        """Add ``<column>_hash``: the hexadecimal SHA-256 of ``salt`` and the text, with A to Z in lower case."""
        ...

    def cells_of(self, frame: nw.LazyFrame[Any], columns: Sequence[str], *, index: str) -> nw.LazyFrame[Any]:
        """Return a row for each cell of text columns: ``index`` and ``cell``."""
        ...

    def fingerprint(self, frame: nw.LazyFrame[Any]) -> str:
        """Return a short hash of the rows of a frame; equal rows in any order have the same."""
        ...

    def rank_among_nearest(
        self, frame: nw.LazyFrame[Any], columns: Sequence[str], *, order_by: Sequence[str], reach: int, every: int
    ) -> nw.LazyFrame[Any]:
        """Rank each row's values among the ``reach`` rows before and after it in the order of ``order_by``.

        Parameters
        ----------
        frame : LazyFrame
            Rows; ``order_by`` has no NULL and no two rows that are equal in all of its columns.
        columns : sequence of str
            The columns with the values to rank.
        order_by : sequence of str
            The columns that say which rows are near.
        reach : int
            Rows of the window on each side; near the ends of the order it holds fewer.
        every : int
            Quantiles are those of the window of the nearest of every so many rows: 1 takes each row's own. At most
            ``reach``.

        Returns
        -------
        LazyFrame
            The frame with ``peers`` (rows in the window, itself included), ``peers_from`` and ``peers_to`` (first
            column of ``order_by`` at its ends), and for each column c ``c_known`` (values in the window),
            ``c_below`` and ``c_above`` (values smaller and larger), ``c_q01``, ``c_q50`` and ``c_q99`` (quantiles).
        """
        ...

    def quantiles(
        self, frame: nw.LazyFrame[Any], columns: Sequence[str], shares: Mapping[str, float], *, by: str
    ) -> nw.LazyFrame[Any]:
        """Return the quantiles of numeric columns in each group, by linear interpolation and without missing values.

        Parameters
        ----------
        frame : LazyFrame
            Rows.
        columns : sequence of str
            The numeric columns.
        shares : mapping of str to float
            The share of each quantile, from 0 to 1, by its name.
        by : str
            The column of the groups.

        Returns
        -------
        LazyFrame
            One row for each group: ``by``, and ``<column>_<name>`` for each quantile, NULL without values.
        """
        ...

    def reading(self, path: Path) -> AbstractContextManager[None]:
        """Turn the engine's own errors inside the block into an `UnreadableFileError` that names ``path``."""
        ...

    def persist(self, frame: nw.LazyFrame[Any] | pa.Table, *, keep_until_close: bool = False) -> nw.LazyFrame[Any]:
        """Compute a frame once, out of core, into a temporary table and return its rows.

        The table lasts until `unpersist_all`, or until `close` if ``keep_until_close``. A table in memory is copied.
        """
        ...

    def where(self, frame: nw.LazyFrame[Any], condition: nw.Expr) -> nw.LazyFrame[Any]:
        """Return the rows for which a condition on computed columns holds, as ``frame.filter(condition)`` does.

        An engine that takes long to plan such a filter persists all rows first.
        """
        ...

    def unpersist_all(self) -> None:
        """Drop the temporary tables that are not kept until `close`; frames derived from them become unreadable."""
        ...

    def close(self) -> None:
        """Close the database; safe to call twice."""
        ...
