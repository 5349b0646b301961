"""Everything at once for some minutes: refreshes, forget, prune, readers of the published file, and the UI.

Eight processes refresh six snapshots again and again, alternating between two deliveries; two of the snapshots are
refreshed by two processes. Others forget creators, deliver and prune an old snapshot, query the published file with
DuckDB and with ``tiktok-pipeline sql``, and ask Dagster's web server. At the end the creators of each snapshot must
be those of one of the last deliveries, without the forgotten ones: none lost, none twice. Both deliveries are
refreshed undisturbed before, in homes of their own. No reader may be refused or see half of a snapshot.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import record
from benchmarks.reliability.together import STUDY, Readings, read_published
from tiktok_pipeline.sample import write_sample
from tiktok_pipeline.warehouse.duckdb.connection import query

SNAPSHOTS, REFRESHERS = 6, 8
VERSIONS = ("a", "b")
_SECONDS_FOR_UI = 300
_RUNS = "{ runsOrError(limit: 25) { __typename ... on Runs { results { runId status } } } }"
_IDS = (
    "select snapshot, account_id, (select count(*) from clusters.assignments a where a.snapshot = p.snapshot and "
    "a.account_id = p.account_id) from validated.profiles p"
)
_HANDLES = (
    "select account_id, count(distinct account_id) over (partition by creator_id) > 1 as is_renamed "
    "from creators.identities"
)
_BY_SNAPSHOT = "select snapshot, count(*) as profiles from validated.profiles group by all"

Log = Callable[[str], None]
Creators = dict[str, Counter[str]]
"""For each snapshot, how often each creator is in it."""


@dataclass(frozen=True)
class Deliveries:
    """The files of each version, oldest first, and the creators of each snapshot of it, refreshed undisturbed."""

    files: dict[str, list[Path]]
    creators: dict[str, Creators]
    forgettable: tuple[str, ...]

    @property
    def snapshots(self) -> list[str]:
        """The keys of the snapshots, oldest first; the first one is pruned again and again."""
        return sorted(self.creators[VERSIONS[0]])


@dataclass
class AtOnce:
    """What happened in one run: successes by kind, readings, and everything that is wrong."""

    done: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    readings: list[Readings] = field(default_factory=list)
    last: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    forgotten: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Return the counts."""
        seen = [problem for reading in self.readings for problem in reading.problems]
        return {
            "done": dict(self.done),
            "queries": sum(reading.queries for reading in self.readings),
            "forgotten": len(self.forgotten),
            "problems": [*self.problems, *seen],
        }


def prepare(folder: Path, *, profiles: int, snapshots: int = SNAPSHOTS, log: Log) -> Deliveries:
    """Write both versions of every delivery, and refresh each undisturbed."""
    files: dict[str, list[Path]] = {}
    creators: dict[str, Creators] = {}
    handles, renamed = set[str](), set[str]()
    for seed, version in enumerate(VERSIONS, start=7):
        written = write_sample(folder / version, profiles=profiles, snapshots=snapshots + 1, random_state=seed)
        files[version] = sorted(file for file in written if file.name.startswith("profiles"))
        home = folder / f"home_{version}"
        code, said = _run(home, "refresh", *map(str, files[version]), "--study", STUDY)
        if code:
            raise RuntimeError(said)
        published = home / "published" / "tiktok.duckdb"
        creators[version] = _creators(published)
        for handle, is_renamed in query(published, _HANDLES)[1]:
            (renamed if is_renamed else handles).add(str(handle))
        log(f"version {version}: {len(creators[version])} snapshots refreshed undisturbed")
    # With a creator of several handles, in either version, all of them would be forgotten.
    return Deliveries(files, creators, tuple(sorted(handles - renamed)))


def run_at_once(
    deliveries: Deliveries,
    home: Path,
    *,
    seconds: float,
    seed: int,
    refreshers: int = REFRESHERS,
    with_ui: bool = True,
) -> AtOnce:
    """Do everything at once in a new home, and compare at the end."""
    run, stop = AtOnce(), threading.Event()
    code, said = _run(home, "refresh", *map(str, deliveries.files["a"]), "--study", STUDY)
    if code:
        raise RuntimeError(said)
    server = _started_ui(home, run) if with_ui else None
    loops: list[tuple[Callable[..., None], tuple[object, ...]]] = [
        *((_refresh, (number, deliveries, home, run)) for number in range(refreshers)),
        (_forget, (deliveries, home, run, random.Random(seed))),  # noqa: S311
        (_prune, (deliveries, home, run)),
        (_sql, (home, run)),
        *((_ask_ui, (server[1], run)) for _ in range(2) if server),
    ]
    run.readings = [Readings() for _ in range(4)]
    published = home / "published" / "tiktok.duckdb"
    threads = [threading.Thread(target=_loop, args=(work, arguments, stop, run)) for work, arguments in loops]
    readers = [threading.Thread(target=read_published, args=(published, one, stop)) for one in run.readings]
    for thread in (*threads, *readers):
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in (*threads, *readers):
        thread.join()
    if server:
        _wait_for_runs(server[1], run)
        _stop_ui(server[0], run)
    run.problems += _wrong_at_the_end(deliveries, home, run)
    return run


def _loop(work: Callable[..., None], arguments: Sequence[object], stop: threading.Event, run: AtOnce) -> None:
    turn = 0
    try:
        while not stop.is_set():
            turn += 1
            work(turn, *arguments)
    except Exception as error:  # noqa: BLE001 - a thread that ends must not end unseen
        run.problems.append(f"{work.__name__} ended: {error!r}")


def _refresh(turn: int, number: int, deliveries: Deliveries, home: Path, run: AtOnce) -> None:
    kept = deliveries.snapshots[1:]
    place, version = 1 + number % len(kept), VERSIONS[turn % len(VERSIONS)]
    if _succeeds(run, home, "refresh", str(deliveries.files[version][place]), "--study", STUDY):
        run.last[deliveries.snapshots[place]][number] = version


def _forget(_turn: int, deliveries: Deliveries, home: Path, run: AtOnce, draw: random.Random) -> None:
    name = draw.choice(deliveries.forgettable)
    if name not in run.forgotten:
        run.forgotten.append(name)
        _succeeds(run, home, "forget", name, "--all-accounts", "--yes")


def _prune(_turn: int, deliveries: Deliveries, home: Path, run: AtOnce) -> None:
    oldest, next_one = deliveries.snapshots[:2]
    _succeeds(run, home, "prune", "--before", next_one, "--yes")
    if _succeeds(run, home, "refresh", str(deliveries.files["a"][0]), "--study", STUDY):
        run.last[oldest][-1] = "a"


def _sql(_turn: int, home: Path, run: AtOnce) -> None:
    _succeeds(run, home, "sql", _BY_SNAPSHOT)


def _succeeds(run: AtOnce, home: Path, *arguments: str) -> bool:
    code, said = _run(home, *arguments)
    run.done[arguments[0]] += not code
    if code:
        run.problems.append(f"{' '.join(arguments[:2])} ended with {code}: {said[-400:]}")
    return not code


def _wrong_at_the_end(deliveries: Deliveries, home: Path, run: AtOnce) -> list[str]:
    """List the creators that are lost, twice, forgotten and there, or in a table of the study only or not."""
    wrong = []
    for database in ("published", "warehouse"):
        found = _creators(home / database / "tiktok.duckdb")
        for snapshot in deliveries.snapshots[1:]:
            versions = {*run.last[snapshot].values()} or {"a"}
            gone = set(run.forgotten)
            wanted = [Counter(set(deliveries.creators[version][snapshot]) - gone) for version in sorted(versions)]
            is_ = found.get(snapshot, Counter())
            if is_ not in wanted:
                lost, more = wanted[0] - is_, is_ - wanted[0]
                wrong.append(
                    f"{database}, snapshot {snapshot}: {len(lost)} lost, {len(more)} too many ({[*lost, *more][:3]})"
                )
    code, said = _run(home, "doctor")
    return [*wrong, *([f"doctor: {said[-600:]}"] if code else [])]


def _creators(database: Path) -> Creators:
    found: Creators = defaultdict(Counter)
    for snapshot, account_id, assigned in query(database, _IDS)[1]:
        found[str(snapshot)][str(account_id)] += int(assigned)
    return dict(found)


def _started_ui(home: Path, run: AtOnce) -> tuple[subprocess.Popen[bytes], int]:
    """Start ``tiktok-pipeline ui`` and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with (home.parent / "ui.log").open("wb") as log:
        server = subprocess.Popen(
            _command("ui", "--port", str(port)),
            env=_environment(home),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _SECONDS_FOR_UI
    while time.monotonic() < deadline and server.poll() is None:
        try:
            _graphql(port)
        except OSError:
            time.sleep(1)
        else:
            return server, port
    run.problems.append(f"the UI does not start: {(home.parent / 'ui.log').read_text()[-400:]}")
    return server, port


def _ask_ui(_turn: int, port: int, run: AtOnce) -> None:
    try:
        answer = _graphql(port)
    except OSError as error:
        run.problems.append(f"the UI refused: {error}")
        time.sleep(1)
        return
    if "errors" in answer:
        run.problems.append(f"the UI answered: {str(answer)[:300]}")
    run.done["answers of the UI"] += 1
    time.sleep(0.2)


def _wait_for_runs(port: int, run: AtOnce) -> None:
    """Wait for the runs that Dagster's daemon has started, such as those after an erasure."""
    deadline = time.monotonic() + _SECONDS_FOR_UI
    while time.monotonic() < deadline:
        answer = str(_graphql(port))
        if not any(status in answer for status in ("QUEUED", "STARTING", "STARTED", "NOT_STARTED")):
            return
        time.sleep(2)
    run.problems.append(f"runs of Dagster do not end: {answer[:400]}")


def _graphql(port: int) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": _RUNS}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - our own server
        found: dict[str, object] = json.loads(answer.read())
    return found


def _stop_ui(server: subprocess.Popen[bytes], run: AtOnce) -> None:
    server.send_signal(signal.SIGINT)
    try:
        code = server.wait(timeout=180)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        code = server.wait()
        run.problems.append("the UI did not stop within 180 s")
    if code not in (0, 130):
        run.problems.append(f"the UI ended with {code}")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tiktok_pipeline", *arguments]


def _environment(home: Path) -> dict[str, str]:
    settings = {"HOME": str(home), "PICTURES": "no", "HOME_TIMEOUT_SECONDS": "3600", "LOCK_TIMEOUT_SECONDS": "600"}
    return {**os.environ, **{f"TIKTOK_PIPELINE_{name}": value for name, value in settings.items()}}


def _run(home: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(_command(*arguments), env=_environment(home), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def at_once_command(
    minutes: Annotated[float, typer.Option(min=0.1, help="Minutes of each run.")] = 10,
    runs: Annotated[int, typer.Option(min=1, help="Number of runs, each in a new home.")] = 3,
    profiles: Annotated[int, typer.Option(min=60, help="Creators of each snapshot.")] = 150,
    seed: Annotated[int, typer.Option(help="The same seed forgets the same creators.")] = 1,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Refresh, forget, prune, read and use the UI at once; exit code 1 if anything is lost, twice or refused."""
    found: list[AtOnce] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        deliveries = prepare(Path(folder), profiles=profiles, log=typer.echo)
        for number in range(1, runs + 1):
            home = Path(folder) / f"run_{number}" / "home"
            home.parent.mkdir()
            run = run_at_once(deliveries, home, seconds=60 * minutes, seed=seed + number)
            found.append(run)
            typer.echo(f"run {number}: {run.as_json()}")
    if save_it:
        settings = {"minutes": minutes, "runs": runs, "profiles": profiles, "seed": seed}
        described = {"settings": settings, "runs": [run.as_json() for run in found]}
        typer.echo(f"saved: {record.save('at-once', described)}")
    if any(run.as_json()["problems"] for run in found):
        raise typer.Exit(1)
