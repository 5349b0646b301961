"""Read delivered workbooks: each sheet that holds a table, its cells as texts of their types.

Values only: formulas and links to other files are never followed. A worker process reads the workbook once, see
`tiktok_pipeline.delivery.worker`; its output is kept in a temporary file without a name.
"""

from __future__ import annotations

import json
import re
import weakref
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO

from tiktok_pipeline.delivery.containers import UnpackBudget, open_seekable
from tiktok_pipeline.delivery.same_names import merge_same_names
from tiktok_pipeline.delivery.tables import ByteSource, DeliveredTable, KnowsName, Layout, Record, unique_names
from tiktok_pipeline.delivery.total_rows import is_total_row
from tiktok_pipeline.delivery.worker import run_worker
from tiktok_pipeline.delivery.xlsx_formulas import formulas_of_sheets
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.base import UnreadableFileError

LARGEST_TEXT_BYTES = 8 * 10**9
"""The limit for the texts of all cells; Excel's largest sheet of profiles has less than half of it."""

_SECONDS = 600.0
_MOST_ROWS_ABOVE = 30
_LONGEST_END = 65_536
_MOST_TOTALS = 2
_VALUE = re.compile(r"[\s\d.,:/%+-]*\d[\s\d.,:/%TZ+-]*|\w+://.*|true|false", re.IGNORECASE)
"""A number, a date, a link or a truth value: no name of a column."""

Row = tuple[int, list[str | None]]
"""The number of a row in its sheet, from 1, and its cells up to the last one that is not blank."""


class _Texts:
    """The output of the worker; the file is closed with the last table that reads it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        weakref.finalize(self, stream.close)


@dataclass
class _Sheet:
    """A sheet: its name, where its rows are in the output of the worker, its first column, and its first rows."""

    name: str
    is_visible: bool
    start: int
    first_column: int = 0
    end: int = 0
    first_rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class _Header:
    """The row with the names of the columns."""

    row: int
    names: tuple[str, ...]
    places: tuple[int, ...]
    n_known: int


def open_xlsx(
    source: ByteSource,
    *,
    name: str,
    budget: UnpackBudget,
    compression: str = "",
    member: str = "",
    knows: KnowsName | None = None,
) -> list[DeliveredTable]:
    """Return the tables of a workbook, one for each sheet that holds a table.

    Parameters
    ----------
    source : callable
        Opens the unpacked bytes.
    name : str
        The file for messages.
    budget : UnpackBudget
        What may still be unpacked.
    compression, member : str
        For the layout, see `tiktok_pipeline.delivery.tables.Layout`.
    knows : callable, optional
        Whether a text is a column name that some dialect knows; helps to find the header and the sheets that count.

    Returns
    -------
    list of DeliveredTable
        In the order of the sheets. If some sheets have columns that a dialect knows, only those.

    Raises
    ------
    UnreadableFileError
        If the workbook is damaged, expands to more than the limit, or no sheet holds a table.
    """
    with open_seekable(source) as stream:
        _check_parts(stream, name, budget)
        script = Path(__file__).with_name("xlsx_worker.py")
        texts = _Texts(run_worker(script, stream, str(LARGEST_TEXT_BYTES), name=name, seconds=_SECONDS))
        with_table = []
        sheets = _sheets(texts)
        budget.count_members(len(sheets))
        for sheet in sheets:
            header = _find_header(sheet.first_rows, knows)
            if header is not None:
                with_table.append((sheet, header))
        chosen = _choose(with_table)
        _check_formulas(stream, chosen, knows, name)
    if not chosen:
        raise UnreadableFileError(
            f"{name}: no sheet holds a table; expected a row of column names and rows below it",
            remedy="check that the sheet with the profiles is saved",
        )
    layout = Layout(container="xlsx", compression=compression, member=member)
    tables = []
    for sheet, header in chosen:
        shown = name if len(chosen) == 1 else f"{name}: sheet {one_line(sheet.name, max_characters=60)}"
        tables.append(_table(texts, sheet, header, name=shown, layout=layout))
    return tables


def read_first_sheet(
    source: ByteSource, *, name: str, budget: UnpackBudget, most_rows: int, seconds: float
) -> list[Row]:
    """Return the first rows of the first sheet of a small workbook that people see, whatever they hold.

    Raises
    ------
    UnreadableFileError
        If the workbook is damaged, or expands to more than the limit.
    """
    with open_seekable(source) as stream:
        _check_parts(stream, name, budget)
        script = Path(__file__).with_name("xlsx_worker.py")
        texts = _Texts(run_worker(script, stream, str(budget.largest_bytes), name=name, seconds=seconds))
    sheets = _sheets(texts)
    shown = [sheet for sheet in sheets if sheet.is_visible] or sheets
    if not shown:
        return []
    texts.stream.seek(shown[0].start)
    lines = texts.stream.read(shown[0].end - shown[0].start).splitlines()[:most_rows]
    return [(number, cells) for number, cells in map(json.loads, lines) if number]


def _check_parts(stream: IO[bytes], name: str, budget: UnpackBudget) -> None:
    """Unpack every part of the workbook once, up to the limit."""
    with zipfile.ZipFile(stream) as archive:
        for entry in archive.infolist():
            if entry.flag_bits & 0x1:
                raise UnreadableFileError(
                    f"{name}: the workbook is encrypted", remedy="save it without a password and deliver it again"
                )
            budget.check(lambda entry=entry: archive.open(entry), name)  # type: ignore[misc]


def _check_formulas(
    stream: IO[bytes], chosen: Sequence[tuple[_Sheet, _Header]], knows: KnowsName | None, name: str
) -> None:
    """Refuse a workbook in which a known column holds formulas whose results were not stored."""
    if knows is None:
        return
    with zipfile.ZipFile(stream) as archive:
        found = formulas_of_sheets(archive, {sheet.name: header.row for sheet, header in chosen})
    for sheet, header in chosen:
        n_rows = sum(number > header.row for number, _ in sheet.first_rows)
        for column, place in zip(header.names, header.places, strict=True):
            formulas = found.get(sheet.name, {}).get(sheet.first_column + place)
            n_unknown = formulas.without_result if formulas else 0
            # The totals below the rows are formulas, too.
            if formulas and knows(column) and (n_unknown > _MOST_TOTALS or 2 * n_unknown > n_rows):
                raise UnreadableFileError(
                    f"{name}: column {column}: {n_unknown} formulas without their results, the first in cell "
                    f"{formulas.first}: ={one_line(formulas.formula, max_characters=50)}",
                    remedy="open the workbook in a spreadsheet program, save it, and deliver it again",
                )


def _sheets(texts: _Texts) -> list[_Sheet]:
    """Return the sheets in the output of the worker."""
    sheets: list[_Sheet] = []
    texts.stream.seek(0)
    place = 0
    while line := texts.stream.readline():
        place += len(line)
        if line.startswith(b"{"):
            described = json.loads(line)
            sheets.append(_Sheet(described["sheet"], described["is_visible"], place, described["first_column"]))
        elif len(sheets[-1].first_rows) <= _MOST_ROWS_ABOVE:
            number, cells = json.loads(line)
            sheets[-1].first_rows.append((number, cells))
        sheets[-1].end = place
    return sheets


def _find_header(rows: Sequence[Row], knows: KnowsName | None) -> _Header | None:
    """Return the row of names: the one with most known names, else the first as full as the rows below it."""
    headers = []
    for place, (number, cells) in enumerate(rows[:_MOST_ROWS_ABOVE]):
        below = rows[place + 1 : place + 11]
        filled = [(column, cell) for column, cell in enumerate(cells) if cell is not None and cell.strip()]
        if not below or len(filled) < 2 or any(_VALUE.fullmatch(cell.strip()) for _, cell in filled):
            continue
        width = sorted(len([cell for cell in row if cell is not None]) for _, row in below)[len(below) // 2]
        n_known = sum(knows(cell) for _, cell in filled) if knows else 0
        is_full = 2 * len(filled) > width
        headers.append(
            (n_known > 1, n_known if n_known > 1 else 0, is_full, _to_header(number, cells, below, n_known))
        )
    if not headers:
        return None
    best = max(headers, key=lambda header: header[:3])
    return best[3] if best[0] or best[2] else None


def _to_header(number: int, cells: Sequence[str | None], below: Sequence[Row], n_known: int) -> _Header:
    """Leave out columns without a name and without a cell in the first rows."""
    width = max(len(row) for row in (cells, *(row for _, row in below)))
    padded = [*cells, *([None] * (width - len(cells)))]
    places = [
        place
        for place, cell in enumerate(padded)
        if (cell is not None and cell.strip()) or any(len(row) > place and row[place] is not None for _, row in below)
    ]
    names = tuple((padded[place] or "").strip() for place in places)
    return _Header(number, names, tuple(places), n_known)


def _choose(with_table: Sequence[tuple[_Sheet, _Header]]) -> list[tuple[_Sheet, _Header]]:
    """Return the sheets that count: those with known columns if there are any, visible ones before hidden ones."""
    ranks = [(header.n_known > 1, sheet.is_visible) for sheet, header in with_table]
    return [pair for pair, rank in zip(with_table, ranks, strict=True) if rank == max(ranks)]


def _table(texts: _Texts, sheet: _Sheet, header: _Header, *, name: str, layout: Layout) -> DeliveredTable:
    notes = []
    if above := sum(number < header.row for number, _ in sheet.first_rows):
        notes.append(f"{above} row{'s' * (above > 1)} above the header {'are' if above > 1 else 'is'} skipped")
    sheet, totals = _without_totals(texts, sheet, header)
    if totals:
        notes.append(f"{totals} total{'s' * (totals > 1)} below the rows {'are' if totals > 1 else 'is'} skipped")
    member = f"{layout.member}: {sheet.name}" if layout.member else sheet.name
    table = DeliveredTable(
        name=name,
        layout=replace(layout, member=one_line(member, max_characters=200), notes=tuple(notes)),
        header=unique_names(header.names),
        read=lambda: _records(texts, sheet, header),
    )
    merged = merge_same_names(table, header.names)
    return replace(merged, n_records=sum(1 for _ in merged.records()))


def _without_totals(texts: _Texts, sheet: _Sheet, header: _Header) -> tuple[_Sheet, int]:
    """Return the sheet up to its last row that is no total, and the number of totals below."""
    texts.stream.seek(max(sheet.start, sheet.end - _LONGEST_END))
    lines = texts.stream.read(sheet.end - texts.stream.tell()).splitlines(keepends=True)
    end, totals = sheet.end, 0
    for line in reversed(lines[1:]):  # the first may be cut, and a table of nothing but totals is none
        number, cells = json.loads(line)
        if number <= header.row + 1 or not is_total_row([*cells, *[None] * (len(header.names) - len(cells))]):
            break
        end, totals = end - len(line), totals + 1
    return replace(sheet, end=end), totals


def _records(texts: _Texts, sheet: _Sheet, header: _Header) -> Iterator[Record]:
    place, row = sheet.start, 0
    while place < sheet.end:
        texts.stream.seek(place)  # other tables read the same file in turn
        lines = list(islice(iter(texts.stream.readline, b""), 2_000))
        for line in lines:
            place += len(line)
            if place > sheet.end:
                return
            number, cells = json.loads(line)
            if number <= header.row:
                continue
            row += 1
            padded = [*cells, *([None] * (header.places[-1] + 1 - len(cells)))]
            chosen = tuple(padded[column] for column in header.places)
            problem = _problem(cells, header)
            yield Record(row, number, chosen if problem is None else (None,) * len(chosen), problem)


def _problem(cells: Sequence[str | None], header: _Header) -> str | None:
    width = header.places[-1] + 1
    n_more = sum(cell is not None for cell in cells[width:])
    return f"{n_more} cell{'s' * (n_more > 1)} beyond the last column" if n_more else None
