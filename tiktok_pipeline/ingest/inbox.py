"""Ingest the files of the incoming folder, each on its own; a file that cannot be read is refused with a reason.

The command line and all runs of Dagster ingest through `ingest_inbox`. Incoming is an inbox: a file that was stored
in ``raw/`` is removed from it, a refused file moves to ``incoming/refused/``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.delivery.regular_file import is_there
from tiktok_pipeline.delivery.research_api import is_request_file, request_files, requests_beside
from tiktok_pipeline.errors import FileError
from tiktok_pipeline.home.layout import REASON_SUFFIX
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.options import DEFAULT_OPTIONS, IngestOptions
from tiktok_pipeline.ingest.register import register_files
from tiktok_pipeline.ingest.snapshot_key import parts_of
from tiktok_pipeline.ingest.store import RegisteredFile
from tiktok_pipeline.ingest.user_dialects import user_dialects
from tiktok_pipeline.privacy.suppression import read_suppression_list
from tiktok_pipeline.raw.dialects.messages import inspect_command
from tiktok_pipeline.raw.snapshots import (
    FileStat,
    is_being_written,
    list_inbox,
    safe_name,
)
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import Engine


@dataclass(frozen=True)
class RefusedFile:
    """A file that could not be read: its name in ``incoming/refused/`` and the reason, on one line."""

    file: str
    reason: str


@dataclass
class IngestResult:
    """What became of the files in incoming; the ``waiting`` ones are still being written."""

    registered: list[RegisteredFile] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def snapshots(self) -> list[str]:
        """The snapshots of the registered files, oldest first."""
        return sorted({file.snapshot for file in self.registered})


def ingest_config(settings: Settings, engine: Engine) -> IngestConfig:
    """Return how files are ingested into the home of ``settings``."""
    return IngestConfig(
        raw=settings.raw,
        engine=engine,
        largest_bytes=settings.largest_file_bytes,
        suppression=read_suppression_list(settings.forgotten_file) if settings.forgotten_file.exists() else None,
        dialects=user_dialects(settings).dialects,
        receipts=settings.home / "receipts.json",
    )


def ingest_inbox(
    settings: Settings,
    engine: Engine,
    options: IngestOptions = DEFAULT_OPTIONS,
    *,
    log: Callable[[str], None] = lambda _: None,
) -> IngestResult:
    """Register every complete file of the incoming folder; only for the holder of the home's lock.

    A file that changed within the settle window is checked once more after it; if it still changes, it waits.

    Parameters
    ----------
    settings : Settings
        The home.
    engine : Engine
        The engine that reads the files.
    options : IngestOptions, optional
        What the person who delivers says about the files.
    log : callable
        Called with a line of text if there is a wait.

    Returns
    -------
    IngestResult
        The registered, refused and waiting files.
    """
    settings.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    settled, waiting = _settled_and_waiting(settings, log)
    result = IngestResult(waiting=waiting)
    config = ingest_config(settings, engine)
    deliveries = [name for name in settled if not is_request_file(settings.incoming / name)]
    for names in _deliveries(deliveries):
        _ingest_delivery([settings.incoming / name for name in names], settings, config, options, result)
    return result


def _deliveries(names: Sequence[str]) -> list[list[str]]:
    """Return the names in groups: the parts of one file together, every other file alone."""
    groups = [[names[place] for place in places] for places in parts_of(names)]
    joined = {name for group in groups for name in group}
    return sorted([*groups, *([name] for name in names if name not in joined)])


def refused_files(folder: Path) -> list[RefusedFile]:
    """Return the refused files that are still in the folder, by name."""
    refused = []
    for reason_file in sorted(folder.glob(f"*{REASON_SUFFIX}")):
        name = reason_file.name.removesuffix(REASON_SUFFIX)
        if _exists(folder / name):
            refused.append(RefusedFile(name, reason_file.read_text(encoding="utf-8").strip()))
    return refused


def settled_names(stats: dict[str, FileStat], folder: Path, settle_seconds: float) -> set[str]:
    """Return the names of the files that nobody writes to and that did not change within the settle window.

    Parameters
    ----------
    stats : dict of str to FileStat
        The files of ``folder``, see `tiktok_pipeline.raw.snapshots.list_inbox`.
    folder : Path
        The incoming folder.
    settle_seconds : float
        The settle window. It counts from the change of the directory entry too, because a copy may keep an old time.
    """
    now = time.time_ns()
    return {
        name
        for name, file_stat in stats.items()
        if 0 <= now - max(file_stat.changed_ns, min(file_stat.modified_ns, now)) >= settle_seconds * 1e9
        and not is_being_written(folder / name)
    }


def _settled_and_waiting(settings: Settings, log: Callable[[str], None]) -> tuple[list[str], list[str]]:
    """Return the names of the complete files, and of those that still change."""
    folder = settings.incoming
    stats = list_inbox(folder)
    settled = settled_names(stats, folder, settings.settle_seconds)
    if recent := sorted(set(stats) - settled):
        log(f"waiting {settings.settle_seconds:g} s to make sure that {len(recent)} new file(s) are complete ...")
        time.sleep(settings.settle_seconds)
        again = list_inbox(folder)
        settled |= {name for name in recent if again.get(name) == stats[name] and not is_being_written(folder / name)}
    names = set(list_inbox(folder))
    return sorted(settled & names), sorted(names - settled)


def _ingest_delivery(
    paths: Sequence[Path], settings: Settings, config: IngestConfig, options: IngestOptions, result: IngestResult
) -> None:
    """Register the files of a delivery and remove them from the folder; move those that cannot be read."""
    before = {path: status for path in paths if (status := _file_status(path)) is not None}
    refused: dict[Path, str] = {}

    def refuse(path: Path, error: FileError) -> None:
        refused[path] = str(error)

    try:
        registered = register_files(list(before), config, options, refuse=refuse)
    except FileError as error:  # of the delivery as a whole, such as a missing date
        refused |= {path: str(error) for path in before if path not in refused}
        registered = []
    result.registered += registered
    for path, status in before.items():
        if path in refused:
            if _file_status(path) is not None:  # else removed by whoever delivered it
                refused_file = _refuse(path, settings.refused, refused[path])
                result.refused.append(refused_file)
                _move_requests(path, settings.refused / refused_file.file)
        elif _file_status(path) == status:  # else another file took the name meanwhile
            path.unlink()
            for request in requests_beside(path):
                request.unlink(missing_ok=True)


def _file_status(path: Path) -> tuple[int, int, int] | None:
    """Return inode, size and time of change of a file or link; None if it is gone."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _refuse(path: Path, folder: Path, reason: str) -> RefusedFile:
    """Move a file to `refused/` with a reason file; never overwrite an earlier file of that name."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    reason = one_line(reason)
    name = safe_name(path)
    number = 1
    while _exists(folder / name):
        number += 1
        name = f"{number}-{safe_name(path)}"
    reason = reason.replace(inspect_command(str(path)), inspect_command(str(folder / name)))
    atomic_write_text(folder / f"{name}{REASON_SUFFIX}", f"{reason}\n")
    os.replace(path, folder / name)  # noqa: PTH105 - a link is moved, not followed
    return RefusedFile(name, reason)


def _move_requests(path: Path, refused: Path) -> None:
    """Move the requests of a refused reply beside it; alone in the inbox, one would be a delivery of its own."""
    for request, moved in zip(request_files(path), request_files(refused), strict=False):
        if is_there(request) and not _exists(moved):
            os.replace(request, moved)  # noqa: PTH105 - as for the file


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()
