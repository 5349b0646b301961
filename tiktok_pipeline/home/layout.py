"""The folders of a home, private to the person who runs the program, and file names that several rooms share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tiktok_pipeline.settings import Settings

REASON_SUFFIX = ".why.txt"
"""Suffix of the text beside a refused file in ``incoming/refused/`` that explains why it was refused."""


def home_folders(settings: Settings) -> list[Path]:
    """Return the home and the folders in it that hold data about people."""
    return [
        settings.home,
        settings.incoming,
        settings.raw,
        settings.warehouse_file.parent,
        settings.published_file.parent,
        settings.reports,
        settings.dagster_home,
        settings.lists_file.parent,
    ]


def home_files(settings: Settings) -> Iterator[Path]:
    """Yield the files of the home; a folder of the home that is a link, such as to a larger disk, is followed.

    Other links are not: what they lead to belongs to others.
    """
    linked = [folder for folder in (*home_folders(settings), settings.refused) if folder.is_symlink()]
    for root in dict.fromkeys((settings.home, *linked)):
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path


def prepare_home(settings: Settings) -> None:
    """Create the missing folders of the home; only their owner may enter, because the data are about people."""
    for folder in home_folders(settings):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
