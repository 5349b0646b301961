"""What the published file holds: its newest snapshot, its studies, and which columns have values.

The facts are read once for each version of the file. A column or a table that is absent or empty hides what needs it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.explorer.search import BEHIND_COLUMN, FILTERS
from tiktok_pipeline.warehouse.base import QueryError
from tiktok_pipeline.warehouse.duckdb.migrations import VERSION
from tiktok_pipeline.warehouse.duckdb.shared_reader import Rows, SharedReader

LARGEST_SHARE = 0.99
"""A count beyond this quantile of the snapshot is no advice, as in the report."""

HISTORY = "creators.history"
"""The table in the order of handles. Snapshots of an earlier program do not have it."""

MOST_CHOICES = 60
"""Most values that a filter offers; of more, those with the most creators."""

ORDERED = {
    "follower_tier": ("below nano", "nano", "micro", "mid", "macro", "mega"),
    "activity": ("posting", "slowing", "dormant"),
}
"""The values of a column that have an order of their own."""

_OF_STUDY = ("study", "persona", "verdict", "margin", "persona_before", "runner_up", "runner_up_margin")


class ExplorerError(PipelineError):
    """The published file cannot answer; the text says what to do."""

    code = "explorer"


@dataclass(frozen=True)
class Facts:
    """What is known about the published file.

    Attributes
    ----------
    snapshot, snapshots : str, tuple of str
        The newest snapshot with creators, and all of them, the newest first.
    study, studies : str, tuple of str
        The study whose personas are shown (empty: none), and all that have segments of profiles.
    creators : int
        Creators of the snapshot.
    filled : frozenset of str
        Columns of ``creators.current`` with a value in the snapshot.
    choices : mapping of str to tuple of str
        The values of each column that is chosen from.
    tables : frozenset of str
        Tables and views of the file.
    published_at : datetime, optional
        When the file was written, UTC.
    source : str
        What stands behind FROM: the rows of the creators of all snapshots.
    """

    snapshot: str
    snapshots: tuple[str, ...]
    study: str
    studies: tuple[str, ...]
    creators: int
    filled: frozenset[str]
    choices: Mapping[str, tuple[str, ...]]
    tables: frozenset[str]
    published_at: datetime | None
    source: str


class Published:
    """The published file of a home, for all pages.

    Parameters
    ----------
    reader : SharedReader
        The file.
    study : str
        The study whose personas are shown.
    """

    def __init__(self, reader: SharedReader, study: str) -> None:
        self._reader = reader
        self._wanted = study
        self._lock = threading.Lock()
        self._known: tuple[object, Facts] | None = None
        self._limits: tuple[str, dict[str, float]] | None = None

    @property
    def reader(self) -> SharedReader:
        """The file."""
        return self._reader

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Return the rows of a query, each by column name."""
        return self._reader.rows(sql, parameters)

    def facts(self) -> Facts:
        """Return what the file holds now.

        Raises
        ------
        ExplorerError
            If the file is of another version or has no creators.
        WarehouseError
            If the file does not exist or cannot be read.
        """
        with self._lock:
            identity = self._reader.identity()
            if self._known is None or self._known[0] != identity:
                self._known = identity, self._read()
            return self._known[1]

    def count_limits(self, facts: Facts) -> dict[str, float]:
        """Return the count of each kind that is the 99th percentile of the snapshot: more is no advice."""
        known = self._limits
        key = f"{facts.snapshot} {facts.published_at}"
        if known is None or known[0] != key:
            found = {name: self._limit_of(name, facts.snapshot) for name in ("videos_count", "following")}
            known = self._limits = key, {name: -1.0 if value is None else value for name, value in found.items()}
        return known[1]

    def _limit_of(self, count: str, snapshot: str) -> float | None:
        """Return the quantile of a column of counts; their distinct values take a fraction of the memory of all."""
        rows = (
            f"select {count} as value, count(*) as creators from creators.current where snapshot = ? and {count} >= 0"
        )
        sql = f"""
            with counted as ({rows} group by all),
            summed as (select value, sum(creators) over (order by value) as up_to from counted),
            place as (select {LARGEST_SHARE}::double * (max(up_to) - 1)::double as place from summed)
            select min(value) filter (up_to > floor(place)) as low, min(value) filter (up_to > ceil(place)) as high,
                max(place) - floor(max(place)) as part
            from summed, place
        """
        (row,) = self.rows(sql, [snapshot])
        return None if row["low"] is None else float(row["low"] + row["part"] * (row["high"] - row["low"]))

    def _read(self) -> Facts:
        self._check_version()
        tables = frozenset(
            f"{row['table_schema']}.{row['table_name']}"
            for row in self.rows("select table_schema, table_name from information_schema.tables")
        )
        if "creators.current" not in tables:
            msg = f"{self._reader.path}: it has no table creators.current"
            raise ExplorerError(msg, remedy="run `tiktok-pipeline refresh --all` once to compute it")
        found = self.rows("select snapshot, count(*) as creators from creators.current group by 1 order by 1 desc")
        if not found:
            msg = f"{self._reader.path}: it has no creators yet"
            raise ExplorerError(msg, remedy="run `tiktok-pipeline refresh FILE` with a scrape of profiles")
        newest = str(found[0]["snapshot"])
        tables -= self._incomplete(tables, {str(row["snapshot"]) for row in found})
        stored = self.rows("select max(study) as study from creators.current where snapshot = ?", [newest])[0][
            "study"
        ]
        studies = self._studies(tables)
        study = self._wanted if self._wanted in studies else (stored or next(iter(studies), ""))
        facts = Facts(
            snapshot=newest,
            snapshots=tuple(str(row["snapshot"]) for row in found),
            study=study,
            studies=studies,
            creators=int(found[0]["creators"]),
            filled=frozenset(),
            choices={},
            tables=tables,
            published_at=self._published_at(tables),
            source=self._source(study, stored),
        )
        facts = replace(facts, filled=self._filled(facts))
        return replace(facts, choices=self._choices(facts))

    def _incomplete(self, tables: frozenset[str], snapshots: set[str]) -> set[str]:
        """Return the history if some snapshots are not in it; the other tables then answer more slowly."""
        if HISTORY not in tables:
            return set()
        known = {str(row["snapshot"]) for row in self.rows(f"select distinct snapshot from {HISTORY}")}
        return set() if known >= snapshots else {HISTORY}

    def _check_version(self) -> None:
        try:
            (row,) = self.rows("select version from meta.version")
        except (QueryError, ValueError) as error:
            msg = f"{self._reader.path}: it does not say its version; is it another program's file?"
            raise ExplorerError(msg) from error
        version = int(row["version"])
        if version != VERSION:
            msg = f"{self._reader.path}: it has version {version} of the tables, and this program reads {VERSION}"
            older = "run `tiktok-pipeline refresh --all` to bring it up to date"
            newer = "install the version of the program that wrote it"
            raise ExplorerError(msg, remedy=older if version < VERSION else newer)

    def _studies(self, tables: frozenset[str]) -> tuple[str, ...]:
        if "personas.summaries" not in tables:
            return ()
        found = self.rows(
            "select distinct study from personas.summaries where study <> 'creator_archetypes' order by 1"
        )
        return tuple(str(row["study"]) for row in found if f"segments.{row['study']}_history" in tables)

    def _published_at(self, tables: frozenset[str]) -> datetime | None:
        if "meta.published_at" not in tables:
            return None
        found = self.rows("select max(published_at) as at from meta.published_at")
        return found[0]["at"] if found else None

    def _source(self, study: str, stored: str | None) -> str:
        """Return the rows of creators with the personas of a study; those of the stored one cost no join."""
        if not study or study == stored:
            return "creators.current"
        columns = {row["column_name"] for row in self._columns("creators", "current")}
        offered = {row["column_name"] for row in self._columns("segments", f"{study}_history")}
        replaced = [name for name in _OF_STUDY if name in columns]
        added = [f"segment.{name}" for name in _OF_STUDY if name in columns & offered]
        return (
            f"(select creator.* exclude ({', '.join(replaced)}), '{study}' as study, {', '.join(added)} "
            f"from creators.current as creator left join segments.{study}_history as segment "
            "on segment.snapshot = creator.snapshot and segment.account_id = creator.account_id)"
        )

    def _columns(self, schema: str, table: str) -> Rows:
        return self.rows(
            "select column_name from information_schema.columns where table_schema = ? and table_name = ?",
            [schema, table],
        )

    def _filled(self, facts: Facts) -> frozenset[str]:
        names = [str(row["column_name"]) for row in self._columns("creators", "current")]
        counts = ", ".join(f"count({name}) as {name}" for name in names)
        (row,) = self.rows(f"select {counts} from {facts.source} where snapshot = ?", [facts.snapshot])
        if not self.rows(
            f"select 1 from {facts.source} where snapshot = ? and notices > 0 limit 1",
            [facts.snapshot],
        ):
            row = row | {"notices": 0}
        return frozenset(name for name, count in row.items() if count)

    def _choices(self, facts: Facts) -> dict[str, tuple[str, ...]]:
        choices = {}
        for filter_ in FILTERS:
            if filter_.kind == "choice" and filter_.column in facts.filled:
                found = self.rows(
                    f"select {filter_.column} as choice from {facts.source} "
                    f"where snapshot = ? and {filter_.column} is not null "
                    f"group by 1 order by count(*) desc, 1 limit {MOST_CHOICES}",
                    [facts.snapshot],
                )
                values = [str(row["choice"]) for row in found]
                if filter_.column in ORDERED:
                    values.sort(key=ORDERED[filter_.column].index)
                choices[filter_.column] = tuple(values)
        return choices


def is_offered(facts: Facts, column: str) -> bool:
    """Return whether a filter of the column can find anything."""
    return BEHIND_COLUMN.get(column, column) in facts.filled
