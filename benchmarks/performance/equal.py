"""Whether the tables are right and the same: rows in balance, scikit-learn's own segments, one thread against many.

Each refresh is a whole process in a fresh home. Every table of the copy for readers is compared, row for row, but for the times
at which it was written.
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

Say = Callable[[str], None]

STUDY = "influencer_segments"


@dataclass(frozen=True)
class Equal:
    """What was found: rows of the snapshot by what became of them, segments that differ from scikit-learn's, tables that differ.

    ``differing`` has the tables of which a row stands on one side only, with how many such rows.
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
        """Whether nothing is amiss."""
        in_balance = self.raw == self.validated + self.rejected
        return in_balance and not self.other_than_scikit_learn and not self.differing


def equal(profiles: int, *, threads: tuple[int, int], folder: Path | None, say: Say) -> Equal:
    """Refresh one snapshot with the one and the other number of threads, and compare."""
    with work_folder(folder) as place:
        scrape = make_snapshot(place, profiles, say)
        homes = [place / f"home_{number}" for number in threads]
        for home, number in zip(homes, threads, strict=True):
            environment = {
                **os.environ,
                "TIKTOK_PIPELINE_HOME": str(home),
                "TIKTOK_PIPELINE_PICTURES": "no",
                "TIKTOK_PIPELINE_THREADS": str(number),
            }
            command = [sys.executable, "-m", "tiktok_pipeline", "refresh", str(scrape), "--study", STUDY]
            say(f"{number} thread(s): {measure(command, environment).wall_seconds:.1f} s")
        first, second = (home / "published" / "tiktok.duckdb" for home in homes)
        with duckdb.connect() as both:
            both.execute(f"attach '{first}' as one (read_only)")
            both.execute(f"attach '{second}' as other (read_only)")
            counts = {name: _count(both, f"one.validated.{name}") for name in ("profiles", "rejected")}
            names = _tables(both)
            assigned, other = _compare_with_scikit_learn(both)
            return Equal(
                profiles=profiles,
                raw=_delivered(scrape),
                validated=counts["profiles"],
                rejected=counts["rejected"],
                assigned=assigned,
                other_than_scikit_learn=other,
                tables=len(names),
                rows=sum(_count(both, f"one.{name}") for name in names),
                differing={name: rows for name in names if (rows := _differing(both, name))},
            )


def _delivered(scrape: Path) -> int:
    import pyarrow.parquet as pq  # noqa: PLC0415

    return int(pq.read_metadata(scrape).num_rows)


def _count(database: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(database.execute(f"select count(*) from {table}").fetchall()[0][0])  # noqa: S608


def _tables(database: duckdb.DuckDBPyConnection) -> list[str]:
    found = database.execute(
        "select table_schema || '.' || table_name from information_schema.tables where table_catalog = 'one' "
        "and table_schema <> 'meta' order by 1"
    ).fetchall()
    return [name for (name,) in found]


def _differing(database: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows that stand on one side only; a row that stands there twice counts twice."""
    sides = [f"(select * from {a}.{table} except all select * from {b}.{table})" for a, b in (("one", "other"), ("other", "one"))]  # noqa: S608  # fmt: skip
    return sum(_count(database, side) for side in sides)


def _compare_with_scikit_learn(database: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """How many profiles have a segment, and how many have another than `KMeans.predict` gives for the stored model."""
    from sklearn.cluster import KMeans  # noqa: PLC0415 - importing it costs seconds

    model = database.execute(
        "select cluster, position, feature, center, scale, centroid from one.clusters.models where study = ? "
        "order by cluster, position",
        [STUDY],
    ).df()
    first = model[model["cluster"] == 0]
    centroids = model["centroid"].to_numpy().reshape(-1, len(first))
    columns = ", ".join(f"f.{name}" for name in first["feature"])
    rows = database.execute(
        f"select a.cluster, {columns} from one.clusters.assignments a join one.features.profiles f "  # noqa: S608
        "using (snapshot, account_id) where a.study = ? and a.cluster is not null",
        [STUDY],
    ).df()
    scaled = (rows[list(first["feature"])].to_numpy() - first["center"].to_numpy()) / first["scale"].to_numpy()
    kmeans = KMeans(len(centroids), n_init=1, max_iter=1, init=centroids).fit(centroids)
    kmeans.cluster_centers_ = np.ascontiguousarray(centroids)
    return len(rows), int((kmeans.predict(scaled) != rows["cluster"].to_numpy()).sum())


def as_json(found: Equal) -> dict[str, Any]:
    """The result for `benchmarks.record.save`."""
    return {**asdict(found), "is_right": found.is_right}
