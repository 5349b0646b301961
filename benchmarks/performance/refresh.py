"""How long a refresh takes as a person runs it: a fresh home, one snapshot, the whole command."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.process import Measured, measure
from tiktok_pipeline.sample import write_sample


def refresh_file(file: Path, *, runs: int, say: Callable[[str], None]) -> list[Measured]:
    """Measure ``tiktok-pipeline refresh FILE`` ``runs`` times, each in a home of its own."""
    measured = []
    for number in range(runs):
        with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
            environment = {**os.environ, "TIKTOK_PIPELINE_HOME": home}
            command = [sys.executable, "-m", "tiktok_pipeline", "refresh", str(file)]
            one = measure(command, environment)
        say(f"run {number + 1} of {runs}: {one.wall_seconds:.1f} s, peak {one.peak_megabytes:,.0f} MB")
        measured.append(one)
    return measured


def refresh_sample(profiles: int, *, file_format: str, runs: int, say: Callable[[str], None]) -> list[Measured]:
    """Make a synthetic snapshot of ``profiles`` creators and measure its refresh; making it is not counted."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        files = write_sample(Path(folder), profiles=profiles, snapshots=1, random_state=7, file_format=file_format)
        scrape = next(file for file in files if file.name.startswith("profiles"))
        say(f"{scrape.name}: {profiles:,} profiles, {scrape.stat().st_size / 1e6:,.0f} MB")
        return refresh_file(scrape, runs=runs, say=say)


def summary(measured: list[Measured]) -> str:
    """Medians of the runs in one line."""
    wall = statistics.median(one.wall_seconds for one in measured)
    peak = statistics.median(one.peak_megabytes for one in measured)
    return f"median of {len(measured)}: {wall:.1f} s wall, {peak:,.0f} MB peak of the process tree"
