"""Write a delivered table as a text Parquet file: the one form in which everything that is not plain is stored.

Imports pyarrow, so that only a delivery that is converted pays for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tiktok_pipeline.delivery.tables import DeliveredTable, Record
from tiktok_pipeline.text_files import LONGEST_CELL_BYTES
from tiktok_pipeline.text_parquet import LINE, MARK, PROBLEM, ROW, header_to_mark

ROWS_PER_GROUP = 20_000
BYTES_PER_GROUP = 32 * 2**20
"""A row group ends at either bound, so that a file of long cells needs no more memory than one of short ones."""

CELLS_PER_BATCH = 2_000_000
"""So many cells are turned into columns at once, empty ones included: a record of three keys has a cell for each key
of the others, of which there may be 10,000. A row group has several batches."""

LARGEST_GROUP = 128 * 2**20
"""A row group ends when its columns take so many bytes. A column without any text in a batch takes none."""

_NOT_UTF8 = re.compile("[\ud800-\udfff]")


def write_text_parquet(table: DeliveredTable, target: Path) -> int:
    """Write all records of a table to a text Parquet file.

    Parameters
    ----------
    table : DeliveredTable
        The table. Its records are read once, in bounded memory.
    target : Path
        The file to write; it does not exist if this raises.

    Returns
    -------
    int
        The number of records, damaged ones included.

    Raises
    ------
    UnreadableFileError
        If the table cannot be read.
    OSError
        If the disk fails.
    """
    schema = pa.schema(
        [
            pa.field(ROW, pa.int64(), nullable=False),
            pa.field(LINE, pa.int64()),
            pa.field(PROBLEM, pa.string()),
            *(pa.field(name, pa.string()) for name in table.header),
        ],
        metadata={MARK: header_to_mark(table.header)},
    )
    rows = 0
    try:
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for group in _row_groups(table.records(), schema):
                writer.write_table(group, row_group_size=group.num_rows)
                rows += group.num_rows
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return rows


def _row_groups(records: Iterator[Record], schema: pa.Schema) -> Iterator[pa.Table]:
    waiting: list[Record] = []
    batches: list[pa.RecordBatch] = []
    rows = characters = n_bytes = 0
    for record in records:
        waiting.append(record)
        rows += 1
        characters += sum(len(cell) for cell in record.cells if cell)
        is_full = rows == ROWS_PER_GROUP or characters >= BYTES_PER_GROUP
        if not is_full and len(waiting) * len(schema) < CELLS_PER_BATCH:
            continue
        batches.append(_to_batch(waiting, schema))
        waiting = []
        n_bytes += batches[-1].get_total_buffer_size()
        if is_full or n_bytes >= LARGEST_GROUP:
            yield pa.Table.from_batches(batches)
            batches = []
            rows = characters = n_bytes = 0
    if waiting:
        batches.append(_to_batch(waiting, schema))
    if batches:
        yield pa.Table.from_batches(batches)


def _to_batch(records: Sequence[Record], schema: pa.Schema) -> pa.RecordBatch:
    checked = [_without_long_cells(record) for record in records]
    columns: list[Sequence[int | str | None]] = [
        [record.row for record in checked],
        [record.line for record in checked],
        [record.problem for record in checked],
        *zip(*(record.cells for record in checked), strict=True),
    ]
    empty = pa.nulls(len(checked), pa.string())  # shared by all columns without a text
    arrays = [
        empty if field.type == empty.type and column.count(None) == len(checked) else _to_array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _without_long_cells(record: Record) -> Record:
    """Return the record, damaged if one of its cells is longer than a genuine cell can be."""
    # A character has at most four bytes: only a suspect is encoded to count them.
    suspects = [cell for cell in record.cells if cell and len(cell) > LONGEST_CELL_BYTES // 4]
    longest = max((len(cell.encode("utf-8", "surrogatepass")) for cell in suspects), default=0)
    if longest <= LONGEST_CELL_BYTES:
        return record
    problem = f"a cell of {longest} bytes (at most {LONGEST_CELL_BYTES})"
    return Record(record.row, record.line, (None,) * len(record.cells), record.problem or problem)


def _to_array(cells: Sequence[int | str | None], type_: pa.DataType) -> pa.Array:
    try:
        return pa.array(cells, type_)
    except UnicodeEncodeError:  # half of a surrogate pair: no UTF-8 can hold it
        repaired = [_NOT_UTF8.sub("\ufffd", cell) if isinstance(cell, str) else cell for cell in cells]
        return pa.array(repaired, type_)
