"""A standalone cluster of Apache Spark on the loopback interface computes the same tables, and is left free."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from tiktok_pipeline.tables import TABLES
from tiktok_pipeline_tests.engines import SHORT_LIVED, needs_spark
from tiktok_pipeline_tests.homes import ONE_STUDY, QUICK_STUDIES, command
from tiktok_pipeline_tests.same_tables import assert_same_rows, rows_of
from tiktok_pipeline_tests.scrapes import creators, spoiled, write_csv
from tiktok_pipeline_tests.test_engines_agree import engines_of_runs

WORKERS = 2
PATIENCE = 120.0
"""Seconds in which a part of the cluster starts, also on a busy machine."""

Found = TypeVar("Found")

pytestmark = [pytest.mark.slow, needs_spark()]


class Cluster(NamedTuple):
    """A running cluster: the address of its master, and what the master says."""

    master: str
    log: Path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and workers of one core each."""
    folder = tmp_path_factory.mktemp("cluster")
    with ExitStack() as processes:
        log = folder / "master.log"
        processes.enter_context(java("org.apache.spark.deploy.master.Master", "--port", "0", log=log))
        master = wait_for(lambda: re.search(r"Starting Spark master at (spark://127[.]0[.]0[.]1:\d+)", read(log)))[1]
        for number in range(WORKERS):
            options = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder / f"worker_{number}"), master)
            worker = java("org.apache.spark.deploy.worker.Worker", *options, log=folder / f"worker_{number}.log")
            processes.enter_context(worker)
        wait_for(lambda: read(log).count("Registering worker") == WORKERS)
        yield Cluster(master, log)


@contextmanager
def java(program: str, *options: str, log: Path) -> Iterator[None]:
    """Start a program of Spark, on the loopback interface only; it ends with the block."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    start = Path(spec.origin).parent / "bin" / "spark-class"
    with log.open("wb") as said:
        running = subprocess.Popen(
            [str(start), program, "--host", "127.0.0.1", "--webui-port", "0", *options],
            stdout=said,
            stderr=said,
            env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_JAVA_OPTS": SHORT_LIVED},
        )
    try:
        yield
    finally:
        running.terminate()
        running.wait(timeout=PATIENCE)


def read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def wait_for(found: Callable[[], Found | None]) -> Found:
    """Return what ``found`` returns as soon as it is true."""
    end = time.monotonic() + PATIENCE
    while not (result := found()):
        assert time.monotonic() < end
        time.sleep(0.2)
    return result


KEEP_ONE_OF_TWO = """
import sys
from pathlib import Path
import narwhals as nw
from tiktok_pipeline_tests.engines import open_warehouse
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, THINGS, read, things
with open_warehouse(sys.argv[1], Path(sys.argv[2])) as warehouse:
    warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}, {"name": "b"}))
    warehouse.replace_slice(THINGS, APRIL, warehouse.read_slice(THINGS, MARCH).filter(nw.col("name") == "b"))
    print(warehouse.engine_address, *(row["name"] for row in read(warehouse, THINGS, APRIL)))
"""


def test_a_warehouse_on_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KEEP_ONE_OF_TWO, cluster.master, str(tmp_path / "w.duckdb")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    address, application, name = done.stdout.split()
    assert (address, name) == (cluster.master, "b")
    wait_for(lambda: f"Removing app {application}" in read(cluster.log))
    assert [path.name for path in tmp_path.iterdir()] == ["w.duckdb"]


@needs_spark(takes_minutes=True)
def test_a_cluster_computes_the_same_tables_and_is_left_free(cluster: Cluster, tmp_path: Path) -> None:
    scrape = write_csv(tmp_path / "profiles_2024-03-01.csv", spoiled(creators(150), 4, followers="-1"))
    homes = {}
    for engine in ("duckdb", cluster.master):
        homes[engine] = tmp_path / engine.partition(":")[0] / "home"
        homes[engine].parent.mkdir()
        done = command(
            homes[engine],
            *("refresh", scrape, "--study", ONE_STUDY[0].name),
            more={"TIKTOK_PIPELINE_ENGINE": engine},
            python=QUICK_STUDIES,
            timeout=600,
        )
        assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")
    for table in TABLES.values():
        assert_same_rows(homes["duckdb"], homes[cluster.master], table.spec)
    assert len(rows_of(homes[cluster.master], TABLES["validated.profiles"].spec)) == 146
    (engine_of_run,) = engines_of_runs(homes[cluster.master])
    assert engine_of_run is not None
    master, application = engine_of_run.split()
    assert master == cluster.master
    assert len(set(re.findall(f"Launching executor {application}/([0-9]+)", read(cluster.log)))) == WORKERS
    wait_for(lambda: f"Removing app {application}" in read(cluster.log))


def test_a_cluster_without_a_free_worker_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    """A program that asks for more memory than a worker has would wait for ever."""
    program = (
        "from tiktok_pipeline.warehouse.spark import servers\n"
        "servers._WORKER_SECONDS = 2.0\n"
        "try: servers.start_server({master!r})\n"
        "except servers.EngineError as error: print(error)\n"
    )
    settings = tmp_path / "spark-defaults.conf"
    settings.write_text("spark.executor.memory 3g\n", encoding="ascii")
    done = subprocess.run(
        [sys.executable, "-c", program.format(master=cluster.master)],
        env={**os.environ, "SPARK_CONF_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.startswith(f"{cluster.master}: no worker serves this program after 2 s; start a worker, or")
    assert done.stdout.count("\n") == 1
