"""Redact records and mentions in Parquet files. Imports pyarrow, so that only a Parquet file pays for it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tiktok_pipeline.privacy.mentions import RedactionError, TextChange, change_label, unchanged
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.text_parquet import MARK, PLACE_COLUMNS, header_from_mark, header_to_mark, is_text_parquet

_CODECS = {"UNCOMPRESSED": "none", **{name.upper(): name for name in ("snappy", "gzip", "brotli", "zstd", "lz4")}}


def redact_parquet(
    source: Path,
    written: BinaryIO,
    rows: Collection[int],
    change: TextChange,
    names: Sequence[str],  # noqa: ARG001 - each name is changed alone
) -> int:
    """Copy a table with some rows blanked and the texts of the others changed.

    Parameters
    ----------
    source : Path
        A Parquet file.
    written : BinaryIO
        The open target; it stays open.
    rows : collection of int
        Ordinals (from 1) of the rows to blank: every cell becomes NULL. A text Parquet file states them, and keeps
        them and the lines.
    change : callable
        Applied to every text of the other rows, also in lists, structs and maps, and to the names of the columns.
    names : sequence of str
        Not used.

    Returns
    -------
    int
        The last ordinal; in a file that does not state them the number of rows.

    Raises
    ------
    RedactionError
        If the file is damaged, or has a column of a type that pyarrow cannot rewrite.
    """
    try:
        return _copy_groups(source, written, rows, change)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = one_line(str(error))[:200]
        raise RedactionError(
            f"{source.name}: this Parquet file cannot be rewritten ({reason})",
            remedy="write it again with plain columns",
        ) from error


def _copy_groups(source: Path, written: BinaryIO, rows: Collection[int], change: TextChange) -> int:
    # In microseconds, as the engine reads the old INT96 times; nanoseconds end in the year 2262.
    file = pq.ParquetFile(source, coerce_int96_timestamp_unit="us")
    if any(file.schema.column(index).converted_type == "INTERVAL" for index in range(len(file.schema))):
        raise pa.ArrowNotImplementedError("an interval loses its type")
    schema = _without_names(
        pa.schema(map(_plain_field, file.schema_arrow), metadata=file.schema_arrow.metadata), change
    )
    n_place_columns = len(PLACE_COLUMNS) if is_text_parquet(schema.names, schema.metadata or {}) else 0
    last = 0
    with pq.ParquetWriter(written, schema, compression=_compression(file)) as writer:
        for number in range(file.num_row_groups):
            group = file.read_row_group(number)
            ordinals = group.column(0).to_pylist() if n_place_columns else range(last + 1, last + 1 + group.num_rows)
            kept = [None if ordinal in rows else row for row, ordinal in enumerate(ordinals)]
            columns = group.columns[:n_place_columns] + [
                _redact_column(column, type_, kept, change)
                for column, type_ in zip(group.columns[n_place_columns:], schema.types[n_place_columns:], strict=True)
            ]
            table = pa.Table.from_arrays(columns, schema=schema)
            writer.write_table(table, row_group_size=max(group.num_rows, 1))
            last = max(last, *ordinals) if group.num_rows else last
    return last


def _without_names(schema: pa.Schema, change: TextChange) -> pa.Schema:
    """Return the schema without names in its columns: a key of JSON may be a handle, and became a column."""
    fields: dict[str, pa.Field] = {}
    for field in schema:
        changed = change_label(field.name, change)
        name, number = changed, 1
        while name in fields:
            number += 1
            name = f"{changed}_{number}"
        fields[name] = field.with_name(name)
    metadata = dict(schema.metadata or {})
    if MARK in metadata:
        header = header_from_mark(metadata[MARK])
        metadata[MARK] = header_to_mark([change_label(name, change) for name in header])
    return pa.schema(list(fields.values()), metadata=metadata)


def _compression(file: pq.ParquetFile) -> str:
    """Return the codec of the first column; the writer's default if there is no column or an unknown codec."""
    has_column = file.num_row_groups and len(file.schema)
    return _CODECS.get(file.metadata.row_group(0).column(0).compression, "snappy") if has_column else "snappy"


def _plain_field(field: pa.Field) -> pa.Field:
    """Return the field in Parquet's own types and nullable: a dictionary would keep the texts of blanked rows."""
    type_, types = field.type, pa.types
    if types.is_dictionary(type_):
        return _plain_field(field.with_type(type_.value_type))
    if types.is_string_view(type_):
        type_ = pa.string()
    elif types.is_struct(type_):
        type_ = pa.struct([_plain_field(inner) for inner in type_])
    elif types.is_map(type_):
        type_ = pa.map_(_plain_field(type_.key_field).with_nullable(False), _plain_field(type_.item_field))
    elif types.is_list(type_) or types.is_fixed_size_list(type_) or types.is_list_view(type_):
        type_ = pa.list_(_plain_field(type_.value_field))
    elif types.is_large_list(type_):
        type_ = pa.large_list(_plain_field(type_.value_field))
    return field.with_type(type_).with_nullable(True)


def _redact_column(
    column: pa.ChunkedArray, type_: pa.DataType, kept: Sequence[int | None], change: TextChange
) -> pa.ChunkedArray:
    """Return a column with NULL in each row whose ``kept`` is None, and with its texts changed."""
    chunks, start = [], 0
    for chunk in column.chunks:
        indices = [None if row is None else row - start for row in kept[start : start + len(chunk)]]
        rows = pa.array(indices, pa.int64())
        plain = chunk if chunk.type == type_ else chunk.cast(type_)
        plain = plain.take(rows) if rows.null_count else plain
        chunks.append(plain if change is unchanged else _change_texts(plain, change))
        start += len(chunk)
    return pa.chunked_array(chunks, type=type_)


def _change_texts(array: pa.Array, change: TextChange) -> pa.Array:
    """Return an array with each text in it changed, also in lists, structs and maps."""
    type_, types = array.type, pa.types
    if types.is_string(type_) or types.is_large_string(type_):
        return _change_strings(array, change)
    if isinstance(array, pa.ExtensionArray):
        return pa.ExtensionArray.from_storage(type_, _change_texts(array.storage, change))
    if types.is_struct(type_) and type_.num_fields:
        fields = [_change_texts(array.field(index), change) for index in range(type_.num_fields)]
        return pa.StructArray.from_arrays(fields, fields=list(type_), mask=array.is_null())
    if types.is_map(type_) or types.is_list(type_) or types.is_large_list(type_):
        return _change_lists(array, change)
    return array


def _change_strings(array: pa.Array, change: TextChange) -> pa.Array:
    texts = array.to_pylist()
    changed = [None if text is None else change(text) for text in texts]
    return array if changed == texts else pa.array(changed, array.type)


def _change_lists(array: pa.Array, change: TextChange) -> pa.Array:
    """Change the texts in a list, a large list, or a map, which is a list of pairs."""
    type_, types = array.type, pa.types
    is_map = types.is_map(type_)
    lists = array.cast(pa.list_(pa.struct([type_.key_field, type_.item_field]))) if is_map else array
    # The offsets are computed again: a NULL list, or an array that is a slice of another, may hide values.
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_pylist()
    offset_type = pa.int64() if types.is_large_list(type_) else pa.int32()
    offsets = pa.array(itertools.accumulate(lengths, initial=0), offset_type)
    values = _change_texts(lists.flatten(), change)
    parts = [values.field(0), values.field(1)] if is_map else [values]
    return type(array).from_arrays(offsets, *parts, type=type_, mask=array.is_null())
