"""The pages of ``explore`` over a large home: start, pages one by one, eight readers at once, memory.

Also what the tables of the pages add to a refresh, from the duration of its steps.

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

from benchmarks.performance.scale import Log, make_snapshot, seconds_by_step
from benchmarks.process import measure

_WORDS = ("love", "music", "official", "mail", "dance", "the", "shop", "game", "art", "live")
READERS = 8
LARGE = 5_000_000
TABLES = ("peers", "notices", "current", "history", "benchmarks")
"""The tables of stage ``creators`` that only the pages need."""

LIMITS: tuple[dict[str, float], dict[str, float]] = (
    {"filter": 150.0, "words in biography": 300.0, "card": 200.0, "start": 1_500.0, "memory": 400.0}
    | {"readers at once": 1_000.0, "tables": 25.0},
    {"filter": 300.0, "words in biography": 1_500.0, "card": 250.0, "start": 2_000.0, "memory": 1_000.0}
    | {"readers at once": 2_000.0},
)
"""The limits for 1 and for 10 million creators: milliseconds, MB, and percent of a refresh."""


@dataclass(frozen=True)
class Explored:
    """The figures of the pages: milliseconds by kind of request, 90th percentile, and memory in MB.

    Attributes
    ----------
    creators : int
        Creators of the home.
    start_seconds : float
        From the command to the first page.
    p90_milliseconds : dict of str to float
        Requests one after the other, by kind.
    together_p90_milliseconds : float
        `READERS` at once, all kinds.
    memory_megabytes, start_memory_megabytes : float
        Resident memory of the server: the highest after any request, and after the first page.
    table_seconds : dict of str to float
        Seconds of the refresh by table that only the pages need.
    refresh_seconds : float
        Seconds of all steps of the refresh.
    """

    creators: int
    start_seconds: float
    p90_milliseconds: dict[str, float]
    together_p90_milliseconds: float
    memory_megabytes: float
    start_memory_megabytes: float
    table_seconds: dict[str, float]
    refresh_seconds: float

    @property
    def added_share(self) -> float:
        """What the tables add to a refresh without them."""
        added = sum(self.table_seconds.values())
        return added / max(self.refresh_seconds - added, 1e-9)

    def misses(self) -> list[str]:
        """Return the limits that are not kept; those of 10 million creators from 5 million on."""
        limits = LIMITS[1] if self.creators >= LARGE else LIMITS[0]
        found = {
            **self.p90_milliseconds,
            "start": 1_000.0 * self.start_seconds,
            "memory": self.memory_megabytes,
            "readers at once": self.together_p90_milliseconds,
            "tables": 100.0 * self.added_share,
        }
        return [
            f"{kind}: {found[kind]:,.0f}, at most {limit:,.0f}"
            for kind, limit in limits.items()
            if found[kind] > limit
        ]


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
        start_memory = memory = process.memory_info().rss / 1e6
        found = {}
        for kind, path in kinds.items():
            spent = [_milliseconds(address + path(number)) for number in range(requests)]
            memory = max(memory, process.memory_info().rss / 1e6)
            found[kind] = _p90(spent)
            log(f"{found[kind]:8.1f} ms  {kind}, p90 of {requests}")
        addresses = [address + list(kinds.values())[number % 3](number) for number in range(3 * requests)]
        with ThreadPoolExecutor(READERS) as readers:
            together = _p90(list(readers.map(_milliseconds, addresses)))
        memory = max(memory, process.memory_info().rss / 1e6)
    steps = seconds_by_step(home)
    tables = {
        table: steps.get(f"creators_{table}", 0.0) + steps.get(f"creators__{table}_contract", 0.0) for table in TABLES
    }
    return Explored(
        profiles, start_seconds, found, together, memory, start_memory, tables, refresh_seconds=sum(steps.values())
    )


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
    return {**asdict(found), "added_share": found.added_share, "misses": found.misses()}
