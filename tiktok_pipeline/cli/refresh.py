"""The command ``refresh``: register scrapes as snapshots, materialize their tables, show the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import (
    FAILED,
    CommandUsageError,
    Interrupts,
    JsonOption,
    QuietOption,
    exit_on_expected_error,
    info,
    is_quiet,
    locked_home,
    print_error,
    print_json,
    read_settings,
    select_studies,
)
from tiktok_pipeline.cli.ingest_options import read_ingest_options, warn_about_dialects
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance, Definitions

    from tiktok_pipeline.cli.refresh_summary import RefreshResult
    from tiktok_pipeline.ingest.inbox import RefusedFile
    from tiktok_pipeline.ingest.options import IngestOptions
    from tiktok_pipeline.ingest.register import RegisteredFile
    from tiktok_pipeline.orchestration.runs.outcome import Failure, Outcome
    from tiktok_pipeline.study import Study

WHEN_INTERRUPTED = "stopped; run `tiktok-pipeline refresh --resume` to continue from the last finished table"

_ALMOST_FULL_BYTES = 20_000_000
_REPORTED_CHECKS = frozenset({"rejected_share", "drift", "rates_add_up"})
"""Checks whose failures are printed; the others are shown in the report and in Dagster's UI."""


def refresh(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files or folders with scrapes. Without any, the files in incoming/ of the home are ingested."
        ),
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(help="Key of the snapshot, such as 2023-08-12. By default it is the newest date in the data."),
    ] = None,
    study: Annotated[
        list[str] | None,
        typer.Option(help="Compute only this study and the shared tables. Repeatable."),
    ] = None,
    *,
    decimal: Annotated[
        str | None, typer.Option(help="Decimal mark of the numbers, . or , where a file does not show it.")
    ] = None,
    dates: Annotated[
        str | None, typer.Option(help="day-first or month-first, where a file does not show the order of its dates.")
    ] = None,
    rates: Annotated[
        str | None, typer.Option(help="fraction or percent, where a file does not show the unit of its rates.")
    ] = None,
    column_map: Annotated[
        list[str] | None,
        typer.Option("--map", help="Read a column under another name, such as followers=Fans. Repeatable."),
    ] = None,
    newest: Annotated[
        bool, typer.Option("--newest", help="Make one snapshot of a daily history: the newest row of each creator.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Compute snapshots again whose files are there already.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Recompute every snapshot, or the one of --snapshot.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted refresh from the last finished table.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print Dagster's log.")] = False,
    as_json: JsonOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Register scrapes as snapshots and compute all their tables, reports and the published copy.

    Reads .csv, .json, .ndjson, .jsonl (each also .gz) and .parquet. The same
    file twice is computed once, unless the program or a study changed.

    With --json, one object: ok, error, published (the path of the tables),
    refused [{file, reason}], snapshots [{snapshot, run_id, ok, error, report,
    valid_rows, rejected_rows, warnings [{asset, check, severity, summary}],
    studies [{study, incomplete_because, personas [{persona, profiles,
    profiles_in_fit, share, verdict}], basis, shown_snapshot}]}]. The run_id is
    null for a snapshot that was there already. An error is null or {code, message,
    remedy}. A share is between 0 and 1.
    """
    with exit_on_expected_error(as_json=as_json, when_interrupted=WHEN_INTERRUPTED) as interrupts:
        settings = read_settings()
        if everything and paths:
            msg = "--all recomputes the snapshots of the home; leave it out to register files"
            raise CommandUsageError(msg)
        if resume and (paths or everything):
            msg = "--resume cannot be combined with files or --all"
            raise CommandUsageError(msg)
        options = read_ingest_options(
            snapshot, decimal=decimal, dates=dates, rates=rates, column_map=column_map, newest=newest, again=again
        )
        studies = select_studies(study or [])
        warn_about_dialects(settings)
        with locked_home(settings):
            keys, refused = _find_snapshots(settings, paths or [], options, everything=everything, resume=resume)
            from tiktok_pipeline.cli.refresh_summary import RefreshResult

            result = RefreshResult(refused=refused)
            if keys and not (everything or resume or options.again):
                from tiktok_pipeline.cli.already_there import skip_complete

                keys, result.complete = skip_complete(settings, keys, studies)
            if keys:
                names = [chosen.name for chosen in studies] if study else []
                _materialize(settings, keys, names, result, interrupts, resume=resume, verbose=verbose)
            _print_result(settings, result, studies, as_json=as_json)
        if result.failed or result.refused:
            raise typer.Exit(FAILED)


def _find_snapshots(
    settings: Settings, paths: Sequence[Path], options: IngestOptions, *, everything: bool, resume: bool
) -> tuple[list[str], list[RefusedFile]]:
    """Return the snapshots to materialize, oldest first, and the files of the inbox that cannot be read."""
    from tiktok_pipeline.home.cleanup import remove_leftovers

    remove_leftovers(settings)
    if everything or (resume and options.snapshot is not None):
        return _stored_snapshots(settings, options.snapshot), []
    if resume:
        return _interrupted_snapshots(settings), []
    if paths:
        return _register(settings, paths, options), []
    return _ingest_inbox(settings, options)


def _stored_snapshots(settings: Settings, snapshot: str | None) -> list[str]:
    from tiktok_pipeline.home.manifest import snapshots_on_disk

    stored = snapshots_on_disk(settings.raw)
    keys = [key for key in stored if snapshot in (None, key)]
    if not keys:
        name = f"no snapshot {snapshot}" if snapshot else "no snapshot"
        msg = f"{name} in {settings.home}; the snapshots are: {', '.join(stored) or 'none'}"
        raise CommandUsageError(msg)
    return keys


def _interrupted_snapshots(settings: Settings) -> list[str]:
    from tiktok_pipeline.upkeep.completeness import pending_snapshots
    from tiktok_pipeline.warehouse.duckdb.connection import published_delivery_ids

    keys = pending_snapshots(settings, published_delivery_ids(settings.published_file))
    if not keys:
        info("nothing to resume: every snapshot is complete")
    return keys


def _register(settings: Settings, paths: Sequence[Path], options: IngestOptions) -> list[str]:
    from tiktok_pipeline.cli.already_there import open_engine
    from tiktok_pipeline.ingest.inbox import ingest_config
    from tiktok_pipeline.ingest.register import register

    info("reading the files ...")
    with open_engine(settings) as engine:
        registered = register(paths, ingest_config(settings, engine), options)
    _print_registered(registered)
    return sorted({entry.snapshot for entry in registered})


def _ingest_inbox(settings: Settings, options: IngestOptions) -> tuple[list[str], list[RefusedFile]]:
    from tiktok_pipeline.cli.already_there import open_engine
    from tiktok_pipeline.ingest.inbox import ingest_inbox
    from tiktok_pipeline.upkeep.completeness import pending_snapshots
    from tiktok_pipeline.warehouse.duckdb.connection import published_delivery_ids

    with open_engine(settings) as engine:
        ingested = ingest_inbox(settings, engine, options, log=info)
    _print_registered(ingested.registered)
    for name in ingested.waiting:
        info(f"{name} is still being written; the next refresh ingests it")
    for refused in ingested.refused:
        print_error(f"{refused.reason} (moved to {settings.refused / refused.file})")
    pending = set(pending_snapshots(settings, published_delivery_ids(settings.published_file)))
    if unfinished := sorted(pending - set(ingested.snapshots)):
        info(f"continuing unfinished snapshots: {', '.join(unfinished)}")
    keys = sorted({*ingested.snapshots, *unfinished})
    if not keys:
        info(f"no new file in {settings.incoming}")
    return keys, ingested.refused


def _print_registered(registered: Sequence[RegisteredFile]) -> None:
    for entry in registered:
        info(f"snapshot {entry.snapshot}: {entry.file} ({entry.outcome})")


def _materialize(
    settings: Settings,
    keys: Sequence[str],
    names: Sequence[str],
    result: RefreshResult,
    interrupts: Interrupts,
    *,
    resume: bool,
    verbose: bool,
) -> None:
    """Materialize the snapshots and record how each ended in ``result``; print warnings and failures as they come."""
    info("starting Dagster ...")
    from tiktok_pipeline.home.failure_log import log_failure
    from tiktok_pipeline.orchestration.partitions import add_snapshots
    from tiktok_pipeline.orchestration.resources.event_log import fast_event_log
    from tiktok_pipeline.orchestration.runs.instance import open_instance, prepare_dagster_home
    from tiktok_pipeline.orchestration.runs.orphaned_runs import fail_orphaned_runs
    from tiktok_pipeline.orchestration.runs.tags import INTERRUPTED_TAG, SNAPSHOT_TAG

    prepare_dagster_home(settings)
    with open_instance(settings) as instance, fast_event_log(instance):
        fail_orphaned_runs(instance)
        add_snapshots(instance, list(keys))
        for covered, outcome in _run_all(settings, instance, keys, names, interrupts, resume=resume, verbose=verbose):
            if interrupts.received:
                instance.add_run_tags(outcome.run_id, {INTERRUPTED_TAG: "true"})
                raise KeyboardInterrupt
            for warning in outcome.warnings:
                if warning.check in _REPORTED_CHECKS:
                    info(f"snapshot {covered[0]}: {warning}")
            failure = outcome.failure
            if failure is not None:
                remedy = _remedy(settings, failure)
                print_error(f"{failure.message}; {remedy}" if remedy else failure.message)
                log_failure(
                    settings.failures_file,
                    run_id=outcome.run_id,
                    step=failure.step,
                    message=failure.message,
                    tags={SNAPSHOT_TAG: covered[0]},
                )
                result.remedies |= dict.fromkeys(covered, remedy)
            for key in covered:
                if key not in result.outcomes or failure is not None:
                    result.outcomes[key] = outcome


def _remedy(settings: Settings, failure: Failure) -> str | None:
    """Return a remedy for a failure whose message gives none."""
    import shutil

    free = shutil.disk_usage(settings.home).free
    if free < _ALMOST_FULL_BYTES:
        return f"the disk of {settings.home} is full ({free / 1e6:,.0f} MB free): free some space"
    return None if failure.is_expected else f"the step {failure.step} failed; --verbose prints the whole log"


def _run_all(
    settings: Settings,
    instance: DagsterInstance,
    keys: Sequence[str],
    names: Sequence[str],
    interrupts: Interrupts,
    *,
    resume: bool,
    verbose: bool,
) -> Iterator[tuple[list[str], Outcome]]:
    """Run each snapshot; several are published together, after the last. Yields the snapshots of each run."""
    from tiktok_pipeline.assembly import build_definitions, refresh_job
    from tiktok_pipeline.cli.progress import Bar
    from tiktok_pipeline.home.manifest import read_manifest
    from tiktok_pipeline.orchestration.runs.refresh import (
        publish_snapshots,
        refresh_snapshot,
        step_logger,
        steps_of,
    )
    from tiktok_pipeline.orchestration.runs.tags import refresh_tags

    bar = Bar(shown=not verbose and not is_quiet())

    def start_step(step: str) -> None:
        interrupts.raise_if_received()  # if the step before took Ctrl-C for an error of its own
        bar.step(step)

    with bar.shown():
        definitions = build_definitions(settings, logger=None if verbose else step_logger(start_step))
        job = refresh_job(definitions)
        selection = _select_assets(definitions, names, publish=len(keys) == 1)
        done = []
        for key in keys:
            manifest = read_manifest(settings.raw / key)
            chosen = selection
            if resume:
                chosen = _unfinished_assets(settings, instance, definitions, key, selection)
            bar.begin(key, steps_of(job, chosen), sum(entry.rows for entry in manifest))
            outcome = refresh_snapshot(
                job, key, instance=instance, tags=refresh_tags(key, manifest), selection=chosen, quiet=not verbose
            )
            bar.end(succeeded=outcome.failure is None)
            if outcome.failure is None:
                done.append(key)
            yield [key], outcome
        if len(keys) > 1 and done:
            bar.begin("all snapshots", ["published"], 0)
            for covered, outcome in publish_snapshots(job, done, instance=instance, quiet=not verbose):
                bar.end(succeeded=outcome.failure is None)
                yield covered, outcome


def _unfinished_assets(
    settings: Settings,
    instance: DagsterInstance,
    definitions: Definitions,
    key: str,
    wanted: Sequence[AssetKey],
) -> list[AssetKey]:
    """Return the assets of a snapshot that an interrupted refresh did not finish, and print how many it did."""
    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.home.manifest import compute_delivery_id, read_manifest
    from tiktok_pipeline.orchestration.runs.resume import finished_assets, left_to_do

    delivery_id = compute_delivery_id(read_manifest(settings.raw / key))
    with open_warehouse(settings) as warehouse:
        finished = finished_assets(instance, key, delivery_id, warehouse.slices())
    unfinished = left_to_do(definitions, wanted, finished)
    info(f"snapshot {key}: {len(wanted) - len(unfinished)} of {len(wanted)} tables are complete")
    return unfinished


def _select_assets(definitions: Definitions, names: Sequence[str], *, publish: bool) -> list[AssetKey]:
    """Return the assets of the named studies (without names, of all) and those that all studies share."""
    from dagster import AssetKey, AssetSelection

    graph = definitions.resolve_asset_graph()
    shared = AssetSelection.groups("raw", "validated", "features")
    wanted: AssetSelection = AssetSelection.all()
    if names:
        needed = AssetSelection.groups(*names).upstream().required_multi_asset_neighbors()
        wanted = needed | shared | AssetSelection.assets("published", "report")
    excluded = {AssetKey("incoming"), *(() if publish else (AssetKey("published"),))}
    return sorted(wanted.resolve(graph) - excluded)


def _print_result(settings: Settings, result: RefreshResult, studies: Sequence[Study], *, as_json: bool) -> None:
    from tiktok_pipeline.cli.refresh_summary import print_summary, refresh_document, summarize_snapshots

    summaries = summarize_snapshots(settings, result.finished, studies) if result.finished else []
    if as_json:
        print_json(refresh_document(settings, result, summaries))
    elif summaries:
        print_summary(settings, summaries, studies)
