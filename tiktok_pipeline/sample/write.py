"""Write synthetic scrapes block by block: CSV (plain or gzip) or Parquet, and the activity file beside them.

A file gets its name only when it is complete. Columns and quoting are those of the public data set.
"""

from __future__ import annotations

import contextlib
import gzip
import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from tiktok_pipeline.atomic_write import atomic_write
from tiktok_pipeline.sample import texts
from tiktok_pipeline.sample.activity import activity_lines
from tiktok_pipeline.sample.creators import Block, block_at, block_count, generator
from tiktok_pipeline.sample.flaws import repeats, spoil

FIRST_DAY = date(2024, 3, 4)
DAYS_BETWEEN = 28
SCRAPING_DAYS = 25
FORMATS = ("csv", "csv.gz", "parquet")
COLUMNS = (
    "timestamp", "account_id", "nickname", "biography", "awg_engagement_rate", "comment_engagement_rate",
    "like_engagement_rate", "bio_link", "is_verified", "followers", "following", "likes",
    "videos_count", "create_time",
    "id", "top_videos", "url", "profile_pic_url",
)  # fmt: skip
_HEADER = ",".join(f'"{name}"' for name in COLUMNS) + "\n"


def write_sample(
    out: Path,
    *,
    profiles: int,
    snapshots: int,
    random_state: int,
    activity: int = 2600,
    file_format: str = "csv",
    top_videos: int = 1,
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
    file_format : {"csv", "csv.gz", "parquet"}
        Format of the profiles.
    top_videos : int, default 1
        The largest number of video links of a creator.
    processes : int, default 1
        Processes that make blocks in parallel.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ValueError
        If the format is unknown.
    """
    if file_format not in FORMATS:
        msg = f"format {file_format!r}: expected one of {', '.join(FORMATS)}"
        raise ValueError(msg)
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for snapshot in range(snapshots):
        day = FIRST_DAY + timedelta(days=DAYS_BETWEEN * snapshot)
        recipe = _Recipe(profiles, snapshot, random_state, day, top_videos)
        path = out / f"profiles_{day}.{file_format}"
        _WRITERS[file_format](path, _all_tables(recipe, processes))
        paths.append(path)
    if activity:
        path = out / f"creator_activity_{FIRST_DAY + timedelta(days=DAYS_BETWEEN * (snapshots - 1))}.csv"
        with _whole(path) as target:
            target.write(activity_lines(activity, generator(random_state, 3)).encode())
        paths.append(path)
    return paths


@dataclass(frozen=True)
class _Recipe:
    """The arguments that the rows of a snapshot depend on."""

    profiles: int
    snapshot: int
    random_state: int
    day: date
    top_videos: int


def _all_tables(recipe: _Recipe, processes: int) -> Iterator[pa.Table]:
    """Yield the tables of a snapshot in order; each process makes a few ahead of the writer."""
    places = range(block_count(profiles=recipe.profiles, snapshot=recipe.snapshot))
    make = partial(_tables_of, recipe)
    if processes == 1:
        for place in places:
            yield from make(place)
        return
    # A process that is forked while threads run may never end.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        ahead: deque[Future[list[pa.Table]]] = deque()
        for place in places:
            ahead.append(pool.submit(make, place))
            if len(ahead) > 2 * processes:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


def _tables_of(recipe: _Recipe, place: int) -> list[pa.Table]:
    block = block_at(place, profiles=recipe.profiles, snapshot=recipe.snapshot, random_state=recipe.random_state)
    if not len(block.number):
        return []
    draws = generator(recipe.random_state, 2, recipe.snapshot, place)
    return list(_tables(block, recipe.day, draws, recipe.top_videos))


def _tables(block: Block, day: date, draws: np.random.Generator, top_videos: int) -> Iterator[pa.Table]:
    """Yield the rows of one block as text, some with flaws, then a few rows again."""
    ages = np.minimum(draws.geometric(0.18, len(block.number)) - 1, SCRAPING_DAYS)
    ages[:1] = 0  # at least one row has the date of the snapshot
    days = pa.array([str(day - timedelta(days=age)) for age in range(SCRAPING_DAYS + 1)])
    handle = texts.handles(block.number, block.handle_version)
    columns = {
        "timestamp": days.take(pa.array(ages)),
        "account_id": handle,
        "nickname": texts.nicknames(block.number),
        "biography": texts.biographies(block.number),
        "awg_engagement_rate": _text(block.comment_rate + block.like_rate),
        "comment_engagement_rate": _text(block.comment_rate),
        "like_engagement_rate": _text(block.like_rate),
        "bio_link": texts.links(handle, block.has_link),
        "is_verified": _text(block.is_verified),
        "followers": _text(block.followers),
        "following": _text(block.following),
        "likes": _text(block.likes),
        "videos_count": _text(block.videos_count),
        "create_time": pa.array(["null"] * len(block.number)),
        "id": texts.account_numbers(block.number),
        "top_videos": texts.video_links(handle, block.number, block.videos_count, top_videos),
        "url": pa.compute.binary_join_element_wise("https://www.tiktok.com/@", handle, ""),
        "profile_pic_url": pa.array(["https://example.org/p.jpg"] * len(block.number)),
    }
    table = pa.table({name: columns[name] for name in COLUMNS})
    yield spoil(table, draws)
    yield repeats(table, draws, older=str(day - timedelta(days=SCRAPING_DAYS + 1)))


def _text(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values).cast(pa.string())


def _write_csv(path: Path, tables: Iterator[pa.Table]) -> None:
    with _whole(path) as target:
        _write_lines(target, tables)


def _write_csv_gz(path: Path, tables: Iterator[pa.Table]) -> None:
    with _whole(path) as target, gzip.GzipFile("", "wb", 6, target, mtime=0) as packed:
        _write_lines(packed, tables)


def _write_lines(target: IO[bytes] | gzip.GzipFile, tables: Iterator[pa.Table]) -> None:
    """Write the header and all rows, and after the first table the flaws that only a CSV can have."""
    target.write(_HEADER.encode())
    options = pa_csv.WriteOptions(include_header=False, quoting_style="all_valid")
    for number, table in enumerate(tables):
        lines = io.BytesIO()
        pa_csv.write_csv(table, lines, options)
        target.write(lines.getvalue())
        if number == 0:
            target.write(_HEADER.encode())
            target.write(b'"2024-03-01","cut.off_1","Cut","the line ends here"\n')
            target.write((",".join(['"2024-03-01"', '"too.long_1"', *['"1"'] * len(COLUMNS)]) + "\n").encode())


def _write_parquet(path: Path, tables: Iterator[pa.Table]) -> None:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    with _whole(path) as target, pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


_WRITERS: dict[str, Callable[[Path, Iterator[pa.Table]], None]] = {
    "csv": _write_csv,
    "csv.gz": _write_csv_gz,
    "parquet": _write_parquet,
}


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Give the block a file to write; it replaces ``path`` when the block ends without an error."""
    with atomic_write(path) as draft, draft.open("wb") as target:
        yield target
