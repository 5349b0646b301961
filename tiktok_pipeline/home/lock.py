"""One writer at a time in a home: an advisory lock on a file, which the kernel releases when its holder dies.

The command line and every run of Dagster take the same lock, so neither reads what the other has half written.
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
"""The locks that this process holds, with their file descriptors."""


class HomeLockedError(PipelineError):
    """Another process used the home for longer than the configured wait."""

    code = "home_locked"


class NoLocksError(PipelineError):
    """The disk of the home cannot lock files, so that nothing would keep two writers apart."""

    code = "no_locks"


@contextlib.contextmanager
def home_lock(path: Path, *, timeout_seconds: float, log: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """Hold the lock of a home; may be nested within one process.

    Parameters
    ----------
    path : Path
        The lock file; it and its folder are created if they are missing.
    timeout_seconds : float
        The longest wait for another process.
    log : callable
        Called once with a line of text if there is a wait.

    Raises
    ------
    HomeLockedError
        If another process holds the lock for longer than ``timeout_seconds``.
    NoLocksError
        If the disk has no locks, as some network disks.
    """
    path = path.resolve()
    if path in _held:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, path, timeout_seconds, log)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        _held[path] = descriptor
        try:
            yield
        finally:
            del _held[path]
    finally:
        os.close(descriptor)


def lock_holder(path: Path) -> str | None:
    """Return the process that holds a lock, as text, or None; takes nothing and does not wait."""
    if path.resolve() in _held:
        return str(os.getpid())
    try:
        descriptor = os.open(path, os.O_RDONLY)  # also on a read-only disk
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, timeout_seconds: float, log: Callable[[str], None]) -> None:
    deadline = time.monotonic() + timeout_seconds
    is_logged = False
    pause = _FIRST_POLL_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(descriptor)
            if time.monotonic() >= deadline:
                raise HomeLockedError(
                    f"{path.parent}: process {holder} is using this home; waited {timeout_seconds:g} s",
                    remedy="let it finish or stop it, then try again",
                ) from None
            if not is_logged:
                log(f"waiting for process {holder}, which is using {path.parent} ...")
                is_logged = True
            # Random pauses, so that of many waiting processes none is always the last.
            time.sleep(min(pause * random.uniform(0.5, 1.5), max(0.0, deadline - time.monotonic())))  # noqa: S311
            pause = min(pause * 2, _LONGEST_POLL_SECONDS)
        except OSError as error:
            raise NoLocksError(
                f"{path.parent}: this disk cannot lock files ({error.strerror or error}), and two writers at once "
                "would destroy the tables",
                remedy="put the home on a local disk: TIKTOK_PIPELINE_HOME",
            ) from error
        else:
            return


def _read_holder(descriptor: int) -> str:
    return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
