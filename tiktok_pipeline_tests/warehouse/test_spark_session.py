"""An engine that cannot be used ends in one line that says what to do; Sail and Spark live and die with a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import narwhals as nw
import pytest

from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.spark import session
from tiktok_pipeline.warehouse.spark.errors import EngineError
from tiktok_pipeline.warehouse.spark.servers import check_java
from tiktok_pipeline.warehouse.spark.session import check_installed, open_session
from tiktok_pipeline_tests.engines import SPARK_ENGINE, needs_sail, needs_spark, open_warehouse
from tiktok_pipeline_tests.warehouse.tables import APRIL, MARCH, THINGS, read, things

sail = needs_sail()
each_server = pytest.mark.parametrize(
    "engine", [pytest.param("sail", marks=sail), pytest.param(SPARK_ENGINE, marks=needs_spark())]
)
PATIENCE = 60.0


@pytest.fixture
def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a program that is no engine: it accepts connections and closes them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = "import socket, sys; s = socket.socket(fileno=int(sys.argv[1]))\nwhile True: s.accept()[0].close()"
        with subprocess.Popen(
            [sys.executable, "-c", program, str(server.fileno())], pass_fds=[server.fileno()]
        ) as running:
            yield f"sc://127.0.0.1:{server.getsockname()[1]}"
            running.kill()


@pytest.mark.parametrize(
    ("engine", "missing", "extra"),
    [
        ("sail", "pysail", "sail"),
        ("sail", "pyspark", "sail"),
        ("sc://127.0.0.1:1", "pyspark", "spark"),
        ("spark", "py4j", "spark"),
        ("local[2]", "py4j", "spark"),
        ("spark://127.0.0.1:7077", "py4j", "spark"),
    ],
)
def test_an_engine_that_is_not_installed_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, engine: str, missing: str, extra: str
) -> None:
    monkeypatch.setattr(session, "find_spec", lambda module: None if module == missing else object())
    monkeypatch.setattr(session, "_is_installed", lambda _: False)
    with pytest.raises(EngineError) as caught:
        check_installed(engine)
    package = {"pysail": "pysail", "pyspark": "pyspark-client", "py4j": "pyspark"}[missing]
    assert str(caught.value) == (
        f"TIKTOK_PIPELINE_ENGINE={engine}: not installed: {package}; install the extra `{extra}`: "
        f"pip install 'tiktok-pipeline[{extra}]'; or unset TIKTOK_PIPELINE_ENGINE"
    )


def test_the_client_alone_makes_way_for_the_whole_of_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda module: None if module == "py4j" else object())
    monkeypatch.setattr(session, "_is_installed", lambda package: package == "pyspark-client")
    with pytest.raises(EngineError, match=r": pip uninstall pyspark-client; pip install 'tiktok-pipeline.spark.'"):
        check_installed("spark")


def fake_java(folder: Path, version: str) -> None:
    """Write a program that says its version as Java does, and fails to do anything else."""
    java = folder / "bin" / "java"
    java.parent.mkdir()
    answer = f"echo 'openjdk version \"{version}\" 2024-01-16' >&2"
    java.write_text(f'#!/bin/sh\n[ "$1" = -version ] && {{ {answer}; exit; }}\necho "Error: no memory" >&2\nexit 1\n')
    java.chmod(0o755)


@pytest.mark.parametrize("version", ["11.0.22", "1.8.0_402"])
def test_a_java_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    fake_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError) as caught:
        check_java()
    assert str(caught.value) == (
        f"Apache Spark needs a Java runtime, 17 or newer: {tmp_path}/bin/java is openjdk version "
        f'"{version}" 2024-01-16; install one, on Debian: apt-get install --no-install-recommends '
        "openjdk-17-jre-headless; or set JAVA_HOME"
    )


def test_a_java_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"^Apache Spark needs a Java runtime, 17 or newer: java is not there; "):
        check_java()


@pytest.mark.parametrize("version", ["17.0.15", "21", "25.0.1"])
def test_a_java_that_is_new_enough_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str) -> None:
    fake_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    check_java()


@needs_spark()
def test_a_spark_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_java(tmp_path, "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineError) as caught:
        open_session("local[1]")
    assert str(caught.value) == (
        "local[1]: Spark does not start (Error: no memory); correct TIKTOK_PIPELINE_ENGINE or Spark's own settings, "
        "or unset TIKTOK_PIPELINE_ENGINE"
    )


@needs_spark()
def test_a_master_that_does_not_listen_is_named(free_port: int) -> None:
    with pytest.raises(EngineError, match=rf"^spark://127.0.0.1:{free_port}: cannot be reached .*; start the server"):
        open_session(f"spark://127.0.0.1:{free_port}")


@needs_spark()
def test_a_server_of_spark_asks_for_its_secret() -> None:
    """Other users of the machine see the port, and must not read through it."""
    from tiktok_pipeline.warehouse.spark.servers import start_server

    url, _, secret = start_server(SPARK_ENGINE).url.partition("/;token=")
    assert len(secret) == 32
    for address in (url, url.replace("localhost", "127.0.0.1")):
        with pytest.raises(EngineError, match="no Spark Connect server answers there"):
            open_session(address)


@sail
def test_an_address_where_nothing_listens_is_named(free_port: int) -> None:
    with pytest.raises(EngineError, match=rf"^sc://127.0.0.1:{free_port}: cannot be reached .*; start the server"):
        open_session(f"sc://127.0.0.1:{free_port}")


@sail
def test_a_program_that_is_no_engine_is_named(silent_server: str) -> None:
    with pytest.raises(EngineError) as caught:
        open_session(silent_server)
    assert str(caught.value).startswith(f"{silent_server}: no Spark Connect server answers there (")
    assert "\n" not in str(caught.value)


@sail
def test_a_server_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "version", lambda _: "3.5.7")
    with pytest.raises(EngineError, match=r"the server is Spark 4[.]2[.]0, the client of this program is 3[.]5[.]7"):
        open_session("sail")


@sail
def test_a_server_that_does_not_see_the_folder_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server on another machine reads a path of this one as a folder without rows."""
    from pyspark.sql.connect.readwriter import DataFrameReader

    read = DataFrameReader.parquet
    monkeypatch.setattr(DataFrameReader, "parquet", lambda self, path: read(self, f"/elsewhere{path}"))
    message = rf"the server cannot read {tmp_path}/w.duckdb.engine-\w+; start it on"
    with open_warehouse("sail", tmp_path / "w.duckdb") as warehouse, pytest.raises(EngineError, match=message):
        warehouse.engine_address  # noqa: B018
    assert [path.name for path in tmp_path.iterdir()] == []


@sail
def test_the_temporary_folder_is_removed_also_after_an_error(tmp_path: Path) -> None:
    with open_warehouse("sail", tmp_path / "w.duckdb") as warehouse:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}))
        rows = warehouse.read_slice(THINGS, MARCH)
        (folder,) = tmp_path.glob("w.duckdb.engine-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(WarehouseError, match="nothing was written"):
            warehouse.replace_slice(THINGS, MARCH, rows.drop("name"))
        assert [row["name"] for row in read(warehouse, THINGS, MARCH)] == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["w.duckdb"]


SERVER = """
import sys, time
from tiktok_pipeline.warehouse.spark.session import open_session
open_session(sys.argv[1])
from tiktok_pipeline.warehouse.spark.servers import start_server
print(start_server(sys.argv[1]).url.partition("/;")[0], flush=True)
time.sleep(600)
"""


@contextmanager
def server_of_its_own(engine: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start another process with a server in it; yield the process and the address."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, engine],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    ) as running:
        assert running.stdout is not None
        try:
            yield running, running.stdout.readline().strip()
        finally:
            running.kill()


@sail
def test_a_server_at_an_address_computes_until_it_is_killed(tmp_path: Path) -> None:
    with (
        server_of_its_own("sail") as (server, address),
        open_warehouse(address, tmp_path / "store" / "w.duckdb") as warehouse,
    ):
        assert warehouse.engine_address == address
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}, {"name": "b"}))
        rows = warehouse.read_slice(THINGS, MARCH)
        assert warehouse.replace_slice(THINGS, APRIL, rows.filter(nw.col("name") == "b")) == 1
        server.kill()
        server.wait(timeout=10)
        with pytest.raises(WarehouseError) as caught:
            warehouse.replace_slice(THINGS, APRIL, rows)
        assert str(caught.value) == (
            "writing shelf.things failed, the table is unchanged: the engine does not answer any more: it was ended, "
            "or had too little memory; run the same command again, with more memory for the engine or without "
            "TIKTOK_PIPELINE_ENGINE"
        )
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["w.duckdb"]
    with open_warehouse("duckdb", tmp_path / "store" / "w.duckdb") as stored:
        assert [row["name"] for row in read(stored, THINGS, APRIL)] == ["b"]


@each_server
def test_a_killed_process_leaves_no_server(engine: str) -> None:
    with server_of_its_own(engine) as (running, address):
        port = int(address.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        os.kill(running.pid, signal.SIGKILL)
        running.wait(timeout=10)
        assert is_left_alone(running.pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def is_left_alone(session_of: int) -> bool:
    """Return whether nobody of a process's session is left; a JVM takes a moment to end."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            os.killpg(session_of, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@needs_spark()
def test_the_pages_of_spark_show_the_stages_on_loopback_alone(tmp_path: Path) -> None:
    program = (
        "import sys; from tiktok_pipeline_tests.warehouse.test_spark_session import what_spark_shows\n"
        "print(what_spark_shows(sys.argv[1], sys.argv[2]))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program, SPARK_ENGINE, str(tmp_path / "w.duckdb")],
        env={name: value for name, value in os.environ.items() if name != "SPARK_LOCAL_IP"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == "stages: True, only on loopback: True, an address for the kill of a stage: False\n"


def what_spark_shows(engine: str, file: str) -> str:
    """Compute a table with Spark and describe its pages; the process ends with Spark's application."""
    import psutil

    with open_warehouse(engine, Path(file)) as warehouse:
        warehouse.replace_slice(THINGS, MARCH, things({"name": "a"}, {"name": "b"}))
        warehouse.replace_slice(THINGS, APRIL, warehouse.read_slice(THINGS, MARCH).filter(nw.col("name") == "b"))
        application = warehouse.engine_address.split()[-1]
        with urllib.request.urlopen(f"{warehouse.engine_ui}/api/v1/applications/{application}/stages") as answer:
            stages = json.load(answer)
        with urllib.request.urlopen(f"{warehouse.engine_ui}/stages/") as answer:
            offers_kill = "/stage/kill" in answer.read().decode()
        listening = [
            connection.laddr.ip
            for child in psutil.Process().children(recursive=True)
            for connection in child.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
    is_loopback = [ip.removeprefix("::ffff:") == "127.0.0.1" for ip in listening]
    return (
        f"stages: {len(stages) > 0}, only on loopback: {bool(is_loopback) and all(is_loopback)}, "
        f"an address for the kill of a stage: {offers_kill}"
    )


def test_with_duckdb_nothing_of_spark_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tiktok_pipeline.settings import Settings\n"
        "from tiktok_pipeline.assembly import open_warehouse\n"
        f"with open_warehouse(Settings(home=Path({str(tmp_path)!r}))) as warehouse: warehouse.slices()\n"
        "print([name for name in ('pysail', 'grpc', 'tiktok_pipeline.warehouse.spark') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


@each_server
def test_a_program_without_a_file_can_use_an_engine(engine: str) -> None:
    program = (
        "import os, sys; from tiktok_pipeline.warehouse.spark.session import open_session\n"
        "session = open_session(sys.argv[1]); print(session.spark.range(3).count()); session.close()"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program, engine],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.communicate() == ("3\n", "")
    assert running.returncode == 0
    assert is_left_alone(running.pid)
