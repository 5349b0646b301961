"""The command ``forget``: list the records of a creator, ask, erase them, report what was erased."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import (
    CommandUsageError,
    QuietOption,
    YesOption,
    confirm,
    exit_on_expected_error,
    info,
    locked_home,
    print_error,
    read_settings,
    select_studies,
)
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.orchestration.maintenance.erase import ErasureResult
    from tiktok_pipeline.privacy.find_creator import CreatorRecords

_SHOWN_RECORDS = 10
_WHEN_CLOSED = "delete it, or unpack it beside itself, delete the archive and run the same command again"


def erase(
    handle: Annotated[
        str | None, typer.Argument(help="A handle, with or without @, or the account's number.")
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Repeat all earlier erasures; use it after restoring a backup."),
    ] = False,
    all_accounts: Annotated[
        bool,
        typer.Option("--all-accounts", help="With --yes: erase every handle that has the account's number."),
    ] = False,
    yes: YesOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Erase a creator from files, tables, reports and logs of the home, and from later scrapes.

    Only a salted hash of the name stays, so that later scrapes are stored
    without the creator. After an interruption, run the same command again.
    """
    with exit_on_expected_error(when_interrupted="stopped; run the same command again to finish the erasure"):
        settings = read_settings()
        if (handle is None) is not again:
            msg = "name the creator to erase, or use --again"
            raise CommandUsageError(msg)
        if handle is not None and not re.fullmatch(r"@?[^\s@/]{1,100}", handle):
            shown = one_line(handle, max_characters=60)
            msg = f"{shown!r}: expected one handle, with or without @, or the account's number"
            raise CommandUsageError(msg)
        with locked_home(settings):
            result = erase_creator(settings, handle, yes=yes, all_accounts=all_accounts)
        _print_result(settings, result)


def erase_creator(settings: Settings, name: str | None, *, yes: bool, all_accounts: bool = True) -> ErasureResult:
    """Erase a creator from the home, or everybody who was erased before if ``name`` is None."""
    from tiktok_pipeline.assembly import build_definitions, open_engine, open_warehouse, refresh_job
    from tiktok_pipeline.home.cleanup import remove_leftovers
    from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
    from tiktok_pipeline.ingest.snapshot_rows import check_stored_files
    from tiktok_pipeline.orchestration.maintenance.erase import Eraser
    from tiktok_pipeline.orchestration.maintenance.erase import erase as erase_everywhere
    from tiktok_pipeline.orchestration.runs.instance import open_instance, prepare_dagster_home
    from tiktok_pipeline.orchestration.runs.refresh import step_logger
    from tiktok_pipeline.privacy.find_creator import CreatorRecords, find_creator

    remove_leftovers(settings)
    # Before anything is erased: a damaged file would stop it halfway.
    for snapshot in snapshots_on_disk(settings.raw):
        check_stored_files(settings.raw / snapshot, read_manifest(settings.raw / snapshot))
    records = CreatorRecords()
    if name is not None:
        info("searching the raw files ...")
        with open_engine(settings) as engine:
            records = find_creator(settings, name, engine)
        _print_records(records)
    who = ", ".join(records.names) or "everybody who was erased before"
    if len(records.handles) > 1:
        if yes and not all_accounts:
            raise _several_accounts(records)
        who = f"{len(records.handles)} handles with the same number ({who})"
    confirm(f"Erase {one_line(who)} from this home? This cannot be undone.", yes=yes)
    prepare_dagster_home(settings)
    with open_instance(settings) as instance:
        eraser = Eraser(
            settings=settings,
            open_engine=lambda: open_engine(settings),
            open_warehouse=lambda: open_warehouse(settings),
            instance=instance,
            job=refresh_job(build_definitions(settings, logger=step_logger(lambda _: None))),
            studies=select_studies([]),
            log=info,
        )
        return erase_everywhere(eraser, records)


def _several_accounts(records: CreatorRecords) -> CommandUsageError:
    handles = one_line(", ".join(records.handles))
    msg = f"{len(records.handles)} handles have the same number: {handles}; nothing was erased"
    return CommandUsageError(
        msg, remedy="add --all-accounts if they are one creator's, or leave out --yes to be asked first"
    )


def _print_records(records: CreatorRecords) -> None:
    for (snapshot, file), rows in sorted(records.records.items()):
        listed = ", ".join(map(str, rows[:_SHOWN_RECORDS]))
        info(f"snapshot {snapshot}: {file}, record {listed}{' ...' if len(rows) > _SHOWN_RECORDS else ''}")
    for number in records.placeholders:
        info(f"the number {number} is shared by many accounts, so it identifies nobody: only the handle is erased")
    if not records.records:
        info("no records found in any snapshot; this creator will be left out of later scrapes")


def _advice_about(path: Path, settings: Settings) -> str:
    """Return what to do about a file that still holds a name; the program's own must not be deleted by hand."""
    own = (settings.raw, settings.warehouse_file.parent, settings.published_file.parent, settings.dagster_home)
    if any(path.is_relative_to(folder) for folder in own):
        return "`tiktok-pipeline refresh --all` makes tables and records anew; do not delete it by hand"
    return "delete it, or wait until it is ingested and run the same command again"


def _print_result(settings: Settings, result: ErasureResult) -> None:
    info(f"erased {result.records} record(s) of the raw files, and the tables, reports and copies made from them")
    for path in result.files:
        info(f"deleted {path}")
    if result.dagster_records:
        info(f"deleted {result.dagster_records} message(s) of Dagster's records")
    if result.snapshots:
        info(
            f"the segment statistics of {', '.join(result.snapshots)} still count the creator; run `tiktok-pipeline "
            "refresh --all` to recompute them (while the UI runs, Dagster's sensor does it)"
        )
    for path in result.left:
        print_error(f"{path}: still holds the name; {_advice_about(path, settings)}")
    for path in result.unsearched:
        print_error(f"{path}: could not be searched, so it may still hold the creator; {_WHEN_CLOSED}")
    info("delete exports outside of the home and old backups yourself")
