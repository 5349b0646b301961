"""Find the line of a stored file on which a record starts.

Records are counted as the engine counts them: neither the header nor a blank line is a record. For the content of a
record see `tiktok_pipeline.raw.read`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path

from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.text_files import READ_ERRORS, long_cells, open_text, read_head, read_header


def first_lines(path: Path, rows: Collection[int]) -> dict[int, int]:
    """Return the line on which each record starts.

    The file is read as a stream, up to the last of ``rows``.

    Parameters
    ----------
    path : Path
        A stored file.
    rows : collection of int
        Ordinals of records, from 1.

    Returns
    -------
    dict of int to int
        The line (from 1) of each record that the file has. Empty for Parquet and JSON arrays, whose records have no
        lines, and for a file that is missing or cannot be read.
    """
    format_ = file_format(path)
    if not rows or format_ is None or format_ == "parquet":
        return {}
    lines: dict[int, int] = {}
    last = max(rows)
    try:
        with long_cells(), open_text(path) as stream:
            if format_ == "csv":
                starts = _record_starts(_Lines(stream), read_header(path).delimiter)
            else:
                starts = _object_starts(path, stream)
            for ordinal, line in enumerate(starts, start=1):
                if ordinal in rows:
                    lines[ordinal] = line
                if ordinal >= last:
                    break
    except READ_ERRORS:
        return {}
    return lines


class _Lines:
    """The lines of a stream; ``next_line`` is the number of the next one.

    A lone carriage return ends a record, but not a line as an editor or ``grep -n`` counts it, unless the first line
    of the file ends with one too.
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
    """Yield the line on which each record of a CSV file starts, without the header."""
    # Like the engine, take a quote after spaces for the start of a quoted cell.
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    next(reader, None)
    start = lines.next_line
    for record in reader:
        if record:
            yield start
        start = lines.next_line


def _object_starts(path: Path, stream: io.TextIOBase) -> Iterator[int]:
    """Yield the line of each object of a file with one object per line; nothing if the file is an array."""
    with open_text(path) as head:
        if read_head(head).startswith("["):
            return
    lines = _Lines(stream)
    start = lines.next_line
    for text in lines:
        if text.strip(" \r\n"):  # a line of tabs is a (broken) record
            yield start
        start = lines.next_line
