"""Work in several processes: the same results in the same order, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tiktok_pipeline import processes
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.processes import WorkerDiedError, map_in_processes


def place(number: int) -> tuple[int, int]:
    time.sleep(0.3)
    return number, os.getpid()


def on_interrupt(_: int) -> bool:
    return signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def refuse(number: int) -> int:
    if number == 2:
        raise PipelineError("scrape.csv: the file is empty", remedy="export it again")
    return number


def die(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_in_the_order_of_the_items_from_several_processes() -> None:
    found = map_in_processes(place, range(6), processes=2)
    assert [number for number, _ in found] == list(range(6))
    assert len({process for _, process in found}) == 2
    assert os.getpid() not in {process for _, process in found}


@pytest.mark.parametrize(("items", "count"), [([1], 2), ([1, 2], 1)])
def test_one_item_or_one_process_needs_no_other(items: list[int], count: int) -> None:
    assert map_in_processes(place, items, processes=count) == [(item, os.getpid()) for item in items]


def test_short_work_uses_the_processes_only_if_they_are_there() -> None:
    processes._pool.cache_clear()
    here = [(1, os.getpid()), (2, os.getpid())]
    assert map_in_processes(place, [1, 2], processes=2, starts=False) == here
    map_in_processes(place, [1, 2], processes=2)
    assert os.getpid() not in {pid for _, pid in map_in_processes(place, [1, 2], processes=2, starts=False)}


def test_ctrl_c_is_left_to_the_parent() -> None:
    assert map_in_processes(on_interrupt, [1, 2], processes=2) == [True, True]


def test_an_expected_error_comes_back_as_it_is() -> None:
    with pytest.raises(PipelineError, match=r"^scrape\.csv: the file is empty; export it again$"):
        map_in_processes(refuse, [1, 2, 3], processes=2)


def test_a_process_that_dies_is_told_in_one_line_and_the_next_call_works() -> None:
    with pytest.raises(WorkerDiedError, match=r"^a worker process ended .*TIKTOK_PIPELINE_THREADS=1") as raised:
        map_in_processes(die, [1, 2], processes=2)
    assert "\n" not in str(raised.value)
    assert [number for number, _ in map_in_processes(place, [3, 4], processes=2)] == [3, 4]


def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(
        "import os, pathlib, time\n"
        "from tiktok_pipeline.processes import map_in_processes\n"
        "def work(folder):\n"
        "    pathlib.Path(folder, str(os.getpid())).touch()\n"
        "    time.sleep(100)\n"
        "if __name__ == '__main__':\n"
        f"    map_in_processes(work, [{str(tmp_path)!r}] * 2, processes=2)\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    pids = _wait_for(lambda: [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()], count=2)
    parent.kill()
    parent.wait()
    assert _wait_for(lambda: [pid for pid in pids if not _is_running(pid)], count=2)


def test_processes_that_write_a_sample_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "write.py"
    script.write_text(
        "import pathlib\n"
        "from tiktok_pipeline.sample.write import write_sample\n"
        "if __name__ == '__main__':\n"
        f"    folder = pathlib.Path({str(tmp_path / 'out')!r})\n"
        "    write_sample(folder, profiles=10_000_000, snapshots=1, random_state=1, processes=2)\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    pids = _wait_for(lambda: _workers_of(parent.pid), count=2)
    parent.kill()
    parent.wait()
    assert _wait_for(lambda: [pid for pid in pids if not _is_running(pid)], count=2)


def _workers_of(parent: int) -> list[int]:
    """Return the processes that a process has started for a pool."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            command = (folder / "cmdline").read_bytes()
            its_parent = int((folder / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1])
            if its_parent == parent and b"spawn_main" in command:
                found.append(int(folder.name))
    return found


def _wait_for(found: Callable[[], list[int]], *, count: int, seconds: float = 30.0) -> list[int]:
    end = time.monotonic() + seconds
    while len(numbers := found()) < count:
        assert time.monotonic() < end, numbers
        time.sleep(0.1)
    return numbers


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
