"""Shared by all commands: options, notes on stderr, JSON on stdout, and the one way in which a command fails.

A command that fails prints one line on stderr and exits with 1 (the work failed), 2 (a wrong argument or setting) or
130 (Ctrl-C). With ``--json`` it also prints ``{"ok": false, "error": {"code", "message", "remedy"}}`` on stdout.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from tiktok_pipeline.errors import FREE_SPACE, OS_ERROR_CODE, PipelineError
from tiktok_pipeline.safe_text import printable
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.study import Study

FAILED = 1
USAGE_ERROR = 2
INTERRUPTED = 130

REFRESH_FIRST = "run `tiktok-pipeline refresh FILE` first"


class TableFormat(StrEnum):
    """The format in which a command prints rows."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class CommandFailedError(PipelineError):
    """The command could not do its work."""

    code = "failed"


class CommandUsageError(PipelineError):
    """The arguments conflict, or name something that does not exist."""

    code = "usage"
    is_usage_error = True


_DISK_REMEDIES = {
    errno.ENOSPC: FREE_SPACE,
    errno.EDQUOT: FREE_SPACE,
    errno.EROFS: "mount the disk for writing, or name a home on another one: TIKTOK_PIPELINE_HOME",
    errno.EACCES: "run it as the user who owns the home, or name another home: TIKTOK_PIPELINE_HOME",
}
"""What to do about errors of the disk, by their numbers."""

_verbosity = {"quiet": False}


def set_quiet(value: bool) -> bool:
    """Turn notes and progress off if ``value`` is true."""
    _verbosity["quiet"] = _verbosity["quiet"] or value
    return value


def reset_quiet() -> None:
    """Turn notes and progress on, as at the start of the program."""
    _verbosity["quiet"] = False


def is_quiet() -> bool:
    """Return whether notes and progress are off."""
    return _verbosity["quiet"]


QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", callback=set_quiet, help="Print only results and errors, no notes and no progress."
    ),
]
SNAPSHOT_HELP = "Key of a snapshot, such as 2023-08-12; the newest one by default."
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, also for an error.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


class Interrupts:
    """Whether Ctrl-C was pressed while a command ran.

    A signal that arrives inside the query engine or a step of Dagster may surface as an error of theirs, or not at
    all. The interpreter's wake-up descriptor receives every signal.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._received = False

    @property
    def received(self) -> bool:
        """Whether the signal arrived."""
        if self._descriptor is not None:
            with suppress(BlockingIOError):
                self._received = signal.SIGINT in os.read(self._descriptor, 4096) or self._received
        return self._received

    def raise_if_received(self) -> None:
        """Raise `KeyboardInterrupt` if the signal arrived."""
        if self.received:
            raise KeyboardInterrupt


@contextmanager
def watch_interrupts() -> Iterator[Interrupts]:
    """Record whether Ctrl-C is pressed inside the block.

    Where Python cannot raise it, such as while it frees memory, it prints nothing: `Interrupts` tells the command.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread may watch signals
        yield Interrupts(None)
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    print_unraisable = sys.unraisablehook

    def print_unless_interrupt(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, Exception):
            print_unraisable(unraisable)

    sys.unraisablehook = print_unless_interrupt
    try:
        yield Interrupts(reader)
    finally:
        sys.unraisablehook = print_unraisable
        signal.set_wakeup_fd(previous)
        os.close(reader)
        os.close(writer)


@contextmanager
def exit_on_expected_error(*, as_json: bool = False, when_interrupted: str = "stopped") -> Iterator[Interrupts]:
    """Run a command; turn an expected error, Ctrl-C or a closed pipe into one line and an exit code.

    Any other error is a defect and keeps its stack trace.

    Parameters
    ----------
    as_json : bool
        Print an error as a JSON document on stdout too.
    when_interrupted : str
        The line after Ctrl-C.

    Yields
    ------
    Interrupts
        Tells the command whether Ctrl-C was pressed.

    Raises
    ------
    typer.Exit
        With the exit code of the error.
    """
    with watch_interrupts() as interrupts:
        try:
            yield interrupts
            sys.stdout.flush()
        except typer.Exit:
            raise
        except BrokenPipeError:  # the reader of the output has closed it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except BaseException as error:
            if interrupts.received or _is_interrupt(error):
                _fail(INTERRUPTED, "interrupted", when_interrupted, as_json=as_json)
            if isinstance(error, typer.Abort):
                _fail(FAILED, "aborted", "stopped; nothing was changed", as_json=as_json)
            if explained := _explained(error):
                fail(explained, as_json=as_json)
            if isinstance(error, OSError):
                # Of a copy that fails, the second file is the one that is written.
                message = f"{error.filename2 or error.filename or 'the disk'}: {error.strerror or error}"
                _fail(FAILED, OS_ERROR_CODE, message, _DISK_REMEDIES.get(error.errno or 0), as_json=as_json)
            raise


def _explained(error: BaseException) -> PipelineError | None:
    """Return an expected error, or the explanation of one of the query engine; None for a defect."""
    engine = sys.modules.get("duckdb")
    if engine is not None and isinstance(error, engine.Error):
        from tiktok_pipeline.warehouse.duckdb.connection import engine_error

        return engine_error(read_settings().warehouse_file, error)
    return error if isinstance(error, PipelineError) else None


def fail(error: PipelineError, *, as_json: bool) -> NoReturn:
    """Print an expected error and exit with its code."""
    exit_code = USAGE_ERROR if error.is_usage_error else FAILED
    _fail(exit_code, error.code, error.message, error.remedy, details=error.details, as_json=as_json)


def _fail(
    exit_code: int,
    code: str,
    message: str,
    remedy: str | None = None,
    *,
    details: tuple[str, ...] = (),
    as_json: bool,
) -> NoReturn:
    print_error(f"{message}; {remedy}" if remedy else message)
    for line in details:
        typer.echo(printable(line), err=True)
    if as_json:
        print_json({"ok": False, "error": error_document(code, message, remedy)})
    raise typer.Exit(exit_code) from None


def error_document(code: str, message: str, remedy: str | None = None) -> dict[str, str | None]:
    """Return an error as an object for JSON output."""
    return {"code": code, "message": message, "remedy": remedy}


def print_error(text: str) -> None:
    """Print a line about an error on stderr, also with ``--quiet``."""
    typer.echo(f"tiktok-pipeline: {printable(text)}", err=True)


def info(text: str) -> None:
    """Print a note on stderr, unless ``--quiet`` was given; stdout is for results."""
    if not is_quiet():
        typer.echo(printable(text), err=True)


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document on stdout, in ASCII, so that no text in it can control a terminal."""
    import json

    text = json.dumps(document, allow_nan=False, default=str, indent=1)
    typer.echo(text.replace("\x7f", "\\u007f"))


def confirm(question: str, *, yes: bool) -> None:
    """Ask a question and leave the command unless the answer is yes; ``yes`` does not ask."""
    if not yes and not typer.confirm(question, default=False, err=True):
        raise typer.Abort


def read_settings() -> Settings:
    """Return the settings of the environment."""
    return Settings.from_env()


def select_studies(names: Sequence[str]) -> tuple[Study, ...]:
    """Return the studies of the package with these names, in the order of the package; all of them without names.

    Raises
    ------
    CommandUsageError
        If there is no study of a name.
    SettingsError
        If a setting of the environment is invalid.
    """
    import tiktok_pipeline.studies
    from tiktok_pipeline.study import load_studies, with_continuity

    studies = with_continuity(load_studies(tiktok_pipeline.studies), read_settings().continuity)
    known = [study.name for study in studies]
    if unknown := sorted(set(names) - set(known)):
        msg = f"no study {', '.join(map(repr, unknown))}; the studies are: {', '.join(known)}"
        raise CommandUsageError(msg)
    return tuple(study for study in studies if not names or study.name in names)


@contextmanager
def locked_home(settings: Settings) -> Iterator[None]:
    """Create the folders of the home and hold its lock; wait for a process that holds it, and name that process."""
    from tiktok_pipeline.home.layout import prepare_home
    from tiktok_pipeline.home.lock import home_lock
    from tiktok_pipeline.upkeep.record_checksums import record_checksums

    prepare_home(settings)
    with home_lock(settings.lock_file, timeout_seconds=settings.home_timeout_seconds, log=info):
        yield
        record_checksums(settings.dagster_home)


def _is_interrupt(error: BaseException) -> bool:
    """Whether the error is a Ctrl-C, also as Dagster raises it; Dagster is not imported for this."""
    dagster = sys.modules.get("dagster")
    stopped = () if dagster is None else (dagster.DagsterExecutionInterruptedError,)
    return isinstance(error, (KeyboardInterrupt, *stopped))
