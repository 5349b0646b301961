"""The kills and interrupts of commands: that they see what they are there to see, and that a few break nothing."""

from __future__ import annotations

import signal
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.reliability.forked import run, stopped, traced
from benchmarks.reliability.interrupts import INTERRUPTED, measure_interrupts
from benchmarks.reliability.kills import Attacked, KillTrial, described, kill_counts, measure_kills, moment_of
from benchmarks.reliability.states import State


def attacked(steps: int) -> Attacked:
    nothing = State({}, {}, {}, frozenset())
    names = tuple(f"name {number}" for number in range(1, steps + 1))
    return Attacked(("x",), Path("x"), nothing, tuple(range(1, steps + 1)), names, (0.0, 2.0), "")


def test_every_second_kill_is_at_a_step_and_the_steps_are_spread_evenly() -> None:
    import random

    moments = [moment_of(attacked(100), turn, random.Random(turn)) for turn in range(40)]
    steps = sorted(step for step, _ in moments if step is not None)
    assert len(steps) == 20
    assert max(later - earlier for earlier, later in pairwise(steps)) <= 10
    assert all(0 <= after <= 2 for step, after in moments if step is None)
    assert described(attacked(3), 2, 0.0) == "at step 2: name 2"
    assert described(attacked(3), None, 1.5) == "after 1.50 s"


def test_kills_are_counted() -> None:
    trials = [
        KillTrial(1, "prune", "at step 1: x", was_killed=True),
        KillTrial(2, "prune", "after 1 s", was_killed=True, problem="it differs"),
        KillTrial(3, "forget", "after 9 s", was_killed=False),
    ]
    counts = kill_counts(trials)
    assert counts["by command"] == {"prune": 2, "forget": 1}
    assert [counts[name] for name in ("killed at a step", "killed at random", "ended before")] == [1, 1, 1]
    assert counts["differ after the rerun"] == 1


def test_a_command_is_stopped_just_before_a_step(tmp_path: Path) -> None:
    code, said, steps, _ = traced(
        tmp_path / "traced", "sample", "--out", str(tmp_path / "traced" / "s"), "--profiles", "60"
    )
    assert code == 0, said
    assert len(steps) > 2
    home = tmp_path / "home"
    arguments = ("sample", "--out", str(home / "s"), "--profiles", "60")
    assert stopped(home, *arguments, step=1, after=0) == -signal.SIGKILL
    assert not home.exists()
    assert stopped(home, *arguments, step=None, after=0) == -signal.SIGKILL
    assert stopped(home, *arguments, step=len(steps) + 1, after=0) == 0
    assert run(home, "no-such-command")[0] == 2


@pytest.mark.slow
def test_a_few_kills_and_interrupts_break_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    commands = ("prune", "withdraw", "migration")
    kills = measure_kills(12, seed=3, folder=tmp_path, log=lines.append, profiles=80, commands=commands)
    assert len(kills) == 12
    assert not [trial for trial in kills if trial.problem], lines
    assert sum(trial.was_killed for trial in kills) > 6
    (tmp_path / "interrupts").mkdir()
    interrupts = measure_interrupts(
        4, seed=3, folder=tmp_path / "interrupts", log=lines.append, profiles=80, commands=commands[:1]
    )
    assert [trial.problem for trial in interrupts] == [""] * 4


@pytest.mark.slow
def test_a_few_interrupts_of_commands_that_erase_or_replace_break_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    commands = ("forget", "withdraw", "restore")
    trials = measure_interrupts(6, seed=4, folder=tmp_path, log=lines.append, profiles=80, commands=commands)
    assert [(trial.command, trial.problem) for trial in trials] == [(name, "") for name in commands] * 6, lines
    assert sum(trial.code == INTERRUPTED for trial in trials) > 9


@pytest.mark.slow
def test_a_few_kills_of_forget_and_refresh_break_nothing(tmp_path: Path) -> None:
    """Of ``forget``, the rerun is also searched for the name in every file."""
    lines: list[str] = []
    commands = ("forget", "refresh")
    trials = measure_kills(6, seed=5, folder=tmp_path, log=lines.append, profiles=80, commands=commands)
    assert [trial.problem for trial in trials] == [""] * 6, lines
    assert sum(trial.was_killed for trial in trials) > 3
