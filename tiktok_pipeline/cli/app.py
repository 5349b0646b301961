"""The program ``tiktok-pipeline``: creates the Typer app and registers the commands, one file each.

Heavy imports are inside the commands, so that ``--help`` and ``sql`` start quickly.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer
from typer.exceptions import TyperException

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

COMMANDS = {
    **{name: name for name in ("refresh", "inspect", "report", "explore", "sql", "export", "score", "trace")},
    "changes": "changes",
    "history": "changes",
    **{name: name for name in ("snapshots", "doctor")},
    "forget": "erase",
    **{name: name for name in ("withdraw", "prune", "backup")},
    "restore": "backup",
    **{name: name for name in ("ui", "tune", "sample")},
}
"""The commands in the order in which ``--help`` lists them, each with the module that has its function."""

_FUNCTIONS = {"forget": "erase"}
"""The functions that are not called as their command."""


def build_app(commands: Iterable[str] = tuple(COMMANDS)) -> typer.Typer:
    """Return the program with some of its commands; all others are not even imported."""
    app = typer.Typer(
        name="tiktok-pipeline",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    for name in commands:
        module = import_module(f"tiktok_pipeline.cli.{COMMANDS[name]}")
        app.command(name)(getattr(module, _FUNCTIONS.get(name, name)))
    return app


def __getattr__(name: str) -> typer.Typer:
    """Return the whole program as ``app``; other programs, such as that of the documentation, ask for it."""
    if name == "app":
        return build_app()
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), "app"})


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"tiktok-pipeline {version('tiktok-pipeline')}")
        except PackageNotFoundError:  # run from a checkout that is not installed
            typer.echo("tiktok-pipeline (not installed)")
        raise typer.Exit


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
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    try:
        app = build_app([asked]) if asked in COMMANDS else build_app()
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
