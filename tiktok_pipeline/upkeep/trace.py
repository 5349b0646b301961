"""Trace a creator through the published file: every delivered row, what became of it, and its segments.

Only the published file is read, so a running refresh is not in the way. The values of a row are not read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_IS_NAMED = "lower({column}) in (select lower(unnest(?)))"


class ReadOnlyDatabase(Protocol):
    """A database that answers queries; see `tiktok_pipeline.warehouse.duckdb.connection.open_read_only`."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Answer a query: (column names, rows)."""
        ...


@dataclass(frozen=True)
class TracedRow:
    """One delivered row; ``tiktok_id`` is None for a rejected row, ``reasons`` is empty for a kept one."""

    snapshot: str
    file: str
    record: int
    account_id: str
    tiktok_id: str | None
    outcome: str
    reasons: str


@dataclass(frozen=True)
class TracedSegment:
    """The persona or score that a study gives the creator in a snapshot."""

    snapshot: str
    study: str
    account_id: str
    persona: str | None
    score: float | None
    margin: float | None
    in_fit: bool | None

    def belongs_to(self, row: TracedRow) -> bool:
        """Return whether the segment was computed from ``row``."""
        return row.outcome == "kept" and (self.snapshot, self.account_id) == (row.snapshot, row.account_id)


@dataclass(frozen=True)
class Trace:
    """The delivered rows of a creator and their segments, each in the order of snapshots."""

    rows: tuple[TracedRow, ...]
    segments: tuple[TracedSegment, ...]


def trace_creator(database: ReadOnlyDatabase, name: str) -> Trace:
    """Find the rows of a creator and the segments computed from them.

    Parameters
    ----------
    database : ReadOnlyDatabase
        The published file.
    name : str
        A handle (with or without "@", in any case) or the platform's number. The numbers that a handle ever had are
        followed to the other handles of the same account.

    Returns
    -------
    Trace
        No rows if nobody of that name was delivered.

    Raises
    ------
    WarehouseError
        If the file cannot be read.
    """
    published = _PublishedTables(database)
    rows = _find_rows(published, name.strip().removeprefix("@"))
    return Trace(tuple(rows), tuple(_find_segments(published, rows)))


def line_numbers(raw: Path, rows: Sequence[TracedRow]) -> dict[TracedRow, int]:
    """Return the line on which each row starts in its stored file, if the format has lines and the file exists.

    Parameters
    ----------
    raw : Path
        The folder of the stored files.
    rows : sequence of TracedRow
        The rows to locate.

    Returns
    -------
    dict of TracedRow to int
        Line numbers from 1; a row whose line is unknown is missing.
    """
    from tiktok_pipeline.raw.lines import first_lines  # noqa: PLC0415 - not needed if there is no row

    by_file = defaultdict(list)
    for row in rows:
        by_file[raw / row.snapshot / row.file].append(row)
    numbers: dict[TracedRow, int] = {}
    for path, rows_of_file in by_file.items():
        lines = first_lines(path, {row.record for row in rows_of_file})
        numbers |= {row: lines[row.record] for row in rows_of_file if row.record in lines}
    return numbers


class _PublishedTables:
    """The tables of a published file; a table that an older version did not publish has no rows."""

    def __init__(self, database: ReadOnlyDatabase) -> None:
        self._database = database
        names = database.rows("select table_schema || '.' || table_name from information_schema.tables")[1]
        self._names = {name for (name,) in names}

    def select(self, table: str, columns: str, where: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Query a table; ``columns`` and ``where`` are written in this module, only ``values`` come from outside."""
        if table not in self._names:
            return []
        return self._database.rows(f"select {columns} from {table} where {where}", values)[1]  # noqa: S608


def _find_rows(published: _PublishedTables, name: str) -> list[TracedRow]:
    """Find the rows under the name, under the numbers it ever had, and under the other handles of these numbers."""
    place = "snapshot, source_file, source_row, account_id"
    is_named = _IS_NAMED.format(column="account_id")
    profiles = "validated.profiles"
    own = published.select(profiles, "distinct tiktok_id", f"{is_named} and tiktok_id is not null", [[name]])
    numbers = [name, *(number for (number,) in own)]
    # A row without an id belongs to the creator that has its handle in another snapshot.
    creators = published.select(
        "creators.identities",
        "distinct creator_id",
        f"{is_named} or creator_id in (select unnest(?))",
        [[name], numbers],
    )
    ids = [creator_id for (creator_id,) in creators]
    known = published.select(
        "creators.identities", "snapshot || ' ' || account_id", "creator_id in (select unnest(?))", [ids]
    )
    rows = published.select(
        profiles,
        f"{place}, tiktok_id, 'kept', ''",
        f"{is_named} or tiktok_id in (select unnest(?)) or snapshot || ' ' || account_id in (select unnest(?))",
        [[name], numbers, [place_of_row for (place_of_row,) in known]],
    )
    handles = [sorted({name, *(row[3] for row in rows)})]
    rows += published.select("validated.creator_activity", f"{place}, null, 'kept', ''", is_named, handles)
    reasons = "array_to_string(reasons, '; ')"
    rows += published.select("validated.rejected", f"{place}, null, 'rejected', {reasons}", is_named, handles)
    return sorted((TracedRow(*row) for row in rows), key=lambda row: (row.snapshot, row.file, row.record))


def _find_segments(published: _PublishedTables, rows: Sequence[TracedRow]) -> list[TracedSegment]:
    """Find the segments and scores of the kept rows."""
    kept = {(row.snapshot, row.account_id) for row in rows if row.outcome == "kept"}
    handles = [sorted({account_id for _, account_id in kept})]
    key, is_named = "snapshot, study, account_id", "account_id in (select unnest(?))"
    personas = {
        (snapshot, study, cluster): persona
        for snapshot, study, cluster, persona in published.select(
            "personas.summaries", "snapshot, study, cluster, persona", "true", []
        )
    }
    assigned = {
        (snapshot, study, account_id): (personas.get((snapshot, study, cluster)), margin, in_fit)
        for snapshot, study, account_id, cluster, margin, in_fit in published.select(
            "clusters.assignments", f"{key}, cluster, margin, in_fit", is_named, handles
        )
    }
    scores = {
        (snapshot, study, account_id): score
        for snapshot, study, account_id, score in published.select(
            "classifiers.scores", f"{key}, score", is_named, handles
        )
    }
    segments = []
    for snapshot, study, account_id in sorted(assigned.keys() | scores.keys()):
        if (snapshot, account_id) in kept:
            persona, margin, in_fit = assigned.get((snapshot, study, account_id), (None, None, None))
            score = scores.get((snapshot, study, account_id))
            segments.append(TracedSegment(snapshot, study, account_id, persona, score, margin, in_fit))
    return segments
