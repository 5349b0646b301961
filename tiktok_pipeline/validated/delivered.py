"""Which columns a file has: an empty cell means "no", a cell of a column that the file lacks means unknown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import narwhals as nw

from tiktok_pipeline.raw.schema import PROFILES, Source
from tiktok_pipeline.validated.clean import PRESENCE_COLUMNS, one_of


def mark_delivered(
    raw: nw.LazyFrame[Any], source: Source, columns: Mapping[str, Collection[str]]
) -> nw.LazyFrame[Any]:
    """Add ``delivers_<name>`` for each column of `PRESENCE_COLUMNS`: whether the file of the row has the column.

    Parameters
    ----------
    raw : LazyFrame
        Rows of ``raw.<source>``.
    source : Source
        The source of the rows; only profiles get the columns.
    columns : mapping of str to collection of str
        The canonical columns of each file by ``source_file``. A file without an entry is taken to have the columns
        that hold at least one cell: a missing column is NULL in every row.
    """
    if source.name != PROFILES.name:
        return raw
    names = tuple(PRESENCE_COLUMNS.values())
    # Reading the cells of all rows costs more than the names of their files.
    delivered = raw.select("source_file").unique().collect("pyarrow")["source_file"].to_list()
    files = _with_cells(raw, names) if set(delivered) - set(columns) else {}
    files |= columns
    return raw.with_columns(
        *(
            one_of(nw.col("source_file"), sorted(file for file, has in files.items() if name in has)).alias(
                f"delivers_{name}"
            )
            for name in names
        )
    )


def _with_cells(raw: nw.LazyFrame[Any], names: Collection[str]) -> dict[str, Collection[str]]:
    """Return the columns of each file that have at least one cell."""
    filled = raw.group_by("source_file").agg(*(nw.col(name).count().alias(name) for name in names))
    counts = filled.collect("pyarrow").to_native().to_pylist()
    return {row["source_file"]: [name for name in names if row[name]] for row in counts}
