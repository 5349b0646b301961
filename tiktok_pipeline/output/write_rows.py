"""Write rows to a file for other programs: CSV, XLSX, Parquet or JSON. The file is written whole or not at all.

Text from profiles is hostile. In CSV and XLSX it loses its control characters, and the caller's ``guard`` disarms
what a spreadsheet would run as a formula. Parquet keeps every text as it is.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiktok_pipeline.atomic_write import atomic_write
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.output.sheet import (
    LINK,
    MAX_LINKS,
    NUMBER_FORMATS,
    WIDTH_ROWS,
    ColumnNote,
    add_legend,
    column_widths,
)
from tiktok_pipeline.safe_text import HIDDEN_CHARACTERS, multi_line

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".csv", ".xlsx", ".parquet", ".json")

MAX_XLSX_ROWS = 1_048_575
"""The rows of a sheet below its header."""

MAX_XLSX_TEXT = 32_767
"""The longest text of a cell in UTF-16 code units, as Excel counts: most emoji are two."""

Guard = Callable[[object], object]
"""Returns a cell that no spreadsheet runs as a formula; see `tiktok_pipeline.safe_text.formula_safe`."""

_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""A text that spells an escaped character of XLSX (``_x003D_``), which Excel would read as that character."""
_FIRST_DAY = date(1900, 3, 1)
"""Excel's calendar is wrong before this day (it has a 29 February 1900) or has no days at all."""


class ExportRefusedError(PipelineError):
    """The file cannot be written as requested; the text says what to do."""

    code = "export_refused"
    is_usage_error = True


@dataclass(frozen=True)
class Written:
    """The result of `write_file`: its rows, and how many texts were too long for a cell of XLSX and were cut."""

    rows: int
    cut: int = 0


def check_target(target: Path, *, overwrite: bool) -> str:
    """Check that a file can be written to ``target``.

    Parameters
    ----------
    target : Path
        The file to write.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    str
        The ending of ``target`` in lower case, one of `ENDINGS`.

    Raises
    ------
    ExportRefusedError
        If the ending is unknown, the folder does not exist, or the target is a folder or an existing file.
    """
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        msg = f"{target}: expected a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        raise ExportRefusedError(msg)
    if not target.parent.is_dir():
        msg = f"{target}: the folder {target.parent} does not exist"
        raise ExportRefusedError(msg, remedy="create it first")
    if target.is_dir():
        msg = f"{target}: this is a folder"
        raise ExportRefusedError(msg, remedy="name a file in it")
    if os.path.lexists(target) and not overwrite:
        msg = f"{target}: the file already exists"
        raise ExportRefusedError(msg, remedy="name another file, or replace it with --overwrite")
    return ending


def check_rows(target: Path, rows: int) -> None:
    """Check that the file format of ``target`` can hold the rows.

    Raises
    ------
    ExportRefusedError
        If the target is XLSX and there are more than `MAX_XLSX_ROWS` rows.
    """
    if target.suffix.lower() == ".xlsx" and rows > MAX_XLSX_ROWS:
        msg = f"{target}: a sheet holds at most {MAX_XLSX_ROWS:,} rows, and there are {rows:,}"
        raise ExportRefusedError(msg, remedy="write a .parquet or .csv file")


def write_file(
    target: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    guard: Guard,
    overwrite: bool = False,
    notes: Mapping[str, ColumnNote] | None = None,
) -> Written:
    """Write the batches to ``target``, one at a time in memory, in the format of its ending.

    Parameters
    ----------
    target : Path
        The file to write.
    schema : pyarrow.Schema
        The columns, for the header.
    batches : iterable of pyarrow.RecordBatch
        The rows.
    guard : callable
        Applied to every text of CSV and XLSX.
    overwrite : bool
        Whether an existing file may be replaced.
    notes : mapping of str to ColumnNote, optional
        The unit and the meaning of each column: XLSX gets number formats, links and a sheet with the legend.

    Returns
    -------
    Written
        How many rows were written, and how many texts were cut.

    Raises
    ------
    ExportRefusedError
        See `check_target` and `check_rows`. ``target`` is then as it was.
    OSError
        If the disk refuses the file. ``target`` is then as it was.
    """
    ending = check_target(target, overwrite=overwrite)
    with atomic_write(target) as draft:
        draft.touch()  # a read-only folder is refused before minutes of work
        if ending == ".parquet":
            written = _write_parquet(draft, schema, batches)
        elif ending == ".json":
            written = _write_json(draft, schema, batches)
        else:
            checked = _check_batches(target, batches)
            written = (
                _write_csv(draft, schema, checked, guard)
                if ending == ".csv"
                else _write_xlsx(draft, schema, checked, guard, notes or {})
            )
        check_target(target, overwrite=overwrite)  # another process may have created it meanwhile
    return written


def _check_batches(target: Path, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        check_rows(target, rows)
        yield batch


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[object, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _write_parquet(draft: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Written:
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - the other formats do not need it

    rows = 0
    with ParquetWriter(draft, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return Written(rows)


def _write_json(draft: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Written:
    """Write one array of objects, one object per line."""
    rows = 0
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.write("[")
        for batch in batches:
            for row in _rows(batch):
                cells = dict(zip(schema.names, map(_json_value, row), strict=True))
                text = json.dumps(cells, ensure_ascii=False, allow_nan=False, default=str)
                file.write(f"{',' if rows else ''}\n {HIDDEN_CHARACTERS.sub(_escaped, text)}")
                rows += 1
        file.write("\n]\n")
    return Written(rows)


def _json_value(value: object) -> object:
    return _cell_value(value) if isinstance(value, float) else value


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _write_csv(draft: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], guard: Guard) -> Written:
    rows = 0
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([_csv_cell(name, guard) for name in schema.names])
        for batch in batches:
            writer.writerows([_csv_cell(value, guard) for value in row] for row in _rows(batch))
            rows += batch.num_rows
    return Written(rows)


def _csv_cell(value: object, guard: Guard) -> object:
    value = _cell_value(value)
    if isinstance(value, str):
        return guard(multi_line(value))
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else value


def _write_xlsx(
    draft: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    guard: Guard,
    notes: Mapping[str, ColumnNote],
) -> Written:
    from openpyxl import Workbook  # noqa: PLC0415 - the other formats do not need it
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet("creators")
    sheet.freeze_panes = "B2" if notes else "A2"
    units = [notes[name].unit if name in notes else "" for name in schema.names]
    rows = cut = 0
    cells = _SheetCells(sheet, guard)

    def start(first_rows: Iterable[tuple[object, ...]]) -> None:
        """Write the header; the widths must be known before."""
        if notes:
            for place, width in enumerate(column_widths(schema.names, first_rows), start=1):
                sheet.column_dimensions[get_column_letter(place)].width = width
        sheet.append([cells.header(name) for name in schema.names])

    has_header = False
    try:
        for batch in batches:
            if not has_header:
                start(itertools.islice(_rows(batch), WIDTH_ROWS))
                has_header = True
            for row in _rows(batch):
                sheet.append([cells.cell(value, unit) for value, unit in zip(row, units, strict=True)])
            rows += batch.num_rows
        if not has_header:
            start(())
        cut = cells.cut
        if notes:
            sheet.auto_filter.ref = f"A1:{get_column_letter(len(schema.names))}{rows + 1}"
    finally:
        sheet.close()
    if notes:
        add_legend(book, schema.names, notes)
    book.save(draft)
    return Written(rows, cut)


class _SheetCells:
    """Makes the cells of one sheet and counts the texts that were cut."""

    def __init__(self, sheet: Any, guard: Guard) -> None:  # noqa: ANN401 - openpyxl
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
        from openpyxl.styles import Font  # noqa: PLC0415

        self._make, self._bold, self._link = WriteOnlyCell, Font(bold=True), Font(color="0B5566", underline="single")
        self._sheet, self._guard = sheet, guard
        self._links = 0
        self.cut = 0

    def header(self, name: str) -> object:
        made = self._text(name)
        made.font = self._bold
        return made

    def cell(self, value: object, unit: str) -> object:
        value = _cell_value(value)
        if isinstance(value, date) and (_day(value) < _FIRST_DAY or getattr(value, "tzinfo", None)):
            value = value.isoformat()
        if isinstance(value, str):
            made = self._text(value)
            if unit == LINK and self._links < MAX_LINKS:
                self._links += 1
                made.hyperlink, made.font = value, self._link
            return made
        if not isinstance(value, int | float) or unit not in NUMBER_FORMATS:
            return value
        made = self._make(self._sheet, value)
        made.number_format = NUMBER_FORMATS[unit]
        return made

    def _text(self, value: str) -> Any:  # noqa: ANN401 - openpyxl
        full_text = str(self._guard(_ESCAPE.sub("_x005F_", multi_line(value))))
        text = _cut_to_cell(full_text)
        self.cut += text != full_text
        made = self._make(self._sheet, text)
        made.data_type = "s"  # never a formula, never an error such as #N/A
        return made


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _cut_to_cell(text: str) -> str:
    """Return the text, or as much of it as a cell of XLSX holds with a note that it was cut."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_XLSX_TEXT:
        return text
    note = f" [cut here: {len(text):,} characters]"
    kept = units[: 2 * (MAX_XLSX_TEXT - len(note))]
    return kept.decode("utf-16-le", errors="ignore") + note


def _cell_value(value: object) -> object:
    """Return numbers, booleans, days and texts as they are, NaN and infinity as None, anything else as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value if value is None or isinstance(value, bool | int | date | str) else str(value)
