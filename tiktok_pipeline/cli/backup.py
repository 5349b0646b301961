"""The commands ``backup`` and ``restore``: copy the home into a folder, verified, and put it back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.cli.console import (
    FAILED,
    CommandFailedError,
    QuietOption,
    YesOption,
    confirm,
    exit_on_expected_error,
    info,
    locked_home,
    print_error,
    read_settings,
)
from tiktok_pipeline.settings import Settings

Folder = Annotated[Path, typer.Argument(help="The folder of the backup.", show_default=False)]


def backup(folder: Folder, _quiet: QuietOption = False) -> None:
    """Copy the home into a new folder, and verify every copy.

    The inbox is left out. A damaged database is copied as it is and named,
    with exit code 1. The folder holds data about people: keep it as private as
    the home, and delete it when it is no longer needed.
    """
    with exit_on_expected_error(when_interrupted="stopped; there is no backup; run the same command again"):
        from tiktok_pipeline.upkeep.backup import back_up

        settings = read_settings()
        if not settings.raw.is_dir():
            msg = f"{settings.home}: there is nothing to copy"
            raise CommandFailedError(msg, remedy="set TIKTOK_PIPELINE_HOME to the home")
        with locked_home(settings):
            damage = _damage_of_databases(settings)
            made = back_up(settings, folder.absolute())
        info(f"copied {made.files} files, {made.bytes / 1e6:,.1f} MB, to {folder}; every copy was compared")
        for text in damage:
            print_error(text)
        if damage:
            raise typer.Exit(FAILED)


def _damage_of_databases(settings: Settings) -> list[str]:
    """Return a line for each database of the home that cannot be read: its copy is damaged, too."""
    from tiktok_pipeline.warehouse.base import DamagedDatabaseError, WarehouseError
    from tiktok_pipeline.warehouse.duckdb.inspection import inspect_database

    damage = []
    for path in (settings.warehouse_file, settings.published_file):
        with suppress(WarehouseError):  # missing, or held by a program that writes to it
            try:
                inspect_database(path)
            except DamagedDatabaseError as error:
                damage.append(f"{error.message}, and its copy is; {error.remedy}")
    return damage


def restore(folder: Folder, yes: YesOption = False, _quiet: QuietOption = False) -> None:
    """Replace the data of the home by a backup; stop the UI first.

    Every file of the backup is verified first. The inbox and files that you
    put into the home stay. Creators erased since the backup are erased again.
    """
    with exit_on_expected_error(when_interrupted="stopped; run the same command again"):
        from tiktok_pipeline.cli.erase import erase_creator
        from tiktok_pipeline.upkeep.backup import restore as put_back

        settings = read_settings()
        confirm(f"Replace the data in {settings.home} by the backup {folder}?", yes=yes)
        with locked_home(settings):
            is_behind = put_back(settings, folder.absolute())
            info(f"restored {folder}; every file was compared")
            if is_behind:
                info("forgetting again who was forgotten after the backup was made ...")
                erase_creator(settings, None, yes=True)
