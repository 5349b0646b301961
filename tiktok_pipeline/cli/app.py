"""The command ``tiktok-pipeline``: refresh snapshots, query the tables, open Dagster's UI, make sample data.

Exit code 0, or one line on stderr and 1 (the work failed) or 2 (it was asked wrongly). Heavy imports stand inside the
commands, so that ``--help`` and ``sql`` answer at once.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from tiktok_pipeline.cli.console import (
    FAILED,
    USAGE_ERROR,
    exit_on_expected_error,
    fail,
    info,
    locked_home,
    read_settings,
)

app = typer.Typer(
    name="tiktok-pipeline",
    help="Turns scrapes of TikTok profiles into segment tables one can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class TableFormat(StrEnum):
    """How ``sql`` prints its answer."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class SampleFormat(StrEnum):
    """The files that ``sample`` writes."""

    CSV = "csv"
    CSV_GZ = "csv.gz"
    PARQUET = "parquet"


def main() -> None:
    """Run the command; the only way out is an exit code."""
    try:
        code = app(standalone_mode=False)
    except typer.Abort:
        info("tiktok-pipeline: stopped")
        code = FAILED
    except TyperException as wrong:
        text = wrong.format_message() if hasattr(wrong, "format_message") else str(wrong)
        if text:
            info(f"tiktok-pipeline: {text} (see tiktok-pipeline --help)")
        code = USAGE_ERROR
    sys.exit(code if isinstance(code, int) else 0)


def process() -> None:
    """Run the command as a process of its own; what ``tiktok-pipeline`` and ``python -m tiktok_pipeline`` call."""
    try:
        main()
    except SystemExit as end:
        if "torch" in sys.modules:
            # With torch loaded the interpreter takes its modules apart in an order that makes the database's binding
            # print a page of warnings at the very end. All work is closed by now.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code if isinstance(end.code, int) else FAILED)
        raise


@app.command()
def refresh(
    paths: Annotated[list[Path] | None, typer.Argument(help="files or folders; the home's incoming/ if none")] = None,
    snapshot: Annotated[
        str | None, typer.Option(help="key, such as 2023-08-12; told from the data if not given")
    ] = None,
    study: Annotated[list[str] | None, typer.Option(help="only these studies, beside what all studies share")] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="compute every snapshot anew (with --snapshot: one)")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on where a refresh was interrupted, from the last finished table")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="show Dagster's log")] = False,
) -> None:
    """Register scrapes as snapshots and materialise everything for them."""
    settings = read_settings()
    if everything and paths:
        fail("--all is for the snapshots that are there; deliver files without it", USAGE_ERROR)
    if resume and (paths or everything):
        fail("--resume goes on with what was delivered before; use it without files and without --all", USAGE_ERROR)
    with exit_on_expected_error(), locked_home(settings):
        from tiktok_pipeline.cli.refresh import refresh_home

        refresh_home(
            settings, paths or [], snapshot, study or [], everything=everything, resume=resume, verbose=verbose
        )


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="a query, such as: select * from segments.influencer_segments")],
    output: Annotated[TableFormat, typer.Option("--format", help="how to print the answer")] = TableFormat.TABLE,
    warehouse: Annotated[bool, typer.Option("--warehouse", help="read the warehouse, raw included")] = False,
) -> None:
    """Answer a read-only query over the published tables."""
    settings = read_settings()
    from tiktok_pipeline.warehouse.base import QueryError, WarehouseError
    from tiktok_pipeline.warehouse.duckdb.connection import query as run

    try:
        names, rows = run(settings.warehouse_file if warehouse else settings.published_file, query)
    except QueryError as problem:
        fail(str(problem), USAGE_ERROR)
    except WarehouseError as problem:
        fail(str(problem))
    from tiktok_pipeline.output.print_rows import print_rows

    print_rows(names, rows, output.value)


@app.command("export")
def export_creators(
    study: Annotated[str, typer.Argument(help="name of the study, such as influencer_segments")],
    out: Annotated[Path, typer.Option(help="FILE.csv, FILE.xlsx (for spreadsheets) or FILE.parquet")],
    persona: Annotated[str | None, typer.Option(help="only the creators of this persona")] = None,
    snapshot: Annotated[str | None, typer.Option(help="key, such as 2023-08-12; the newest if not given")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace the file if it is there")] = False,
) -> None:
    """Write the creators of a study, or of one persona, to a file: the most certain first."""
    settings = read_settings()
    with exit_on_expected_error():
        from tiktok_pipeline.cli.export import export_study

        export_study(settings, study, out, persona=persona, snapshot=snapshot, overwrite=overwrite)


@app.command()
def trace(
    handle: Annotated[str, typer.Argument(help="a handle, with or without @, or the platform's number of it")],
    output: Annotated[
        TableFormat,
        typer.Option("--format", help="table: rows, then segments; csv: rows; json: segments in the rows"),
    ] = TableFormat.TABLE,
) -> None:
    """Show every delivered row of a creator, back to file and line, and what the studies made of it."""
    settings = read_settings()
    from tiktok_pipeline.cli.trace import print_trace

    print_trace(settings, handle, output.value)


@app.command()
def forget(
    handle: Annotated[
        str | None, typer.Argument(help="a handle, with or without @, or the platform's number of it")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="those of earlier times, after a backup was restored")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Erase a creator from files, tables, reports, copies and logs; later scrapes are taken without them."""
    settings = read_settings()
    if (handle is None) is not again:
        fail("say whom to forget, or --again", USAGE_ERROR)
    with exit_on_expected_error():
        from tiktok_pipeline.cli.erase import erase_creator

        erase_creator(settings, handle, yes=yes)


@app.command()
def prune(
    keep: Annotated[int | None, typer.Option(help="keep so many, the newest", min=0)] = None,
    before: Annotated[str | None, typer.Option(help="remove those before this day, such as 2024-01-31")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Remove old snapshots whole: files, tables, reports, partitions."""
    settings = read_settings()
    with exit_on_expected_error():
        from tiktok_pipeline.cli.prune import prune_snapshots

        prune_snapshots(settings, keep=keep, before=before, yes=yes)


@app.command()
def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="sizes instead of hashes of the raw files")] = False,
) -> None:
    """Check that files, tables and Dagster's records agree, and say what to do where they do not."""
    settings = read_settings()
    with exit_on_expected_error():
        from tiktok_pipeline.cli.doctor import run_doctor

        run_doctor(settings, quick=quick)


@app.command()
def snapshots() -> None:
    """List the snapshots of the home with their files and rows."""
    settings = read_settings()
    from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
    from tiktok_pipeline.output.print_rows import print_rows

    rows = [
        (key, entry.file, entry.source, entry.dialect, entry.rows, entry.ingested_at)
        for key in snapshots_on_disk(settings.raw)
        for entry in read_manifest(settings.raw / key)
    ]
    if not rows:
        info(f"no snapshot in {settings.home} yet; run `tiktok-pipeline refresh FILE`")
    print_rows(["snapshot", "file", "source", "dialect", "rows", "ingested_at"], rows, "table")


@app.command()
def ui(port: Annotated[int, typer.Option(help="port on 127.0.0.1", min=1, max=65535)] = 3000) -> None:
    """Start Dagster's web server and daemon on 127.0.0.1."""
    settings = read_settings()
    from tiktok_pipeline.orchestration.runs.instance import prepare_dagster_home

    prepare_dagster_home(settings)
    environment = os.environ | {
        "DAGSTER_HOME": str(settings.dagster_home),
        "TIKTOK_PIPELINE_HOME": str(settings.home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    from dagster import DagsterInstance

    from tiktok_pipeline.orchestration.runs.dead_runs import fail_orphaned_runs

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        fail_orphaned_runs(instance)
    info(f"Dagster's UI: http://127.0.0.1:{port} (Ctrl-C ends it)")
    command = [
        sys.executable,
        "-W",
        "ignore::FutureWarning",
        "-m",
        "dagster",
        "dev",
        "-m",
        "tiktok_pipeline.definitions",
    ]
    command += ["--log-level", "warning", "-h", "127.0.0.1", "-p", str(port)]
    os.execve(sys.executable, command, environment)  # noqa: S606


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="folder to write to")],
    profiles: Annotated[int, typer.Option(help="creators in each snapshot", min=1)] = 1500,
    snapshots: Annotated[int, typer.Option(help="how many snapshots", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="the same seed gives the same files")] = 9,
    output: Annotated[SampleFormat, typer.Option("--format", help="format of the profiles")] = SampleFormat.CSV,
) -> None:
    """Write synthetic scrapes: invented creators in the columns of the public data set."""
    with exit_on_expected_error():
        from tiktok_pipeline.sample import write_sample

        for path in write_sample(
            out, profiles=profiles, snapshots=snapshots, random_state=seed, file_format=output.value
        ):
            typer.echo(str(path))


@app.command()
def tune(
    study: Annotated[str, typer.Argument(help="a study with a network, such as active_creators")],
    trials: Annotated[int, typer.Option(help="how many settings to try", min=1, max=10_000)] = 20,
    snapshot: Annotated[str | None, typer.Option(help="key; the newest if not given")] = None,
    seed: Annotated[int, typer.Option(help="the same seed tries the same settings")] = 42,
) -> None:
    """Look for better settings of a study's network; changes nothing."""
    settings = read_settings()
    with exit_on_expected_error():
        from tiktok_pipeline.cli.tune import tune_study

        tune_study(settings, study, trials=trials, snapshot=snapshot, random_state=seed)


@app.command()
def report(
    snapshot: Annotated[str | None, typer.Argument(help="key; the newest if not given")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="show it in the browser")] = False,
) -> None:
    """Print where the report of a snapshot is."""
    settings = read_settings()
    from tiktok_pipeline.reports.find import find_report

    found = find_report(settings.reports, snapshot)
    if isinstance(found, str):
        fail(found)
    typer.echo(str(found))
    if open_it:
        import webbrowser

        webbrowser.open(found.as_uri())
