"""Where in a stored file a record starts: its physical line, by the record's ordinal.

Records are counted as the engine counts them: the header is none, nor is a blank line. What a record holds is not read
here; see `tiktok_pipeline.raw.read`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path

from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.text_files import READ_ERRORS, long_cells, open_text, read_head, read_header


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
        with long_cells(), open_text(path) as stream:
            if kind == "csv":
                starts = _record_starts(_Lines(stream), read_header(path).delimiter)
            else:
                starts = _object_starts(path, stream)
            for ordinal, line in enumerate(starts, start=1):
                if ordinal in rows:
                    found[ordinal] = line
                if ordinal >= last:
                    break
    except READ_ERRORS:
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
    with open_text(path) as text:
        if read_head(text).startswith("["):
            return
    lines = _Lines(stream)
    start = lines.next_line
    for text in lines:
        if text.strip(" \r\n"):  # a line of tabs is a record, a broken one
            yield start
        start = lines.next_line
