"""Fixtures that several folders of tests share: a home that is refreshed once, and copies of it to change."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tiktok_pipeline_tests.hypothesis_profiles import register_profiles
from tiktok_pipeline_tests.scrapes import HANDLE, LATER_HANDLE, activity, creators, forgettable, spoiled, write_csv

if TYPE_CHECKING:
    from tiktok_pipeline_tests.homes import Home, Said

register_profiles()

# A shell starts background jobs with SIGINT ignored, and they pass that on to the processes that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name parameters of bytes by their length: gzip and zip bytes hold the time, and workers must agree on names."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first (benchmarks, then files that refresh homes), so that no worker ends alone with one."""

    def order(item: pytest.Item) -> tuple[bool, bool]:
        module = item.module if isinstance(item, pytest.Function) else None
        return ".benchmarks." not in getattr(module, "__name__", ""), not hasattr(module, "Home")

    items.sort(key=order)


def _refresh_two_snapshots(folder: Path) -> None:
    """Refresh two snapshots of 120 invented creators, some rows bad, the second with an activity file.

    The command line does it, so that Dagster's records are complete too.
    """
    from tiktok_pipeline_tests.homes import ONE_STUDY, run_command_line

    first = spoiled(forgettable(creators(120), HANDLE), 3, followers="-1")
    second = spoiled(forgettable(creators(120, seed=5, day="2024-04-01"), LATER_HANDLE), 2, followers="many")
    files = [
        write_csv(folder / "profiles_2024-03-01.csv", first),
        write_csv(folder / "profiles_2024-04-01.csv", second),
        write_csv(folder / "creator_activity_2024-04-01.csv", activity(60)),
    ]
    with pytest.MonkeyPatch.context() as patch:
        assert run_command_line(patch, folder / "home", "refresh", *files, "--study", ONE_STUDY[0].name) == 0


@pytest.fixture(scope="session")
def refreshed_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home with two snapshots that tests must not change; one worker refreshes it, the others copy it."""
    from tiktok_pipeline_tests.homes import Home  # Dagster: not for tests that do without it

    own = tmp_path_factory.mktemp("refreshed")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _refresh_two_snapshots(own)
        return Home(own / "home")
    shared = tmp_path_factory.getbasetemp().parent / "refreshed"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            _refresh_two_snapshots(shared)
            (shared / "done").touch()
    shutil.copytree(shared / "home", own / "home")
    return Home(own / "home")


@pytest.fixture
def copied_home(refreshed_home: Home, tmp_path: Path) -> Home:
    """Return a copy of the refreshed home that a test may change."""
    from tiktok_pipeline_tests.homes import Home

    shutil.copytree(refreshed_home.path, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return a function that gives the path of a real file; without the folder it skips the test, but not in CI."""

    def find(name: str) -> Path:
        if not REAL_DATA.is_dir() and not os.environ.get("CI"):
            pytest.skip(f"the folder of real scrapes is absent: {REAL_DATA}")
        return REAL_DATA / name

    return find


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the command line in this process: ``call(home, argument, ...)``; studies have few bootstrap draws."""
    from tiktok_pipeline_tests.homes import Said, run_command_line

    def run(home: Path, *arguments: str | Path) -> Said:
        capsys.readouterr()
        code = run_command_line(monkeypatch, home, *arguments)
        output = capsys.readouterr()
        return Said(code, output.out, output.err)

    return run
