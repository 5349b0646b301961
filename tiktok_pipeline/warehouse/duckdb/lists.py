"""Lists inside a text, in DuckDB's SQL: JSON arrays of objects, and links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tiktok_pipeline.warehouse.duckdb.tables import quoted, quoted_text

_IDENTIFIER = r"^[^,;/?#&\"'\s\])]*"
"""The identifier at the start of the text after the mark of a link."""


def items_of(column: str, keys: Mapping[str, Sequence[str]], link_mark: str) -> str:
    """Return the expression of a list of structs; see `tiktok_pipeline.warehouse.base.Engine.unnest_items`."""
    text = quoted(column)
    identifier, *others = keys
    no_value = "".join(f", {quoted(name)} := null::varchar" for name in others)
    found = links_of(column, link_mark)
    links = f"list_transform({found}, lambda link: struct_pack({quoted(identifier)} := link{no_value}))"
    packed = ", ".join(f"{quoted(name)} := {_first_of(names)}" for name, names in keys.items())
    objects = f"list_transform(json_transform({text}, '[\"JSON\"]'), lambda entry: struct_pack({packed}))"
    may_be_objects = f"({has_key(column, keys)}) and json_valid({text})"
    return f"case when {may_be_objects} then {_distinct(objects, identifier)} else {links} end"


def links_of(column: str, link_mark: str) -> str:
    """Return the expression of the list of the identifiers in the links of a text."""
    # Splitting at the mark takes a quarter of the time of finding all matches of a pattern.
    pieces = f"string_split({quoted(column)}, {quoted_text(link_mark)})[2:]"
    pattern = quoted_text(_IDENTIFIER)
    return f"list_distinct(list_transform({pieces}, lambda piece: regexp_extract(piece, {pattern})))"


def has_key(column: str, keys: Mapping[str, Sequence[str]]) -> str:
    """Return the expression that holds for a text with the key of an identifier, as a list of objects has."""
    (names, *_) = keys.values()
    return " or ".join(f"contains({quoted(column)}, {quoted_text(_json_key(name))})" for name in names)


def _json_key(name: str) -> str:
    """Return a key as JSON writes it."""
    return f'"{name}"'


def _first_of(names: Sequence[str]) -> str:
    values = [f"entry->>{quoted_text(f'$.{name}')}" for name in names]
    return f"coalesce({', '.join(values)})" if len(values) > 1 else values[0]


def _distinct(items: str, identifier: str) -> str:
    """Keep the first item of each identifier."""
    identifiers = f"list_transform(items, lambda entry: entry.{quoted(identifier)})"
    is_first = f"list_position({identifiers}, kept.{quoted(identifier)}) = place"
    # The outer list names the items, so that they are computed once.
    return f"list_transform([{items}], lambda items: list_filter(items, lambda kept, place: {is_first}))[1]"
