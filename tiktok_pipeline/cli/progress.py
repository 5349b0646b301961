"""The progress of a refresh: the completed share, rows per second, the time left, and a bar on a terminal.

Each step has a weight, its duration in the benchmark ``scale``. The speed of this machine is measured on the steps
that it has completed.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

_STEP_SECONDS: tuple[tuple[str, float, float], ...] = (
    ("validated", 0.6, 3.0),
    ("features_statistics", 3.0, 0.75),
    ("_k_scores", 6.0, 0.0),
    ("_model", 2.0, 0.05),
    ("_stability", 3.0, 0.0),
    ("_assignments", 0.1, 0.4),
    ("_personas", 2.0, 0.3),
    ("_classifiers", 15.0, 0.5),
    ("validated__profiles_contract", 0.0, 0.2),
    ("features__profiles_contract", 0.0, 0.3),
    ("published", 0.3, 0.9),
    ("report", 1.0, 0.1),
)
"""The end of a step's name, its fixed duration in seconds, and its seconds per million rows."""

_OTHER_STEP_SECONDS = 0.05
_MIN_ROWS_FOR_RATE = 100_000
_MIN_SECONDS_FOR_ESTIMATE = 5.0
_TICK_SECONDS = 0.5
_MAX_SHARE_OF_RUNNING_STEP = 0.95


class Estimate:
    """The progress of one run.

    Parameters
    ----------
    steps : sequence of str
        The names of the run's steps.
    rows : int
        The number of rows that the run reads.
    started : float
        When the run started, in seconds of the clock that the methods are called with.
    """

    def __init__(self, steps: Sequence[str], rows: int, *, started: float) -> None:
        self._weights = {step: _seconds_of(step, rows) for step in steps}
        self._rows = rows
        self._started = self._step_started = started
        self._done = 0.0
        self._step = ""

    def start(self, step: str, now: float) -> None:
        """Record that a step starts; the step before it is complete."""
        self._done += self._weights.pop(self._step, 0.0)
        self._step, self._step_started = step, now

    def share(self, now: float) -> float:
        """Return the completed share of the work, from 0 to 1."""
        total = self._done + sum(self._weights.values())
        return min(1.0, (self._done + self._completed_of_running_step(now)) / total) if total else 1.0

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds that the rest takes at the pace so far; None in the first seconds of a run."""
        spent, share = now - self._started, self.share(now)
        return spent / share - spent if spent >= _MIN_SECONDS_FOR_ESTIMATE and share > 0 else None

    def status_line(self, now: float) -> str:
        """Return the rows, rows per second and time left as text; "" for a run with few rows, which is short."""
        left = self.seconds_left(now)
        if self._rows < _MIN_ROWS_FOR_RATE or left is None:
            return ""
        rate = self._rows * self.share(now) / (now - self._started)
        return f"{self._rows:,} rows, {rate:,.0f} per second, about {_duration(left)} left"

    def _completed_of_running_step(self, now: float) -> float:
        """Return the estimated completed part of the running step's weight; less than all of it until it ends."""
        weight = self._weights.get(self._step, 0.0)
        before = self._step_started - self._started
        pace = self._done / before if self._done and before > 0 else 1.0
        return min((now - self._step_started) * pace, _MAX_SHARE_OF_RUNNING_STEP * weight)


def _seconds_of(step: str, rows: int) -> float:
    matches = [(fixed, per_million) for ending, fixed, per_million in _STEP_SECONDS if step.endswith(ending)]
    fixed, per_million = matches[-1] if matches else (_OTHER_STEP_SECONDS, 0.0)
    return fixed + per_million * rows / 1e6


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _duplicate_stderr() -> TextIO | None:
    """Return a second stream to the same stderr, because Dagster captures the first; None if that is impossible."""
    stderr = sys.__stderr__
    if stderr is None or sys.stderr is not stderr:
        return None
    try:
        return os.fdopen(os.dup(stderr.fileno()), "w", encoding="utf-8")
    except (OSError, ValueError):  # closed, or not a file
        return None


class Bar:
    """A progress bar on stderr.

    Parameters
    ----------
    shown : bool
        False for a bar that prints nothing.
    """

    def __init__(self, *, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description:<50}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[status]}"),
        )
        self._stderr = _duplicate_stderr()
        console = Console(file=self._stderr) if self._stderr else Console(stderr=True)
        self._progress = Progress(*columns, console=console, disable=not shown)
        self._task = self._progress.add_task("", total=1.0, status="")
        self._estimate: Estimate | None = None
        self._name = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar inside the block and redraw it twice per second."""
        ended = threading.Event()

        def tick() -> None:
            while not ended.wait(_TICK_SECONDS):
                self._draw()

        ticker = threading.Thread(target=tick, daemon=True)
        try:
            with self._progress:
                ticker.start()
                try:
                    yield
                finally:
                    ended.set()
                    ticker.join()
        finally:
            if self._stderr is not None:
                self._stderr.close()

    def begin(self, name: str, steps: Sequence[str], rows: int) -> None:
        """Start a run."""
        self._estimate, self._name = Estimate(steps, rows, started=time.monotonic()), name
        self._progress.reset(self._task, total=1.0, description=name, status="")

    def step(self, step: str) -> None:
        """Start a step of the run."""
        if self._estimate is not None:
            self._estimate.start(step, time.monotonic())
            self._progress.update(self._task, description=f"{self._name}: {step.replace('__', ' ')}"[:50])
            self._draw()

    def end(self, *, succeeded: bool) -> None:
        """End the run; fill the bar if it succeeded."""
        self._estimate = None
        if succeeded:
            self._progress.update(self._task, completed=1.0, status="")

    def _draw(self) -> None:
        estimate, now = self._estimate, time.monotonic()
        if estimate is not None:
            self._progress.update(self._task, completed=estimate.share(now), status=estimate.status_line(now))
