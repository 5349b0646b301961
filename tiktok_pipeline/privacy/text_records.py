"""Split CSV and JSON texts into records exactly as the engine does, without losing a character between them.

The engine's reader is `tiktok_pipeline.warehouse.duckdb.scan`; tests compare both on generated texts.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from tiktok_pipeline.text_files import LONGEST_RECORD_BYTES, NO_SUCH_TEXT

_ENGINE_BLANKS = " \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
"""Characters that the engine strips from a line of JSON; a line of nothing else is not a record."""

_JSON_BLANKS = re.compile(r"[ \t\n\r\v\f]*")


class Piece(NamedTuple):
    """A part of a text: a record, or what is between two records. All pieces together are the text."""

    text: str
    is_record: bool


class RecordTooLongError(ValueError):
    """A record is longer than the engine's buffer; reading on could take any amount of memory."""

    def __init__(self) -> None:
        super().__init__(f"a record is longer than {LONGEST_RECORD_BYTES // 2**20} MB, often an unclosed quote")


class QuoteScanner:
    r"""Follow the quotes of a CSV text; ``is_open`` is whether a quoted cell goes on in the next line.

    These are the rules of the engine, which differ from those of the csv module:

    - outside of a quoted cell, a quote opens one only at the start of a cell or after one space there,
    - inside of a quoted cell, the next quote closes it,
    - after a closing quote, text is ignored up to the end of the cell, but another quote opens the cell again; so a
      doubled quote closes and opens.

    Parameters
    ----------
    delimiter : str
        The character between two cells.

    Examples
    --------
    >>> scanner = QuoteScanner(",")
    >>> scanner.feed('1, "two\n')
    >>> scanner.is_open
    True
    >>> scanner.feed('lines" of text,5" wide\n')
    >>> scanner.is_open
    False
    """

    def __init__(self, delimiter: str) -> None:
        self.is_open = False
        self._opening = re.compile(rf'(?:\A|{delimiter}) ?"')
        self._ignored = re.compile(rf'[^"\r\n{delimiter}]*')

    def feed(self, line: str) -> None:
        """Read one line."""
        position: int | None = 0
        while position is not None:
            position = self._close_cell(line, position) if self.is_open else self._open_cell(line, position)

    def _open_cell(self, line: str, start: int) -> int | None:
        """Go behind the next opening quote; None if the line has no further one."""
        opening = self._opening.search(line, start)
        if opening is None:
            return None
        self.is_open = True
        return opening.end()

    def _close_cell(self, line: str, start: int) -> int | None:
        """Go behind the next closing quote and the ignored text; None if the cell goes on in the next line."""
        closing = line.find('"', start)
        if closing < 0:
            return None
        ignored = self._ignored.match(line, closing + 1)
        position = ignored.end() if ignored else len(line)
        self.is_open = line[position : position + 1] == '"'
        return position + 1 if self.is_open else position


def csv_pieces(text: io.TextIOBase, delimiter: str) -> Iterator[Piece]:
    """Yield the header (not a record) and the records, each with its line end; an empty line is not a record.

    Raises `RecordTooLongError` if a record does not end.
    """
    scanner = QuoteScanner(delimiter)
    is_header, length = True, 0
    lines: list[str] = []
    for line in itertools.chain(read_lines(text), [""]):
        lines.append(line)
        length += len(line)
        _check_length(length)
        scanner.feed(line)
        if not scanner.is_open or not line:
            record = "".join(lines)
            yield Piece(record, not is_header and bool(record.strip("\r\n")))
            is_header, length = False, 0
            lines.clear()


def json_line_pieces(text: io.TextIOBase) -> Iterator[Piece]:
    """Yield the lines of a file with one JSON object per line; a blank line is not a record."""
    for line in read_lines(text):
        # The engine splits a line at this text and reads only the part before it.
        read, _, _ = line.rstrip("\r\n").partition(NO_SUCH_TEXT)
        yield Piece(line, bool(read.strip(_ENGINE_BLANKS)))


def json_array_pieces(text: str) -> Iterator[Piece]:
    """Yield the elements of a JSON array as records, and what is between them; raises `json.JSONDecodeError`."""
    # Digits stay text: the interpreter refuses to convert very long ones to a number.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    position = _skip_blanks(text, 0) + 1
    yield Piece(text[:position], is_record=False)
    mark = ","
    while mark == ",":
        start = _skip_blanks(text, position)
        _, end = decoder.raw_decode(text, start)
        yield Piece(text[position:start], is_record=False)
        yield Piece(text[start:end], is_record=True)
        position = _skip_blanks(text, end) + 1
        mark = text[position - 1 : position]
        yield Piece(text[end:position], is_record=False)
    if mark != "]" or text[position:].strip():
        raise json.JSONDecodeError("no end of the array", text, position)
    yield Piece(text[position:], is_record=False)


def read_lines(text: io.TextIOBase) -> Iterator[str]:
    """Yield the lines with their ends (a line feed, a carriage return, or both); raises `RecordTooLongError`."""
    for line in iter(partial(text.readline, LONGEST_RECORD_BYTES + 1), ""):
        _check_length(len(line))
        yield line


def line_end(record: str) -> str:
    """Return the line end of a record; "" if it has none."""
    if record.endswith("\r\n"):
        return "\r\n"
    return record[-1:] if record.endswith(("\r", "\n")) else ""


def _check_length(length: int) -> None:
    if length > LONGEST_RECORD_BYTES:
        raise RecordTooLongError


def _skip_blanks(text: str, start: int) -> int:
    blanks = _JSON_BLANKS.match(text, start)
    return blanks.end() if blanks else start
