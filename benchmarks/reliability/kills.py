"""Kills every command that writes (-9), runs it again, and compares the home with one that nobody disturbed.

Half of the kills are at traced steps, spread evenly over all of them: each change of a file (Python's audit events),
and before and after each commit. The others are at random moments. Compared are all tables of the warehouse and of
the published file row for row, without times and run ids, each file below raw/ by its hash, and the names of all
files outside of dagster/. ``doctor`` must find no error that it does not find in the undisturbed home.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import record
from benchmarks.reliability.forked import import_as, in_fork, run, stopped, traced
from benchmarks.reliability.states import WAREHOUSE, State, leftovers, list_differences, state_of
from tiktok_pipeline.privacy.scrub import files_with_names
from tiktok_pipeline.sample.write import write_sample
from tiktok_pipeline.settings import Settings

STUDY = "influencer_segments"
COMMANDS = ("refresh", "publish", "forget", "prune", "migration", "withdraw", "restore")
Log = Callable[[str], None]

_SINCE_VERSION_5 = {
    "clusters.assignments": ("runner_up", "runner_up_margin"),
    "clusters.fits": ("basis",),
    "clusters.stability": ("standard_error", "share_dissolved", "share_recovered", "jaccard_cold"),
    "personas.features": ("relative_median",),
    "personas.summaries": ("farthest_in_fit", "profiles_beyond_fit"),
    "meta.slices": ("computed_by",),
}
"""Columns that version 5 of the tables did not have."""


@dataclass(frozen=True)
class Attacked:
    """A command with the home before it, and what it does undisturbed.

    Attributes
    ----------
    arguments : tuple of str
        The command.
    before : Path
        The home before it.
    after : State
        The home after it.
    steps : tuple of int
        Numbers of the steps at which it is killed.
    step_names : tuple of str
        The name of every step.
    moments : tuple of float
        Seconds between which it is killed at random.
    forgotten : str
        The handle that may be in no file afterwards.
    errors : frozenset of str
        What ``doctor`` says is wrong after the undisturbed command, such as tables of an older version.
    """

    arguments: tuple[str, ...]
    before: Path
    after: State
    steps: tuple[int, ...]
    step_names: tuple[str, ...]
    moments: tuple[float, float]
    forgotten: str
    errors: frozenset[str] = frozenset()


@dataclass(frozen=True)
class KillTrial:
    """A command that was killed at a step or after some seconds, or ended before; what was wrong after its rerun."""

    number: int
    command: str
    moment: str
    was_killed: bool
    problem: str = ""


def measure_kills(
    trials: int,
    *,
    seed: int,
    folder: Path,
    log: Log,
    seconds: float = float("inf"),
    first: int = 1,
    profiles: int = 120,
    commands: Sequence[str] = COMMANDS,
) -> list[KillTrial]:
    """Kill each of `COMMANDS` in turn, run it again, and compare with the command that nobody disturbed.

    Parameters
    ----------
    trials : int
        Number of kills.
    seed : int
        The same seed draws the same homes, steps and moments.
    folder : Path
        An empty folder for the homes.
    seconds : float
        Stop after so many seconds, with fewer kills.
    log : callable
        Called with a line for each command and each problem.
    first : int
        Number of the first kill; those before are left out.
    profiles : int
        Creators of each snapshot.
    commands : sequence of str
        Which of `COMMANDS` are killed.
    """
    attacked = prepare(folder, profiles=profiles, seed=seed, log=log, commands=commands)
    found, start = list[KillTrial](), time.monotonic()
    for number in range(first, first + trials):
        if time.monotonic() - start > seconds:
            break
        name = commands[number % len(commands)]
        draw = random.Random(f"{seed} {number}")  # noqa: S311
        moment = moment_of(attacked[name], number // len(commands), draw)
        trial = _trial(number, name, attacked[name], folder / "trial", moment)
        found.append(trial)
        if trial.problem:
            log(f"{number}: {name} killed {trial.moment}: {trial.problem}")
        elif number % 10 == 0:
            log(f"{number} of {trials}, {(time.monotonic() - start) / len(found):.1f} s each")
    return found


def prepare(
    folder: Path, *, profiles: int, seed: int, log: Log, commands: Sequence[str] = COMMANDS
) -> dict[str, Attacked]:
    """Make the homes, as small as each command needs them, and run each command undisturbed."""
    one, two, old, behind, backup = (folder / name for name in ("one", "two", "old", "behind", "backup"))
    first, second = _scrapes(folder / "scrapes", profiles, 2, seed)
    import_as(one, "refresh", first, "--study", STUDY)
    handle = _succeed(one, "sql", "--format", "csv", "select min(account_id) from validated.profiles").split()[-1]
    day = min(path.name for path in (one / "raw").glob("2*"))
    forget, refresh = ("forget", handle, "--all-accounts", "--yes"), ("refresh", second, "--study", STUDY)
    if {"prune", "migration", "withdraw"} & set(commands):
        copy_home(one, two)
        _succeed(two, *refresh)
        copy_home(two, old)
        in_fork(lambda: _as_version_5(old / WAREHOUSE))
    if "restore" in commands:
        _succeed(one, "backup", str(backup))
        copy_home(one, behind)
        _succeed(behind, *forget)
    described = {
        "refresh": (one, refresh, ""),
        "publish": (one, refresh, ""),
        "forget": (one, forget, handle),
        "prune": (two, ("prune", "--keep", "1", "--yes"), ""),
        "migration": (old, ("prune", "--keep", "99", "--yes"), ""),
        "withdraw": (two, ("withdraw", "--snapshot", day, "--yes"), ""),
        "restore": (behind, ("restore", str(backup), "--yes"), handle),
    }
    return {name: _undisturbed(name, *described[name], log=log) for name in commands}


def _undisturbed(name: str, before: Path, arguments: tuple[str, ...], forgotten: str, *, log: Log) -> Attacked:
    copy = before.with_name("undisturbed")
    copy_home(before, copy)
    code, said, names, seconds = traced(copy, *arguments)
    if code:
        raise RuntimeError(f"{name} ended with {code}: {said[-1000:]}")
    steps, moments = [*range(1, len(names) + 1)], (0.0, seconds)
    if name == "publish":
        steps = [number for number in steps if "publish" in names[number - 1]]
        moments = (0.5 * seconds, seconds)
    log(f"{name}: {len(steps)} steps, {seconds:.1f} s")
    after: State = in_fork(lambda: state_of(copy))
    return Attacked(arguments, before, after, tuple(steps), tuple(names), moments, forgotten, _errors(copy))


def moment_of(attacked: Attacked, turn: int, draw: random.Random) -> tuple[int | None, float]:
    """Return the step at which a command is stopped, or None and the seconds after which it is."""
    if turn % 2:
        return None, draw.uniform(*attacked.moments)
    place = (turn // 2 * 0.6180339887 + 0.5) % 1  # the golden ratio spreads any number of places evenly
    return attacked.steps[int(place * len(attacked.steps))], 0.0


def described(attacked: Attacked, step: int | None, after: float) -> str:
    """Return the moment in words."""
    return f"after {after:.2f} s" if step is None else f"at step {step}: {attacked.step_names[step - 1]}"


def _trial(number: int, name: str, attacked: Attacked, copy: Path, moment: tuple[int | None, float]) -> KillTrial:
    copy_home(attacked.before, copy)
    step, after = moment
    was_killed = stopped(copy, *attacked.arguments, step=step, after=after) < 0
    problem = problem_after_rerun(copy, name, attacked)
    return KillTrial(number, name, described(attacked, step, after), was_killed, problem)


def problem_after_rerun(home: Path, name: str, attacked: Attacked) -> str:
    """Run the command again; return what is then other than undisturbed."""
    code, said = run(home, *attacked.arguments)
    is_done_already = name == "withdraw" and code in (1, 2) and "Traceback" not in said
    if code and not is_done_already:
        return f"the rerun ended with {code}: {said[-600:]}"
    wrong: list[str] = in_fork(lambda: list_differences(home, attacked.after) + leftovers(home, attacked.after.files))
    if attacked.forgotten:
        left = files_with_names(Settings(home=home), [attacked.forgotten])
        wrong += [f"the name is left in {path.relative_to(home)}" for path in left]
    return "; ".join([*wrong, *sorted(_errors(home) - attacked.errors)])


def _errors(home: Path) -> frozenset[str]:
    """Return the errors that ``doctor`` finds in a home."""
    said = run(home, "doctor")[1].replace(str(home), "")
    return frozenset(line for line in said.splitlines() if line.startswith("ERROR") or "Traceback" in line)


def copy_home(home: Path, copy: Path) -> None:
    """Copy a home in the place of another."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(home, copy, symlinks=True)


def _scrapes(folder: Path, profiles: int, snapshots: int, seed: int) -> list[str]:
    files = write_sample(folder, profiles=profiles, snapshots=snapshots, random_state=seed)
    return sorted(str(file) for file in files if file.name.startswith("profiles"))


def _succeed(home: Path, *arguments: str) -> str:
    code, said = run(home, *arguments)
    if code:
        raise RuntimeError(f"{' '.join(arguments)} ended with {code}: {said[-1000:]}")
    return said


def _as_version_5(warehouse: Path) -> None:
    """Change a warehouse to what version 5 of the program wrote; only in a fork."""
    import duckdb  # noqa: PLC0415 - only in a fork

    with duckdb.connect(str(warehouse)) as connection:
        for table, names in _SINCE_VERSION_5.items():
            for name in names:
                connection.execute(f"alter table {table} drop column {name}")
        connection.execute("update meta.version set version = 5")


def kill_counts(trials: list[KillTrial]) -> dict[str, Any]:
    """Count the trials, those in which the command was really killed, and those with a problem, by command."""
    return {
        "trials": len(trials),
        "by command": dict(Counter(trial.command for trial in trials)),
        "killed at a step": sum(trial.was_killed and "step" in trial.moment for trial in trials),
        "killed at random": sum(trial.was_killed and "step" not in trial.moment for trial in trials),
        "ended before": sum(not trial.was_killed for trial in trials),
        "differ after the rerun": sum(bool(trial.problem) for trial in trials),
    }


def kills_command(
    *,
    trials: Annotated[int, typer.Option(min=1, help="Number of kills.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed draws the same steps and moments.")] = 1,
    first: Annotated[int, typer.Option(min=1, help="Number of the first kill.")] = 1,
    command: Annotated[list[str] | None, typer.Option(help="Only this command; may be repeated.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Stop after so many seconds.")] = 7200,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Kill every command that writes, at its steps and at random; run it again; exit code 1 if anything differs."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure_kills(
            trials,
            seed=seed,
            folder=Path(folder),
            seconds=seconds,
            log=typer.echo,
            first=first,
            commands=command or COMMANDS,
        )
    counts = kill_counts(found)
    typer.echo(str(counts))
    if save_it:
        settings = {"trials": trials, "seed": seed, "first": first, "commands": list(command or COMMANDS)}
        listed = [asdict(trial) for trial in found]
        typer.echo(f"saved: {record.save('kills', {'settings': settings, **counts, 'kills': listed})}")
    if counts["differ after the rerun"]:
        raise typer.Exit(1)
