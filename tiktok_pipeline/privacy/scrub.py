"""Find and remove a creator's names outside of the tables and the stored files: exports, rejected files, logs.

The program itself does not write names there on purpose; an error message may quote a cell, and a person may put an
export into the home.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from tiktok_pipeline.atomic_write import atomic_write
from tiktok_pipeline.home.layout import REASON_SUFFIX, home_folders
from tiktok_pipeline.settings import Settings

EXPORT_SUFFIXES = (".csv", ".xlsx", ".parquet", ".json", ".ndjson", ".jsonl", ".gz", ".html", ".txt")
"""Suffixes of the files in a home, outside of its own folders, that are searched."""

_BLOCK_BYTES = 1 << 20
_OVERLAP_BYTES = 512  # a name at the border of two blocks is found in their overlap


def name_pattern(names: Collection[str]) -> re.Pattern[bytes]:
    """Return a pattern for any of the names as a whole word, in UTF-8 and any case.

    Parameters
    ----------
    names : collection of str
        Handles and numbers, at least one.

    Examples
    --------
    >>> pattern = name_pattern(["anna.b"])
    >>> bool(pattern.search(b"by @ANNA.B.")), bool(pattern.search(b"by anna.bc"))
    (True, False)
    """
    either = b"|".join(re.escape(name.encode("utf-8")) for name in sorted(names))
    return re.compile(rb"(?<![A-Za-z0-9._])(?:" + either + rb")(?![A-Za-z0-9_]|\.[A-Za-z0-9_])", re.IGNORECASE)


def contains_name(path: Path, pattern: re.Pattern[bytes]) -> bool:
    """Return whether the unpacked content of a file matches; a file that cannot be unpacked is searched as it is."""
    try:
        if path.suffix == ".parquet":
            return _parquet_contains(path, pattern)
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as archive:
                return any(_stream_contains(archive.open(member), pattern) for member in archive.namelist())
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as stream:
                return _stream_contains(stream, pattern)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, ValueError):
        pass
    with path.open("rb") as content:
        return _stream_contains(content, pattern)


def remove_matching_files(settings: Settings, pattern: re.Pattern[bytes]) -> list[Path]:
    """Delete the exports in the home, and the rejected files, whose content matches; return their paths."""
    removed = []
    for path in _searched_files(settings):
        if contains_name(path, pattern):
            path.unlink()
            removed.append(path)
            if path.parent == settings.refused and not path.name.endswith(REASON_SUFFIX):
                path.with_name(f"{path.name}{REASON_SUFFIX}").unlink(missing_ok=True)
    return removed


def scrub_log(file: Path, pattern: re.Pattern[bytes]) -> None:
    """Replace the names in a log, and in the older part of it that is kept as ``<name>.1``."""
    for log in (file, file.with_name(f"{file.name}.1")):
        if log.exists() and pattern.search(content := log.read_bytes()):
            with atomic_write(log) as draft:
                draft.write_bytes(pattern.sub(b"[forgotten]", content))


def _stream_contains(stream: IO[bytes] | gzip.GzipFile, pattern: re.Pattern[bytes]) -> bool:
    tail = b""
    while block := stream.read(_BLOCK_BYTES):
        if pattern.search(tail + block):
            return True
        tail = (tail + block)[-_OVERLAP_BYTES:]
    return False


def _parquet_contains(path: Path, pattern: re.Pattern[bytes]) -> bool:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=20_000):
            for column in batch.columns:
                if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                    text = "\n".join(cell for cell in column.to_pylist() if cell is not None)
                    if pattern.search(text.encode("utf-8", "replace")):
                        return True
    return False


def _searched_files(settings: Settings) -> Iterator[Path]:
    """Yield the files that a person put into the home, and the rejected files."""
    own = {*home_folders(settings), settings.home / "sample"} - {settings.home}
    for path in sorted(settings.home.rglob("*")):
        is_own = any(path.is_relative_to(folder) for folder in own) and not path.is_relative_to(settings.refused)
        if not is_own and path.is_file() and not path.is_symlink() and path.suffix.lower() in EXPORT_SUFFIXES:
            yield path
