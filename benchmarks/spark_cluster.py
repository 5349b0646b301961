"""Starts a standalone cluster of Apache Spark on the loopback interface."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import psutil

PATIENCE_SECONDS = 120.0
"""Seconds in which a part of the cluster starts, also on a busy machine."""

_MASTER = re.compile(r"Starting Spark master at (spark://127[.]0[.]0[.]1:\d+)")

Found = TypeVar("Found")


class ClusterError(RuntimeError):
    """The cluster does not start; the message says why."""


class Cluster:
    """A running master and its workers of one core each.

    Attributes
    ----------
    master : str
        The address of the master, ``spark://host:port``.
    """

    def __init__(self, folder: Path, processes: ExitStack, *, memory: str, java_options: str) -> None:
        self._folder, self._processes = folder, processes
        self._memory, self._java_options = memory, java_options
        self._log = folder / "master.log"
        self._started = 0
        self._workers = list[subprocess.Popen[bytes]]()
        self._start("org.apache.spark.deploy.master.Master", "--port", "0", log=self._log)
        self.master: str = wait_for(lambda: _MASTER.search(self.said()), "the master")[1]

    def said(self) -> str:
        """Return what the master said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def workers(self) -> list[psutil.Process]:
        """Return the workers that run."""
        return [psutil.Process(worker.pid) for worker in self._workers if worker.poll() is None]

    def start_worker(self) -> None:
        """Start one more worker, and wait until the master knows it."""
        self._started += 1
        name = f"worker_{self._started}"
        options = ("--cores", "1", "--memory", self._memory, "--work-dir", str(self._folder / name), self.master)
        log = self._folder / f"{name}.log"
        self._workers.append(self._start("org.apache.spark.deploy.worker.Worker", *options, log=log))
        wait_for(lambda: self.said().count("Registering worker") == self._started, "a worker")

    def _start(self, program: str, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        return self._processes.enter_context(_java(program, *arguments, log=log, options=self._java_options))


@contextmanager
def spark_cluster(folder: Path, *, workers: int, memory: str = "1g", java_options: str = "") -> Iterator[Cluster]:
    """Start a master and workers of one core each; they end with the block.

    Parameters
    ----------
    folder : Path
        Where logs and the work of the executors are kept.
    workers : int
        Number of workers.
    memory : str
        Memory that each worker may give to executors, such as ``2g``.
    java_options : str
        Options of the JVMs of master and workers.

    Raises
    ------
    ClusterError
        If Apache Spark is not installed, or does not start within `PATIENCE_SECONDS`.
    """
    with ExitStack() as processes:
        cluster = Cluster(folder, processes, memory=memory, java_options=java_options)
        for _ in range(workers):
            cluster.start_worker()
        yield cluster


def wait_for(found: Callable[[], Found | None], what: str) -> Found:
    """Return what ``found`` returns as soon as it is true.

    Raises
    ------
    ClusterError
        If it is not within `PATIENCE_SECONDS`; the message names ``what``.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while not (result := found()):
        if time.monotonic() > end:
            msg = f"{what}: not ready after {PATIENCE_SECONDS:.0f} s"
            raise ClusterError(msg)
        time.sleep(0.2)
    return result


@contextmanager
def _java(program: str, *arguments: str, log: Path, options: str) -> Iterator[subprocess.Popen[bytes]]:
    spec = find_spec("pyspark")
    start = Path(spec.origin).parent / "bin" / "spark-class" if spec and spec.origin else None
    if start is None or not start.exists():
        msg = "Apache Spark is not installed: install the extra `spark`"
        raise ClusterError(msg)
    with log.open("wb") as said:
        running = subprocess.Popen(
            [str(start), program, "--host", "127.0.0.1", "--webui-port", "0", *arguments],
            stdout=said,
            stderr=said,
            env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_JAVA_OPTS": options},
        )
    try:
        yield running
    finally:
        running.terminate()
        running.wait(timeout=PATIENCE_SECONDS)
