"""Kills the commands that erase or replace data at random moments, runs them again, and looks at what is left."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import record
from benchmarks.reliability.disk_damage import Log, run
from tiktok_pipeline.privacy.scrub import files_with_names
from tiktok_pipeline.sample.write import write_sample
from tiktok_pipeline.settings import Settings

COMMANDS = ("forget", "prune", "withdraw", "restore")


@dataclass(frozen=True)
class KillTrial:
    """A command that was killed after some seconds, or ended before (``was_killed``), and what was wrong after."""

    number: int
    command: str
    seconds: float
    was_killed: bool
    problem: str = ""


def measure_kills(trials: int, *, seed: int, folder: Path, seconds: float, log: Log) -> list[KillTrial]:
    """Kill each of `COMMANDS` in turn, run it again, and compare with the command that nobody disturbed."""
    home = folder / "home"
    files = write_sample(folder, profiles=200, snapshots=2, random_state=seed)
    code, said = run(home, "refresh", *map(str, files), "--study", "influencer_segments")
    if code or run(home, "backup", str(folder / "backup"))[0]:
        raise RuntimeError(said)
    handle = run(home, "sql", "--format", "csv", "select min(account_id) from validated.profiles")[1].split()[-1]
    snapshot = sorted(path.name for path in (home / "raw").glob("2*"))[0]
    commands = {
        "forget": ("forget", handle, "--yes"),
        "prune": ("prune", "--keep", "1", "--yes"),
        "withdraw": ("withdraw", "--snapshot", snapshot, "--yes"),
        "restore": ("restore", str(folder / "backup"), "--yes"),
    }
    undisturbed = {name: _timed(home, folder / name, command) for name, command in commands.items()}
    draw, found, start = random.Random(seed), list[KillTrial](), time.monotonic()  # noqa: S311
    for number in range(1, trials + 1):
        if time.monotonic() - start > seconds:
            break
        name = COMMANDS[number % len(COMMANDS)]
        after = draw.uniform(0.05, undisturbed[name][0])
        copy = folder / "trial"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(home, copy)
        was_killed = _killed(copy, commands[name], after)
        problem = _problem(copy, commands[name], undisturbed[name][1], handle if name == "forget" else "")
        found.append(KillTrial(number, name, round(after, 2), was_killed, problem))
        if problem:
            log(f"{number}: {name} killed after {after:.2f} s: {problem}")
    return found


def _timed(home: Path, copy: Path, command: tuple[str, ...]) -> tuple[float, str]:
    """Return the seconds of a command, and the tables that it leaves."""
    shutil.copytree(home, copy)
    start = time.monotonic()
    code, said = run(copy, *command)
    if code:
        raise RuntimeError(said)
    return time.monotonic() - start, _tables(copy)


def _tables(home: Path) -> str:
    """Return the number of rows of each slice in both databases, and a sum over the profiles."""
    query = "select table_name, snapshot, study, rows from meta.slices where snapshot <> '' order by all"
    sums = "select count(*), bit_xor(hash(p)) from validated.profiles as p"
    wanted = [(*option, text) for option in ((), ("--warehouse",)) for text in (query, sums)]
    return "\n".join(run(home, "sql", "--format", "csv", *arguments)[1] for arguments in wanted)


def _problem(home: Path, command: tuple[str, ...], expected: str, handle: str) -> str:
    code, said = run(home, *command)
    is_done_already = command[0] == "withdraw" and code in (1, 2) and "Traceback" not in said
    if code and not is_done_already:
        return f"the rerun ended with {code}: {said[-300:]}"
    if run(home, "doctor")[0]:
        return f"doctor: {run(home, 'doctor')[1]}"
    if handle and (left := files_with_names(Settings(home=home), [handle])):
        return f"the name is left in {left}"
    return "" if _tables(home) == expected else "other tables than undisturbed"


def _killed(home: Path, command: tuple[str, ...], after: float) -> bool:
    """Run a command in a process group of its own and kill it; return whether it was still running."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        run(home, *command)
        os._exit(0)
    timer = threading.Event()
    timer.wait(after)
    is_running = os.waitpid(child, os.WNOHANG) == (0, 0)
    if is_running:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return is_running


def kills_command(
    trials: Annotated[int, typer.Option(min=1, help="Number of kills.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed draws the same moments.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Stop after so many seconds.")] = 3600,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Kill forget, prune, withdraw and restore at random moments, run them again; exit code 1 if anything differs."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure_kills(trials, seed=seed, folder=Path(folder), seconds=seconds, log=typer.echo)
    counts = {
        "trials": len(found),
        "killed": Counter(trial.command for trial in found if trial.was_killed),
        "differ": sum(bool(trial.problem) for trial in found),
    }
    typer.echo(str(counts))
    if save_it:
        problems = [asdict(trial) for trial in found if trial.problem]
        settings = {"trials": trials, "seed": seed, "seconds": seconds}
        typer.echo(f"saved: {record.save('kills', {'settings': settings, **counts, 'problems': problems})}")
    if counts["differ"]:
        raise typer.Exit(1)
