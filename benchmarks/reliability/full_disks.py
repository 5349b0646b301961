"""Runs every writing command on a disk that runs full, then with room, and compares with an undisturbed run.

Each command is tried with no free space, and then with twice as much each time, until it is enough. A command that
fails must end with exit code 1, give the reason in one line, and leave a home that the same command brings to the
state that an undisturbed one leaves. The disk is a small one in memory, which only root may mount.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import record
from benchmarks.reliability.crash import limit_free_space, mount_small_disk
from benchmarks.reliability.forked import in_fork, run
from benchmarks.reliability.kills import STUDY, Attacked, prepare, problem_after_rerun
from benchmarks.reliability.said import last_reason, problem_of, reasons
from benchmarks.reliability.states import list_differences, published_of

BACKUP, ALL_AGAIN = "backup", "refresh --all"
COMMANDS = ("refresh", ALL_AGAIN, "forget", "prune", "migration", "withdraw", "restore", BACKUP)
MOST_MEGABYTES = 512.0
Log = Callable[[str], None]


@dataclass(frozen=True)
class DiskTrial:
    """A command with so many MB of free disk space; its exit code, its last line, and what was wrong."""

    command: str
    free_megabytes: float
    exit_code: int
    said: str
    problem: str = ""


def measure_full_disks(
    folder: Path,
    *,
    seed: int,
    log: Log,
    profiles: int = 120,
    first_megabytes: float = 0.125,
    commands: Sequence[str] = COMMANDS,
) -> list[DiskTrial]:
    """Run commands on disks that run full.

    Parameters
    ----------
    folder : Path
        An empty folder for the homes.
    seed : int
        Seed of the synthetic creators.
    log : callable
        Called with a line for each trial.
    profiles : int
        Creators of each snapshot.
    first_megabytes : float
        Free space of the second trial; the first has none, each later one has twice as much.
    commands : sequence of str
        Which of `COMMANDS` are run.

    Raises
    ------
    CannotMountError
        If no small disk can be mounted.
    """
    known = [name for name in commands if name not in (BACKUP, ALL_AGAIN)]
    needed = ["withdraw"] if {BACKUP, ALL_AGAIN} & set(commands) else []
    attacked = prepare(folder, profiles=profiles, seed=seed, log=log, commands=[*dict.fromkeys([*known, *needed])])
    found = list[DiskTrial]()
    for name in commands:
        for trial in _trials(name, attacked, folder, first_megabytes):
            found.append(trial)
            log(f"{name}, {trial.free_megabytes:g} MB: exit code {trial.exit_code}: {trial.problem or trial.said}")
    return found


def _trials(name: str, attacked: dict[str, Attacked], folder: Path, first_megabytes: float) -> Iterator[DiskTrial]:
    free = 0.0
    while free <= MOST_MEGABYTES:
        trial = _trial(name, attacked, folder / "disk", free)
        yield trial
        if trial.exit_code == 0:
            return
        free = 2 * free or first_megabytes
    raise RuntimeError(f"{name}: {MOST_MEGABYTES:g} MB of free space are not enough")


def _trial(name: str, attacked: dict[str, Attacked], disk: Path, free: float) -> DiskTrial:
    """Run one command with so many MB of free space, and again with room if that was not enough."""
    with mount_small_disk(disk):
        if name == BACKUP:
            return _backup_trial(attacked["withdraw"].before, disk, free)
        described = attacked["withdraw" if name == ALL_AGAIN else name]
        shutil.copytree(described.before, disk, symlinks=True, dirs_exist_ok=True)
        if name == ALL_AGAIN:
            after = in_fork(lambda: _state(disk))
            described = Attacked(("refresh", "--all", "--study", STUDY), described.before, after, (), (), (0, 0), "")
        published = in_fork(lambda: published_of(disk))
        limit_free_space(disk, free)
        code, said = run(disk, *described.arguments)
        problem = _problem_of_the_message(code, said)
        if code and not problem and not in_fork(lambda: _is_old_or_new(disk, published, described)):
            problem = "the published file is neither that of before nor that of after"
        limit_free_space(disk, MOST_MEGABYTES)
        if not problem:
            problem = (
                problem_after_rerun(disk, name, described)
                if code
                else "; ".join(in_fork(lambda: list_differences(disk, described.after)))
            )
    return DiskTrial(name, free, code, last_reason(said, disk.parent), problem)


def _state(home: Path) -> Any:  # noqa: ANN401 - mypy does not see through the fork
    from benchmarks.reliability.states import state_of  # noqa: PLC0415

    return state_of(home)


def _is_old_or_new(home: Path, published: Any, described: Attacked) -> bool:  # noqa: ANN401
    return published_of(home) in (published, described.after.published)


def _backup_trial(home: Path, disk: Path, free: float) -> DiskTrial:
    """Back a home up to a disk that runs full, and again with room; the copy must restore."""
    target = disk / "copy"
    limit_free_space(disk, free)
    code, said = run(home, "backup", str(target))
    problem = _problem_of_the_message(code, said)
    limit_free_space(disk, MOST_MEGABYTES)
    again, said_again = run(home, "backup", str(target)) if code else (0, "")
    restored, said_then = run(disk / "restored", "restore", str(target), "--yes")
    if not problem and (again or restored):
        problem = (
            f"with room: backup ended with {again}, restore with {restored}: {said_again[-300:]}{said_then[-300:]}"
        )
    return DiskTrial(BACKUP, free, code, last_reason(said, disk.parent), problem)


def _problem_of_the_message(code: int, said: str) -> str:
    """Return what is wrong with the words of a command that may have failed, or an empty text."""
    if problem := problem_of(code, said):
        return problem
    if code and not any(word in line for line in reasons(said) for word in ("free some space", "free disk space")):
        return f"no line says that the disk is full: {said[-600:]}"
    return ""


def full_disks_command(
    *,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic creators.")] = 1,
    command: Annotated[list[str] | None, typer.Option(help="Only this command; may be repeated.")] = None,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Run every command that writes on a disk that runs full, then with room; exit code 1 if anything differs."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure_full_disks(Path(folder), seed=seed, log=typer.echo, commands=command or COMMANDS)
    problems = sum(bool(trial.problem) for trial in found)
    full = sum(trial.exit_code != 0 for trial in found)
    typer.echo(f"{len(found)} trials, {full} on a disk that ran full, {problems} with a problem")
    if save_it:
        listed = [asdict(trial) for trial in found]
        settings = {"seed": seed, "commands": list(command or COMMANDS)}
        typer.echo(f"saved: {record.save('full-disks', {'settings': settings, 'trials': listed})}")
    if problems:
        raise typer.Exit(1)
