"""The work behind ``trace``: every delivered row of a creator, back to file and line, and what became of it.

Only the published file is read, so a refresh under way is not in the way; what a row held is not shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiktok_pipeline.cli.console import fail
from tiktok_pipeline.output.print_rows import plain, print_rows
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.connection import ReadOnlyDatabase, open_read_only

DELIVERED = ("snapshot", "file", "record", "line", "account_id", "tiktok_id", "outcome", "reasons")
SEGMENTS = ("snapshot", "study", "account_id", "persona", "score", "margin", "in_fit")

_NAMED = "lower({column}) in (select lower(unnest(?)))"


@dataclass(frozen=True)
class _Delivered:
    """One delivered row; ``tiktok_id`` is unknown for a rejected row, ``reasons`` empty for a kept one."""

    snapshot: str
    file: str
    record: int
    account_id: str
    tiktok_id: str | None
    outcome: str
    reasons: str


@dataclass(frozen=True)
class _Segment:
    """What a study makes of the creator in a snapshot."""

    snapshot: str
    study: str
    account_id: str
    persona: str | None
    score: float | None
    margin: float | None
    in_fit: bool | None

    @property
    def cells(self) -> tuple[Any, ...]:
        """The values in the order of `SEGMENTS`."""
        return (self.snapshot, self.study, self.account_id, self.persona, self.score, self.margin, self.in_fit)


class _Published:
    """The tables of a published file; one that an older version did not publish has no rows."""

    def __init__(self, reader: ReadOnlyDatabase) -> None:
        self._reader = reader
        found = reader.rows("select table_schema || '.' || table_name from information_schema.tables")[1]
        self._tables = {name for (name,) in found}

    def rows(self, table: str, columns: str, where: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """``columns`` of a table; both are this module's own words, only ``values`` come from elsewhere."""
        if table not in self._tables:
            return []
        return self._reader.rows(f"select {columns} from {table} where {where}", values)[1]  # noqa: S608


def trace_creator(settings: Settings, handle: str, output: str) -> None:
    """Print the delivered rows of a creator and (as a second table, or inside the JSON objects) the segments."""
    file = settings.published_file
    try:
        with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as reader:
            published = _Published(reader)
            delivered = _delivered(published, _spelt(handle))
            segments = _segments(published, delivered)
    except WarehouseError as problem:
        fail(plain(str(problem)))
    if not delivered:
        fail(f"no row of {plain(_printable(handle))} in any snapshot")
    _print(delivered, segments, _lines(settings.raw, delivered), output)


def _printable(handle: str) -> str:
    """The handle as text that can be encoded: an argument may hold bytes that are no UTF-8."""
    return handle.encode("utf-8", "replace").decode("utf-8")


def _spelt(handle: str) -> str:
    """The handle as the tables spell it, but for its capitals."""
    return _printable(handle).strip().removeprefix("@")


def _delivered(published: _Published, handle: str) -> list[_Delivered]:
    """The rows under the handle, under the numbers that it ever had, and under the other handles of these numbers."""
    place = "snapshot, source_file, source_row, account_id"
    is_named = _NAMED.format(column="account_id")
    profiles = "validated.profiles"
    known = published.rows(profiles, "distinct tiktok_id", f"{is_named} and tiktok_id is not null", [[handle]])
    numbers = [handle, *(number for (number,) in known)]
    rows = published.rows(
        profiles,
        f"{place}, tiktok_id, 'kept', ''",
        f"{is_named} or tiktok_id in (select unnest(?))",
        [[handle], numbers],
    )
    names = [sorted({handle, *(row[3] for row in rows)})]
    rows += published.rows("validated.creator_activity", f"{place}, null, 'kept', ''", is_named, names)
    reasons = "array_to_string(reasons, '; ')"
    rows += published.rows("validated.rejected", f"{place}, null, 'rejected', {reasons}", is_named, names)
    found = [_Delivered(*row) for row in rows]
    return sorted(found, key=lambda row: (row.snapshot, row.file, row.record))


def _segments(published: _Published, delivered: Sequence[_Delivered]) -> list[_Segment]:
    """What each study makes of the rows that were kept, in the order of snapshots."""
    kept = {(row.snapshot, row.account_id) for row in delivered if row.outcome == "kept"}
    names = [sorted({name for _, name in kept})]
    key, is_named = "snapshot, study, account_id", "account_id in (select unnest(?))"
    personas = {
        tuple(of): persona
        for *of, persona in published.rows("personas.summaries", "snapshot, study, cluster, persona", "true", [])
    }
    assigned = {
        tuple(of): (personas.get((*of[:2], cluster)), margin, in_fit)
        for *of, cluster, margin, in_fit in published.rows(
            "clusters.assignments", f"{key}, cluster, margin, in_fit", is_named, names
        )
    }
    scores = {
        tuple(of): score for *of, score in published.rows("classifiers.scores", f"{key}, score", is_named, names)
    }
    found = []
    for snapshot, study, name in sorted(assigned.keys() | scores.keys()):
        if (snapshot, name) in kept:
            persona, margin, in_fit = assigned.get((snapshot, study, name), (None, None, None))
            score = scores.get((snapshot, study, name))
            found.append(_Segment(snapshot, study, name, persona, score, margin, in_fit))
    return found


def _lines(raw: Path, delivered: Sequence[_Delivered]) -> dict[_Delivered, int]:
    """The line on which each row starts in its stored file, where the format has lines and the file is there."""
    from tiktok_pipeline.raw.lines import first_lines

    by_file = defaultdict(list)
    for row in delivered:
        by_file[raw / row.snapshot / row.file].append(row)
    found: dict[_Delivered, int] = {}
    for path, rows in by_file.items():
        lines = first_lines(path, {row.record for row in rows})
        found |= {row: lines[row.record] for row in rows if row.record in lines}
    return found


def _print(
    delivered: Sequence[_Delivered], segments: Sequence[_Segment], lines: dict[_Delivered, int], output: str
) -> None:
    rows: list[tuple[Any, ...]] = [
        (row.snapshot, row.file, row.record, lines.get(row), row.account_id, row.tiktok_id, row.outcome, row.reasons)
        for row in delivered
    ]
    if output == "csv":
        print_rows(DELIVERED, rows, output)
    elif output == "json":
        of_rows = [
            [dict(zip(SEGMENTS, one.cells, strict=True)) for one in segments if _is_of(one, row)] for row in delivered
        ]
        with_segments = [(*row, of_row) for row, of_row in zip(rows, of_rows, strict=True)]
        print_rows((*DELIVERED, "segments"), with_segments, output)
    else:
        # As texts: `sed -n 12,345p` would print other lines than 12345.
        places = [(*row[:2], str(row[2]), None if row[3] is None else str(row[3]), *row[4:]) for row in rows]
        print_rows(DELIVERED, places, output)
        print_rows(SEGMENTS, [one.cells for one in segments], output)


def _is_of(segment: _Segment, row: _Delivered) -> bool:
    place = (row.snapshot, row.account_id)
    return row.outcome == "kept" and (segment.snapshot, segment.account_id) == place
