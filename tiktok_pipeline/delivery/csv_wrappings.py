"""Odd ways to wrap the cells of a CSV text, which are rewritten to quoted cells before the text is read.

A program writes ``="0123"`` to keep a spreadsheet from changing a text, a spreadsheet puts a whole line in quotes,
a database quotes with apostrophes, and its console draws lines between the rows.

A text inside a quoted cell may look like any of them. It is part of its cell: only what is a cell, a line or a table
of the file counts.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, cast

from tiktok_pipeline.delivery.tables import ByteSource, DeliveredTable, Record
from tiktok_pipeline.text_files import LONGEST_CELL_BYTES

_HEAD_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 20
_DELIMITERS = (b",", b";", b"\t", b"|")
_QUOTED = rb' *"[^"]*+(?:""[^"]*+)*+" *'
_FORMULA = re.compile(r'="([^"]*)"')
_WHOLE_LINE = re.compile(rb'^"((?:[^"\r\n]|"")*)"(?=\r?$)', re.MULTILINE)
_APOSTROPHES = re.compile(rb"'(?:[^'\r\n]|'')*'(?:[,;\t|]'(?:[^'\r\n]|'')*')+\r?")
_RULE = re.compile(rb"[ \t]*[+](?:[-=]+[+])+[ \t]*")
_RULES = re.compile(rb"^[ \t]*[+](?:[-=]+[+])+[ \t]*(?=\r?$)", re.MULTILINE)
_FIRST_LINES = 30
_SWAP_BYTES = bytes.maketrans(b"'\"", b"\"'")
_SWAP = str.maketrans("'\"", "\"'")


_Rewrite = Callable[[bytes, bool], tuple[bytes, bytes]]


@dataclass(frozen=True)
class Wrapping:
    """A way to wrap cells.

    Attributes
    ----------
    note : str
        One sentence for people.
    rewrite : callable
        Rewrites complete lines; takes whether they are the last ones, and also returns what must wait for the next
        ones.
    cell_text : callable
        Return what a cell holds that was read from the rewritten text.
    """

    note: str
    rewrite: _Rewrite
    cell_text: Callable[[str], str]

    def unwrapped(self, source: ByteSource) -> ByteSource:
        """Return the rewritten text."""
        return lambda: cast("IO[bytes]", io.BufferedReader(_Rewritten(source(), self.rewrite)))

    def read(self, table: DeliveredTable) -> DeliveredTable:
        """Return a table of the rewritten text as it was meant; the engine cannot read the delivered bytes."""

        def records() -> Iterator[Record]:
            for record in table.records():
                cells = (cell if cell is None else self.cell_text(cell) for cell in record.cells)
                yield replace(record, cells=tuple(cells))

        layout = replace(table.layout, notes=(*table.layout.notes, self.note))
        return replace(table, read=records, layout=layout, plain_format=None)


def find_wrapping(source: ByteSource) -> Wrapping | None:
    """Return how the first lines of a delimited text wrap their cells; None if there is nothing odd about it."""
    with source() as stream:
        head = stream.read(_HEAD_BYTES)
    lines = [line for line in head.split(b"\n") if line.strip()]
    lines = lines[:-1] if len(head) == _HEAD_BYTES else lines
    if b"\x00" in head or len(lines) < 2:
        return None
    if n_corners := _corners_of_drawn_table(lines):
        return _drawn(n_corners)
    if all(map(_APOSTROPHES.fullmatch, lines[:2])):
        return _APOSTROPHE
    if all(line.startswith(b'"') and _WHOLE_LINE.fullmatch(line.rstrip(b"\r")) for line in lines) and any(
        lines[0].count(delimiter) > 1 for delimiter in (b",", b";", b"\t", b"|")
    ):
        return _LINES
    delimiter = _delimiter_of_formulas(b"\n".join(lines)) if b'="' in head else None
    return _formulas(delimiter) if delimiter else None


def _corners_of_drawn_table(lines: Sequence[bytes]) -> int:
    """Return how many corners the rules of a drawn table have; 0 if the first lines are none.

    The names of the columns are between the first two rules, and nearly all lines below are rows between bars.
    """
    rules = [place for place, line in enumerate(lines) if _RULE.fullmatch(line.rstrip(b"\r"))]
    if len(rules) < 2 or rules[1] >= _FIRST_LINES:
        return 0
    above, names, below = lines[: rules[0]], lines[rules[0] + 1 : rules[1]], lines[rules[1] + 1 :]
    n_rows = sum(map(_is_drawn_row, below))
    is_drawn = (
        not any(map(_is_drawn_row, above))
        and bool(names)
        and all(map(_is_drawn_row, names))
        and 2 * n_rows >= len(below) - (len(rules) - 2)
    )
    return lines[rules[0]].count(b"+") if is_drawn else 0


def _is_drawn_row(line: bytes) -> bool:
    return line.lstrip().startswith(b"|")


def _delimiter_of_formulas(text: bytes) -> bytes | None:
    """Return the delimiter of a text some of whose cells are formulas of texts, in rows as wide as most."""
    found: list[tuple[float, bool, bytes]] = []
    for delimiter in _DELIMITERS:
        records = list(_widths(text, delimiter))
        widths = Counter(width for width, _ in records if width > 1)
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        found.append((count / max(len(records), 1), (width, True) in records, delimiter))
    _, has_formulas, delimiter = max(found, key=lambda entry: entry[0])
    return delimiter if has_formulas else None


def _widths(text: bytes, delimiter: bytes) -> Iterator[tuple[int, bool]]:
    """Yield how many cells each record has, and whether one of them is a formula of a text."""
    mark = re.escape(delimiter)
    end = rb"(?P<end>%b|\r\n|\r|\n|\Z)" % mark
    formula = rb'="[^"\r\n]*"|"=""[^"\r\n]*"""'
    cell = re.compile(rb"(?:(?P<formula>%b)|%b|[^%b\r\n]*+)%b" % (formula, _QUOTED, mark, end))
    width, has_formula = 0, False
    for match in cell.finditer(text):
        width += 1
        has_formula |= match["formula"] is not None
        if match["end"] != delimiter:
            if width > 1 or match[0].strip():
                yield width, has_formula
            width, has_formula = 0, False


def _without_equals_signs(delimiter: bytes) -> _Rewrite:
    """Return what removes the sign in front of each formula of a text, and of nothing inside a quoted cell."""
    mark = re.escape(delimiter)
    is_end = rb"(?=[%b\r\n]|\Z)" % mark
    is_open = rb'(?P<open> *"[^"]*+(?:""[^"]*+)*+)\Z'
    cell = re.compile(
        rb'(?:\A|[%b\r\n])(?:%b%b|(?P<sign>=)"[^"\r\n]*"%b|%b)' % (mark, _QUOTED, is_end, is_end, is_open)
    )

    def rewrite(lines: bytes, is_last: bool) -> tuple[bytes, bytes]:
        parts = []
        place, end = 0, len(lines)
        for match in cell.finditer(lines):
            if match["sign"]:
                parts.append(lines[place : match.start("sign")])
                place = match.end("sign")
            elif match["open"] and not is_last and len(match["open"]) <= LONGEST_CELL_BYTES:
                end = match.start("open")  # its closing quote is in the next lines
        return b"".join([*parts, lines[place:end]]), lines[end:]

    return rewrite


def _line_by_line(rewrite: Callable[[bytes], bytes]) -> _Rewrite:
    return lambda lines, _: (rewrite(lines), b"")


def _text_of_formula(cell: str) -> str:
    formula = _FORMULA.fullmatch(cell) if cell.startswith('="') else None
    return formula[1] if formula else cell


def _formulas(delimiter: bytes) -> Wrapping:
    note = 'Cells such as ="12" are read as 12.'
    return Wrapping(note, _without_equals_signs(delimiter), _text_of_formula)


def _drawn(n_corners: int) -> Wrapping:
    """Return the wrapping of a drawn table; a rule with other corners is the text of a cell."""

    def without_rules(lines: bytes) -> bytes:
        return _RULES.sub(lambda rule: b"" if rule[0].count(b"+") == n_corners else rule[0], lines)

    note = "The lines that are drawn between the rows are left out."
    return Wrapping(note, _line_by_line(without_rules), str.strip)


_LINES = Wrapping(
    "Every line is in quotes as a whole, and is read without them.",
    _line_by_line(lambda lines: _WHOLE_LINE.sub(lambda line: line[1].replace(b'""', b'"'), lines)),
    lambda cell: cell,
)
_APOSTROPHE = Wrapping(
    "Cells are quoted with apostrophes.",
    _line_by_line(lambda lines: lines.translate(_SWAP_BYTES)),
    lambda cell: cell.translate(_SWAP),
)


class _Rewritten(io.RawIOBase):
    """The bytes of a text, rewritten in blocks of complete lines."""

    def __init__(self, stream: IO[bytes], rewrite: _Rewrite) -> None:
        self._stream = stream
        self._rewrite = rewrite
        self._rest = b""
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready and self._fill():
            pass
        part = self._ready[: len(buffer)]
        self._ready = self._ready[len(part) :]
        buffer[: len(part)] = part
        return len(part)

    def _fill(self) -> bool:
        """Rewrite the complete lines of the next block; return whether there was one."""
        block = self._stream.read(_BLOCK_BYTES)
        data = self._rest + block
        cut = data.rfind(b"\n") + 1 if block else len(data)
        if not cut and len(data) > 16 * _BLOCK_BYTES:  # no line is so long
            cut = len(data)
        self._ready, unfinished = self._rewrite(data[:cut], not block)
        self._rest = unfinished + data[cut:]
        return bool(block)

    def close(self) -> None:
        self._stream.close()
        super().close()
