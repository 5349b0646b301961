"""Redact records and mentions in Parquet files."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tiktok_pipeline.privacy.mentions import Change, RedactionError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_CODECS = {"UNCOMPRESSED": "none", **{name.upper(): name for name in ("snappy", "gzip", "brotli", "zstd", "lz4")}}


def _redact_parquet(source: Path, written: BinaryIO, rows: Collection[int], change: Change) -> int:
    """Copy a table with its rows blanked or changed; gives the number of rows."""
    import pyarrow as pa  # noqa: PLC0415 - importing it costs a second
    import pyarrow.parquet as pq  # noqa: PLC0415

    before = 0
    try:
        # In microseconds, as the engine reads the old INT96 times; in nanoseconds they would end in the year 2262.
        table = pq.ParquetFile(source, coerce_int96_timestamp_unit="us")
        if any(table.schema.column(place).converted_type == "INTERVAL" for place in range(len(table.schema))):
            raise pa.ArrowNotImplementedError("an interval loses its type")
        schema = pa.schema(map(_plain, table.schema_arrow), metadata=table.schema_arrow.metadata)
        with pq.ParquetWriter(written, schema, compression=_compression(table)) as out:
            for number in range(table.num_row_groups):
                group = table.read_row_group(number)
                keep = [None if before + row + 1 in rows else row for row in range(group.num_rows)]
                columns = [_redacted(*one, keep, change) for one in zip(group.columns, schema.types, strict=True)]
                out.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=max(group.num_rows, 1))
                before += group.num_rows
    except (pa.ArrowException, OSError) as problem:
        if isinstance(problem, OSError) and problem.errno is not None:
            raise
        what = " ".join(str(problem).split())[:200]
        msg = f"{source.name}: this Parquet file cannot be rewritten ({what}); write it again with plain columns"
        raise RedactionError(msg) from problem
    return before


def _compression(table: pq.ParquetFile) -> str:
    """The codec of the first column; that of the writer where there is none, or one that it does not know."""
    known = table.num_row_groups and len(table.schema)
    return _CODECS.get(table.metadata.row_group(0).column(0).compression, "snappy") if known else "snappy"


def _plain(field: pa.Field) -> pa.Field:
    """The field in Parquet's own terms and with NULL: a dictionary would keep the texts of blanked rows."""
    import pyarrow as pa  # noqa: PLC0415

    kind, of = field.type, pa.types
    if of.is_dictionary(kind):
        return _plain(field.with_type(kind.value_type))
    if of.is_string_view(kind):
        kind = pa.string()
    elif of.is_struct(kind):
        kind = pa.struct([_plain(inner) for inner in kind])
    elif of.is_map(kind):
        kind = pa.map_(_plain(kind.key_field).with_nullable(False), _plain(kind.item_field))
    elif of.is_list(kind) or of.is_fixed_size_list(kind) or of.is_list_view(kind):
        kind = pa.list_(_plain(kind.value_field))
    elif of.is_large_list(kind):
        kind = pa.large_list(_plain(kind.value_field))
    return field.with_type(kind).with_nullable(True)


def _redacted(
    column: pa.ChunkedArray, kind: pa.DataType, keep: Sequence[int | None], change: Change
) -> pa.ChunkedArray:
    """A column with NULL in each row that is not kept, and with its texts changed."""
    import pyarrow as pa  # noqa: PLC0415

    chunks, start = [], 0
    for chunk in column.chunks:
        here = keep[start : start + len(chunk)]
        rows = pa.array([None if row is None else row - start for row in here], pa.int64())
        plain = chunk if chunk.type == kind else chunk.cast(kind)
        plain = plain.take(rows) if rows.null_count else plain
        chunks.append(plain if change is str else _changed(plain, change))
        start += len(chunk)
    return pa.chunked_array(chunks, type=kind)


def _changed(array: pa.Array, change: Change) -> pa.Array:
    """An array with each text in it changed, also in lists, structs and maps."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    kind, of = array.type, pa.types
    if of.is_string(kind) or of.is_large_string(kind):
        found = pc.fill_null(pc.match_substring(array, "@"), False)
        new = [change(text) for text in array.filter(found).to_pylist()]
        return pc.replace_with_mask(array, found, pa.array(new, kind)) if new else array
    if isinstance(array, pa.ExtensionArray):
        return pa.ExtensionArray.from_storage(kind, _changed(array.storage, change))
    if of.is_struct(kind) and kind.num_fields:
        parts = [_changed(array.field(place), change) for place in range(kind.num_fields)]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=array.is_null())
    if not (of.is_map(kind) or of.is_list(kind) or of.is_large_list(kind)):
        return array
    pairs = pa.list_(pa.struct([kind.key_field, kind.item_field])) if of.is_map(kind) else None
    lists = array.cast(pairs) if pairs else array
    # Counted anew, because a list that is NULL, or of which the array is a part, may hide values.
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_pylist()
    starts = pa.array(itertools.accumulate(lengths, initial=0), pa.int64() if of.is_large_list(kind) else pa.int32())
    inner = _changed(lists.flatten(), change)
    parts = [inner.field(0), inner.field(1)] if pairs else [inner]
    return type(array).from_arrays(starts, *parts, type=kind, mask=array.is_null())
