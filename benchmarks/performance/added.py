"""Measures what the comparison with the snapshot before adds to a refresh of many profiles.

The first snapshot has nothing to be compared with, the second is compared with the first. One study is refreshed and
no figures are drawn: more of either would make the share smaller.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.performance.scale import RANDOM_STATE, seconds_by_step
from benchmarks.process import Measured, measure
from tiktok_pipeline.sample import write_sample

Log = Callable[[str], None]

_OF_CREATORS = ("creators_identities", "creators_growth", "features_drift")
_OF_STUDIES = "_migration"
_STUDY = ("--study", "balanced_segments")


@dataclass(frozen=True)
class Added:
    """The refresh of the second snapshot: its seconds, those of each step of the comparison, and the peak memory."""

    profiles: int
    seconds: float
    seconds_by_step: dict[str, float]
    peak_megabytes: float
    peak_megabytes_alone: float

    @property
    def share(self) -> float:
        """The part of the time that the comparison takes, 0 to 1."""
        return sum(self.seconds_by_step.values()) / self.seconds

    @property
    def memory_share(self) -> float:
        """How much more memory the second refresh needs than the first, as a part of the first."""
        return self.peak_megabytes / self.peak_megabytes_alone - 1.0


def measure_added(profiles: int, *, log: Log) -> Added:
    """Refresh two snapshots of ``profiles`` creators in a new home, with one study."""
    with TemporaryDirectory(prefix="benchmark-") as folder:
        log(f"writing two snapshots of {profiles:,} profiles ...")
        files = write_sample(
            Path(folder) / "files",
            profiles=profiles,
            snapshots=2,
            random_state=RANDOM_STATE,
            activity=0,
            file_format="parquet",
            processes=os.cpu_count() or 1,
        )
        home = Path(folder) / "home"
        first = _refresh(home, files[0], log)
        before = seconds_by_step(home)
        second = _refresh(home, files[1], log)
        steps = {name: taken - before.get(name, 0.0) for name, taken in seconds_by_step(home).items()}
    added = {name: taken for name, taken in steps.items() if name in _OF_CREATORS or name.endswith(_OF_STUDIES)}
    return Added(profiles, second.wall_seconds, added, second.peak_megabytes, first.peak_megabytes)


def _refresh(home: Path, file: Path, log: Log) -> Measured:
    environment = {**os.environ, "TIKTOK_PIPELINE_HOME": str(home), "TIKTOK_PIPELINE_PICTURES": "no"}
    measured = measure([sys.executable, "-m", "tiktok_pipeline", "refresh", str(file), *_STUDY], environment)
    log(f"{file.name}: {measured.wall_seconds:.1f} s, {measured.peak_megabytes:,.0f} MB")
    return measured
