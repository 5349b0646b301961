"""How a spreadsheet shows a column: its width and number format, links, and a sheet that says what each means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEGEND_SHEET = "legend"
MAX_LINKS = 65_530
"""The links that Excel opens in one sheet; a file with more is called damaged."""

LINK = "link"
"""The unit of a column of addresses that this program built itself; no other text becomes a link."""

NUMBER_FORMATS: Mapping[str, str] = {
    "count": "#,##0",
    "percent": "0.00%",
    "share": "0%",
    "times": "0.0",
    "per week": "0.0",
    "days": "#,##0",
}
"""The format of a number by the unit of its column."""

_NARROWEST, _WIDEST = 10.0, 60.0
WIDTH_ROWS = 200
"""The rows whose texts the width of a column is made for."""


@dataclass(frozen=True)
class ColumnNote:
    """What a column of a file means, for people: one row of the legend.

    Attributes
    ----------
    meaning : str
        What it holds, or how it is computed.
    unit : str
        The unit: a key of `NUMBER_FORMATS` for numbers, `LINK`, or any word.
    """

    meaning: str
    unit: str


def column_widths(names: Sequence[str], rows: Iterable[Sequence[object]]) -> list[float]:
    """Return the width of each column in characters: of its name and of the texts of the rows, within bounds.

    Examples
    --------
    >>> column_widths(["account_id", "note"], [("a.very.long.handle", "x" * 900)])
    [20.0, 60.0]
    """
    widths = [float(len(name) + 3) for name in names]
    for row in rows:
        for place, value in enumerate(row):
            if isinstance(value, str):
                widths[place] = max(widths[place], len(value) + 2.0)
    return [min(max(width, _NARROWEST), _WIDEST) for width in widths]


def add_legend(book: Any, names: Sequence[str], notes: Mapping[str, ColumnNote]) -> None:  # noqa: ANN401 - openpyxl
    """Add the sheet that says what each column means; all its texts are this program's own."""
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - only XLSX needs it
    from openpyxl.styles import Font  # noqa: PLC0415

    sheet = book.create_sheet(LEGEND_SHEET)
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABC", (32.0, 90.0, 14.0), strict=True):
        sheet.column_dimensions[letter].width = width

    def cell(text: str, *, is_bold: bool = False) -> object:
        made = WriteOnlyCell(sheet, text)
        made.data_type = "s"  # a formula is explained here, not run
        if is_bold:
            made.font = Font(bold=True)
        return made

    sheet.append([cell(text, is_bold=True) for text in ("column", "meaning", "unit")])
    for name in names:
        note = notes.get(name, ColumnNote("", ""))
        sheet.append([cell(name), cell(note.meaning), cell(note.unit)])
    sheet.close()
