"""Waits for the workers of a cluster, and ends a driver that has none: Spark itself would wait for ever.

The functions call objects in the JVM of the driver through py4j, which has no types.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from typing import Any

from tiktok_pipeline.warehouse.spark.errors import EngineError

PATIENCE_SECONDS = 180.0
"""Seconds without a worker after which a driver is ended."""

_POLL_SECONDS = 0.2
_WATCH_SECONDS = 5.0


def wait_for_worker(context: Any, master: str) -> None:  # noqa: ANN401 - an object in the JVM
    """Wait until a worker serves the application.

    Raises
    ------
    EngineError
        If none does within `PATIENCE_SECONDS`.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while not _has_worker(context):
        if context.isStopped() or time.monotonic() > end:
            raise EngineError(
                f"{master}: no worker serves this program after {PATIENCE_SECONDS:.0f} s",
                remedy="start a worker, or free its cores and memory; master and workers must be of the Spark of the "
                "extra `spark`, and must reach this machine",
            )
        time.sleep(_POLL_SECONDS)


class WorkerWatch:
    """Looks every few seconds, in a thread, whether a worker serves the application; ends the driver if none does.

    Attributes
    ----------
    error : EngineError or None
        Why the driver was ended; None if it was not.
    """

    def __init__(self, gateway: Any, context: Any, master: str) -> None:  # noqa: ANN401 - objects of py4j
        self.error: EngineError | None = None
        self._driver: subprocess.Popen[bytes] = gateway.proc
        self._context, self._master = context, master
        logging.getLogger("py4j").setLevel(logging.CRITICAL)  # it logs that the JVM ended
        threading.Thread(target=self._watch, name="workers of Spark", daemon=True).start()

    def _watch(self) -> None:
        last_seen = time.monotonic()
        while self._driver.poll() is None:
            try:
                if _has_worker(self._context):
                    last_seen = time.monotonic()
            except Exception:  # noqa: BLE001 - py4j raises errors of several kinds: the driver ends
                return
            if time.monotonic() - last_seen > PATIENCE_SECONDS:
                self.error = EngineError(
                    f"{self._master}: no worker has served this program for {PATIENCE_SECONDS:.0f} s",
                    remedy="start the master or a worker again, then run the same command again",
                )
                self._driver.kill()
                return
            time.sleep(_WATCH_SECONDS)


def _has_worker(context: Any) -> bool:  # noqa: ANN401 - an object in the JVM
    executors: int = context.getExecutorMemoryStatus().size()
    return executors > 1  # the first is the driver itself
