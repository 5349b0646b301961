"""The command ``trace``: print every delivered row of a creator, back to file and line, and the segments."""

from __future__ import annotations

from dataclasses import asdict, astuple, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiktok_pipeline.cli.console import (
    CommandFailedError,
    QuietOption,
    TableFormat,
    exit_on_expected_error,
    read_settings,
)

if TYPE_CHECKING:
    from tiktok_pipeline.upkeep.trace import Trace, TracedRow

_ROW_COLUMNS = ("snapshot", "file", "record", "line", "account_id", "tiktok_id", "outcome", "reasons")


def trace(
    handle: Annotated[str, typer.Argument(help="A handle, with or without @, or the account's number.")],
    output: Annotated[
        TableFormat,
        typer.Option(
            "--format",
            help="table: the rows, then the segments; csv: the rows; json: the rows with their segments.",
        ),
    ] = TableFormat.TABLE,
    _quiet: QuietOption = False,
) -> None:
    """Show every delivered row of a creator, with its file and line, and the creator's segments."""
    with exit_on_expected_error():
        settings = read_settings()
        from tiktok_pipeline.upkeep.trace import line_numbers, trace_creator
        from tiktok_pipeline.warehouse.duckdb.connection import open_read_only

        name = handle.encode("utf-8", "replace").decode("utf-8")  # an argument may hold bytes that are not UTF-8
        file = settings.published_file
        with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as database:
            result = trace_creator(database, name)
        if not result.rows:
            msg = f"no row of {name} in any snapshot"
            raise CommandFailedError(msg)
        _print(result, line_numbers(settings.raw, result.rows), output)


def _print(result: Trace, lines: dict[TracedRow, int], output: TableFormat) -> None:
    from tiktok_pipeline.output.print_rows import print_rows
    from tiktok_pipeline.upkeep.trace import TracedSegment

    rows: list[tuple[Any, ...]] = [
        (row.snapshot, row.file, row.record, lines.get(row), row.account_id, row.tiktok_id, row.outcome, row.reasons)
        for row in result.rows
    ]
    if output is TableFormat.CSV:
        print_rows(_ROW_COLUMNS, rows, output.value)
    elif output is TableFormat.JSON:
        with_segments = [
            (*cells, [asdict(segment) for segment in result.segments if segment.belongs_to(row)])
            for cells, row in zip(rows, result.rows, strict=True)
        ]
        print_rows((*_ROW_COLUMNS, "segments"), with_segments, output.value)
    else:
        # As text, so that a line number has no thousands separators: `sed -n 12,345p` prints other lines than 12345.
        places = [(*row[:2], str(row[2]), None if row[3] is None else str(row[3]), *row[4:]) for row in rows]
        print_rows(_ROW_COLUMNS, places, output.value)
        segment_columns = tuple(field.name for field in fields(TracedSegment))
        print_rows(segment_columns, [astuple(segment) for segment in result.segments], output.value)
