"""Starts a standalone cluster of Apache Spark on the loopback interface."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

PATIENCE_SECONDS = 120.0
"""Seconds in which a part of the cluster starts, also on a busy machine."""

_MASTER = re.compile(r"Starting Spark master at (spark://127[.]0[.]0[.]1:\d+)")

Found = TypeVar("Found")


class ClusterError(RuntimeError):
    """The cluster does not start; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes
    ----------
    master : str
        The address of the master, ``spark://host:port``.
    log : Path
        What the master says.
    workers : tuple of Popen
        The processes of the workers, of one core each.
    """

    master: str
    log: Path
    workers: tuple[subprocess.Popen[bytes], ...]

    def said(self) -> str:
        """Return what the master said so far."""
        return _read(self.log)


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
    log = folder / "master.log"
    with ExitStack() as processes:
        start = ("org.apache.spark.deploy.master.Master", "--port", "0")
        processes.enter_context(_java(*start, log=log, options=java_options))
        master = wait_for(lambda: _MASTER.search(_read(log)), "the master")[1]
        running = []
        for number in range(workers):
            own = folder / f"worker_{number}"
            options = ("--cores", "1", "--memory", memory, "--work-dir", str(own), master)
            worker = _java(
                "org.apache.spark.deploy.worker.Worker",
                *options,
                log=folder / f"worker_{number}.log",
                options=java_options,
            )
            running.append(processes.enter_context(worker))
        wait_for(lambda: _read(log).count("Registering worker") == workers, "a worker")
        yield Cluster(master, log, tuple(running))


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


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
