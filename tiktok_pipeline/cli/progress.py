"""How far a refresh is: the share that is done, rows a second, the time left; a bar on a terminal.

A step is weighed by what it took in the benchmark ``scale``, and the weights are scaled by how fast this machine is on the steps
that it has done. What the steps do is not known here.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

_SECONDS: tuple[tuple[str, float, float], ...] = (
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
"""The end of a step's name, its seconds whatever the size, and its seconds for each million rows."""

_ANY_OTHER_SECONDS = 0.05
_FEW_ROWS = 100_000
_FIRST_LOOK_SECONDS = 5.0
_TICK_SECONDS = 0.5


class Estimate:
    """How far a run of some steps over so many rows is; times are seconds of one clock."""

    def __init__(self, steps: Sequence[str], rows: int, *, started: float) -> None:
        self._weights = {step: _seconds_of(step, rows) for step in steps}
        self._rows = rows
        self._started = self._step_started = started
        self._done = 0.0
        self._step = ""

    def start(self, step: str, now: float) -> None:
        """A step begins, and with it the one before is done."""
        self._done += self._weights.pop(self._step, 0.0)
        self._step, self._step_started = step, now

    def share(self, now: float) -> float:
        """The share of the work that is done, from 0 to 1."""
        total = self._done + sum(self._weights.values())
        return min(1.0, (self._done + self._of_the_step(now)) / total) if total else 1.0

    def seconds_left(self, now: float) -> float | None:
        """The time that the rest will take, at the pace so far; None while it is too early to tell."""
        spent, share = now - self._started, self.share(now)
        return spent / share - spent if spent >= _FIRST_LOOK_SECONDS and share > 0 else None

    def told(self, now: float) -> str:
        """Rows, their rate and the time left, in words; nothing for few rows, which are done in a moment."""
        left = self.seconds_left(now)
        if self._rows < _FEW_ROWS or left is None:
            return ""
        rate = self._rows * self.share(now) / (now - self._started)
        return f"{self._rows:,} rows, {rate:,.0f} a second, about {_duration(left)} left"

    def _of_the_step(self, now: float) -> float:
        """What is done of the step at work, by its weight; never all of it before it ends."""
        weight = self._weights.get(self._step, 0.0)
        before = self._step_started - self._started
        pace = self._done / before if self._done and before > 0 else 1.0
        return min((now - self._step_started) * pace, 0.95 * weight)


def _seconds_of(step: str, rows: int) -> float:
    fits = [(fixed, by_rows) for ending, fixed, by_rows in _SECONDS if step == ending or step.endswith(ending)]
    fixed, by_rows = fits[-1] if fits else (_ANY_OTHER_SECONDS, 0.0)
    return fixed + by_rows * rows / 1e6


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _stderr_of_its_own() -> TextIO | None:
    """A second way to where stderr leads, because Dagster keeps what a step writes to the first; None where there is none."""
    stderr = sys.__stderr__
    if stderr is None or sys.stderr is not stderr:
        return None
    try:
        return os.fdopen(os.dup(stderr.fileno()), "w", encoding="utf-8")
    except (OSError, ValueError):  # closed, or no file
        return None


class Bar:
    """The bar of the command line, on stderr; silent where ``shown`` is false."""

    def __init__(self, *, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description:<50}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}"),
        )
        self._stderr = _stderr_of_its_own()
        console = Console(file=self._stderr) if self._stderr else Console(stderr=True)
        self._progress = Progress(*columns, console=console, disable=not shown)
        self._task = self._progress.add_task("", total=1.0, told="")
        self._estimate: Estimate | None = None
        self._name = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it while the block runs, and bring it up to date by itself."""
        ended = threading.Event()

        def tick() -> None:
            while not ended.wait(_TICK_SECONDS):
                self._show()

        ticking = threading.Thread(target=tick, daemon=True)
        try:
            with self._progress:
                ticking.start()
                try:
                    yield
                finally:
                    ended.set()
                    ticking.join()
        finally:
            if self._stderr is not None:
                self._stderr.close()

    def begin(self, name: str, steps: Sequence[str], rows: int) -> None:
        """A run over so many rows begins."""
        self._estimate, self._name = Estimate(steps, rows, started=time.monotonic()), name
        self._progress.reset(self._task, total=1.0, description=name, told="")

    def step(self, step: str) -> None:
        """A step of the run begins."""
        if self._estimate is not None:
            self._estimate.start(step, time.monotonic())
            self._progress.update(self._task, description=f"{self._name}: {step.replace('__', ' ')}"[:50])
            self._show()

    def end(self, *, went_well: bool) -> None:
        """The run has ended; the bar is full only where it went well."""
        self._estimate = None
        if went_well:
            self._progress.update(self._task, completed=1.0, told="")

    def _show(self) -> None:
        estimate, now = self._estimate, time.monotonic()
        if estimate is not None:
            self._progress.update(self._task, completed=estimate.share(now), told=estimate.told(now))
