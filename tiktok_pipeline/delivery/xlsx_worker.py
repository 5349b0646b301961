"""Read a workbook from the standard input and write the texts of its cells, one row a line, as JSON.

Runs as a script in a process of its own, see `tiktok_pipeline.delivery.worker`; it imports nothing of the package.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
from collections.abc import Iterator
from datetime import datetime, time
from typing import IO, Any

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

LARGEST_EXACT = 2.0**53
FAILED = 3


def write_sheets(workbook: IO[bytes], written: IO[str], *, largest_bytes: int) -> None:
    """Write each sheet as a line with its name, then a line for each row that is not blank: its number and its cells.

    Parameters
    ----------
    workbook : IO
        The workbook.
    written : IO
        The text to write to.
    largest_bytes : int
        Stop behind so many characters.
    """
    opened = CalamineWorkbook.from_filelike(workbook)
    n_characters = 0
    for sheet in opened.sheets_metadata:
        if sheet.typ != SheetTypeEnum.WorkSheet:
            continue
        is_visible = sheet.visible == SheetVisibleEnum.Visible
        start = opened.get_sheet_by_name(sheet.name).start  # rows are counted from the first, columns from here
        described = {"sheet": sheet.name, "is_visible": is_visible, "first_column": start[1] if start else 0}
        written.write(json.dumps(described) + "\n")
        for number, cells in _rows(opened, sheet.name):
            line = json.dumps([number, cells], ensure_ascii=False, separators=(",", ":")) + "\n"
            n_characters += len(line)
            if n_characters > largest_bytes:
                raise MemoryError
            written.write(line)


def _rows(workbook: CalamineWorkbook, name: str) -> Iterator[tuple[int, list[str | None]]]:
    """Yield the number from 1 and the cells of each row that is not blank, without the blank cells at its end."""
    for number, row in enumerate(workbook.get_sheet_by_name(name).iter_rows(), start=1):
        cells = [cell_text(value) for value in row]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            yield number, cells


def cell_text(value: Any) -> str | None:  # noqa: ANN401 - whatever the reader gives
    """Return the text of a cell: whole numbers without a fraction, dates in ISO, None for a blank cell."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_EXACT:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return str(value)  # a date or time in ISO, a number in its shortest form


def main() -> int:
    """Read standard input, write standard output; return the exit code."""
    limit = int(sys.argv[1])
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        with open(1, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as written:
            write_sheets(sys.stdin.buffer, written, largest_bytes=int(sys.argv[2]))
    except (CalamineError, ValueError, OSError):
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
