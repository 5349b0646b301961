"""Ingest the files of the incoming folder, each on its own; a file that cannot be read is refused with a reason.

The command line and all runs of Dagster ingest through `ingest_inbox`. Incoming is an inbox: a file that was stored
in ``raw/`` is removed from it, a refused file moves to ``incoming/refused/``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tiktok_pipeline.delivery.research_api import is_request_file, requests_beside
from tiktok_pipeline.errors import FileError
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.options import DEFAULT_OPTIONS, IngestOptions
from tiktok_pipeline.ingest.refused import RefusedFile
from tiktok_pipeline.ingest.refused import refuse as refuse_file
from tiktok_pipeline.ingest.register import register_files
from tiktok_pipeline.ingest.snapshot_key import parts_of
from tiktok_pipeline.ingest.store import RegisteredFile
from tiktok_pipeline.ingest.user_dialects import user_dialects
from tiktok_pipeline.privacy.suppression import read_suppression_list
from tiktok_pipeline.raw.snapshots import FileStat, is_being_written, list_inbox
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import Engine


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


def inbox_files(settings: Settings) -> dict[str, FileStat]:
    """Return the files in the inbox by name; the folder of refused files is none of them, even if it is a link."""
    files = list_inbox(settings.incoming)
    files.pop(settings.refused.name, None)
    return files


def settled_names(stats: dict[str, FileStat], folder: Path, settle_seconds: float) -> set[str]:
    """Return the names of the files that nobody writes to and that did not change within the settle window.

    Parameters
    ----------
    stats : dict of str to FileStat
        The files of ``folder``, see `inbox_files`.
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
    stats = inbox_files(settings)
    settled = settled_names(stats, folder, settings.settle_seconds)
    if recent := sorted(set(stats) - settled):
        log(f"waiting {settings.settle_seconds:g} s to make sure that {len(recent)} new file(s) are complete ...")
        time.sleep(settings.settle_seconds)
        again = inbox_files(settings)
        settled |= {name for name in recent if again.get(name) == stats[name] and not is_being_written(folder / name)}
    names = set(inbox_files(settings))
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
                result.refused.append(refuse_file(path, settings.refused, refused[path]))
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
