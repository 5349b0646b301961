"""The pages of ``explore`` over a large home: start, pages one by one, eight readers at once, memory.

A request is measured from sending it to the last byte of the page. Each request asks for other values, so that
nothing is answered from an earlier one.
"""

from __future__ import annotations

import os
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.performance.scale import Log, make_snapshot
from benchmarks.process import measure

_WORDS = ("love", "music", "official", "mail", "dance", "the", "shop", "game", "art", "live")
READERS = 8


@dataclass(frozen=True)
class Explored:
    """The figures of the pages: milliseconds by kind of request, 90th percentile, and memory in MB."""

    creators: int
    start_seconds: float
    p90_milliseconds: dict[str, float]
    together_p90_milliseconds: float
    memory_megabytes: float


def explore(profiles: int, *, folder: Path, requests: int, log: Log) -> Explored:
    """Measure the pages of a home with ``profiles`` creators; a home that ``folder`` has already is used again."""
    home = folder / f"explore_{profiles}"
    environment = {**os.environ, "TIKTOK_PIPELINE_HOME": str(home), "TIKTOK_PIPELINE_PICTURES": "no"}
    if not (home / "published" / "tiktok.duckdb").exists():
        scrape = make_snapshot(folder, profiles, log)
        log("refreshing it ...")
        study = ["--study", "balanced_segments"]
        measure([sys.executable, "-m", "tiktok_pipeline", "refresh", str(scrape), *study], environment)
    draw = random.Random(7)  # noqa: S311 - the same requests each time
    with _served(environment) as (address, start_seconds, process):
        handles = _handles(home, requests)
        kinds: Mapping[str, Callable[[int], str]] = {
            "filter": lambda _: f"/?followers_min={draw.randint(1, 900)}k&persona=Breakouts&sort=times_expected",
            "words in biography": lambda number: f"/?q={_WORDS[number % len(_WORDS)]}&followers_min={number + 1}k",
            "card": lambda number: f"/creator/{handles[number % len(handles)]}",
        }
        _milliseconds(address + "/")
        found = {}
        for kind, path in kinds.items():
            spent = [_milliseconds(address + path(number)) for number in range(requests)]
            found[kind] = _p90(spent)
            log(f"{found[kind]:8.1f} ms  {kind}, p90 of {requests}")
        addresses = [address + list(kinds.values())[number % 3](number) for number in range(3 * requests)]
        with ThreadPoolExecutor(READERS) as readers:
            together = _p90(list(readers.map(_milliseconds, addresses)))
        memory = process.memory_info().rss / 1e6
    return Explored(profiles, start_seconds, found, together, memory)


@contextmanager
def _served(environment: Mapping[str, str]) -> Iterator[tuple[str, float, psutil.Process]]:
    """Yield the address of the pages, the seconds from the command to the first page, and the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    command = [sys.executable, "-m", "tiktok_pipeline", "explore", "--port", str(port), "--quiet"]
    with subprocess.Popen(command, env=dict(environment)) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = started + 60
            while True:
                try:
                    _milliseconds(address + "/")
                    break
                except OSError:
                    if time.perf_counter() > deadline or server.poll() is not None:
                        raise
                    time.sleep(0.02)
            yield address, time.perf_counter() - started, psutil.Process(server.pid)
        finally:
            server.terminate()


def _milliseconds(address: str) -> float:
    started = time.perf_counter()
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - an address of this machine
        answer.read()
    return 1_000.0 * (time.perf_counter() - started)


def _p90(values: list[float]) -> float:
    return statistics.quantiles(values, n=10)[-1]


def _handles(home: Path, count: int) -> list[str]:
    from tiktok_pipeline.warehouse.duckdb.connection import query  # noqa: PLC0415

    text = "select account_id from creators.current order by hash(account_id) limit ?"
    return [str(row[0]) for row in query(home / "published" / "tiktok.duckdb", text, [count])[1]]


def as_json(found: Explored) -> dict[str, Any]:
    """Return the result for `benchmarks.record.save`."""
    return asdict(found)
