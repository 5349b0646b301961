"""The work behind ``refresh``: register the files, materialise their snapshots, show what came out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tiktok_pipeline.cli.console import FAILED, USAGE_ERROR, fail, info
from tiktok_pipeline.orchestration.runs.instance import prepare_dagster_home
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance, Definitions

    from tiktok_pipeline.orchestration.runs.outcome import Failure, Outcome

_LITTLE_ROOM_BYTES = 20_000_000
_SHOWN_SNAPSHOTS = 3
_REPORTED_CHECKS = frozenset({"rejected_share", "drift", "rates_add_up"})


def refresh_home(
    settings: Settings,
    paths: Sequence[Path],
    snapshot: str | None,
    names: Sequence[str],
    *,
    everything: bool = False,
    resume: bool = False,
    verbose: bool = False,
) -> None:
    """Register the files and materialise their snapshots; ``names`` are the studies asked for, none for all.

    Without ``paths`` it takes in what lies in the incoming folder, and finishes what was delivered before and never
    published; ``everything`` computes all snapshots anew, ``resume`` goes on where a refresh was interrupted.
    """
    import tiktok_pipeline.studies
    from tiktok_pipeline.home.cleanup import remove_leftovers
    from tiktok_pipeline.study import load_studies

    studies = load_studies(tiktok_pipeline.studies)
    if unknown := sorted(set(names) - {study.name for study in studies}):
        fail(f"no study {', '.join(unknown)}; there are: {', '.join(study.name for study in studies)}", USAGE_ERROR)
    remove_leftovers(settings)
    refused = 0
    if everything:
        keys = _all_snapshots(settings, snapshot)
    elif resume:
        keys = _interrupted(settings, snapshot)
    elif paths:
        keys = _register(settings, paths, snapshot)
    else:
        keys, refused = _take_in(settings, snapshot)
    if keys:
        _materialise(settings, keys, names, resume=resume, verbose=verbose)
    if refused:
        raise typer.Exit(FAILED)


def _all_snapshots(settings: Settings, snapshot: str | None) -> list[str]:
    from tiktok_pipeline.home.manifest import snapshots_on_disk

    there = snapshots_on_disk(settings.raw)
    keys = [key for key in there if snapshot in (None, key)]
    if not keys:
        fail(f"no snapshot {snapshot or ''} in {settings.home}; there are: {', '.join(there) or 'none'}", USAGE_ERROR)
    return keys


def _interrupted(settings: Settings, snapshot: str | None) -> list[str]:
    from tiktok_pipeline.orchestration.runs.resume import pending_snapshots
    from tiktok_pipeline.warehouse.duckdb.connection import published_delivery_ids

    if snapshot is not None:
        return _all_snapshots(settings, snapshot)
    keys = pending_snapshots(settings, published_delivery_ids(settings.published_file))
    if not keys:
        info("every snapshot is refreshed to its end; nothing to go on with")
    return keys


def _register(settings: Settings, paths: Sequence[Path], snapshot: str | None) -> list[str]:
    from tiktok_pipeline.assembly import open_engine
    from tiktok_pipeline.ingest.inbox import ingest_config
    from tiktok_pipeline.ingest.register import register

    info("reading the files ...")
    with open_engine(settings) as engine:
        registered = register(paths, ingest_config(settings, engine), snapshot=snapshot)
    for one in registered:
        info(f"snapshot {one.snapshot}: {one.file} ({one.outcome})")
    return sorted({one.snapshot for one in registered})


def _take_in(settings: Settings, snapshot: str | None) -> tuple[list[str], int]:
    """The snapshots to refresh, and how many files were refused."""
    from tiktok_pipeline.assembly import open_engine
    from tiktok_pipeline.ingest.inbox import ingest_inbox
    from tiktok_pipeline.orchestration.runs.resume import pending_snapshots
    from tiktok_pipeline.safe_text import one_line
    from tiktok_pipeline.warehouse.duckdb.connection import published_delivery_ids

    with open_engine(settings) as engine:
        found = ingest_inbox(settings, engine, snapshot=snapshot, say=info)
    for one in found.registered:
        info(f"snapshot {one.snapshot}: {one.file} ({one.outcome})")
    for name in found.waiting:
        info(f"{one_line(name)} is still being written; it is left for later")
    for refused in found.refused:
        why = one_line(refused.why)
        typer.echo(f"tiktok-pipeline: {why} (moved to {settings.refused / refused.file})", err=True)
    unfinished = sorted(
        set(pending_snapshots(settings, published_delivery_ids(settings.published_file))) - set(found.snapshots)
    )
    if unfinished:
        info(f"delivered before and not finished: {', '.join(unfinished)}")
    keys = sorted({*found.snapshots, *unfinished})
    if not keys:
        info(f"nothing new in {settings.incoming}")
    return keys, len(found.refused)


def _materialise(
    settings: Settings, keys: Sequence[str], names: Sequence[str], *, resume: bool, verbose: bool
) -> None:
    info("starting Dagster ...")
    prepare_dagster_home(settings)
    from dagster import DagsterInstance

    from tiktok_pipeline.home.failure_log import log_failure
    from tiktok_pipeline.orchestration.partitions import add_snapshots
    from tiktok_pipeline.orchestration.resources.event_log import fast_event_log
    from tiktok_pipeline.orchestration.runs.dead_runs import fail_orphaned_runs

    failed = 0
    with fast_event_log(), DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        fail_orphaned_runs(instance)
        add_snapshots(instance, list(keys))
        for key, outcome in _run_all(settings, instance, keys, names, resume=resume, verbose=verbose):
            for warning in outcome.warnings:
                if warning.check in _REPORTED_CHECKS:
                    info(f"snapshot {key}: {warning}")
            failure = outcome.failure
            if failure is not None:
                failed += 1
                typer.echo(f"tiktok-pipeline: {failure.message}{_hint(settings, failure)}", err=True)
                tags = {"tiktok_pipeline/snapshot": key}
                log_failure(
                    settings.failures_file, run_id=outcome.run_id, step=failure.step, why=failure.message, tags=tags
                )
    if failed:
        raise typer.Exit(FAILED)
    _show(settings, keys)


def _hint(settings: Settings, failure: Failure) -> str:
    """What to look at where the text of a failure may not say it."""
    free = shutil.disk_usage(settings.home).free
    if free < _LITTLE_ROOM_BYTES:
        return f" [the disk of {settings.home} is full: {free / 1e6:,.0f} MB free]"
    return "" if failure.is_expected else f" [in step {failure.step}; --verbose shows the whole log]"


def _run_all(
    settings: Settings,
    instance: DagsterInstance,
    keys: Sequence[str],
    names: Sequence[str],
    *,
    resume: bool,
    verbose: bool,
) -> Iterator[tuple[str, Outcome]]:
    """Materialise the snapshots one by one; of several, the copy for readers is made once, after the last."""
    from tiktok_pipeline.assembly import build_definitions, refresh_job
    from tiktok_pipeline.cli.progress import Bar
    from tiktok_pipeline.home.manifest import read_manifest
    from tiktok_pipeline.orchestration.runs.refresh import (
        publish_snapshots,
        refresh_snapshot,
        refresh_tags,
        step_logger,
        steps_of,
    )

    bar = Bar(shown=not verbose)
    with bar.shown():
        definitions = build_definitions(settings, logger=None if verbose else step_logger(bar.step))
        job = refresh_job(definitions)
        selection = _selection(definitions, names, publish=len(keys) == 1)
        done = []
        for key in keys:
            manifest = read_manifest(settings.raw / key)
            chosen = selection
            if resume:
                chosen = _not_finished(settings, instance, definitions, key, selection)
            bar.begin(key, steps_of(job, chosen), sum(one.rows for one in manifest))
            outcome = refresh_snapshot(
                job, key, instance=instance, tags=refresh_tags(key, manifest), selection=chosen, quiet=not verbose
            )
            bar.end(went_well=outcome.failure is None)
            if outcome.failure is None:
                done.append(key)
            yield key, outcome
        if len(keys) > 1 and done:
            bar.begin("all snapshots", ["published"], 0)
            for key, outcome in publish_snapshots(job, done, instance=instance, quiet=not verbose):
                bar.end(went_well=outcome.failure is None)
                yield key, outcome


def _not_finished(
    settings: Settings,
    instance: DagsterInstance,
    definitions: Definitions,
    key: str,
    wanted: Sequence[AssetKey],
) -> list[AssetKey]:
    """What an interrupted refresh of a snapshot did not come to, said to the person."""
    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest
    from tiktok_pipeline.orchestration.runs.resume import finished_assets, left_to_do

    with open_warehouse(settings) as warehouse:
        finished = finished_assets(
            instance, key, compute_delivery_id(read_manifest(settings.raw / key)), warehouse.slices()
        )
    todo = left_to_do(definitions, wanted, finished)
    info(f"snapshot {key}: {len(wanted) - len(todo)} of {len(wanted)} tables are finished")
    return todo


def _selection(definitions: Definitions, names: Sequence[str], *, publish: bool) -> list[AssetKey]:
    """The assets of the studies (all where none is named) with what they share."""
    from dagster import AssetKey, AssetSelection

    graph = definitions.resolve_asset_graph()
    shared = AssetSelection.groups("raw", "validated", "features")
    wanted: AssetSelection = AssetSelection.all()
    if names:
        needed = AssetSelection.groups(*names).upstream().required_multi_asset_neighbors()
        wanted = needed | shared | AssetSelection.assets("published", "report")
    left_out = {AssetKey("incoming"), *(() if publish else (AssetKey("published"),))}
    return sorted(wanted.resolve(graph) - left_out)


def _show(settings: Settings, keys: Sequence[str]) -> None:
    from tiktok_pipeline.analysis.segmentation import NOTHING_DELIVERED
    from tiktok_pipeline.output.print_rows import print_rows
    from tiktok_pipeline.warehouse.duckdb.connection import query

    shown = keys[-_SHOWN_SNAPSHOTS:]
    if len(shown) < len(keys):
        info(f"{len(keys)} snapshots are refreshed; the newest {len(shown)}:")
    listed = ", ".join(f"'{key}'" for key in shown)  # keys are checked dates
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
        info(
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
            info(f"snapshot {key}: {study} is not complete: {why}")
    for key in shown:
        info(f"report: {settings.reports / f'{key}.html'}")
    info(f"tables for analysts: {settings.published_file}")
    info('query them: tiktok-pipeline sql "select persona, count(*) from segments.influencer_segments group by 1"')
    info("look at the graph: tiktok-pipeline ui")
