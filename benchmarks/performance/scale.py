"""A snapshot of any size through the whole pipeline: time by asset, memory, disk, and how they grow with the rows.

The snapshot is a Parquet file from the sample generator, with bad rows and duplicates; making it is not counted.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.process import Measured, measure
from tiktok_pipeline.sample import write_sample

Say = Callable[[str], None]

RANDOM_STATE = 7


@dataclass(frozen=True)
class Scaled:
    """One refresh of one snapshot of so many ``rows``; seconds by step in the order in which they ran."""

    rows: int
    studies: tuple[str, ...]
    measured: Measured
    seconds_by_step: dict[str, float]
    snapshot_megabytes: float
    warehouse_megabytes: float
    published_megabytes: float

    @property
    def rows_per_second(self) -> float:
        """Delivered rows for each second of wall time."""
        return self.rows / self.measured.wall_seconds


def make_snapshot(folder: Path, profiles: int, say: Say) -> Path:
    """The Parquet snapshot of ``profiles`` creators in ``folder``; one that is there already is taken as it is."""
    own = folder / f"profiles_{profiles}"
    if not own.exists():
        say(f"making a snapshot of {profiles:,} profiles ...")
        write_sample(
            own,
            profiles=profiles,
            snapshots=1,
            random_state=RANDOM_STATE,
            activity=0,
            file_format="parquet",
            processes=os.cpu_count() or 1,
        )
    return next(own.glob("profiles_*.parquet"))


@contextmanager
def work_folder(keep: Path | None) -> Iterator[Path]:
    """``keep``, or a folder that goes away."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with TemporaryDirectory(prefix="benchmark-") as folder:
        yield Path(folder)


def scale(profiles: int, studies: Sequence[str], *, folder: Path, settings: dict[str, str], say: Say) -> Scaled:
    """Refresh a snapshot of ``profiles`` creators for some studies, in a fresh home beside it, as a whole process."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    scrape = make_snapshot(folder, profiles, say)
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    chosen = [word for study in studies for word in ("--study", study)]
    try:
        measured = measure(
            [sys.executable, "-m", "tiktok_pipeline", "refresh", str(scrape), *chosen],
            {**os.environ, "TIKTOK_PIPELINE_HOME": str(home), **settings},
            disk=home,
        )
        return Scaled(
            rows=pq.read_metadata(scrape).num_rows,
            studies=tuple(studies),
            measured=measured,
            seconds_by_step=seconds_by_step(home),
            snapshot_megabytes=scrape.stat().st_size / 1e6,
            warehouse_megabytes=(home / "warehouse" / "tiktok.duckdb").stat().st_size / 1e6,
            published_megabytes=(home / "published" / "tiktok.duckdb").stat().st_size / 1e6,
        )
    finally:
        shutil.rmtree(home, ignore_errors=True)


def seconds_by_step(home: Path) -> dict[str, float]:
    """How long each step of the runs of a home took, in the order of their start, from Dagster's own records."""
    from dagster import DagsterInstance  # noqa: PLC0415 - importing it takes seconds

    found: dict[str, float] = {}
    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        for run in reversed(instance.get_runs()):
            stats = [one for one in instance.get_run_step_stats(run.run_id) if one.start_time and one.end_time]
            for one in sorted(stats, key=lambda one: one.start_time or 0.0):
                spent = (one.end_time or 0.0) - (one.start_time or 0.0)
                found[one.step_key] = found.get(one.step_key, 0.0) + spent
    return found


def growth_exponent(found: Sequence[Scaled]) -> float | None:
    """The slope of log(wall time) over log(rows), by least squares; 1 is linear. None for fewer than two sizes."""
    points = [(math.log(one.rows), math.log(one.measured.wall_seconds)) for one in found]
    if len({rows for rows, _ in points}) < 2:
        return None
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return float(sum((x - mean_x) * (y - mean_y) for x, y in points) / spread)


def table(found: Sequence[Scaled]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The results as rows for people."""
    names = [
        "rows",
        "studies",
        "seconds",
        "rows per second",
        "peak MB",
        "written MB",
        "disk MB",
        "warehouse MB",
        "published MB",
    ]
    rows = [
        (
            f"{one.rows:,}",
            ", ".join(one.studies) or "all",
            round(one.measured.wall_seconds, 1),
            f"{one.rows_per_second:,.0f}",
            f"{one.measured.peak_megabytes:,.0f}",
            f"{one.measured.written_megabytes:,.0f}",
            f"{one.measured.disk_megabytes:,.0f}",
            f"{one.warehouse_megabytes:,.0f}",
            f"{one.published_megabytes:,.0f}",
        )
        for one in found
    ]
    return names, rows


def as_json(found: Sequence[Scaled]) -> dict[str, Any]:
    """The results for `benchmarks.record.save`."""
    return {
        "runs": [{**asdict(one), "rows_per_second": one.rows_per_second} for one in found],
        "growth_exponent": growth_exponent(found),
    }
