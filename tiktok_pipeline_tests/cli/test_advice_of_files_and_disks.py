"""The advice about files with unknown columns and about disks is followed here, and settles what it was given for."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.reliability.crash import CannotMountError, mount_small_disk, remount
from tiktok_pipeline_tests.homes import Home, Said
from tiktok_pipeline_tests.scrapes import creators, write_csv

Call = Callable[..., Said]
DAY = "2024-05-01"
UNKNOWN = {"account_id": "who is it", "follower_count": "number a", "followers": "number a"}
LEFT_OUT = {"url", "id", "top_videos"}


def unknown_columns(path: Path) -> Path:
    """Write a scrape whose columns of handles and followers have names that no dialect knows."""
    rows = [
        {UNKNOWN.get(name, name): cell for name, cell in row.items() if name not in LEFT_OUT} for row in creators(30)
    ]
    return write_csv(path, rows)


def commands_in(text: str) -> list[list[str]]:
    """Return the words of the commands that a text advises in backticks."""
    return [shlex.split(command) for command in re.findall(r"`tiktok-pipeline ([^`]*)`", text)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["odd.csv", "odd file; of 'mine'.csv"])
@pytest.mark.parametrize("is_inbox", [False, True], ids=["named", "inbox"])
def test_the_inspection_that_a_refusal_advises_names_the_options_that_settle_it(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch, name: str, is_inbox: bool
) -> None:
    home = Home(tmp_path / "home")
    monkeypatch.setenv("TIKTOK_PIPELINE_SETTLE_SECONDS", "0.1")
    home.settings.incoming.mkdir(parents=True)
    file = unknown_columns((home.settings.incoming if is_inbox else tmp_path) / name)
    refused = call(home.path, "refresh", *([] if is_inbox else [file]))
    assert refused.code in (1, 2)
    (words,) = commands_in(refused.err)
    assert words[0] == "inspect"
    monkeypatch.chdir("/")  # the path is whole: it can be typed anywhere
    inspected = call(home.path, *words)
    assert "refused: " in inspected.out
    advised = next(line for line in inspected.out.splitlines() if line.startswith("to settle it, with the name"))
    refresh = shlex.split(advised.partition(": tiktok-pipeline ")[2])
    columns = iter(["who is it", "number a"])
    maps = [word.replace("COLUMN", next(columns)) if word.endswith("=COLUMN") else word for word in refresh[1:]]
    settled = call(home.path, "inspect", *maps)
    assert (settled.code, "refused: " in settled.out) == (0, False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk in memory, which may become read-only."""
    try:
        with mount_small_disk(tmp_path / "disk") as folder:
            yield folder
    except CannotMountError as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_a_disk_that_was_read_only_is_written_after_the_advice(
    copied_home: Home, small_disk: Path, tmp_path: Path, call: Call
) -> None:
    subprocess.run(["cp", "-a", str(copied_home.path), str(small_disk / "home")], check=True)
    home = Home(small_disk / "home")
    remount(small_disk, "ro")
    refused = call(home.path, "prune", "--keep", "1", "--yes")
    assert refused.code == 1
    assert "mount the disk for writing, or name a home on another one: TIKTOK_PIPELINE_HOME" in refused.err
    assert "mount the disk for writing" in call(home.path, "doctor", "--quick").out
    assert call(tmp_path / "another", "snapshots").code == 0  # the second half of the advice
    remount(small_disk, "rw")
    assert call(home.path, "prune", "--keep", "1", "--yes").code == 0
    assert call(home.path, "doctor", "--quick").code == 0
