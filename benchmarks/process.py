"""Runs a command as a whole process and measures it from outside: wall time, memory and disk of its process tree."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_POLL_SECONDS = 0.05
_DISK_POLL_SECONDS = 1.0
_MEGABYTE = 1_000_000


class CommandFailedError(RuntimeError):
    """The measured command ended with another exit code than 0."""


@dataclass(frozen=True)
class Measured:
    """What a command took.

    ``peak_megabytes`` is the peak of the summed resident memory of the process and its children, ``written_megabytes`` what
    they wrote to disk, ``disk_megabytes`` the peak of what their folder held, files of several names (hard links) left out.
    """

    wall_seconds: float
    peak_megabytes: float
    written_megabytes: float = 0.0
    disk_megabytes: float = 0.0


def measure(command: Sequence[str], environment: Mapping[str, str], *, disk: Path | None = None) -> Measured:
    """Run ``command`` to its end, and look at the folder ``disk`` meanwhile.

    Raises `CommandFailedError` with what it said where it fails.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        started = time.perf_counter()
        process = subprocess.Popen(list(command), env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        watched = psutil.Process(process.pid)
        peak = held = 0.0
        written: dict[int, float] = {}
        look_at_disk = started
        while process.poll() is None:
            peak = max(peak, _look(watched, written))
            if disk is not None and time.perf_counter() >= look_at_disk:
                held = max(held, _held_megabytes(disk))
                look_at_disk = time.perf_counter() + _DISK_POLL_SECONDS
            time.sleep(_POLL_SECONDS)
        wall = time.perf_counter() - started
        output.seek(0)
        said = output.read()
    if process.returncode:
        msg = f"{' '.join(command)} ended with {process.returncode}: {said[-2000:]}"
        raise CommandFailedError(msg)
    return Measured(wall, peak, sum(written.values()), held)


def _look(process: psutil.Process, written: dict[int, float]) -> float:
    """The resident memory of the tree now; notes what each of its processes has written so far."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
            written[one.pid] = one.io_counters().write_bytes / _MEGABYTE
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
    return total / _MEGABYTE


def _held_megabytes(folder: Path) -> float:
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if status.st_nlink == 1 and not path.is_dir():
            total += status.st_blocks * 512
    return total / 1e6
