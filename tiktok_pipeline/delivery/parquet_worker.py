"""Read a Parquet file from the standard input to its end and write whether its texts are UTF-8.

Runs as a script in a process of its own, see `tiktok_pipeline.delivery.worker`; it imports nothing of the package.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

FAILED = 3
TOO_LARGE = 4
TOO_LONG = "too long"
"""Written instead of the encoding where one record is too long."""

LONGEST_RECORD_BYTES = 16 * 2**20
"""A longer record, unpacked, makes the file unreadable: readers hold some thousand records at once."""

ROWS_PER_BATCH = 1024
"""Few, because a page may repeat one long text for all of its rows."""


class TooLargeError(Exception):
    """The values take more bytes than the limit."""


class TooLongError(Exception):
    """One record takes more than `LONGEST_RECORD_BYTES`."""


def read_all(file: IO[bytes], *, largest_bytes: int) -> bool:
    """Read every value of every column once; return whether every text is UTF-8.

    Raises
    ------
    TooLargeError
        If they take more than ``largest_bytes``.
    TooLongError
        If one record takes more than `LONGEST_RECORD_BYTES`.
    pyarrow.ArrowException, OSError
        If a page is damaged, or a text inside a nested value is not UTF-8.
    """
    parquet = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True)
    _check_averages(parquet.metadata)
    n_bytes, is_utf8 = 0, True
    for batch in parquet.iter_batches(ROWS_PER_BATCH, use_threads=False):
        batch_bytes = sum(_unpacked_bytes(column) for column in batch.columns)
        n_bytes += batch_bytes
        if n_bytes > largest_bytes:
            raise TooLargeError
        if batch_bytes > LONGEST_RECORD_BYTES:
            _check_records(batch)
        are_utf8 = [_is_utf8(column) for column in batch.columns]
        is_utf8 = is_utf8 and all(are_utf8)
    return is_utf8


def _check_averages(metadata: pq.FileMetaData) -> None:
    """Refuse, before any page is unpacked, a file that states an average value longer than any record may be."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            chunk = group.column(place)
            if chunk.total_uncompressed_size > LONGEST_RECORD_BYTES * max(chunk.num_values, 1):
                raise TooLongError


def _check_records(batch: pa.RecordBatch) -> None:
    for row in range(batch.num_rows):
        if sum(_unpacked_bytes(column.slice(row, 1)) for column in batch.columns) > LONGEST_RECORD_BYTES:
            raise TooLongError


def _is_utf8(column: pa.Array) -> bool:
    """Check all values; return whether the texts of a column are UTF-8."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        types = pa.types
        if not any(
            is_type(column.type) for is_type in (types.is_string, types.is_large_string, types.is_string_view)
        ):
            raise
        return False
    return True


def _unpacked_bytes(column: pa.Array) -> int:
    """Return the bytes of an array; a dictionary counts as often as it is used."""
    if pa.types.is_dictionary(column.type):
        words = column.dictionary
        if words.nbytes > LONGEST_RECORD_BYTES and any(
            words.slice(place, 1).nbytes > LONGEST_RECORD_BYTES for place in range(len(words))
        ):
            raise TooLongError
        return int(column.cast(column.type.value_type).nbytes)
    return int(column.nbytes)


def main() -> int:
    """Read standard input; return the exit code."""
    limit = int(sys.argv[1])
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        is_utf8 = read_all(sys.stdin.buffer, largest_bytes=int(sys.argv[2]))
    except TooLongError:
        sys.stdout.write(TOO_LONG)
        return 0
    except (TooLargeError, MemoryError, pa.ArrowMemoryError):
        return TOO_LARGE
    except (pa.ArrowException, OSError, ValueError):
        return FAILED
    sys.stdout.write("utf-8" if is_utf8 else "other")
    return 0


if __name__ == "__main__":
    sys.exit(main())
