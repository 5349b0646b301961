"""Copy a home into a folder, verified, and put such a copy back in its place.

A backup is a folder with the files of the home and ``backup.json``, which lists the hash of each. The inbox is no
part of it: its files belong to others. Both directions can be repeated after an interruption.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from tiktok_pipeline.atomic_write import DRAFT_SUFFIX
from tiktok_pipeline.errors import FREE_SPACE, PipelineError
from tiktok_pipeline.home.layout import home_files
from tiktok_pipeline.home.manifest import file_sha256
from tiktok_pipeline.privacy.suppression import SuppressionList, read_suppression_list, write_suppression_list
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings

LIST = "backup.json"
"""The file in a backup that lists its files with their hashes."""

_COMING, _REPLACED = ".restoring", ".replaced"
_SQLITE = {".db", ".sqlite"}
_SQLITE_ENDINGS = tuple(f"{suffix}{more}" for suffix in sorted(_SQLITE) for more in ("-wal", "-shm", "-journal"))


class BackupError(PipelineError):
    """A backup cannot be made or is not complete; the text names the file."""

    code = "backup"


@dataclass(frozen=True)
class Backup:
    """What a backup holds: the number of its files, and their bytes."""

    files: int
    bytes: int


def back_up(settings: Settings, folder: Path) -> Backup:
    """Copy the home into a new folder, and compare every copy with its hash; only for the holder of the home's lock.

    Raises
    ------
    BackupError
        If the folder exists already or lies in the home, or a copy is not what was copied.
    """
    if folder.resolve().is_relative_to(settings.home):
        raise BackupError(f"{folder}: lies in the home itself", remedy="name a folder on another disk")
    if folder.exists():
        raise BackupError(f"{folder}: exists already", remedy="name a new folder")
    _check_links(settings)
    draft = folder.with_name(f".{folder.name}{DRAFT_SUFFIX}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    hashes: dict[str, str] = {}
    size = 0
    for path in _own_files(settings):
        name = str(path.relative_to(settings.home))
        target = draft / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        hashes[name] = _copy(path, target)
        size += target.stat().st_size
    (draft / LIST).write_text(json.dumps({"version": 1, "files": hashes}, indent=1), encoding="utf-8")
    read_backup(draft)
    draft.replace(folder)
    return Backup(len(hashes), size)


def read_backup(folder: Path) -> dict[str, str]:
    """Return the hashes of the files of a backup, after comparing all of them.

    Raises
    ------
    BackupError
        If a file is missing, was changed, or lies outside of the folder.
    """
    try:
        files = json.loads((folder / LIST).read_text(encoding="utf-8"))["files"]
        hashes = {str(name): str(sha256) for name, sha256 in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"{folder}: no backup of this program: {LIST} is missing or damaged") from error
    for name, sha256 in hashes.items():
        path = folder / name
        is_inside = path.resolve().is_relative_to(folder.resolve()) and not path.is_symlink()
        if not is_inside or not path.is_file() or file_sha256(path) != sha256:
            shown = one_line(str(path))
            raise BackupError(f"{shown}: missing, or changed since the backup was made", remedy="use another backup")
    return hashes


def restore(settings: Settings, folder: Path) -> bool:
    """Put a backup in the place of the home's files; only for the holder of the home's lock.

    Files that a person put into the home, and the inbox, stay. Nothing is changed unless the backup is complete.

    Returns
    -------
    bool
        Whether creators were forgotten after the backup was made: the home must forget them again.

    Raises
    ------
    BackupError
        If the backup is not complete, or is of a home whose list of forgotten creators cannot be combined with this.
    """
    names = read_backup(folder)
    for entry in _entries(settings, folder):
        if entry.is_symlink():
            raise BackupError(
                f"{entry}: is a link, which a restore would replace by a folder",
                remedy="set TIKTOK_PIPELINE_HOME to a new folder and restore it there",
            )
    suppression, is_behind = _combined(settings, folder)
    coming, replaced = settings.home / _COMING, settings.home / _REPLACED
    for leftover in (coming, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    for name, sha256 in names.items():
        (coming / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy2(folder / name, coming / name)
        if file_sha256(coming / name) != sha256:
            raise BackupError(f"{folder / name}: changed while it was restored", remedy="run the same command again")
    # First the list, so that a kill at any moment leaves a home that still knows who must be forgotten.
    if suppression is not None:
        write_suppression_list(settings.forgotten_file, suppression)
        (coming / settings.forgotten_file.name).unlink(missing_ok=True)
    replaced.mkdir(mode=0o700)
    for entry in _entries(settings, coming):
        if entry.exists():
            entry.replace(replaced / entry.name)
        if (coming / entry.name).exists():
            (coming / entry.name).replace(entry)
    for leftover in (coming, replaced):
        shutil.rmtree(leftover)
    return is_behind


def interrupted_restore(settings: Settings) -> list[Path]:
    """Return the folders that a killed `restore` left; only for the holder of the home's lock, or while none is."""
    return [path for path in (settings.home / _COMING, settings.home / _REPLACED) if path.exists()]


def _combined(settings: Settings, folder: Path) -> tuple[SuppressionList | None, bool]:
    """Return the list of forgotten creators of home and backup together, and whether the backup lacks some."""
    kept = folder / settings.forgotten_file.name
    if not settings.forgotten_file.exists():
        return None, False
    now = read_suppression_list(settings.forgotten_file)
    if not kept.exists():
        return replace(now, unfinished=bool(now.hashes)), bool(now.hashes)
    then = read_suppression_list(kept)
    if now.salt != then.salt and now.hashes:
        raise BackupError(
            f"{folder}: a backup of another home; the lists of forgotten creators cannot be combined",
            remedy="set TIKTOK_PIPELINE_HOME to a new folder and restore it there",
        )
    is_behind = not now.hashes <= then.hashes
    return replace(then, hashes=then.hashes | now.hashes, unfinished=is_behind or then.unfinished), is_behind


def _entries(settings: Settings, coming: Path) -> list[Path]:
    """Return the files and folders at the top of the home that are this program's own, or part of the backup."""
    own = {settings.raw, settings.warehouse_file.parent, settings.published_file.parent, settings.reports}
    return sorted({*own, settings.dagster_home, *(settings.home / path.name for path in coming.iterdir())})


def _check_links(settings: Settings) -> None:
    """Refuse a home with a link in the place of one of its own files, which would be missing in the backup."""
    own = [settings.raw, settings.warehouse_file.parent, settings.published_file.parent, settings.dagster_home]
    for folder in own:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink():
                shown = one_line(str(path))
                raise BackupError(
                    f"{shown}: is a link, its file would be missing", remedy="put the file in its place"
                )


def _own_files(settings: Settings) -> Iterator[Path]:
    left_out = {settings.incoming, settings.home / "sample", settings.home / _COMING, settings.home / _REPLACED}
    for path in home_files(settings):
        is_left_out = any(path.is_relative_to(folder) for folder in left_out) or path == settings.lock_file
        is_draft = path.name.startswith(".") and path.name.endswith(DRAFT_SUFFIX)
        is_copied = not (is_left_out or is_draft or path.name.endswith(_SQLITE_ENDINGS))
        if is_copied:
            yield path


def _copy(source: Path, target: Path) -> str:
    """Copy a file, by SQLite itself if it is one of its databases, which a daemon may write; return the hash."""
    if source.suffix in _SQLITE:
        try:
            with closing(sqlite3.connect(source, timeout=60)) as live, closing(sqlite3.connect(target)) as kept:
                live.backup(kept)
            return file_sha256(target)
        except sqlite3.Error as error:
            is_full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
            remedy = FREE_SPACE if is_full else "see `tiktok-pipeline doctor`"
            where = f"{target}: cannot be written" if is_full else f"{source}: cannot be copied"
            raise BackupError(f"{where} ({error})", remedy=remedy) from error
    shutil.copy2(source, target)
    return file_sha256(source)
