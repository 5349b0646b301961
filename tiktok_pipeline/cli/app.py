"""The program ``tiktok-pipeline``: creates the Typer app and registers the commands, one file each.

Heavy imports are inside the commands, so that ``--help`` and ``sql`` start quickly.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from tiktok_pipeline.cli.backup import backup, restore
from tiktok_pipeline.cli.changes import changes, history
from tiktok_pipeline.cli.console import (
    FAILED,
    INTERRUPTED,
    USAGE_ERROR,
    QuietOption,
    error_document,
    print_error,
    print_json,
    reset_quiet,
)
from tiktok_pipeline.cli.doctor import doctor
from tiktok_pipeline.cli.erase import erase
from tiktok_pipeline.cli.explore import explore
from tiktok_pipeline.cli.export import export
from tiktok_pipeline.cli.inspect import inspect
from tiktok_pipeline.cli.prune import prune
from tiktok_pipeline.cli.refresh import refresh
from tiktok_pipeline.cli.report import report
from tiktok_pipeline.cli.sample import sample
from tiktok_pipeline.cli.score import score
from tiktok_pipeline.cli.snapshots import snapshots
from tiktok_pipeline.cli.sql import sql
from tiktok_pipeline.cli.trace import trace
from tiktok_pipeline.cli.tune import tune
from tiktok_pipeline.cli.ui import ui
from tiktok_pipeline.cli.withdraw import withdraw

app = typer.Typer(
    name="tiktok-pipeline",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("refresh")(refresh)
app.command("inspect")(inspect)
app.command("report")(report)
app.command("explore")(explore)
app.command("sql")(sql)
app.command("export")(export)
app.command("score")(score)
app.command("trace")(trace)
app.command("changes")(changes)
app.command("history")(history)
app.command("snapshots")(snapshots)
app.command("doctor")(doctor)
app.command("forget")(erase)
app.command("withdraw")(withdraw)
app.command("prune")(prune)
app.command("backup")(backup)
app.command("restore")(restore)
app.command("ui")(ui)
app.command("tune")(tune)
app.command("sample")(sample)


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"tiktok-pipeline {version('tiktok-pipeline')}")
        except PackageNotFoundError:  # run from a checkout that is not installed
            typer.echo("tiktok-pipeline (not installed)")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Turn scrapes of TikTok profiles into segment tables that you can trust.

    All data is in one home: the folder that TIKTOK_PIPELINE_HOME names, else
    data/ of the checkout, else your user data directory.

    Exit codes: 0 success, 1 failure, 2 wrong arguments, 130 stopped by Ctrl-C.
    """


def main() -> None:
    """Run the program in this process; it ends with `SystemExit`."""
    reset_quiet()
    try:
        code = app(prog_name="tiktok-pipeline", standalone_mode=False)
    except TyperException as error:
        message = error.format_message()
        if message:
            print_error(f"{message} (see tiktok-pipeline --help)")
        if "--json" in sys.argv:
            print_json({"ok": False, "error": error_document("usage", message, "see tiktok-pipeline --help")})
        code = USAGE_ERROR
    except (KeyboardInterrupt, typer.Abort):  # while the arguments were read, before the command began
        print_error("stopped; nothing was changed")
        code = INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def process() -> None:
    """Run the program as a process of its own; the entry point of ``tiktok-pipeline`` and ``python -m``."""
    try:
        main()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would print a stack trace while threads end
        if "torch" in sys.modules:
            # With torch loaded, the interpreter unloads modules in an order in which DuckDB's bindings print a page
            # of warnings. All work is closed by now.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else FAILED)
        raise
