"""Stops a command at each of its steps, finishes it from what was on the disk then, and compares.

A process that is killed leaves what it wrote so far. So the command runs once; at each traced step (each change of a
file, and before and after each commit) the home is copied if any byte of it changed since the step before. Each copy
is a home in which the command was killed at that step: there it is run again, and compared as after a real kill. A
run of Dagster commits hundreds of events; of the states that differ by such a commit only some are run again.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import record
from benchmarks.reliability.forked import EVENTS, Steps, traced
from benchmarks.reliability.kills import Attacked, Log, copy_home, prepare, problem_after_rerun


@dataclass(frozen=True)
class StoppedState:
    """A state in which a command may be killed: its first and last step, and what was wrong after the rerun."""

    command: str
    first_step: int
    last_step: int
    name: str
    problem: str = ""


class CopiedSteps(Steps):
    """Copies the home at each step at which any byte of it differs from the step before."""

    def __init__(self, home: Path, folder: Path) -> None:
        super().__init__(home, None)
        self._folder = folder
        self._watched = home
        self._last = ""
        self._lock = threading.RLock()
        self._is_copying = False

    def step(self, name: str) -> None:
        """Count a step; copy the home if it changed. Copying is no step of the command."""
        with self._lock:
            if self._is_copying:
                return
            self._is_copying = True
            try:
                super().step(name)
                now = content_hash(self._watched)
                if now != self._last:
                    self._last = now
                    shutil.copytree(self._watched, self._folder / f"{len(self.names)}", symlinks=True)
            finally:
                self._is_copying = False


def content_hash(home: Path) -> str:
    """Return a hash of the names and bytes of all files and folders of a home."""
    digest = hashlib.blake2b()
    for path in sorted(home.rglob("*")):
        digest.update(f"{path.relative_to(home)}\0{path.is_dir()}\0".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def stop_at_every_step(
    command: str,
    *,
    seed: int,
    folder: Path,
    log: Log,
    profiles: int = 120,
    every: int = 1,
    seconds: float = float("inf"),
) -> list[StoppedState]:
    """Finish a command from each state that it leaves when it is killed at one of its steps.

    Parameters
    ----------
    command : str
        One of `benchmarks.reliability.kills.COMMANDS`.
    seed : int
        The same seed makes the same homes.
    folder : Path
        An empty folder for the homes.
    log : callable
        Called with a line for each problem, and now and then.
    profiles : int
        Creators of each snapshot.
    every : int
        Of the states at a commit of Dagster's events only every so many are finished.
    seconds : float
        Stop after so many seconds, with fewer states.
    """
    attacked = prepare(folder, profiles=profiles, seed=seed, log=log, commands=[command])[command]
    home, copies = folder / "home", folder / "copies"
    names = _copy_at_each_step(attacked, home, copies)
    steps = sorted(int(copy.name) for copy in copies.iterdir())
    found, start = list[StoppedState](), time.monotonic()
    events = [step for step in steps if names[step - 1] == EVENTS]
    skipped = {step for place, step in enumerate(events) if place % every}
    log(f"{command}: {len(names)} steps, {len(steps)} different states, {len(events)} at {EVENTS}")
    for step, following in pairwise([*steps, len(names) + 1]):
        if step not in skipped and time.monotonic() - start < seconds:
            copy_home(copies / str(step), home)  # each home has the path that it had, as after a real kill
            problem = problem_after_rerun(home, command, attacked)
            found.append(StoppedState(command, step, following - 1, names[step - 1], problem))
            if problem:
                log(f"steps {step} to {following - 1} ({names[step - 1]}): {problem}")
            elif len(found) % 20 == 0:
                log(f"step {step}, {(time.monotonic() - start) / len(found):.1f} s a state")
        shutil.rmtree(copies / str(step))
    return found


def _copy_at_each_step(attacked: Attacked, home: Path, copies: Path) -> list[str]:
    """Run the command once, with a copy of the home for each step at which it changed; return all steps."""
    copies.mkdir()
    copy_home(attacked.before, home)
    code, said, names, _ = traced(home, *attacked.arguments, steps=CopiedSteps(home, copies))
    if code:
        raise RuntimeError(f"{' '.join(attacked.arguments)} ended with {code}: {said[-1000:]}")
    return names


def state_counts(states: list[StoppedState]) -> dict[str, Any]:
    """Count the states and the steps at which they are left, and those with a problem, by command."""
    return {
        "states": dict(Counter(state.command for state in states)),
        "steps": {
            command: sum(state.last_step - state.first_step + 1 for state in states if state.command == command)
            for command in {state.command: None for state in states}
        },
        "differ after the rerun": sum(bool(state.problem) for state in states),
    }


def every_step_command(
    *,
    command: Annotated[list[str] | None, typer.Option(help="This command; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same homes.")] = 1,
    every: Annotated[int, typer.Option(min=1, help="Finish only every so many states at Dagster's commits.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Stop after so many seconds.")] = 7200,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Kill a command at each of its steps and run it again; exit code 1 if anything differs."""
    found = list[StoppedState]()
    for name in command or ["forget"]:
        with tempfile.TemporaryDirectory() as folder:
            found += stop_at_every_step(
                name, seed=seed, folder=Path(folder), log=typer.echo, every=every, seconds=seconds
            )
    counts = state_counts(found)
    typer.echo(str(counts))
    if save_it:
        settings = {"commands": command or ["forget"], "seed": seed, "every": every}
        listed = [asdict(state) for state in found]
        typer.echo(f"saved: {record.save('every-step', {'settings': settings, **counts, 'stopped': listed})}")
    if counts["differ after the rerun"]:
        raise typer.Exit(1)
