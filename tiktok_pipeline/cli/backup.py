"""The commands ``backup`` and ``restore``: copy the home into a folder, verified, and put it back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tiktok_pipeline.cli.console import (
    CommandFailedError,
    QuietOption,
    YesOption,
    confirm,
    exit_on_expected_error,
    info,
    locked_home,
    read_settings,
)

Folder = Annotated[Path, typer.Argument(help="The folder of the backup.", show_default=False)]


def backup(folder: Folder, _quiet: QuietOption = False) -> None:
    """Copy the home into a new folder, and compare every copy.

    The inbox is left out. The folder holds data about people: keep it as
    closed as the home, and delete it when it is no longer needed.
    """
    with exit_on_expected_error(when_interrupted="stopped; there is no backup; run the same command again"):
        from tiktok_pipeline.upkeep.backup import back_up

        settings = read_settings()
        if not settings.raw.is_dir():
            msg = f"{settings.home}: there is nothing to copy"
            raise CommandFailedError(msg, remedy="set TIKTOK_PIPELINE_HOME to the home")
        with locked_home(settings):
            made = back_up(settings, folder.absolute())
        info(f"copied {made.files} files, {made.bytes / 1e6:,.1f} MB, to {folder}; every copy was compared")


def restore(folder: Folder, yes: YesOption = False, _quiet: QuietOption = False) -> None:
    """Put a backup in the place of the home; stop the UI first.

    Every file of the backup is compared first. The inbox and files that you
    put into the home stay. Who was forgotten since is forgotten again.
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
