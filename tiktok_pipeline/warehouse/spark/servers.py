"""The servers of Spark Connect that this process starts itself: Sail as a thread of it, or the JVM of Apache Spark.

Each listens on the loopback interface, is started once in a process and ends with it, also after ``kill -9``: the JVM
ends when its standard input, a pipe from this process, is closed.
"""

from __future__ import annotations

import atexit
import os
import re
import secrets
import socket
import subprocess
import tempfile
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.parse import urlsplit

from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.warehouse.spark.errors import EngineError
from tiktok_pipeline.warehouse.spark.workers import WorkerWatch, wait_for_worker

SAIL = "sail"
"""The engine that runs in this process."""

SPARK = "spark"
"""Apache Spark on all cores of this machine."""

SETTING = "TIKTOK_PIPELINE_ENGINE"
_OLDEST_JAVA = 17
_CONNECT_SECONDS = 10.0
_STOP_SECONDS = 30.0
_PARTITIONS_PER_CORE = 4
_TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105 - the name of a variable
_PAGES_ADDRESS = "SPARK_LOCAL_IP"
"""The address at which Spark's own pages listen; every interface without it."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes
    ----------
    url : str
        The address for the client, with the secret that it needs.
    name : str
        The address, or the master and the application, for people.
    settings : dict of str to str
        The settings of a session.
    ui : str
        The address of its own pages; empty if it has none.
    """

    url: str
    name: str
    settings: dict[str, str]
    ui: str = ""


def start_server(engine: str) -> Server:
    """Start the server of an engine, or return the one that this process started already.

    Parameters
    ----------
    engine : str
        ``sail``; ``spark`` or ``local[N]`` for Apache Spark on this machine; ``spark://host:port`` for the master of
        a standalone cluster.

    Raises
    ------
    EngineError
        If it does not start.
    """
    if engine == SAIL:
        return _start_sail()
    running = _SPARK_SERVERS.get(engine)
    if running is None or running[1].poll() is not None:
        running = _SPARK_SERVERS[engine] = _start_spark("local[*]" if engine == SPARK else engine)
    return running[0]


def check_port(address: str) -> None:
    """Check that something listens at an address: the clients themselves would try for minutes.

    Raises
    ------
    EngineError
        If nothing does.
    """
    try:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 15002), timeout=_CONNECT_SECONDS):
            pass
    except (OSError, ValueError) as error:
        example = "spark://127.0.0.1:7077" if _is_cluster(address) else "sc://127.0.0.1:50051"
        raise EngineError(
            f"{address}: cannot be reached ({one_line(str(error))})",
            remedy=f"start the server there, or correct {SETTING}, such as {example}",
        ) from error


@cache
def _start_sail() -> Server:
    os.environ.setdefault("RUST_LOG", "error")  # else it prints on stderr that it starts and stops
    from pysail.spark import SparkConnectServer  # noqa: PLC0415

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _KEPT.append(server)
    host, port = server.listening_address
    return Server(f"sc://{host}:{port}", f"sc://{host}:{port}", {})


_KEPT: list[Any] = []
"""Keeps Sail: it stops when Python forgets it."""

_SPARK_SERVERS: dict[str, tuple[Server, subprocess.Popen[bytes]]] = {}
"""The servers of Apache Spark by engine, and the JVM of each."""


_WATCHES: list[WorkerWatch] = []
"""Those of the drivers that use a cluster, the newest last."""


def error_of_workers() -> EngineError | None:
    """Return why the newest driver was ended for want of workers; None if it was not."""
    return _WATCHES[-1].error if _WATCHES else None


def _start_spark(master: str) -> tuple[Server, subprocess.Popen[bytes]]:
    """Start a JVM with Spark's driver and a server of Spark Connect in it."""
    check_java()
    if _is_cluster(master):
        check_port(master)
    token = secrets.token_hex(16)
    with tempfile.TemporaryFile() as log:  # the JVM keeps it open
        gateway = _launch_gateway(_spark_settings(master), token, log, master)
        return _serve(gateway, token, log, master), gateway.proc


def _serve(gateway: Any, token: str, log: IO[bytes], master: str) -> Server:  # noqa: ANN401 - py4j has no types
    """Start Spark and its server in the JVM."""
    try:
        context = gateway.jvm.org.apache.spark.SparkContext.getOrCreate()
        if _is_cluster(master):
            wait_for_worker(context, master)
        service = getattr(gateway.jvm, "org.apache.spark.sql.connect.service.SparkConnectService$")
        port = getattr(service, "MODULE$").localPort()
        name = f"{master} {context.applicationId()}"
        partitions = _PARTITIONS_PER_CORE * context.defaultParallelism()
        pages = context.uiWebUrl()
        ui = str(pages.get()) if pages.isDefined() else ""
        if _is_cluster(master):
            _WATCHES.append(WorkerWatch(gateway, context, master))
        else:
            gateway.close()
    except Exception as error:  # py4j raises errors of several kinds
        gateway.close()
        _stop(gateway.proc)
        if isinstance(error, EngineError):
            raise
        _fail(master, log, error)
    atexit.register(_stop, gateway.proc)
    # The client sends the token without encryption to "localhost" only.
    url = f"sc://localhost:{port}/;token={token}"
    return Server(url, name, {"spark.sql.shuffle.partitions": str(partitions)}, ui)


def _is_cluster(master: str) -> bool:
    return master.startswith("spark://")


def _is_on_this_machine(master: str) -> bool:
    """Return whether no other machine has to reach the driver."""
    return urlsplit(master).hostname in (None, *_LOOPBACK)


def _spark_settings(master: str) -> list[tuple[str, str]]:
    """Return what the JVM is started with; everything else is Spark's default or from its own files of settings."""
    settings = {
        "spark.master": master,
        "spark.app.name": "tiktok-pipeline",
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "0",
        "spark.log.level": "ERROR",
    }
    if _is_on_this_machine(master):
        settings |= {"spark.driver.host": _LOOPBACK[0], "spark.driver.bindAddress": _LOOPBACK[0]}
        settings["spark.ui.killEnabled"] = "false"  # its pages have no login
    if not _is_cluster(master):
        settings["spark.authenticate"] = "true"  # with a secret that Spark makes up
    return list(settings.items())


def _launch_gateway(settings: Sequence[tuple[str, str]], token: str, log: IO[bytes], master: str) -> Any:  # noqa: ANN401 - py4j has no types
    from pyspark.conf import SparkConf  # noqa: PLC0415
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415

    variables = {_TOKEN: token} | ({_PAGES_ADDRESS: _LOOPBACK[0]} if _is_on_this_machine(master) else {})
    with _environment(variables), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a process with threads is forked
        try:
            conf = SparkConf(loadDefaults=False).setAll(list(settings))
            return launch_gateway(conf, {"stdout": subprocess.DEVNULL, "stderr": log})
        except Exception as error:  # noqa: BLE001 - pyspark raises errors of several kinds
            traceback.clear_frames(error.__traceback__)  # they hold the pipe to the JVM open
            _fail(master, log, error)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the processes that are started inside the block: arguments could be read by other users."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the JVM: it stops Spark when its standard input ends."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _fail(master: str, log: IO[bytes], error: Exception) -> NoReturn:
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    said = next((line for line in reversed(lines) if "Exception" in line or "rror" in line), str(error))
    raise EngineError(
        f"{master}: Spark does not start ({one_line(said, max_characters=300)})",
        remedy=f"correct {SETTING} or Spark's own settings, or unset {SETTING}",
    ) from error


def check_java() -> None:
    """Check that there is a Java runtime that Spark can use.

    Raises
    ------
    EngineError
        If it is missing or too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else "java"
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    except OSError:
        found = f"{java} is not there"
    else:
        version = re.search(r'version "([0-9]+)', said)
        if version and int(version[1]) >= _OLDEST_JAVA:
            return
        found = f"{java} is {one_line(said.partition(chr(10))[0])}"
    raise EngineError(
        f"Apache Spark needs a Java runtime, {_OLDEST_JAVA} or newer: {found}",
        remedy=f"install one, on Debian: apt-get install --no-install-recommends openjdk-{_OLDEST_JAVA}-jre-headless;"
        " or set JAVA_HOME",
    )
