"""Prints the rows of a query for a person (a table) or for another program (CSV, JSON).

Text out of profiles is hostile: control characters never reach the terminal, and no markup is read into a cell.
"""

from __future__ import annotations

import csv
import json
import math
import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

Row = tuple[Any, ...]

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters other than tab and line feed, and those that turn the direction of a line."""

_FORMULA = re.compile(
    "[\t\r\n]|[\\s\x00-\x1f\x7f-\x9f\xad\u180e\u200b-\u200f\u2060-\u2064\ufeff]*[=+\\-@＝＋－＠﹦﹢﹣﹫]"
)
"""How a text starts that a spreadsheet may run: blanks and what is invisible are skipped, wide forms count too."""


def print_rows(names: Sequence[str], rows: Sequence[Row], output: str) -> None:
    """Print to standard output; ``output`` is table, csv or json (one array of objects)."""
    match output:
        case "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([formula_safe(_printable(cell)) for cell in row] for row in rows)
        case "json":
            objects = [_json_value(dict(zip(names, row, strict=True))) for row in rows]
            text = json.dumps(objects, ensure_ascii=False, allow_nan=False, default=str, indent=1)
            sys.stdout.write(_HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")
        case _:
            _print_table(names, rows)


def formula_safe(cell: object) -> object:
    """The cell, with an apostrophe before a text that a spreadsheet would run as a formula."""
    if isinstance(cell, str) and _FORMULA.match(cell):
        return f"'{cell}"
    return cell


def _printable(cell: object) -> object:
    """The cell without the characters that steer a terminal; line feeds and tabs stay, CSV quotes them."""
    return _HIDDEN.sub("", cell) if isinstance(cell, str) else cell


def _json_value(value: object) -> object:
    """The value with null for NaN and infinity, which JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(one) for one in value]
    return value


def plain(text: str) -> str:
    """The text without control and direction-changing characters, which could rewrite a terminal's lines."""
    kept = (" " if one in "\n\t\r\u2028\u2029" else one for one in text)
    return "".join(one for one in kept if unicodedata.category(one) not in ("Cc", "Cf") or one == "\u200d")


def _print_table(names: Sequence[str], rows: Sequence[Row]) -> None:
    from rich.console import Console  # noqa: PLC0415 - csv and json do without it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console() if sys.stdout.isatty() else Console(width=200, color_system=None)
    table = Table()
    for place, name in enumerate(names):
        numeric = any(isinstance(row[place], int | float) for row in rows)
        table.add_column(Text(plain(name)), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    console.print(table)


def _cell(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return f"{cell:,.6g}" if abs(cell) < 1e6 else f"{cell:,.1f}"
    return plain(str(cell))
