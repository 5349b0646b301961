"""One writer at a time in a home: an advisory lock on a file, which the kernel frees when its holder dies.

The command line and every run take it alike, so neither can work on half of what the other does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tiktok_pipeline.errors import PipelineError

_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.05, 1.0
_held: dict[Path, int] = {}


class HomeLockedError(PipelineError):
    """Another process was at work in the home for longer than the configured wait."""

    code = "home_locked"


@contextlib.contextmanager
def home_lock(path: Path, *, timeout_seconds: float, say: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold the lock at ``path``; may be nested within one process.

    ``say`` is told once when there is a wait. Raises `HomeLockedError` after ``timeout_seconds``.
    """
    path = path.resolve()
    if path in _held:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait(descriptor, path, timeout_seconds, say)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        _held[path] = descriptor
        try:
            yield
        finally:
            del _held[path]
    finally:
        os.close(descriptor)


def holder_of(path: Path) -> str | None:
    """The process that holds the lock at ``path``, as text; None where nobody does. Takes nothing and waits for nobody."""
    if path.resolve() in _held:
        return str(os.getpid())
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
    else:
        return None
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: Path, timeout_seconds: float, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + timeout_seconds
    told = False
    pause = _FIRST_POLL_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            if time.monotonic() >= deadline:
                msg = (
                    f"{path.parent}: process {holder} is at work in this home; waited {timeout_seconds:g} s. "
                    "Let it finish or stop it, then try again"
                )
                raise HomeLockedError(msg) from None
            if not told:
                say(f"waiting for process {holder}, which is at work in {path.parent} ...")
                told = True
            # Each at a time of its own, so that of many who wait none is always the late one.
            time.sleep(min(pause * random.uniform(0.5, 1.5), max(0.0, deadline - time.monotonic())))  # noqa: S311
            pause = min(pause * 2, _LONGEST_POLL_SECONDS)
        else:
            return
