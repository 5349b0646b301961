"""Measures the tables of stage ``creators`` of each of many snapshots, without Dagster: the last against the second.

The rows of a snapshot are made by the engine: creators grow, 3 % are replaced from snapshot to snapshot, and 1 % are
renamed, so that the number of renames that must be found is known.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import narwhals as nw

from tiktok_pipeline.analysis.creator_tables import compare_creators, departures, growth, identities
from tiktok_pipeline.creators.schema import COMPARISONS_TABLE, DEPARTURES_TABLE, GROWTH_TABLE, IDENTITIES_TABLE
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.validated.schema import ACTIVITY_TABLE, PROFILES_TABLE
from tiktok_pipeline.warehouse.duckdb.connection import connect
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

Log = Callable[[str], None]

LEAVE_EVERY, RENAMED_EVERY = 33, 100
REPEATS = 5
"""The tables of the second and of the last snapshot are computed so often; the least time counts."""

_FIRST_DAY = date(2020, 1, 6)


@dataclass(frozen=True)
class CreatorTables:
    """Seconds of the tables of each snapshot, and how many of the known renames were found or invented."""

    profiles: int
    seconds: tuple[float, ...]
    renames: int
    found: int

    @property
    def times(self) -> float:
        """The seconds of the last snapshot divided by those of the second."""
        return self.seconds[-1] / self.seconds[1]


def measure_creator_tables(snapshots: int, profiles: int, *, log: Log) -> CreatorTables:
    """Compute the tables of ``snapshots`` snapshots of ``profiles`` creators each."""
    seconds, found = [], 0
    source = connect(None, timeout_seconds=1.0, memory_limit=None, threads=None)
    with DuckDBWarehouse(None) as warehouse:
        for number, snapshot in enumerate(_keys(snapshots)):
            rows = source.sql(_query(number, profiles)).to_arrow_table()
            warehouse.replace_slice(PROFILES_TABLE, {"snapshot": snapshot}, rows)
            taken = []
            for _ in range(REPEATS if number in (1, snapshots - 1) else 1):
                started = time.perf_counter()
                renamed = store_creator_tables(warehouse, snapshot)
                taken.append(time.perf_counter() - started)
            seconds.append(min(taken))
            found += renamed
            log(f"snapshot {number + 1}: {seconds[-1]:.2f} s")
        handles = warehouse.read_snapshots(PROFILES_TABLE, _keys(snapshots)).select(
            "snapshot", "account_id", "tiktok_id"
        )
        renames = _count_renames(handles)
    source.close()
    return CreatorTables(profiles, tuple(seconds), renames, found)


def store_creator_tables(warehouse: DuckDBWarehouse, snapshot: str) -> int:
    """Compute the tables of a snapshot whose profiles are stored; return how many creators were renamed."""
    where = {"snapshot": snapshot}
    profiles, activity = (warehouse.read_slice(table, where) for table in (PROFILES_TABLE, ACTIVITY_TABLE))
    known = identities(warehouse, snapshot, profiles, activity)
    warehouse.replace_slice(IDENTITIES_TABLE, where, known)
    known = warehouse.read_slice(IDENTITIES_TABLE, where)
    warehouse.replace_slice(DEPARTURES_TABLE, where, departures(warehouse, snapshot, known))
    warehouse.replace_slice(GROWTH_TABLE, where, growth(warehouse, snapshot, known, profiles))
    row = compare_creators(warehouse, snapshot, known, profiles)
    warehouse.replace_slice(COMPARISONS_TABLE, where, row)
    warehouse.unpersist_all()
    return int(row["renamed"].iloc[0])


def _keys(snapshots: int) -> list[str]:
    return [(_FIRST_DAY + timedelta(days=7 * number)).isoformat() for number in range(snapshots)]


def _count_renames(handles: nw.LazyFrame[Any]) -> int:
    """Count the renames by id, with a sort instead of the joins of the stage."""
    frame = to_pandas(handles).sort_values(["tiktok_id", "snapshot"])
    before = frame.groupby("tiktok_id")["account_id"].shift()
    return int((before.notna() & (before != frame["account_id"])).sum())


def _query(number: int, profiles: int) -> str:
    """Return the rows of a snapshot: creator i is replaced when it is its turn, and renamed when it is its turn."""
    generation = f"((i + {number}) // {LEAVE_EVERY})"
    names = {
        "account_id": f"'creator_' || i || '_' || {generation} || '_' || ((i + {number}) // {RENAMED_EVERY})",
        "tiktok_id": f"(6900000000000000000 + i * 1000 + {generation})::varchar",
        "followers": f"(1000 + hash(i) % 100000 + {number} * (hash(i) % 97))::bigint",
        "likes": f"(hash(i) % 1000000 + {number} * 50)::bigint",
        "videos_count": f"(10 + hash(i) % 500 + {number})::bigint",
        "avg_engagement_rate": "(hash(i) % 1000) / 10000.0",
        "source_file": "'made'",
        "source_row": "i + 1",
    }
    cells = ", ".join(f"{names.get(column, 'null')} as {column}" for column in PROFILES_TABLE.frame_names)
    return f"select {cells} from range({profiles}) as t(i)"  # noqa: S608 - numbers and names of this module
