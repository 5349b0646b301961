"""The command ``doctor``: check that files, tables and Dagster's records of the home agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import (
    FAILED,
    CommandUsageError,
    JsonOption,
    QuietOption,
    YesOption,
    confirm,
    error_document,
    exit_on_expected_error,
    info,
    locked_home,
    print_json,
    read_settings,
    select_studies,
)
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.upkeep.doctor import Database
    from tiktok_pipeline.upkeep.findings import Finding, Fix

_LABELS = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}
_LEVELS = tuple(_LABELS)
_CHANGED_SETTINGS = "ignore this if you changed it; else delete it: the next command recreates it"
_DAMAGED_SETTINGS = "delete it: the next command recreates it; if you changed it, remove its first line"
_CLOSING = {
    "ok": "no problem found",
    "warning": "no error found; see the lines that begin with WARNING",
    "error": "the home has errors; see the lines that begin with ERROR",
}


def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Only open the files and count the rows; skip hashes and checksums.")
    ] = False,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Remove tables and partitions without files, add partitions, set damaged databases aside.",
        ),
    ] = False,
    as_json: JsonOption = False,
    yes: YesOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Check that files, tables and Dagster's records agree, and suggest repairs.

    Changes nothing without --fix, which asks first. Exits with 1 if a finding
    is an error.

    With --json, one object: ok, error, level (of the worst finding),
    findings [{level, message, remedy}]. A level is ok, warning or error.
    """
    with exit_on_expected_error(as_json=as_json, when_interrupted="stopped; run the same command again"):
        settings = read_settings()
        if fix and as_json:
            msg = "--fix cannot be combined with --json"
            raise CommandUsageError(msg)
        findings = []
        for finding in _check_home(settings, quick=quick):
            findings.append(finding)
            if not as_json:
                typer.echo(_describe(finding))
        if fix and (fixes := list(dict.fromkeys(finding.fix for finding in findings if finding.fix))):
            with locked_home(settings):
                _apply(settings, fixes, yes=yes)
            findings = [finding for finding in findings if not finding.fix]
        worst = max((finding.level for finding in findings), key=_LEVELS.index, default="ok")
        if as_json:
            _print_document(findings, worst)
        else:
            info(_CLOSING[worst])
        if worst == "error":
            raise typer.Exit(FAILED)


def _apply(settings: Settings, fixes: list[Fix], *, yes: bool) -> None:
    """Apply the repairs after a question, and print what was done."""
    from functools import partial

    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.orchestration.maintenance.snapshots import delete_snapshot_records
    from tiktok_pipeline.orchestration.partitions import add_snapshots
    from tiktok_pipeline.orchestration.runs.instance import open_instance, prepare_dagster_home
    from tiktok_pipeline.upkeep.repair import Repairer, apply_fix, set_aside

    confirm(f"Apply {len(fixes)} repair(s)? Removed tables cannot be restored.", yes=yes)
    for damaged in [fix for fix in fixes if fix.action == "set_aside"]:
        info(one_line(set_aside(Path(damaged.key))))
    fixes = [fix for fix in fixes if fix.action != "set_aside"]
    if not fixes:
        return
    prepare_dagster_home(settings)
    with open_warehouse(settings) as warehouse, open_instance(settings) as instance:
        repairer = Repairer(
            settings=settings,
            warehouse=warehouse,
            studies=select_studies([]),
            add_partition=lambda key: add_snapshots(instance, [key]),
            remove_partition=partial(delete_snapshot_records, instance),
        )
        for fix in fixes:
            info(one_line(apply_fix(repairer, fix)))


def _describe(finding: Finding) -> str:
    remedy = f" -> {one_line(finding.remedy)}" if finding.remedy else ""
    return f"{_LABELS[finding.level]} {one_line(finding.message)}{remedy}"


def _print_document(findings: list[Finding], worst: str) -> None:
    errors = sum(finding.level == "error" for finding in findings)
    print_json(
        {
            "ok": not errors,
            "error": error_document("unhealthy", f"{errors} finding(s) are errors") if errors else None,
            "level": worst,
            "findings": [
                {"level": finding.level, "message": finding.message, "remedy": finding.remedy or None}
                for finding in findings
            ],
        }
    )


def _check_home(settings: Settings, *, quick: bool) -> Iterator[Finding]:
    from tiktok_pipeline.ingest.snapshot_rows import external_slices
    from tiktok_pipeline.orchestration.partitions import known_snapshots
    from tiktok_pipeline.orchestration.runs.instance import check_settings, open_instance
    from tiktok_pipeline.upkeep import doctor as checks
    from tiktok_pipeline.upkeep.findings import Finding
    from tiktok_pipeline.upkeep.home_checks import check_home, is_writable

    yield from check_home(settings)
    if not settings.home.is_dir():
        return
    manifests, unreadable = checks.read_manifests(settings)
    yield from unreadable
    yield from checks.check_files(settings, manifests, quick=quick)
    warehouse, published = (
        _inspect(path, read_all=not quick) for path in (settings.warehouse_file, settings.published_file)
    )
    external = external_slices(manifests)
    for database in (warehouse, published):
        yield from checks.check_database(database, has_snapshots=bool(manifests), external=external)
    yield from checks.check_agreement(manifests, warehouse, published)
    if manifests and not (settings.dagster_home / "dagster.yaml").exists():
        yield Finding("warning", f"{settings.dagster_home}: Dagster's records are missing", checks.ADD_TO_DAGSTER)
    elif (settings.dagster_home / "dagster.yaml").exists() and is_writable(settings):
        if (state := check_settings(settings)) != "written by the program":
            file, is_damaged = settings.dagster_home / "dagster.yaml", state == "damaged"
            advice = _DAMAGED_SETTINGS if is_damaged else _CHANGED_SETTINGS
            yield Finding("error" if is_damaged else "warning", f"{file}: {state}", advice)
        yield from checks.check_records(settings.dagster_home, quick=quick)
        with open_instance(settings) as instance:
            yield from checks.check_partitions(manifests, known_snapshots(instance))


def _inspect(path: Path, *, read_all: bool) -> Database:
    from tiktok_pipeline.upkeep.doctor import Database
    from tiktok_pipeline.warehouse.base import DamagedDatabaseError, WarehouseError
    from tiktok_pipeline.warehouse.duckdb.inspection import inspect_database
    from tiktok_pipeline.warehouse.duckdb.migrations import VERSION

    if not path.exists():
        return Database(path, exists=False)
    try:
        inspection = inspect_database(path, read_all=read_all)
    except DamagedDatabaseError as error:
        return Database(path, exists=True, error=error.message, is_damaged=True)
    except WarehouseError as error:
        return Database(path, exists=True, error=str(error))
    return Database(
        path,
        exists=True,
        version=inspection.version,
        expected_version=VERSION,
        slices=inspection.slices,
        counts=inspection.counts,
        changed=inspection.changed,
    )
