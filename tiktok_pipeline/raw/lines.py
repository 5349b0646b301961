"""Where in a stored file a record starts: its physical line, by the record's ordinal.

Records are counted as the engine counts them: the header is none, nor is a blank line. What a record holds is not read
here; see `tiktok_pipeline.raw.read`.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from tiktok_pipeline.raw.snapshots import file_format

_LONGEST_CELL = 128 * 1024 * 1024
_DELIMITERS = (",", ";", "\t")
_UNREADABLE = (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error)


def first_lines(path: Path, rows: Collection[int]) -> dict[int, int]:
    """The line (from 1) on which each of the records ``rows`` (ordinals from 1) starts.

    A record that the file does not have is left out. Nothing is given for Parquet and JSON arrays, whose records have
    no lines, nor for a file that is gone or cannot be read. The file is read as a stream, up to the last of ``rows``.
    """
    kind = file_format(path)
    if not rows or kind is None or kind == "parquet":
        return {}
    found: dict[int, int] = {}
    last = max(rows)
    try:
        with _long_cells(), _opened(path) as stream:
            starts = (
                _record_starts(_Lines(stream), _delimiter(path)) if kind == "csv" else _object_starts(path, stream)
            )
            for ordinal, line in enumerate(starts, start=1):
                if ordinal in rows:
                    found[ordinal] = line
                if ordinal >= last:
                    break
    except _UNREADABLE:
        return {}
    return found


class _Lines:
    """The lines of a stream; ``next_line`` is the number of the one that comes next.

    A lone carriage return ends a record, but no line that an editor or ``grep -n`` would count, unless the first line
    of the file ends so too.
    """

    def __init__(self, stream: io.TextIOBase) -> None:
        self._stream = stream
        self._end = ""
        self.next_line = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = next(self._stream)
        self._end = self._end or ("\n" if text.endswith("\n") else "\r")
        self.next_line += text.endswith(("\n", self._end))
        return text


def _record_starts(lines: _Lines, delimiter: str) -> Iterator[int]:
    """The line on which each record of a CSV starts, the header left out."""
    # The engine too takes a quote behind spaces for the start of a quoted cell.
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    next(reader, None)
    start = lines.next_line
    for record in reader:
        if record:
            yield start
        start = lines.next_line


def _object_starts(path: Path, stream: io.TextIOBase) -> Iterator[int]:
    """The line of each object of a file with one a line; none where the file is an array."""
    with _opened(path) as head:
        if head.read(65_536).lstrip().startswith("["):
            return
    lines = _Lines(stream)
    start = lines.next_line
    for text in lines:
        if text.strip(" \r\n"):  # a line of tabs is a record, a broken one
            yield start
        start = lines.next_line


def _delimiter(path: Path) -> str:
    """The delimiter that splits the header into the most cells, as the engine chooses it."""

    def cells(delimiter: str) -> int:
        with _opened(path) as stream:
            return len(next(csv.reader(stream, delimiter=delimiter), []))

    return max(_DELIMITERS, key=cells)


def _opened(path: Path) -> io.TextIOWrapper:
    """A plain or gzipped file as UTF-8 text with the line ends that it has."""
    stream = gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # noqa: SIM115
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    """Lift the csv module's limit of 128 kB for a cell; it is the process's, so it is put back."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
