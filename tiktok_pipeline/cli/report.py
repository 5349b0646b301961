"""The command ``report``: print where the report of a snapshot is."""

from __future__ import annotations

from typing import Annotated

import typer

from tiktok_pipeline.cli.console import (
    SNAPSHOT_HELP,
    JsonOption,
    QuietOption,
    exit_on_expected_error,
    print_json,
    read_settings,
)


def report(
    snapshot: Annotated[str | None, typer.Argument(help=SNAPSHOT_HELP)] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    as_json: JsonOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Print the path of a snapshot's report, a page that needs no server.

    With --json, one object: ok, error, snapshot, report (the path).
    """
    with exit_on_expected_error(as_json=as_json):
        settings = read_settings()
        from tiktok_pipeline.reports.find import find_report

        path = find_report(settings.reports, snapshot)
        if as_json:
            print_json({"ok": True, "error": None, "snapshot": path.stem, "report": str(path)})
        else:
            typer.echo(str(path))
        if open_it:
            import webbrowser

            webbrowser.open(path.as_uri())
