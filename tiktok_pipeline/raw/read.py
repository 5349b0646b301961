"""Maps a scanned file to the canonical columns of its source; every cell stays the text that it was."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw

from tiktok_pipeline.raw.dialects import Dialect
from tiktok_pipeline.raw.schema import Source
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.warehouse.base import Engine, ScannedFile, UnreadableFileError

FORGOTTEN_RECORD = "forgotten"
"""The ``read_problem`` of a record that was blanked because its creator asked to be forgotten."""


def read_file(
    scan: ScannedFile, dialect: Dialect, *, source_file: str, engine: Engine, forgotten: Collection[int] = ()
) -> nw.LazyFrame[Any]:
    """The rows of one file as rows of ``raw.<source>`` (without ``snapshot``), lazily.

    The rows whose ordinal is in ``forgotten`` keep their place and nothing else.

    A record that repeats the header keeps its place and gets a ``read_problem``. Columns that the dialect does not
    map go to ``extra``; a name that stands there twice gets its position appended.
    """
    mapped = {
        name: f"cell_{scan.header.index(theirs)}" for name, theirs in dialect.columns.items() if theirs in scan.header
    }
    rows = engine.to_json(scan.rows, "extra", _unmapped(scan.header, set(mapped.values())))
    repeats = nw.all_horizontal(
        *(nw.col(cell) == nw.lit(scan.header[int(cell.removeprefix("cell_"))]) for cell in mapped.values()),
        ignore_nulls=False,
    )
    absent = [name for name in dialect.source.columns if name not in mapped]
    problem = nw.when(nw.col("read_problem").is_null() & repeats).then(nw.lit("the header, repeated among the rows"))
    found = rows.select(
        nw.lit(source_file).alias("source_file"),
        nw.col("source_row").cast(nw.Int64),
        nw.lit(dialect.name).alias("dialect"),
        problem.otherwise(nw.col("read_problem")).alias("read_problem"),
        *(nw.col(cell).alias(name) for name, cell in mapped.items()),
        *(nw.lit(None).cast(nw.String).alias(name) for name in absent),
        nw.col("extra"),
    )
    if forgotten:
        found = without_cells(found, nw.col("source_row").is_in(sorted(forgotten)), dialect.source)
    # In one order for all dialects: the engine stacks the files of a snapshot by position.
    return found.select(dialect.source.table.frame_names)


def read_stored_file(
    path: Path, dialect: Dialect, *, engine: Engine, forgotten: Collection[int] = ()
) -> nw.LazyFrame[Any]:
    """Scan a file of a known dialect and read it with `read_file`.

    Parameters
    ----------
    path : Path
        The file; its name becomes ``source_file``.
    dialect : Dialect
        The dialect that was recognised when the file was ingested.
    engine : Engine
        The engine that scans the file.
    forgotten : collection of int
        Ordinals (from 1) of the records that have no cells, see `read_file`.

    Returns
    -------
    narwhals.LazyFrame
        Rows of ``raw.<source>``, without ``snapshot``.

    Raises
    ------
    UnreadableFileError
        If the file cannot be scanned, or lacks columns that the dialect requires.
    """
    format_ = file_format(path)
    if format_ is None:
        raise UnreadableFileError(f"{path}: of no known format", remedy="deliver the file again")
    with engine.reading(path):
        scan = engine.scan(path, format_)
        if missing := dialect.missing(scan.header):
            raise UnreadableFileError(
                f"{path}: lacks {', '.join(missing)}, which a file of dialect {dialect.name} has",
                remedy="restore it from a backup, or deliver the file again",
            )
        return read_file(scan, dialect, source_file=path.name, engine=engine, forgotten=forgotten)


def without_cells(rows: nw.LazyFrame[Any], forgotten: nw.Expr, source: Source) -> nw.LazyFrame[Any]:
    """Rows of ``raw.<source>`` in which those that are ``forgotten`` have their place and no cells."""
    cells = [
        nw.when(~forgotten).then(nw.col(name)).otherwise(nw.lit(None).cast(nw.String)).alias(name)
        for name in (*source.columns, "extra")
    ]
    reason = nw.when(forgotten).then(nw.lit(FORGOTTEN_RECORD)).otherwise(nw.col("read_problem"))
    return rows.with_columns(*cells, reason.alias("read_problem"))


def _unmapped(header: Sequence[str], taken: set[str]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for number, name in enumerate(header):
        if f"cell_{number}" not in taken:
            cells[name if name not in cells else f"{name} ({number + 1})"] = f"cell_{number}"
    return cells
