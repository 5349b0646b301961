"""Read delivered Parquet files: every value as text, nested values by their path, every page checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from tiktok_pipeline.delivery.containers import open_seekable, too_large
from tiktok_pipeline.delivery.parquet_cells import text_of
from tiktok_pipeline.delivery.parquet_worker import (
    LONGEST_RECORD_BYTES,
    TOO_LONG,
    TooLargeError,
    TooLongError,
    read_all,
)
from tiktok_pipeline.delivery.same_names import merge_same_names
from tiktok_pipeline.delivery.tables import ByteSource, DeliveredTable, KnowsName, Layout, Record, unique_names
from tiktok_pipeline.delivery.worker import run_worker
from tiktok_pipeline.text_parquet import LINE, MARK, PROBLEM, ROW, header_from_mark, is_text_parquet
from tiktok_pipeline.warehouse.base import UnreadableFileError

MOST_COLUMNS = 10_000
LARGEST_EXPANSION = 100
"""How many times its size the values of a file may take, beyond `ALWAYS_ALLOWED_BYTES`."""

ALWAYS_ALLOWED_BYTES = 2 * 1024**3
_ROWS_PER_BATCH = 1024
_SMALL_BYTES = 64 * 2**20
_LARGEST_RATIO = {"UNCOMPRESSED": 1, "SNAPPY": 32, "LZ4": 260, "LZ4_RAW": 260, "GZIP": 1100}
"""How many times a codec can shrink a page; Zstandard and Brotli have no useful bound."""

_INDEX = re.compile(r"__index_level_\d+__")
_DEEPEST_PATH = 8
_BASE_SECONDS, _BYTES_PER_SECOND = 120.0, 10e6


def open_parquet(
    source: ByteSource,
    *,
    name: str,
    largest_bytes: int | None,
    compression: str = "",
    member: str = "",
    knows: KnowsName | None = None,  # noqa: ARG001 - every reader has it
) -> DeliveredTable:
    """Return the table of a Parquet file, once all of its pages are read.

    Parameters
    ----------
    source : callable
        Opens the unpacked bytes; called several times.
    name : str
        The file for messages.
    largest_bytes : int or None
        The limit for the unpacked values.
    compression, member : str
        For the layout, see `tiktok_pipeline.delivery.tables.Layout`.
    knows : callable, optional
        Not used: a Parquet file states its names.

    Returns
    -------
    DeliveredTable
        Its ``plain_format`` is "parquet" if the engine reads its values as they are.

    Raises
    ------
    UnreadableFileError
        If a page is damaged, the values take more than the limit, or there are too many columns.
    """
    file = _ParquetTable(source, name)
    with file.reading() as parquet:
        schema: pa.Schema = parquet.schema_arrow
        metadata = parquet.metadata
        n_physical = metadata.num_columns
        has_interval = any(parquet.schema.column(place).converted_type == "INTERVAL" for place in range(n_physical))
    if n_physical > MOST_COLUMNS:
        raise UnreadableFileError(
            f"{name}: {n_physical} columns, expected at most {MOST_COLUMNS}",
            remedy="export one row for each profile",
        )
    is_utf8 = _check_pages(source, metadata, name, largest_bytes)
    columns = file.columns(schema)
    is_plain = (
        is_utf8
        and not has_interval
        and len(columns) == len(schema)
        and all(_is_plain(field.type) for field in schema)
    )
    names = [column.name for column in columns]
    table = DeliveredTable(
        name=name,
        layout=Layout(container="parquet", compression=compression, member=member),
        header=unique_names(names),
        read=file.records,
        plain_format="parquet" if is_plain and not compression and names == list(unique_names(names)) else None,
        source=source,
        n_records=metadata.num_rows,
    )
    return merge_same_names(table, names)


@dataclass(frozen=True)
class _Column:
    """A column of the delivered table: its dotted name, and the places of the fields that lead to it."""

    name: str
    path: tuple[int, ...]


class _Reading:
    """An open file; errors of pyarrow inside the block become an `UnreadableFileError`."""

    def __init__(self, source: ByteSource, name: str) -> None:
        self._source = source
        self._name = name
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> pq.ParquetFile:
        self._stream = open_seekable(self._source)
        try:
            # In microseconds, as the engine reads the old INT96 times; nanoseconds end in the year 2262.
            return pq.ParquetFile(self._stream, coerce_int96_timestamp_unit="us", pre_buffer=False)
        except (pa.ArrowException, OSError, ValueError) as error:
            self._stream.close()
            raise _damaged(self._name) from error

    def __exit__(self, exc_type: object, exc: BaseException | None, traceback: object) -> None:
        if self._stream is not None:
            self._stream.close()
        if isinstance(exc, (pa.ArrowException, OSError, UnicodeError)):
            raise _damaged(self._name) from exc


class _ParquetTable:
    """The records of a Parquet file."""

    def __init__(self, source: ByteSource, name: str) -> None:
        self._source = source
        self._name = name

    def reading(self) -> _Reading:
        return _Reading(self._source, self._name)

    def columns(self, schema: pa.Schema) -> list[_Column]:
        """Return the columns: fields of structs by their paths, without the numbers of rows that pandas writes."""
        own_header = _own_header(schema)
        if own_header is not None:
            return [_Column(name, (place,)) for place, name in enumerate(own_header, start=len((ROW, LINE, PROBLEM)))]
        columns = []
        for place, field in enumerate(schema):
            if not _INDEX.fullmatch(field.name):
                columns += _leaves(field, field.name, (place,))
        return columns

    def records(self) -> Iterator[Record]:
        with self.reading() as parquet:
            columns = self.columns(parquet.schema_arrow)
            is_own = _own_header(parquet.schema_arrow) is not None
            row = 0
            for batch in parquet.iter_batches(_ROWS_PER_BATCH, use_threads=False):
                texts = [_texts_of(_follow(batch, column.path)) for column in columns]
                problems = text_of(batch.column(2)).to_pylist() if is_own else [None] * batch.num_rows
                rows: Iterator[tuple[str | None, ...]] = zip(*texts, strict=True)
                for cells, problem in zip(rows, problems, strict=True):
                    row += 1
                    yield Record(row, None, cells if problem is None else (None,) * len(cells), problem)


def _own_header(schema: pa.Schema) -> tuple[str, ...] | None:
    """Return the header of a file that `tiktok_pipeline.delivery.convert` wrote; None for any other file."""
    metadata = schema.metadata or {}
    if not is_text_parquet(schema.names, metadata):
        return None
    with suppress(ValueError, LookupError):
        header = header_from_mark(metadata[MARK])
        if len(header) == len(schema) - 3:
            return header
    return None


def _leaves(field: pa.Field, name: str, path: tuple[int, ...]) -> list[_Column]:
    if pa.types.is_struct(field.type) and field.type.num_fields and len(path) < _DEEPEST_PATH:
        return [
            leaf
            for place, inner in enumerate(field.type)
            for leaf in _leaves(inner, f"{name}.{inner.name}", (*path, place))
        ]
    return [_Column(name, path)]


def _follow(batch: pa.RecordBatch, path: Sequence[int]) -> pa.Array:
    array = batch.column(path[0])
    for place in path[1:]:
        array = array.flatten()[place]  # unlike `field`, NULL where the struct is NULL
    return array


def _texts_of(array: pa.Array) -> list[str | None]:
    try:
        texts: list[str | None] = text_of(array).to_pylist()
    except UnicodeDecodeError:  # a text that is not UTF-8
        texts = text_of(array.cast(pa.large_binary())).to_pylist()
    return texts


def _is_plain(type_: pa.DataType) -> bool:
    """Return whether the engine's text of such a value is the text of this reader."""
    types = pa.types
    if types.is_dictionary(type_):
        return _is_text(type_.value_type)
    if types.is_list(type_) or types.is_large_list(type_):
        return _is_text(type_.value_type) or types.is_integer(type_.value_type)
    return _is_text(type_) or any(
        is_type(type_)
        for is_type in (
            types.is_boolean,
            types.is_integer,
            types.is_float32,
            types.is_float64,
            types.is_date32,
            types.is_timestamp,
        )
    )


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _check_pages(source: ByteSource, metadata: pq.FileMetaData, name: str, largest_bytes: int | None) -> bool:
    """Read every page once, in a process of its own unless the file cannot expand to much.

    Return whether every text is UTF-8.
    """
    stream = open_seekable(source)
    with stream:
        file_bytes = stream.seek(0, 2)
        stream.seek(0)
        allowed = max(ALWAYS_ALLOWED_BYTES, LARGEST_EXPANSION * file_bytes)
        limit = min(allowed, largest_bytes) if largest_bytes is not None else allowed
        if _largest_expansion(metadata, file_bytes) > _SMALL_BYTES:
            seconds = _BASE_SECONDS + file_bytes / _BYTES_PER_SECOND
            script = Path(__file__).with_name("parquet_worker.py")
            with run_worker(script, stream, str(limit), name=name, seconds=seconds) as encoding:
                found = encoding.read().decode()
            if found == TOO_LONG:
                raise _too_long(name)
            return found == "utf-8"
        try:
            return read_all(stream, largest_bytes=limit)
        except TooLargeError as error:
            raise too_large(name, limit) from error
        except TooLongError as error:
            raise _too_long(name) from error
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(name) from error


def _largest_expansion(metadata: pq.FileMetaData, file_bytes: int) -> float:
    """Return a bound for the bytes of all values, from what cannot lie: the size of the file and its codecs."""
    total = 0.0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            chunk = group.column(place)
            ratio = _LARGEST_RATIO.get(chunk.compression)
            if ratio is None:
                return float("inf")
            page_bytes = min(chunk.total_compressed_size, file_bytes) * ratio
            # A page may repeat its longest text for every value.
            total += page_bytes * (chunk.num_values if chunk.physical_type == "BYTE_ARRAY" else 1)
    return total


def _too_long(name: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"{name}: a record is longer than {LONGEST_RECORD_BYTES // 2**20} MB",
        remedy="leave out the columns with such values, such as pictures",
    )


def _damaged(name: str) -> UnreadableFileError:
    return UnreadableFileError(f"{name}: not a readable Parquet file", remedy="write or copy it again")
