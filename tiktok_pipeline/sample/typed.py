"""The rows of a scrape in types, as vendors write Parquet: counts, rates, truth values and times are no texts."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

TYPES: dict[str, pa.DataType] = {
    "timestamp": pa.timestamp("us"),
    **dict.fromkeys(("awg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"), pa.float64()),
    **dict.fromkeys(("followers", "following", "likes", "videos_count"), pa.int64()),
    **dict.fromkeys(("is_verified", "is_private"), pa.bool_()),
}
"""The type of each column that is no text."""

_SPELLINGS = {
    pa.timestamp("us"): r"^2[0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-9])|(0[13-9]|1[0-2])-30)$",
    pa.float64(): r"^-?[0-9]+([.][0-9]+)?(e-?[0-9]+)?$",
    pa.int64(): r"^-?[0-9]{1,18}$",
    pa.bool_(): r"^(true|false)$",
}


def typed_schema(columns: tuple[str, ...]) -> pa.Schema:
    """Return the schema of a typed file with these columns."""
    return pa.schema([(name, TYPES.get(name, pa.string())) for name in columns])


def typed(table: pa.Table) -> pa.Table:
    """Return a table of texts in types; a text that has no such value, and the word ``null``, becomes missing.

    Examples
    --------
    >>> typed(pa.table({"followers": ["12", "12K"], "bio_link": ["null", "a.b"]})).to_pydict()
    {'followers': [12, None], 'bio_link': [None, 'a.b']}
    """
    columns = [_typed_column(name, table.column(name)) for name in table.column_names]
    return pa.table(columns, schema=typed_schema(tuple(table.column_names)))


def _typed_column(name: str, texts: pa.ChunkedArray) -> pa.ChunkedArray:
    if name not in TYPES:
        return pc.if_else(pc.equal(texts, "null"), pa.scalar(None, pa.string()), texts)
    is_value = pc.match_substring_regex(texts, _SPELLINGS[TYPES[name]])
    return pc.if_else(is_value, texts, pa.scalar(None, pa.string())).cast(TYPES[name])
