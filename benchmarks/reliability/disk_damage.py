"""Breaks bits, blocks and tails of the files of a home, and asks ``doctor`` and other commands about it.

No damage may stay silent, unless nothing that the home says has changed, and no command may print a stack trace. Each
command is a fork of this process, so that a crash of the engine ends that trial alone.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import record
from benchmarks.reliability.forked import import_as, in_fork, run
from tiktok_pipeline.sample.write import write_sample

STUDY = "influencer_segments"
Log = Callable[[str], None]
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("snapshots",),
    ("sql", "select count(*), min(account_id) from validated.profiles"),
    ("sql", "--warehouse", "select count(*), min(account_id) from raw.profiles"),
    ("changes",),
    ("refresh", "FILE", "--study", STUDY),
    ("prune", "--keep", "1", "--yes"),
)
"""What is tried on a damaged home in turn, beside ``doctor``; FILE was delivered before. The last one changes it."""


@dataclass(frozen=True)
class DamageTrial:
    """One damaged file: how, the exit code of ``doctor`` and of another command, and what is wrong."""

    number: int
    file: str
    damage: str
    doctor: int
    command: str
    code: int
    problem: str = ""


def measure_damage(
    trials: int, *, seed: int, folder: Path, seconds: float = float("inf"), log: Log = print, first: int = 1
) -> list[DamageTrial]:
    """Damage a random file of a copy of the home in each trial.

    Parameters
    ----------
    trials : int
        Number of damaged copies.
    seed : int
        The same seed damages the same places.
    folder : Path
        An empty folder for the homes.
    seconds : float
        Stop after so many seconds, with fewer trials.
    log : callable
        Called with a line for each problem.
    first : int
        Number of the first trial.

    Returns
    -------
    list of DamageTrial
        In the order of their numbers.
    """
    home = folder / "home"
    files = write_sample(folder / "scrapes", profiles=150, snapshots=2, random_state=seed, activity=0)
    import_as(home, "refresh", *map(str, files), "--study", STUDY)
    for arguments in (("doctor",), *COMMANDS[:-1]):
        code, said = run(home, *_with_file(arguments, files[0]))
        if code:
            raise RuntimeError(f"{arguments}: {said}")
    before = content_of(home)
    found: list[DamageTrial] = []
    start = time.monotonic()
    for number in range(first, first + trials):
        if time.monotonic() - start > seconds:
            break
        trial = _try(number, home, files[0], before, random.Random(f"{seed} {number}"))  # noqa: S311
        found.append(trial)
        if trial.problem:
            log(f"{number}: {trial.file}, {trial.damage}, doctor {trial.doctor}, {trial.command}: {trial.problem}")
        elif number % 10 == 0:
            log(f"{len(found)} of {trials}, {(time.monotonic() - start) / len(found):.1f} s each")
    return found


def _try(number: int, home: Path, delivered: Path, before: dict[str, Any], draw: random.Random) -> DamageTrial:
    copy = home.with_name("trial")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(home, copy)
    files = [path for path in sorted(copy.rglob("*")) if path.is_file() and path.stat().st_size and _is_data(path)]
    databases = [path for path in files if path.suffix == ".duckdb"]
    path = draw.choice(databases if number % 2 else files)
    damage = draw.choice(("bit", "block", "zeros", "tail"))
    break_file(path, damage, draw)
    changed = content_of(copy) != before
    doctor, said = run(copy, "doctor")
    command = COMMANDS[number // 2 % len(COMMANDS)]  # databases are the odd numbers: they meet each command, too
    code, output = run(copy, *_with_file(command, delivered))
    problem = ""
    if "Traceback" in said + output:
        problem = f"a stack trace: {(said if 'Traceback' in said else output)[-1500:]}"
    elif doctor < 0 or code < 0:
        problem = "a crash"
    elif doctor == 0 and changed:
        problem = "silent"
    elif len(output.splitlines()) > 30 and code:
        problem = "more than thirty lines"
    return DamageTrial(number, str(path.relative_to(copy)), damage, doctor, " ".join(command[:2]), code, problem)


def _with_file(command: tuple[str, ...], file: Path) -> list[str]:
    return [str(file) if argument == "FILE" else argument for argument in command]


def _is_data(path: Path) -> bool:
    """Whether the file is one of the home's data: pictures and pages can be made again."""
    return path.suffix in {".duckdb", ".csv", ".json", ".db", ".yaml", ".parquet"}


def _matters(path: Path) -> bool:
    """Whether a change of the file must be noticed: receipts only save time, damaged ones are ignored."""
    return _is_data(path) and path.name != "receipts.json"


def break_file(path: Path, damage: str, draw: random.Random) -> None:
    """Damage a file in place; its access rights stay."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    place = draw.randrange(len(content))
    match damage:
        case "bit":
            content[place] ^= 1 << draw.randrange(8)
        case "block":
            content[place : place + 4096] = draw.randbytes(min(4096, len(content) - place))
        case "zeros":
            content[place : place + 4096] = bytes(min(4096, len(content) - place))
        case "tail":
            del content[place:]
    path.write_bytes(content)
    path.chmod(mode)


def content_of(home: Path) -> dict[str, Any]:
    """Return what a home says: the rows of its databases, and the bytes of its other files.

    A file that cannot be read has other content than any that can.
    """
    import duckdb  # noqa: PLC0415 - in a fork: this process must not have the engine open

    def read() -> dict[str, Any]:
        content: dict[str, Any] = {}
        for path in sorted(home.rglob("*")):
            if not path.is_file() or not _matters(path):
                continue
            try:
                content[str(path.relative_to(home))] = _content(path, duckdb)
            except (duckdb.Error, sqlite3.Error, UnicodeDecodeError, ValueError) as error:
                content[str(path.relative_to(home))] = f"unreadable: {type(error).__name__}"
        return content

    found: dict[str, Any] = in_fork(read)
    return found


def _content(path: Path, duckdb: Any) -> str:  # noqa: ANN401 - a module
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute(
                "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' "
                "order by all"
            ).fetchall()
            sums = [
                connection.table(f"{schema}.{name}").aggregate("count(*), bit_xor(hash(columns(*)))").fetchall()
                for schema, name in tables
            ]
        return repr((tables, sums))
    if path.suffix == ".db":
        return records_say(path)
    return path.read_bytes().hex() if path.stat().st_size < 10_000_000 else str(path.stat().st_size)


def records_say(path: Path) -> str:
    """Return all rows of an SQLite file as text; "unreadable" with the class of the error if it cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            return "\n".join(database.iterdump())
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return f"unreadable: {type(error).__name__}"


def damage_counts(trials: Sequence[DamageTrial]) -> dict[str, Any]:
    """Return the numbers of trials, by problem."""
    problems = Counter(trial.problem for trial in trials if trial.problem)
    unchanged = sum(trial.doctor == 0 and not trial.problem for trial in trials)
    return {
        "trials": len(trials),
        "reported by doctor": sum(trial.doctor != 0 for trial in trials),
        "nothing that the home says changed": unchanged,
        "problems": dict(problems),
    }


def damage_command(
    trials: Annotated[int, typer.Option(min=1, help="Number of damaged homes.")] = 300,
    seed: Annotated[int, typer.Option(help="The same seed damages the same places.")] = 1,
    first: Annotated[int, typer.Option(min=1, help="Number of the first damaged home.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Stop after so many seconds.")] = 7200,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Break bits, blocks and tails of the files of a home; exit code 1 if any damage stays silent."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure_damage(trials, seed=seed, folder=Path(folder), seconds=seconds, log=typer.echo, first=first)
    typer.echo(str(damage_counts(found)))
    if save_it:
        typer.echo(f"saved: {save_damage(found, {'trials': trials, 'seed': seed, 'first': first})}")
    if any(trial.problem for trial in found):
        raise typer.Exit(1)


def save_damage(trials: Sequence[DamageTrial], settings: dict[str, Any]) -> Path:
    """Save the counts, and every trial with a problem."""
    problems = [asdict(trial) for trial in trials if trial.problem]
    return record.save("damage", {"settings": settings, **damage_counts(trials), "trials_with_problems": problems})
