"""Runs a command and measures its process tree from outside: wall time, memory and disk."""

from __future__ import annotations

import contextlib
import os
import resource
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
    """The measured command ended with an exit code other than 0."""


@dataclass(frozen=True)
class Measured:
    """Time, memory and disk of a command; memory and disk in MB (10^6 bytes).

    Attributes
    ----------
    peak_megabytes : float
        The peak of the summed resident memory of the process and its children.
    written_megabytes : float
        What they wrote to disk.
    disk_megabytes : float
        The peak size of the watched folder, without files that have several names (hard links).
    cpu_seconds : float
        The time that the process and its children spent on all cores; other work on the machine changes it less than
        the wall time.
    """

    wall_seconds: float
    peak_megabytes: float
    written_megabytes: float = 0.0
    disk_megabytes: float = 0.0
    cpu_seconds: float = 0.0


def measure(command: Sequence[str], environment: Mapping[str, str], *, disk: Path | None = None) -> Measured:
    """Run a command and measure it.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    environment : mapping of str to str
        The whole environment of the process.
    disk : Path, optional
        The folder whose size is watched while the command runs.

    Raises
    ------
    CommandFailedError
        If the command fails; the message has the end of its output.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        cpu_before = _cpu_seconds_of_children()
        started = time.perf_counter()
        process = subprocess.Popen(list(command), env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        watched = psutil.Process(process.pid)
        peak = held = 0.0
        written: dict[int, float] = {}
        next_disk_sample = started
        while process.poll() is None:
            peak = max(peak, _sample_tree(watched, written))
            if disk is not None and time.perf_counter() >= next_disk_sample:
                held = max(held, _held_megabytes(disk))
                next_disk_sample = time.perf_counter() + _DISK_POLL_SECONDS
            time.sleep(_POLL_SECONDS)
        wall = time.perf_counter() - started
        output.seek(0)
        said = output.read()
    if process.returncode:
        msg = f"{' '.join(command)} ended with {process.returncode}: {said[-2000:]}"
        raise CommandFailedError(msg)
    return Measured(wall, peak, sum(written.values()), held, _cpu_seconds_of_children() - cpu_before)


def _cpu_seconds_of_children() -> float:
    """Return the time on all cores of the ended children of this process, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sample_tree(process: psutil.Process, written: dict[int, float]) -> float:
    """Return the resident memory of the tree in MB and note what each process has written so far."""
    total = 0
    try:
        for member in (process, *process.children(recursive=True)):
            total += member.memory_info().rss
            written[member.pid] = member.io_counters().write_bytes / _MEGABYTE
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
    return total / _MEGABYTE


def _held_megabytes(folder: Path) -> float:
    total = 0
    for parent, _, names in os.walk(folder):  # passes over folders that are removed meanwhile
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                status = Path(parent, name).stat(follow_symlinks=False)
                if status.st_nlink == 1:
                    total += status.st_blocks * 512
    return total / 1e6
