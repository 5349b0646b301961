"""Check the folders of a home: access rights, disk space, refused files, and what was left unfinished."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from tiktok_pipeline.explorer.lists import ListsError, changed_rows, count_members
from tiktok_pipeline.home.cleanup import leftovers
from tiktok_pipeline.home.layout import home_folders
from tiktok_pipeline.home.lock import lock_holder
from tiktok_pipeline.ingest.disk_space import bytes_in_words, needed_bytes
from tiktok_pipeline.ingest.refused import refused_files
from tiktok_pipeline.privacy.suppression import read_suppression_list
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.upkeep.backup import interrupted_restore
from tiktok_pipeline.upkeep.doctor import read_manifests
from tiktok_pipeline.upkeep.findings import Finding
from tiktok_pipeline.upkeep.record_checksums import sqlite_problem


def check_home(settings: Settings) -> Iterator[Finding]:
    """Check access rights, the lock, disk space, refused files, interrupted erasures and leftovers."""
    if not settings.home.is_dir():
        yield Finding(
            "error", f"{settings.home}: there is no such folder", "run `tiktok-pipeline refresh FILE` first"
        )
        return
    if not is_writable(settings):
        remedy = "mount the disk for writing, or run this as the owner of the home; reading commands work"
        yield Finding("error", f"{settings.home}: cannot be written", remedy)
    for path in _open_to_everybody(settings):
        yield Finding(
            "warning",
            f"{path}: every user of this machine may read it",
            f"chmod o= {path}, or ignore this if it is intended",
        )
    holder = lock_holder(settings.lock_file)
    yield Finding("ok", f"process {holder} is using this home" if holder else "no process is using this home")
    yield _check_disk_space(settings)
    if settings.refused.is_symlink() and not settings.refused.is_dir():
        text = (
            f"{settings.refused}: a link to a folder that is not there, so files that are refused stay in the inbox"
        )
        yield Finding("warning", text, "mount its disk, or remove the link")
    for refused in refused_files(settings.refused):
        yield Finding("warning", f"refused: {refused.reason}", f"see {settings.refused / refused.file}")
    if settings.forgotten_file.exists() and read_suppression_list(settings.forgotten_file).unfinished:
        yield Finding("error", "an erasure was interrupted", "run `tiktok-pipeline forget` for the same name again")
    if settings.lists_file.exists():
        yield check_lists(settings.lists_file)
    if holder is None:
        yield from _check_log(settings.published_file)
        for leftover in leftovers(settings):
            yield Finding("warning", f"{leftover}: left by a killed process", "the next refresh removes it")
        for folder in interrupted_restore(settings):
            remedy = "run the same `tiktok-pipeline restore DIR` again"
            yield Finding("error", f"{folder}: a restore was interrupted, the home may be incomplete", remedy)


def is_writable(settings: Settings) -> bool:
    """Return whether this user may write the home: its disk may be read-only, and SQLite then reads little."""
    return os.access(settings.home, os.W_OK)


def _open_to_everybody(settings: Settings) -> list[Path]:
    """Return what every user of the machine can read: nothing in a closed home, in an open one its open contents.

    The folder ``data`` of a checkout is open; what the pipeline creates in it is closed.
    """
    home, *folders = home_folders(settings)
    paths = (*folders, settings.failures_file, settings.forgotten_file, settings.lists_file)
    is_open = {path: path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & 0o007) for path in (home, *paths)}
    return [path for path in paths if is_open[home] and is_open[path]]


def _check_log(published: Path) -> Iterator[Finding]:
    """Check that no other program wrote to the published file: what it wrote is in a log beside the file."""
    log = published.with_name(f"{published.name}.wal")
    if log.exists():
        text = f"{log}: another program wrote to the published file and died; readers see what it wrote"
        yield Finding("warning", text, "the next refresh removes it")


def check_lists(file: Path) -> Finding:
    """Check that the lists of `explore` can be read, and are as they were written."""
    try:
        members, changed = count_members(file), changed_rows(file)
    except ListsError as error:
        return Finding("error", error.message, error.remedy or "")
    if changed:
        text = f"{file}: {changed} row(s) of the lists changed after the last write"
        return Finding("error", text, "restore a backup: `tiktok-pipeline restore DIR`, or write them again")
    if problem := sqlite_problem(file, "integrity_check"):
        remedy = "restore a backup: `tiktok-pipeline restore DIR`"
        return Finding("error", f"{file}: the lists are damaged ({problem})", remedy)
    return Finding("ok", f"{len(members):,} lists with {sum(members.values()):,} creators")


def _check_disk_space(settings: Settings) -> Finding:
    """Check that there is space for a refresh of the largest snapshot."""
    published = settings.published_file
    published_bytes = published.stat().st_size if published.exists() else 0
    manifests, _ = read_manifests(settings)
    needed = max(
        (needed_bytes(manifest, published_bytes=published_bytes) for manifest in manifests.values()),
        default=published_bytes,
    )
    free = shutil.disk_usage(settings.home).free
    text = f"{bytes_in_words(free)} free, a refresh of one study may need {bytes_in_words(needed)}"
    if free >= needed:
        return Finding("ok", text)
    return Finding("error", text, "free some space, or remove old snapshots: `tiktok-pipeline prune --keep N`")
