"""What narwhals lacks, as expressions of Spark SQL. ``f`` is the module of Spark's functions, ``Column`` a column.

Only what Sail and Spark compute alike is used. A text is guarded by a pattern before it is cast, because each engine
accepts spellings of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from tiktok_pipeline.missing_values import LONGEST_NULL_WORD, WHITE_SPACE
from tiktok_pipeline.warehouse.base import CastType
from tiktok_pipeline.warehouse.spark.patterns import java_replacement, portable

Column = Any
Functions = Any

_BLANKS = r"[ \t\n\x0b\x0c\r]*"
_DIGITS = rf"\A{_BLANKS}[+-]?[0-9]+{_BLANKS}\z"
_NUMBER = rf"\A{_BLANKS}[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?{_BLANKS}\z"
_DATE = rf"\A{_BLANKS}[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}{_BLANKS}\z"
_IDENTIFIER = portable(r"^[^,;/?#&\"'\s\])]*")
"""The identifier at the start of the text after the mark of a link."""
_LONGEST_LIST = 2**31 - 2


def true_divide(f: Functions, left: Column, right: Column) -> Column:
    """Divide two numbers as floats; x / 0 is infinite and 0 / 0 is NaN, as in DuckDB.

    It replaces narwhals' own version, whose ``try_divide`` takes only whole numbers in Sail. A plain division by
    zero is an error in Spark.
    """
    zero = f.lit(0)
    by_zero = (
        f.when(left == zero, f.lit(float("nan")))
        .when(left > zero, f.lit(float("inf")))
        .when(left < zero, f.lit(float("-inf")))
    )
    return f.when(right != zero, left.cast("double") / f.nullif(right.cast("double"), f.lit(0.0))).when(
        right == zero, by_zero
    )


def total_units(f: Functions, duration: Column, *, seconds: int) -> Column:
    """Return the whole units of so many seconds in a difference of times; the zone of the session is UTC."""
    start = f.lit("1970-01-01").cast("timestamp_ntz")
    total = f.unix_seconds((start + duration).cast("timestamp"))
    return ((total - total % f.lit(seconds)) / f.lit(seconds)).cast("bigint")


def try_cast(f: Functions, text: Column, type_: CastType) -> Column:
    """Cast a text; one that does not fit, NaN and infinity become NULL."""
    if type_ == "date":
        return f.when(text.rlike(_DATE), text.try_cast("date"))
    number = f.when(text.rlike(_NUMBER), text.try_cast("double"))
    if type_ == "float":
        return f.when(f.abs(number) < f.lit(float("inf")), number)
    return f.when(text.rlike(_DIGITS), text.try_cast("bigint")).otherwise(f.round(number).try_cast("bigint"))


def strip_and_nullify(f: Functions, text: Column, missing: str) -> Column:
    """Strip a text; an empty one and one that ``missing`` matches become NULL."""
    is_missing = portable(rf"\A({missing})?\z")
    stripped = f.btrim(text, f.lit(WHITE_SPACE))
    has_space = (text < f.lit("!")) | (f.substring(text, -1, 1) < f.lit("!"))
    is_word = (f.length(text) <= f.lit(LONGEST_NULL_WORD)) & text.rlike(is_missing)
    return f.when(has_space, f.when(~stripped.rlike(is_missing), stripped)).otherwise(f.when(~is_word, text))


def replacement(f: Functions, text: str) -> Column:
    r"""Return what replaces a match of a pattern; the first group is ``\1`` in Sail and ``$1`` in Spark.

    Each of them finds out which one it is when it plans the query.
    """
    if "\\" not in text:
        return f.lit(java_replacement(text))
    has_backslash = f.regexp_replace(f.lit("a"), f.lit("(a)"), f.lit(r"\1")) == f.lit("a")
    return f.when(has_backslash, f.lit(text)).otherwise(f.lit(java_replacement(text)))


def to_json(f: Functions, cells: Mapping[str, str]) -> Column:
    """Return a JSON object of columns without NULLs; NULL if nothing is left."""
    if not cells:
        return f.lit(None).cast("string")
    return f.nullif(f.to_json(f.struct(*(f.col(name).alias(key) for key, name in cells.items()))), f.lit("{}"))


def lowered_hash(f: Functions, text: Column, salt: str) -> Column:
    """Return the SHA-256 of ``salt`` and the text, the letters A to Z in lower case."""
    return f.sha2(f.concat(f.lit(salt), f.translate(text, ascii_uppercase, ascii_lowercase)), 256)


def snowflake_time(f: Functions, text: Column) -> Column:
    """Return the time in the upper 32 bits of a 64-bit id."""
    number = f.when(text.rlike(r"\A[0-9]+\z"), text.try_cast("bigint"))
    return f.timestamp_seconds(f.shiftright(number, 32)).cast("timestamp_ntz")


def links_of(f: Functions, text: Column, link_mark: str) -> Column:
    """Return the list of the identifiers in the links of a text."""
    pieces = f.slice(f.split(text, _literal_pattern(link_mark)), 2, _LONGEST_LIST)
    return f.array_distinct(f.transform(pieces, lambda piece: f.regexp_extract(piece, _IDENTIFIER, 0)))


def items_of(f: Functions, text: Column, keys: Mapping[str, Sequence[str]], link_mark: str) -> Column:
    """Return the list of structs; see `tiktok_pipeline.warehouse.base.Engine.unnest_items`."""
    identifier, *others = keys
    nothing = f.lit(None).cast("string")
    links = f.transform(
        links_of(f, text, link_mark),
        lambda link: f.struct(link.alias(identifier), *(nothing.alias(name) for name in others)),
    )
    objects = f.transform(
        f.from_json(text, "array<string>"),
        lambda entry: f.struct(*(_first_of(f, entry, names).alias(name) for name, names in keys.items())),
    )
    is_list = has_key(f, text, keys) & f.get_json_object(text, "$").isNotNull()
    # A single object is no list, and Spark would make one of it.
    listed = f.when(f.ltrim(text).startswith("["), _distinct(f, objects, identifier))
    return f.when(is_list, listed).otherwise(links)


def has_key(f: Functions, text: Column, keys: Mapping[str, Sequence[str]]) -> Column:
    """Return whether a text has the key of an identifier, as a list of objects has."""
    (first, *others) = next(iter(keys.values()))
    found = f.contains(text, f.lit(f'"{first}"'))
    for name in others:
        found = found | f.contains(text, f.lit(f'"{name}"'))
    return found


def _first_of(f: Functions, entry: Column, names: Sequence[str]) -> Column:
    return f.coalesce(*(f.get_json_object(entry, f"$.{name}") for name in names))


def _distinct(f: Functions, items: Column, identifier: str) -> Column:
    """Keep the first item of each identifier; a missing one counts as an identifier."""
    key: Callable[[Column], Column] = lambda item: f.coalesce(f.concat(f.lit("="), item[identifier]), f.lit(""))  # noqa: E731
    identifiers = f.transform(items, key)
    return f.filter(items, lambda item, place: f.array_position(identifiers, key(item)) == place + 1)


def _literal_pattern(text: str) -> str:
    return "".join(f"[{character}]" if character not in "^\\[]" else f"\\{character}" for character in text)
