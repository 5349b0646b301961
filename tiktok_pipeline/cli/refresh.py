"""The command ``refresh``: register scrapes as snapshots, materialize their tables, show the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import (
    FAILED,
    CommandUsageError,
    JsonOption,
    QuietOption,
    exit_on_expected_error,
    info,
    locked_home,
    print_error,
    print_json,
    read_settings,
    select_studies,
)
from tiktok_pipeline.cli.ingest_options import read_ingest_options, warn_about_dialects
from tiktok_pipeline.cli.materialize import materialize_snapshots
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.cli.refresh_summary import RefreshResult
    from tiktok_pipeline.ingest.options import IngestOptions
    from tiktok_pipeline.ingest.refused import RefusedFile
    from tiktok_pipeline.ingest.register import RegisteredFile
    from tiktok_pipeline.study import Study

WHEN_INTERRUPTED = "stopped; run `tiktok-pipeline refresh --resume` to continue from the last finished table"


def refresh(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files or folders with scrapes. Without any, the files in incoming/ of the home are ingested."
        ),
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(
            help="Key of the snapshot, such as 2023-08-12. By default, the newest date in the data or file name."
        ),
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
        str | None,
        typer.Option(help="Order of dates where a file does not show it: day-first, month-first or year-day-month."),
    ] = None,
    rates: Annotated[
        str | None, typer.Option(help="Unit of rates: fraction or percent, where a file does not show it.")
    ] = None,
    column_map: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="Name a column: followers=Fans reads the column Fans as the followers. Repeatable."
        ),
    ] = None,
    newest: Annotated[
        bool, typer.Option("--newest", help="Make one snapshot of a daily history: the newest row of each creator.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Recompute even if the same files were ingested before.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Recompute every stored snapshot, or only that of --snapshot.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted refresh from the last finished table.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print Dagster's log.")] = False,
    as_json: JsonOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Ingest scrapes as snapshots and compute all their tables, reports and the published copy.

    Reads CSV, JSON, Excel and Parquet, also in .gz and .zip, whatever the
    ending; `inspect` shows how. The same file twice is computed once, unless
    the program or a study changed.

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
            if keys or (resume and _has_outdated(settings)):
                names = [chosen.name for chosen in studies] if study else []
                materialize_snapshots(settings, keys, names, result, interrupts, resume=resume, verbose=verbose)
            _print_result(settings, result, studies, as_json=as_json)
        if result.failed or result.refused:
            raise typer.Exit(FAILED)


def _find_snapshots(
    settings: Settings, paths: Sequence[Path], options: IngestOptions, *, everything: bool, resume: bool
) -> tuple[list[str], list[RefusedFile]]:
    """Return the snapshots to materialize, oldest first, and the files of the inbox that cannot be read."""
    from tiktok_pipeline.home.cleanup import remove_leftovers
    from tiktok_pipeline.home.manifest import take_in_again

    remove_leftovers(settings)
    _warn_about_clock(settings)
    if everything or (resume and options.snapshot is not None):
        keys = _stored_snapshots(settings, options.snapshot)
        if everything:
            for key in keys:
                take_in_again(settings.raw / key)
        return keys, []
    if resume:
        return _interrupted_snapshots(settings), []
    if paths:
        return _register(settings, paths, options), []
    return _ingest_inbox(settings, options)


def _warn_about_clock(settings: Settings) -> None:
    from tiktok_pipeline.home.clock import CHECK_CLOCK, clock_problem, now
    from tiktok_pipeline.home.manifest import ManifestError, read_manifest, snapshots_on_disk

    newest = snapshots_on_disk(settings.raw)[-1:]
    try:
        files = [file for snapshot in newest for file in read_manifest(settings.raw / snapshot)]
    except ManifestError:  # told where it matters
        return
    if problem := clock_problem(files, now()):
        info(f"{problem}; {CHECK_CLOCK}")


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
    if not keys and not _has_outdated(settings):
        info("nothing to resume: every snapshot is complete")
    return keys


def _has_outdated(settings: Settings) -> bool:
    """Return whether an interrupted refresh left a snapshot that goes on from another one out of date."""
    from tiktok_pipeline.cli.materialize import find_outdated_of_home

    return settings.warehouse_file.exists() and bool(find_outdated_of_home(settings, None))


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
        info(f"{visible_name(name)} is still being written; the next refresh ingests it")
    for refused in ingested.refused:
        moved = f" (moved to {refused.path(settings.refused)})" if refused.is_moved else ""
        print_error(f"{refused.reason}{moved}")
    pending = set(pending_snapshots(settings, published_delivery_ids(settings.published_file)))
    if unfinished := sorted(pending - set(ingested.snapshots)):
        info(f"continuing unfinished snapshots: {', '.join(unfinished)}")
    keys = sorted({*ingested.snapshots, *unfinished})
    if not keys:
        info(f"no new file in {settings.incoming}")
    return keys, ingested.refused


def _print_registered(registered: Sequence[RegisteredFile]) -> None:
    shown: set[str] = set()
    for entry in registered:
        # A file with profiles and videos is two tables.
        lines = [f"snapshot {entry.snapshot}: {entry.delivered_as} ({entry.outcome})"]
        lines += [f"  {note}" for note in entry.notes]
        for line in lines:
            if line not in shown:
                info(line)
        shown.update(lines)


def _print_result(settings: Settings, result: RefreshResult, studies: Sequence[Study], *, as_json: bool) -> None:
    from tiktok_pipeline.cli.refresh_summary import print_summary, refresh_document, summarize_snapshots

    summaries = summarize_snapshots(settings, result.finished, studies) if result.finished else []
    if as_json:
        print_json(refresh_document(settings, result, summaries))
    elif summaries:
        print_summary(settings, summaries, studies)
