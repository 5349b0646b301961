"""Turn a JSON object into cells: nested objects by their path, lists as JSON text, numbers as their exact text."""

from __future__ import annotations

import json
from typing import Any

from tiktok_pipeline.delivery.json_stream import ExactFloat, JsonError, JsonObject

_EXTENDED = frozenset({"$numberLong", "$numberInt", "$numberDouble", "$numberDecimal", "$date", "$oid"})
"""How an export of MongoDB writes a value with its type: ``{"$numberLong": "1200"}``."""

_TYPED_KEYS = {"S": str, "N": str, "BOOL": bool, "NULL": bool}
"""How DynamoDB does: ``{"N": "1200"}``."""

_LONG_KEYS = ({"low", "high"}, {"low", "high", "unsigned"})
"""How JavaScript drivers write a whole number of 64 bits: ``{"low": 1200, "high": 0}``."""

_DEEPEST_PATH = 8
"""An object below this many others is a JSON text."""


def flatten(record: JsonObject) -> dict[str, str | None]:
    """Return the cells of an object by their dotted paths; an empty object has none.

    Raises
    ------
    JsonError
        If two paths are the same and their cells differ, or a list is nested too deeply.

    Examples
    --------
    >>> flatten({"id": 7, "stats": {"followers": 4, "verified": True}, "tags": ["a"], "bio": None})
    {'id': '7', 'stats.followers': '4', 'stats.verified': 'true', 'tags': '["a"]', 'bio': None}
    >>> flatten({"likes": {"$numberLong": "12"}, "seen": {"$date": "2024-05-06T00:00:00Z"}})
    {'likes': '12', 'seen': '2024-05-06T00:00:00Z'}
    >>> flatten({"likes": {"N": "12"}, "verified": {"BOOL": True}, "bio": {"NULL": True}})
    {'likes': '12', 'verified': 'true', 'bio': None}
    >>> flatten({"likes": {"low": -1294967296, "high": 0, "unsigned": False}})
    {'likes': '3000000000'}
    """
    cells: dict[str, str | None] = {}
    _add(cells, "", record, 1)
    return cells


def cell_text(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """Return the text of a JSON value; None for null.

    Raises
    ------
    JsonError
        If it is a list or an object that is nested too deeply.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, ExactFloat):
        return value.text
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError as error:
        raise JsonError("nested too deeply") from error


def _add(cells: dict[str, str | None], prefix: str, record: JsonObject, depth: int) -> None:
    for key, typed in record.items():
        name, value = prefix + key, _untyped(typed)
        if isinstance(value, str):
            text: str | None = value
        elif isinstance(value, dict) and depth < _DEEPEST_PATH:
            _add(cells, f"{name}.", value, depth + 1)
            continue
        else:
            text = cell_text(value)
        if name in cells and cells[name] != text:
            raise JsonError("one key occurs twice with different values")
        cells[name] = text


def _untyped(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value without the types of `_EXTENDED` and `_TYPED_KEYS`."""
    while isinstance(value, dict) and len(value) == 1 and not _EXTENDED.isdisjoint(value):
        (value,) = value.values()
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if isinstance(inner, _TYPED_KEYS.get(key, ())):
            return None if key == "NULL" else inner
    if isinstance(value, dict) and set(value) in _LONG_KEYS:
        low, high = value["low"], value["high"]
        if isinstance(low, int) and isinstance(high, int):
            return (high << 32) + low % 2**32
    return value
