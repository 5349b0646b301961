"""Measures crash safety: a refresh is killed at a random moment, or its disk runs full; then it is run again.

Whenever it stops, each slice must be as before or as after the refresh, and the published file must never mix both.
The same command again must give the tables of an undisturbed refresh and leave no temporary files.
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
from benchmarks.reliability.states import State, cut_off_problems, leftovers, list_differences, list_entries, state_of
from tiktok_pipeline.sample import write_sample

BEFORE, REGISTERING, WRITING, AFTER = "before the first write", "registering", "between writes", "after"
PHASES = (BEFORE, REGISTERING, WRITING, AFTER)
LONGEST_SECONDS = 600.0
_ROOMY_MEGABYTES = 1024
_MEGABYTE = 1024 * 1024
_POLL_SECONDS = 0.02

Log = Callable[[str], None]


class CannotMountError(RuntimeError):
    """A small file system cannot be mounted on this machine."""


@dataclass(frozen=True)
class Reference:
    """The undisturbed refresh: the home before it, the states before and after, its duration and first write."""

    work: Path
    command: tuple[str, ...]
    home_before: Path
    old: State
    new: State
    wall_seconds: float
    first_write_seconds: float


@dataclass(frozen=True)
class Trial:
    """One interrupted refresh; ``at`` is the time of the kill in seconds, or the free disk space in MB."""

    number: int
    at: float
    phase: str
    after_stop: tuple[str, ...]
    after_rerun: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether anything is wrong after the stop or after the rerun."""
        return bool(self.after_stop or self.after_rerun or self.left)


def prepare(work: Path, *, profiles: int, study: str, seed: int, log: Log) -> Reference:
    """Write the scrapes, and refresh the second delivery undisturbed in a home that has the first one.

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
    log(f"undisturbed: {wall:.1f} s, first write after {first_write:.1f} s; {changed} of {len(new.warehouse)} slices")
    return Reference(work, command, home_before, old, new, wall, first_write)


def kill_times(reference: Reference, kills: int, seed: int) -> list[float]:
    """Draw the times of the kills in seconds: a tenth before the first write, the others evenly until after the end.

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


def kill_trials(reference: Reference, *, kills: int, seed: int, keep: Path | None, log: Log) -> Iterator[Trial]:
    """Kill the refresh ``kills`` times, each time in a new home."""
    started, done = time.monotonic(), []
    for number, seconds in enumerate(kill_times(reference, kills, seed), start=1):
        trial = _kill_trial(reference, number, seconds, keep)
        done.append(trial)
        yield trial
        for problem in (*trial.after_stop, *trial.after_rerun, *trial.left):
            log(f"  kill {number} after {seconds:.2f} s ({trial.phase}): {problem}")
        if number % 10 == 0 or number == kills:
            each = (time.monotonic() - started) / number
            log(f"{number} of {kills} kills, {each:.1f} s each: {_counted(done)}")


def _kill_trial(reference: Reference, number: int, seconds: float, keep: Path | None) -> Trial:
    home = reference.work / f"kill_{number:03d}"
    shutil.copytree(reference.home_before, home)
    before = list_entries(home)
    code = _killed_refresh(home, reference.command, seconds)
    problems = [f"it ended before the kill, with {code}"] if code else []
    phase = AFTER if code is not None else _phase(before, list_entries(home))
    stopped = home.with_name(f"{home.name}_stopped")
    if keep:
        shutil.copytree(home, stopped)
    problems += cut_off_problems(home, reference.old, reference.new)
    trial = _rerun(reference, home, Trial(number, seconds, phase, tuple(problems), (), ()))
    for folder in (home, stopped):
        if keep and trial.differs:
            shutil.move(folder, keep / folder.name)
        shutil.rmtree(folder, ignore_errors=True)
    return trial


def _rerun(reference: Reference, home: Path, trial: Trial) -> Trial:
    """Run the same command again and add to the trial what is still wrong."""
    try:
        _refresh(home, reference.command)
    except (CommandFailedError, subprocess.TimeoutExpired) as error:
        return Trial(trial.number, trial.at, trial.phase, trial.after_stop, (f"rerun: {error}",), ())
    after = tuple(list_differences(home, reference.new))
    left = tuple(leftovers(home, reference.new.files))
    return Trial(trial.number, trial.at, trial.phase, trial.after_stop, after, left)


def disk_trials(reference: Reference, *, step_megabytes: float, keep: Path | None, log: Log) -> Iterator[Trial]:
    """Refresh on a disk that runs full, with one step more of free space each time, until it is enough.

    Raises
    ------
    CannotMountError
        If no small file system can be mounted.
    """
    for number in range(1, 1001):
        trial = _disk_trial(reference, number, number * step_megabytes, keep, log)
        yield trial
        for problem in (*trial.after_stop, *trial.after_rerun, *trial.left):
            log(f"  {problem}")
        if trial.phase == AFTER:
            return


def _disk_trial(reference: Reference, number: int, free: float, keep: Path | None, log: Log) -> Trial:
    """Refresh with ``free`` MB of disk space, and again with plenty if that was not enough."""
    with mount_small_disk(reference.work / f"disk_{number:03d}") as disk:
        home = disk / "home"
        shutil.copytree(reference.home_before, home)
        limit_free_space(disk, free)
        before = list_entries(home)
        ended = _run(home, reference.command)
        if ended.returncode == 0:
            log(f"{free:g} MB of disk space are enough")
            wrong, left = list_differences(home, reference.new), leftovers(home, reference.new.files)
            return Trial(number, free, AFTER, tuple(wrong), (), tuple(left))
        phase = _phase(before, list_entries(home))
        said = [line for line in ended.stderr.splitlines() if line.startswith("tiktok-pipeline: ")]
        log(f"{free:g} MB ({phase}), exit code {ended.returncode}: {' | '.join(said)}")
        if keep:
            shutil.copytree(home, keep / disk.name)
            (keep / f"{disk.name}.stderr.txt").write_text(ended.stderr, encoding="utf-8")
        problems = [*_error_text_problems(ended.stderr, said), *cut_off_problems(home, reference.old, reference.new)]
        limit_free_space(disk, _ROOMY_MEGABYTES)
        trial = _rerun(reference, home, Trial(number, free, phase, tuple(problems), (), ()))
        if keep and trial.after_rerun + trial.left:
            shutil.copytree(home, keep / f"{disk.name}_done_again")
        elif keep and not trial.differs:
            shutil.rmtree(keep / disk.name)
        return trial


def _error_text_problems(stderr: str, said: Sequence[str]) -> list[str]:
    """List what is wrong with the errors: no reason, more than one for a snapshot, or a traceback."""
    problems = [] if said else [f"no line gives a reason: {' '.join(stderr.split())[-300:]}"]
    if len(said) > 2:  # two snapshots are refreshed, and each may fail
        problems.append(f"{len(said)} lines of stderr give a reason")
    if "Traceback" in stderr or "Exception ignored" in stderr:
        problems.append(f"a traceback on stderr: {' '.join(stderr[stderr.find('Traceback') :].split())[-300:]}")
    return problems


@contextlib.contextmanager
def mount_small_disk(folder: Path) -> Iterator[Path]:
    """Mount a disk in memory at a new folder."""
    if os.geteuid() != 0:
        msg = "only root may mount the small disk (a tmpfs); run the command as root"
        raise CannotMountError(msg)
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={_ROOMY_MEGABYTES}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def limit_free_space(disk: Path, megabytes: float) -> None:
    """Leave so many MB free on a small disk."""
    about = os.statvfs(disk)
    used = (about.f_blocks - about.f_bfree) * about.f_frsize
    remount(disk, f"size={max(used + int(megabytes * _MEGABYTE), 4096)}")  # 0 is no limit


def remount(folder: Path, option: str) -> None:
    """Mount a small disk again with an option, such as "ro"."""
    _mount("-o", f"remount,{option}", str(folder))


def _mount(*arguments: str) -> None:
    try:
        subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or error
        msg = f"a tmpfs cannot be mounted here: {str(said).strip()}"
        raise CannotMountError(msg) from error


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
    """Run the command; raise `CommandFailedError` with the end of its output if it fails."""
    ended = _run(home, command)
    if ended.returncode:
        msg = f"the refresh ended with {ended.returncode}: {' '.join(ended.stderr.split())[-600:]}"
        raise CommandFailedError(msg)


def _watched_refresh(home: Path, command: Sequence[str]) -> tuple[float, float]:
    """Return the wall time of the command and the time of its first change in the home, other than the lock."""
    before = list_entries(home)
    first_write = None
    started = time.monotonic()
    with _started(home, command) as process:
        while process.poll() is None:
            if first_write is None and _phase(before, list_entries(home)) != BEFORE:
                first_write = time.monotonic() - started
            time.sleep(_POLL_SECONDS)
        wall = time.monotonic() - started
    if process.returncode or first_write is None:
        msg = f"the undisturbed refresh ended with {process.returncode}, or wrote nothing"
        raise CommandFailedError(msg)
    return wall, first_write


def _killed_refresh(home: Path, command: Sequence[str], seconds: float) -> int | None:
    """Start the command and kill it after ``seconds`` (-9); return its exit code if it ended before."""
    with _started(home, command) as process:
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None


@contextlib.contextmanager
def _started(home: Path, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command in its own session; kill what still runs at the end of the block."""
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
    """Return how far a refresh came, judged by what it changed; Dagster starts after all files are registered."""
    changed = {name for name in {*before, *now} if before.get(name) != now.get(name)} - {".lock"}
    folders = {name.partition(os.sep)[0] for name in changed}
    if not folders:
        return BEFORE
    return REGISTERING if folders <= {"raw", "dagster"} else WRITING


def table(trials: Sequence[Trial]) -> tuple[list[str], list[tuple[str | int, ...]]]:
    """Count trials and problems by phase; return (column names, rows), the last row for all."""
    names = ["phase", "trials", "differed after the stop", "differed after the rerun", "with leftovers"]
    rows: list[tuple[str | int, ...]] = []
    for phase in (*PHASES, "all"):
        in_phase = [trial for trial in trials if phase in ("all", trial.phase)]
        counts = (
            (sum(map(bool, found)) for found in zip(*map(_found, in_phase), strict=True)) if in_phase else (0, 0, 0)
        )
        rows.append((phase, len(in_phase), *counts))
    return names, rows


def _found(trial: Trial) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return trial.after_stop, trial.after_rerun, trial.left


def _counted(trials: Sequence[Trial]) -> str:
    _, _, stop, rerun, left = table(trials)[1][-1]
    return f"{stop} differed after the stop, {rerun} after the rerun, {left} with leftovers"


def save(trials: Sequence[Trial], settings: Mapping[str, object], folder: Path = RESULTS) -> Path:
    """Save the trials with the settings and the machine in a new file and return its path."""
    names, rows = table(trials)
    phases = [dict(zip(names, row, strict=True)) for row in rows]
    found = {"settings": dict(settings), "phases": phases, "trials": [asdict(trial) for trial in trials]}
    return record.save("crash", found, folder)


def measure_crashes(
    *, kills: int, seed: int, profiles: int, study: str, step_megabytes: float | None, keep: Path | None, log: Log
) -> list[Trial]:
    """Interrupt one refresh after the other: by kills, or by a full disk if ``step_megabytes`` is given."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        reference = prepare(Path(folder), profiles=profiles, study=study, seed=seed, log=log)
        if step_megabytes is None:
            return list(kill_trials(reference, kills=kills, seed=seed, keep=keep, log=log))
        return list(disk_trials(reference, step_megabytes=step_megabytes, keep=keep, log=log))
