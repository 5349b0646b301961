"""Checks the tables: rows balance, segments equal scikit-learn's, and the number of threads changes nothing.

Each refresh is a whole process in a new home. Every published table is compared row for row.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from benchmarks.performance.scale import make_snapshot, work_folder
from benchmarks.process import measure

Log = Callable[[str], None]

STUDY = "influencer_segments"


@dataclass(frozen=True)
class EqualTables:
    """Rows by outcome, segments that differ from scikit-learn's, and tables that differ.

    ``differing`` maps a table to the number of its rows that only one of the two homes has.
    """

    profiles: int
    raw: int
    validated: int
    rejected: int
    assigned: int
    other_than_scikit_learn: int
    tables: int
    rows: int
    differing: dict[str, int]

    @property
    def is_right(self) -> bool:
        """Whether rows balance and nothing differs."""
        in_balance = self.raw == self.validated + self.rejected
        return in_balance and not self.other_than_scikit_learn and not self.differing


def check_equal_tables(profiles: int, *, threads: tuple[int, int], folder: Path | None, log: Log) -> EqualTables:
    """Refresh a snapshot once with each number of threads and compare the tables."""
    with work_folder(folder) as place:
        scrape = make_snapshot(place, profiles, log)
        homes = [place / f"home_{number}" for number in threads]
        for home, number in zip(homes, threads, strict=True):
            environment = {
                **os.environ,
                "TIKTOK_PIPELINE_HOME": str(home),
                "TIKTOK_PIPELINE_PICTURES": "no",
                "TIKTOK_PIPELINE_THREADS": str(number),
            }
            command = [sys.executable, "-m", "tiktok_pipeline", "refresh", str(scrape), "--study", STUDY]
            log(f"{number} thread(s): {measure(command, environment).wall_seconds:.1f} s")
        before, after = (home / "published" / "tiktok.duckdb" for home in homes)
        with duckdb.connect() as both:
            both.execute(f"attach '{before}' as first (read_only)")
            both.execute(f"attach '{after}' as second (read_only)")
            counts = {name: _count(both, f"first.validated.{name}") for name in ("profiles", "rejected")}
            names = _tables(both)
            assigned, other = _compare_with_scikit_learn(both)
            return EqualTables(
                profiles=profiles,
                raw=_delivered(scrape),
                validated=counts["profiles"],
                rejected=counts["rejected"],
                assigned=assigned,
                other_than_scikit_learn=other,
                tables=len(names),
                rows=sum(_count(both, f"first.{name}") for name in names),
                differing={name: rows for name in names if (rows := _differing(both, name))},
            )


def _delivered(scrape: Path) -> int:
    import pyarrow.parquet as pq  # noqa: PLC0415

    return int(pq.read_metadata(scrape).num_rows)


def _count(database: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(database.execute(f"select count(*) from {table}").fetchall()[0][0])  # noqa: S608


def _tables(database: duckdb.DuckDBPyConnection) -> list[str]:
    found = database.execute(
        "select table_schema || '.' || table_name from information_schema.tables where table_catalog = 'first' "
        "and table_schema <> 'meta' order by 1"
    ).fetchall()
    return [name for (name,) in found]


def _differing(database: duckdb.DuckDBPyConnection, table: str) -> int:
    """Count the rows that only one side has; a repeated row counts each time."""
    pairs = (("first", "second"), ("second", "first"))
    sides = [f"(select * from {a}.{table} except all select * from {b}.{table})" for a, b in pairs]  # noqa: S608
    return sum(_count(database, side) for side in sides)


def _compare_with_scikit_learn(database: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Count the profiles with a segment, and those for which `KMeans.predict` gives another one."""
    from sklearn.cluster import KMeans  # noqa: PLC0415 - importing it costs seconds

    model = database.execute(
        "select cluster, position, feature, center, scale, centroid from first.clusters.models where study = ? "
        "order by cluster, position",
        [STUDY],
    ).df()
    first = model[model["cluster"] == 0]
    centroids = model["centroid"].to_numpy().reshape(-1, len(first))
    columns = ", ".join(f"f.{name}" for name in first["feature"])
    rows = database.execute(
        f"select a.cluster, {columns} from first.clusters.assignments a join first.features.profiles f "  # noqa: S608
        "using (snapshot, account_id) where a.study = ? and a.cluster is not null",
        [STUDY],
    ).df()
    scaled = (rows[list(first["feature"])].to_numpy() - first["center"].to_numpy()) / first["scale"].to_numpy()
    kmeans = KMeans(len(centroids), n_init=1, max_iter=1, init=centroids).fit(centroids)
    kmeans.cluster_centers_ = np.ascontiguousarray(centroids)
    return len(rows), int((kmeans.predict(scaled) != rows["cluster"].to_numpy()).sum())


def as_json(found: EqualTables) -> dict[str, Any]:
    """Return the result for `benchmarks.record.save`."""
    return {**asdict(found), "is_right": found.is_right}
