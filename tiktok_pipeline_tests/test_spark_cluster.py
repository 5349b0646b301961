"""A standalone cluster of Apache Spark on the loopback interface computes the same tables, and is left free."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.spark_cluster import Cluster, spark_cluster, wait_for
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline_tests.engines import SHORT_LIVED, needs_spark
from tiktok_pipeline_tests.homes import ONE_STUDY, QUICK_STUDIES, command
from tiktok_pipeline_tests.same_tables import assert_same_rows, count_rows
from tiktok_pipeline_tests.scrapes import creators, spoiled, write_csv
from tiktok_pipeline_tests.test_engines_agree import engines_of_runs

WORKERS = 2

pytestmark = [pytest.mark.slow, needs_spark()]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with spark_cluster(folder, workers=WORKERS, java_options=SHORT_LIVED) as running:
        yield running


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
    wait_for(lambda: f"Removing app {application}" in cluster.said(), "the end of the application")
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
    assert count_rows(homes[cluster.master], TABLES["validated.profiles"].spec) == 146
    (engine_of_run,) = engines_of_runs(homes[cluster.master])
    assert engine_of_run is not None
    master, application = engine_of_run.split()
    assert master == cluster.master
    assert len(set(re.findall(f"Launching executor {application}/([0-9]+)", cluster.said()))) == WORKERS
    wait_for(lambda: f"Removing app {application}" in cluster.said(), "the end of the application")


def test_a_cluster_without_a_free_worker_is_one_line(cluster: Cluster, tmp_path: Path) -> None:
    """A program that asks for more memory than a worker has would wait for ever."""
    program = (
        "from tiktok_pipeline.warehouse.spark import servers, workers\n"
        "workers.PATIENCE_SECONDS = 2.0\n"
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


LOSES_ITS_WORKERS = """
import sys
from tiktok_pipeline.warehouse.spark import workers
from tiktok_pipeline.warehouse.spark.client import complete_client
from tiktok_pipeline.warehouse.spark.errors import EngineError
from tiktok_pipeline.warehouse.spark.session import open_session
spark = open_session(sys.argv[1]).spark
complete_client()
print(spark.range(10).repartition(3).count(), flush=True)
workers.PATIENCE_SECONDS, workers._WATCH_SECONDS = 2.0, 0.2
input()
try:
    spark.range(10).repartition(3).count()
except EngineError as error:
    print(error)
"""


def test_a_cluster_that_loses_all_workers_is_one_line(tmp_path: Path) -> None:
    """Spark itself would wait for a worker for ever."""
    with spark_cluster(tmp_path, workers=1, java_options=SHORT_LIVED) as own:
        running = subprocess.Popen(
            [sys.executable, "-c", LOSES_ITS_WORKERS, own.master],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert running.stdout is not None
        assert running.stdout.readline() == "10\n"
        for worker in own.workers():
            for process in [worker, *worker.children(recursive=True)]:
                process.kill()
        said, errors = running.communicate("\n", timeout=120)
    assert errors == ""
    assert said == (
        f"{own.master}: no worker has served this program for 2 s; start the master or a worker again, then run the "
        "same command again\n"
    )
