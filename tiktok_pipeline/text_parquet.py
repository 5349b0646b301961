"""The form of a text Parquet file: what a delivery is converted to if the engine cannot read it as it is.

Every cell is a text. Three columns come first: the ordinal of the record, its line in the delivered text, and why it
is damaged. An entry of the file's metadata marks the file as ours and holds the column names as delivered, because
an engine may compare the names of columns without case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

ROW, LINE, PROBLEM = "__source_row", "__source_line", "__read_problem"
"""The first three columns."""

PLACE_COLUMNS = (ROW, LINE)
"""Where a record was delivered. They stay when its cells are blanked."""

MARK = b"tiktok_pipeline.text_parquet"
"""The key of the metadata entry. A foreign file with the three columns and without this entry is not ours."""

_VERSION = 1


def header_to_mark(header: Sequence[str]) -> bytes:
    """Return the value of the metadata entry for the column names of a delivered table."""
    return json.dumps({"version": _VERSION, "header": list(header)}).encode()


def is_text_parquet(names: Sequence[str], metadata: Mapping[bytes, bytes]) -> bool:
    """Return whether a Parquet file with these columns and this metadata is one of ours."""
    return MARK in metadata and tuple(names[:3]) == (ROW, LINE, PROBLEM)


def header_from_mark(mark: bytes) -> tuple[str, ...]:
    r"""Return the column names as delivered; raise `ValueError` if the entry is not one of ours.

    Examples
    --------
    >>> header_from_mark(header_to_mark(["id", "\u00e9", "stats.likes"]))
    ('id', 'é', 'stats.likes')
    """
    content = json.loads(mark)
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        msg = "expected a mark of version 1"
        raise ValueError(msg)
    return tuple(str(name) for name in content["header"])
