"""The texts of Arrow values: numbers exactly, times in UTC, nested values as JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

LARGEST_EXACT = 2.0**53
"""A float counts whole numbers exactly up to here."""


def text_of(array: pa.Array) -> pa.Array:
    """Return the values of an array as texts; NULL and NaN are NULL.

    Examples
    --------
    >>> text_of(pa.array([4.0, 0.25, float("nan")])).to_pylist()
    ['4', '0.25', None]
    """
    if isinstance(array, pa.ExtensionArray):
        return text_of(array.storage)
    if pa.types.is_dictionary(array.type):
        return text_of(array.cast(array.type.value_type))
    for are_of_type, to_text in _TEXTS:
        if any(is_type(array.type) for is_type in are_of_type):
            return to_text(array)
    return pc.cast(array, pa.string())


def _decimals(array: pa.Array) -> pa.Array:
    return pa.array([_decimal_text(value) for value in array.to_pylist()], pa.string())


def _nested_texts(array: pa.Array) -> pa.Array:
    return pa.array([_json_text(value) for value in array.to_pylist()], pa.string())


def _time_text(array: pa.Array) -> pa.Array:
    return _without_zeros(pc.cast(array, pa.string()))


def _binary_text(array: pa.Array) -> pa.Array:
    try:
        return pc.cast(array, pa.large_string())
    except pa.ArrowInvalid:
        texts = [None if value is None else value.decode(errors="replace") for value in array.to_pylist()]
        return pa.array(texts, pa.large_string())


def _float_text(array: pa.Array) -> pa.Array:
    values = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    is_exact = pc.less(pc.abs(pc.cast(values, pa.float64())), LARGEST_EXACT)
    is_whole = pc.fill_null(pc.and_(is_exact, pc.equal(pc.trunc(values), values)), False)
    whole = pc.cast(pc.if_else(is_whole, values, pa.scalar(0, array.type)), pa.int64())
    return pc.if_else(is_whole, pc.cast(whole, pa.string()), pc.cast(values, pa.string()))


def _timestamp_text(array: pa.Array) -> pa.Array:
    """Return times as text in UTC; a time without a zone stays as it is."""
    return _without_zeros(pc.cast(pc.cast(array, pa.timestamp(array.type.unit)), pa.string()))


def _without_zeros(texts: pa.Array) -> pa.Array:
    """Remove zeros at the end of the fraction of a second."""
    shorter = pc.replace_substring_regex(texts, r"(\.\d*?)0+$", r"\1")
    return pc.replace_substring_regex(shorter, r"\.$", "")


def _decimal_text(value: Decimal | None) -> str | None:
    if value is None:
        return None
    if value == value.to_integral_value():
        return str(int(value))
    return f"{value.normalize():f}"


def _json_text(value: Any) -> str | None:  # noqa: ANN401 - any Arrow value
    """Return a nested value as JSON; a text or bytes as they are."""
    if value is None:
        return None
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:  # noqa: ANN401 - any Arrow value
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        is_map = value and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
        return {str(key): _plain(inner) for key, inner in value} if is_map else [_plain(inner) for inner in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:  # noqa: ANN401 - any Arrow value
    if isinstance(value, bytes):
        return _plain_bytes(value)
    if isinstance(value, float):
        return _plain_float(value)
    if isinstance(value, Decimal):
        return _decimal_text(value)
    return value if isinstance(value, (str, bool, int)) or value is None else str(value)


def _plain_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _plain_float(value: float) -> float | None:
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() and abs(value) < LARGEST_EXACT else value


_TEXTS: Sequence[tuple[Sequence[Callable[[pa.DataType], bool]], Callable[[pa.Array], pa.Array]]] = (
    ((pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view), lambda array: array),
    ((pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view), _binary_text),
    ((pa.types.is_floating,), _float_text),
    ((pa.types.is_timestamp,), _timestamp_text),
    ((pa.types.is_decimal,), _decimals),
    ((pa.types.is_nested, pa.types.is_fixed_size_binary, pa.types.is_interval), _nested_texts),
    ((pa.types.is_time,), _time_text),
)
