"""Presses Ctrl-C in every command that writes: it may end with 0 only if everything is done.

Half of the interrupts are at traced steps, the others at random moments. A command ends with 130, with one line that
says how to go on, or with 0 and the tables of an undisturbed one. Every fifth time it is run again and compared, too.
"""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import record
from benchmarks.reliability.forked import in_fork, stopped
from benchmarks.reliability.kills import (
    COMMANDS,
    Attacked,
    Log,
    copy_home,
    described,
    moment_of,
    prepare,
    problem_after_rerun,
)
from benchmarks.reliability.states import leftovers, list_differences

INTERRUPTED = 130
RERUN = 5
"""Of so many interrupted commands one is run again and compared."""


@dataclass(frozen=True)
class InterruptTrial:
    """A command that was interrupted, its exit code, and what is wrong."""

    number: int
    command: str
    moment: str
    code: int
    problem: str = ""


def measure_interrupts(
    times: int,
    *,
    seed: int,
    folder: Path,
    log: Log,
    seconds: float = float("inf"),
    profiles: int = 120,
    commands: Sequence[str] = COMMANDS,
) -> list[InterruptTrial]:
    """Interrupt every command so many times.

    Parameters
    ----------
    times : int
        Interrupts of each command.
    seed : int
        The same seed draws the same homes, steps and moments.
    folder : Path
        An empty folder for the homes.
    seconds : float
        Stop after so many seconds, with fewer interrupts.
    log : callable
        Called with a line for each command and each problem.
    profiles : int
        Creators of each snapshot.
    commands : sequence of str
        Which of the commands are interrupted, by their names in `benchmarks.reliability.kills`.
    """
    attacked = prepare(folder, profiles=profiles, seed=seed, log=log, commands=commands)
    found, start = list[InterruptTrial](), time.monotonic()
    for turn in range(times):
        for name, command in attacked.items():
            if time.monotonic() - start > seconds:
                return found
            draw = random.Random(f"{seed} {name} {turn}")  # noqa: S311
            trial = _trial(len(found) + 1, name, command, folder / "trial", turn, draw=draw)
            found.append(trial)
            if trial.problem:
                log(f"{trial.number}: {name} interrupted {trial.moment}: {trial.problem}")
        log(f"{turn + 1} of {times}, {(time.monotonic() - start) / len(found):.1f} s each")
    return found


def _trial(
    number: int, name: str, attacked: Attacked, copy: Path, turn: int, *, draw: random.Random
) -> InterruptTrial:
    copy_home(attacked.before, copy)
    step, after = moment_of(attacked, turn, draw)
    code = stopped(copy, *attacked.arguments, step=step, after=after, by=signal.SIGINT)
    said = copy.with_name("said.txt").read_text(encoding="utf-8", errors="replace")
    problem = ""
    if code == 0:
        wrong: list[str] = in_fork(
            lambda: list_differences(copy, attacked.after) + leftovers(copy, attacked.after.files)
        )
        problem = f"a false success: {wrong}" if wrong else ""
    elif code != INTERRUPTED or "Traceback" in said or "Exception ignored" in said:
        problem = f"it ended with {code}: {said[-1000:]}"
    if code and turn % RERUN == 0:
        problem += problem_after_rerun(copy, name, attacked)
    return InterruptTrial(number, name, described(attacked, step, after), code, problem)


def interrupt_counts(trials: list[InterruptTrial]) -> dict[str, Any]:
    """Count the trials by command and by exit code."""
    return {
        "trials": len(trials),
        "by command": dict(Counter(trial.command for trial in trials)),
        "ended with 130": sum(trial.code == INTERRUPTED for trial in trials),
        "had already done everything": sum(trial.code == 0 and not trial.problem for trial in trials),
        "false successes": sum(trial.code == 0 and bool(trial.problem) for trial in trials),
        "other problems": sum(trial.code != 0 and bool(trial.problem) for trial in trials),
    }


def interrupts_command(
    times: Annotated[int, typer.Option(min=1, help="Interrupts of each command.")] = 50,
    seed: Annotated[int, typer.Option(help="The same seed draws the same steps and moments.")] = 1,
    command: Annotated[list[str] | None, typer.Option(help="Only this command; may be repeated.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Stop after so many seconds.")] = 7200,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Press Ctrl-C in every command that writes; exit code 1 if one reports a false success or fails otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure_interrupts(
            times,
            seed=seed,
            folder=Path(folder),
            seconds=seconds,
            log=typer.echo,
            commands=command or COMMANDS,
        )
    counts = interrupt_counts(found)
    typer.echo(str(counts))
    if save_it:
        settings = {"times": times, "seed": seed}
        problems = [asdict(trial) for trial in found if trial.problem]
        typer.echo(f"saved: {record.save('interrupts', {'settings': settings, **counts, 'problems': problems})}")
    if counts["false successes"] or counts["other problems"]:
        raise typer.Exit(1)
