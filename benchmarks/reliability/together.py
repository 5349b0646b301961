"""Concurrent refreshes beside readers, and a backfill of many snapshots."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tiktok_pipeline.sample import write_sample
from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.connection import open_read_only

Log = Callable[[str], None]

STUDY = "influencer_segments"
"""The study of the benchmarks that refresh only one."""

_WHOLE = (
    "select snapshot, (select count(*) from validated.profiles v where v.snapshot = a.snapshot), count(*) "
    "from clusters.assignments a where study = ? group by 1 order by 1"
)


@dataclass
class Readings:
    """The result of one reader: number of queries, problems, and the number of snapshots in each answer."""

    queries: int = 0
    problems: list[str] = field(default_factory=list)
    snapshots: list[int] = field(default_factory=list)


def refresh_together(refreshes: int, readers: int, *, profiles: int, study: str, log: Log) -> list[Readings]:
    """Start refreshes of different snapshots at once, beside readers of the published tables.

    One snapshot is refreshed before.

    Raises
    ------
    RuntimeError
        If a refresh fails, or a snapshot is missing at the end.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        scrapes = _scrapes(Path(folder), profiles, refreshes + 1)
        home = Path(folder) / "home"
        _refresh(home, [scrapes[0]], study)
        published, stop = home / "published" / "tiktok.duckdb", threading.Event()
        readings = [Readings() for _ in range(readers)]
        threads = [
            threading.Thread(target=read_published, args=(published, reading, stop, study)) for reading in readings
        ]
        for thread in threads:
            thread.start()
        started = time.monotonic()
        running = [
            subprocess.Popen(
                _command([scrape], study),
                env=_environment(home),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for scrape in scrapes[1:]
        ]
        outputs = [(process.communicate()[0], process.returncode) for process in running]
        stop.set()
        for thread in threads:
            thread.join()
        for reading in readings:
            if reading.snapshots != sorted(reading.snapshots):
                reading.problems.append("a snapshot was published and then missing")
        log(f"{refreshes} refreshes at once: {time.monotonic() - started:.1f} s")
        for output, code in outputs:
            if code:
                msg = f"a refresh ended with {code}: {output[-1000:]}"
                raise RuntimeError(msg)
        with open_read_only(published) as reader:
            (((found,),)) = reader.rows("select count(distinct snapshot) from clusters.assignments")[1]
        if found != refreshes + 1:
            msg = f"{found} snapshots are published, expected {refreshes + 1}"
            raise RuntimeError(msg)
        return readings


def read_published(published: Path, seen: Readings, stop: threading.Event, study: str = STUDY) -> None:
    """Query without a pause, until ``stop``; every published snapshot must be complete."""
    while not stop.is_set():
        try:
            with open_read_only(published) as reader:
                rows = reader.rows(_WHOLE, [study])[1]
        except WarehouseError as error:
            seen.problems.append(str(error))
            continue
        seen.queries += 1
        seen.problems += [
            f"snapshot {key}: {good} profiles, {done} assigned" for key, good, done in rows if good != done
        ]
        seen.snapshots.append(len(rows))


@dataclass(frozen=True)
class Backfill:
    """Seconds of each refresh and of all together, and the sizes of the databases at the end in MB."""

    one_by_one: list[float]
    in_one_go: float
    warehouse_megabytes: float
    published_megabytes: float


def backfill(snapshots: int, *, profiles: int, study: str, log: Log) -> Backfill:
    """Refresh snapshots one after the other, then all of them again with ``refresh --all``."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        home = Path(folder) / "home"
        seconds = []
        for number, scrape in enumerate(_scrapes(Path(folder), profiles, snapshots), start=1):
            started = time.monotonic()
            _refresh(home, [scrape], study)
            seconds.append(time.monotonic() - started)
            log(f"snapshot {number} of {snapshots}: {seconds[-1]:.1f} s")
        started = time.monotonic()
        _refresh(home, ["--all"], study)
        in_one_go = time.monotonic() - started
        log(f"all {snapshots} in one go: {in_one_go:.1f} s")
        sizes = [(home / name / "tiktok.duckdb").stat().st_size / 1e6 for name in ("warehouse", "published")]
        return Backfill(seconds, in_one_go, *sizes)


def _scrapes(folder: Path, profiles: int, snapshots: int) -> list[Path]:
    files = write_sample(folder / "scrapes", profiles=profiles, snapshots=snapshots, random_state=7)
    return sorted(file for file in files if file.name.startswith("profiles"))


def _command(arguments: list[Path] | list[str], study: str) -> list[str]:
    return [sys.executable, "-m", "tiktok_pipeline", "refresh", *map(str, arguments), "--study", study]


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "TIKTOK_PIPELINE_HOME": str(home), "TIKTOK_PIPELINE_PICTURES": "no"}


def _refresh(home: Path, arguments: list[Path] | list[str], study: str) -> None:
    done = subprocess.run(
        _command(arguments, study), env=_environment(home), capture_output=True, text=True, check=False
    )
    if done.returncode:
        msg = f"refresh ended with {done.returncode}: {done.stderr[-1000:]}"
        raise RuntimeError(msg)
