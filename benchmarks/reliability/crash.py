"""Crash safety measured: a refresh is killed at a random moment, looked at, and done again; or its disk runs full.

Whenever it ends, each slice is as before or as after the refresh, the published file is never a mixture, and the same
command once more gives what an undisturbed refresh gives, with nothing left lying about.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import record
from benchmarks.process import CommandFailedError
from benchmarks.record import RESULTS
from benchmarks.reliability.states import State, between, leftovers, not_as, state_of, touched
from tiktok_pipeline.sample import write_sample

BEFORE, REGISTERING, WRITING, AFTER = "before the first write", "registering", "between writes", "after"
PHASES = (BEFORE, REGISTERING, WRITING, AFTER)
LONGEST_SECONDS = 600.0
_ROOMY_MEGABYTES = 1024
_MEGABYTE = 1024 * 1024
_POLL_SECONDS = 0.02

Say = Callable[[str], None]


class CannotMountError(RuntimeError):
    """A small file system cannot be made here."""


@dataclass(frozen=True)
class Reference:
    """The refresh under test, undisturbed: the home before it, both states, how long it took and when it first wrote."""

    work: Path
    command: tuple[str, ...]
    home_before: Path
    old: State
    new: State
    wall_seconds: float
    first_write_seconds: float


@dataclass(frozen=True)
class Trial:
    """One refresh that was cut off; ``at`` is what decided when: seconds until the kill, or megabytes of free room."""

    number: int
    at: float
    phase: str
    after_stop: tuple[str, ...]
    after_rerun: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether anything is not as it should be."""
        return bool(self.after_stop or self.after_rerun or self.left)


def prepare(work: Path, *, profiles: int, study: str, seed: int, say: Say) -> Reference:
    """Make the scrapes, and refresh the second delivery undisturbed over a home that has the first one.

    The second delivery has the first one's files with other rows, and a second snapshot.
    """
    first, second = work / "first", work / "second"
    write_sample(first, profiles=profiles, snapshots=1, random_state=seed, activity=profiles)
    for snapshots in (2, 1):  # the activity file is written for the last snapshot only
        write_sample(second, profiles=profiles, snapshots=snapshots, random_state=seed + 1, activity=profiles)
    home_before, home = work / "home_before", work / "undisturbed"
    _refresh(home_before, _command(first, study))
    old = state_of(home_before)
    shutil.copytree(home_before, home)
    command = _command(second, study)
    wall, first_write = _watched_refresh(home, command)
    new = state_of(home)
    if lying := leftovers(home, new.files):
        msg = f"the undisturbed refresh itself leaves {', '.join(lying)}"
        raise CommandFailedError(msg)
    changed = sum(old.warehouse.get(key) != value for key, value in new.warehouse.items())
    say(f"undisturbed: {wall:.1f} s, first write after {first_write:.1f} s; {changed} of {len(new.warehouse)} slices")
    return Reference(work, command, home_before, old, new, wall, first_write)


def moments(reference: Reference, kills: int, seed: int) -> list[float]:
    """When to kill, in seconds: one in ten before the first write, the others spread evenly up to a little past the end.

    Python's imports take much of a small refresh, and nothing can break there.
    """
    draw = random.Random(seed)  # noqa: S311 - the same seed kills at the same moments
    early = kills // 10
    late, end = kills - early, 1.05 * reference.wall_seconds
    width = (end - reference.first_write_seconds) / max(late, 1)
    drawn = [draw.uniform(0, reference.first_write_seconds) for _ in range(early)]
    drawn += [reference.first_write_seconds + width * (place + draw.random()) for place in range(late)]
    draw.shuffle(drawn)
    return drawn


def kill_trials(reference: Reference, *, kills: int, seed: int, keep: Path | None, say: Say) -> Iterator[Trial]:
    """Kill the refresh ``kills`` times, each in a home of its own."""
    started, done = time.monotonic(), []
    for number, seconds in enumerate(moments(reference, kills, seed), start=1):
        trial = _kill_trial(reference, number, seconds, keep)
        done.append(trial)
        yield trial
        for problem in (*trial.after_stop, *trial.after_rerun, *trial.left):
            say(f"  kill {number} after {seconds:.2f} s ({trial.phase}): {problem}")
        if number % 10 == 0 or number == kills:
            each = (time.monotonic() - started) / number
            say(f"{number} of {kills} kills, {each:.1f} s each: {_counted(done)}")


def _kill_trial(reference: Reference, number: int, seconds: float, keep: Path | None) -> Trial:
    home = reference.work / f"kill_{number:03d}"
    shutil.copytree(reference.home_before, home)
    before = touched(home)
    code = _killed_refresh(home, reference.command, seconds)
    problems = [f"it ended by itself with {code}"] if code else []
    phase = AFTER if code is not None else _phase(before, touched(home))
    stopped = home.with_name(f"{home.name}_stopped")
    if keep:
        shutil.copytree(home, stopped)
    problems += between(home, reference.old, reference.new)
    trial = _done_again(reference, home, Trial(number, seconds, phase, tuple(problems), (), ()))
    for one in (home, stopped):
        if keep and trial.differs:
            shutil.move(one, keep / one.name)
        shutil.rmtree(one, ignore_errors=True)
    return trial


def _done_again(reference: Reference, home: Path, trial: Trial) -> Trial:
    """The trial with what is still wrong after the same command once more."""
    try:
        _refresh(home, reference.command)
    except (CommandFailedError, subprocess.TimeoutExpired) as problem:
        return Trial(trial.number, trial.at, trial.phase, trial.after_stop, (f"done again: {problem}",), ())
    after = tuple(not_as(home, reference.new))
    left = tuple(leftovers(home, reference.new.files))
    return Trial(trial.number, trial.at, trial.phase, trial.after_stop, after, left)


def disk_trials(reference: Reference, *, step_megabytes: float, keep: Path | None, say: Say) -> Iterator[Trial]:
    """Refresh where room runs out, with a step more of it each time, until it is enough.

    Raises `CannotMountError` where no small file system can be made.
    """
    for number in range(1, 1001):
        trial = _disk_trial(reference, number, number * step_megabytes, keep, say)
        yield trial
        for problem in (*trial.after_stop, *trial.after_rerun, *trial.left):
            say(f"  {problem}")
        if trial.phase == AFTER:
            return


def _disk_trial(reference: Reference, number: int, room: float, keep: Path | None, say: Say) -> Trial:
    """One refresh with ``room`` MB, and once more with plenty where that was not enough."""
    with _small_disk(reference.work / f"disk_{number:03d}") as disk:
        home = disk / "home"
        shutil.copytree(reference.home_before, home)
        about = os.statvfs(disk)
        used = (about.f_blocks - about.f_bfree) * about.f_frsize
        _mount("-o", f"remount,size={used + int(room * _MEGABYTE)}", str(disk))
        before = touched(home)
        ended = _run(home, reference.command)
        if ended.returncode == 0:
            say(f"{room:g} MB of room are enough")
            wrong, left = not_as(home, reference.new), leftovers(home, reference.new.files)
            return Trial(number, room, AFTER, tuple(wrong), (), tuple(left))
        phase = _phase(before, touched(home))
        said = [line for line in ended.stderr.splitlines() if line.startswith("tiktok-pipeline: ")]
        say(f"{room:g} MB ({phase}), exit code {ended.returncode}: {' | '.join(said)}")
        if keep:
            shutil.copytree(home, keep / disk.name)
            (keep / f"{disk.name}.stderr.txt").write_text(ended.stderr, encoding="utf-8")
        problems = [*_unmannerly(ended.stderr, said), *between(home, reference.old, reference.new)]
        _mount("-o", f"remount,size={used + _ROOMY_MEGABYTES * _MEGABYTE}", str(disk))
        trial = _done_again(reference, home, Trial(number, room, phase, tuple(problems), (), ()))
        if keep and trial.after_rerun + trial.left:
            shutil.copytree(home, keep / f"{disk.name}_done_again")
        elif keep and not trial.differs:
            shutil.rmtree(keep / disk.name)
        return trial


def _unmannerly(stderr: str, said: Sequence[str]) -> list[str]:
    """What a person should not have to read: no reason at all, more than one a snapshot, or the insides of the program."""
    problems = [] if said else [f"no line says why: {' '.join(stderr.split())[-300:]}"]
    if len(said) > 2:  # two snapshots are refreshed, and each may fail
        problems.append(f"{len(said)} lines on stderr say why")
    if "Traceback" in stderr or "Exception ignored" in stderr:
        problems.append(f"a traceback on stderr: {' '.join(stderr[stderr.find('Traceback') :].split())[-300:]}")
    return problems


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        msg = "a small disk is a tmpfs that is mounted, which root alone may do; run it as root"
        raise CannotMountError(msg)
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={_ROOMY_MEGABYTES}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    try:
        subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        said = getattr(problem, "stderr", "") or problem
        msg = f"a tmpfs cannot be mounted here: {str(said).strip()}"
        raise CannotMountError(msg) from problem


def _command(delivery: Path, study: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tiktok_pipeline", "refresh", str(delivery), "--study", study)


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIKTOK_", "DAGSTER_"))}
    return kept | {"TIKTOK_PIPELINE_HOME": str(home), "TIKTOK_PIPELINE_PICTURES": "no", "COLUMNS": "200"}


def _run(home: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=_environment(home), capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )


def _refresh(home: Path, command: Sequence[str]) -> None:
    """Run the command to its end; raises `CommandFailedError` with what it said where it fails."""
    ended = _run(home, command)
    if ended.returncode:
        msg = f"the refresh ended with {ended.returncode}: {' '.join(ended.stderr.split())[-600:]}"
        raise CommandFailedError(msg)


def _watched_refresh(home: Path, command: Sequence[str]) -> tuple[float, float]:
    """Wall time of the command, and when it first changed something in the home other than its lock."""
    before = touched(home)
    first_write = None
    started = time.monotonic()
    with _started(home, command) as process:
        while process.poll() is None:
            if first_write is None and _phase(before, touched(home)) != BEFORE:
                first_write = time.monotonic() - started
            time.sleep(_POLL_SECONDS)
        wall = time.monotonic() - started
    if process.returncode or first_write is None:
        msg = f"the undisturbed refresh ended with {process.returncode}, or wrote nothing"
        raise CommandFailedError(msg)
    return wall, first_write


def _killed_refresh(home: Path, command: Sequence[str], seconds: float) -> int | None:
    """Start the command and kill it after ``seconds`` (-9); its exit code where it had ended before."""
    with _started(home, command) as process:
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None


@contextlib.contextmanager
def _started(home: Path, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a session of its own; what still runs at the end of the block is killed."""
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=_environment(home), stdout=nothing, stderr=nothing, start_new_session=True
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _phase(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """How far a refresh came, told from what it changed; Dagster is started when all files are registered."""
    changed = {name for name in {*before, *now} if before.get(name) != now.get(name)} - {".lock"}
    rooms = {name.partition(os.sep)[0] for name in changed}
    if not rooms:
        return BEFORE
    return REGISTERING if rooms <= {"raw", "dagster"} else WRITING


def table(trials: Sequence[Trial]) -> tuple[list[str], list[tuple[str | int, ...]]]:
    """How many trials fell in which phase and what came of them: (names, rows), the last row for all."""
    names = ["phase", "trials", "differed after the stop", "differed after the rerun", "with leftovers"]
    rows: list[tuple[str | int, ...]] = []
    for phase in (*PHASES, "all"):
        ones = [one for one in trials if phase in ("all", one.phase)]
        counts = (sum(map(bool, found)) for found in zip(*map(_found, ones), strict=True)) if ones else (0, 0, 0)
        rows.append((phase, len(ones), *counts))
    return names, rows


def _found(trial: Trial) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return trial.after_stop, trial.after_rerun, trial.left


def _counted(trials: Sequence[Trial]) -> str:
    _, _, stop, rerun, left = table(trials)[1][-1]
    return f"{stop} differed after the stop, {rerun} after the rerun, {left} with leftovers"


def save(trials: Sequence[Trial], settings: Mapping[str, object], folder: Path = RESULTS) -> Path:
    """Write the result with the machine to a file of the day that was not there before; gives its path."""
    names, rows = table(trials)
    phases = [dict(zip(names, row, strict=True)) for row in rows]
    found = {"settings": dict(settings), "phases": phases, "trials": [asdict(trial) for trial in trials]}
    return record.save("crash", found, folder)


def measure_crashes(
    *, kills: int, seed: int, profiles: int, study: str, step_megabytes: float | None, keep: Path | None, say: Say
) -> list[Trial]:
    """Prepare, and cut off one refresh after the other: by kills, or by a disk that is full where a step is given."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        reference = prepare(Path(folder), profiles=profiles, study=study, seed=seed, say=say)
        if step_megabytes is None:
            return list(kill_trials(reference, kills=kills, seed=seed, keep=keep, say=say))
        return list(disk_trials(reference, step_megabytes=step_megabytes, keep=keep, say=say))
