"""Write synthetic scrapes block by block: CSV (plain or gzip) or Parquet (texts or types), and the activity file.

A file gets its name only when it is complete. Quoting is that of the public data set.
"""

from __future__ import annotations

import contextlib
import gzip
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tiktok_pipeline.atomic_write import atomic_write
from tiktok_pipeline.processes import start_worker
from tiktok_pipeline.sample.activity import activity_lines
from tiktok_pipeline.sample.creators import block_count
from tiktok_pipeline.sample.draws import generator
from tiktok_pipeline.sample.rows import COLUMNS, PUBLIC, Recipe, tables_of
from tiktok_pipeline.sample.times import snapshot_day
from tiktok_pipeline.sample.truth import SCHEMA, truth_parts
from tiktok_pipeline.sample.typed import typed, typed_schema

TYPED = "typed.parquet"
FORMATS = ("csv", "csv.gz", "parquet", TYPED)
TRUTH_FORMATS = (".csv", ".parquet")
MOST_VIDEOS = 4
"""The largest number of videos that are listed for a creator, unless another one is asked for."""


def write_sample(
    out: Path,
    *,
    profiles: int,
    snapshots: int,
    random_state: int,
    activity: int = 2600,
    file_format: str = "csv",
    top_videos: int = MOST_VIDEOS,
    dialect: str = PUBLIC,
    truth: Path | None = None,
    processes: int = 1,
) -> list[Path]:
    """Write ``profiles_<date>`` for each snapshot and ``creator_activity_<date>.csv`` for the last one.

    The same arguments give the same bytes, whatever the number of processes.

    Parameters
    ----------
    out : Path
        The folder to write to; it is created if it does not exist.
    profiles : int
        Creators in the first snapshot; 5 % more join and 4 % leave at each later one.
    snapshots : int
        Number of snapshots, 28 days apart.
    random_state : int
        Seed of all draws.
    activity : int, default 2600
        Rows of the activity file; 0 writes none.
    file_format : {"csv", "csv.gz", "parquet", "typed.parquet"}
        Format of the profiles. Parquet holds the texts of the CSV, typed Parquet what a vendor's program writes: a
        cell that is no number or no day is missing.
    top_videos : int, default 4
        The largest number of videos that are listed for a creator; a real scrape has 35.
    dialect : {"public_csv", "vendor_export"}, default "public_csv"
        The columns: those of the public data set, or also language and region, and videos with counts of their own.
    truth : Path, optional
        A file to write the rows of `truth_table` to: CSV, or Parquet if its name ends in ``.parquet``.
    processes : int, default 1
        Processes that make blocks in parallel.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ValueError
        If the format or the dialect is unknown, or the name of the truth ends in neither ``.csv`` nor ``.parquet``.
    """
    _check("format", file_format, FORMATS)
    _check("dialect", dialect, tuple(COLUMNS))
    if truth is not None:
        _check("ending of the truth", truth.suffix, TRUTH_FORMATS)
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for snapshot in range(snapshots):
        recipe = Recipe(profiles, snapshot, random_state, top_videos, dialect)
        path = out / f"profiles_{snapshot_day(snapshot)}.{file_format}"
        _WRITERS[file_format](path, _all_tables(recipe, processes), COLUMNS[dialect])
        paths.append(path)
    if activity:
        path = out / f"creator_activity_{snapshot_day(snapshots - 1)}.csv"
        with _whole(path) as target:
            target.write(activity_lines(activity, generator(random_state, 3)).encode())
        paths.append(path)
    if truth is not None:
        parts = truth_parts(profiles=profiles, snapshots=snapshots, random_state=random_state)
        _write_truth(truth, parts)
        paths.append(truth)
    return paths


def _check(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        msg = f"{what} {value!r}: expected one of {', '.join(known)}"
        raise ValueError(msg)


def _all_tables(recipe: Recipe, processes: int) -> Iterator[pa.Table]:
    """Yield the tables of a snapshot in order; each process makes a few ahead of the writer."""
    places = range(block_count(profiles=recipe.profiles, snapshot=recipe.snapshot))
    make = partial(tables_of, recipe)
    if processes == 1:
        for place in places:
            yield from make(place)
        return
    # A process that is forked while threads run may never end.
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=start_worker, initargs=(os.getpid(),)) as pool:
        ahead: deque[Future[list[pa.Table]]] = deque()
        for place in places:
            ahead.append(pool.submit(make, place))
            if len(ahead) > 2 * processes:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


def _write_csv(path: Path, tables: Iterator[pa.Table], columns: tuple[str, ...]) -> None:
    with _whole(path) as target:
        _write_lines(target, tables, columns)


def _write_csv_gz(path: Path, tables: Iterator[pa.Table], columns: tuple[str, ...]) -> None:
    with _whole(path) as target, gzip.GzipFile("", "wb", 6, target, mtime=0) as packed:
        _write_lines(packed, tables, columns)


def _write_lines(target: IO[bytes] | gzip.GzipFile, tables: Iterator[pa.Table], columns: tuple[str, ...]) -> None:
    """Write the header and all rows, and after the first table the flaws that only a CSV can have."""
    header = (",".join(f'"{name}"' for name in columns) + "\n").encode()
    target.write(header)
    options = pa_csv.WriteOptions(include_header=False, quoting_style="all_valid")
    for number, table in enumerate(tables):
        pa_csv.write_csv(table, target, options)
        if number == 0:
            target.write(header)
            target.write(b'"2024-03-01","cut.off_1","Cut","the line ends here"\n')
            target.write((",".join(['"2024-03-01"', '"too.long_1"', *['"1"'] * len(columns)]) + "\n").encode())


def _write_parquet(path: Path, tables: Iterator[pa.Table], columns: tuple[str, ...]) -> None:
    schema = pa.schema([(name, pa.string()) for name in columns])
    with _whole(path) as target, pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


def _write_typed_parquet(path: Path, tables: Iterator[pa.Table], columns: tuple[str, ...]) -> None:
    with _whole(path) as target, pq.ParquetWriter(target, typed_schema(columns), compression="zstd") as writer:
        for table in tables:
            writer.write_table(typed(table))


def _write_truth(path: Path, parts: Iterator[pa.Table]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _whole(path) as target:
        writer = pq.ParquetWriter(target, SCHEMA) if path.suffix == ".parquet" else pa_csv.CSVWriter(target, SCHEMA)
        with writer:
            for part in parts:
                writer.write_table(part)


_WRITERS: dict[str, Callable[[Path, Iterator[pa.Table], tuple[str, ...]], None]] = {
    "csv": _write_csv,
    "csv.gz": _write_csv_gz,
    "parquet": _write_parquet,
    TYPED: _write_typed_parquet,
}


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Give the block a file to write; it replaces ``path`` when the block ends without an error."""
    with atomic_write(path) as draft, draft.open("wb") as target:
        yield target
