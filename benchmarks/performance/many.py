"""Compares the first refreshes of a home with refreshes after years of scrapes.

The snapshots in between are not refreshed. SQL copies their rows from a real snapshot, with earlier days, into the
warehouse and the published file, and Dagster gets their partitions. The databases are as large as they would be;
Dagster's run records are not.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from benchmarks.process import measure
from tiktok_pipeline.sample import write_sample

Log = Callable[[str], None]

STUDY = "influencer_segments"
EACH_END = 3
"""The number of refreshes that are timed at the start, and again at the end."""
_FIRST_DAY = date(2015, 1, 5)
QUERIES = {
    "newest snapshot by persona": f"select persona, count(*) from segments.{STUDY} group by 1",  # noqa: S608
    "one creator through time": (
        f"select snapshot, persona from segments.{STUDY}_history where account_id = "  # noqa: S608
        f"(select account_id from segments.{STUDY} limit 1) order by 1"
    ),
    "one snapshot of all": (
        "select count(*), avg(followers) from validated.profiles "
        "where snapshot = (select max(snapshot) from validated.profiles)"
    ),
}


@dataclass(frozen=True)
class ManySnapshots:
    """Seconds of the first and the last refreshes and of queries at the end, sizes of the databases in MB."""

    snapshots: int
    profiles: int
    first_seconds: tuple[float, ...]
    last_seconds: tuple[float, ...]
    warehouse_megabytes: float
    published_megabytes: float
    query_seconds: dict[str, float]

    @property
    def times(self) -> float:
        """The median of the last refreshes divided by the median of the first."""
        return statistics.median(self.last_seconds) / statistics.median(self.first_seconds)


def measure_many_snapshots(snapshots: int, profiles: int, *, log: Log) -> ManySnapshots:
    """Refresh `EACH_END` snapshots, fill the home up to ``snapshots``, refresh as many again; without figures."""
    with TemporaryDirectory(prefix="benchmark-") as folder:
        home, scrapes = Path(folder) / "home", Path(folder) / "scrapes"
        files = write_sample(
            scrapes, profiles=profiles, snapshots=2 * EACH_END, random_state=7, activity=0, file_format="parquet"
        )
        parts = sorted(file for file in files if file.name.startswith("profiles"))
        first = [_refresh(home, file, log) for file in parts[:EACH_END]]
        between = snapshots - 2 * EACH_END
        log(f"filling up with {between} snapshots ...")
        _fill_up(home, between)
        last = [_refresh(home, file, log) for file in parts[EACH_END:]]
        sizes = [(home / name / "tiktok.duckdb").stat().st_size / 1e6 for name in ("warehouse", "published")]
        with duckdb.connect(str(home / "published" / "tiktok.duckdb"), read_only=True) as published:
            seconds = {name: _seconds(published, sql) for name, sql in QUERIES.items()}
        return ManySnapshots(snapshots, profiles, tuple(first), tuple(last), sizes[0], sizes[1], seconds)


def _refresh(home: Path, file: Path, log: Log) -> float:
    environment = {**os.environ, "TIKTOK_PIPELINE_HOME": str(home), "TIKTOK_PIPELINE_PICTURES": "no"}
    command = [sys.executable, "-m", "tiktok_pipeline", "refresh", str(file), "--study", STUDY]
    seconds = measure(command, environment).wall_seconds
    log(f"{file.name}: {seconds:.1f} s")
    return seconds


def _fill_up(home: Path, snapshots: int) -> None:
    days = [f"{_FIRST_DAY + timedelta(days=7 * number)}" for number in range(snapshots)]
    for name in ("warehouse", "published"):
        with duckdb.connect(str(home / name / "tiktok.duckdb")) as database:
            tables = database.execute(
                "select table_schema || '.' || table_name from information_schema.columns "
                "join information_schema.tables using (table_catalog, table_schema, table_name) "
                "where table_type = 'BASE TABLE' and column_name = 'snapshot'"
            ).fetchall()
            for (table,) in tables:
                (newest,) = database.execute(f"select max(snapshot) from {table}").fetchall()[0]  # noqa: S608
                for day in days:
                    database.execute(
                        f"insert into {table} select * replace (? as snapshot) from {table} where snapshot = ?",  # noqa: S608
                        [day, newest],
                    )
            database.execute("checkpoint")
    from dagster import DagsterInstance  # noqa: PLC0415 - importing it takes seconds

    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        instance.add_dynamic_partitions("snapshots", days)


def _seconds(database: duckdb.DuckDBPyConnection, sql: str) -> float:
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        database.execute(sql).fetchall()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def as_json(found: ManySnapshots) -> dict[str, Any]:
    """Return the result for `benchmarks.record.save`."""
    return {**asdict(found), "times": found.times}
