"""Count the cells of optional columns that could not be read: such a cell is NULL, and its row stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw

from tiktok_pipeline.raw.schema import PROFILES, Source
from tiktok_pipeline.validated.clean import COUNTS, RATES, is_unread, quoted_cell
from tiktok_pipeline.validated.schema import LONGEST_CHARACTERS, UNREAD_CELLS_TABLE

OPTIONAL_COLUMNS: Mapping[str, str] = {
    "tiktok_id": "at most 20 digits, all of them exact",
    **{
        name: f"a text of at most {most:,} characters without a NUL character"
        for name, most in LONGEST_CHARACTERS.items()
    },
    "is_verified": "true or false",
    **dict.fromkeys((name for name in COUNTS if name != "followers"), "a count such as 1200, 12,345 or 1.2M"),
    **dict.fromkeys(RATES, "a fraction such as 0.05, not negative"),
    "observed_on": "a date that is not in the future",
}
"""The optional columns of a profile, and what a cell of each is."""

_HAS_LETTER = r"[^\x00-\x40\x5b-\x60\x7b-\x7f]"


def has_unread_cell(source: Source) -> nw.Expr:
    """Return whether any optional cell of a cleaned row was delivered and could not be read."""
    if source.name != PROFILES.name:
        return nw.lit(False)
    return nw.any_horizontal(*(is_unread(name) for name in OPTIONAL_COLUMNS), ignore_nulls=True)


def count_unread_cells(cleaned: nw.LazyFrame[Any], source: Source) -> nw.LazyFrame[Any]:
    """Count the unread cells of each optional column of each file.

    Parameters
    ----------
    cleaned : LazyFrame
        Valid rows as `tiktok_pipeline.validated.clean` returns them; at least all rows with an unread cell.
    source : Source
        The source of the rows.

    Returns
    -------
    LazyFrame
        Rows of ``validated.unread_cells``.
    """
    names = OPTIONAL_COLUMNS if source.name == PROFILES.name else {}
    parts = [_count(cleaned, source, name, expected) for name, expected in names.items()]
    return nw.concat(parts, how="vertical") if parts else _count(cleaned.head(0), source, "account_id", "")


def _count(cleaned: nw.LazyFrame[Any], source: Source, name: str, expected: str) -> nw.LazyFrame[Any]:
    # A text of a person is not quoted, nor is a cell with letters, which may have slipped from another column.
    cell = quoted_cell(f"raw_{name}")
    may_quote = nw.lit(name not in LONGEST_CHARACTERS) & ~nw.col(f"raw_{name}").str.contains(_HAS_LETTER)
    unread = cleaned.filter(is_unread(name)).select("source_file", nw.when(may_quote).then(cell).alias("example"))
    counted = unread.group_by("source_file").agg(nw.len().alias("cells"), nw.col("example").min())
    return counted.select(
        nw.lit(source.name).alias("source"),
        nw.col("source_file"),
        nw.lit(name).alias("column_name"),
        nw.col("cells").cast(nw.Int64),
        nw.lit(expected).alias("expected"),
        nw.col("example"),
    ).select(UNREAD_CELLS_TABLE.frame_names)
