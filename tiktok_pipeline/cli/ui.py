"""The command ``ui``: start Dagster's web server and daemon for the home."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.cli.console import CommandFailedError, QuietOption, exit_on_expected_error, info, read_settings
from tiktok_pipeline.cli.local_port import HOST, check_port
from tiktok_pipeline.settings import Settings


def ui(
    port: Annotated[int, typer.Option(help=f"Port on {HOST}.", min=1, max=65535)] = 3000,
    _quiet: QuietOption = False,
) -> None:
    """Start Dagster's web server and daemon on 127.0.0.1.

    The daemon ingests new files of incoming/ and refreshes their snapshots.
    Ctrl-C stops both.
    """
    with exit_on_expected_error():
        settings = read_settings()
        check_port(port)
        from tiktok_pipeline.orchestration.runs.instance import open_instance, prepare_dagster_home
        from tiktok_pipeline.orchestration.runs.orphaned_runs import fail_orphaned_runs

        prepare_dagster_home(settings)
        _lock_until_exit(settings.dagster_home / "ui.lock")
        _check_daemon(settings.dagster_home)
        with open_instance(settings) as instance:
            fail_orphaned_runs(instance)
        info(f"Dagster's UI: http://{HOST}:{port} (Ctrl-C stops it)")
        server = [sys.executable, "-P", "-m", "tiktok_pipeline.orchestration.serve", str(port)]
        # Dagster also reads dagster.yaml and .env of the working directory, which are not this home's.
        os.chdir(settings.dagster_home)
        os.execve(sys.executable, server, _environment(settings))  # noqa: S606


def _environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the servers: no folder that merely lies in the way is searched for modules."""
    search_path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if Path(entry).is_absolute()]
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSTARTUP")}
    return (
        kept
        | {
            "DAGSTER_HOME": str(settings.dagster_home),
            "TIKTOK_PIPELINE_HOME": str(settings.home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONSAFEPATH": "1",
        }
        | ({"PYTHONPATH": os.pathsep.join(search_path)} if search_path else {})
    )


def _check_daemon(dagster_home: Path) -> None:
    """Raise `CommandFailedError` if a Dagster daemon of the home runs.

    It holds no lock if it was started by other means, or if it survived a UI that was killed. It is looked up in
    ``/proc``; a system without it relies on the lock.
    """
    home = f"DAGSTER_HOME={dagster_home}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            is_daemon = any(argument.endswith((b"dagster._daemon", b"dagster-daemon")) for argument in arguments)
            is_of_home = is_daemon and home in (process / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended, or belongs to another user
            continue
        if is_of_home:
            msg = f"process {process.name} is a Dagster daemon of {dagster_home.parent}"
            raise CommandFailedError(msg, remedy=f"stop it first: kill {process.name}")


def _lock_until_exit(file: Path) -> None:
    """Hold a lock on ``file`` for as long as this process lives, even after exec replaces it with Dagster.

    Two daemons of one home would start every run twice.

    Raises
    ------
    CommandFailedError
        If another process holds the lock.
    """
    import fcntl

    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        msg = f"process {holder} is already running the UI for {file.parent.parent}"
        raise CommandFailedError(msg, remedy="use that one, or stop it first") from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    os.set_inheritable(descriptor, True)  # the lock belongs to the open file, which the new program keeps
