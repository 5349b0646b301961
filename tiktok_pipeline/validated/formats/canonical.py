"""Rewrite the cells of delivered columns to the canonical spelling that the parsers know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import narwhals as nw

from tiktok_pipeline.missing_values import NUMBER_NULL_PATTERN
from tiktok_pipeline.validated.clean import COUNTS, UNREADABLE, one_of
from tiktok_pipeline.validated.formats.dates import days
from tiktok_pipeline.validated.formats.formats import ColumnFormat, Formats
from tiktok_pipeline.validated.formats.numbers import (
    canonical_count,
    canonical_rate,
    multiplied,
    reduced,
    strip_blanks,
)
from tiktok_pipeline.warehouse.base import Engine

_DATE_COLUMN = "observed_on"


def canonical_cells(
    rows: nw.LazyFrame[Any], formats_by_file: Mapping[str, Formats], engine: Engine
) -> nw.LazyFrame[Any]:
    """Rewrite the cells of columns that are not canonical; the rows of other files stay as they are.

    Parameters
    ----------
    rows : LazyFrame
        Rows of ``raw.<source>``, with ``source_file``.
    formats_by_file : mapping of str to Formats
        The formats by ``source_file``; a file without an entry is canonical.
    engine : Engine
        The engine that the frame lives in.

    Returns
    -------
    LazyFrame
        The same columns. A cell that does not fit its column's format follows
        `tiktok_pipeline.validated.clean.UNREADABLE`, so that no parser reads it.
    """
    names = rows.collect_schema().names()
    files: dict[tuple[str, ColumnFormat], list[str]] = {}
    for file, formats in sorted(formats_by_file.items()):
        for name, format_ in formats.columns.items():
            if name in names:
                files.setdefault((name, _without_words(format_)), []).append(file)
    for (name, format_), of_format in files.items():
        is_of_format = one_of(nw.col("source_file"), of_format)
        rewrite = _with_canonical_days if name == _DATE_COLUMN else _with_canonical_numbers
        rows = rewrite(rows, name, format_, is_of_format, engine).select(names)
    return rows


def _without_words(format_: ColumnFormat) -> ColumnFormat:
    """Return a format without its example and note, which differ between files that are read alike."""
    return ColumnFormat(
        decimal=format_.decimal,
        unit=format_.unit,
        power=format_.power,
        day_order=format_.day_order,
        earliest=format_.earliest,
        latest=format_.latest,
    )


def _with_canonical_numbers(
    rows: nw.LazyFrame[Any], name: str, format_: ColumnFormat, is_of_format: nw.Expr, engine: Engine
) -> nw.LazyFrame[Any]:
    del engine
    delivered, number = nw.col(name), nw.col("reduced_cell")
    if name in COUNTS and not format_.power:
        # Digits alone are canonical: the engine rewrites the other cells only.
        is_of_format = is_of_format & ~delivered.str.contains("^[0-9]*$")
    without_words = multiplied(reduced(delivered), format_.power)
    with_number = rows.with_columns(nw.when(is_of_format).then(without_words).alias("reduced_cell"))
    if name in COUNTS:
        rewritten = canonical_count(number, format_.decimal, delivered)
    else:
        rewritten = canonical_rate(number, format_.decimal, format_.unit, delivered)
    return with_number.with_columns(nw.when(is_of_format).then(rewritten).otherwise(delivered).alias(name))


def _with_canonical_days(
    rows: nw.LazyFrame[Any], name: str, format_: ColumnFormat, is_of_format: nw.Expr, engine: Engine
) -> nw.LazyFrame[Any]:
    delivered = nw.col(name)
    latest = date.fromisoformat(format_.latest)
    # The different cells are few. Read in the plan of all rows, the patterns take minutes over a Parquet file.
    cells = engine.persist(rows.filter(is_of_format).select(delivered.alias("date_cell")).unique())
    day_of_cell = engine.persist(days(cells, "date_cell", {"read_day": format_.day_order}, engine, latest=latest))
    read = rows.join(day_of_cell, left_on=name, right_on="date_cell", how="left")
    is_missing = strip_blanks(delivered).str.contains(f"^({NUMBER_NULL_PATTERN})?$")
    unreadable = nw.when(~delivered.is_null()).then(nw.concat_str([nw.lit(UNREADABLE), delivered]))
    rewritten = (
        nw.when(~nw.col("read_day").is_null())
        .then(nw.col("read_day").cast(nw.String))
        .when(is_missing)
        .then(delivered)
        .otherwise(unreadable)
    )
    return read.with_columns(nw.when(is_of_format).then(rewritten).otherwise(delivered).alias(name))
