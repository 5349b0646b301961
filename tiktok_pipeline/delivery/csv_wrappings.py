"""Odd ways to wrap the cells of a CSV text, which are rewritten to quoted cells before the text is read.

A program writes ``="0123"`` to keep a spreadsheet from changing a text, a spreadsheet puts a whole line in quotes,
a database quotes with apostrophes, and its console draws lines between the rows.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO, cast

from tiktok_pipeline.delivery.tables import ByteSource, DeliveredTable, Record

_HEAD_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 20
_BARE_FORMULA = re.compile(rb'((?:^|[,;\t|\r\n]))="(?=[^"\r\n]*"(?:[,;\t|\r\n]|$))')
_QUOTED_FORMULA = re.compile(rb'(?:^|[,;\t|\r\n])"=""[^"\r\n]*"""(?:[,;\t|\r\n]|$)')
_FORMULA = re.compile(r'="([^"]*)"')
_WHOLE_LINE = re.compile(rb'^"((?:[^"\r\n]|"")*)"(?=\r?$)', re.MULTILINE)
_APOSTROPHES = re.compile(rb"'(?:[^'\r\n]|'')*'(?:[,;\t|]'(?:[^'\r\n]|'')*')+\r?")
_RULE = re.compile(rb"[ \t]*[+](?:[-=]+[+])+[ \t]*")
_RULES = re.compile(rb"^[ \t]*[+](?:[-=]+[+])+[ \t]*(?=\r?$)", re.MULTILINE)
_FIRST_LINES = 30
_SWAP_BYTES = bytes.maketrans(b"'\"", b"\"'")
_SWAP = str.maketrans("'\"", "\"'")


@dataclass(frozen=True)
class Wrapping:
    """A way to wrap cells.

    Attributes
    ----------
    note : str
        One sentence for people.
    rewrite : callable
        Rewrites complete lines.
    cell_text : callable
        Return what a cell holds that was read from the rewritten text.
    """

    note: str
    rewrite: Callable[[bytes], bytes]
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
    if sum(_RULE.fullmatch(line.rstrip(b"\r")) is not None for line in lines[:_FIRST_LINES]) > 1:
        return _BOX
    if all(map(_APOSTROPHES.fullmatch, lines[:2])):
        return _APOSTROPHE
    if all(line.startswith(b'"') and _WHOLE_LINE.fullmatch(line.rstrip(b"\r")) for line in lines) and any(
        lines[0].count(delimiter) > 1 for delimiter in (b",", b";", b"\t", b"|")
    ):
        return _LINES
    if b'="' in head and (_BARE_FORMULA.search(head) or _QUOTED_FORMULA.search(head)):
        return _FORMULAS
    return None


def _text_of_formula(cell: str) -> str:
    formula = _FORMULA.fullmatch(cell) if cell.startswith('="') else None
    return formula[1] if formula else cell


_FORMULAS = Wrapping(
    'Cells such as ="12" are read as 12.', lambda lines: _BARE_FORMULA.sub(rb'\1"', lines), _text_of_formula
)
_LINES = Wrapping(
    "Every line is in quotes as a whole, and is read without them.",
    lambda lines: _WHOLE_LINE.sub(lambda line: line[1].replace(b'""', b'"'), lines),
    lambda cell: cell,
)
_BOX = Wrapping(
    "The lines that are drawn between the rows are left out.", lambda lines: _RULES.sub(b"", lines), str.strip
)
_APOSTROPHE = Wrapping(
    "Cells are quoted with apostrophes.",
    lambda lines: lines.translate(_SWAP_BYTES),
    lambda cell: cell.translate(_SWAP),
)


class _Rewritten(io.RawIOBase):
    """The bytes of a text, rewritten in blocks of complete lines."""

    def __init__(self, stream: IO[bytes], rewrite: Callable[[bytes], bytes]) -> None:
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
        self._ready, self._rest = self._rewrite(data[:cut]), data[cut:]
        return bool(block)

    def close(self) -> None:
        self._stream.close()
        super().close()
