"""Prints the rows of a query for a person (a table) or for another program (CSV, JSON).

Text out of profiles is hostile: control characters never reach the terminal, and no markup is read into a cell.
"""

from __future__ import annotations

import csv
import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

Row = tuple[Any, ...]


def print_rows(names: Sequence[str], rows: Sequence[Row], output: str) -> None:
    """Print to standard output; ``output`` is table, csv or json (one array of objects)."""
    match output:
        case "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([formula_safe(cell) for cell in row] for row in rows)
        case "json":
            objects = [dict(zip(names, row, strict=True)) for row in rows]
            json.dump(objects, sys.stdout, ensure_ascii=False, default=str, indent=1)
            sys.stdout.write("\n")
        case _:
            _print_table(names, rows)


def formula_safe(cell: object) -> object:
    """The cell, with an apostrophe before a text that a spreadsheet would run as a formula."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell


def plain(text: str) -> str:
    """The text without control and direction-changing characters, which could rewrite a terminal's lines."""
    kept = (" " if one in "\n\t\r" else one for one in text)
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
