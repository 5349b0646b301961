"""Runs a command as a whole process and measures it from outside: wall time and the peak memory of its process tree."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

_POLL_SECONDS = 0.05
_MEGABYTE = 1024 * 1024


class CommandFailedError(RuntimeError):
    """The measured command ended with another exit code than 0."""


@dataclass(frozen=True)
class Measured:
    """Wall time in seconds and the peak of the summed resident memory of the process and its children, in MB."""

    wall_seconds: float
    peak_megabytes: float


def measure(command: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run ``command`` to its end; raises `CommandFailedError` with what it said where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        list(command), env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    watched = psutil.Process(process.pid)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _resident_megabytes(watched))
        time.sleep(_POLL_SECONDS)
    wall = time.perf_counter() - started
    output = process.stdout.read() if process.stdout else ""
    if process.returncode:
        msg = f"{' '.join(command)} ended with {process.returncode}: {output[-2000:]}"
        raise CommandFailedError(msg)
    return Measured(wall, peak)


def _resident_megabytes(process: psutil.Process) -> float:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
    return total / _MEGABYTE
