"""Writes rows to a file for other programs: CSV, a spreadsheet or Parquet; the file is there whole or not at all.

Texts out of profiles are hostile. In CSV and XLSX they lose their control characters, and the caller's ``guard`` takes
the force out of what a spreadsheet would run as a formula; Parquet holds every text as it is.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tiktok_pipeline.errors import PipelineError

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".csv", ".xlsx", ".parquet")

MOST_XLSX_ROWS = 1_048_575
"""The rows of a sheet without the one for the header."""

LONGEST_XLSX_TEXT = 32_767
"""The longest text of a cell, in the units that Excel counts: most emoji are two."""

Guard = Callable[[object], object]
"""Gives a text back so that no spreadsheet runs it; see `tiktok_pipeline.output.print_rows.formula_safe`."""

_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""What XML has no place for, other control characters, and those that turn the direction of a line."""
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""A text that spells an escaped character of XLSX (``_x003D_``), which Excel would read as that character."""
_FIRST_DAY = date(1900, 3, 1)
"""Before it Excel's calendar is wrong (it has a 29 February 1900) or has no days at all."""


class ExportRefusedError(PipelineError):
    """The file cannot be made as asked; the text says what to do."""

    code = "export_refused"
    is_usage_error = True


@dataclass(frozen=True)
class Written:
    """What `write_file` wrote: its rows, and how many texts were too long for a cell of XLSX."""

    rows: int
    cut: int = 0


def check_target(target: Path, *, overwrite: bool) -> str:
    """The ending of ``target``; raises `ExportRefusedError` where it is unknown, or where no file can or may be put."""
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        msg = f"{target}: expected a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        raise ExportRefusedError(msg)
    if not target.parent.is_dir():
        msg = f"{target}: there is no folder {target.parent}; make it first"
        raise ExportRefusedError(msg)
    if target.is_dir():
        msg = f"{target}: is a folder; name a file in it"
        raise ExportRefusedError(msg)
    if os.path.lexists(target) and not overwrite:
        msg = f"{target}: is already there; name another file, or replace it with --overwrite"
        raise ExportRefusedError(msg)
    return ending


def check_rows(target: Path, rows: int) -> None:
    """Raise `ExportRefusedError` where a sheet cannot hold so many rows."""
    if target.suffix.lower() == ".xlsx" and rows > MOST_XLSX_ROWS:
        msg = (
            f"{target}: a sheet holds at most {MOST_XLSX_ROWS:,} rows, these are {rows:,}; write a .parquet or a .csv"
        )
        raise ExportRefusedError(msg)


def write_file(
    target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, guard: Guard, overwrite: bool = False
) -> Written:
    """Write the batches, one at a time in memory, to ``target``, in the format that its ending names.

    Raises `ExportRefusedError` (see `check_target`, `check_rows`) and `OSError`; then ``target`` is as it was.
    """
    ending = check_target(target, overwrite=overwrite)
    with _draft(target, overwrite=overwrite) as draft:
        if ending == ".parquet":
            return _write_parquet(draft, schema, batches)
        checked = _counted(target, batches)
        return (_write_csv if ending == ".csv" else _write_xlsx)(draft, schema, checked, guard)


def cleaned(text: str) -> str:
    """The text with one kind of line end, and without the characters that a file for people has no place for."""
    return _FORBIDDEN.sub("", _LINE_ENDS.sub("\n", text))


@contextmanager
def _draft(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """A file beside ``target`` that takes its place when the block ends well, and goes when it does not."""
    draft = target.with_name(f".export-{uuid.uuid4().hex}.draft")
    draft.touch(exist_ok=False)
    try:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        check_target(target, overwrite=overwrite)  # it may have come there meanwhile
        os.replace(draft, target)  # noqa: PTH105 - its errors name the target
    finally:
        draft.unlink(missing_ok=True)


def _counted(target: Path, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        check_rows(target, rows)
        yield batch


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[object, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _write_parquet(draft: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Written:
    from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - the other formats do without it

    rows = 0
    with ParquetWriter(draft, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return Written(rows)


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
    value = _plain_value(value)
    if isinstance(value, str):
        return guard(cleaned(value))
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else value


def _write_xlsx(draft: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], guard: Guard) -> Written:
    from openpyxl import Workbook  # noqa: PLC0415 - the other formats do without it
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet("creators")
    sheet.freeze_panes = "A2"
    rows = cut = 0

    def cell(value: object) -> object:
        nonlocal cut
        value = _plain_value(value)
        if isinstance(value, date) and (_day(value) < _FIRST_DAY or getattr(value, "tzinfo", None)):
            value = value.isoformat()
        if not isinstance(value, str):
            return value
        whole = str(guard(_ESCAPE.sub("_x005F_", cleaned(value))))
        text = _fitting(whole)
        cut += text != whole
        shown = WriteOnlyCell(sheet, text)
        shown.data_type = "s"  # never a formula, never an error such as #N/A
        return shown

    try:
        sheet.append([cell(name) for name in schema.names])
        for batch in batches:
            for row in _rows(batch):
                sheet.append([cell(value) for value in row])
            rows += batch.num_rows
    finally:
        sheet.close()
    book.save(draft)
    return Written(rows, cut)


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _fitting(text: str) -> str:
    """The text, or as much of it as a cell of XLSX holds, with a note that it was cut."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * LONGEST_XLSX_TEXT:
        return text
    told = f" [cut here: {len(text):,} characters]"
    kept = units[: 2 * (LONGEST_XLSX_TEXT - len(told))]
    return kept.decode("utf-16-le", errors="ignore") + told


def _plain_value(value: object) -> object:
    """The value as a cell may hold it: numbers, booleans, days; NaN and infinity are empty, all else is text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value if value is None or isinstance(value, bool | int | date | str) else str(value)
