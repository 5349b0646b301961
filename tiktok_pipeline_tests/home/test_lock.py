"""One writer at a time in a home, across processes; a process that ends frees its lock."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tiktok_pipeline.home.lock import HomeLockedError, NoLocksError, home_lock

HOLD = """\
import sys
from pathlib import Path
from tiktok_pipeline.home.lock import home_lock
with home_lock(Path(sys.argv[1]), timeout_seconds=5):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".lock"


def test_the_lock_creates_the_home_and_nests_in_one_process(lock: Path) -> None:
    with home_lock(lock, timeout_seconds=1), home_lock(lock, timeout_seconds=1):
        assert lock.read_text(encoding="ascii") == f"{os.getpid()}\n"
    with home_lock(lock, timeout_seconds=1):
        pass


def test_the_end_of_an_inner_lock_does_not_release_the_outer_one(lock: Path) -> None:
    with home_lock(lock, timeout_seconds=1):
        with home_lock(lock, timeout_seconds=1):
            pass
        script = HOLD.replace("timeout_seconds=5", "timeout_seconds=0.1")
        other = subprocess.run(
            [sys.executable, "-c", script, str(lock)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    assert "HomeLockedError" in other.stderr


def test_a_second_process_logs_its_wait_once_and_gives_up_after_the_timeout(lock: Path) -> None:
    logged: list[str] = []
    with holder(lock) as other:
        started = time.monotonic()
        with pytest.raises(HomeLockedError) as caught, home_lock(lock, timeout_seconds=1.0, log=logged.append):
            pass
        took = time.monotonic() - started
        assert 0.9 <= took < 3
        assert str(other.pid) in str(caught.value)
        assert str(lock.parent) in str(caught.value)
        assert "waited 1 s" in str(caught.value)
        assert "let it finish or stop it, then try again" in str(caught.value)
        assert len(logged) == 1
        assert str(other.pid) in logged[0]
        assert "waiting" in logged[0]


def test_a_waiting_process_gets_the_lock_when_the_holder_ends(lock: Path) -> None:
    with holder(lock) as other:
        assert other.stdin is not None
        release = threading.Timer(0.5, other.stdin.close)
        release.start()
        with home_lock(lock, timeout_seconds=10):
            assert lock.read_text(encoding="ascii") == f"{os.getpid()}\n"
        release.join()


def test_the_kernel_releases_the_lock_of_a_killed_process(lock: Path) -> None:
    with holder(lock) as other:
        other.send_signal(signal.SIGKILL)
        other.wait(timeout=10)
        logged: list[str] = []
        with home_lock(lock, timeout_seconds=1, log=logged.append):
            pass
        assert logged == []


def test_an_error_inside_releases_the_lock(lock: Path) -> None:
    with pytest.raises(ValueError, match="inside"), home_lock(lock, timeout_seconds=1):
        raise ValueError("inside")
    with holder(lock):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_disk_without_locks_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_locks(_: int, __: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    expected = r"this disk cannot lock files \(.+\), and two writers .*; put the home on a local disk"
    with pytest.raises(NoLocksError, match=expected), home_lock(tmp_path / "lock", timeout_seconds=60):
        pytest.fail("the block must not run")
