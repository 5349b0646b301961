"""Find how a delimited text is laid out: its delimiter, its header, and how many cells a row has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tiktok_pipeline.delivery.csv_cells import CellSyntax, RecordSplitter, State, split_line
from tiktok_pipeline.delivery.tables import KnowsName, unique_names
from tiktok_pipeline.text_files import column_name
from tiktok_pipeline.warehouse.base import UnreadableFileError

DELIMITERS = (",", ";", "\t", "|")
"""Delimiters that are tried. If two of them fit equally well, the first one wins."""

COMMENT = "#"

_SEPARATOR_LINE = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)
_VALUE = re.compile(
    r"[^\w]*\d[\d.,:/TZ\s'\u2019_eE+-]*(?:[KkMmBb%]|Mio\.?|万)?[^\w]*|\w+://.*|\S+@\S+\.\S+|true|false", re.IGNORECASE
)
"""A number, a date, a link, an address or a truth value: no name of a column."""

_MOST_LINES_ABOVE = 60
_LONGEST_NAME = 300
_MOST_LINES_OF_A_RECORD = 50
_FEWEST_ROWS_TO_REFUSE = 3
_ALMOST_ALL = 0.9


@dataclass(frozen=True, kw_only=True)
class CsvLayout:
    """How a delimited text is laid out.

    Attributes
    ----------
    syntax : CellSyntax
        How a record is split into cells.
    names : tuple of str
        Unique column names.
    header_cells : tuple of str
        The cells of the header as delivered.
    header_line : int
        The physical line on which the header starts, from 1.
    first_row_line : int
        The physical line after the header.
    row_width : int
        How many cells a row has; cells beyond the named columns are empty.
    has_comments : bool
        Whether a line above the header starts with "#".
    notes : tuple of str
        Peculiarities, one sentence each.
    """

    syntax: CellSyntax
    names: tuple[str, ...]
    header_cells: tuple[str, ...]
    header_line: int
    first_row_line: int
    row_width: int
    has_comments: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SampleRow:
    """A row of the sample: the place of its first line (from 0), its lines, and its cells if they can be read."""

    start: int
    n_lines: int
    cells: tuple[str, ...] | None


@dataclass(frozen=True)
class _Header:
    """A line that may be the header."""

    delimiter: str
    row: SampleRow
    cells: tuple[str, ...]
    row_width: int
    agreement: float
    n_known: int
    is_comment: bool

    @property
    def rank(self) -> tuple[int, bool, float, int]:
        return (
            self.n_known if self.n_known > 1 else 0,
            not self.is_comment,
            round(self.agreement, 1),
            len(self.cells),
        )


def find_layout(lines: Sequence[str], *, name: str, knows: KnowsName | None = None) -> CsvLayout:
    """Return the layout of a text.

    The header is the first line with the names of columns: as many cells as the rows below have, none of them a
    number, a date or a link. A line with names that a dialect knows is preferred.

    Parameters
    ----------
    lines : sequence of str
        The first physical lines, without their line ends.
    name : str
        The file for messages.
    knows : callable, optional
        Whether a text is a column name that some dialect knows.

    Returns
    -------
    CsvLayout
        With notes on the lines above the header and on delimiters at the end of rows.

    Raises
    ------
    UnreadableFileError
        If the text is empty, or its first full line holds values where names are expected.
    """
    if not any(line.strip() for line in lines):
        raise UnreadableFileError(f"{name}: the file is empty; expected a header and rows")
    separator = _SEPARATOR_LINE.fullmatch(lines[0])
    above = 1 if separator else 0
    delimiters = (separator[1],) if separator else DELIMITERS
    rows = {delimiter: sample_rows(lines[above:], CellSyntax(delimiter), above) for delimiter in delimiters}
    candidates = [header for delimiter in delimiters for header in _headers(rows[delimiter], delimiter, knows)]
    if candidates:
        header = max(candidates, key=lambda candidate: (candidate.rank, -candidate.row.start))
    else:
        header = _first_line(rows, name)
    return _layout(header, rows[header.delimiter], lines, name=name, has_separator_line=bool(separator))


def sample_rows(lines: Sequence[str], syntax: CellSyntax, offset: int = 0) -> list[SampleRow]:
    """Split lines into rows, blank ones left out; quoted cells may span lines."""
    rows = []
    place = 0
    while place < len(lines):
        row = _row_at(lines, place, syntax)
        if lines[place].strip():
            rows.append(SampleRow(place + offset, row.n_lines, row.cells))
        place += row.n_lines
    return rows


def _row_at(lines: Sequence[str], place: int, syntax: CellSyntax) -> SampleRow:
    cells = split_line(lines[place], syntax)
    if cells is not None:
        return SampleRow(place, 1, tuple(cells))
    splitter = RecordSplitter(syntax)
    for end in range(place, min(place + _MOST_LINES_OF_A_RECORD, len(lines))):
        state = splitter.feed(lines[end])
        if state is State.COMPLETE:
            return SampleRow(place, end - place + 1, tuple(splitter.cells))
        if state is State.BROKEN:
            break
        splitter.feed("\n")
    return SampleRow(place, 1, None)


def is_value(cell: str) -> bool:
    """Return whether a cell is a number, a date, a link, an address or a truth value."""
    return len(cell) <= _LONGEST_NAME and _VALUE.fullmatch(cell.strip()) is not None


def _headers(rows: Sequence[SampleRow], delimiter: str, knows: KnowsName | None) -> list[_Header]:
    """Return the rows that may be the header, judged with one delimiter."""
    widths = [len(row.cells) if row.cells is not None and not _is_comment(row) else 0 for row in rows]
    counts = Counter(width for width in widths if width > 1)
    mode = max(counts, key=lambda width: counts[width], default=0)
    headers = []
    has_data_above = False
    for place, row in enumerate(rows[:_MOST_LINES_ABOVE]):
        if row.cells is None or len(row.cells) < 2:
            continue
        counts[widths[place]] -= 1
        is_comment = _is_comment(row)
        cells = (row.cells[0].lstrip(f"{COMMENT} "), *row.cells[1:]) if is_comment else row.cells
        n_known = sum(knows(column_name(cell)) for cell in cells) if knows else 0
        width, n_agreeing = _row_width(cells, counts)
        fits = n_agreeing > 0 or len(rows) - place < 3
        if n_known > 1 or (fits and not has_data_above and _are_names(cells)):
            agreement = n_agreeing / max(len(rows) - 1, 1)
            headers.append(_Header(delimiter, row, tuple(cells), width, agreement, n_known, is_comment))
        has_data_above |= len(cells) == mode
    return headers


def _row_width(cells: Sequence[str], counts: Counter[int]) -> tuple[int, int]:
    """Return how many cells the rows below a header have, and how many of them have so many.

    Rows may have a cell more than the header, for their number or a delimiter at their end; delimiters at the end of
    the header may be missing in them.
    """
    n_named = len(_named(cells))
    width = max((n_named, len(cells), n_named + 1), key=lambda width: counts[width])
    return (width, counts[width]) if counts[width] > 0 else (n_named, 0)


def _are_names(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell.strip()]
    return (
        2 * len(filled) >= len(cells)
        and len({*filled}) * 2 > len(filled)
        and not any(len(cell) > _LONGEST_NAME or is_value(cell) for cell in filled)
    )


def _is_comment(row: SampleRow) -> bool:
    first = row.cells[0].strip() if row.cells else ""
    return first.startswith(COMMENT) and first != COMMENT


def _named(cells: Sequence[str]) -> Sequence[str]:
    """Return the cells without the empty ones at the end."""
    end = len(cells)
    while end and not column_name(cells[end - 1]):
        end -= 1
    return cells[:end]


def _first_line(rows: dict[str, list[SampleRow]], name: str) -> _Header:
    """Return the first line as the header where no line looks like one; raise if it holds values."""

    def cells_of(row: SampleRow) -> tuple[str, ...]:
        return row.cells or ()

    delimiter = max(rows, key=lambda candidate: max(len(cells_of(row)) for row in rows[candidate][:3]))
    row = max(rows[delimiter][:3], key=lambda row: len(cells_of(row)))
    if row.cells is None:
        raise UnreadableFileError(f"{name}: a quote in line {row.start + 1} is not closed; repair that line")
    n_values = sum(map(is_value, row.cells))
    if n_values and (len(row.cells) > 1 or len(rows[delimiter]) > 1):
        raise UnreadableFileError(
            f"{name}: {n_values} of the {len(row.cells)} cells in line {row.start + 1} are values, such as numbers; "
            "expected the names of the columns",
            remedy="put a line with the names above it",
        )
    if not any(column_name(cell) for cell in row.cells):
        raise UnreadableFileError(f"{name}: the first line is not a header; expected the names of the columns")
    return _Header(delimiter, row, row.cells, len(row.cells), 1.0, 0, is_comment=False)


def _check_widths(name: str, header: _Header, width: int, below: Sequence[Sequence[str]]) -> None:
    """Refuse a text whose rows all have another number of cells than its header: no cell has a certain column.

    A line with a quote inside a cell may be the end of a quoted cell, and no row.
    """
    has_row = any(len(cells) == width for cells in below)
    below = [cells for cells in below if not any('"' in cell for cell in cells)]
    widths = Counter(map(len, below))
    if len(below) < _FEWEST_ROWS_TO_REFUSE or has_row or 1 in widths:
        return
    most, n_rows = widths.most_common(1)[0]
    if n_rows > _ALMOST_ALL * len(below):
        raise UnreadableFileError(
            f"{name}: the header in line {header.row.start + 1} names {width} columns, the rows have {most} cells",
            remedy=f"give the header as many names as the rows have cells ({most})",
        )


def _layout(
    header: _Header, rows: Sequence[SampleRow], lines: Sequence[str], *, name: str, has_separator_line: bool
) -> CsvLayout:
    below = [row.cells for row in rows if row.start > header.row.start and row.cells is not None]
    full = [cells for cells in below if len(cells) == header.row_width]
    named = [column_name(cell) for cell in _named(header.cells)]
    notes = []
    width = header.row_width
    if width > len(named):
        if not any(cell.strip() for cells in full for cell in cells[len(named) :]):
            notes.append("Each row ends with a delimiter.")
        elif width <= len(header.cells):
            named = [column_name(cell) for cell in header.cells[:width]]
        elif width == len(named) + 1 and _are_row_numbers([cells[0] for cells in full]):
            named = ["", *named]
            notes.append("The header has no name for the first column, the number of the row.")
        else:
            width = len(named)
    else:
        width = len(named)
    _check_widths(name, header, width, below)
    above = [line for line in lines[has_separator_line : header.row.start] if line.strip()]
    if above:
        plural = "lines above the header are" if len(above) > 1 else "line above the header is"
        notes.append(f"{len(above)} {plural} skipped.")
    if has_separator_line:
        notes.append("The first line names the delimiter.")
    return CsvLayout(
        syntax=CellSyntax(header.delimiter),
        names=unique_names(named),
        header_cells=header.row.cells or (),
        header_line=header.row.start + 1,
        first_row_line=header.row.start + header.row.n_lines + 1,
        row_width=width,
        has_comments=header.is_comment or any(line.lstrip().startswith(COMMENT) for line in above),
        notes=tuple(notes),
    )


def _are_row_numbers(cells: Sequence[str]) -> bool:
    numbers = [int(cell) for cell in cells if cell.isascii() and cell.isdecimal() and len(cell) < 19]
    steps = [second - first for first, second in pairwise(numbers)]
    return len(numbers) == len(cells) > 0 and all(step == 1 for step in steps)
