"""Read the records of a delimited text that is not strict: a damaged record costs its own lines, never others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import eq

from tiktok_pipeline.delivery.csv_cells import (
    Quotes,
    RecordSplitter,
    State,
    ends_in_open_quote,
    may_enclose_delimiter,
    may_have_literal_quote,
    split_line,
    starts_in_open_quote,
)
from tiktok_pipeline.delivery.csv_layout import CsvLayout
from tiktok_pipeline.delivery.csv_lines import LONGEST_LINE, PhysicalLines, ends_otherwise, parts_of_lines
from tiktok_pipeline.delivery.csv_survey import ColumnPatterns, Survey, is_comment
from tiktok_pipeline.delivery.tables import ByteSource, Record
from tiktok_pipeline.delivery.text_encoding import BAD_BYTES, TextEncoding
from tiktok_pipeline.text_files import LONGEST_CELL_BYTES

REPEATED_HEADER = "the header, repeated among the rows"
_MOST_LINES_AHEAD = 200
_ROWS_AMONG_LINES = 0.9
_ODD_QUOTE = "has a quote that may be misplaced"
_TEXT_ABOVE = "may start with the end of a quoted text in the line above"


@dataclass(frozen=True)
class _Ahead:
    """The next line with a quote, and the line that ends a quoted cell open before it (0: the quote shows none)."""

    line: int
    end_of_cell: int


@dataclass(frozen=True)
class CsvText:
    """A delimited text, and all that is known of it before its records are read.

    A strict text has no quote that could mean two things, see `tiktok_pipeline.delivery.csv_strict`.
    """

    source: ByteSource
    encoding: TextEncoding
    layout: CsvLayout
    patterns: ColumnPatterns
    survey: Survey
    is_strict: bool = False

    def records(self) -> Iterator[Record]:
        """Yield the records; blank lines, comments and the footer are none."""
        return _Reader(self).records()


class _Reader:
    """One pass over the records."""

    def __init__(self, text: CsvText) -> None:
        self._text = text
        self._layout, self._survey, self._patterns = text.layout, text.survey, text.patterns
        self._encoding = text.encoding.name
        self._syntax = text.survey.syntax
        self._lines = PhysicalLines(text.source, text.encoding)
        self._row = 0
        self._width, self._n_names = self._layout.row_width, len(self._layout.names)
        self._no_cells: tuple[None, ...] = (None,) * self._n_names
        self._header = [cell.replace('"', "").strip() for cell in self._layout.header_cells]
        self._stray_lines: set[int] = set()
        # After a damaged record a line may be the inside of its quoted cell: it must look like a row.
        self._is_recovering = False
        # The end of a text in the first column looks like a row that starts with it.
        self._is_start_cut = False
        self._doubtful_until = 0
        self._is_last = False
        self._quote_ahead = _Ahead(0, 0)
        self._may_continue: set[int] = set()
        self._line_above = ""
        self._open_row = 0

    def records(self) -> Iterator[Record]:
        """Yield the records."""
        held: Record | None = None
        for record in self._read():
            if held is not None:
                yield self._cut(held, record) if self._is_cut(held, record) else held
            held = record
        if held is not None:
            yield held

    def _is_cut(self, record: Record, following: Record) -> bool:
        """Return whether the last cell of a good record may go on in the damaged line after it."""
        if following.problem is None or record.problem is not None or following.row not in self._may_continue:
            return False
        cells = [cell or "" for cell in record.cells]
        return self._patterns.ends_with_text or (len(cells) == self._width and not self._patterns.fits(cells))

    def _cut(self, record: Record, following: Record) -> Record:
        problem = f"line {record.line} may go on in line {following.line}, which is damaged"
        return Record(record.row, record.line, self._no_cells, problem)

    def _read(self) -> Iterator[Record]:
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
            if number <= self._doubtful_until:
                self._line_above = line
                yield from self._read_doubtful(number, body)
                continue
            self._is_last = line == body
            if (
                '"' not in body
                and is_direct
                and not self._is_last
                and not self._is_recovering
                and BAD_BYTES not in body
            ):
                cells = body.split(delimiter)
                is_odd = not cells[0] or cells[0][0] in " #\ufeff" or cells[0] == self._header[0]
                if len(cells) == width and not is_odd and len(body) < LONGEST_CELL_BYTES and "\x00" not in body:
                    self._row += 1
                    self._line_above = line
                    yield Record(self._row, number, tuple(cells))
                    continue
            yield from self._read_odd(number, line, body)

    def _read_odd(self, number: int, line: str, body: str) -> Iterator[Record]:
        """Read a record whose first line needs a closer look."""
        above, self._line_above = self._line_above, line
        if self._has_no_text(body):
            return
        if is_comment(body, self._layout):
            if ends_otherwise(line, above):
                yield self._damaged(number, "may be a comment, but the line above it ends otherwise", body)
            return
        if number in self._stray_lines:
            yield self._damaged(number, "has the second of two stray quotes", body, is_whole=True)
            return
        if len(line) >= LONGEST_LINE:
            yield self._damaged(number, f"has more than {LONGEST_LINE:,} characters", "")
            return
        cells = split_line(body, self._syntax)
        if cells is None:
            splitter = RecordSplitter(self._syntax)
            if splitter.feed(body) is State.OPEN:
                yield from self._read_open(number, line, body, splitter)
            else:
                yield self._damaged(number, "has a quote that is not doubled, or text beside a quoted cell", body)
            return
        yield self._judge(number, cells, body)

    def _has_no_text(self, body: str) -> bool:
        """Return whether a line is blank, or a row of blank cells only."""
        delimiter = self._syntax.delimiter
        if body.strip(f"{delimiter} \t\x0b\x0c\xa0\ufeff"):
            return False
        return delimiter not in body or body.count(delimiter) + 1 == self._width

    def _judge(self, number: int, cells: list[str], text: str) -> Record:
        """Return the record of cells that were split without doubt."""
        if self._is_header(cells):
            self._row += 1
            return Record(self._row, number, self._no_cells, REPEATED_HEADER)
        what = self._what_is_wrong(cells, text)
        if what is None and self._is_start_cut:
            what = "follows a damaged row and may be its end"
            self._is_recovering = self._is_start_cut = False
        if what is not None:
            is_whole = len(cells) == self._width and what != _ODD_QUOTE
            is_whole = is_whole and (not self._survey.has_quotes or self._patterns.fits(cells))
            record = self._damaged(number, what, text, is_whole=is_whole)
            self._may_continue |= {record.row} if what == _TEXT_ABOVE else set()
            return record
        self._is_recovering = False
        self._row += 1
        if '"' in text and ends_in_open_quote(cells, text, self._syntax.delimiter):
            self._open_row = self._row
        return Record(self._row, number, tuple(cells[: self._n_names]))

    def _is_header(self, cells: list[str]) -> bool:
        """Return whether the cells are those of the header, apart from quotes, blanks and byte order marks."""
        bare = (cell.replace('"', "").strip(" \ufeff") for cell in cells)
        return len(cells) == len(self._header) and all(map(eq, bare, self._header))

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
        elif self._is_recovering and self._survey.has_quotes and not self._is_surely_row(cells, text):
            what = "follows a damaged row and does not look like a row"
        elif self._is_last and not self._patterns.fits(cells):
            what = "has no line end and does not look like a row; the file may be cut off"
        elif self._has_odd_quote(cells, text):
            what = _ODD_QUOTE
        elif self._row == self._open_row and starts_in_open_quote(cells, text, self._syntax.delimiter):
            what = _TEXT_ABOVE
        elif any(cell.strip() for cell in cells[self._n_names :]):
            what = f"has a cell after the {self._n_names} named columns"
        return what

    def _has_odd_quote(self, cells: list[str], text: str) -> bool:
        """Return whether a quote inside an unquoted cell, or after a backslash, may be no part of the cell."""
        if '"' not in text or self._text.is_strict:
            return False
        has_backslash = '\\"' in text and self._syntax.quotes is Quotes.DOUBLED
        if has_backslash and (self._survey.has_odd_backslashes or not self._patterns.fits(cells)):
            return True
        if not may_have_literal_quote(text, self._syntax.delimiter):
            return False
        if not self._survey.quotes_cells:
            # A text may have a quote.
            return not self._patterns.fits_values(cells) or may_enclose_delimiter(cells)
        splitter = RecordSplitter(self._syntax)
        splitter.feed(text)
        return splitter.has_literal_quote and (self._survey.doubles_quotes or not self._patterns.fits(cells))

    def _is_surely_row(self, cells: list[str], text: str) -> bool:
        """Return whether a line that may be the inside of a quoted cell is a row all the same."""
        if not self._patterns.fits_closely(cells):
            return False
        if '"' not in text or not self._survey.quotes_cells:
            return True
        splitter = RecordSplitter(self._syntax)
        splitter.feed(text)
        return not splitter.has_literal_quote  # a writer that quotes cells would have quoted this one

    def _damaged(self, number: int, what: str, text: str, *, is_whole: bool = False) -> Record:
        """Return a damaged record; ``is_whole`` is whether its end is certain all the same."""
        self._row += 1
        if not is_whole:
            if self._may_go_on(text):
                self._may_continue.add(self._row)
            may_be_start = '"' in text or text.count(self._syntax.delimiter) + 1 < self._width
            self._is_start_cut = self._patterns.may_start_with_text and may_be_start
            self._is_recovering = self._survey.has_quotes or self._is_start_cut
            if self._survey.quotes_cells and self._doubtful_until <= number:
                self._look_ahead()
        return Record(self._row, number, self._no_cells, f"line {number} {what}")

    def _may_go_on(self, text: str) -> bool:
        """Return whether a damaged line may start with the end of a cell that was cut before it."""
        cells = text.split(self._syntax.delimiter)
        return cells[0].find('"') > 0 or (len(cells) < self._width and not self._patterns.fits_beginning(cells))

    def _read_doubtful(self, number: int, body: str) -> Iterator[Record]:
        """Read a line that may be a row, or the inside of a quoted cell."""
        if body.strip():
            yield self._damaged(number, "follows a damaged row and may belong to it", body)
        elif number == self._doubtful_until:
            self._look_ahead()

    def _look_ahead(self) -> None:
        """Find the lines after a damaged one that may be the inside of its quoted cell.

        They end at a quote that may close the cell. A quote that opens a cell shows that they are rows.
        """
        window: list[tuple[int, str]] = []
        following = next(self._lines, None)
        if following is not None and following[0] > self._quote_ahead.line:
            splitter = RecordSplitter(self._syntax, is_open=True)
            state = State.OPEN
            first_quote = 0
            while following is not None and state is State.OPEN and len(window) < _MOST_LINES_AHEAD:
                window.append(following)
                body = following[1].rstrip("\r\n")
                if '"' in body:
                    first_quote = first_quote or following[0]
                    state = splitter.feed(body)
                    splitter.feed("\n") if state is State.OPEN else None
                following = next(self._lines, None) if state is State.OPEN else None
            ends_record = state is State.COMPLETE and self._patterns.fits_end(splitter.cells[1:])
            last = window[-1][0]
            self._quote_ahead = _Ahead(first_quote or last, last if ends_record else 0)
        if following is not None:
            window.append(following)
        self._lines.give_back(window)
        self._doubtful_until = max(self._doubtful_until, self._quote_ahead.end_of_cell)

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
        bodies = [text.rstrip("\r\n") for _, text in window]
        if state is not State.COMPLETE:
            self._lines.give_back(window[1:])
            if state is State.BROKEN and self._is_inside(bodies, splitter.misplaced):
                self._doubtful_until = window[-1][0]
            yield self._damaged(number, "has a quote that is not closed, or a quote that is not doubled", body)
            return
        if self._text.is_strict or not self._may_be_rows(bodies, splitter.cells):
            self._line_above = window[-1][1]
            is_row = self._text.is_strict or self._patterns.fits(splitter.cells)
            if len(splitter.cells) == self._width and not is_row:
                yield self._damaged(number, "has a cell of several lines, and does not look like a row", body)
            else:
                yield self._judge(number, splitter.cells, "".join(bodies))
            return
        yield from self._read_ambiguous(window, bodies)

    def _is_inside(self, bodies: list[str], misplaced: int) -> bool:
        """Return whether a misplaced quote is probably inside the cell that the first line opens.

        A quote that opens a cell of its own shows that the first line is damaged and the lines between are rows.
        """
        before = bodies[-1][:misplaced].rstrip('" ')
        opens_cell = not before or before.endswith(self._syntax.delimiter)
        return self._survey.quotes_cells and not opens_cell and any(map(self._looks_like_row, bodies[1:-1]))

    def _may_be_rows(self, bodies: list[str], cells: list[str]) -> bool:
        """Return whether a line of a record that spans lines may be a record of its own.

        Only a line with delimiters in a cell of several lines is one, or may start one: the lines on which a cell in
        the last column starts, and one in the first column ends, have as many cells as a row anyway.
        """
        delimiter = self._syntax.delimiter
        parts = parts_of_lines(cells, len(bodies))
        return (
            any(delimiter in part and self._looks_like_row(body) for part, body in zip(parts, bodies, strict=True))
            or any(self._patterns.fits_typical_beginning(part.split(delimiter)) for part in parts[1:])
            or any(self._is_end_of_row(part, following) for part, following in pairwise(parts))
            or self._opens_another(bodies[-1])
        )

    def _is_end_of_row(self, part: str, following: str) -> bool:
        """Return whether a part of a cell ends like a row, and the next line starts like one."""
        delimiter = self._syntax.delimiter
        return self._patterns.fits_typical_end(part.split(delimiter)) and self._patterns.fits_start(
            following.split(delimiter, maxsplit=1)[0]
        )

    def _looks_like_row(self, body: str) -> bool:
        return self._patterns.fits_line(body, self._syntax)

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
            yield self._damaged(first, "has the first of two stray quotes", bodies[0], is_whole=True)
            return
        self._line_above = window[-1][1]
        for (number, _), body in zip(window, bodies, strict=True):
            if body.strip():
                what = f"is between two quotes in lines {first} and {last} that may be stray"
                record = self._damaged(number, what, body, is_whole=True)
                if number == first and self._may_go_on(body):
                    self._may_continue.add(record.row)
                yield record
