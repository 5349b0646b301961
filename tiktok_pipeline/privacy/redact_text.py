"""Redact records and mentions in CSV and JSON files."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from tiktok_pipeline.privacy.mentions import RedactionError, TextChange
from tiktok_pipeline.privacy.text_records import (
    Piece,
    csv_pieces,
    json_array_pieces,
    json_line_pieces,
    line_end,
    read_lines,
)
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.text_files import has_byte_order_mark, is_gzipped, open_text, read_head, read_header


def redact_text(
    source: Path, written: BinaryIO, rows: Collection[int], change: TextChange, names: Sequence[str]
) -> int:
    """Copy a text with some records blanked and the others changed.

    Parameters
    ----------
    source : Path
        A CSV or JSON file, plain or gzipped.
    written : BinaryIO
        The open target; it stays open.
    rows : collection of int
        Ordinals (from 1) of the records to blank.
    change : callable
        Applied to the text of every other record.
    names : sequence of str
        The names of the columns of a CSV file; none leaves them as they are.

    Returns
    -------
    int
        The number of records.
    """
    count = 0
    has_mark = has_byte_order_mark(source)
    header = _header_line(source, names) if file_format(source) == "csv" else None
    with open_text(source) as text, _text_writer(source, written, has_mark=has_mark) as target:
        pieces, blank = _pieces_and_blank(source, text)
        for piece in pieces:
            if not piece.is_record:
                target.write(piece.text if header is None else header + line_end(piece.text))
                header = None
                continue
            count += 1
            target.write(blank(piece.text) if count in rows else change(piece.text))
    return count


def _header_line(source: Path, names: Sequence[str]) -> str | None:
    """Return the header of a CSV file with other names; None if it stays."""
    header = read_header(source)
    if not names or list(names) == list(header.names):
        return None
    line = io.StringIO()
    csv.writer(line, delimiter=header.delimiter, lineterminator="").writerow(names)
    return line.getvalue()


def _pieces_and_blank(source: Path, text: io.TextIOWrapper) -> tuple[Iterator[Piece], TextChange]:
    """Return the pieces of a text, and the function that blanks a record of its format."""
    if file_format(source) == "csv":
        header = read_header(source)
        if not header.names:
            raise RedactionError(f"{source.name}: the first line is not a header; expected the names of the columns")
        blank = partial(_blank_csv, delimiter=header.delimiter, cells=len(header.names))
        return csv_pieces(text, header.delimiter), blank
    if _is_array(source):
        return json_array_pieces(text.read()), lambda _: "{}"
    return json_line_pieces(text), lambda record: "{}" + line_end(record)


@contextlib.contextmanager
def _text_writer(source: Path, written: BinaryIO, *, has_mark: bool) -> Iterator[io.TextIOWrapper]:
    """Write text into an open file, which stays open; gzipped, and with a byte order mark, if ``source`` is."""
    # Without a time and a name, so that the same content gives the same bytes.
    packed = partial(gzip.GzipFile, filename="", mode="wb", compresslevel=6, mtime=0)
    with packed(fileobj=written) if is_gzipped(source) else contextlib.nullcontext(written) as stream:
        text = io.TextIOWrapper(cast("BinaryIO", stream), encoding="utf-8-sig" if has_mark else "utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()


def _blank_csv(record: str, *, delimiter: str, cells: int) -> str:
    """Return a record of empty cells.

    The engine reads a file with an even number of quotes in one way and a file with an odd number in another. So a
    record with an odd number leaves one quote behind, in a cell more than the header has, and the other records are
    read as before.
    """
    empty = delimiter * (cells - 1)
    if record.count('"') % 2:
        empty += delimiter + '-"'
    elif cells == 1:
        empty = '""'  # an empty line would not be a record
    return empty + line_end(record)


def _is_array(source: Path) -> bool:
    """Return whether a JSON file is an array; otherwise it has one object per line."""
    with open_text(source) as text:
        start = read_head(text)[:1]
        if start == "{" and file_format(source) == "json":
            text.seek(0)
            json.loads(next(line for line in read_lines(text) if line.strip()))
        elif start != "[" and file_format(source) == "json":
            raise json.JSONDecodeError("neither an array nor an object", start, 0)
    return start == "["
