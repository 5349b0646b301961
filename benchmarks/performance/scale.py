"""Refreshes snapshots of any size: time by asset, memory, disk, and how time grows with the rows.

A snapshot is a Parquet file from the sample generator, with bad rows and duplicates; writing it is not measured.
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
from tiktok_pipeline.sample.write import TYPED

Log = Callable[[str], None]

RANDOM_STATE = 7


@dataclass(frozen=True)
class Scaled:
    """The refresh of a snapshot with ``rows`` rows; the steps are in the order in which they ran."""

    rows: int
    studies: tuple[str, ...]
    measured: Measured
    seconds_by_step: dict[str, float]
    snapshot_megabytes: float
    warehouse_megabytes: float
    published_megabytes: float

    @property
    def rows_per_second(self) -> float:
        """Delivered rows per second of wall time."""
        return self.rows / self.measured.wall_seconds


def make_snapshot(folder: Path, profiles: int, log: Log, *, is_typed: bool = False) -> Path:
    """Return the Parquet snapshot of ``profiles`` creators in ``folder``; write it if it does not exist.

    Its cells are texts, or typed as vendors write them.
    """
    own = folder / (f"typed_{profiles}" if is_typed else f"profiles_{profiles}")
    if not any(own.glob("profiles_*.parquet")):  # a folder may be left from a run that was stopped
        log(f"writing a snapshot of {profiles:,} profiles ...")
        write_sample(
            own,
            profiles=profiles,
            snapshots=1,
            random_state=RANDOM_STATE,
            activity=0,
            file_format=TYPED if is_typed else "parquet",
            processes=os.cpu_count() or 1,
        )
    return next(own.glob("profiles_*.parquet"))


@contextmanager
def work_folder(keep: Path | None) -> Iterator[Path]:
    """Yield the folder ``keep``, or a temporary one."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with TemporaryDirectory(prefix="benchmark-") as folder:
        yield Path(folder)


def scale(profiles: int, studies: Sequence[str], *, folder: Path, settings: dict[str, str], log: Log) -> Scaled:
    """Refresh a snapshot of ``profiles`` creators for some studies (all if none) in a new home in ``folder``."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    scrape = make_snapshot(folder, profiles, log)
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
    """Return the duration of each step of a home's runs, in the order of their start, from Dagster's records."""
    from dagster import DagsterInstance  # noqa: PLC0415 - importing it takes seconds

    found: dict[str, float] = {}
    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        for run in reversed(instance.get_runs()):
            stats = [step for step in instance.get_run_step_stats(run.run_id) if step.start_time and step.end_time]
            for step in sorted(stats, key=lambda step: step.start_time or 0.0):
                spent = (step.end_time or 0.0) - (step.start_time or 0.0)
                found[step.step_key] = found.get(step.step_key, 0.0) + spent
    return found


def growth_exponent(found: Sequence[Scaled]) -> float | None:
    """Fit log(wall time) over log(rows) by least squares and return the slope; 1 is linear.

    Returns
    -------
    float or None
        None for fewer than two sizes.
    """
    points = [(math.log(run.rows), math.log(run.measured.wall_seconds)) for run in found]
    if len({rows for rows, _ in points}) < 2:
        return None
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return float(sum((x - mean_x) * (y - mean_y) for x, y in points) / spread)


def table(found: Sequence[Scaled]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the results as (column names, rows) to print."""
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
            f"{run.rows:,}",
            ", ".join(run.studies) or "all",
            round(run.measured.wall_seconds, 1),
            f"{run.rows_per_second:,.0f}",
            f"{run.measured.peak_megabytes:,.0f}",
            f"{run.measured.written_megabytes:,.0f}",
            f"{run.measured.disk_megabytes:,.0f}",
            f"{run.warehouse_megabytes:,.0f}",
            f"{run.published_megabytes:,.0f}",
        )
        for run in found
    ]
    return names, rows


def as_json(found: Sequence[Scaled]) -> dict[str, Any]:
    """Return the results for `benchmarks.record.save`."""
    return {
        "runs": [{**asdict(run), "rows_per_second": run.rows_per_second} for run in found],
        "growth_exponent": growth_exponent(found),
    }
