"""Time and memory of a refresh as a user runs it: a fresh home, one snapshot, the whole command."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.process import Measured, measure
from tiktok_pipeline.sample import write_sample


def refresh_file(file: Path, *, runs: int, log: Callable[[str], None]) -> list[Measured]:
    """Measure ``tiktok-pipeline refresh FILE`` ``runs`` times, each time in a new home."""
    measured = []
    for number in range(runs):
        with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
            environment = {**os.environ, "TIKTOK_PIPELINE_HOME": home}
            command = [sys.executable, "-m", "tiktok_pipeline", "refresh", str(file)]
            run = measure(command, environment)
        log(f"run {number + 1} of {runs}: {run.wall_seconds:.1f} s, peak {run.peak_megabytes:,.0f} MB")
        measured.append(run)
    return measured


def refresh_sample(profiles: int, *, file_format: str, runs: int, log: Callable[[str], None]) -> list[Measured]:
    """Write a synthetic snapshot of ``profiles`` creators and measure its refresh; writing it is not measured."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        files = write_sample(Path(folder), profiles=profiles, snapshots=1, random_state=7, file_format=file_format)
        scrape = next(file for file in files if file.name.startswith("profiles"))
        log(f"{scrape.name}: {profiles:,} profiles, {scrape.stat().st_size / 1e6:,.0f} MB")
        return refresh_file(scrape, runs=runs, log=log)


def summary(measured: list[Measured]) -> str:
    """Return the medians of the runs in one line."""
    wall = statistics.median(run.wall_seconds for run in measured)
    peak = statistics.median(run.peak_megabytes for run in measured)
    return f"median of {len(measured)}: {wall:.1f} s wall, {peak:,.0f} MB peak of the process tree"
