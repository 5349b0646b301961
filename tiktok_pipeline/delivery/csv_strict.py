"""Check over the bytes of a CSV file that every reader must split it in the same way, and count its records."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tiktok_pipeline.text_files import LONGEST_CELL_BYTES, NO_SUCH_TEXT

_BLOCK_BYTES = 1 << 18
_TAIL_BYTES = 1 << 16
_QUOTE, _LF, _CR = b'"\n\r'
_NO_SUCH_BYTES = NO_SUCH_TEXT.encode()

_NOWHERE = np.empty(0, np.int64)

_Bytes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class StrictScan:
    """What a pass over the bytes of a CSV file finds.

    Attributes
    ----------
    is_utf8 : bool
        Whether the bytes read are valid UTF-8.
    is_strict : bool
        Whether the file can be split in one way only. Each quote opens a cell after a delimiter or line end, closes
        a cell before one, or is doubled inside one. No physical line of a quoted cell may be a record of its own.
        There is one type of line end outside quotes. Every record has as many cells as the first one, and text.
    n_records : int
        The number of records with the header and without blank lines, up to the first violation.
    width : int
        How many cells the first record has.
    tail : bytes
        The last bytes, at most about 64 kB.
    """

    is_utf8: bool
    is_strict: bool
    n_records: int
    width: int
    tail: bytes


def scan_strict(
    stream: IO[bytes], delimiter: str, *, looks_like_row: Callable[[str], bool] = lambda _: True
) -> StrictScan:
    """Scan a CSV file block by block, up to its end or its first violation of strictness.

    Parameters
    ----------
    stream : binary file
        The unpacked bytes from their start, with or without a byte order mark.
    delimiter : str
        One ASCII character.
    looks_like_row : callable
        Whether a physical line of a quoted cell that has as many cells as a record may be one. By default all may.

    Returns
    -------
    StrictScan
        What the file is as far as it was read.
    """
    scanner = _Scanner(ord(delimiter), looks_like_row)
    head = stream.read(len(codecs.BOM_UTF8))
    data = b"" if head == codecs.BOM_UTF8 else head
    tail = b""
    is_last = False
    while scanner.is_sound and not is_last:
        block = stream.read(_BLOCK_BYTES)
        is_last = not block
        tail = (tail[-_TAIL_BYTES:] if len(block) < _TAIL_BYTES else b"") + block[-_TAIL_BYTES:]
        data = scanner.feed(data + block, is_last=is_last)
    return StrictScan(
        is_utf8=scanner.is_utf8,
        is_strict=scanner.is_sound and scanner.width > 0,
        n_records=scanner.n_records,
        width=scanner.width,
        tail=tail,
    )


def is_valid_utf8(data: bytes) -> bool:
    """Return whether the bytes are valid UTF-8; several times as fast as decoding them."""
    if data.isascii():
        return True
    offsets = np.array([0, len(data)], np.int64)
    array = pa.LargeStringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(data))
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


@dataclass
class _Scanner:
    """Check complete records; what the last one leaves is fed again with the next block."""

    delimiter: int
    looks_like_row: Callable[[str], bool]
    is_utf8: bool = True
    is_sound: bool = True
    n_records: int = 0
    width: int = 0
    _line_ends: set[str] = field(default_factory=set)

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """Check the complete records of ``data`` and return the bytes after them."""
        is_unended = is_last and not data.endswith((b"\n", b"\r"))
        block = np.frombuffer(data + b"\n" if is_unended else data, np.uint8)
        quotes = np.flatnonzero(block == _QUOTE) if b'"' in data else _NOWHERE
        lines = self._physical_ends(block, data)
        if not is_last and data.endswith(b"\r"):
            lines = lines[:-1]  # a line feed may follow
        inside = (np.searchsorted(quotes, lines) & 1).astype(bool) if len(quotes) else np.zeros(len(lines), bool)
        ends = lines[~inside]
        cut = int(ends[-1]) + 1 if len(ends) else 0
        if (is_last and cut < len(block)) or len(data) - cut > LONGEST_CELL_BYTES:
            self.is_sound = False
            return b""
        if cut:
            self._check_bytes(data[:cut])
            quotes = quotes[: int(np.searchsorted(quotes, cut))]
            is_delimiter = (block[:cut] == self.delimiter).view(np.uint8)
            if len(quotes):
                self._check_quotes(block, quotes)
            self._check_records(block, is_delimiter, ends, quotes)
            self._check_line_ends(block, ends[:-1] if is_unended else ends)
            if inside.any():
                self._check_lines_inside(block, is_delimiter, lines[lines < cut], inside[lines < cut], quotes)
                self._check_doubled_quotes(block, lines[inside], quotes)
        return data[cut:]

    def _physical_ends(self, block: _Bytes, data: bytes) -> _Places:
        """Return the last byte of each line end."""
        feeds = np.flatnonzero(block == _LF)
        if b"\r" not in data:
            return feeds
        returns = np.flatnonzero(block == _CR)
        lone = returns[block[np.minimum(returns + 1, len(block) - 1)] != _LF]
        return np.sort(np.concatenate([feeds, lone])) if len(lone) else feeds

    def _check_bytes(self, data: bytes) -> None:
        self.is_utf8 = is_valid_utf8(data)
        has_odd_bytes = b"\x00" in data or (b"\x1f" in data and _NO_SUCH_BYTES in data)
        self.is_sound &= self.is_utf8 and not has_odd_bytes

    def _check_quotes(self, block: _Bytes, quotes: _Places) -> None:
        """Check that a quote stands beside a delimiter, a line end or another quote."""
        opening, closing = quotes[::2], quotes[1::2]
        neighbors = np.concatenate([block[opening[opening > 0] - 1], block[closing + 1]])
        is_allowed = (neighbors == self.delimiter) | (neighbors == _QUOTE)
        is_allowed |= (neighbors == _LF) | (neighbors == _CR)
        self.is_sound &= bool(is_allowed.all())

    def _check_line_ends(self, block: _Bytes, ends: _Places) -> None:
        """Check that all records end in the same way."""
        is_pair = _is_pair(block, ends)
        is_return = block[ends] == _CR
        self._line_ends |= {"\r"} if is_return.any() else set()
        self._line_ends |= {"\r\n"} if is_pair.any() else set()
        self._line_ends |= {"\n"} if not (is_return | is_pair).all() else set()
        self.is_sound &= len(self._line_ends) < 2

    def _check_records(self, block: _Bytes, is_delimiter: _Bytes, ends: _Places, quotes: _Places) -> None:
        """Check widths and count records; widths are compared modulo 256, which is much faster."""
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends - starts - _is_pair(block, ends)
        widths = np.add.reduceat(is_delimiter, starts, dtype=np.uint8) + np.uint8(1)
        if len(quotes):
            quoted = np.add.reduceat(is_delimiter, quotes, dtype=np.uint8)[::2]
            record_of_quoted = np.searchsorted(ends, quotes[::2])
            widths -= np.bincount(record_of_quoted, quoted, len(ends)).astype(np.int64).astype(np.uint8)
        is_record = lengths > 0
        self.n_records += int(np.count_nonzero(is_record))
        if not self.width and is_record.any():
            first = int(is_record.argmax())
            inside = sum(
                int(is_delimiter[start:end].sum())
                for start, end in zip(quotes[::2], quotes[1::2], strict=True)
                if start < ends[first]
            )
            self.width = int(is_delimiter[starts[first] : ends[first]].sum()) - inside + 1
        has_text = self.width == 1 or bool((lengths[is_record] >= self.width).all())
        self.is_sound &= has_text and bool((widths[is_record] == self.width % 256).all())

    def _check_doubled_quotes(self, block: _Bytes, lines_inside: _Places, quotes: _Places) -> None:
        """Check that no cell of several lines has a doubled quote beside a delimiter.

        It may be a quote that opens or closes a cell, beside a stray one.
        """
        is_doubled = quotes[1:-1:2] + 1 == quotes[2::2]
        pairs = quotes[1:-1:2][is_doubled]
        pairs = pairs[(block[pairs - 1] == self.delimiter) | (block[pairs + 2] == self.delimiter)]
        if len(pairs):
            openings, closings = _cell_quotes(quotes)
            cells = np.searchsorted(openings, pairs) - 1
            starts, ends = (np.searchsorted(lines_inside, places[cells]) for places in (openings, closings))
            self.is_sound &= not (starts < ends).any()

    def _check_lines_inside(
        self, block: _Bytes, is_delimiter: _Bytes, lines: _Places, inside: _Flags, quotes: _Places
    ) -> None:
        """Check that no physical line may be a record because of delimiters in a cell of several lines.

        The lines on which a cell in the last column starts, and one in the first column ends, have so many anyway.
        """
        is_part = inside | np.concatenate([[False], inside[:-1]])
        starts, ends = np.concatenate([[0], lines[:-1] + 1])[is_part], lines[is_part]
        # An empty line starts where it ends: reduceat returns that one element, which is no delimiter.
        widths = np.add.reduceat(is_delimiter, np.column_stack([starts, ends]).ravel(), dtype=np.uint8)[::2]
        is_wide = widths + np.uint8(1) == self.width % 256
        if self.width < 2 or not is_wide.any():
            return
        starts, ends = starts[is_wide, None], ends[is_wide, None]
        delimiters = np.flatnonzero(is_delimiter)
        first = np.minimum(np.searchsorted(delimiters, starts), len(delimiters) - self.width + 1)
        places = delimiters[first + np.arange(self.width - 1)]
        openings, closings = _cell_quotes(quotes)
        opening = openings[np.maximum(np.searchsorted(openings, places) - 1, 0)]
        closing = closings[np.minimum(np.searchsorted(closings, places), len(closings) - 1)]
        is_inside = (np.searchsorted(quotes, places) & 1).astype(bool)
        is_doubtful = (is_inside & ((opening < starts) | (closing > ends))).any(axis=1)
        self.is_sound &= not any(
            self.looks_like_row(block[start:end].tobytes().decode(errors="replace").rstrip("\r"))
            for start, end in zip(starts[is_doubtful, 0], ends[is_doubtful, 0], strict=True)
        )


def _cell_quotes(quotes: _Places) -> tuple[_Places, _Places]:
    """Return the quotes that open a cell, and those that close one: all but the doubled ones."""
    is_doubled = quotes[1:-1:2] + 1 == quotes[2::2]
    openings, closings = quotes[::2], quotes[1::2]
    return openings[np.concatenate([[True], ~is_doubled])], closings[np.concatenate([~is_doubled, [True]])]


def _is_pair(block: _Bytes, ends: _Places) -> _Flags:
    """Return which line ends are a carriage return and a line feed; ``ends`` are their last bytes."""
    is_pair: _Flags = (block[np.maximum(ends - 1, 0)] == _CR) & (block[ends] == _LF) & (ends > 0)
    return is_pair
