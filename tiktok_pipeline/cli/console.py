"""What every command shares: the settings, one-line errors with an exit code, notes on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from tiktok_pipeline.settings import Settings, SettingsError

FAILED = 1
USAGE_ERROR = 2


def read_settings() -> Settings:
    """The settings of the environment, or one line and the exit code."""
    try:
        return Settings.from_env()
    except SettingsError as problem:
        fail(str(problem), USAGE_ERROR)


@contextmanager
def exit_on_expected_error() -> Iterator[None]:
    """Turn the errors whose text is meant for the person into one line and an exit code."""
    from tiktok_pipeline.errors import PipelineError

    try:
        yield
    except PipelineError as error:
        fail(str(error), USAGE_ERROR if error.is_usage_error else FAILED)
    except BrokenPipeError:  # whoever read the answer has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(FAILED) from None
    except OSError as problem:
        fail(f"{problem.filename or 'the disk'}: {problem.strerror or problem}")
    except Exception as problem:
        if not type(problem).__module__.startswith(("sqlalchemy", "sqlite3")):
            raise
        why = " ".join(str(getattr(problem, "orig", None) or problem).split())
        fail(
            f"Dagster's records in the home cannot be read or written: {why}. Is the disk full? See `tiktok-pipeline doctor`"
        )


@contextmanager
def locked_home(settings: Settings) -> Iterator[None]:
    """Hold the home's lock, its folders made; whoever else is at work there is waited for, and named."""
    from tiktok_pipeline.home.layout import prepare_home
    from tiktok_pipeline.home.lock import home_lock

    prepare_home(settings)
    with home_lock(settings.lock_file, timeout_seconds=settings.home_timeout_seconds, say=info):
        yield


def fail(text: str, code: int = FAILED) -> NoReturn:
    """Say what went wrong on stderr and leave with the exit code."""
    typer.echo(f"tiktok-pipeline: {text}", err=True)
    raise typer.Exit(code)


def info(text: str) -> None:
    """Tell the person something; stdout stays free for answers."""
    typer.echo(text, err=True)
