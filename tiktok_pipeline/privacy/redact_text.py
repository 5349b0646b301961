"""Redact records and mentions in CSV and JSON files."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import re
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from tiktok_pipeline.privacy.mentions import Change, RedactionError
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.text_files import (
    LONGEST_RECORD_BYTES,
    NO_SUCH_TEXT,
    has_byte_order_mark,
    is_gzipped,
    open_text,
    read_head,
    read_header,
)

_ENGINES_BLANKS = " \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

_JSON_BLANKS = re.compile(r"[ \t\n\r\v\f]*")

Piece = tuple[str, bool]
"""A part of a text as it stands in the file, and whether it is a record."""


def _redact_text(source: Path, written: BinaryIO, rows: Collection[int], change: Change) -> int:
    """Copy a text with its records blanked or changed; gives the number of records."""
    count = 0
    marked = has_byte_order_mark(source)
    with open_text(source) as text, _text_writer(source, written, marked=marked) as out:
        pieces, blank = _records(source, text)
        for piece, is_record in pieces:
            count += is_record
            out.write((blank(piece) if count in rows else change(piece)) if is_record else piece)
    return count


def _records(source: Path, text: io.TextIOWrapper) -> tuple[Iterator[Piece], Change]:
    """The pieces of a text, and what stands in the place of a blanked one."""
    if file_format(source) == "csv":
        delimiter, cells = _csv_header(source)
        return _csv_pieces(source, text, delimiter), partial(_blank_csv, delimiter=delimiter, cells=cells)
    if _is_array(source):
        return _array_pieces(text.read()), lambda _: "{}"
    lines = _lines(source, text)
    # The engine splits a line at this text and reads only the part before it.
    pieces = ((line, bool(line.rstrip("\r\n").partition(NO_SUCH_TEXT)[0].strip(_ENGINES_BLANKS))) for line in lines)
    return pieces, lambda record: "{}" + _line_end(record)


@contextlib.contextmanager
def _text_writer(source: Path, written: BinaryIO, *, marked: bool) -> Iterator[io.TextIOWrapper]:
    """A text into an open file, which stays open; packed, and with a byte order mark, where ``source`` is."""
    # Without a time and a name, so that the same content gives the same bytes.
    packed = partial(gzip.GzipFile, filename="", mode="wb", compresslevel=6, mtime=0)
    with packed(fileobj=written) if is_gzipped(source) else contextlib.nullcontext(written) as stream:
        text = io.TextIOWrapper(cast("BinaryIO", stream), encoding="utf-8-sig" if marked else "utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()


def _lines(source: Path, text: io.TextIOBase) -> Iterator[str]:
    """The lines with their ends: a line feed, a carriage return, or both."""
    for line in iter(partial(text.readline, LONGEST_RECORD_BYTES + 1), ""):
        _check_length(source, len(line))
        yield line


def _check_length(source: Path, length: int) -> None:
    if length > LONGEST_RECORD_BYTES:
        msg = f"a record is longer than {LONGEST_RECORD_BYTES // 2**20} MB, often an unclosed quote; mend that record"
        raise RedactionError(f"{source.name}: {msg}")


def _line_end(record: str) -> str:
    return "\r\n" if record.endswith("\r\n") else record[-1:] if record.endswith(("\r", "\n")) else ""


def _csv_header(source: Path) -> tuple[str, int]:
    """Return the delimiter and the number of cells of the header."""
    header = read_header(source)
    if not header.names:
        raise RedactionError(f"{source.name}: the first line is no header; expected the names of the columns")
    return header.delimiter, len(header.names)


def _csv_pieces(source: Path, text: io.TextIOBase, delimiter: str) -> Iterator[Piece]:
    """The header and the records; a line without any character is none.

    The engine's own rules, which are not those of the csv module: a quote opens a cell also after one space, and
    what follows a closing quote is dropped until the cell ends, or another quote opens it again.
    """
    opening = re.compile(rf'(?:\A|{delimiter}) ?"')
    after_closing = re.compile(rf'[^"\r\n{delimiter}]*')

    def is_open_after(line: str, *, is_open: bool) -> bool:
        place = 0
        while True:
            if not is_open:
                found = opening.search(line, place)
                if not found:
                    return False
                place = found.end()
            closing = line.find('"', place)
            if closing < 0:
                return True
            rest = after_closing.match(line, closing + 1)
            place = rest.end() if rest else len(line)
            is_open = line[place : place + 1] == '"'
            place += is_open

    is_header, is_open, length = True, False, 0
    parts: list[str] = []
    for line in itertools.chain(_lines(source, text), [""]):
        parts.append(line)
        length += len(line)
        _check_length(source, length)
        is_open = is_open_after(line, is_open=is_open) if line else False
        if not is_open:
            record = "".join(parts)
            yield record, not is_header and bool(record.strip("\r\n"))
            is_header, length = False, 0
            parts.clear()


def _blank_csv(record: str, *, delimiter: str, cells: int) -> str:
    """A record of empty cells.

    A file with an even number of quotes passes as well-formed, whatever its records look like. So an odd number in
    one record leaves a quote behind, in a cell more than the header has: the others are judged as before.
    """
    empty = delimiter * (cells - 1)
    if record.count('"') % 2:
        empty += delimiter + '-"'
    elif cells == 1:
        empty = '""'  # a blank line would be no record
    return empty + _line_end(record)


def _is_array(source: Path) -> bool:
    """Whether a JSON file is an array; else it has one object a line."""
    with open_text(source) as text:
        start = read_head(text)[:1]
        if start == "{" and file_format(source) == "json":
            text.seek(0)
            json.loads(next(line for line in _lines(source, text) if line.strip()))
        elif start != "[" and file_format(source) == "json":
            raise json.JSONDecodeError("neither an array nor an object", start, 0)
    return start == "["


def _array_pieces(text: str) -> Iterator[Piece]:
    """The elements of the array and what stands between them."""
    # Digits stay text: the interpreter refuses to make a number of very many.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    place = _after_blanks(text, 0) + 1
    yield text[:place], False
    mark = ","
    while mark == ",":
        start = _after_blanks(text, place)
        _, end = decoder.raw_decode(text, start)
        yield text[place:start], False
        yield text[start:end], True
        place = _after_blanks(text, end) + 1
        mark = text[place - 1 : place]
        yield text[end:place], False
    if mark != "]" or text[place:].strip():
        raise json.JSONDecodeError("no end of the array", text, place)
    yield text[place:], False


def _after_blanks(text: str, place: int) -> int:
    found = _JSON_BLANKS.match(text, place)
    return found.end() if found else place
