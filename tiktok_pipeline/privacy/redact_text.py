"""Redact records and mentions in CSV and JSON files."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import json
import re
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from tiktok_pipeline.privacy.mentions import LONGEST_RECORD, Change, RedactionError
from tiktok_pipeline.raw.snapshots import file_format

if TYPE_CHECKING:
    pass

_DELIMITERS = (",", ";", "\t")

_LONGEST_HEADER = 1_000_000

# The engine splits a file of lines at this text, and looks at what stands before it only.
_NO_SUCH_TEXT = "\x02\x1f\x03"

_ENGINES_BLANKS = " \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

_JSON_BLANKS = re.compile(r"[ \t\n\r\v\f]*")

Piece = tuple[str, bool]
"""A part of a text as it stands in the file, and whether it is a record."""


def _redact_text(source: Path, written: BinaryIO, rows: Collection[int], change: Change) -> int:
    """Copy a text with its records blanked or changed; gives the number of records."""
    count = 0
    with _opened(source) as (text, marked), _text_writer(source, written, marked=marked) as out:
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
    pieces = ((line, bool(line.rstrip("\r\n").partition(_NO_SUCH_TEXT)[0].strip(_ENGINES_BLANKS))) for line in lines)
    return pieces, lambda record: "{}" + _line_end(record)


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tuple[io.TextIOWrapper, bool]]:
    """A plain or gzipped text with its line ends as they are, and whether a byte order mark stands before it."""
    opened = gzip.open(source) if source.suffix == ".gz" else source.open("rb")  # noqa: SIM115
    with opened as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        marked = stream.read(3) == codecs.BOM_UTF8
        stream.seek(0)
        yield text, marked


@contextlib.contextmanager
def _text_writer(source: Path, written: BinaryIO, *, marked: bool) -> Iterator[io.TextIOWrapper]:
    """A text into an open file, which stays open; packed, and with a byte order mark, where ``source`` is."""
    # Without a time and a name, so that the same content gives the same bytes.
    packed = partial(gzip.GzipFile, filename="", mode="wb", compresslevel=6, mtime=0)
    with packed(fileobj=written) if source.suffix == ".gz" else contextlib.nullcontext(written) as stream:
        text = io.TextIOWrapper(cast("BinaryIO", stream), encoding="utf-8-sig" if marked else "utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()


def _lines(source: Path, text: io.TextIOBase) -> Iterator[str]:
    """The lines with their ends: a line feed, a carriage return, or both."""
    for line in iter(partial(text.readline, LONGEST_RECORD + 1), ""):
        _check_length(source, len(line))
        yield line


def _check_length(source: Path, length: int) -> None:
    if length > LONGEST_RECORD:
        msg = f"a record is longer than {LONGEST_RECORD // 2**20} MB, often an unclosed quote; mend that record"
        raise RedactionError(f"{source.name}: {msg}")


def _line_end(record: str) -> str:
    return "\r\n" if record.endswith("\r\n") else record[-1:] if record.endswith(("\r", "\n")) else ""


def _csv_header(source: Path) -> tuple[str, int]:
    """The delimiter, told as the engine's reader tells it, and the number of the header's cells."""
    head = ""
    with _opened(source) as (text, _):
        while len(head) < _LONGEST_HEADER:
            line = text.readline(_LONGEST_HEADER)
            head += line
            if not line or head.count('"') % 2 == 0:
                break
    counts = dict.fromkeys(_DELIMITERS, 0)
    for delimiter in _DELIMITERS:
        with contextlib.suppress(csv.Error, StopIteration):
            counts[delimiter] = len(next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)))
    delimiter = max(_DELIMITERS, key=counts.__getitem__)
    if not head.strip() or not counts[delimiter]:
        raise RedactionError(f"{source.name}: the first line is no header; expected the names of the columns")
    return delimiter, counts[delimiter]


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
    with _opened(source) as (text, _):
        start = text.read(65_536).lstrip()[:1]
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
