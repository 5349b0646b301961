"""Kills a part of a standalone cluster of Apache Spark in the middle of a refresh, and refreshes again.

A refresh must end well or fail in one line, with the published tables of before or of after; the same command, with
the worker back, must leave the tables that DuckDB makes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from benchmarks import record
from benchmarks.performance.engines import FIRST, compare_tables
from benchmarks.reliability.said import last_reason, problem_of
from benchmarks.reliability.states import Slices, published_of
from benchmarks.spark_cluster import Cluster, spark_cluster, wait_for
from tiktok_pipeline.sample import write_sample

Log = Callable[[str], None]

STUDY = "influencer_segments"
EXECUTOR, WORKER, DRIVER = KILLED = ("executor", "worker", "driver")
"""What is killed: the process that computes, which its worker starts again; the worker with it; or Spark's driver."""

_SECONDS = 1800.0
"""After so many seconds a refresh counts as one that hangs."""


@dataclass(frozen=True)
class WorkerTrial:
    """A refresh that lost its executor, a worker or its driver after so many seconds of computing.

    ``said`` is its last line, ``problem`` what was wrong with it or with the rerun; empty if nothing.
    """

    number: int
    killed: str
    after_seconds: float
    exit_code: int
    said: str
    problem: str


def measure_worker_kills(
    folder: Path, *, times: int, workers: int, profiles: int, seed: int, log: Log
) -> list[WorkerTrial]:
    """Kill an executor, a worker and a driver in turn, each in another refresh.

    Parameters
    ----------
    folder : Path
        An empty folder for the homes and the cluster.
    times : int
        Number of refreshes.
    workers : int
        Workers of the cluster, of one core each.
    profiles : int
        Creators of each of the two synthetic snapshots.
    seed : int
        Seed of the creators and of the moments.
    log : callable
        Called with a line for each refresh.
    """
    first, second = _scrapes(folder, profiles, seed)
    before, after, home = folder / "before", folder / "after", folder / "home"
    _expect_success(_refresh(before, first, FIRST))
    shutil.copytree(before, after)
    _expect_success(_refresh(after, second, FIRST))
    draw = random.Random(seed)  # noqa: S311
    with spark_cluster(_new(folder / "cluster"), workers=workers) as cluster:
        shutil.copytree(before, home)
        started = time.monotonic()
        _expect_success(_refresh(home, second, cluster.master))
        whole = time.monotonic() - started
        log(f"undisturbed: {whole:.0f} s {_differing(after, home)}")
        found = []
        for number in range(1, times + 1):
            shutil.rmtree(home)
            shutil.copytree(before, home)
            trial = _trial(_Attacked(cluster, home, second, after), number, draw, whole)
            ended = trial.problem or trial.said or "ends well"
            log(f"{number}: {trial.killed} after {trial.after_seconds:.0f} s: {ended}")
            found.append(trial)
    return found


def _scrapes(folder: Path, profiles: int, seed: int) -> Sequence[Path]:
    written = write_sample(
        folder / "scrapes",
        profiles=profiles,
        snapshots=2,
        random_state=seed,
        activity=0,
        file_format="parquet",
    )
    return sorted(file for file in written if file.name.startswith("profiles"))


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@dataclass(frozen=True)
class _Attacked:
    """The refresh of a scrape on a cluster: its home, and the home that DuckDB left."""

    cluster: Cluster
    home: Path
    scrape: Path
    after: Path


def _trial(attacked: _Attacked, number: int, draw: random.Random, whole: float) -> WorkerTrial:
    cluster, home = attacked.cluster, attacked.home
    old = published_of(home)
    killed, seconds = KILLED[number % len(KILLED)], draw.uniform(0.0, 0.9 * whole)
    applications = cluster.said().count("Registered app")
    with tempfile.TemporaryFile() as output:
        running = _start(home, attacked.scrape, cluster.master, output)
        wait_for(lambda: cluster.said().count("Registered app") > applications, "the application")
        time.sleep(seconds)
        if running.poll() is None:
            _kill(killed, draw.choice(cluster.workers()), psutil.Process(running.pid))
        code = _wait(running)
        output.seek(0)
        said = output.read().decode(errors="replace")
    problem = problem_of(code, said) or _problem_of_tables(home, old, attacked.after, code)
    if killed == WORKER:
        cluster.start_worker()
    if not problem and code:
        again, said_again = _refresh(home, attacked.scrape, cluster.master)
        problem = f"the rerun ended with {again}: {said_again[-300:]}" if again else _differing(attacked.after, home)
    return WorkerTrial(number, killed, round(seconds, 1), code, last_reason(said, home.parent), problem)


def _kill(killed: str, worker: psutil.Process, refresh: psutil.Process) -> None:
    """Kill the executors of a worker, with the worker itself, or the driver that the refresh started."""
    if killed == DRIVER:
        victims = [child for child in refresh.children() if child.name() == "java"]
    else:
        victims = [*([worker] if killed == WORKER else []), *worker.children(recursive=True)]
    for process in victims:
        process.send_signal(signal.SIGKILL)


def _problem_of_tables(home: Path, old: Slices, after: Path, code: int) -> str:
    """Return what is wrong with the tables of a refresh that ended: the published ones are old, or all are new."""
    if code and published_of(home) == old:
        return ""
    return _differing(after, home)


def _differing(after: Path, home: Path) -> str:
    """Name the tables that are not those of DuckDB; an empty text if all are."""
    differing = [name for name, same in compare_tables(after, home).items() if not same.is_same]
    return f"other tables than DuckDB's: {', '.join(differing)}" if differing else ""


def _refresh(home: Path, scrape: Path, engine: str) -> tuple[int, str]:
    with tempfile.TemporaryFile() as output:
        code = _wait(_start(home, scrape, engine, output))
        output.seek(0)
        return code, output.read().decode(errors="replace")


def _start(home: Path, scrape: Path, engine: str, output: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - a file
    return subprocess.Popen(
        [sys.executable, "-m", "tiktok_pipeline", "refresh", str(scrape), "--study", STUDY],
        env={
            **os.environ,
            "TIKTOK_PIPELINE_HOME": str(home),
            "TIKTOK_PIPELINE_PICTURES": "no",
            "TIKTOK_PIPELINE_ENGINE": engine,
        },
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def _wait(running: subprocess.Popen[bytes]) -> int:
    try:
        return running.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()
        return running.wait()


def _expect_success(ended: tuple[int, str]) -> None:
    code, said = ended
    if code:
        msg = f"a refresh that nobody disturbed ended with {code}: {said[-2000:]}"
        raise RuntimeError(msg)


def worker_kills_command(
    *,
    times: Annotated[int, typer.Option(min=1, help="Number of refreshes in which something is killed.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Workers of the cluster, of one core each.")] = 2,
    profiles: Annotated[int, typer.Option(min=60, help="Creators of each snapshot.")] = 150,
    seed: Annotated[int, typer.Option(help="The same seed draws the same moments.")] = 1,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Kill parts of Apache Spark during a refresh, and run it again; exit code 1 if anything differs."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        found = measure_worker_kills(
            Path(folder), times=times, workers=workers, profiles=profiles, seed=seed, log=typer.echo
        )
    problems = sum(bool(trial.problem) for trial in found)
    failed = sum(trial.exit_code != 0 for trial in found)
    typer.echo(f"{len(found)} refreshes, {failed} failed in one line, {problems} with a problem")
    if save_it:
        settings = {"workers": workers, "profiles": profiles, "seed": seed}
        trials = [asdict(trial) for trial in found]
        typer.echo(f"saved: {record.save('worker-kills', {'settings': settings, 'trials': trials})}")
    if problems:
        raise typer.Exit(1)
