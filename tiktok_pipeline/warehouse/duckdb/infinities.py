"""Show dates without an end as ``infinity``: Python lacks them, and shows its first or last date instead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb

_TEMPORAL = ("DATE", "TIMESTAMP")


def may_be_infinite(cell: object) -> bool:
    """Return whether a cell is, or holds, the first or last date of Python, which stand for the infinite ones too."""
    if isinstance(cell, list | tuple):
        return any(map(may_be_infinite, cell))
    if isinstance(cell, dict):
        return any(map(may_be_infinite, (*cell, *cell.values())))
    return isinstance(cell, date) and (cell.year, cell.month, cell.day) in {(1, 1, 1), (9999, 12, 31)}


def rows_with_infinities(relation: duckdb.DuckDBPyRelation) -> list[tuple[Any, ...]]:
    """Return the rows of a query; an infinite date is a text, and so is every date inside of a list or struct."""
    types = relation.types
    places = [place for place, type_ in enumerate(types) if _is_temporal(type_)]
    cells = [
        _shown(place, type_, name) for place, (type_, name) in enumerate(zip(types, relation.columns, strict=True))
    ]
    flags = [f"coalesce(isinf(#{place + 1}), false)" for place in places]
    marked = relation.project(", ".join([*cells, *flags])).fetchall()
    return [_with_infinities(row, len(types), places) for row in marked]


def _is_temporal(type_: Any) -> bool:  # noqa: ANN401 - duckdb moved the class of its types
    return str(type_).startswith(_TEMPORAL) and not str(type_).endswith("]")


def _shown(place: int, type_: Any, name: str) -> str:  # noqa: ANN401
    plain = f"#{place + 1}"
    if _is_temporal(type_) or not any(word in str(type_) for word in _TEMPORAL):
        return f"{plain} as {_quoted(name)}"
    return f"cast({plain} as {_with_texts(type_)}) as {_quoted(name)}"


def _with_texts(type_: Any) -> str:  # noqa: ANN401
    """Return a type with texts in the place of its dates and times; a text for a type whose parts have no names."""
    children = dict(type_.children) if type_.id in {"list", "array", "struct", "map"} else {}
    match type_.id:
        case "list":
            return f"{_with_texts(children['child'])}[]"
        case "array":
            return f"{_with_texts(children['child'])}[{children['size']}]"
        case "map":
            return f"map({_with_texts(children['key'])}, {_with_texts(children['value'])})"
        case "struct":
            return f"struct({', '.join(f'{_quoted(name)} {_with_texts(part)}' for name, part in children.items())})"
        case "tuple" | "union":
            return "varchar"
    return "varchar" if _is_temporal(type_) else str(type_)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _with_infinities(marked: tuple[Any, ...], width: int, places: Sequence[int]) -> tuple[Any, ...]:
    """Return a row without the marks at its end, and the texts of what they mark as infinite."""
    cells = list(marked[:width])
    for place, is_infinite in zip(places, marked[width:], strict=True):
        if is_infinite:
            cells[place] = "infinity" if cells[place].year > 1 else "-infinity"
    return tuple(cells)
