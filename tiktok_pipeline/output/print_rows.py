"""Print the rows of a query for a person (a table) or for another program (CSV, JSON).

Text from profiles is hostile: control characters never reach the terminal, and markup in a cell stays text.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Collection, Sequence
from typing import Any

from tiktok_pipeline.output.number_format import format_cell, format_percent
from tiktok_pipeline.safe_text import HIDDEN_CHARACTERS, formula_safe, multi_line, one_line

Row = tuple[Any, ...]


def print_rows(names: Sequence[str], rows: Sequence[Row], output: str, percent: Collection[str] = ()) -> None:
    """Print rows to standard output.

    Parameters
    ----------
    names : sequence of str
        The column names.
    rows : sequence of tuple
        One tuple of cells per row, in the order of ``names``.
    output : {"table", "csv", "json"}
        The format. JSON is one array of objects.
    percent : collection of str
        The columns of fractions that a table shows as percentages.
    """
    match output:
        case "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
        case "json":
            objects = [_json_value(dict(zip(names, row, strict=True))) for row in rows]
            text = json.dumps(objects, ensure_ascii=False, allow_nan=False, default=str, indent=1)
            sys.stdout.write(HIDDEN_CHARACTERS.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")
        case _:
            _print_table(names, rows, percent)


def _csv_cell(cell: object) -> object:
    return formula_safe(multi_line(cell)) if isinstance(cell, str) else cell


def _json_value(value: object) -> object:
    """Return the value with null for NaN and infinity, which JSON cannot express."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(inner) for inner in value]
    return value


def _print_table(names: Sequence[str], rows: Sequence[Row], percent: Collection[str]) -> None:
    from rich.console import Console  # noqa: PLC0415 - CSV and JSON do not need it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console() if sys.stdout.isatty() else Console(width=200, color_system=None)
    table = Table()
    for index, name in enumerate(names):
        is_numeric = any(isinstance(row[index], int | float) for row in rows)
        table.add_column(Text(one_line(name)), justify="right" if is_numeric else "left")
    for row in rows:
        table.add_row(*(Text(_table_cell(cell, name in percent)) for name, cell in zip(names, row, strict=True)))
    console.print(table)


def _table_cell(cell: object, is_fraction: bool) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float):
        return format_percent(cell) if is_fraction and math.isfinite(cell) else format_cell(cell)
    return one_line(str(cell))
