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
ROWS_PER_BATCH = 1024
"""Few, because a page may repeat one long text for all of its rows."""


class TooLargeError(Exception):
    """The values take more bytes than the limit."""


def read_all(file: IO[bytes], *, largest_bytes: int) -> bool:
    """Read every value of every column once; return whether every text is UTF-8.

    Raises
    ------
    TooLargeError
        If they take more than ``largest_bytes``.
    pyarrow.ArrowException, OSError
        If a page is damaged, or a text inside a nested value is not UTF-8.
    """
    parquet = pq.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False, page_checksum_verification=True)
    n_bytes, is_utf8 = 0, True
    for batch in parquet.iter_batches(ROWS_PER_BATCH, use_threads=False):
        n_bytes += sum(_unpacked_bytes(column) for column in batch.columns)
        if n_bytes > largest_bytes:
            raise TooLargeError
        are_utf8 = [_is_utf8(column) for column in batch.columns]
        is_utf8 = is_utf8 and all(are_utf8)
    return is_utf8


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
        return int(column.cast(column.type.value_type).nbytes)
    return int(column.nbytes)


def main() -> int:
    """Read standard input; return the exit code."""
    limit = int(sys.argv[1])
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        is_utf8 = read_all(sys.stdin.buffer, largest_bytes=int(sys.argv[2]))
    except (TooLargeError, MemoryError, pa.ArrowMemoryError):
        return TOO_LARGE
    except (pa.ArrowException, OSError, ValueError):
        return FAILED
    sys.stdout.write("utf-8" if is_utf8 else "other")
    return 0


if __name__ == "__main__":
    sys.exit(main())
