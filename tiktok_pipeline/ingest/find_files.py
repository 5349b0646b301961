"""Find the scrapes among the paths of a call: a file is taken as it is, a folder stands for the scrapes in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tiktok_pipeline.delivery.research_api import is_request_file
from tiktok_pipeline.raw.snapshots import is_finished
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.warehouse.base import UnreadableFileError

ENDINGS = (".csv", ".tsv", ".txt", ".json", ".ndjson", ".jsonl", ".parquet", ".xlsx", ".zip")
"""How the name of a scrape in a folder ends, also with ``.gz``. A file that the call names may end otherwise."""

_HEAD_BYTES = 4_096
_DELIMITERS = b",;\t|"


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files of ``paths``, folders replaced by their scrapes, links by what they point to.

    Raises
    ------
    UnreadableFileError
        If a path does not exist, is neither a file nor a folder, or is a folder without a scrape.
    """
    files: list[Path] = []
    for path in paths:
        shown = visible_name(str(path))
        if path.is_dir():
            scrapes = scrapes_in(path)
            if not scrapes:
                expected = f"expected a file name ending in {', '.join(ENDINGS)}"
                raise UnreadableFileError(f"{shown}: no scrape in this folder", remedy=expected)
            files += scrapes
        elif not path.exists():
            raise UnreadableFileError(f"{shown}: there is no such file or folder")
        elif not path.is_file():
            raise UnreadableFileError(f"{shown}: not a regular file", remedy="deliver a regular file")
        else:
            files.append(path)
    return list(dict.fromkeys(path.resolve() for path in files))


def scrapes_in(folder: Path) -> list[Path]:
    """Return the scrapes of a folder, sorted by name, without links and subfolders."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.is_symlink() and is_finished(path) and _may_be_scrape(path)
        if not is_request_file(path)
    )


def _may_be_scrape(path: Path) -> bool:
    """Return whether a file's name ends like that of a scrape; a text must have a delimiter in its first lines."""
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith(ENDINGS):
        return False
    if not path.name.lower().endswith(".txt"):
        return True
    with path.open("rb") as text:
        head = text.read(_HEAD_BYTES)
    return any(character in head for character in _DELIMITERS)
