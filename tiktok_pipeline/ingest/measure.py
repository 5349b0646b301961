"""Measure the rows of a delivered file in one pass: number, formats, days, and how many of them are usable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import narwhals as nw

from tiktok_pipeline.ingest.snapshot_key import is_plausible
from tiktok_pipeline.raw.schema import Source
from tiktok_pipeline.validated.clean import (
    delivered_handle,
    delivered_number,
    parse_count,
    strip_and_nullify,
    with_observed_date,
)
from tiktok_pipeline.validated.formats.canonical import canonical_cells
from tiktok_pipeline.validated.formats.detect import detect_formats
from tiktok_pipeline.validated.formats.evidence import evidence_expressions
from tiktok_pipeline.validated.formats.formats import FormatOptions, Formats
from tiktok_pipeline.warehouse.base import Engine

_WIDE_COLUMNS = frozenset({"nickname", "biography", "bio_link", "top_videos", "extra"})
"""Long texts, which no measure needs; the pass reads them and keeps nothing of them."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What one pass over a file shows.

    Attributes
    ----------
    rows : int
        Records, damaged ones included.
    usable_rows : int
        Records that are intact and name a creator and the followers, if the source has them.
    formats : Formats
        The formats of the columns.
    rows_by_day : mapping of date to int
        The usable rows of each day in the date column; all intact rows if none is usable.
    days_of_rows : narwhals.LazyFrame
        ``source_row``, ``creator`` and ``day`` of each usable row; readable until `Engine.unpersist_all`.
    """

    rows: int
    usable_rows: int
    formats: Formats
    rows_by_day: Mapping[date, int] = field(default_factory=dict)
    days_of_rows: nw.LazyFrame[Any]


def measure_rows(
    rows: nw.LazyFrame[Any], source: Source, engine: Engine, *, file: str, today: date, options: FormatOptions
) -> Measures:
    """Read all rows of a file once and measure them.

    Parameters
    ----------
    rows : LazyFrame
        Rows of ``raw.<source>`` of one file.
    source : Source
        The source that they belong to.
    engine : Engine
        The engine that the frame lives in.
    file : str
        The file's name, for messages.
    today : date
        The UTC day; a later day is not plausible.
    options : FormatOptions
        What the person who delivers the file knows about its formats.

    Returns
    -------
    Measures
        Counts and formats.

    Raises
    ------
    AmbiguousFormatError
        If a column has two readings and no option settles it.
    """
    narrow = engine.persist(rows.with_columns(*_emptied(rows)))
    (evidence,) = _rows_of(narrow.select(nw.len().alias("rows"), *evidence_expressions(source, today=today)))
    formats = detect_formats(narrow, evidence, source=source, engine=engine, file=file, today=today, options=options)
    by_file = {} if formats.is_canonical else {_file_of(narrow): formats}
    canonical = canonical_cells(narrow, by_file, engine) if by_file else narrow
    intact = engine.persist(_days_of_rows(canonical, source, engine))
    counted = _rows_of(intact.group_by("day", "is_usable").agg(nw.len().alias("rows")))
    usable = [row for row in counted if row["is_usable"]]
    # Bad rows set no key, unless there is no other row: then the refusal of their snapshot says what is wrong.
    return Measures(
        rows=evidence["rows"],
        usable_rows=sum(row["rows"] for row in usable),
        formats=formats,
        rows_by_day={row["day"]: row["rows"] for row in usable or counted if row["day"] is not None},
        days_of_rows=intact.filter(nw.col("is_usable")),
    )


def history_days(measures: Measures, *, today: date) -> list[date]:
    """Return the days of a daily history, oldest first; none if the file is not one.

    A history has a row for each creator and day: several days, each creator at most once a day, most creators on most
    days. A file of one scrape that took several days has each creator once.

    Parameters
    ----------
    measures : Measures
        The measured file.
    today : date
        The UTC day; a later day is not plausible.
    """
    plausible = {day: rows for day, rows in measures.rows_by_day.items() if is_plausible(day, today=today)}
    most = max(plausible.values(), default=0)
    days = sorted(day for day, rows in plausible.items() if rows > 1 or most <= _STRAY_ROWS)
    if len(days) < _FEWEST_DAYS:
        return []
    creators = (
        measures.days_of_rows.filter(nw.col("day").is_in(days))
        .group_by("creator")
        .agg(nw.len().alias("rows"), nw.col("day").n_unique().alias("days"))
    )
    on_most_days = (nw.col("days") * 2 > len(days)).cast(nw.Int64)
    (counts,) = _rows_of(
        creators.select(
            nw.len().alias("creators"),
            nw.col("rows").sum().alias("rows"),
            nw.col("days").sum().alias("creator_days"),
            on_most_days.sum().alias("regular"),
        )
    )
    is_once_a_day = int(counts["creator_days"]) >= _ONCE_A_DAY * int(counts["rows"])
    is_regular = 2 * int(counts["regular"]) > counts["creators"]
    return days if is_once_a_day and is_regular else []


_FEWEST_DAYS = 2
_STRAY_ROWS = 2
_ONCE_A_DAY = 0.95
"""Share of rows that are the only one of their creator on their day; a scraper may have tried twice."""


def _days_of_rows(canonical: nw.LazyFrame[Any], source: Source, engine: Engine) -> nw.LazyFrame[Any]:
    names = source.columns
    creator = delivered_handle(source)
    if "tiktok_id" in names:
        creator = nw.coalesce(creator, delivered_number(source))
    usable = ~creator.is_null()
    if "followers" in names:
        usable = usable & ~parse_count(strip_and_nullify(nw.col("followers"))).is_null()
    intact = canonical.filter(nw.col("read_problem").is_null())
    if "observed_on" in names:
        dated = with_observed_date(intact, "day")
    else:
        dated = intact.with_columns(nw.lit(None).cast(nw.String).alias("day"))
    chosen = dated.select("source_row", creator.alias("creator"), "day", usable.alias("is_usable"))
    return engine.try_cast(chosen, {"day": "date"})


def _emptied(rows: nw.LazyFrame[Any]) -> list[nw.Expr]:
    names = [name for name in rows.collect_schema().names() if name in _WIDE_COLUMNS]
    return [nw.lit(None).cast(nw.String).alias(name) for name in names]


def _file_of(rows: nw.LazyFrame[Any]) -> str:
    return str(rows.select("source_file").head(1).collect("pyarrow").item(0, "source_file"))


def _rows_of(frame: nw.LazyFrame[Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.collect("pyarrow").to_native().to_pylist()
    return rows
