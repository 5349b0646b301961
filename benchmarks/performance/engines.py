"""Refreshes the same scrape with several engines: time, memory, and whether the tables are the same.

Each refresh is a whole process in a new home, without figures. DuckDB is always the first engine.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import duckdb
import typer

from benchmarks import record
from benchmarks.performance.scale import make_snapshot, seconds_by_step, work_folder
from benchmarks.process import Measured, measure
from benchmarks.spark_cluster import spark_cluster
from tiktok_pipeline.output.print_rows import print_rows
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import TableSpec

Log = Callable[[str], None]

FIRST = "duckdb"
CLUSTER = "cluster:"
"""An engine ``cluster:N`` is a standalone cluster of Apache Spark with N workers of one core, started for the run."""

TOLERANCE = 1e-8
"""The largest relative difference of two floats that count as the same."""

_CLOCKS = frozenset({"raw.files.ingested_at"})
_ENGINE_SETTINGS = ("SAIL_", "SPARK_")


@dataclass(frozen=True)
class SameRows:
    """How the rows of a table differ from those that DuckDB made; both are put in the order of their key.

    Attributes
    ----------
    rows, other_rows : int
        Rows of the table, by DuckDB and by the other engine.
    differing : int
        Rows in which a text, a count, a date or a missing value differs.
    differing_floats : int
        Rows in which a float differs at all.
    largest_difference : float
        The largest relative difference of two floats.
    """

    rows: int
    other_rows: int
    differing: int
    differing_floats: int
    largest_difference: float

    @property
    def is_same(self) -> bool:
        """Whether all rows are the same, floats to `TOLERANCE`."""
        return self.rows == self.other_rows and not self.differing and self.largest_difference <= TOLERANCE


@dataclass(frozen=True)
class ByEngine:
    """The refreshes of one scrape with one engine; ``tables`` is empty for DuckDB."""

    engine: str
    rows: int
    runs: tuple[Measured, ...]
    seconds_by_step: dict[str, float]
    tables: dict[str, SameRows]

    @property
    def seconds(self) -> float:
        """The median of the wall time."""
        return statistics.median(run.wall_seconds for run in self.runs)

    @property
    def other_tables(self) -> list[str]:
        """The tables that are not those of DuckDB."""
        return [name for name, same in self.tables.items() if not same.is_same]


def refresh_with_engines(
    scrape: Path, engines: Sequence[str], *, studies: Sequence[str], runs: int, folder: Path, log: Log
) -> list[ByEngine]:
    """Refresh a scrape with each engine in turn, as often as ``runs`` says, and compare the tables of the last run.

    Parameters
    ----------
    scrape : Path
        A Parquet file of profiles.
    engines : sequence of str
        Values of ``TIKTOK_PIPELINE_ENGINE``, or ``cluster:N``.
    studies : sequence of str
        Names of studies; all if empty.
    runs : int
        Runs of each engine; the engines alternate.
    folder : Path
        Where the homes are made; they are removed.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - importing it takes a while

    homes = {engine: folder / f"home_{place}" for place, engine in enumerate([FIRST, *engines])}
    measured: dict[str, list[Measured]] = {engine: [] for engine in homes}
    try:
        for _ in range(runs):
            for engine, home in homes.items():
                shutil.rmtree(home, ignore_errors=True)
                measured[engine].append(_refresh(engine, home, scrape, studies))
                log(f"{engine}: {measured[engine][-1].wall_seconds:.1f} s")
        rows = pq.read_metadata(scrape).num_rows
        return [
            ByEngine(
                engine=engine,
                rows=rows,
                runs=tuple(measured[engine]),
                seconds_by_step=seconds_by_step(home),
                tables={} if engine == FIRST else compare_tables(homes[FIRST], home),
            )
            for engine, home in homes.items()
        ]
    finally:
        for home in homes.values():
            shutil.rmtree(home, ignore_errors=True)


def _refresh(engine: str, home: Path, scrape: Path, studies: Sequence[str]) -> Measured:
    chosen = [word for study in studies for word in ("--study", study)]
    with _running(engine) as setting:
        return measure(
            [sys.executable, "-m", "tiktok_pipeline", "refresh", str(scrape), *chosen],
            {
                **os.environ,
                "TIKTOK_PIPELINE_HOME": str(home),
                "TIKTOK_PIPELINE_PICTURES": "no",
                "TIKTOK_PIPELINE_ENGINE": setting,
            },
            disk=home,
        )


@contextmanager
def _running(engine: str) -> Iterator[str]:
    """Yield the value of the setting for an engine, with a cluster started for it if it is one."""
    if not engine.startswith(CLUSTER):
        yield engine
        return
    with (
        TemporaryDirectory(prefix="benchmark-cluster-") as folder,
        spark_cluster(Path(folder), workers=int(engine.removeprefix(CLUSTER))) as cluster,
    ):
        yield cluster.master


def compare_tables(by_duckdb: Path, by_other: Path) -> dict[str, SameRows]:
    """Compare the tables of two homes, row for row in the order of their key."""
    with both_warehouses(by_duckdb, by_other) as connection:
        return {name: compare_rows(connection, table.spec) for name, table in TABLES.items()}


@contextmanager
def both_warehouses(by_duckdb: Path, by_other: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach the warehouses of two homes as ``first`` and ``second``."""
    with duckdb.connect() as connection:
        for name, home in (("first", by_duckdb), ("second", by_other)):
            connection.execute(f"attach ? as {name} (read_only)", [str(home / "warehouse" / "tiktok.duckdb")])
        yield connection


def compare_rows(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> SameRows:
    """Compare a table of the attached databases ``first`` and ``second``."""
    columns = [column for column in spec.columns if f"{spec}.{column.name}" not in _CLOCKS]
    floats = [column.name for column in columns if column.type == "float"]
    others = [column.name for column in columns if column.type != "float"]
    key = [*spec.slice_by, *spec.rows_per]
    order = ", ".join(f'"{name}"' for name in dict.fromkeys([*key, *others, *floats]))
    placed = {
        side: f"(select *, row_number() over (order by {order}) as place_in_order from {side}.{spec})"  # noqa: S608
        for side in ("first", "second")
    }
    is_other = " or ".join(
        [f'a."{name}" is distinct from b."{name}"' for name in others]
        + [f'(a."{name}" is null) <> (b."{name}" is null)' for name in floats]
    )
    is_other_float = " or ".join([f'a."{name}" <> b."{name}"' for name in floats] or ["false"])
    distances = [
        f'if(a."{name}" = b."{name}", 0.0, '  # also if both are infinite
        f'abs(a."{name}" - b."{name}") / greatest(abs(a."{name}"), abs(b."{name}"), 1e-300))'
        for name in floats
    ]
    rows, other_rows = (
        connection.execute(f"select count(*) from {side}.{spec}").fetchall()[0][0]  # noqa: S608
        for side in placed
    )
    differing, differing_floats, largest = connection.execute(
        f"select count(*) filter ({is_other}), count(*) filter ({is_other_float}), "  # noqa: S608
        f"max(greatest(0.0, {', '.join(distances) or '0.0'})) "
        f"from {placed['first']} a join {placed['second']} b using (place_in_order)"
    ).fetchall()[0]
    return SameRows(rows, other_rows, differing, differing_floats, largest or 0.0)


def table(found: Sequence[ByEngine]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the results as (column names, rows) to print."""
    first = {by.rows: by.seconds for by in found if by.engine == FIRST}
    names = ["engine", "rows", "seconds", "times duckdb", "CPU seconds", "peak MB", "tables", "other tables"]
    return names, [
        (
            by.engine,
            f"{by.rows:,}",
            round(by.seconds, 1),
            round(by.seconds / first[by.rows], 2),
            round(statistics.median(run.cpu_seconds for run in by.runs), 1),
            f"{max(run.peak_megabytes for run in by.runs):,.0f}",
            len(by.tables) or "-",
            ", ".join(by.other_tables) or "none",
        )
        for by in found
    ]


def as_json(found: Sequence[ByEngine], *, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the results for `benchmarks.record.save`, with the settings of the engines in the environment."""
    return {
        "settings": {name: value for name, value in environment.items() if name.startswith(_ENGINE_SETTINGS)},
        "engines": [{**asdict(by), "seconds": by.seconds, "other_tables": by.other_tables} for by in found],
    }


def engines_command(
    profiles: Annotated[list[int], typer.Option(min=1, help="Profiles of the snapshot; may be repeated.")],
    engine: Annotated[
        list[str],
        typer.Option(help="A value of TIKTOK_PIPELINE_ENGINE, or cluster:N for N workers of Spark; may be repeated."),
    ],
    study: Annotated[list[str] | None, typer.Option(help="Compute only this study; may be repeated.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each engine; the engines alternate.")] = 1,
    folder: Annotated[Path | None, typer.Option(help="Work folder; its snapshots are kept and used again.")] = None,
    *,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Refresh the same scrape with DuckDB and other engines; exit code 1 if a table differs."""
    found: list[ByEngine] = []
    with work_folder(folder) as place:
        for size in profiles:
            scrape = make_snapshot(place, size, typer.echo)
            found += refresh_with_engines(
                scrape, engine, studies=study or [], runs=runs, folder=place, log=typer.echo
            )
            print_rows(*table(found), "table")
    for by in found:
        for name in by.other_tables:
            typer.echo(f"{by.engine}, {by.rows:,} rows: {name}: {by.tables[name]}")
    if save_it:
        typer.echo(f"saved: {record.save('engines', as_json(found, environment=os.environ))}")
    if any(by.other_tables for by in found):
        raise typer.Exit(1)
