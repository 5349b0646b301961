"""Read the records of a delimited text that is not strict: a damaged record costs its own lines, never others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from tiktok_pipeline.delivery.csv_cells import RecordSplitter, State, split_line
from tiktok_pipeline.delivery.csv_layout import CsvLayout
from tiktok_pipeline.delivery.csv_survey import ColumnPatterns, Survey, is_comment
from tiktok_pipeline.delivery.tables import ByteSource, Record
from tiktok_pipeline.delivery.text_encoding import BAD_BYTES, TextEncoding, open_decoded
from tiktok_pipeline.text_files import LONGEST_CELL_BYTES

REPEATED_HEADER = "the header, repeated among the rows"
_LONGEST_LINE = 16 * LONGEST_CELL_BYTES
_ROWS_AMONG_LINES = 0.9


class PhysicalLines:
    """The lines of a text with their numbers; a line ends with a line feed, a carriage return, or both.

    Lines that were read ahead can be given back. Of a line of more than 16 million characters only the start is kept.
    """

    def __init__(self, source: ByteSource, encoding: TextEncoding) -> None:
        self._text = open_decoded(source, encoding)
        self._given_back: deque[tuple[int, str]] = deque()
        self._number = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        if self._given_back:
            return self._given_back.popleft()
        line = "" if self._text.closed else self._text.readline(_LONGEST_LINE)
        if not line:
            self._text.close()
            raise StopIteration
        if len(line) == _LONGEST_LINE and not line.endswith(("\n", "\r")):
            self._skip_rest()
        self._number += 1
        return self._number, line

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        """Return lines that were read ahead, in their order."""
        self._given_back.extendleft(reversed(lines))

    def _skip_rest(self) -> None:
        while (part := self._text.readline(_LONGEST_LINE)) and not part.endswith(("\n", "\r")):
            pass


@dataclass(frozen=True)
class CsvText:
    """A delimited text, and all that is known of it before its records are read."""

    source: ByteSource
    encoding: TextEncoding
    layout: CsvLayout
    patterns: ColumnPatterns
    survey: Survey

    def records(self) -> Iterator[Record]:
        """Yield the records; blank lines, comments and the footer are none."""
        return _Reader(self).records()


class _Reader:
    """One pass over the records."""

    def __init__(self, text: CsvText) -> None:
        self._layout, self._survey, self._patterns = text.layout, text.survey, text.patterns
        self._encoding = text.encoding.name
        self._syntax = text.survey.syntax
        self._lines = PhysicalLines(text.source, text.encoding)
        self._row = 0
        self._width, self._n_names = self._layout.row_width, len(self._layout.names)
        self._no_cells: tuple[None, ...] = (None,) * self._n_names
        self._header = [cell.strip() for cell in self._layout.header_cells]
        self._stray_lines: set[int] = set()
        # After a damaged record a line may be the inside of its quoted cell: it must look like a row.
        self._is_recovering = False

    def records(self) -> Iterator[Record]:
        delimiter, width = self._syntax.delimiter, self._width
        footer = self._survey.footer_line or 0
        first_row_line = self._layout.first_row_line
        is_direct = width == self._n_names
        for number, line in self._lines:
            if number < first_row_line:
                continue
            if footer and number >= footer:
                break
            body = line.rstrip("\r\n")
            if '"' not in body and is_direct and not self._is_recovering and BAD_BYTES not in body:
                cells = body.split(delimiter)
                is_odd = not cells[0] or cells[0][0] in " #\ufeff" or cells[0] == self._header[0]
                if len(cells) == width and not is_odd and len(body) < LONGEST_CELL_BYTES and "\x00" not in body:
                    self._row += 1
                    yield Record(self._row, number, tuple(cells))
                    continue
            yield from self._read_odd(number, line, body)

    def _read_odd(self, number: int, line: str, body: str) -> Iterator[Record]:
        """Read a record whose first line needs a closer look."""
        text = body.strip(f"{self._syntax.delimiter} \t\x0b\x0c\xa0\ufeff" if self._width > 1 else None)
        if not text or is_comment(body, self._layout):
            return
        if number in self._stray_lines:
            yield self._damaged(number, "has the second of two stray quotes")
            return
        if len(line) >= _LONGEST_LINE:
            yield self._damaged(number, f"has more than {_LONGEST_LINE:,} characters")
            return
        cells = split_line(body, self._syntax)
        if cells is None:
            splitter = RecordSplitter(self._syntax)
            if splitter.feed(body) is State.OPEN:
                yield from self._read_open(number, line, body, splitter)
            else:
                yield self._damaged(
                    number, "has a quote inside a cell that is not doubled, or text beside a quoted cell"
                )
            return
        yield self._judge(number, cells, body)

    def _judge(self, number: int, cells: list[str], text: str) -> Record:
        """Return the record of cells that were split without doubt."""
        if [cell.strip(" \ufeff") for cell in cells] == self._header:
            self._row += 1
            return Record(self._row, number, self._no_cells, REPEATED_HEADER)
        is_whole = len(cells) == self._width
        if (what := self._what_is_wrong(cells, text)) is not None:
            return self._damaged(number, what, is_whole=is_whole and not self._is_recovering)
        self._is_recovering = False
        self._row += 1
        return Record(self._row, number, tuple(cells[: self._n_names]))

    def _what_is_wrong(self, cells: list[str], text: str) -> str | None:
        what = None
        if BAD_BYTES in text:
            what = f"has bytes that are not valid {self._encoding}"
        elif "\x00" in text:
            what = "has a zero byte"
        elif len(cells) != self._width:
            what = f"has {len(cells)} cells; expected {self._width}"
        elif any(len(cell) > LONGEST_CELL_BYTES for cell in cells):
            what = f"has a cell of more than {LONGEST_CELL_BYTES:,} characters"
        elif self._is_recovering and not self._patterns.fits(cells):
            what = "follows a damaged row and does not look like a row"
        elif any(cell.strip() for cell in cells[self._n_names :]):
            what = f"has a cell after the {self._n_names} named columns"
        return what

    def _damaged(self, number: int, what: str, *, is_whole: bool = False) -> Record:
        """Return a damaged record; ``is_whole`` is whether its end is certain all the same."""
        self._row += 1
        self._is_recovering |= not is_whole and self._survey.has_quotes
        return Record(self._row, number, self._no_cells, f"line {number} {what}")

    # A quoted cell that goes on in the next lines.

    def _read_open(self, number: int, line: str, body: str, splitter: RecordSplitter) -> Iterator[Record]:
        """Read a record whose last quote on its first line is open."""
        window = [(number, line)]
        state, size = State.OPEN, len(line)
        end = line[len(body) :]
        while state is State.OPEN and size <= LONGEST_CELL_BYTES:
            splitter.feed(end)
            following = next(self._lines, None)
            if following is None:
                break
            window.append(following)
            text = following[1].rstrip("\r\n")
            end = following[1][len(text) :]
            size += len(following[1])
            state = splitter.feed(text)
        if state is not State.COMPLETE:
            self._lines.give_back(window[1:])
            yield self._damaged(number, "has a quote that is not closed, or a quote that is not doubled")
            return
        bodies = [text.rstrip("\r\n") for _, text in window]
        if not self._may_be_rows(bodies):
            if len(splitter.cells) == self._width and not self._patterns.fits(splitter.cells):
                yield self._damaged(number, "has a cell of several lines, and its cells do not look like a row")
            else:
                yield self._judge(number, splitter.cells, "".join(bodies))
            return
        yield from self._read_ambiguous(window, bodies)

    def _may_be_rows(self, bodies: list[str]) -> bool:
        """Return whether a line of a record that spans lines may be a record of its own."""
        return any(map(self._looks_like_row, bodies)) or self._opens_another(bodies[-1])

    def _looks_like_row(self, body: str) -> bool:
        cells = split_line(body, self._syntax)
        if cells is not None and self._patterns.fits(cells):
            return True
        return '"' in body and self._patterns.fits(body.split(self._syntax.delimiter))

    def _opens_another(self, body: str) -> bool:
        """Return whether the first quote of a line, which closes a cell, may as well open one."""
        before = body[: body.find('"')]
        return before.endswith(self._syntax.delimiter) and self._patterns.fits_start(
            before.split(self._syntax.delimiter)[0]
        )

    def _read_ambiguous(self, window: list[tuple[int, str]], bodies: list[str]) -> Iterator[Record]:
        """Read lines that are one record with a quoted cell of several lines, or rows with two stray quotes."""
        first, last = window[0][0], window[-1][0]
        inner = [body for body in bodies[1:-1] if body.strip()]
        n_rows = sum(map(self._looks_like_row, inner))
        are_rows = (
            not self._survey.quotes_cells
            and self._looks_like_row(bodies[0])
            and self._looks_like_row(bodies[-1])
            and n_rows >= _ROWS_AMONG_LINES * len(inner)
        )
        if are_rows:
            self._stray_lines.add(last)
            self._lines.give_back(window[1:])
            yield self._damaged(first, "has the first of two stray quotes")
            return
        for (number, _), body in zip(window, bodies, strict=True):
            if body.strip():
                yield self._damaged(number, f"is between two quotes in lines {first} and {last} that may be stray")
