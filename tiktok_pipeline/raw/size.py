"""Check how large a file is once decompressed, before anything reads it."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from tiktok_pipeline.warehouse.base import UnreadableFileError

_BLOCK_BYTES = 1 << 20
_MANY_ROWS, _FEWEST_BYTES_IN_A_ROW = 100_000, 4


def check_size(path: Path, *, name: str, largest_bytes: int) -> None:
    """Raise an error if a file holds more than ``largest_bytes`` once decompressed.

    A gzip stream is decompressed block by block up to the limit. A Parquet file states its size in its metadata.

    Parameters
    ----------
    path : Path
        The file to check.
    name : str
        The file's name in messages.
    largest_bytes : int
        The limit in bytes.

    Raises
    ------
    UnreadableFileError
        If the file is too large, or cannot be decompressed.
    """
    if path.suffix == ".gz":
        is_larger = _unpacks_to_more(path, name, largest_bytes)
    elif path.suffix == ".parquet":
        rows, held_bytes = _parquet_size(path, name)
        # A dictionary can hold one long text for a million rows; no real scrape has so few bytes per row.
        is_larger = held_bytes > largest_bytes or (rows > _MANY_ROWS and held_bytes < rows * _FEWEST_BYTES_IN_A_ROW)
    else:
        is_larger = path.stat().st_size > largest_bytes
    if is_larger:
        msg = (
            f"{name}: larger than the limit of {largest_bytes / 1e9:,.3g} GB when decompressed; "
            "raise TIKTOK_PIPELINE_LARGEST_FILE if the file is correct"
        )
        raise UnreadableFileError(msg)


def _unpacks_to_more(path: Path, name: str, limit: int) -> bool:
    unpacked = 0
    try:
        with gzip.open(path, "rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                unpacked += len(block)
                if unpacked > limit:
                    return True
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        msg = f"{name}: the gzip stream is truncated or no gzip at all; copy the file again"
        raise UnreadableFileError(msg) from problem
    return False


def _parquet_size(path: Path, name: str) -> tuple[int, int]:
    """Return the number of rows of a Parquet file, and its bytes before compression."""
    import pyarrow as pa  # noqa: PLC0415 - only this format needs it
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as problem:
        msg = f"{name}: this is no readable Parquet file; write or copy it again"
        raise UnreadableFileError(msg) from problem
    held_bytes = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    return metadata.num_rows, held_bytes
