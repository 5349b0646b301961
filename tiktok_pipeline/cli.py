"""The command ``tiktok-pipeline``: refresh snapshots, query the tables, open Dagster's UI, make sample data.

Exit code 0, or one line on stderr and 1 (the work failed) or 2 (it was asked wrongly). Heavy imports stand inside the
commands, so that ``--help`` and ``sql`` answer at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from tiktok_pipeline.settings import Settings, SettingsError

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance

    from tiktok_pipeline.orchestration.refresh import Outcome
    from tiktok_pipeline.orchestration.registration import Registered

app = typer.Typer(
    name="tiktok-pipeline",
    help="Turns scrapes of TikTok profiles into segment tables one can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FAILED = 1
ASKED_WRONGLY = 2
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
        _note("tiktok-pipeline: stopped")
        code = FAILED
    except TyperException as wrong:
        text = wrong.format_message() if hasattr(wrong, "format_message") else str(wrong)
        if text:
            _note(f"tiktok-pipeline: {text} (see tiktok-pipeline --help)")
        code = ASKED_WRONGLY
    sys.exit(code if isinstance(code, int) else 0)


@app.command()
def refresh(
    paths: Annotated[list[Path] | None, typer.Argument(help="files or folders; the home's incoming/ if none")] = None,
    snapshot: Annotated[
        str | None, typer.Option(help="key, such as 2023-08-12; told from the data if not given")
    ] = None,
    study: Annotated[list[str] | None, typer.Option(help="only these studies, beside what all studies share")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="show Dagster's log")] = False,
) -> None:
    """Register scrapes as snapshots and materialise everything for them."""
    settings = _settings()
    with _plain_errors():
        from tiktok_pipeline.orchestration.home_lock import home_lock

        chosen = paths or [settings.incoming]
        if not paths:
            settings.incoming.mkdir(parents=True, exist_ok=True)
        with home_lock(settings.lock_file, timeout_seconds=settings.lock_timeout_seconds, say=_note):
            _refresh(settings, chosen, snapshot, study or [], verbose=verbose)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="a query, such as: select * from segments.influencer_segments")],
    output: Annotated[TableFormat, typer.Option("--format", help="how to print the answer")] = TableFormat.TABLE,
    warehouse: Annotated[bool, typer.Option("--warehouse", help="read the warehouse, raw included")] = False,
) -> None:
    """Answer a read-only query over the published tables."""
    settings = _settings()
    from tiktok_pipeline.warehouse.base import QueryError, WarehouseError
    from tiktok_pipeline.warehouse.connection import query as run

    try:
        names, rows = run(settings.warehouse_file if warehouse else settings.published_file, query)
    except QueryError as problem:
        _fail(str(problem), ASKED_WRONGLY)
    except WarehouseError as problem:
        _fail(str(problem))
    from tiktok_pipeline.tabulate import print_rows

    print_rows(names, rows, output.value)


@app.command()
def snapshots() -> None:
    """List the snapshots of the home with their files and rows."""
    settings = _settings()
    from tiktok_pipeline.orchestration.registration import read_manifest, snapshots_on_disk
    from tiktok_pipeline.tabulate import print_rows

    rows = [
        (key, entry.file, entry.source, entry.dialect, entry.rows, entry.ingested_at)
        for key in snapshots_on_disk(settings.raw)
        for entry in read_manifest(settings.raw / key)
    ]
    if not rows:
        _note(f"no snapshot in {settings.home} yet; run `tiktok-pipeline refresh FILE`")
    print_rows(["snapshot", "file", "source", "dialect", "rows", "ingested_at"], rows, "table")


@app.command()
def ui(port: Annotated[int, typer.Option(help="port on 127.0.0.1", min=1, max=65535)] = 3000) -> None:
    """Start Dagster's web server and daemon on 127.0.0.1."""
    settings = _settings()
    _prepare_dagster_home(settings)
    environment = os.environ | {
        "DAGSTER_HOME": str(settings.dagster_home),
        "TIKTOK_PIPELINE_HOME": str(settings.home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    from dagster import DagsterInstance

    from tiktok_pipeline.orchestration.dead_runs import end_dead_runs

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        end_dead_runs(instance)
    _note(f"Dagster's UI: http://127.0.0.1:{port} (Ctrl-C ends it)")
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
    os.execve(sys.executable, [*command, "-h", "127.0.0.1", "-p", str(port)], environment)  # noqa: S606


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="folder to write to")],
    profiles: Annotated[int, typer.Option(help="creators in each snapshot", min=1)] = 1500,
    snapshots: Annotated[int, typer.Option(help="how many snapshots", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="the same seed gives the same files")] = 9,
    output: Annotated[SampleFormat, typer.Option("--format", help="format of the profiles")] = SampleFormat.CSV,
) -> None:
    """Write synthetic scrapes: invented creators in the columns of the public data set."""
    with _plain_errors():
        from tiktok_pipeline.sample import write_sample

        for path in write_sample(
            out, profiles=profiles, snapshots=snapshots, random_state=seed, file_format=output.value
        ):
            typer.echo(str(path))


def _refresh(
    settings: Settings, paths: Sequence[Path], snapshot: str | None, names: Sequence[str], *, verbose: bool
) -> None:
    import tiktok_pipeline.studies
    from tiktok_pipeline.orchestration.registration import register
    from tiktok_pipeline.study import load_studies
    from tiktok_pipeline.warehouse.duckdb import DuckDBWarehouse

    studies = load_studies(tiktok_pipeline.studies)
    if unknown := sorted(set(names) - {study.name for study in studies}):
        _fail(
            f"no study {', '.join(unknown)}; there are: {', '.join(study.name for study in studies)}", ASKED_WRONGLY
        )
    _note("reading the files ...")
    engine = DuckDBWarehouse(None, memory_limit=settings.memory_limit, threads=settings.threads)
    try:
        registered = register(paths, raw=settings.raw, engine=engine, snapshot=snapshot)
    finally:
        engine.close()
    for one in registered:
        _note(f"snapshot {one.snapshot}: {one.file} ({one.outcome})")
    _materialise(settings, registered, names, verbose=verbose)


def _materialise(
    settings: Settings, registered: Sequence[Registered], names: Sequence[str], *, verbose: bool
) -> None:
    keys = sorted({one.snapshot for one in registered})
    _note("starting Dagster ...")
    _prepare_dagster_home(settings)
    from dagster import DagsterInstance

    from tiktok_pipeline.orchestration.dead_runs import end_dead_runs
    from tiktok_pipeline.orchestration.partitions import add_snapshots

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
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

    graph = build_definitions(_settings()).resolve_asset_graph()
    needed = AssetSelection.groups(*names).upstream().required_multi_asset_neighbors()
    wanted = needed | AssetSelection.groups("raw", "validated", "features") | AssetSelection.assets("published")
    return sorted(wanted.resolve(graph))


def _show(settings: Settings, keys: Sequence[str]) -> None:
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
        _note(
            f"snapshot {key}: {kept:,} rows are good, {rejected:,} set aside with their reasons (validated.rejected)"
        )
    _note(f"tables for analysts: {settings.published_file}")
    _note('query them: tiktok-pipeline sql "select persona, count(*) from segments.influencer_segments group by 1"')
    _note("look at the graph: tiktok-pipeline ui")


def _prepare_dagster_home(settings: Settings) -> None:
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    file = settings.dagster_home / "dagster.yaml"
    if not file.exists():
        file.write_text(DAGSTER_YAML, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)


def _settings() -> Settings:
    try:
        return Settings.from_env()
    except SettingsError as problem:
        _fail(str(problem), ASKED_WRONGLY)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn the errors whose text is meant for the person into one line and an exit code."""
    from tiktok_pipeline.orchestration.home_lock import HomeLockedError
    from tiktok_pipeline.raw.dialects import UnknownDialectError
    from tiktok_pipeline.raw.snapshots import SnapshotKeyError
    from tiktok_pipeline.study import StudyError
    from tiktok_pipeline.warehouse.base import WarehouseError

    try:
        yield
    except SnapshotKeyError as problem:
        _fail(str(problem), ASKED_WRONGLY)
    except (WarehouseError, UnknownDialectError, HomeLockedError, StudyError) as problem:
        _fail(str(problem))
    except OSError as problem:
        _fail(f"{problem.filename or 'the disk'}: {problem.strerror or problem}")


def _fail(text: str, code: int = FAILED) -> NoReturn:
    typer.echo(f"tiktok-pipeline: {text}", err=True)
    raise typer.Exit(code)


def _note(text: str) -> None:
    typer.echo(text, err=True)
