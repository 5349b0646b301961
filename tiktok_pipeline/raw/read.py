"""Map a scanned file to the canonical columns of its source; every cell keeps its text."""

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
    """Return the rows of one file as rows of ``raw.<source>``, lazily, without ``snapshot``.

    A record that repeats the header gets a ``read_problem``. Columns that the dialect does not map go to ``extra``, a
    JSON object; a name that occurs twice gets its position appended.

    Parameters
    ----------
    scan : ScannedFile
        The file as the engine reads it.
    dialect : Dialect
        How the file spells the canonical columns.
    source_file : str
        The file's name in ``raw/<snapshot>/``.
    engine : Engine
        The engine that the frame lives in.
    forgotten : collection of int, optional
        Ordinals (from 1) of the records to blank: they keep their position and no cell.

    Returns
    -------
    LazyFrame
        One row per record, in the column order of ``raw.<source>``.
    """
    mapped = {
        name: f"cell_{scan.header.index(column)}" for name, column in dialect.columns.items() if column in scan.header
    }
    rows = engine.to_json(scan.rows, "extra", _unmapped(scan.header, set(mapped.values())))
    repeats = nw.all_horizontal(
        *(nw.col(cell) == nw.lit(scan.header[int(cell.removeprefix("cell_"))]) for cell in mapped.values()),
        ignore_nulls=False,
    )
    absent = [name for name in dialect.source.columns if name not in mapped]
    problem = nw.when(nw.col("read_problem").is_null() & repeats).then(nw.lit("the header, repeated among the rows"))
    mapped_rows = rows.select(
        nw.lit(source_file).alias("source_file"),
        nw.col("source_row").cast(nw.Int64),
        nw.lit(dialect.name).alias("dialect"),
        problem.otherwise(nw.col("read_problem")).alias("read_problem"),
        *(nw.col(cell).alias(name) for name, cell in mapped.items()),
        *(nw.lit(None).cast(nw.String).alias(name) for name in absent),
        nw.col("extra"),
    )
    if forgotten:
        mapped_rows = blank_rows(mapped_rows, nw.col("source_row").is_in(sorted(forgotten)), dialect.source)
    # The engine concatenates the files of a snapshot by column position.
    return mapped_rows.select(dialect.source.table.frame_names)


def read_stored_file(
    path: Path, dialect: Dialect, *, engine: Engine, forgotten: Collection[int] = ()
) -> nw.LazyFrame[Any]:
    """Scan a file of a known dialect and read it with `read_file`.

    Parameters
    ----------
    path : Path
        The file; its name becomes ``source_file``.
    dialect : Dialect
        The dialect that was recognized when the file was ingested.
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


def blank_rows(rows: nw.LazyFrame[Any], forgotten: nw.Expr, source: Source) -> nw.LazyFrame[Any]:
    """Return rows of ``raw.<source>`` in which the ``forgotten`` rows have a position and no cells."""
    cells = [
        nw.when(~forgotten).then(nw.col(name)).otherwise(nw.lit(None).cast(nw.String)).alias(name)
        for name in (*source.columns, "extra")
    ]
    reason = nw.when(forgotten).then(nw.lit(FORGOTTEN_RECORD)).otherwise(nw.col("read_problem"))
    return rows.with_columns(*cells, reason.alias("read_problem"))


def _unmapped(header: Sequence[str], mapped: set[str]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for number, name in enumerate(header):
        if f"cell_{number}" not in mapped:
            cells[name if name not in cells else f"{name} ({number + 1})"] = f"cell_{number}"
    return cells
