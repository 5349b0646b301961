"""Split the lines of a CSV text into cells, strictly: a quote that could mean two things ends the record."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache

_END = -1
_STOP = -2
_LONGEST_FAST = 100_000
"""The csv module refuses cells of more than 128 kB."""


class Quotes(Enum):
    """How a file writes its quoted cells."""

    DOUBLED = "a quote inside a quoted cell is doubled"
    BACKSLASH = "a quote inside a quoted cell follows a backslash"


class State(Enum):
    """What a line leaves of a record."""

    COMPLETE = "the record is complete"
    OPEN = "a quoted cell goes on in the next line"
    BROKEN = "a quote is misplaced"


@dataclass(frozen=True)
class CellSyntax:
    """How a file splits a record into cells.

    Attributes
    ----------
    delimiter : str
        The character between two cells.
    quotes : Quotes
        How a quote inside a quoted cell is written.
    skips_blanks : bool
        Whether blanks before an opening quote and after a closing one are no part of the cell.
    """

    delimiter: str
    quotes: Quotes = Quotes.DOUBLED
    skips_blanks: bool = False


class RecordSplitter:
    r"""Split one record, line by line.

    A quote opens a cell only at its start, and closes it only before a delimiter or the end of the line. A quote
    inside an unquoted cell is text. A blank before a quote at the start of a cell is misplaced, unless the syntax
    skips blanks.

    Parameters
    ----------
    syntax : CellSyntax
        How the file splits a record.
    is_open : bool
        Whether the first line starts inside a quoted cell.

    Attributes
    ----------
    cells : list of str
        The cells read so far.
    misplaced : int
        The place of the misplaced quote in its line, if the state is `State.BROKEN`.
    has_literal_quote : bool
        Whether a quote is part of an unquoted cell.

    Examples
    --------
    >>> splitter = RecordSplitter(CellSyntax(","))
    >>> splitter.feed('5" tall,"two\n'), splitter.feed('lines"')
    (<State.OPEN: 'a quoted cell goes on in the next line'>, <State.COMPLETE: 'the record is complete'>)
    >>> splitter.cells
    ['5" tall', 'two\nlines']
    """

    def __init__(self, syntax: CellSyntax, *, is_open: bool = False) -> None:
        self.cells: list[str] = []
        self.misplaced = 0
        self.has_literal_quote = False
        self._syntax = syntax
        self._is_open = is_open
        self._parts: list[str] = []

    def feed(self, line: str) -> State:
        """Read a line; with its line end if it is not the last one of the record."""
        position = self._close(line, 0) if self._is_open else self._start_cell(line, 0)
        while position > 0:
            position = self._start_cell(line, position)
        if position == _END:
            return State.COMPLETE
        return State.OPEN if self._is_open else State.BROKEN

    def _start_cell(self, line: str, start: int) -> int:
        """Read the cell at ``start``; return the start of the next one, `_END`, or `_STOP`."""
        content = start
        while line.startswith(" ", content):
            content += 1
        if line.startswith('"', content):
            if content > start and not self._syntax.skips_blanks:
                self.misplaced = content
                return _STOP
            self._is_open = True
            return self._close(line, content + 1)
        end = line.find(self._syntax.delimiter, start)
        cell = line[start:] if end < 0 else line[start:end]
        self.cells.append(cell)
        self.has_literal_quote |= '"' in cell
        return _END if end < 0 else end + 1

    def _close(self, line: str, start: int) -> int:
        """Read a quoted cell from ``start`` on; return the start of the next cell, `_END`, or `_STOP`."""
        position = start
        while True:
            quote = line.find('"', position)
            if self._syntax.quotes is Quotes.BACKSLASH:
                backslash = line.find("\\", position, quote if quote >= 0 else len(line))
                if backslash >= 0:
                    position = self._escaped(line, position, backslash)
                    continue
            if quote < 0:
                self._parts.append(line[position:])
                return _STOP
            self._parts.append(line[position:quote])
            if not line.startswith('"', quote + 1):
                break
            self._parts.append('"')
            position = quote + 2
        self._is_open = False
        self.cells.append("".join(self._parts))
        self._parts.clear()
        end = quote + 1
        while self._syntax.skips_blanks and line.startswith(" ", end):
            end += 1
        if end == len(line):
            return _END
        self.misplaced = quote
        return end + 1 if line.startswith(self._syntax.delimiter, end) else _STOP

    def _escaped(self, line: str, position: int, backslash: int) -> int:
        """Read up to a backslash and what it escapes: a quote or another backslash."""
        self._parts.append(line[position:backslash])
        following = line[backslash + 1 : backslash + 2]
        if following and following in '"\\':
            self._parts.append(following)
            return backslash + 2
        self._parts.append("\\")
        return backslash + 1


def has_blank_beside_quote(line: str, delimiter: str) -> bool:
    """Return whether a blank is between a delimiter, or an end of the line, and a quote."""
    return _blank_beside_quote(delimiter).search(line) is not None


@cache
def _blank_beside_quote(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(f'(?:^|{mark}) +"|" +(?:{mark}|$)')


def may_have_literal_quote(text: str, delimiter: str) -> bool:
    """Return whether a quote may be part of an unquoted cell; False is certain.

    Without the doubled ones, as many quotes open a cell as close one, and no quote is anywhere else. No two quotes
    stand in a cell that starts without one.
    """
    if '""' in text and _pair_in_unquoted_cell(delimiter).search(text):
        return True
    quotes = text.replace('""', "")
    n_opening = quotes.count(f'{delimiter}"') + quotes.startswith('"')
    n_closing = quotes.count(f'"{delimiter}') + quotes.endswith('"')
    return not n_opening == n_closing == quotes.count('"') / 2


def ends_in_open_quote(cells: Sequence[str], text: str, delimiter: str) -> bool:
    """Return whether the last cell of a record is not quoted, and a quote in it is not followed by another one."""
    last = text[text.rfind(delimiter) + 1 :]
    return last.count('"') % 2 == 1 and last == cells[-1]


def starts_in_open_quote(cells: Sequence[str], text: str, delimiter: str) -> bool:
    """Return whether the first cell of a record is not quoted, and ends with a quote that no other one precedes."""
    first = text.split(delimiter, 1)[0]
    return first.count('"') % 2 == 1 and first == cells[0] and first.rstrip().endswith('"')


def may_enclose_delimiter(cells: Sequence[str]) -> bool:
    """Return whether a quote inside a cell may open a text that the quote at the end of a later cell closes."""
    odd = [cell for cell in cells if cell.count('"') % 2]
    return len(odd) > 1 and odd[-1].rstrip().endswith('"')


@cache
def _pair_in_unquoted_cell(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(f'(?:^|{mark})[^"{mark}][^"{mark}]*""')


def split_line(line: str, syntax: CellSyntax) -> list[str] | None:
    r"""Return the cells of a record on one line without its line end; None if its quotes are open or misplaced.

    Examples
    --------
    >>> split_line('1,"two, ""2"" ",3', CellSyntax(","))
    ['1', 'two, "2" ', '3']
    >>> split_line('1,"two"!,3', CellSyntax(",")) is None
    True
    """
    if '"' not in line:
        return line.split(syntax.delimiter)
    is_fast = len(line) < _LONGEST_FAST and syntax.quotes is Quotes.DOUBLED
    if is_fast and not (' "' in line and has_blank_beside_quote(line, syntax.delimiter)):
        try:
            return next(csv.reader((line,), delimiter=syntax.delimiter, strict=True))
        except csv.Error:
            return None
    splitter = RecordSplitter(syntax)
    return splitter.cells if splitter.feed(line) is State.COMPLETE else None
