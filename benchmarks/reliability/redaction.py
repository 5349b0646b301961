"""Forgets creators in generated files, one after the other: no trace may be left, and no other record may change.

The files have quotes, delimiters, line breaks and escapes in and around the records of the creators, and mentions.
They are CSV, JSON, xlsx and Parquet, plain, in gzip and in zip; beside them lie refused ones, whole and cut off. Most
of the time of a trial goes into planning queries, so twelve creators are forgotten in one file, and the files are
shared out to processes. Nothing of Dagster runs.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import record
from benchmarks.reliability.redaction_files import CREATORS, DAY, unpacked, write_files
from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.register import register
from tiktok_pipeline.ingest.snapshot_rows import raw_rows
from tiktok_pipeline.privacy.find_creator import find_creator
from tiktok_pipeline.privacy.redact_files import redact_stored_files
from tiktok_pipeline.privacy.scrub import files_with_names, remove_matching_files
from tiktok_pipeline.privacy.suppression import SuppressionList
from tiktok_pipeline.processes import start_worker
from tiktok_pipeline.raw.schema import PROFILES
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import UnreadableFileError, Warehouse
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

FINDING = 8
"""In every eighth file the names of the creators are found in the records, not given: it takes half of the time."""


@dataclass
class RedactionCounts:
    """What became of the files; a trace or a changed neighbor is a violation.

    Attributes
    ----------
    files, refused : int
        Generated files, and those that registration refused.
    redactions : int
        Erasures of one creator in one file that was not refused.
    records : int
        Records that were blanked.
    neighbors : int
        Comparisons of a record of somebody else before and after an erasure, cell by cell.
    deleted : int
        Refused files that were deleted, because they held a creator.
    formats : dict of str to int
        The stored files by the ending under which they were delivered.
    violations : list of str
        What is wrong, with the number of the file.
    """

    files: int = 0
    refused: int = 0
    redactions: int = 0
    records: int = 0
    neighbors: int = 0
    deleted: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __add__(self, other: RedactionCounts) -> RedactionCounts:
        """Add the counts of other files."""
        return RedactionCounts(**{name: value + vars(other)[name] for name, value in vars(self).items()})


def measure_redaction(
    redactions: int, *, seed: int, folder: Path, seconds: float = float("inf"), first: int = 1, step: int = 1
) -> RedactionCounts:
    """Generate and store files, and forget each of `CREATORS` in each, one after the other.

    Parameters
    ----------
    redactions : int
        End with the file in which so many erasures are reached.
    seed : int
        The same seed makes the same files.
    folder : Path
        An empty folder.
    seconds : float
        Stop after so many seconds, with fewer files.
    first, step : int
        Number of the first file, and the distance to the next one.

    Returns
    -------
    RedactionCounts
        The sums over all files.
    """
    counts, number, start = RedactionCounts(), first, time.monotonic()
    with DuckDBWarehouse(None) as engine:
        while counts.redactions < redactions and time.monotonic() - start < seconds:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                _try(number, random.Random(f"{seed} {number}"), Path(place), engine, counts)  # noqa: S311
            number += step
    return counts


def measure_in_processes(redactions: int, *, seed: int, folder: Path, seconds: float, jobs: int) -> RedactionCounts:
    """Share out the redactions to ``jobs`` processes; each takes every ``jobs``-th file."""
    each = -(-redactions // jobs)
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=start_worker, initargs=(os.getpid(),)) as pool:
        running = [
            pool.submit(measure_redaction, each, seed=seed, folder=folder, seconds=seconds, first=first, step=jobs)
            for first in range(1, jobs + 1)
        ]
        return sum((one.result() for one in running), RedactionCounts())


def _try(number: int, draw: random.Random, folder: Path, engine: Warehouse, counts: RedactionCounts) -> None:
    counts.files += 1
    settings = Settings(home=folder / "home")
    generated = write_files(draw, folder, settings.refused)
    try:
        register([generated.path], IngestConfig(raw=settings.raw, engine=engine), IngestOptions(snapshot=DAY))
    except UnreadableFileError:
        counts.refused += 1
        return
    counts.formats["".join(generated.path.suffixes)] += 1
    before, suppression = _rows(settings, engine), SuppressionList("00")
    for creator in CREATORS:
        names = sorted(creator)
        if number % FINDING == 0:
            names = sorted({*names, *find_creator(settings, creator[0], engine).names})
        suppression = suppression.with_names(names)
        counts.redactions += 1
        counts.records += redact_stored_files(settings.raw, suppression, names=names, engine=engine)
        after = _rows(settings, engine)
        problems = [*_refused_problems(settings, generated.refused, names, counts)]
        problems += [f"a trace in {left.name}" for left in files_with_names(settings, names)]
        problems += _changes(before, after, creator, settings, counts)
        counts.violations += [f"file {number}, {creator[0]}: {problem}" for problem in problems]
        before = after


def _refused_problems(
    settings: Settings, refused: Sequence[Path], names: Sequence[str], counts: RedactionCounts
) -> Iterator[str]:
    """Delete the refused files that hold a name; none may stay that does, and none may go that does not."""
    there = [path for path in refused if path.exists()]
    holds = {path for path in there if any(name.encode() in unpacked(path).lower() for name in names)}
    deleted = set(remove_matching_files(settings, names))
    counts.deleted += len(deleted)
    yield from (f"a refused file stays: {path.name}" for path in sorted(holds - deleted))
    no_parquet = {path for path in deleted - holds if path.suffix != ".parquet"}  # its pages are packed
    yield from (f"a refused file of others is gone: {path.name}" for path in sorted(no_parquet))


def _changes(
    before: dict[int, tuple[Any, ...]],
    after: dict[int, tuple[Any, ...]],
    creator: tuple[str, str],
    settings: Settings,
    counts: RedactionCounts,
) -> list[str]:
    """List the records that changed though they neither are the creator's nor mention the creator."""
    if not snapshots_on_disk(settings.raw):  # no record of anybody else was in the file
        return [f"record {place} is gone" for place, cells in before.items() if not _mentions(cells, creator)]
    blanked = {row for entry in read_manifest(settings.raw / DAY) for row in entry.forgotten_rows}
    others = {
        place: cells for place, cells in before.items() if place not in blanked and not _mentions(cells, creator)
    }
    counts.neighbors += len(others)
    changed = [f"record {place} changed" for place, cells in others.items() if after.get(place) != cells]
    return changed + ([f"{len(before)} records became {len(after)}"] if set(after) != set(before) else [])


def _rows(settings: Settings, engine: Warehouse) -> dict[int, tuple[Any, ...]]:
    rows = raw_rows(settings.raw / DAY, PROFILES, engine)
    if rows is None:
        return {}
    columns = ["source_row", "read_problem", *PROFILES.columns, "extra"]
    table = rows.select(columns).collect("pyarrow").to_native().to_pylist()
    return {row["source_row"]: tuple(row[name] for name in columns) for row in table}


def _mentions(cells: tuple[Any, ...], creator: tuple[str, str]) -> bool:
    text = json.dumps(cells, ensure_ascii=False).lower()
    return any(name in text for name in creator)


def redaction_command(
    redactions: Annotated[int, typer.Option(min=1, help="Number of erasures of one creator in one file.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    seconds: Annotated[float, typer.Option(min=1, help="Stop after so many seconds.")] = 7200,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Forget creators in generated files; exit code 1 if a trace is left or another record changed."""
    with tempfile.TemporaryDirectory() as folder:
        counts = measure_in_processes(redactions, seed=seed, folder=Path(folder), seconds=seconds, jobs=jobs)
    for violation in counts.violations:
        typer.echo(violation)
    result = {**vars(counts), "formats": dict(counts.formats), "violations": len(counts.violations)}
    typer.echo(str(result))
    if save_it:
        settings = {"redactions": redactions, "seed": seed, "jobs": jobs, "seconds": seconds}
        described = {"settings": settings, **result, "what": counts.violations}
        typer.echo(f"saved: {record.save('redaction', described)}")
    if counts.violations:
        raise typer.Exit(1)
