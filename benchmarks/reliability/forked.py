"""Runs commands in forks of this process, which has imported everything that they need.

Most of the time of a small command is Python's imports. A fork has them already, and a crash ends the fork alone.
This process must never open a database itself: an engine that runs does not survive a fork.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tiktok_pipeline.study import Study

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_DRAWS = 4
EVENTS = "commit of Dagster's records"
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.link", "shutil.copyfile"}
"""Names of the audit events of Python that change files, beside ``open``."""


def run(home: Path, *arguments: str) -> tuple[int, str]:
    """Run a command in a fork; return its exit code, negative for a signal, and what it printed."""
    said = home.with_name("said.txt")
    code = in_fork(lambda: _main(home, arguments), output=said)
    text = said.read_text(encoding="utf-8", errors="replace")
    return (int(code) if isinstance(code, str) else int(code or -1)), text


def in_fork(work: Callable[[], Any], output: Path | None = None) -> Any:  # noqa: ANN401 - whatever it returns
    """Return what ``work`` returns in a child process; the negative signal if it crashes, 1 after an exception."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        if output is not None:
            _print_to(output)
        code = 0
        try:
            result = pickle.dumps(work())
            sys.stdout.flush()
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(result)
        except BaseException:  # noqa: BLE001 - the child ends here
            traceback.print_exc()
            sys.stderr.flush()
            code = 1
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return -os.WTERMSIG(status)
    return pickle.loads(content) if content else 1  # noqa: S301 - from our own child


def _main(home: Path, arguments: Sequence[str]) -> str:
    """Run a command as the program does; return its exit code."""
    from tiktok_pipeline.cli.app import main  # noqa: PLC0415

    os.environ |= {
        "TIKTOK_PIPELINE_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "TIKTOK_PIPELINE_PICTURES": "no",
        "TIKTOK_PIPELINE_SETTLE_SECONDS": "0.2",
    }
    _use_few_draws()
    sys.argv = ["tiktok-pipeline", *arguments]
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    except KeyboardInterrupt:
        return "130"  # it came before the command began
    try:
        main()
    except SystemExit as end:
        return str(end.code or 0)
    return "0"


def _use_few_draws() -> None:
    """Give the studies few bootstrap draws in this fork: the same steps write the same tables in half of the time."""
    import tiktok_pipeline.assembly  # noqa: PLC0415
    import tiktok_pipeline.study  # noqa: PLC0415

    load = tiktok_pipeline.study.load_studies

    def with_few_draws(package: ModuleType) -> tuple[Study, ...]:
        return tuple(
            replace(study, segmentation=replace(study.segmentation, draws=_DRAWS)) if study.segmentation else study
            for study in load(package)
        )

    for module in (tiktok_pipeline.assembly, tiktok_pipeline.study):
        vars(module)["load_studies"] = with_few_draws


def _print_to(output: Path) -> None:
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(target, 1)
    os.dup2(target, 2)
    # Whoever started us may have put something else in their places, as pytest does.
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115


def import_as(home: Path, *arguments: str) -> None:
    """Import all modules that a command imports, which is run in a fork for it."""

    def names() -> list[str]:
        _main(home, arguments)
        return sorted(name for name in sys.modules if not name.startswith("__"))

    for name in in_fork(names, output=home.with_name("said.txt")):
        with contextlib.suppress(Exception):  # a module that is made at run time cannot be imported
            importlib.import_module(name)


class Steps:
    """Counts the changes of files and the commits of a command; just before one of them it is stopped."""

    def __init__(self, home: Path, stop_at: int | None, by: signal.Signals = signal.SIGKILL) -> None:
        self.names: list[str] = []
        self._home = str(home)
        self._stop_at = stop_at
        self._signal = by

    def watch(self) -> None:
        """Watch this process until it ends; only for a fork."""
        import sqlalchemy  # noqa: PLC0415

        from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse  # noqa: PLC0415

        sys.addaudithook(self._audit)
        sqlalchemy.event.listen(sqlalchemy.engine.Engine, "commit", lambda _: self.step(EVENTS))
        original: Callable[[DuckDBWarehouse, str], AbstractContextManager[None]] = DuckDBWarehouse._transaction

        @contextmanager
        def transaction(warehouse: DuckDBWarehouse, work: str) -> Iterator[None]:
            with original(warehouse, work):
                yield
                self.step(f"before the commit of {work}")
            self.step(f"after the commit of {work}")

        DuckDBWarehouse._transaction = transaction  # type: ignore[method-assign, assignment]

    def step(self, name: str) -> None:
        """Count a step, and send the signal to the whole process group if it is the one."""
        self.names.append(name)
        if len(self.names) == self._stop_at:
            os.killpg(os.getpgrp(), self._signal)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHANGES or (event == "open" and (arguments[2] or 0) & _WRITING):
            is_relative = event in ("os.remove", "os.rmdir") and arguments[1] != -1
            path = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes | os.PathLike) else ""
            if path.startswith(self._home) or is_relative:
                self.step(f"{event} {path.removeprefix(self._home)}")


def traced(home: Path, *arguments: str, steps: Steps | None = None) -> tuple[int, str, list[str], float]:
    """Run a command undisturbed; return its exit code, what it printed, its steps and its seconds."""
    watching = steps or Steps(home, None)

    def work() -> tuple[str, list[str]]:
        watching.watch()
        return _main(home, arguments), watching.names

    said, start = home.with_name("said.txt"), time.monotonic()
    result = in_fork(work, output=said)
    code, names = result if isinstance(result, tuple) else (1, [])
    return int(code), said.read_text(encoding="utf-8", errors="replace"), names, time.monotonic() - start


def stopped(home: Path, *arguments: str, step: int | None, after: float, by: signal.Signals = signal.SIGKILL) -> int:
    """Run a command in a process group of its own and send it a signal at a step, or after some seconds.

    Returns
    -------
    int
        The exit code, negative if a signal ended it.
    """
    # Ctrl-C is for the command, not for the preparations of the child.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with it ignored
            _print_to(home.with_name("said.txt"))
            if step is not None:
                Steps(home, step, by).watch()
            code = int(_main(home, arguments))
            sys.stdout.flush()
        except BaseException:  # noqa: BLE001 - the child ends here
            traceback.print_exc()
        os._exit(code)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with contextlib.suppress(OSError):  # the child has done it, and maybe ended
        os.setpgid(child, child)
    deadline = time.monotonic() + after
    while step is not None or time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, by)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
