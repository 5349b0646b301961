"""The work behind ``refresh``: register the files, materialise their snapshots, show what came out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tiktok_pipeline.cli.messages import ASKED_WRONGLY, FAILED, fail, note, read_settings
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance

    from tiktok_pipeline.orchestration.refresh import Outcome
    from tiktok_pipeline.orchestration.registration import Registered

DAGSTER_YAML = """\
# Dagster's settings for this home. One run at a time: the tables have one writer.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
"""


def refresh_home(
    settings: Settings, paths: Sequence[Path], snapshot: str | None, names: Sequence[str], *, verbose: bool
) -> None:
    """Register the files and materialise their snapshots; ``names`` are the studies asked for, none for all."""
    import tiktok_pipeline.studies
    from tiktok_pipeline.orchestration.registration import register
    from tiktok_pipeline.study import load_studies
    from tiktok_pipeline.warehouse.duckdb import DuckDBWarehouse

    studies = load_studies(tiktok_pipeline.studies)
    if unknown := sorted(set(names) - {study.name for study in studies}):
        fail(f"no study {', '.join(unknown)}; there are: {', '.join(study.name for study in studies)}", ASKED_WRONGLY)
    note("reading the files ...")
    engine = DuckDBWarehouse(None, memory_limit=settings.memory_limit, threads=settings.threads)
    try:
        registered = register(paths, raw=settings.raw, engine=engine, snapshot=snapshot)
    finally:
        engine.close()
    for one in registered:
        note(f"snapshot {one.snapshot}: {one.file} ({one.outcome})")
    _materialise(settings, registered, names, verbose=verbose)


def _materialise(
    settings: Settings, registered: Sequence[Registered], names: Sequence[str], *, verbose: bool
) -> None:
    keys = sorted({one.snapshot for one in registered})
    note("starting Dagster ...")
    prepare_dagster_home(settings)
    from dagster import DagsterInstance

    from tiktok_pipeline.orchestration.dead_runs import end_dead_runs
    from tiktok_pipeline.orchestration.event_log import quick_event_log
    from tiktok_pipeline.orchestration.partitions import add_snapshots

    with quick_event_log(), DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        end_dead_runs(instance)
        add_snapshots(instance, keys)
        failed = [
            outcome
            for outcome in _run_all(settings, instance, keys, names, verbose=verbose)
            if outcome.problem is not None
        ]
    for outcome in failed:
        hint = "" if outcome.is_foreseen else f" [in step {outcome.failed_step}; --verbose shows the whole log]"
        typer.echo(f"tiktok-pipeline: {outcome.problem}{hint}", err=True)
    if failed:
        raise typer.Exit(FAILED)
    _show(settings, keys)


def _run_all(
    settings: Settings, instance: DagsterInstance, keys: Sequence[str], names: Sequence[str], *, verbose: bool
) -> Iterator[Outcome]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from tiktok_pipeline.definitions import build_definitions
    from tiktok_pipeline.orchestration.refresh import foreseen_errors, refresh_job, refresh_snapshot, step_logger

    columns = (TextColumn("{task.description:<58}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=verbose) as progress:
        bar = progress.add_task("")
        current = keys[0]

        def on_step(step: str) -> None:
            if not progress.disable:
                progress.update(bar, advance=1, description=f"{current}: {step.replace('__', ' ')}"[:58])

        definitions = build_definitions(settings, logger=None if verbose else step_logger(on_step))
        job = refresh_job(definitions)
        selection = _selection(names) if names else None
        for key in keys:
            current = key
            progress.reset(bar, total=len(job.nodes), description=key)
            yield refresh_snapshot(
                job, key, instance=instance, selection=selection, quiet=not verbose, foreseen=foreseen_errors()
            )
            progress.update(bar, completed=len(job.nodes))


def _selection(names: Sequence[str]) -> list[AssetKey]:
    from dagster import AssetSelection

    from tiktok_pipeline.definitions import build_definitions

    graph = build_definitions(read_settings()).resolve_asset_graph()
    needed = AssetSelection.groups(*names).upstream().required_multi_asset_neighbors()
    wanted = (
        needed | AssetSelection.groups("raw", "validated", "features") | AssetSelection.assets("published", "report")
    )
    return sorted(wanted.resolve(graph))


def _show(settings: Settings, keys: Sequence[str]) -> None:
    from tiktok_pipeline.run_study import NOTHING_DELIVERED
    from tiktok_pipeline.tabulate import print_rows
    from tiktok_pipeline.warehouse.connection import query

    listed = ", ".join(f"'{key}'" for key in keys)  # keys are checked dates
    names, rows = query(
        settings.published_file,
        "select snapshot, study, persona, profiles, profiles_in_fit as fitted, round(100 * share, 1) as percent, verdict "  # noqa: S608
        f"from personas.summaries where snapshot in ({listed}) order by snapshot, study, profiles desc",
    )
    print_rows(names, rows, "table")
    _, counts = query(
        settings.published_file,
        "select snapshot, count(*) filter (where kept), count(*) filter (where not kept) from (select snapshot, true as kept "  # noqa: S608
        "from validated.profiles union all select snapshot, true from validated.creator_activity union all "
        f"select snapshot, false from validated.rejected) where snapshot in ({listed}) group by 1 order by 1",
    )
    for key, kept, rejected in counts:
        note(
            f"snapshot {key}: {kept:,} rows are good, {rejected:,} set aside with their reasons (validated.rejected)"
        )
    _, undone = query(
        settings.published_file,
        f"select snapshot, study, note from clusters.fits where note is not null and snapshot in ({listed}) "  # noqa: S608
        "union select snapshot, study, value from classifiers.cards where item in ('why_empty', 'missing') "
        f"and snapshot in ({listed}) order by all",
    )
    for key, study, why in undone:
        if why != NOTHING_DELIVERED:
            note(f"snapshot {key}: {study} is not complete: {why}")
    for key in keys:
        note(f"report: {settings.reports / f'{key}.html'}")
    note(f"tables for analysts: {settings.published_file}")
    note('query them: tiktok-pipeline sql "select persona, count(*) from segments.influencer_segments group by 1"')
    note("look at the graph: tiktok-pipeline ui")


def prepare_dagster_home(settings: Settings) -> None:
    """Make Dagster's storage of the home, with the settings of ours."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    file = settings.dagster_home / "dagster.yaml"
    if not file.exists():
        file.write_text(DAGSTER_YAML, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
