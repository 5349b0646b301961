"""Find the formulas of a workbook whose results were never stored: only a spreadsheet program computes them.

The reader of workbooks gives such a cell as blank, or as the zero that some programs store in its place.
"""

from __future__ import annotations

import html
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_BLOCK_BYTES = 1 << 20
_LONGEST_CELL = 1 << 20
_LARGEST_PART = 8 << 20
_TAG = re.compile(rb"<(?:sheet|Relationship)\s[^>]*>")
_ATTRIBUTE = re.compile(r'([\w:]+)="([^"]*)"')
_PLACE = re.compile(rb'\sr="([A-Z]{1,3})([0-9]{1,7})"')
_FORMULA = re.compile(rb"<f\b[^>]*>([^<]*)")
_VALUE = re.compile(rb"<v\b[^>]*>([^<]*)</v>")
_SHOWN_CHARACTERS = 40


@dataclass
class ColumnFormulas:
    """The formulas in a column of a sheet below a row.

    Attributes
    ----------
    cells : int
        Cells with a formula.
    blank, zero : int
        Those without a result, and those with the result 0 that a program may have stored in its place.
    first : str
        The first of them, such as "A2".
    formula : str
        What it holds, cut.
    """

    cells: int = 0
    blank: int = 0
    zero: int = 0
    first: str = ""
    formula: str = ""

    @property
    def without_result(self) -> int:
        """The cells whose result is unknown: zeros only if all formulas of the column give zero."""
        return self.blank + (self.zero if self.blank + self.zero == self.cells else 0)


def formulas_of_sheets(
    archive: zipfile.ZipFile, header_rows: Mapping[str, int]
) -> dict[str, dict[int, ColumnFormulas]]:
    """Return the formulas of each column by sheet and place of the column, from 0; nothing for a sheet without any.

    Parameters
    ----------
    archive : ZipFile
        The workbook.
    header_rows : mapping of str to int
        The names of the sheets to look at, and the row below which to look.
    """
    try:
        parts = _parts_of_sheets(archive)
        has_zeros = b'fullCalcOnLoad="1"' in _read(archive, "xl/workbook.xml")
    except (KeyError, ValueError):
        return {}
    found: dict[str, dict[int, ColumnFormulas]] = {}
    for sheet, row in header_rows.items():
        if parts.get(sheet) in archive.namelist():
            found[sheet] = _formulas(archive, parts[sheet], row, has_zeros=has_zeros)
    return found


def _read(archive: zipfile.ZipFile, part: str) -> bytes:
    if archive.getinfo(part).file_size > _LARGEST_PART:
        raise ValueError(part)
    return archive.read(part)


def _tags(archive: zipfile.ZipFile, part: str) -> Iterator[dict[str, str]]:
    for tag in _TAG.findall(_read(archive, part)):
        yield {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(tag.decode("utf-8", "replace"))}


def _parts_of_sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the part of the archive that holds each sheet, by the name of the sheet."""
    targets = {tag.get("Id", ""): tag.get("Target", "") for tag in _tags(archive, "xl/_rels/workbook.xml.rels")}
    return {
        tag["name"]: posixpath.join("xl", targets.get(tag.get("r:id", ""), "")).lstrip("/")
        for tag in _tags(archive, "xl/workbook.xml")
        if "name" in tag
    }


def _formulas(archive: zipfile.ZipFile, part: str, row: int, *, has_zeros: bool) -> dict[int, ColumnFormulas]:
    found: dict[int, ColumnFormulas] = {}
    for cell in _cells_with_formula(archive, part):
        place, formula, value = _PLACE.search(cell), _FORMULA.search(cell), _VALUE.search(cell)
        if place is None or int(place[2]) <= row:
            continue
        column = found.setdefault(_column_number(place[1]), ColumnFormulas())
        column.cells += 1
        is_text = b't="str"' in cell
        is_blank = not is_text and (value is None or not value[1].strip())
        is_zero = has_zeros and value is not None and value[1] == b"0"
        column.blank += is_blank
        column.zero += is_zero
        if (is_blank or is_zero) and not column.first:
            column.first = (place[1] + place[2]).decode()
            text = html.unescape(formula[1].decode("utf-8", "replace")) if formula else ""
            column.formula = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return found


def _cells_with_formula(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    rest = b""
    with archive.open(part) as stream:
        while block := stream.read(_BLOCK_BYTES):
            *cells, rest = (rest + block).split(b"</c>")
            for cell in cells:
                if b"<f" in cell:
                    yield cell[cell.rfind(b"<c ") :]
            rest = rest if len(rest) <= _LONGEST_CELL else rest[-_LONGEST_CELL:]


def _column_number(letters: bytes) -> int:
    """Return the place of a column from 0.

    Examples
    --------
    >>> _column_number(b"A"), _column_number(b"AB")
    (0, 27)
    """
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
