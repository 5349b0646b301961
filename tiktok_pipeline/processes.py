"""Runs one function for many items in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import TypeVar

from tiktok_pipeline.errors import PipelineError

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerDiedError(PipelineError):
    """A worker process ended before its work was done, for example because the memory was used up."""

    code = "worker_died"


def map_in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], *, processes: int = 1, starts: bool = True
) -> list[Result]:
    """Return the result of a function for each item, in the order of the items.

    The processes are started once and serve later calls, too. They are new ones, not forks, because a fork of a
    process with threads may hang: a script that asks for several must have its own start behind
    ``if __name__ == "__main__"``.

    Parameters
    ----------
    function : callable
        A function of a module that gives the same result in any process.
    items : sequence
        The arguments; they are copied to the processes.
    processes : int, default 1
        Number of processes. With one, everything runs in this process.
    starts : bool, default True
        Start the processes if they are not there yet. False is for work that is shorter than their start, about two
        seconds: without them it runs in this process.

    Raises
    ------
    WorkerDiedError
        If a process ended before its work was done.

    Examples
    --------
    >>> map_in_processes(abs, [-1, 2], processes=1)
    [1, 2]
    """
    if min(processes, len(items)) < 2 or not (starts or _pool.cache_info().currsize):
        return [function(item) for item in items]
    pool = _pool(processes, os.getpid())
    try:
        return list(pool.map(function, items))
    except BrokenProcessPool as error:
        _stop(pool)
        raise WorkerDiedError(
            "a worker process ended before its work was done, most likely because the memory was used up",
            remedy="run it again with TIKTOK_PIPELINE_THREADS=1, which needs less memory",
        ) from error
    except BaseException:
        _stop(pool)
        raise


@cache
def _pool(processes: int, parent: int) -> ProcessPoolExecutor:
    """Return the processes of this process; a fork does not have those of its parent."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=start_worker, initargs=(parent,))


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the processes at once, also those that are at work: nobody waits for their results any more."""
    _pool.cache_clear()
    workers = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.kill()


def start_worker(parent: int) -> None:
    """Leave Ctrl-C to the parent, and end when the parent is gone, whose process id this is: a pool's initializer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
