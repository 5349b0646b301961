"""Takes in what lies in the incoming folder: each whole file by itself, what cannot be read is set aside with the reason.

The command line, the sensor's runs and the schedule's all come through `ingest_inbox`. Incoming is an inbox: a file that was
stored in ``raw/`` leaves it; one that was refused moves to ``incoming/refused/``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.home.layout import REASON_SUFFIX
from tiktok_pipeline.ingest.register import IngestConfig, Registered, register
from tiktok_pipeline.privacy.suppression import read_suppression_list
from tiktok_pipeline.raw.snapshots import (
    FORMATS,
    FileStat,
    file_format,
    is_being_written,
    list_inbox,
    safe_name,
)
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import Engine, UnreadableFileError


@dataclass(frozen=True)
class Refused:
    """A file that could not be read: its name in ``incoming/refused/`` and why."""

    file: str
    why: str


@dataclass
class IngestResult:
    """What became of the files in incoming; ``waiting`` are still being written."""

    registered: list[Registered] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def snapshots(self) -> list[str]:
        """The snapshots that got a file, oldest first."""
        return sorted({one.snapshot for one in self.registered})


def ingest_config(settings: Settings, engine: Engine) -> IngestConfig:
    """How this home takes files in."""
    return IngestConfig(
        raw=settings.raw,
        engine=engine,
        largest_bytes=settings.largest_file_bytes,
        forgotten=read_suppression_list(settings.forgotten_file) if settings.forgotten_file.exists() else None,
    )


def ingest_inbox(
    settings: Settings, engine: Engine, *, snapshot: str | None = None, say: Callable[[str], None] = lambda _: None
) -> IngestResult:
    """Register every whole file of the incoming folder; only for the one who holds the home's lock.

    A file that changed within the settle window is looked at once more after it, and left for later where it still grows.
    """
    settings.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    settled, waiting = _settled(settings, say)
    found = IngestResult(waiting=waiting)
    intake = ingest_config(settings, engine)
    for name in settled:
        path = settings.incoming / name
        try:
            _take(path, intake, snapshot, found)
        except FileError as problem:
            found.refused.append(refuse(path, settings.refused, str(problem)))
        except FileNotFoundError:  # taken away by whoever brought it
            continue
    return found


def _take(path: Path, intake: IngestConfig, snapshot: str | None, found: IngestResult) -> None:
    before = path.lstat()
    if path.is_symlink() or not path.is_file():
        msg = f"{path.name}: a link or no plain file; only files are taken: copy the file itself into the folder"
        raise UnreadableFileError(msg)
    if file_format(path) is None:
        msg = f"{path.name}: not a kind of file that can be read; expected a name ending in {', '.join(FORMATS)}"
        raise UnreadableFileError(msg)
    found.registered += register([path], intake, snapshot=snapshot)
    after = path.lstat()
    same = ("st_ino", "st_size", "st_mtime_ns")
    if all(getattr(before, name) == getattr(after, name) for name in same):  # else it is a newer one by that name
        path.unlink()


def refuse(path: Path, folder: Path, why: str) -> Refused:
    """Set a file aside with a text beside it that says why; one of the same name that lies there is not overwritten."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    why = one_line(why)
    name = safe_name(path)
    number = 1
    while (folder / name).exists() or (folder / name).is_symlink():
        number += 1
        name = f"{number}-{safe_name(path)}"
    (folder / f"{name}{REASON_SUFFIX}").write_text(f"{why}\n", encoding="utf-8")
    os.replace(path, folder / name)  # noqa: PTH105 - a link is moved, not followed
    return Refused(name, why)


def refused_files(folder: Path) -> list[Refused]:
    """The files that were set aside and still lie there, by name, with the reasons."""
    found = []
    for reason in sorted(folder.glob(f"*{REASON_SUFFIX}")):
        name = reason.name.removesuffix(REASON_SUFFIX)
        if (folder / name).exists() or (folder / name).is_symlink():
            found.append(Refused(name, reason.read_text(encoding="utf-8").strip()))
    return found


def settled_names(looks: dict[str, FileStat], folder: Path, settle_seconds: float) -> set[str]:
    """The files that nobody writes to and that did not change within the settle window, by their entry's own time."""
    now = time.time_ns()
    return {
        name
        for name, look in looks.items()
        if 0 <= now - max(look.changed_ns, min(look.modified_ns, now)) >= settle_seconds * 1e9
        and not is_being_written(folder / name)
    }


def _settled(settings: Settings, say: Callable[[str], None]) -> tuple[list[str], list[str]]:
    """The names of the files that are whole, and of those that still change."""
    folder = settings.incoming
    looks = list_inbox(folder)
    settled = settled_names(looks, folder, settings.settle_seconds)
    if young := sorted(set(looks) - settled):
        say(f"waiting {settings.settle_seconds:g} s to see that {len(young)} new file(s) are whole ...")
        time.sleep(settings.settle_seconds)
        again = list_inbox(folder)
        settled |= {name for name in young if again.get(name) == looks[name] and not is_being_written(folder / name)}
    there = list_inbox(folder)
    return sorted(settled & set(there)), sorted(set(there) - settled)
