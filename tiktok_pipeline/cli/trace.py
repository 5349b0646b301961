"""The command ``trace``: print every delivered row of a creator, back to file and line, and the segments."""

from __future__ import annotations

from dataclasses import asdict, astuple, fields
from typing import Any

from tiktok_pipeline.cli.console import fail
from tiktok_pipeline.output.print_rows import print_rows
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.upkeep.trace import Trace, TracedRow, TracedSegment, line_numbers, trace_creator
from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.connection import open_read_only

ROW_COLUMNS = ("snapshot", "file", "record", "line", "account_id", "tiktok_id", "outcome", "reasons")
SEGMENT_COLUMNS = tuple(field.name for field in fields(TracedSegment))


def print_trace(settings: Settings, name: str, output: str) -> None:
    """Print the delivered rows of a creator and (as a second table, or inside the JSON objects) the segments."""
    # An argument may hold bytes that are not UTF-8.
    name = name.encode("utf-8", "replace").decode("utf-8")
    file = settings.published_file
    try:
        with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as database:
            trace = trace_creator(database, name)
    except WarehouseError as error:
        fail(one_line(str(error)))
    if not trace.rows:
        fail(f"no row of {one_line(name)} in any snapshot")
    _print(trace, line_numbers(settings.raw, trace.rows), output)


def _print(trace: Trace, lines: dict[TracedRow, int], output: str) -> None:
    rows: list[tuple[Any, ...]] = [
        (row.snapshot, row.file, row.record, lines.get(row), row.account_id, row.tiktok_id, row.outcome, row.reasons)
        for row in trace.rows
    ]
    if output == "csv":
        print_rows(ROW_COLUMNS, rows, output)
    elif output == "json":
        with_segments = [
            (*cells, [asdict(segment) for segment in trace.segments if segment.belongs_to(row)])
            for cells, row in zip(rows, trace.rows, strict=True)
        ]
        print_rows((*ROW_COLUMNS, "segments"), with_segments, output)
    else:
        # As texts, so that a line number has no thousands separators: `sed -n 12,345p` prints other lines than 12345.
        places = [(*row[:2], str(row[2]), None if row[3] is None else str(row[3]), *row[4:]) for row in rows]
        print_rows(ROW_COLUMNS, places, output)
        print_rows(SEGMENT_COLUMNS, [astuple(segment) for segment in trace.segments], output)
