"""The work behind ``doctor``: gather what is known of a home, print every finding, leave with 1 where one is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tiktok_pipeline.cli.console import FAILED, info
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.upkeep.doctor import Database, Finding


def run_doctor(settings: Settings, *, quick: bool) -> None:
    """Print what is well and what is not."""
    worst = "ok"
    marks = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}
    for finding in _findings(settings, quick=quick):
        typer.echo(
            f"{marks[finding.level]} {one_line(finding.what)}"
            f"{f' -> {one_line(finding.advice)}' if finding.advice else ''}"
        )
        worst = max(worst, finding.level, key=("ok", "warning", "error").index)
    if worst == "error":
        info("something is wrong: see the lines that begin with ERROR")
        raise typer.Exit(FAILED)
    info("all is well" if worst == "ok" else "nothing is wrong; see the lines that begin with WARNING")


def _findings(settings: Settings, *, quick: bool) -> Iterator[Finding]:
    from dagster import DagsterInstance

    from tiktok_pipeline.ingest.snapshot_rows import external_slices
    from tiktok_pipeline.orchestration.partitions import known_snapshots
    from tiktok_pipeline.upkeep import doctor as health

    yield from health.check_home(settings)
    if not settings.home.is_dir():
        return
    manifests, wrong = health.read_manifests(settings)
    yield from wrong
    yield from health.check_files(settings, manifests, quick=quick)
    warehouse, published = _look_into(settings.warehouse_file), _look_into(settings.published_file)
    external = external_slices(manifests)
    for database in (warehouse, published):
        yield from health.check_database(database, has_snapshots=bool(manifests), external=external)
    yield from health.check_agreement(manifests, warehouse, published)
    if manifests and not (settings.dagster_home / "dagster.yaml").exists():
        yield health.Finding("warning", f"{settings.dagster_home}: Dagster's records are gone", health.ADD_TO_DAGSTER)
    elif manifests:
        with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
            yield from health.check_partitions(manifests, known_snapshots(instance))


def _look_into(path: Path) -> Database:
    from tiktok_pipeline.upkeep.doctor import Database
    from tiktok_pipeline.warehouse.base import WarehouseError
    from tiktok_pipeline.warehouse.duckdb.inspection import inspect_database
    from tiktok_pipeline.warehouse.duckdb.migrations import VERSION

    if not path.exists():
        return Database(path, exists=False)
    try:
        found = inspect_database(path)
    except WarehouseError as problem:
        return Database(path, exists=True, problem=str(problem))
    return Database(path, True, None, found.version, VERSION, found.slices, found.counts)
