"""The command ``sql``: run a read-only query over the published tables and print its rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.cli.console import (
    CommandUsageError,
    QuietOption,
    TableFormat,
    exit_on_expected_error,
    read_settings,
)


def sql(
    query: Annotated[
        str | None,
        typer.Argument(
            help='A query, such as "select * from segments.influencer_segments limit 10". '
            "Without it, or with -, the query is read from standard input."
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from this file.")] = None,
    output: Annotated[TableFormat, typer.Option("--format", help="How to print the rows.")] = TableFormat.TABLE,
    warehouse: Annotated[
        bool,
        typer.Option(
            "--warehouse", help="Query the warehouse instead of the published copy; it also has the raw rows."
        ),
    ] = False,
    _quiet: QuietOption = False,
) -> None:
    """Run a read-only query over the published tables.

    The schemas are validated, features, clusters, personas, classifiers,
    creators, segments and meta; meta describes the others. A refresh has to
    wait for a query with --warehouse.
    """
    with exit_on_expected_error():
        settings = read_settings()
        text = _read_query(query, file)
        from tiktok_pipeline.warehouse.duckdb.connection import shown_query

        names, rows = shown_query(settings.warehouse_file if warehouse else settings.published_file, text)
        from tiktok_pipeline.output.print_rows import print_rows

        print_rows(names, rows, output.value)


def _read_query(query: str | None, file: Path | None) -> str:
    """Return the query of the argument, the file or standard input.

    Raises
    ------
    CommandUsageError
        If there is none, or more than one, or it is empty or not UTF-8.
    """
    if query is not None and file is not None:
        msg = "give the query as an argument or with --file, not both"
        raise CommandUsageError(msg)
    if query is None and file is None and (sys.stdin is None or sys.stdin.isatty()):
        msg = "no query: give it as an argument, with --file, or on standard input"
        raise CommandUsageError(msg)
    try:
        if file is not None:
            text = file.read_text(encoding="utf-8-sig")
        else:
            text = sys.stdin.read() if query in (None, "-") else str(query)
        text.encode()  # an argument that is not UTF-8 holds half characters
    except UnicodeError as error:
        msg = f"{file or 'sql'}: the query is not UTF-8 text"
        raise CommandUsageError(msg) from error
    if not text.strip():
        msg = "the query is empty; expected one such as: select * from segments.influencer_segments limit 10"
        raise CommandUsageError(msg)
    return text
