"""Count the cells of optional columns that could not be read: such a cell is NULL, and its row stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.frames import to_pandas
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


def count_unread_cells(cleaned: nw.LazyFrame[Any], source: Source) -> pd.DataFrame:
    """Count the unread cells of each optional column of each file; one query.

    Parameters
    ----------
    cleaned : LazyFrame
        Valid rows as `tiktok_pipeline.validated.clean` returns them; at least all rows with an unread cell.
    source : Source
        The source of the rows.

    Returns
    -------
    DataFrame
        Rows of ``validated.unread_cells``, by file and then in the order of `OPTIONAL_COLUMNS`.
    """
    if source.name != PROFILES.name:
        return pd.DataFrame(columns=UNREAD_CELLS_TABLE.frame_names)
    cells = {f"{name}_is_unread": is_unread(name) for name in OPTIONAL_COLUMNS}
    unread = cleaned.filter(has_unread_cell(source)).with_columns(**cells)
    marked = unread.select("source_file", *cells, **{f"{name}_example": _example(name) for name in OPTIONAL_COLUMNS})
    counts = [nw.col(name).cast(nw.Int64).sum() for name in cells]
    examples = [nw.col(f"{name}_example").min() for name in OPTIONAL_COLUMNS]
    files = to_pandas(marked.group_by("source_file").agg(*counts, *examples).sort("source_file"))
    rows = [
        (source.name, file["source_file"], name, int(file[f"{name}_is_unread"]), expected, file[f"{name}_example"])
        for file in files.to_dict("records")
        for name, expected in OPTIONAL_COLUMNS.items()
        if file[f"{name}_is_unread"]
    ]
    return pd.DataFrame(rows, columns=UNREAD_CELLS_TABLE.frame_names)


def _example(name: str) -> nw.Expr:
    """Return the cell if it is unread and may be quoted.

    A text of a person is not quoted, nor is a cell with letters, which may have slipped from another column.
    """
    may_quote = nw.lit(name not in LONGEST_CHARACTERS) & ~nw.col(f"raw_{name}").str.contains(_HAS_LETTER)
    return nw.when(nw.col(f"{name}_is_unread") & may_quote).then(quoted_cell(f"raw_{name}"))
